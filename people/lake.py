"""The pseudonymous roster in the lake: one Parquet file per table, a folder per generation, CURRENT naming the newest.

No name, no raw identifier and no demographics leave people.db here. A generation is named after the roster's revision that
it was made from and the consents that hold today, so that publishing again without a change does nothing.
"""

from __future__ import annotations

import dataclasses
import os
import secrets
import shutil
from pathlib import Path

import polars as pl
from sqlalchemy import ColumnElement, Connection, Engine, Select, Table, and_, select

from learnlake.home import Home
from learnlake.locks import waiting_for
from people import consent
from people.db import read_frame, read_revision, reading, school_day, settings_of
from people.purposes import LEADERBOARD, PREDICTION
from people.tables import (
    DISCOVERED,
    academic_session,
    course,
    enrolment,
    guardianship,
    identifier,
    learner_preference,
    learning_override,
    organisation,
    person,
    section,
)

KEPT = 3
"""Generations that stay, so that a reader that has just asked for the newest can finish."""

PUBLISHED_PURPOSES = (PREDICTION, LEADERBOARD)
"""Uses that read the marts; who refused them is published. Research reads people.db itself."""

PUBLISHED_ROLES = ("student", "teacher", "assistant")

SCHEMAS: dict[str, pl.Schema] = {
    "person": pl.Schema(
        {
            "tenant": pl.String,
            "person_key": pl.String,
            "kind": pl.String,
            "role": pl.String,
            "school_key": pl.String,
            "grade": pl.String,
            "is_active": pl.Boolean,
            "is_generated": pl.Boolean,
        }
    ),
    "identifier": pl.Schema({"tenant": pl.String, "identifier_key": pl.String, "person_key": pl.String}),
    "organisation": pl.Schema(
        {
            "tenant": pl.String,
            "school_key": pl.String,
            "parent_school_key": pl.String,
            "type": pl.String,
            "title": pl.String,
        }
    ),
    "academic_session": pl.Schema(
        {
            "tenant": pl.String,
            "session_key": pl.String,
            "parent_session_key": pl.String,
            "title": pl.String,
            "type": pl.String,
            "start_date": pl.Date,
            "end_date": pl.Date,
            "school_year": pl.String,
        }
    ),
    "course": pl.Schema(
        {
            "tenant": pl.String,
            "course_key": pl.String,
            "school_key": pl.String,
            "title": pl.String,
            "code": pl.String,
            "subject": pl.String,
            "grade": pl.String,
            "iri": pl.String,
            "is_discovered": pl.Boolean,
        }
    ),
    "section": pl.Schema(
        {
            "tenant": pl.String,
            "section_key": pl.String,
            "course_key": pl.String,
            "school_key": pl.String,
            "session_key": pl.String,
            "title": pl.String,
            "grade": pl.String,
            "iri": pl.String,
            "is_discovered": pl.Boolean,
        }
    ),
    "enrolment": pl.Schema(
        {
            "tenant": pl.String,
            "section_key": pl.String,
            "person_key": pl.String,
            "role": pl.String,
            "begin_date": pl.Date,
            "end_date": pl.Date,
            "is_active": pl.Boolean,
        }
    ),
    "guardianship": pl.Schema({"tenant": pl.String, "guardian_key": pl.String, "person_key": pl.String}),
    "override": pl.Schema(
        {
            "tenant": pl.String,
            "override_id": pl.Int64,
            "section_key": pl.String,
            "person_key": pl.String,
            "action": pl.String,
            "skill_key": pl.String,
            "activity_key": pl.String,
            "begin_date": pl.Date,
            "end_date": pl.Date,
        }
    ),
    "preference": pl.Schema(
        {"tenant": pl.String, "person_key": pl.String, "kind": pl.String, "value": pl.String}
    ),
    "refusal": pl.Schema({"tenant": pl.String, "person_key": pl.String, "purpose": pl.String}),
}
"""The published tables and their columns: the contract of docs/architecture.md."""


def current(home: Home) -> Path | None:
    """The newest generation's folder, or None before the first one."""
    try:
        return home.lake_people / (home.lake_people / "CURRENT").read_text().strip()
    except FileNotFoundError:
        return None


@dataclasses.dataclass(frozen=True, slots=True)
class Touched:
    """What the one change since the newest generation touched in the two large tables, so that a day's changes don't read a district."""

    has_identifiers: bool
    enrolled: frozenset[str]
    """person_keys whose enrolments were changed."""


def publish(engine: Engine, home: Home, *, touched: Touched | None = None) -> Path:
    """Write the roster as it is now as the newest generation and answer its folder; nothing is written without a change.

    With `touched`, identifiers and enrolments are taken from the generation before as far as the last change left them alone.
    A process that dies on the way leaves a draft that the next one sweeps away, and CURRENT as it was.
    """
    with waiting_for(home.run / "people-publish.lock"), reading(engine) as connection:
        database_id, number = read_revision(connection)
        settings, day = settings_of(engine), school_day(engine)
        consents = consent.fingerprint(connection, settings, day)
        target = home.lake_people / f"{number:010d}-{database_id[:8]}-{consents}"
        if target == current(home):
            return target
        home.lake_people.mkdir(parents=True, exist_ok=True)
        for orphan in home.lake_people.glob(".draft-*"):
            shutil.rmtree(orphan)
        draft = home.lake_people / f".draft-{secrets.token_hex(4)}"
        draft.mkdir()
        before = _before(home, f"{number - 1:010d}-{database_id[:8]}-") if touched else None
        frames = _frames(connection, before, touched)
        refused = consent.refusals(connection, settings, PUBLISHED_PURPOSES, day)
        frames["refusal"] = pl.DataFrame(refused, schema=SCHEMAS["refusal"], orient="row")
        for name, frame in frames.items():
            _write(frame, draft / f"{name}.parquet")
        if target.exists():  # written whole, but its process died before CURRENT named it
            shutil.rmtree(target)
        draft.rename(target)
        _replace(home.lake_people / "CURRENT", target.name)
        _drop_old(home, target)
    return target


