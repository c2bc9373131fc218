"""Analysts' saved queries, each with its picture: the writer's own, and those that other analysts of the tenant share."""

from __future__ import annotations

import dataclasses
import datetime as dt
from typing import Final, Literal, get_args

from sqlalchemy import Engine, and_, delete, insert, or_, select, update

from learnlake import audit
from learnlake.errors import InputError
from people.db import now, reading, settings_of, writing
from people.policy import check_action, scope
from people.sessions import Viewer
from people.tables import saved_query

ChartKind = Literal["none", "bar", "line", "scatter"]
KINDS: Final[tuple[ChartKind, ...]] = get_args(ChartKind)
TITLE_MAX: Final = 120
TEXT_MAX: Final = 20_000
QUERIES_MAX: Final = 200
"""Queries that one analyst keeps at most."""


@dataclasses.dataclass(frozen=True, slots=True)
class Chart:
    """Which picture is drawn of the answer, and of which of its columns."""

    kind: str = "none"
    x: str | None = None
    y: str | None = None


@dataclasses.dataclass(frozen=True, slots=True)
class SavedQuery:
    """One query as it was saved. `is_mine` says that the viewer saved it, and may change and delete it."""

    query_id: int
    title: str
    text: str
    chart: Chart
    is_shared: bool
    is_mine: bool
    saved_at: dt.datetime


def save(
    engine: Engine,
    viewer: Viewer,
    title: str,
    text: str,
    *,
    chart: Chart | None = None,
    is_shared: bool = False,
) -> int:
    """Keep a query of the viewer's, in place of the own one of the same title; answers its number.

    AccessError for roles that may not run SQL, InputError for a title or text that is none.
    """
    check_action(scope(engine, viewer), "run-sql")
    drawn = chart or Chart()
    name, told = title.strip(), text.strip()
    _check(name, told, drawn)
    held = saved_query.c
    own = (held.tenant == viewer.tenant, held.account_id == viewer.account_id)
    values = {
        "text": told,
        "chart_kind": drawn.kind,
        "chart_x": drawn.x,
        "chart_y": drawn.y,
        "is_shared": is_shared,
        "saved_at": now(),
    }
    with writing(engine) as connection:
        ids: dict[str, int] = dict(
            connection.execute(select(held.title, held.query_id).where(*own)).tuples().all()
        )
        number = ids.get(name)
        if number is not None:
            connection.execute(update(saved_query).where(held.query_id == number).values(**values))
        else:
            if len(ids) >= QUERIES_MAX:
                raise InputError(f"{QUERIES_MAX} queries are saved already", mend="delete one first")
            keys = {"tenant": viewer.tenant, "account_id": viewer.account_id, "title": name}
            made = connection.execute(insert(saved_query).values(**keys, **values)).inserted_primary_key
            assert made is not None
            number = int(made[0])
    _note(engine, viewer, "share-query" if is_shared else "save-query", number)
    return number


def visible(engine: Engine, viewer: Viewer) -> list[SavedQuery]:
    """The viewer's own queries, then those that others share, each by title."""
    check_action(scope(engine, viewer), "run-sql")
    held = saved_query.c
    is_mine = held.account_id == viewer.account_id
    query = (
        select(saved_query)
        .where(held.tenant == viewer.tenant, or_(is_mine, held.is_shared))
        .order_by(is_mine.desc(), held.title, held.query_id)
    )
    with reading(engine) as connection:
        return [
            SavedQuery(
                row.query_id,
                row.title,
                row.text,
                Chart(row.chart_kind, row.chart_x, row.chart_y),
                row.is_shared,
                row.account_id == viewer.account_id,
                row.saved_at,
            )
            for row in connection.execute(query)
        ]


def remove(engine: Engine, viewer: Viewer, query_id: int) -> None:
    """Delete one of the viewer's own queries. InputError when it is not the viewer's."""
    check_action(scope(engine, viewer), "run-sql")
    held = saved_query.c
    own = and_(held.tenant == viewer.tenant, held.account_id == viewer.account_id, held.query_id == query_id)
    with writing(engine) as connection:
        gone = connection.execute(delete(saved_query).where(own)).rowcount
    if not gone:
        raise InputError("This query is not yours to delete", mend="ask whoever shares it")
    _note(engine, viewer, "delete-query", query_id)


def _check(title: str, text: str, chart: Chart) -> None:
    if not 0 < len(title) <= TITLE_MAX:
        raise InputError(
            "A saved query needs a title", where="title", mend=f"write one of at most {TITLE_MAX} characters"
        )
    if not 0 < len(text) <= TEXT_MAX:
        raise InputError(
            "There is no query to save", where="query", mend=f"write one of at most {TEXT_MAX:,} characters"
        )
    if chart.kind not in KINDS:
        raise InputError(
            f"{chart.kind!r} is no picture", where="chart", mend=f"use one of {', '.join(KINDS)}"
        )


def _note(engine: Engine, viewer: Viewer, action: str, query_id: int) -> None:
    entry = audit.AuditEntry(viewer.tenant, viewer.viewer_key, action, f"query:{query_id}", "pages")
    audit.append(settings_of(engine).home.audit_db, entry)
