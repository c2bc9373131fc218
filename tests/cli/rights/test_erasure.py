"""A person is erased from every room of a running home: found everywhere before, nowhere after, and nobody else is touched."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import pytest
from deltalake import DeltaTable
from sqlalchemy import select

from cli.rights import erasure, receipt
from cli.rights.journal import Journal
from cli.rights.scan import scan
from learnlake.errors import BusyError, InputError
from learnlake.identity import Identifier
from learnlake.protocols import Subject
from learnlake.settings import Settings
from lrs.lake import seal_once, verify
from lrs.redaction import HOME_PAGE as ERASED
from people.db import open_people, reading
from people.discovery import Found, FoundActor, register_discovered
from people.subject import find_subject
from people.tables import enrolment, identifier, person
from tests.cli.rights.planted import plant
from tests.cli.rights.school import CLASSMATE, STUDENT, School, agent, subject_of
from tests.lrs.served import Lrs, statement
from warehouse import snapshot


def silent(*_: object) -> None:
    """No progress is shown."""


def fingerprints(settings: Settings, tenant: str) -> dict[str, str]:
    """A hash of every row that the tenant has, in the store, people.db, the lake and the marts, and of its files."""
    found = {}
    engine = open_people(settings)
    with reading(engine) as connection:
        for table in (person, identifier, enrolment):
            rows = connection.execute(select(table).where(table.c.tenant == tenant)).all()
            found[table.name] = _hash(map(str, rows))
    engine.dispose()
    with contextlib.closing(sqlite3.connect(settings.home.lrs_db)) as raw:
        for table in ("statement", "document"):
            rows = raw.execute(f"select * from {table} where tenant = ?", [tenant]).fetchall()
            found[f"store {table}"] = _hash(map(str, rows))
    lake = DeltaTable(settings.home.lake_statements).to_pyarrow_table(partitions=[("tenant", "=", tenant)])
    found["lake"] = _hash(map(str, zip(lake["seq"].to_pylist(), lake["raw"].to_pylist(), strict=True)))
    newest = snapshot.current(settings.home)
    assert newest is not None
    with duckdb.connect(str(snapshot.tenant_file(newest, tenant)), read_only=True) as connection:
        for (mart,) in connection.execute("select table_name from duckdb_tables()").fetchall():
            if not mart.startswith("qc_"):  # those tell of the build
                found[mart] = _hash(map(_row, connection.execute(f"from {mart}").fetchall()))
    for path in sorted((settings.home.attachments / tenant).rglob("*")):
        if path.is_file():
            found[path.name] = hashlib.sha256(path.read_bytes()).hexdigest()
    return found


def _hash(rows: Any) -> str:
    return hashlib.sha256("\n".join(sorted(rows)).encode()).hexdigest()


def _row(row: tuple[Any, ...]) -> str:
    """A mart's row; sums of fractions depend on the order of adding in their last digit."""
    return str([f"{value:.9g}" if isinstance(value, float) else value for value in row])


@pytest.fixture(scope="module")
def erased(home: School) -> dict[str, Any]:
    """The erasure, done once: what was seen before, and the receipt."""
    settings = home.settings
    subject = subject_of(settings)
    plant(settings.home.mlflow / "artifacts" / "risk-default", STUDENT)
    plant(settings.home.logs, STUDENT)
    seen = {
        "subject": subject,
        "before": fingerprints(settings, "other"),
        "plan": erasure.plan(settings, subject),
        "scan": scan(settings, subject),
        "builds": {path.name for path in settings.home.snapshots.iterdir()},
    }
    path = erasure.erase(settings, subject, requested_by="operator:0", progress=silent)
    return {**seen, "path": path, "receipt": receipt.verify(settings.home, path)}


def test_it_is_found_in_every_place_before_and_in_none_after(home: School, erased: dict[str, Any]) -> None:
    places = {hit.path.split("/")[0] for hit in erased["scan"].hits}
    assert places == {"lrs.db", "people.db", "lake", "warehouse", "attachments", "logs", "mlflow"}
    assert not erased["scan"].unread
    assert erased["receipt"]["scan"]["hits"] == erased["receipt"]["scan"]["unread"] == []
    assert erased["receipt"]["is_complete"]
    assert scan(home.settings, erased["subject"]).is_clean
    assert all(
        not one.count or one.fate == "kept"
        for found in erasure.plan(home.settings, erased["subject"]).values()
        for one in found
    )


def test_another_tenant_with_the_same_identifiers_is_untouched(home: School, erased: dict[str, Any]) -> None:
    assert fingerprints(home.settings, "other") == erased["before"]
    assert scan(home.settings, subject_of(home.settings, tenant="other")).hits


