"""Judging a roster before anything changes: every row of every file against the binding, all problems at once.

Reasons quote ids, dates and tokens, never names or addresses.
"""

from __future__ import annotations

import dataclasses
import difflib
import re
from collections.abc import Iterable, Mapping

import polars as pl

from people.oneroster.binding import FILES, NAMED_LATER, Field, File
from people.oneroster.files import Package

_DATE = r"^\d{4}-\d{2}-\d{2}$"
_DATETIME = r"^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d+)?(Z|[+-]\d{2}:\d{2})?$"
_USER_IDS = r"^\{[^{}]+\}(\s*,\s*\{[^{}]+\})*$"

_PERIODS = {
    "academicSessions": ("startDate", "endDate"),
    "enrollments": ("beginDate", "endDate"),
    "roles": ("beginDate", "endDate"),
}
_TREES = {"orgs": "parentSourcedId", "academicSessions": "parentSourcedId"}


@dataclasses.dataclass(frozen=True, slots=True, order=True)
class Problem:
    """One fault of one row."""

    file: str
    line: int
    field: str
    reason: str

    def __str__(self) -> str:
        return f"{self.file}.csv, line {self.line}, {self.field}: {self.reason}"


def check_package(package: Package, known_ids: Mapping[str, Iterable[str]]) -> list[Problem]:
    """Every problem of `package`. `known_ids` has the sourcedIds per file that earlier imports from this source left.

    Adds the binding's missing optional columns to the package's frames, so that later steps find them all.
    """
    problems: list[Problem] = []
    files = FILES[package.version]
    for name, frame in package.frames.items():
        problems += _check_header(files[name], frame)
        package.frames[name] = _complete(files[name], frame)
    ids = {name: _ids(package, name, known_ids.get(name, ())) for name in files}
    for name, frame in package.frames.items():
        for field in files[name].fields:
            problems += _check_field(package, name, frame, field, ids)
        problems += _check_rows(package, name, frame)
    if package.version == "1.2" and "users" in package.frames:
        problems += _check_every_user_has_a_role(package)
    return sorted(problems)


def _check_header(file: File, frame: pl.DataFrame) -> list[Problem]:
    problems = []
    present = [column for column in frame.columns if column != "_line"]
    for column in present:
        if column not in file.columns and not column.startswith("metadata."):
            near = difflib.get_close_matches(column, set(file.columns) - set(present), n=1)
            hint = f"; did you mean {near[0]}?" if near else "; further columns are named metadata.*"
            problems.append(Problem(file.name, 1, column, f"OneRoster has no such column{hint}"))
    for field in file.fields:
        if field.is_required and field.name not in present:
            problems.append(Problem(file.name, 1, field.name, "the required column is missing"))
    return problems


def _complete(file: File, frame: pl.DataFrame) -> pl.DataFrame:
    missing = [column for column in file.columns if column not in frame.columns]
    return frame.with_columns(pl.lit(None, dtype=pl.String).alias(column) for column in missing)


def _ids(package: Package, name: str, known: Iterable[str]) -> pl.Series:
    """The sourcedIds that a reference to file `name` may name."""
    frame = package.frames.get(name)
    here = frame["sourcedId"] if frame is not None else pl.Series("sourcedId", [], dtype=pl.String)
    if package.modes.get(name) == "bulk":
        return here.drop_nulls().unique()
    earlier = pl.Series("sourcedId", list(known), dtype=pl.String)
    return pl.concat([here, earlier]).drop_nulls().unique()


def _check_field(
    package: Package, name: str, frame: pl.DataFrame, field: Field, ids: Mapping[str, pl.Series]
) -> list[Problem]:
    value = pl.col(field.name)
    is_delta = package.modes[name] == "delta"
    is_required = field.is_required or (is_delta and field.name in ("status", "dateLastModified"))
    problems = []
    if is_required:
        reason = "is required" if field.is_required else "is required in a delta file"
        problems += _report(frame.filter(value.is_null()), name, field.name, reason)
    if field.kind in ("reference", "references"):
        if _can_resolve(package, field.file):
            problems += _check_references(frame, name, field, ids[field.file])
    elif (bad := _is_bad(field, package.version)) is not None:
        problems += _report(frame.filter(bad), name, field.name, _expected(field), quoted=value)
    return problems


def _can_resolve(package: Package, file: str) -> bool:
    """Whether all ids of `file` are known here: not when it could not be read, nor when no import keeps what it held."""
    if file in package.frames:
        return file in NAMED_LATER or package.modes[file] == "bulk"
    return file not in package.modes and file in NAMED_LATER


