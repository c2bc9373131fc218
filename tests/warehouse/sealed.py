"""Statements put straight into the lake as the sealer would, for tests of what reads the lake. No server."""

from __future__ import annotations

import datetime as dt
import json
import uuid
from collections.abc import Iterable
from typing import Any

import pyarrow as pa
from deltalake import CommitProperties, Transaction, write_deltalake

from learnlake.home import Home
from learnlake.identity import identifier_key, identifier_of, identity_secret
from lrs.lake_columns import SCHEMA
from warehouse import lake

COURSE = "http://adlnet.gov/expapi/activities/course"
SECTION = "https://w3id.org/learnlake/xapi/activity-types/section"
ITEM = "http://adlnet.gov/expapi/activities/cmi.interaction"
ANSWERED = "http://adlnet.gov/expapi/verbs/answered"
VIEWED = "http://adlnet.gov/expapi/verbs/experienced"
PROFILE = "https://w3id.org/learnlake/xapi"
SKILLS = "https://w3id.org/learnlake/xapi/extensions/skills"
HOME_PAGE = "https://lms.test"


def account(name: str) -> dict[str, Any]:
    """An actor as the profile has them."""
    return {"objectType": "Agent", "account": {"homePage": HOME_PAGE, "name": name}}


def activity(iri: str, kind: str, title: str | None = None) -> dict[str, Any]:
    """An activity with a type and perhaps a name."""
    return {"id": iri, "definition": {"type": kind} | ({"name": {"en-US": title}} if title else {})}


def statement(
    actor: str,
    verb: str,
    thing: dict[str, Any],
    *,
    at: dt.datetime,
    course: str | None = None,
    section: str | None = None,
    course_title: str | None = None,
    success: bool | None = None,
    skills: list[str] | None = None,
    follows_profile: bool = True,
) -> dict[str, Any]:
    """One xAPI statement."""
    grouping = [activity(course, COURSE, course_title)] if course else []
    grouping += [activity(section, SECTION)] if section else []
    category = [{"id": PROFILE}] if follows_profile else []
    made: dict[str, Any] = {
        "id": str(uuid.uuid4()),
        "actor": account(actor),
        "verb": {"id": verb},
        "object": thing,
        "timestamp": at.isoformat(),
        "context": {"contextActivities": {"grouping": grouping, "category": category}},
    }
    if skills is not None:
        made["context"]["extensions"] = {SKILLS: skills}
    if success is not None:
        made["result"] = {"success": success}
    return made


def seal(home: Home, statements: Iterable[dict[str, Any]], *, tenant: str = "t", stored: dt.datetime) -> int:
    """Append `statements` to the lake in one commit and answer the new watermark."""
    seq = lake.sealed_seq(home)
    secret = identity_secret(home)
    rows = []
    for item in statements:
        seq += 1
        rows.append(_row(secret, tenant, seq, item, stored))
    table = pa.Table.from_pylist(rows, schema=SCHEMA)
    write_deltalake(
        home.lake_statements,
        table,
        partition_by=["tenant", "stored_date"],
        mode="append",
        commit_properties=CommitProperties(app_transactions=[Transaction(lake.SEAL, seq)]),
    )
    return seq


def _row(secret: bytes, tenant: str, seq: int, item: dict[str, Any], stored: dt.datetime) -> dict[str, Any]:
    context = item.get("context", {})
    identifier = identifier_of(item["actor"])
    return {
        "tenant": tenant,
        "stored_date": stored.date(),
        "seq": seq,
        "id": item["id"],
        "stored": stored,
        "timestamp": dt.datetime.fromisoformat(item["timestamp"]),
        "version": "1.0.3",
        "actor_key": identifier_key(secret, tenant, identifier) if identifier else None,
        "actor_home_page": item["actor"].get("account", {}).get("homePage"),
        "actor_type": item["actor"].get("objectType", "Agent"),
        "verb_id": item["verb"]["id"],
        "object_type": "Activity",
        "object_id": item["object"]["id"],
        "object_activity_type": item["object"].get("definition", {}).get("type"),
        "platform": context.get("platform"),
        "registration": context.get("registration"),
        "result_success": item.get("result", {}).get("success"),
        "score_scaled": item.get("result", {}).get("score", {}).get("scaled"),
        "context_activities": [
            {"relation": relation, "id": a["id"], "type": a.get("definition", {}).get("type")}
            for relation, held in context.get("contextActivities", {}).items()
            for a in held
        ],
        "skills": context.get("extensions", {}).get(SKILLS),
        "raw": json.dumps(item),
    }