def _before(home: Home, start: str) -> Path | None:
    """The newest generation, if it is the one right before this revision and of this release's form."""
    folder = current(home)
    if folder is None or not folder.name.startswith(start):
        return None
    same = all(
        pl.read_parquet_schema(folder / f"{name}.parquet") == SCHEMAS[name]
        for name in ("identifier", "enrolment")
    )
    return folder if same else None


def _frames(connection: Connection, before: Path | None, touched: Touched | None) -> dict[str, pl.DataFrame]:
    queries, frames = _queries(), {}
    if before is not None and touched is not None:
        if not touched.has_identifiers:
            frames["identifier"] = pl.read_parquet(before / "identifier.parquet")
            del queries["identifier"]
        queries["enrolment"] = queries["enrolment"].where(
            enrolment.c.person_key.in_(sorted(touched.enrolled))
        )
    frames |= {name: _frame(connection, name, query) for name, query in queries.items()}
    frames["enrolment"] = _one_row_per_membership(frames["enrolment"])
    if before is not None and touched is not None:
        is_touched = pl.col("person_key").is_in(list(touched.enrolled))
        kept = pl.read_parquet(before / "enrolment.parquet").filter(~is_touched)
        frames["enrolment"] = pl.concat([kept, frames["enrolment"]])
    return frames


def _queries() -> dict[str, Select]:
    held, kept = enrolment.c, person.c
    return {
        "person": _columns("person", person).where(kept.merged_into.is_(None)),
        "identifier": _columns("identifier", identifier),
        "organisation": _columns("organisation", organisation),
        "academic_session": _columns("academic_session", academic_session),
        # Discovered courses that a roster has taken the place of share its IRI: they are not published
        "course": _columns("course", course).where(~_is_retired(course)),
        "section": _columns("section", section).where(~_is_retired(section)),
        "enrolment": _columns("enrolment", enrolment)
        .where(held.role.in_(PUBLISHED_ROLES))
        .where(held.section_key.not_in(select(section.c.section_key).where(_is_retired(section)))),
        "guardianship": _columns("guardianship", guardianship).where(guardianship.c.is_active),
        "override": _columns("override", learning_override).where(learning_override.c.is_active),
        "preference": _columns("preference", learner_preference),
    }


def _is_retired(table: Table) -> ColumnElement[bool]:
    return and_(table.c.source == DISCOVERED, ~table.c.is_active)


def _columns(name: str, table: Table) -> Select:
    """Select the published columns of `table`, in the contract's order."""
    derived = {"is_discovered": lambda: (table.c.source == DISCOVERED).label("is_discovered")}
    return select(*(derived[column]() if column in derived else table.c[column] for column in SCHEMAS[name]))


def _frame(connection: Connection, name: str, query: Select) -> pl.DataFrame:
    frame = read_frame(connection, query, SCHEMAS[name])
    return frame.with_columns(pl.col("role").str.to_lowercase()) if name == "person" else frame


def _one_row_per_membership(enrolments: pl.DataFrame) -> pl.DataFrame:
    """One row per section, person and role. Who left and came back is there from the first begin to the newest end."""
    keys = ["tenant", "section_key", "person_key", "role"]
    is_double = enrolments.select(keys).is_duplicated()  # few are: the rest of a district needs no sorting
    several = enrolments.filter(is_double)
    newest = several.sort("is_active", "begin_date", nulls_last=False).unique(keys, keep="last")
    begins = several.group_by(keys).agg(
        pl.when(pl.col("begin_date").null_count() == 0).then(pl.col("begin_date").min()).alias("begin_date")
    )
    merged = newest.drop("begin_date").join(begins, on=keys).select(list(SCHEMAS["enrolment"])).sort(keys)
    return pl.concat([enrolments.filter(~is_double), merged])


def _write(frame: pl.DataFrame, path: Path) -> None:
    with path.open("wb") as file:
        frame.write_parquet(file, compression="zstd")
        file.flush()
        os.fsync(file.fileno())


def _replace(path: Path, text: str) -> None:
    draft = path.with_name(f".{path.name}-{secrets.token_hex(4)}")
    with draft.open("w") as file:
        file.write(f"{text}\n")
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)


def _drop_old(home: Home, newest: Path) -> None:
    kept = [folder for folder in home.lake_people.iterdir() if folder.is_dir() and folder != newest]
    kept.sort(key=lambda folder: folder.stat().st_mtime_ns)
    for folder in kept[: 1 - KEPT]:
        shutil.rmtree(folder)
