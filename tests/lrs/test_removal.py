"""Statements deleted for good: every place a person is in, voided pairs, references, files, the lake; `kill -9` at each step."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import os
import signal
import subprocess
import sys
import threading
import uuid
from typing import Any

import httpx
import pyarrow.parquet as pq
import pytest
from deltalake import DeltaTable
from typer.testing import CliRunner

from cli.lrs import app
from learnlake.errors import InputError
from learnlake.identity import Identifier, identifier_key, identity_secret
from learnlake.settings import Settings
from lrs import credentials, lake
from lrs.removal import Selection, plan, remove
from lrs.store.moment import microseconds_of
from tests.lrs.served import Lrs, statement
from tests.lrs.test_resources import attachment, parts
from tests.scale import scaled

ADA = {"objectType": "Agent", "account": {"homePage": "https://school.example", "name": "ada-4711"}}
IDENTIFIER = Identifier.account("https://school.example", "ada-4711")
MAIL = {"objectType": "Agent", "mbox": "mailto:Ada.4711@School.example"}
VOIDED = "http://adlnet.gov/expapi/verbs/voided"


def where_a_person_can_be(who: dict[str, Any]) -> list[dict[str, Any]]:
    """One statement for each place of the standard in which an agent may appear."""
    group = {"objectType": "Group", "member": [who]}
    named = {"objectType": "Group", "mbox": "mailto:team@x.example", "member": [who]}
    sub = {"objectType": "SubStatement", "actor": who, **{k: statement()[k] for k in ("verb", "object")}}
    deep = {**sub, "actor": statement()["actor"], "context": {"instructor": who}}
    return [
        statement(actor=who),
        statement(actor=group),
        statement(actor=named),
        statement(object=who),
        statement(object=named),
        statement(context={"instructor": who}),
        statement(context={"team": named}),
        statement(object=sub),
        statement(object=deep),
    ]


def ids_of(client: httpx.Client, **filters: Any) -> set[str]:
    answer = client.get("/statements", params={"limit": 1000, **filters})
    answer.raise_for_status()
    return {item["id"] for item in answer.json()["statements"]}


def lake_ids(settings: Settings, tenant: str | None = None) -> set[str]:
    table = DeltaTable(str(settings.home.lake_statements))
    partitions = None if tenant is None else [("tenant", "=", tenant)]
    return set(table.to_pyarrow_table(columns=["id"], partitions=partitions)["id"].to_pylist())


def own_tenant(lrs: Lrs, keys: int) -> list[str]:
    """A new tenant's name and the keys of as many credentials of it; their secret is `s`."""
    tenant = f"t-{uuid.uuid4().hex[:8]}"
    names = [f"{tenant}-{number}" for number in range(keys)]
    for name in names:
        credentials.create(lrs.settings, name=name, tenant=tenant, key=name, secret="s")
    return [tenant, *names]


def every_file_as_bytes(settings: Settings) -> bytes:
    """All that the home folder holds of statements, decoded: pages and log of SQLite, Parquet files, the Delta log and its checkpoints."""
    found = b""
    for path in sorted(settings.home.path.rglob("*")):
        if path.suffix == ".parquet":
            table = pq.read_table(path)
            found += "\n".join(str(table[name].to_pylist()) for name in table.column_names).encode()
        elif path.is_file():
            found += path.read_bytes()
    return found