def test_others_keep_their_statements_without_the_persons_name(home: School, erased: dict[str, Any]) -> None:
    found = {}
    with home.client("default") as client:
        for where, statement_id in home.mentions.items():
            answer = client.get("/statements", params={"statementId": statement_id})
            found[where] = answer.raise_for_status().json()
        of_student = {"agent": json.dumps(agent(STUDENT)), "related_agents": "true"}
        assert client.get("/statements", params=of_student).json()["statements"] == []
        essay = client.get(
            "/statements", params={"agent": json.dumps(agent(CLASSMATE)), "attachments": "true"}
        )
        assert "X-Experience-API-Hash" in essay.text
        profile = client.get(
            "/activities/profile", params={"activityId": found["text"]["object"]["id"], "profileId": "best"}
        ).json()
    assert found["instructor"]["context"]["instructor"]["account"]["homePage"] == ERASED
    assert [m["account"]["homePage"] == ERASED for m in found["team"]["context"]["team"]["member"]] == [
        False,
        True,
    ]
    assert found["group"]["actor"]["member"][1] == agent(CLASSMATE)
    assert found["object"]["object"]["account"]["homePage"] == ERASED
    pseudonym = found["instructor"]["context"]["instructor"]["account"]["name"]
    assert pseudonym.startswith("erased-")
    assert found["text"]["result"]["response"] == f"I asked {pseudonym} and she helped"
    assert profile == {"best": [pseudonym, CLASSMATE]}
    assert all(item["authority"] and item["timestamp"] for item in found.values())
    assert all(check.is_equal for check in verify(home.settings))


def test_the_receipt_counts_everything_and_names_nobody(home: School, erased: dict[str, Any]) -> None:
    contents = erased["receipt"]
    planned = {(room, one.what): one.count for room, found in erased["plan"].items() for one in found}
    assert {(row["room"], row["what"]): row["found"] for row in contents["rooms"]} == planned
    assert planned["lrs", "statements"] > 300
    assert planned["lrs", "statements of others that name the person"] == len(home.mentions)
    text = erased["path"].read_text()
    subject = erased["subject"]
    for naming in (STUDENT, *subject.texts, *subject.person_keys, *subject.identifier_keys):
        assert naming not in text
    assert contents["person"] == receipt.person_hash(home.settings.home, subject)
    assert (home.settings.home.secrets / receipt.KEY).stat().st_mode & 0o777 == 0o600


def test_old_snapshots_are_gone_and_a_new_one_is_there(home: School, erased: dict[str, Any]) -> None:
    now = {path.name for path in home.settings.home.snapshots.iterdir()}
    assert len(now) == 1
    assert not now & erased["builds"]


def test_a_changed_receipt_is_refused(home: School, erased: dict[str, Any], tmp_path: Path) -> None:
    signed = json.loads(erased["path"].read_text())
    signed["receipt"]["is_complete"] = False
    (tmp_path / "changed.json").write_text(json.dumps(signed))
    with pytest.raises(InputError, match="changed after it was signed"):
        receipt.verify(home.settings.home, tmp_path / "changed.json")


def test_nobody_is_known_under_the_name_any_more(home: School, erased: dict[str, Any]) -> None:
    with pytest.raises(InputError, match="Nobody is known"):
        subject_of(home.settings)


def test_one_at_a_time_and_the_unfinished_one_first(settings: Settings) -> None:
    mine, others = (Subject("t", (f"p_{digit * 24}",), (), ()) for digit in "12")
    with (settings.home.run / "erasure.lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(BusyError, match="Another erasure is at work"):
            erasure.erase(settings, mine, requested_by="operator:0", progress=silent)
    Journal("e", "2026-01-01T00:00:00", "operator:0", others, {}).write(settings.home)
    with pytest.raises(BusyError, match="The erasure of another person was broken off"):
        erasure.erase(settings, mine, requested_by="operator:0", progress=silent)


def test_killed_twice_it_is_finished_by_resume(lrs: Lrs) -> None:
    """No build was ever published here, so that the rebuild is out of the way."""
    settings = lrs.settings
    theirs = [statement(actor=agent(STUDENT)) for _ in range(400)]
    others = [statement(actor=agent(CLASSMATE), context={"instructor": agent(STUDENT)}) for _ in range(100)]
    with lrs.client() as client:
        for start in range(0, 400, 100):
            client.post("/statements", json=theirs[start : start + 100]).raise_for_status()
        client.post("/statements", json=others).raise_for_status()
    seal_once(settings)
    known = Identifier.account(agent(STUDENT)["account"]["homePage"], STUDENT)
    engine = open_people(settings)
    register_discovered(engine, settings.home, Found(actors=[FoundActor("default", known)]))
    subject = find_subject(engine, f"{known.account_parts[0]}|{STUDENT}")
    engine.dispose()

    def killed(*arguments: str, when: Callable[[Journal], bool]) -> None:
        """Begin the command and kill it outright once the journal says so."""
        command = [sys.executable, "-m", "cli.main", "erase", *arguments]
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, start_new_session=True)
        while process.poll() is None:
            if (journal := Journal.read(settings.home)) and when(journal):
                os.killpg(process.pid, signal.SIGKILL)
                break
            time.sleep(0.005)
        process.wait()

    killed(subject.person_key, "--yes", when=lambda journal: True)
    assert Journal.read(settings.home)
    killed("resume", when=lambda journal: "people" in journal.done)
    path = (
        erasure.resume(settings, progress=silent)
        if Journal.read(settings.home)
        else next(settings.home.receipts.glob("*.json"))
    )
    contents = receipt.verify(settings.home, path)
    assert contents["is_complete"]
    counted = {row["what"]: (row["found"], row["left"]) for row in contents["rooms"] if row["room"] == "lrs"}
    assert counted["statements"] == (400, 0)
    assert counted["statements of others that name the person"] == (100, 0)
    assert Journal.read(settings.home) is None
    with lrs.client() as client:
        kept = client.get("/statements", params={"agent": json.dumps(agent(CLASSMATE)), "limit": 200}).json()
    assert {item["id"] for item in kept["statements"]} == {item["id"] for item in others}
    seal_once(settings)
    assert all(check.is_equal for check in verify(settings))
