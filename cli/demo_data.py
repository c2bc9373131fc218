"""What `learnlake demo` puts into a home folder, each thing once: credential, school, log-ins, statements, the MOOC's courses.

Everything goes in as a customer's would: files through the importers, statements over HTTP. The order is `cli.demo`'s.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import itertools
import json
import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from learnlake.clock import today
from learnlake.home import Home
from learnlake.sender import Sender, SendReport
from learnlake.settings import Settings

TENANT = "default"
ROLES = ("student", "teacher", "guardian", "principal", "administrator", "analyst")
GRANTED = ("administrator", "analyst")
"""Roles that no roster may give: whoever sets up the home does."""
MOOC_FILE = Path("xapi") / "funmooc_statements_20211124_1128.jsonl.zst"

Watch = Callable[[int, int], None]
"""Called with how many statements are settled and how many there are."""


@dataclasses.dataclass
class Record:
    """What an earlier demo has done to this home: kept with its keys and passwords, readable by its owner only."""

    today: dt.date
    seed: int
    students: int
    key: str = ""
    secret: str = ""
    sent_count: int = 0
    has_mooc: bool = False
    logins: dict[str, dict[str, str]] = dataclasses.field(default_factory=dict)

    @classmethod
    def path(cls, home: Home) -> Path:
        return home.secrets / "demo.json"

    @classmethod
    def read(cls, home: Home) -> Record | None:
        try:
            kept: dict[str, Any] = json.loads(cls.path(home).read_text())
        except FileNotFoundError:
            return None
        return cls(**{**kept, "today": dt.date.fromisoformat(kept["today"])})

    def write(self, home: Home) -> None:
        home.create()
        draft = self.path(home).with_suffix(".draft")
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w") as file:
            json.dump(dataclasses.asdict(self), file, default=str, indent=1)
        draft.replace(self.path(home))


def settled(settings: Settings, *, seed: int, students: int) -> Record:
    """The record of this home, or a new one; a school that is there already keeps its day, seed and size.

    Within the school's own week the newer day counts: the same school, some days longer.
    """
    from sources.school.curriculum import term_starts

    asked = today(settings)
    kept = Record.read(settings.home)
    if kept is None:
        return Record(asked, seed, students)
    if asked > kept.today and term_starts(asked) == term_starts(kept.today):
        return dataclasses.replace(kept, today=asked)
    return kept


def make_credential(settings: Settings, record: Record) -> None:
    """A key for the school's systems, once."""
    from lrs import credentials

    if not record.key:
        made = credentials.create(settings, name="sample-school", tenant=TENANT)
        record.key, record.secret = made.key, made.secret or ""
        record.write(settings.home)


def load_school(settings: Settings, record: Record) -> Any:
    """Generate the school, import its roster and catalogue, answer it. Importing the same again changes nothing."""
    from people.oneroster import import_roster
    from sources.school import HOME_PAGE, generate
    from warehouse import catalogue

    school = generate(today=record.today, seed=record.seed, students=record.students)
    with tempfile.TemporaryDirectory() as folder:
        roster, courses = Path(folder) / "roster", Path(folder) / "catalogue"
        school.write_roster(roster)
        school.write_catalogue(courses)
        import_roster(settings, TENANT, roster, home_page=HOME_PAGE)
        catalogue.import_folder(settings.home, TENANT, courses)
    return school


def make_logins(settings: Settings, record: Record, school: Any) -> None:
    """An account with a password of its own for one person of each role, once."""
    from people import accounts, passwords
    from people.db import open_people

    sourced_ids = dataclasses.asdict(school.people_for_demo())
    engine = open_people(settings)
    try:
        for role in ROLES:
            if role in record.logins:
                continue
            password = passwords.new_password()
            person_key = _person_key(engine, sourced_ids[role])
            accounts.create(
                engine,
                tenant=TENANT,
                login=role,
                password=password,
                person_key=person_key,
                role_names=[role] if role in GRANTED else [],
            )
            record.logins[role] = {"login": role, "password": password}
            record.write(settings.home)
    finally:
        engine.dispose()


def send_school(settings: Settings, record: Record, school: Any, watch: Watch) -> SendReport:
    """Send the school's statements over HTTP; those that an earlier demo has sent are left out."""
    total, before = school.statement_count, record.sent_count

    def settled_so_far(report: SendReport) -> None:
        record.sent_count = before + report.sent
        watch(record.sent_count, total)

    try:
        with Sender(settings.lrs_url, record.key, record.secret) as sender:
            return sender.send(itertools.islice(school.statements(), before, None), progress=settled_so_far)
    finally:
        record.write(settings.home)


def mooc_file(settings: Settings) -> Path | None:
    """The national MOOC's statements, where the public data sets are."""
    for folder in (settings.data_dir, Path(__file__).resolve().parents[2] / "shared" / "data"):
        if folder and (folder / MOOC_FILE).is_file():
            return folder / MOOC_FILE
    return None


def send_mooc(settings: Settings, record: Record, file: Path, watch: Watch) -> None:
    """Send the MOOC's statements as they are, once; an import that was broken off goes on where it was."""
    from lrs.importing import ImportReport, import_file

    if record.has_mooc:
        return

    def settled_so_far(report: ImportReport) -> None:
        watch(report.lines, 0)

    with Sender(settings.lrs_url, record.key, record.secret) as sender:
        report = import_file(
            settings.home,
            sender,
            file,
            rejects=settings.home.logs / "mooc-refused.jsonl",
            progress=settled_so_far,
        )
    watch(report.lines, report.lines)
    record.has_mooc = True
    record.write(settings.home)


def assign_teacher(settings: Settings, record: Record, *, wait_seconds: float = 180.0) -> int:
    """Make the demo teacher the teacher of every course that the pipeline has discovered; waits for its first finds.

    As an administrator would: until then no teacher sees those courses. Answers how many there are.
    """
    from people import assignments
    from people.db import open_people

    deadline = time.monotonic() + wait_seconds
    engine = open_people(settings)
    try:
        while not (found := assignments.list_discovered_sections(engine, TENANT)):
            if time.monotonic() > deadline:
                return 0
            time.sleep(0.5)
        for section in found:
            assignments.assign_teacher(
                engine, settings.home, TENANT, section.section_key, record.logins["teacher"]["login"]
            )
    finally:
        engine.dispose()
    return len(found)


def _person_key(engine: Any, sourced_id: str) -> str:
    from sqlalchemy import select

    from people.db import reading
    from people.tables import person
    from sources.school import HOME_PAGE

    with reading(engine) as connection:
        found: str = connection.execute(
            select(person.c.person_key).where(
                person.c.tenant == TENANT, person.c.source == HOME_PAGE, person.c.sourced_id == sourced_id
            )
        ).scalar_one()
    return found
