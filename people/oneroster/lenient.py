"""What `--lenient` mends before a roster is judged: misspelt file and column names, and dates in other notations. A warning each.

Nothing is guessed: a name has to be close to exactly one official name that is not there yet, a date has to have one meaning.
Values, enumerations and references stay as strict as without it.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping

import polars as pl

from people.oneroster.binding import File

CLOSE = 0.8
"""Likeness (difflib's ratio, 0 to 1) from which two names are taken for the same one."""

_NUMBERS = r"^(\d{1,4})[-/.](\d{1,2})[-/.](\d{1,4})$"
_COMPACT = r"^(\d{4})(\d{2})(\d{2})$"
_LAST_IS_YEAR = (pl.col("p3") > 1000) & (pl.col("p1") <= 31)
_TIME = r"([T ]\d{2}:\d{2}.*)?$"


def mend_file_names(contents: Mapping[str, bytes], known: set[str], warnings: list[str]) -> dict[str, bytes]:
    """`contents` under the binding's own file names, where only letters' case differs."""
    by_lower_case = {f"{name}.csv".lower(): f"{name}.csv" for name in known}
    mended = {}
    for file, data in contents.items():
        meant = by_lower_case.get(file.lower(), file)
        if meant != file and meant not in contents:
            warnings.append(f"{file}: taken for {meant}")
            mended[meant] = data
        else:
            mended[file] = data
    return mended


def mend_header(file: File, frame: pl.DataFrame, warnings: list[str]) -> pl.DataFrame:
    """`frame` with misspelt columns under their official names."""
    present = [column for column in frame.columns if column != "_line"]
    free = {column for column in file.columns if column not in present}
    renamed: dict[str, str] = {}
    for column in present:
        if column in file.columns or column.startswith("metadata."):
            continue
        meant = _meant(column, free - set(renamed.values()))
        if meant is not None:
            renamed[column] = meant
            warnings.append(f"{file.name}.csv, line 1, {column}: taken for {meant}")
    return frame.rename(renamed)


def _meant(column: str, free: set[str]) -> str | None:
    """The one official name that `column` can be."""
    plain = {_plain(name): name for name in free}
    if _plain(column) in plain:
        return plain[_plain(column)]
    near = difflib.get_close_matches(_plain(column), plain, n=2, cutoff=CLOSE)
    if not near or (len(near) > 1 and _likeness(column, near[0]) == _likeness(column, near[1])):
        return None
    return plain[near[0]]


def _plain(name: str) -> str:
    return "".join(sign for sign in name.lower() if sign.isalnum())


def _likeness(column: str, name: str) -> float:
    return difflib.SequenceMatcher(None, _plain(column), name).ratio()


def mend_dates(file: File, frame: pl.DataFrame, warnings: list[str]) -> pl.DataFrame:
    """`frame` with other notations of dates as the standard's; those of two meanings stay, to be refused."""
    columns = [field.name for field in file.fields if field.kind in ("date", "datetime")]
    parts = {name: _parts(frame[name]) for name in columns if name in frame.columns}
    is_day_first = _order(list(parts.values()))
    for name, part in parts.items():
        has_time = next(field.kind for field in file.fields if field.name == name) == "datetime"
        before, after = frame[name], _iso(part, is_day_first, has_time=has_time)
        odd = before.ne_missing(after)
        if not odd.any():
            continue
        changed = zip(frame["_line"].filter(odd), before.filter(odd), after.filter(odd), strict=True)
        warnings += [
            f"{file.name}.csv, line {line}, {name}: {old!r} taken for {new}" for line, old, new in changed
        ]
        frame = frame.with_columns(after.alias(name))
    return frame


def _parts(values: pl.Series) -> pl.DataFrame:
    """value, time_part, and three numbers p1 to p3 where it looks like a date."""
    day = pl.col("value").str.replace(_TIME, "")
    numbers, compact = day.str.extract_groups(_NUMBERS), day.str.extract_groups(_COMPACT)
    three = [
        pl.coalesce(kind.struct.field(n) for kind in (numbers, compact)).cast(pl.Int32).alias(f"p{n}")
        for n in "123"
    ]
    return (
        values.to_frame()
        .select(pl.all().alias("value"))
        .select("value", pl.col("value").str.extract(r"[T ](\d{2}:\d{2}.*)$", 1).alias("time_part"), *three)
    )


def _order(parts: list[pl.DataFrame]) -> bool | None:
    """Whether the file writes the day before the month; None when its dates don't show it or contradict each other."""
    short = pl.concat([part.filter(_LAST_IS_YEAR) for part in parts]) if parts else pl.DataFrame()
    if short.is_empty():
        return None
    day_first, month_first = bool((short["p1"] > 12).any()), bool((short["p2"] > 12).any())
    return None if day_first == month_first else day_first


def _iso(part: pl.DataFrame, is_day_first: bool | None, *, has_time: bool) -> pl.Series:
    """The values in the standard's notation where they are days in another one."""
    if is_day_first is None:  # only 5/5/2023 is sure
        day = month = pl.when(pl.col("p1") == pl.col("p2")).then("p1").otherwise(None)
    else:
        day, month = (pl.col("p1"), pl.col("p2")) if is_day_first else (pl.col("p2"), pl.col("p1"))
    year = pl.when(_LAST_IS_YEAR).then("p3").otherwise("p1")
    iso = pl.format(
        "{}-{}-{}",
        _padded(year, 4),
        _padded(pl.when(_LAST_IS_YEAR).then(month).otherwise("p2"), 2),
        _padded(pl.when(_LAST_IS_YEAR).then(day).otherwise("p3"), 2),
    )
    is_day = iso.str.to_date("%Y-%m-%d", strict=False).is_not_null() & (year > 1000)
    time = pl.coalesce(pl.col("time_part"), pl.lit("00:00:00.000Z"))
    mended = pl.format("{}T{}", iso, time) if has_time else iso
    standard = r"^\d{4}-\d{2}-\d{2}" + (r"T\d{2}:\d{2}:\d{2}" if has_time else "$")
    is_standard = pl.col("value").str.contains(standard)
    return part.select(
        pl.when(is_day & ~is_standard).then(mended).otherwise("value").alias("value")
    ).to_series()


def _padded(value: pl.Expr, width: int) -> pl.Expr:
    return value.cast(pl.String).str.zfill(width)