def test_a_person_goes_from_every_place_and_nobody_else(each_lrs: Lrs) -> None:
    lrs = each_lrs
    credentials.create(lrs.settings, name="other", tenant="other", key="other", secret="s")
    about, others = [*where_a_person_can_be(ADA), statement(actor=MAIL)], [statement() for _ in range(20)]
    named_in_passing = statement(result={"response": "ada-4711", "extensions": {"https://x.example/e": ADA}})
    with lrs.client(version="2.0.0") as client, lrs.client(key="other", secret="s") as other:
        role = {"objectType": "contextAgent", "agent": ADA}
        about.append(statement(context={"contextAgents": [role]}))
        group = {"objectType": "contextGroup", "group": {"objectType": "Group", "member": [ADA]}}
        about.append(statement(context={"contextGroups": [group]}))
        refers = statement(object={"objectType": "StatementRef", "id": about[0]["id"]})
        refers_on = statement(object={"objectType": "StatementRef", "id": refers["id"]})
        client.post("/statements", json=[*others, refers_on, named_in_passing]).raise_for_status()
        client.post("/statements", json=about[:6]).raise_for_status()
        lake.seal_once(lrs.settings)
        client.post("/statements", json=[*about[6:], refers]).raise_for_status()
        theirs = statement(actor=ADA)
        other.post("/statements", json=theirs).raise_for_status()
        place = {"activityId": "https://x.example/a", "agent": json.dumps(ADA)}
        for c in (client, other):
            c.put("/activities/state", params={**place, "stateId": "s"}, json={"a": 1}).raise_for_status()
            c.put(
                "/agents/profile", params={"agent": json.dumps(ADA), "profileId": "p"}, json={"b": 1},
                headers={"If-None-Match": "*"},
            ).raise_for_status()  # fmt: skip
        assert ids_of(client, agent=json.dumps(ADA)) >= {refers["id"], refers_on["id"]}
        sha1 = hashlib.sha1(b"mailto:Ada.4711@school.example").hexdigest()
        about.append(statement(actor={"mbox_sha1sum": sha1.upper()}))
        client.post("/statements", json=about[-1]).raise_for_status()
        lake.seal_once(lrs.settings)

        selection = Selection("default", agents=(IDENTIFIER, Identifier("mbox", MAIL["mbox"])))
        foreseen = plan(lrs.settings, selection)
        assert (foreseen.statements, foreseen.documents, foreseen.referring) == (len(about), 2, 1)
        removed = remove(lrs.settings, selection)
        assert (removed.statements, removed.documents, removed.lake_rows) == (len(about), 2, len(about))
        left = {item["id"] for item in [*others, refers, refers_on, named_in_passing]}
        assert ids_of(client) == left == lake_ids(lrs.settings) - {theirs["id"]}
        for related in ("true", "false"):
            assert ids_of(client, agent=json.dumps(ADA), related_agents=related) == set()
        assert ids_of(other) == {theirs["id"]}
        assert client.get("/activities/state", params={**place, "stateId": "s"}).status_code == 404
        assert other.get("/activities/state", params={**place, "stateId": "s"}).json() == {"a": 1}
        assert all(check.is_equal for check in lake.verify(lrs.settings))
        assert remove(lrs.settings, selection).statements == 0

        again = statement(id=about[0]["id"], actor=ADA)
        client.post("/statements", json=again).raise_for_status()
        assert {refers["id"], refers_on["id"]} <= ids_of(client, agent=json.dumps(ADA))


def test_the_bytes_are_gone(lrs: Lrs) -> None:
    """Not in a free page of SQLite, not in its write-ahead log, not in an old version of the lake."""
    secret, kept = f"secret-{uuid.uuid4()}", f"kept-{uuid.uuid4()}"
    ada, eve = ({"mbox": f"mailto:{name}@x.example"} for name in (secret, kept))
    with lrs.client() as client:
        for round_ in range(30):
            mixed = [statement(actor=who, result={"response": "x" * 900}) for who in (ada, eve) * 10]
            client.post("/statements", json=mixed).raise_for_status()
            place = {"activityId": "https://x.example/a", "agent": json.dumps(ada), "stateId": "s"}
            text = f"{secret} " * (1 + round_ % 7 * 300)
            client.put("/activities/state", params=place, content=text).raise_for_status()
            if round_ % 10 == 0:
                lake.seal_once(lrs.settings)
        lake.seal_once(lrs.settings)
        lake.compact(lrs.settings)
        before = every_file_as_bytes(lrs.settings)
        assert before.count(secret.encode()) > 600 < before.count(kept.encode())
        identifier = Identifier("mbox", ada["mbox"])
        key = identifier_key(identity_secret(lrs.settings.home), "default", identifier).encode()
        log = lrs.settings.home.lake_statements / "_delta_log"
        assert key in b"".join(path.read_bytes() for path in log.iterdir())  # least or greatest of some file
        assert remove(lrs.settings, Selection("default", agents=[identifier])).statements == 300
        after = every_file_as_bytes(lrs.settings)
        assert secret.encode() not in after
        assert key not in after
        assert after.count(kept.encode()) >= 600
        assert all(check.is_equal for check in lake.verify(lrs.settings))


