"""What a catalogue's CSV files must look like: columns, types, keys, references, no circles. Reads and judges, stores nothing."""

from __future__ import annotations

import csv
import dataclasses
import datetime as dt
import graphlib
import itertools
import math
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import polars as pl

_POLARS = {"text": pl.String, "integer": pl.Int32, "number": pl.Float64, "date": pl.Date}


@dataclasses.dataclass(frozen=True)
class Column:
    """One column: `kind` is text, integer, number or date; `refers_to` is `table.column` of the same folder."""

    name: str
    kind: str = "text"
    is_required: bool = False
    refers_to: str | None = None
    minimum: float | None = None
    maximum: float | None = None


@dataclasses.dataclass(frozen=True)
class Table:
    """One file of the catalogue and the Parquet table made of it. `unique` is a second key, besides `key`."""

    name: str
    file: str
    key: tuple[str, ...]
    columns: tuple[Column, ...]
    unique: str | None = None

    @property
    def schema(self) -> dict[str, Any]:
        """Polars types of the Parquet table: `tenant` first, then the file's columns."""
        return {"tenant": pl.String} | {c.name: _POLARS[c.kind] for c in self.columns}


def _required(name: str, refers_to: str | None = None) -> Column:
    return Column(name, is_required=True, refers_to=refers_to)


TABLES: tuple[Table, ...] = (
    Table(
        "course",
        "courses.csv",
        ("course_id",),
        (
            _required("course_id"),
            _required("title"),
            Column("iri"),
            Column("subject"),
            Column("grade"),
            Column("standards"),
        ),
    ),
    Table(
        "unit",
        "units.csv",
        ("unit_id",),
        (
            _required("unit_id"),
            _required("course_id", "course.course_id"),
            _required("title"),
            Column("position", "integer", minimum=0),
        ),
    ),
    Table(
        "lesson",
        "lessons.csv",
        ("lesson_id",),
        (
            _required("lesson_id"),
            _required("unit_id", "unit.unit_id"),
            _required("title"),
            Column("position", "integer", minimum=0),
            Column("iri"),
        ),
    ),
    Table(
        "activity",
        "activities.csv",
        ("activity_id",),
        (
            _required("activity_id"),
            _required("iri"),
            _required("title"),
            _required("type"),
            Column("course_id", refers_to="course.course_id"),
            Column("section_id"),
            Column("lesson_id", refers_to="lesson.lesson_id"),
            Column("parent_iri", refers_to="activity.iri"),
            Column("due_date", "date"),
            Column("weight", "number", minimum=0, maximum=100),
            Column("duration_minutes", "number", minimum=0),
            Column("week", "integer"),
        ),
        unique="iri",
    ),
    Table(
        "skill",
        "skills.csv",
        ("skill_id",),
        (
            _required("skill_id"),
            _required("title"),
            Column("subject"),
            Column("course_id", refers_to="course.course_id"),
            Column("standard"),
        ),
    ),
    Table(
        "prerequisite",
        "prerequisites.csv",
        ("skill_id", "prerequisite_skill_id"),
        (_required("skill_id", "skill.skill_id"), _required("prerequisite_skill_id", "skill.skill_id")),
    ),
    Table(
        "activity_skill",
        "activity_skills.csv",
        ("activity_iri", "skill_id"),
        (_required("activity_iri", "activity.iri"), _required("skill_id", "skill.skill_id")),
    ),
    Table(
        "career",
        "careers.csv",
        ("career_id",),
        (_required("career_id"), _required("title"), Column("description")),
    ),
    Table(  # a career asks for skills that the school does not teach, too
        "career_skill",
        "career_skills.csv",
        ("career_id", "skill_id"),
        (
            _required("career_id", "career.career_id"),
            _required("skill_id"),
            _required("title"),
            Column("importance", "integer", is_required=True, minimum=1, maximum=5),
            Column("level", "number", minimum=0, maximum=1),
        ),
    ),
)

_CIRCLES = (("prerequisite", "skill_id", "prerequisite_skill_id"), ("activity", "iri", "parent_iri"))
"""(table, column, column it leads to) of which nothing may lead back to itself."""

_Row = tuple[int, dict[str, Any]]
"""Line number in the file and the row's typed values."""


def read_folder(folder: Path) -> tuple[dict[str, pl.DataFrame], list[str]]:
    """Every table of `folder` (without `tenant`; a file that is not there is an empty table) and every problem found."""
    problems = [
        f"{path.name}: the catalogue has no such file; known are {', '.join(t.file for t in TABLES)}"
        for path in sorted(folder.glob("*.csv"))
        if path.name not in {t.file for t in TABLES}
    ]
    rows = {table.name: _read_file(folder / table.file, table, problems) for table in TABLES}
    if not any(rows.values()) and not problems:
        problems.append(f"{folder}: holds no row in any of {', '.join(t.file for t in TABLES)}")
    for table in TABLES:
        problems.extend(_duplicates(table, rows[table.name]))
        problems.extend(_dangling(table, rows))
    if not problems:
        problems.extend(_circles(rows))
    if problems:
        return {}, problems
    frames = {
        t.name: pl.DataFrame(
            [row for _, row in rows[t.name]], schema={c: k for c, k in t.schema.items() if c != "tenant"}
        )
        for t in TABLES
    }
    return frames, problems


