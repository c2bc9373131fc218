"""A home with two tenants that hold the same sample school, and everything that a person can leave in it."""

from __future__ import annotations

import dataclasses
import datetime as dt
import gzip
import hashlib
import json
import uuid
from pathlib import Path
from typing import Any

import httpx

from cli.run import seal
from cli.sources import loader
from learnlake.protocols import Subject
from learnlake.sender import Sender
from learnlake.settings import Settings
from lrs import credentials
from people.db import open_people
from people.subject import find_subject
from pipelines import stages
from sources.school import HOME_PAGE, generate
from sources.school.sample import SampleSchool
from tests.lrs.served import Lrs

TODAY = dt.date(2026, 11, 18)
TENANTS = ("default", "other")
STUDENT, CLASSMATE = "stu-0003", "stu-0005"
WRITERS = tuple(f'"name":"{name}"}}'.encode() for name in (STUDENT, CLASSMATE))
"""Only their statements are sent: fewer make the same marts in less time."""
ADDRESS = "Ann.Smith@sample-school.example"
ITEM = "https://sample-school.example/items/x"


def agent(name: str) -> dict[str, Any]:
    return {"objectType": "Agent", "account": {"homePage": HOME_PAGE, "name": name}}


@dataclasses.dataclass
class School:
    """The served LRS, and the ids of the statements that name STUDENT without being theirs."""

    settings: Settings
    lrs: Lrs
    sample: SampleSchool
    mentions: dict[str, str] = dataclasses.field(default_factory=dict)

    def client(self, tenant: str) -> httpx.Client:
        return self.lrs.client(key=f"lms-{tenant}", secret="a-secret-for-tests")


def fill(settings: Settings, lrs: Lrs) -> School:
    """Send the school to both tenants, name the student in all sorts of places, build and publish."""
    school = School(settings, lrs, generate(today=TODAY, seed=7, students=16))
    for tenant in TENANTS:
        credentials.create(
            settings, name="lms", tenant=tenant, key=f"lms-{tenant}", secret="a-secret-for-tests"
        )
        _load(school, tenant)
        with Sender(lrs.url, f"lms-{tenant}", "a-secret-for-tests") as sender:
            sender.send(item for item in school.sample.statements() if any(name in item for name in WRITERS))
        with school.client(tenant) as client:
            found = _mention(client)
            _documents(client)
            _attachment(client)
        if tenant == "default":
            school.mentions = found
    seal(settings)
    stages.incremental(settings, run_id="test", started_by="test")
    return school


def _load(school: School, tenant: str) -> None:
    folder = school.settings.home.path.parent / f"source-{tenant}"
    roster = school.sample.write_roster(folder / "roster")
    users = roster / "users.csv"
    lines = users.read_text().splitlines()
    at = lines[0].split(",").index("email")
    for number, line in enumerate(lines):
        if line.startswith(f"{STUDENT},"):
            cells = line.split(",")
            cells[at] = ADDRESS
            lines[number] = ",".join(cells)
    users.write_text("\n".join(lines) + "\n")
    loader(school.settings, tenant)(
        school.sample, roster, school.sample.write_catalogue(folder / "catalogue")
    )


def _mention(client: httpx.Client) -> dict[str, str]:
    """Statements of a classmate that name the student, by where; and one of the student under the address's digest."""
    digest = hashlib.sha1(f"mailto:{ADDRESS}".encode()).hexdigest()
    verb = {"id": "http://adlnet.gov/expapi/verbs/commented"}
    plain = {"verb": verb, "object": {"id": ITEM}}
    made: dict[str, dict[str, Any]] = {
        "instructor": {**plain, "actor": agent(CLASSMATE), "context": {"instructor": agent(STUDENT)}},
        "team": {
            **plain,
            "actor": agent(CLASSMATE),
            "context": {"team": {"objectType": "Group", "member": [agent(CLASSMATE), agent(STUDENT)]}},
        },
        "object": {**plain, "actor": agent(CLASSMATE), "object": agent(STUDENT)},
        "group": {**plain, "actor": {"objectType": "Group", "member": [agent(STUDENT), agent(CLASSMATE)]}},
        "text": {
            **plain,
            "actor": agent(CLASSMATE),
            "result": {
                "response": f"I asked {ADDRESS} and she helped",
                "extensions": {f"{ITEM}/{STUDENT}": STUDENT},
            },
        },
    }
    own = [
        {**plain, "actor": {"mbox": f"mailto:{ADDRESS}"}},
        {**plain, "actor": {"mbox_sha1sum": digest}},
    ]
    ids = {name: str(uuid.uuid4()) for name in made}
    sent = [{"id": ids[name], **item} for name, item in made.items()] + own
    client.post("/statements", json=sent).raise_for_status()
    return ids


def _documents(client: httpx.Client) -> None:
    for name in (STUDENT, CLASSMATE):
        state = {"activityId": ITEM, "agent": json.dumps(agent(name)), "stateId": "page"}
        client.put("/activities/state", params=state, json={"page": 1, "of": name}).raise_for_status()
    profile = {"activityId": ITEM, "profileId": "best"}
    headers = {"If-None-Match": "*"}
    body = {"best": [STUDENT, CLASSMATE]}
    client.put("/activities/profile", params=profile, json=body, headers=headers).raise_for_status()


def _attachment(client: httpx.Client) -> None:
    """An essay of the student and one of the classmate, each with a statement."""
    for name in (STUDENT, CLASSMATE):
        content = gzip.compress(f"An essay by {name}".encode(), mtime=0)
        sha2 = hashlib.sha256(content).hexdigest()
        described = {
            "usageType": "https://w3id.org/learnlake/essay",
            "display": {"en": "essay"},
            "contentType": "application/gzip",
            "length": len(content),
            "sha2": sha2,
        }
        item = {
            "actor": agent(name),
            "verb": {"id": "http://adlnet.gov/expapi/verbs/commented"},
            "object": {"id": ITEM},
            "attachments": [described],
        }
        boundary = "cut-here"
        body = (
            (
                f"--{boundary}\r\nContent-Type: application/json\r\n\r\n{json.dumps(item)}\r\n--{boundary}\r\n"
                f"Content-Type: application/gzip\r\nContent-Transfer-Encoding: binary\r\nX-Experience-API-Hash: {sha2}\r\n\r\n"
            ).encode()
            + content
            + f"\r\n--{boundary}--\r\n".encode()
        )
        headers = {"Content-Type": f"multipart/mixed; boundary={boundary}"}
        client.post("/statements", content=body, headers=headers).raise_for_status()


def everything_of(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


def subject_of(settings: Settings, named: str = STUDENT, tenant: str = "default") -> Subject:
    engine = open_people(settings)
    try:
        return find_subject(engine, named, by="sis-id", tenant=tenant)
    finally:
        engine.dispose()