def test_by_time_credential_and_id_and_only_what_meets_all(shared_lrs: Lrs) -> None:
    lrs = shared_lrs
    tenant, one, two = own_tenant(lrs, 2)
    _, elsewhere = own_tenant(lrs, 1)
    batches = [[statement() for _ in range(4)] for _ in range(4)]
    times = []
    with lrs.client(key=one, secret="s") as first, lrs.client(key=two, secret="s") as second:
        for sender, batch in zip((first, second, first, second), batches, strict=True):
            sender.post("/statements", json=batch).raise_for_status()
            stored = first.get("/statements", params={"statementId": batch[-1]["id"]}).json()["stored"]
            times.append(microseconds_of(dt.datetime.fromisoformat(stored)))
        lake.seal_once(lrs.settings)
        for empty in (Selection(tenant), Selection(tenant, credential=elsewhere)):
            with pytest.raises(InputError):
                plan(lrs.settings, empty)
        assert plan(lrs.settings, Selection("nobody", since=0)).statements == 0
        span = Selection(tenant, since=times[0], until=times[2])
        assert plan(lrs.settings, span).statements == 8
        assert remove(lrs.settings, Selection(tenant, since=times[0], credential=one)).statements == 4
        ids = [uuid.UUID(item["id"]) for item in (*batches[0][:2], *batches[1][:2])]
        assert remove(lrs.settings, Selection(tenant, ids=ids, credential=two)).statements == 2
        left = {item["id"] for item in (*batches[0], *batches[1][2:], *batches[3])}
        assert ids_of(first) == left == lake_ids(lrs.settings, tenant)
        assert remove(lrs.settings, Selection(tenant, since=0)).lake_rows == 10
        assert ids_of(first) == set() == lake_ids(lrs.settings, tenant)
        first.post("/statements", json=batches[0]).raise_for_status()
        lake.seal_once(lrs.settings)
        assert len(lake_ids(lrs.settings, tenant)) == 4
        assert all(check.is_equal for check in lake.verify(lrs.settings))


def test_a_voided_statement_and_its_voiding_one_go_together(shared_lrs: Lrs) -> None:
    lrs = shared_lrs
    for chosen in (0, 1):
        tenant, key = own_tenant(lrs, 1)
        voided, stays = statement(), statement()
        voiding = statement(verb={"id": VOIDED}, object={"objectType": "StatementRef", "id": voided["id"]})
        void_void = statement(verb={"id": VOIDED}, object={"objectType": "StatementRef", "id": voiding["id"]})
        with lrs.client(key=key, secret="s") as client:
            for batch in ([voided, stays], voiding, void_void):
                client.post("/statements", json=batch).raise_for_status()
            one = Selection(tenant, ids=[uuid.UUID((voided, voiding)[chosen]["id"])])
            assert plan(lrs.settings, one).partners == 1
            assert remove(lrs.settings, one).statements == 2
            assert ids_of(client) == {stays["id"], void_void["id"]}
            client.post("/statements", json=voided).raise_for_status()
            assert ids_of(client) == {stays["id"], void_void["id"], voided["id"]}


def test_attachments_go_with_their_last_statement(shared_lrs: Lrs) -> None:
    lrs = shared_lrs
    tenant, key = own_tenant(lrs, 1)
    own, shared = os.urandom(3000), os.urandom(3000)
    first = statement(actor=ADA, attachments=[attachment(own), attachment(shared)])
    second = statement(attachments=[attachment(shared)])
    sub = {**statement(id=None), "objectType": "SubStatement", "attachments": [attachment(own)]}
    third = statement(object=sub)
    folder = lrs.settings.home.attachments / tenant
    with lrs.client(key=key, secret="s") as client:
        client.post("/statements", **parts(first, own, shared)).raise_for_status()
        client.post("/statements", **parts([second, third], own, shared)).raise_for_status()
        for going, files in ((first, 0), (third, 1), (second, 1)):
            selection = Selection(tenant, ids=[uuid.UUID(going["id"])])
            assert plan(lrs.settings, selection).attachments == files
            assert remove(lrs.settings, selection).attachments == files
        assert [path for path in folder.rglob("*") if path.is_file()] == []
        client.post("/statements", **parts(first, own, shared)).raise_for_status()
        assert len([path for path in folder.rglob("*") if path.is_file()]) == 2


