"""What the pages ask the Learning Record Store and send to it, over HTTP with a key of their own that may do only this."""

from __future__ import annotations

import datetime as dt
import json
import os
import threading
import uuid
from collections.abc import Mapping
from typing import Any, Final

import httpx
from sqlalchemy import select

from dashboards.visit import Visit, people_of
from learnlake.errors import DeliveryError, InputError
from learnlake.identity import Identifier
from learnlake.locks import waiting_for
from learnlake.operations import operations
from learnlake.sender import Sender
from learnlake.settings import Settings
from people.db import reading
from people.subject import find_subject
from people.tables import course, section

SCOPES: Final = ("statements/write", "profile")
"""To write answers, and to read what a question says; nothing that anybody else has written."""
NAME: Final = "Learnlake pages"
WAIT_SECONDS: Final = 5.0
"""How long a reader waits for the LRS before the page says that it does not answer."""
PROFILE: Final = "https://w3id.org/learnlake/xapi"
_ADL: Final = "http://adlnet.gov/expapi"
_lock = threading.Lock()


def definitions(visit: Visit, iris: list[str]) -> dict[str, dict[str, Any] | None]:
    """The activities' definitions as the LRS has them. DeliveryError when it does not answer."""
    key, secret = _credential(visit.settings, visit.viewer.tenant)
    found = {}
    with httpx.Client(auth=(key, secret), timeout=WAIT_SECONDS, trust_env=False) as client:
        for iri in iris:
            try:
                answer = client.get(
                    f"{visit.settings.lrs_url}/activities",
                    params={"activityId": iri},
                    headers={"X-Experience-API-Version": "1.0.3"},
                )
                answer.raise_for_status()
            except httpx.HTTPError as error:
                raise DeliveryError(
                    "The Learning Record Store did not give the question", where=type(error).__name__
                ) from error
            found[iri] = answer.json().get("definition")
    return found


def record(
    visit: Visit,
    *,
    iri: str,
    section_key: str,
    skill_key: str,
    response: str,
    is_right: bool,
    seconds: float,
    is_generated: bool,
) -> str:
    """Store one answer as a statement of the viewer's own; answers its id. DeliveryError when it could not be stored."""
    statement_id = str(uuid.uuid4())
    extensions: dict[str, Any] = {
        f"{PROFILE}/extensions/skills": [skill_key.removeprefix(f"{visit.viewer.tenant}:")]
    }
    if is_generated:
        extensions[f"{PROFILE}/extensions/is-generated"] = True
    statement = {
        "id": statement_id,
        "actor": _actor(visit),
        "verb": {"id": f"{_ADL}/verbs/answered", "display": {"en": "answered"}},
        "object": {"id": iri, "definition": {"type": f"{_ADL}/activities/cmi.interaction"}},
        "result": {
            "success": is_right,
            "response": response,
            "score": {"scaled": 1.0 if is_right else 0.0},
            "duration": f"PT{max(seconds, 0.01):.2f}S",
        },
        "context": {
            "platform": "Learnlake quiz",
            "contextActivities": {"category": [{"id": PROFILE}], "grouping": _grouping(visit, section_key)},
            "extensions": extensions,
        },
        "timestamp": dt.datetime.now(dt.UTC).isoformat(timespec="milliseconds"),
    }
    key, secret = _credential(visit.settings, visit.viewer.tenant)
    with Sender(
        visit.settings.lrs_url, key, secret, retry_seconds=WAIT_SECONDS, timeout_seconds=WAIT_SECONDS
    ) as sender:
        report = sender.send([statement])
    if report.refused:
        raise DeliveryError(
            "The Learning Record Store refused the answer", where=str(report.refused[0].reason)
        )
    return statement_id


def _actor(visit: Visit) -> dict[str, Any]:
    """The viewer as statements name the viewer. InputError for somebody whom no identifier names."""
    held = find_subject(people_of(visit.settings), visit.me, by="key", tenant=visit.viewer.tenant).identifiers
    by_kind: dict[str, Identifier] = {one.kind: one for one in reversed(held)}
    if "account" in by_kind:
        home_page, name = by_kind["account"].account_parts
        return {"objectType": "Agent", "account": {"homePage": home_page, "name": name}}
    for kind in ("mbox", "mbox_sha1sum", "openid"):
        if kind in by_kind:
            return {"objectType": "Agent", kind: by_kind[kind].value}
    raise InputError(
        "No identifier names you, so no answer of yours can be recorded",
        mend="ask your school's office to enter your account of the learning system",
    )


def _grouping(visit: Visit, section_key: str) -> list[dict[str, Any]]:
    """Course and section as statements name them."""
    of = section.c
    query = (
        select(course.c.iri.label("course"), of.iri.label("section"))
        .join(section, (of.tenant == course.c.tenant) & (of.course_key == course.c.course_key))
        .where(of.tenant == visit.viewer.tenant, of.section_key == section_key)
    )
    with reading(people_of(visit.settings)) as connection:
        found = connection.execute(query).one()
    return [
        {"id": found.course, "definition": {"type": f"{_ADL}/activities/course"}},
        {"id": found.section, "definition": {"type": f"{PROFILE}/activity-types/section"}},
    ]


def _credential(settings: Settings, tenant: str) -> tuple[str, str]:
    """Key and secret of the pages of `tenant`, made at first use and kept in the home's secrets."""
    path = settings.home.secrets / "pages-lrs.json"
    with _lock, waiting_for(settings.home.run / "pages-lrs.lock"):
        kept: Mapping[str, list[str]] = json.loads(path.read_text()) if path.exists() else {}
        if tenant not in kept:
            made = operations().create_credential(settings, tenant, name=NAME, scopes=SCOPES)
            kept = {**kept, tenant: [made.key, made.secret or ""]}
            draft = path.with_suffix(".draft")
            with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
                json.dump(kept, file)
            draft.replace(path)
        key, secret = kept[tenant]
    return key, secret