def _is_bad(field: Field, version: str) -> pl.Expr | None:
    """Whether a value that is there breaks its type; null values are fine here."""
    value = pl.col(field.name)
    if field.name == "userIds":
        return ~value.str.contains(_USER_IDS)
    if field.kind == "date":
        return ~value.str.contains(_DATE) | (
            value.is_not_null() & value.str.to_date("%F", strict=False).is_null()
        )
    if field.kind == "datetime":
        day = value.str.slice(0, 10).str.to_date("%F", strict=False)
        return ~value.str.contains(_DATETIME) | (value.is_not_null() & day.is_null())
    if field.kind == "boolean":
        return ~value.str.to_lowercase().is_in(["true", "false"])
    if field.kind == "year":
        return ~value.str.contains(r"^\d{4}$")
    if field.kind == "integer":
        return ~value.str.contains(r"^[+-]?\d+$")
    if field.kind == "float":
        return ~value.str.contains(r"^[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?$")
    if field.kind in ("enum", "enums"):
        # 1.2 lets everybody extend some of its enumerations
        extends = version == "1.2" and field.is_extensible
        one = "|".join([*(re.escape(token) for token in field.values), *(["ext:[^,]+"] if extends else [])])
        many = rf"({one})(\s*,\s*({one}))*" if field.kind == "enums" else f"({one})"
        return ~value.str.contains(f"^{many}$")
    return None


def _expected(field: Field) -> str:
    if field.name == "userIds":
        return "is not a list of {homePage name} or {type:id}"
    return {
        "date": "is not a date (YYYY-MM-DD)",
        "datetime": "is not a date and time (YYYY-MM-DDThh:mm:ss.sssZ)",
        "boolean": "is not true or false",
        "year": "is not a year (YYYY)",
        "integer": "is not a whole number",
        "float": "is not a number",
        "enum": f"is not one of {', '.join(field.values)}",
        "enums": f"is not a list of {', '.join(field.values)}",
    }[field.kind]


def _check_references(frame: pl.DataFrame, name: str, field: Field, ids: pl.Series) -> list[Problem]:
    named = frame.select("_line", pl.col(field.name).alias("id")).drop_nulls("id")
    if field.kind == "references":
        named = named.with_columns(pl.col("id").str.split(",")).explode("id")
        named = named.with_columns(pl.col("id").str.strip_chars())
    lost = named.filter(~pl.col("id").is_in(ids.implode()))
    return _report(lost, name, field.name, f"is not a sourcedId of {field.file}.csv", quoted=pl.col("id"))


def _check_rows(package: Package, name: str, frame: pl.DataFrame) -> list[Problem]:
    """Rules over a whole row or file: ids once, periods that end after they begin, trees without circles."""
    first = pl.col("_line").min().over("sourcedId")
    doubled = frame.filter(pl.col("sourcedId").is_not_null()).filter(pl.col("_line") > first)
    problems = _report(doubled, name, "sourcedId", "is there twice", quoted=pl.col("sourcedId"))
    if name in _PERIODS:
        begin, end = _PERIODS[name]
        wrong = frame.filter(
            pl.col(begin).str.contains(_DATE)
            & pl.col(end).str.contains(_DATE)
            & (pl.col(end) < pl.col(begin))
        )
        problems += _report(wrong, name, end, f"is before {begin}", quoted=pl.col(end))
    if name in _TREES:
        in_circle = _in_circle(frame, _TREES[name])
        circle = frame.filter(pl.col("sourcedId").is_in(in_circle))
        problems += _report(circle, name, _TREES[name], "leads round in a circle", quoted=pl.col("sourcedId"))
    return problems


def _in_circle(frame: pl.DataFrame, parent: str) -> list[str]:
    """Ids that are their own ancestors."""
    parents = dict(frame.select("sourcedId", parent).iter_rows())
    found = []
    for start in parents:
        above, seen = parents[start], set()
        while above is not None and above != start and above not in seen:
            seen.add(above)
            above = parents.get(above)
        if above is not None and above == start:
            found.append(start)
    return found


def _check_every_user_has_a_role(package: Package) -> list[Problem]:
    if package.modes["users"] != "bulk" or package.modes.get("roles") == "delta":
        return []
    users, roles = package.frames["users"], package.frames.get("roles")
    if roles is None and "roles" in package.modes:
        return []  # it could not be read, and says so
    if roles is None:
        return [
            Problem(
                "users", 1, "sourcedId", "roles.csv is missing: OneRoster 1.2 keeps every user's roles there"
            )
        ]
    without = users.join(roles, left_on="sourcedId", right_on="userSourcedId", how="anti")
    without = without.filter(
        pl.col("status").fill_null("active") != "tobedeleted", pl.col("sourcedId").is_not_null()
    )
    return _report(without, "users", "sourcedId", "has no row in roles.csv", quoted=pl.col("sourcedId"))


def _report(
    rows: pl.DataFrame, file: str, field: str, reason: str, *, quoted: pl.Expr | None = None
) -> list[Problem]:
    if rows.is_empty():
        return []
    value = quoted if quoted is not None else pl.lit(None, dtype=pl.String)
    return [
        Problem(file, line, field, f"{text!r} {reason}" if text is not None else reason)
        for line, text in rows.select("_line", value.alias("value")).iter_rows()
    ]
