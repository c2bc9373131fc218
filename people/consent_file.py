"""A CSV file of consents: read and judged whole. Keeping them is `people.consent`'s."""

from __future__ import annotations

import csv
import datetime as dt
from collections.abc import Mapping
from pathlib import Path

from sqlalchemy import Engine, select

from learnlake.errors import InputError, RosterError
from people import consent_record
from people.consent import Decision
from people.db import reading, school_day
from people.tables import person

COLUMNS = ("person_key", "sourced_id", "purpose", "decision", "given_by", "giver_key", "on", "until")
_NEEDED = {"purpose", "decision", "given_by"}


def read(engine: Engine, tenant: str, path: Path, *, home_page: str | None = None) -> list[Decision]:
    """The decisions of the CSV file at `path`. InputError for the file as a whole, RosterError naming every bad line.

    A person is named by `person_key`, or by `sourced_id` of the roster imported under `home_page`. `on` defaults to today.
    """
    today = school_day(engine)
    keys = _keys_by_sourced_id(engine, tenant, home_page) if home_page else {}
    found: list[Decision] = []
    problems: list[str] = []
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file)
            _check_header(reader.fieldnames or (), path)
            for row in reader:
                try:
                    found.append(_decision(row, keys, today))
                except ValueError as error:
                    problems.append(f"{path.name}, line {reader.line_num}: {error}")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(
            f"The file cannot be read: {error}", where=str(path), mend="give a CSV in UTF-8"
        ) from error
    problems += consent_record.judge(engine, tenant, found) if not problems else []
    if problems:
        raise RosterError(
            f"{len(problems)} line(s) cannot be taken; nothing was recorded",
            problems,
            mend="mend them, import again",
        )
    return found


def _check_header(names: object, path: Path) -> None:
    given = {str(name).strip() for name in names} if isinstance(names, list | tuple) else set()
    lacking, unknown = sorted(_NEEDED - given), sorted(given - set(COLUMNS))
    if lacking or unknown or not given & {"person_key", "sourced_id"}:
        raise InputError(
            "The columns are not those of a consent file",
            where=f"{path}: lacking {', '.join(lacking) or 'none'}, unknown {', '.join(unknown) or 'none'}",
            mend=f"use {', '.join(COLUMNS)}; one of the first two names the person",
        )


def _decision(row: Mapping[str, str | None], keys: Mapping[str, str], today: dt.date) -> Decision:
    told = {name: (row.get(name) or "").strip() for name in COLUMNS}
    key = told["person_key"] or keys.get(told["sourced_id"], "")
    if not key:
        raise ValueError(f"nobody is known as {told['sourced_id']!r}; is --home-page given?")
    giver = told["giver_key"] and keys.get(told["giver_key"], told["giver_key"])
    return Decision(
        key,
        told["purpose"],
        told["decision"],
        told["given_by"],
        dt.date.fromisoformat(told["on"]) if told["on"] else today,
        giver or None,
        dt.date.fromisoformat(told["until"]) if told["until"] else None,
    )


def _keys_by_sourced_id(engine: Engine, tenant: str, home_page: str) -> dict[str, str]:
    query = select(person.c.sourced_id, person.c.person_key).where(
        person.c.tenant == tenant, person.c.source == home_page
    )
    with reading(engine) as connection:
        return {row[0]: row[1] for row in connection.execute(query)}