CRASHING = """
import os, sys, uuid
from lrs import removal
from learnlake.settings import get_settings
step, ids = sys.argv[1], [uuid.UUID(item) for item in sys.argv[2:]]
module, name = {"chunk": (removal.rows, "remove_chunk"), "files": (removal, "_remove_attachments"),
                "lake": (removal, "remove_rows"), "close": (removal.rows, "close")}[step.split("-")[1]]
work = getattr(module, name)
def crash(*arguments, **options):
    if step.startswith("after"):
        work(*arguments, **options)
    os._exit(9)
setattr(module, name, crash)
removal._CHUNK = 3
removal.remove(get_settings(), removal.Selection("default", ids=ids))
"""


def test_a_removal_that_dies_is_finished_by_whoever_comes(lrs: Lrs) -> None:
    """The sealer, or the next removal."""
    steps = ["after-chunk", "before-lake", "after-lake", "before-close", "before-chunk"][: scaled(3, 5)]
    kept: set[str] = set()
    with lrs.client() as client:
        for number, step in enumerate(steps):
            content = os.urandom(100)
            going = [statement(attachments=[attachment(content)])] + [statement() for _ in range(9)]
            staying, late = [statement() for _ in range(5)], statement()
            client.post("/statements", **parts([*going, *staying], content)).raise_for_status()
            lake.seal_once(lrs.settings)
            command = [sys.executable, "-c", CRASHING, step, *(item["id"] for item in going)]
            assert subprocess.run(command, check=False).returncode == 9
            client.post("/statements", json=late).raise_for_status()
            if number % 2:
                selection = Selection("default", ids=[uuid.UUID(late["id"])])
                assert remove(lrs.settings, selection).statements == 1
                client.post("/statements", json=late).raise_for_status()
            lake.seal_once(lrs.settings)
            kept |= {item["id"] for item in [*staying, late]}
            assert ids_of(client) == kept == lake_ids(lrs.settings), step
            assert not [p for p in lrs.settings.home.attachments.rglob("*") if p.is_file()], step
            assert all(check.is_equal for check in lake.verify(lrs.settings)), step


def test_while_the_lrs_writes_and_a_sealer_follows(each_lrs: Lrs) -> None:
    lrs = each_lrs
    going = [statement(actor=ADA) for _ in range(300)]
    sealer = subprocess.Popen(
        [sys.executable, "-m", "cli.main", "lake", "seal", "--follow"],
        env={**os.environ, "LEARNLAKE_SEAL_INTERVAL_SECONDS": "0.05"},
        start_new_session=True,
    )
    is_over = threading.Event()
    stored: set[str] = set()

    def write() -> None:
        with lrs.client() as client:
            while not is_over.is_set():
                batch = [statement() for _ in range(10)]
                client.post("/statements", json=batch).raise_for_status()
                stored.update(item["id"] for item in batch)

    writer = threading.Thread(target=write)
    try:
        with lrs.client() as client:
            writer.start()
            for start in range(0, 300, 50):
                client.post("/statements", json=going[start : start + 50]).raise_for_status()
            removed = remove(lrs.settings, Selection("default", agents=[IDENTIFIER]))
            assert removed.statements == 300
    finally:
        is_over.set()
        writer.join()
        os.killpg(sealer.pid, signal.SIGTERM)
        sealer.wait()
    lake.seal_once(lrs.settings)
    assert lake_ids(lrs.settings) == stored
    assert all(check.is_equal for check in lake.verify(lrs.settings))


def test_the_command_counts_asks_and_deletes(lrs: Lrs) -> None:
    sent = [statement() for _ in range(3)]
    with lrs.client() as client:
        client.post("/statements", json=sent).raise_for_status()
        lake.seal_once(lrs.settings)

        def run(*more: str, typed: str = "") -> tuple[int, str]:
            options = ["delete", "--credential", "lms", "--since", "2020-01-01", *more]
            answer = CliRunner().invoke(app, options, input=typed, env={"COLUMNS": "200"})
            return answer.exit_code, answer.stdout

        status, text = run("--dry-run")
        assert (status, f"{dt.datetime.now(dt.UTC).date()}" in text, "3 statements" in text) == (
            0,
            True,
            True,
        )
        assert run(typed="n\n")[0] == 1
        assert len(ids_of(client)) == 3
        status, text = run("--yes")
        assert status == 0
        assert "3 statements, 0 attachments and 3 rows of the lake are gone" in text
        assert ids_of(client) == set() == lake_ids(lrs.settings)
