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
    for field in file.fields:
        if field.kind not in ("date", "datetime") or field.name not in frame.columns:
            continue
        before = frame[field.name]
        after = _dates(before, is_time_kept=field.kind == "datetime")
        odd = frame.filter(before.ne_missing(after))
        if odd.is_empty():
            continue
        frame = frame.with_columns(after.alias(field.name))
        warnings += [
            f"{file.name}.csv, line {line}, {field.name}: {text!r} taken for {frame_date}"
            for line, text, frame_date in zip(
                odd["_line"], odd[field.name], after.filter(before.ne_missing(after)), strict=True
            )
        ]
    return frame


def _dates(values: pl.Series, *, is_time_kept: bool) -> pl.Series:
    """ISO dates where `values` can be read as such: year first, or day and month in the order that the whole column shows."""
    frame = values.to_frame("value").with_columns(
        day_part=pl.col("value").str.replace(_TIME, ""),
        time_part=pl.col("value").str.extract(r"[T ](\d{2}:\d{2}.*)$", 1),
    )
    numbers = pl.col("day_part").str.extract_groups(_NUMBERS)
    compact = pl.col("day_part").str.extract_groups(_COMPACT)
    frame = frame.with_columns(numbers=numbers, compact=compact)
    parts = [pl.coalesce(pl.col(kind).struct.field(n) for kind in ("numbers", "compact")) for n in "123"]
    frame = frame.with_columns(p.cast(pl.Int32).alias(f"p{n}") for n, p in enumerate(parts, start=1))
    last_is_year = (pl.col("p3") > 1000) & (pl.col("p1") <= 31)
    short = frame.filter(last_is_year)
    day_first, month_first = bool((short["p1"] > 12).any()), bool((short["p2"] > 12).any())
    year = pl.when(last_is_year).then("p3").otherwise("p1")
    if day_first != month_first:
        day = pl.when(last_is_year).then("p1" if day_first else "p2").otherwise("p3")
        month = pl.when(last_is_year).then("p2" if day_first else "p1").otherwise("p2")
    else:  # the column doesn't show the order: only 5/5/2023 is sure
        same = pl.when(last_is_year & (pl.col("p1") == pl.col("p2"))).then("p1")
        day = pl.when(last_is_year).then(same).otherwise("p3")
        month = pl.when(last_is_year).then(same).otherwise("p2")
    frame = frame.with_columns(
        iso=pl.format("{}-{}-{}", _padded(year, 4), _padded(month, 2), _padded(day, 2))
    )
    is_day = pl.col("iso").str.to_date("%Y-%m-%d", strict=False).is_not_null() & (year > 1000)
    time = pl.coalesce(pl.col("time_part"), pl.lit("00:00:00.000Z"))
    mended = pl.format("{}T{}", "iso", time) if is_time_kept else pl.col("iso")
    is_standard = pl.col("value").str.contains(
        r"^\d{4}-\d{2}-\d{2}" + (r"T\d{2}:\d{2}:\d{2}" if is_time_kept else "$")
    )
    chosen = pl.when(is_day & ~is_standard).then(mended).otherwise("value")
    return frame.select(chosen.alias(values.name)).to_series()


def _padded(value: pl.Expr, width: int) -> pl.Expr:
    return value.cast(pl.String).str.zfill(width)
