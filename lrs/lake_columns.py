"""The lake's columns: how a stored statement becomes a row of `lake/statements` (docs/architecture.md)."""

from __future__ import annotations

import functools
import uuid
from collections.abc import Callable, Sequence
from typing import Any

import msgspec
import pyarrow as pa

from learnlake.identity import identifier_key, identifier_of
from lrs.statement.context import RELATIONS
from lrs.statement.decode import decode_stored
from lrs.statement.formats import duration_seconds, parse_timestamp
from lrs.statement.verb import VOIDED
from lrs.store.moment import stored_date
from lrs.store.read import Row

SKILLS = "https://w3id.org/learnlake/xapi/extensions/skills"

_TIME = pa.timestamp("us", tz="UTC")
SCHEMA = pa.schema(
    [
        pa.field("tenant", pa.string(), nullable=False),
        pa.field("stored_date", pa.date32(), nullable=False),
        pa.field("seq", pa.int64(), nullable=False),
        pa.field("id", pa.string(), nullable=False),
        pa.field("stored", _TIME, nullable=False),
        pa.field("timestamp", _TIME),
        pa.field("version", pa.string()),
        pa.field("actor_key", pa.string()),
        pa.field("actor_home_page", pa.string()),
        pa.field("actor_type", pa.string()),
        pa.field("verb_id", pa.string()),
        pa.field("object_type", pa.string()),
        pa.field("object_id", pa.string()),
        pa.field("object_activity_type", pa.string()),
        pa.field("registration", pa.string()),
        pa.field("platform", pa.string()),
        pa.field("voids", pa.string()),
        pa.field("result_success", pa.bool_()),
        pa.field("result_completion", pa.bool_()),
        pa.field("score_scaled", pa.float64()),
        pa.field("score_raw", pa.float64()),
        pa.field("score_min", pa.float64()),
        pa.field("score_max", pa.float64()),
        pa.field("duration_seconds", pa.float64()),
        pa.field(
            "context_activities",
            pa.list_(
                pa.struct(
                    [
                        pa.field("relation", pa.string()),
                        pa.field("id", pa.string()),
                        pa.field("type", pa.string()),
                    ]
                )
            ),
        ),
        pa.field("skills", pa.list_(pa.string())),
        pa.field("raw", pa.string(), nullable=False),
    ]
)
PARTITION_BY = ["tenant", "stored_date"]
STATISTICS = "seq,stored,timestamp,verb_id,actor_key"
"""Columns whose least and greatest values the log keeps per file; never `raw`."""

_EMPTY: dict[str, Any] = {}


def to_table(rows: Sequence[Row], *, secret: bytes) -> pa.Table:
    """The rows as a table of `SCHEMA`. `secret` keys the hash of identifiers (`learnlake.identity`)."""

    @functools.lru_cache(maxsize=100_000)
    def keyed(tenant: str, actor_json: bytes) -> str | None:
        identifier = identifier_of(msgspec.json.decode(actor_json))
        return None if identifier is None else identifier_key(secret, tenant, identifier)

    columns = zip(*(_values(row, keyed) for row in rows), strict=True)
    return pa.Table.from_arrays(
        [pa.array(values, field.type) for values, field in zip(columns, SCHEMA, strict=True)], schema=SCHEMA
    )


def _values(row: Row, keyed: Callable[[str, bytes], str | None]) -> tuple[Any, ...]:
    """One row's values in the order of `SCHEMA`."""
    statement = decode_stored(row.raw)
    actor, thing = statement["actor"], statement["object"]
    context, result = statement.get("context", _EMPTY), statement.get("result", _EMPTY)
    score = result.get("score", _EMPTY)
    object_type = thing.get("objectType", "Activity")
    object_id = thing.get("id") if object_type in ("Activity", "StatementRef") else None
    is_voiding = statement["verb"]["id"] == VOIDED
    return (
        row.tenant,
        stored_date(row.stored),
        row.seq,
        str(uuid.UUID(bytes=row.id)),
        row.stored,
        parse_timestamp(statement["timestamp"]),
        statement.get("version"),
        keyed(row.tenant, msgspec.json.encode(actor)),
        actor.get("account", _EMPTY).get("homePage"),
        actor.get("objectType", "Agent"),
        statement["verb"]["id"],
        object_type,
        object_id,
        thing.get("definition", _EMPTY).get("type") if object_type == "Activity" else None,
        _lower(context.get("registration")),
        context.get("platform"),
        _lower(object_id) if is_voiding else None,
        result.get("success"),
        result.get("completion"),
        *(_number(score.get(key)) for key in ("scaled", "raw", "min", "max")),
        duration_seconds(result["duration"]) if "duration" in result else None,
        _context_activities(context.get("contextActivities", _EMPTY)),
        _skills(context.get("extensions", _EMPTY).get(SKILLS)),
        row.raw,
    )


def _lower(text: str | None) -> str | None:
    return None if text is None else text.lower()


def _number(value: Any) -> float | None:
    """A score beyond a double's range has no value in the column; it stays in `raw`."""
    try:
        return float(value) if isinstance(value, int | float) else None
    except OverflowError:
        return None


def _context_activities(relations: dict[str, Any]) -> list[dict[str, Any]]:
    return [
        {"relation": relation, "id": activity["id"], "type": activity.get("definition", _EMPTY).get("type")}
        for relation in RELATIONS
        for activity in relations.get(relation, ())
    ]


def _skills(value: Any) -> list[str] | None:
    """The profile's skills extension; what is no list of texts is no skills extension."""
    if type(value) is not list or not all(type(item) is str for item in value):
        return None
    return value