def _read_file(path: Path, table: Table, problems: list[str]) -> list[_Row]:
    if not path.exists():
        return []
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.reader(file, strict=True)
            header = [name.strip() for name in next(reader, [])]
            if not _header_fits(header, table, problems):
                return []
            return list(_typed_rows(reader, header, table, problems))
    except UnicodeDecodeError as error:
        problems.append(f"{table.file}: is not UTF-8 (byte {error.start}); save it as UTF-8")
    except csv.Error as error:
        problems.append(f"{table.file}: is not CSV as RFC 4180 has it: {error}")
    return []


def _header_fits(header: list[str], table: Table, problems: list[str]) -> bool:
    known = {c.name for c in table.columns}
    found = [f"unknown column {name!r}" for name in header if name not in known]
    found += [f"column {name!r} appears twice" for name in sorted(known) if header.count(name) > 1]
    found += [
        f"missing required column {c.name!r}" for c in table.columns if c.is_required and c.name not in header
    ]
    problems.extend(f"{table.file}, line 1: {text}" for text in found)
    return not found


def _typed_rows(reader: Any, header: list[str], table: Table, problems: list[str]) -> Iterator[_Row]:
    columns = {c.name: c for c in table.columns}
    for cells in reader:
        line = reader.line_num
        if not cells:
            continue
        if len(cells) != len(header):
            problems.append(
                f"{table.file}, line {line}: {len(cells)} fields where the header has {len(header)}"
            )
            continue
        row: dict[str, Any] = dict.fromkeys(columns)
        found = len(problems)
        for name, cell in zip(header, cells, strict=True):
            try:
                row[name] = _value(columns[name], cell.strip())
            except ValueError as error:
                problems.append(f"{table.file}, line {line}, {name}: {error}")
        if len(problems) == found:
            yield line, row


def _value(column: Column, text: str) -> Any:
    if not text:
        if column.is_required:
            raise ValueError("is required and empty")
        return None
    value = _PARSERS[column.kind](text)
    if column.minimum is not None and value < column.minimum:
        raise ValueError(f"{text} is below {column.minimum:g}")
    if column.maximum is not None and value > column.maximum:
        raise ValueError(f"{text} is above {column.maximum:g}")
    return value


def _integer(text: str) -> int:
    try:
        value = int(text)
    except ValueError:
        raise ValueError(f"{text!r} is not a whole number") from None
    if not -(2**31) <= value < 2**31:
        raise ValueError(f"{text} is too large")
    return value


def _number(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise ValueError(f"{text!r} is not a number")
    return value


def _date(text: str) -> dt.date:
    try:
        return dt.date.fromisoformat(text)
    except ValueError:
        raise ValueError(f"{text!r} is not an ISO date (2026-11-20)") from None


_PARSERS: dict[str, Callable[[str], Any]] = {
    "text": str,
    "integer": _integer,
    "number": _number,
    "date": _date,
}


def _duplicates(table: Table, rows: list[_Row]) -> Iterator[str]:
    for key in (table.key, (table.unique,) if table.unique else None):
        if key is None:
            continue
        first: dict[tuple[Any, ...], int] = {}
        for line, row in rows:
            value = tuple(row[name] for name in key)
            if value in first:
                text = ", ".join(f"{n}={v!r}" for n, v in zip(key, value, strict=True))
                yield f"{table.file}, line {line}: {text} is already on line {first[value]}"
            else:
                first[value] = line


def _dangling(table: Table, rows: dict[str, list[_Row]]) -> Iterator[str]:
    files = {t.name: t.file for t in TABLES}
    for column in table.columns:
        if column.refers_to is None:
            continue
        other, _, name = column.refers_to.partition(".")
        known = {row[name] for _, row in rows[other]}
        for line, row in rows[table.name]:
            value = row[column.name]
            if value is not None and value not in known:
                yield f"{table.file}, line {line}, {column.name}: {value!r} is not a {name} in {files[other]}"


def _circles(rows: dict[str, list[_Row]]) -> Iterator[str]:
    files = {t.name: t.file for t in TABLES}
    for table, start, end in _CIRCLES:
        graph: dict[str, set[str]] = {}
        for _, row in rows[table]:
            if row[end] is not None:
                graph.setdefault(row[start], set()).add(row[end])
        try:
            graphlib.TopologicalSorter(graph).prepare()
        except graphlib.CycleError as error:
            circle = list(reversed(error.args[1]))
            edges = set(itertools.pairwise(circle))
            lines = [str(line) for line, row in rows[table] if (row[start], row[end]) in edges]
            yield f"{files[table]}, lines {', '.join(lines)}: a circle: {' -> '.join(circle)}"
