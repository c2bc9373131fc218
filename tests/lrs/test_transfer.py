"""`lrs import` and `lrs export`, the sender under them, and the lake's columns, on files as an LMS gives them."""

from __future__ import annotations

import csv
import gzip
import json
import os
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from deltalake import DeltaTable
from typer.testing import CliRunner

from cli.lrs import app
from learnlake.errors import AccessError, DeliveryError, InputError
from learnlake.identity import Identifier, identifier_key, identity_secret
from learnlake.sender import Sender
from learnlake.settings import Settings
from lrs import credentials, lake, store
from lrs.exporting import export_file
from lrs.importing import import_file
from lrs.lake_columns import SCHEMA
from lrs.statement_files import CSV_COLUMNS, numbered_statements
from tests.lrs.served import KEY, SECRET, Lrs, serving, statement
from tests.scale import scaled


def run_import(lrs: Lrs, file: Path, *more: str) -> subprocess.CompletedProcess[str]:
    command = [
        sys.executable,
        "-m",
        "cli.main",
        "lrs",
        "import",
        str(file),
        "--url",
        lrs.url,
        "--key",
        KEY,
        "--secret",
        SECRET,
    ]
    return subprocess.run(
        [*command, *more], capture_output=True, text=True, check=False, env={**os.environ, "COLUMNS": "200"}
    )


def stored_count(settings: Settings) -> int:
    return sum(count for _, _, count in store.counts(settings))


def test_import_takes_all_and_names_what_is_refused(lrs: Lrs, tmp_path: Path) -> None:
    lines = [json.dumps(statement()) for _ in range(600)]
    lines[100] = json.dumps(statement(verb={"id": "x"}))
    lines[200] = "no json"
    lines[300] = json.dumps(statement(id=None))
    lines[400] = ""
    lines[500] = '{"a": 1}, {"b": 2}'
    file = tmp_path / "statements.jsonl.gz"
    with gzip.open(file, "wt") as out:
        out.write("\n".join(lines))
    rejects = tmp_path / "rejects.jsonl"
    result = run_import(lrs, file, "--rejects", str(rejects))
    assert result.returncode == 1, result.stderr
    assert "599 statements: 596 stored, 0 there already, 3 refused" in result.stdout
    refused = [json.loads(line) for line in rejects.read_text().splitlines()]
    assert {(row["line"], row["status"]) for row in refused} == {(101, 400), (201, 400), (501, 400)}
    assert "$[0].verb.id" in next(row["reason"] for row in refused if row["line"] == 101)
    assert stored_count(lrs.settings) == 596
    rejects.unlink()
    again = run_import(lrs, file, "--rejects", str(rejects))
    assert "599 statements: 0 stored, 596 there already, 3 refused" in again.stdout


def test_an_import_outlives_a_killed_lrs_and_a_killed_importer(each_lrs: Lrs, tmp_path: Path) -> None:
    lrs = each_lrs
    count = scaled(20_000, 200_000)
    file = tmp_path / "statements.jsonl"
    file.write_text("\n".join(json.dumps(statement()) for _ in range(count)))
    command = [
        sys.executable,
        "-m",
        "cli.main",
        "lrs",
        "import",
        str(file),
        "--url",
        lrs.url,
        "--key",
        KEY,
        "--secret",
        SECRET,
    ]
    importer = subprocess.Popen(
        [*command, "--batch-size", "50"], stdout=subprocess.DEVNULL, start_new_session=True
    )
    wait_for(lambda: stored_count(lrs.settings) > count // 20)
    lrs.stop(signal.SIGKILL)
    time.sleep(0.5)
    lrs.start()
    before = stored_count(lrs.settings)
    wait_for(lambda: stored_count(lrs.settings) > before)
    os.killpg(importer.pid, signal.SIGKILL)
    importer.wait()
    result = run_import(lrs, file)
    assert result.returncode == 0, result.stderr
    assert "settled by an earlier run" in result.stdout
    assert stored_count(lrs.settings) == count
    lake.seal_once(lrs.settings)
    ids = pa.table(DeltaTable(str(lrs.settings.home.lake_statements)).to_pyarrow_table(columns=["id"]))[
        "id"
    ].to_pylist()
    assert len(ids) == len(set(ids)) == count


def wait_for(condition: Callable[[], bool], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited too long"
        time.sleep(0.02)


ODD = [
    b'{"id":"%b", "actor": {"mbox": "mailto:a@x.example", "name": "=1+1, \\"quoted\\"\\n"},\n\r\n  "verb":{"id":"http://v.example/a"},'
    b' "object":{"id":"http://x.example/o"}, "result":{"score":{"raw":1.50,"scaled":5e-1}, "response":"\xc3\xbc;\\u0041\\ud83d\\ude00", "success":true}}',
    b'{"verb":{"id":"http://v.example/b"},"object":{"objectType":"Agent","mbox":"mailto:b@x.example"},"actor":{"account":'
    b'{"homePage":"https://s.example","name":"+49"}},"id":"%b","timestamp":"2026-01-01T00:00:00.123456789Z"}',
]
"""Statements whose bytes a careless copy would change: white space, numbers, escapes, formulas, line feeds."""


def parts_as_they_came(line: bytes) -> dict[str, bytes]:
    """The bytes of each property but those that an LRS sets itself; outside strings no line feed means anything."""
    fields = msgspec.json.decode(line, type=dict[str, msgspec.Raw])
    return {
        name: bytes(value).translate(None, b"\r\n")
        for name, value in fields.items()
        if name not in ("stored", "authority")
    }


@pytest.mark.parametrize("name", ["o.jsonl", "o.jsonl.gz", "o.jsonl.zst", "o.csv", "o.csv.gz", "o.parquet"])
def test_what_is_exported_and_imported_again_is_the_same(
    shared_lrs: Lrs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    lrs = shared_lrs
    monkeypatch.setattr("lrs.exporting._CHUNK", 3)  # several pieces
    here, there = (f"{place}-{uuid.uuid4().hex[:8]}" for place in ("from", "to"))
    for tenant in (here, there):
        credentials.create(lrs.settings, name=tenant, tenant=tenant, key=tenant, secret="s")
    sent = [raw % str(uuid.uuid4()).encode() for raw in ODD] + [
        json.dumps(statement()).encode() for _ in range(9)
    ]
    with lrs.client(key=here, secret="s") as client:
        for raw in sent:
            client.post(
                "/statements", content=raw, headers={"Content-Type": "application/json"}
            ).raise_for_status()
        gone = statement()
        client.post("/statements", json=gone).raise_for_status()
        voiding = statement(
            verb={"id": "http://adlnet.gov/expapi/verbs/voided"},
            object={"objectType": "StatementRef", "id": gone["id"]},
        )
        client.post("/statements", json=voiding).raise_for_status()
    assert export_file(lrs.settings, tmp_path / name, tenant=here) == len(sent) + 1
    with Sender(lrs.url, there, "s", connections=1) as sender:
        report = import_file(lrs.settings.home, sender, tmp_path / name, rejects=tmp_path / "rejects.jsonl")
    assert (report.stored, report.refused) == (len(sent) + 1, 0)
    for tenant in (here, there):
        export_file(lrs.settings, tmp_path / f"{tenant}.jsonl", tenant=tenant)
    first, second = ((tmp_path / f"{tenant}.jsonl").read_bytes().splitlines() for tenant in (here, there))
    assert len(first) == len(sent) + 1
    assert [parts_as_they_came(line) for line in first] == [parts_as_they_came(line) for line in second]
    assert b'"raw":1.50,"scaled":5e-1' in first[0]
    assert {path.name for path in tmp_path.iterdir()} == {name, f"{here}.jsonl", f"{there}.jsonl"}
    if name == "o.parquet":
        table = pq.read_table(tmp_path / name)
        assert table.schema.names == SCHEMA.names
        assert table["score_raw"].to_pylist()[:2] == [1.5, None]
    if name == "o.csv":
        rows = list(csv.DictReader((tmp_path / name).open(newline="")))
        assert tuple(rows[0]) == CSV_COLUMNS
        assert (rows[0]["actor_mbox"], rows[0]["score_raw"], rows[0]["result_success"]) == (
            "mailto:a@x.example",
            "1.5",
            "true",
        )
        assert rows[1]["actor_name"] == "'+49"


def test_an_export_takes_the_filters_of_the_standard(
    shared_lrs: Lrs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lrs = shared_lrs
    monkeypatch.setattr("cli.lrs.get_settings", lambda: lrs.settings)
    tenant = f"filters-{uuid.uuid4().hex[:8]}"
    for key in (tenant, f"{tenant}-2"):
        credentials.create(lrs.settings, name=key, tenant=tenant, key=key, secret="s")
    registration, who = str(uuid.uuid4()), {"mbox": "mailto:who@x.example"}
    context = {
        "registration": registration,
        "instructor": who,
        "contextActivities": {"parent": [{"id": "http://x.example/p"}]},
    }
    plain, by_verb, by_agent, in_context = (
        statement(), statement(verb={"id": "http://v.example/v"}), statement(actor=who), statement(context=context)
    )  # fmt: skip
    with lrs.client(key=tenant, secret="s") as client:
        client.post("/statements", json=[plain, by_verb, by_agent]).raise_for_status()
        until = client.get("/statements", params={"limit": 1}).json()["statements"][0]["stored"]
    with lrs.client(key=f"{tenant}-2", secret="s") as client:
        client.post("/statements", json=in_context).raise_for_status()
    agent = json.dumps(who)
    cases: list[tuple[list[str], list[dict[str, Any]]]] = [
        ([], [plain, by_verb, by_agent, in_context]),
        (["--verb", "http://v.example/v"], [by_verb]),
        (["--agent", agent], [by_agent]),
        (["--agent", agent, "--related-agents"], [by_agent, in_context]),
        (["--activity", "http://x.example/p"], []),
        (["--activity", "http://x.example/p", "--related-activities"], [in_context]),
        (["--registration", registration.upper(), "--agent", agent], []),
        (["--registration", registration.upper(), "--agent", agent, "--related-agents"], [in_context]),
        (["--credential", f"{tenant}-2"], [in_context]),
        (["--until", until], [plain, by_verb, by_agent]),
        (["--since", until], [in_context]),
    ]
    for options, expected in cases:
        file = tmp_path / "out.jsonl"
        assert CliRunner().invoke(app, ["export", str(file), "--tenant", tenant, *options]).exit_code == 0
        found = [json.loads(line)["id"] for line in file.read_text().splitlines()]
        assert found == [item["id"] for item in expected], options
    for wrong in (
        ["--verb", "no iri"],
        ["--agent", "{}"],
        ["--registration", "1"],
        ["--credential", "nobody"],
    ):
        result = CliRunner().invoke(app, ["export", str(tmp_path / "no.jsonl"), "--tenant", tenant, *wrong])
        assert isinstance(result.exception, InputError), wrong
    with pytest.raises(InputError, match="format"):
        export_file(lrs.settings, tmp_path / "out.xlsx", tenant=tenant)


EXPORT_THAT_DIES = """
import os, sys
from pathlib import Path
from lrs import exporting
from learnlake.settings import get_settings
exporting._CHUNK = 10
save = exporting._save
def crash(*arguments):
    if arguments[2].count == 30:
        os._exit(9)
    save(*arguments)
exporting._save = crash
exporting.export_file(get_settings(), Path(sys.argv[1]), tenant="default")
"""


def test_an_export_that_dies_leaves_no_file_and_goes_on_from_where_it_was(lrs: Lrs, tmp_path: Path) -> None:
    sent = [statement() for _ in range(55)]
    with lrs.client() as client:
        client.post("/statements", json=sent).raise_for_status()
        for name in ("o.jsonl.gz", "o.parquet"):
            file = tmp_path / name
            died = subprocess.run([sys.executable, "-c", EXPORT_THAT_DIES, str(file)], check=False)
            assert (died.returncode, file.exists()) == (9, False)
            seen: list[int] = []

            def note(count: int, reached: int, last: int, seen: list[int] = seen) -> None:
                seen.append(count)

            assert export_file(lrs.settings, file, tenant="default", progress=note) == 55
            assert seen[0] > 20
            ids = [json.loads(raw)["id"] for _, raw in numbered_statements(file)]
            assert ids == [item["id"] for item in sent]
    assert sorted(path.name for path in tmp_path.iterdir() if path.is_file()) == ["o.jsonl.gz", "o.parquet"]


def test_a_csv_written_by_hand_becomes_statements(lrs: Lrs, tmp_path: Path) -> None:
    file, rejects = tmp_path / "hand.csv", tmp_path / "rejects.jsonl"
    file.write_text(
        "actor_mbox,actor_home_page,actor_name,verb_id,object_id,timestamp,result_success,score_scaled,duration_seconds,registration\n"
        "ada@x.example,,,http://v.example/a,http://x.example/o,2026-03-01T10:00:00Z,TRUE,0.5,90,\n"
        ',https://s.example,"Lee, ""A""\nB",http://v.example/a,http://x.example/o,,,,,\n'
        "ada@x.example,,,answered,http://x.example/o,,,,,\n"
        "ada@x.example,,,http://v.example/a,http://x.example/o,,maybe,,,\n"
    )
    result = run_import(lrs, file, "--rejects", str(rejects))
    assert "4 statements: 2 stored, 0 there already, 2 refused" in result.stdout, result.stderr
    refused = {row["line"]: row["reason"] for row in map(json.loads, rejects.read_text().splitlines())}
    assert refused.keys() == {5, 6}
    assert "$[0].verb.id" in refused[5]
    assert "success" in refused[6]
    with lrs.client() as client:
        second, first = client.get("/statements").json()["statements"]
    assert first["result"] == {"success": True, "score": {"scaled": 0.5}, "duration": "PT90S"}
    assert (first["actor"]["mbox"], first["timestamp"]) == ("mailto:ada@x.example", "2026-03-01T10:00:00Z")
    assert second["actor"]["account"] == {"homePage": "https://s.example", "name": 'Lee, "A"\nB'}
    with Sender(lrs.url, KEY, SECRET) as sender:
        assert import_file(lrs.settings.home, sender, file, rejects=rejects).duplicates == 2
    for name, content in (("no.csv", "a,b\n1,2\n"), ("no.parquet", "x"), ("bad.csv", "statement\n\xff")):
        (tmp_path / name).write_bytes(content.encode("latin-1"))
        with Sender(lrs.url, KEY, SECRET) as sender, pytest.raises(InputError):
            import_file(lrs.settings.home, sender, tmp_path / name, rejects=rejects)


def test_the_sender_reports_refusals_by_position(lrs: Lrs) -> None:
    taken = statement()
    with lrs.client() as client:
        client.post("/statements", json=taken).raise_for_status()
    given: list[Any] = [statement() for _ in range(100)]
    given[10] = {**taken, "verb": {"id": "http://v.example/other"}}
    given[20] = taken
    given[30] = b"{"
    given[40] = json.dumps(statement(id=None)).encode()
    given[50] = statement(actor={})
    progress: list[int] = []
    with Sender(lrs.url, KEY, SECRET, batch_size=16) as sender:
        report = sender.send(given, progress=lambda so_far: progress.append(so_far.sent))
    assert (report.sent, report.stored, report.duplicates) == (100, 96, 1)
    assert sorted((refusal.position, refusal.status) for refusal in report.refused) == [
        (10, 409),
        (30, 400),
        (50, 400),
    ]
    assert progress == [16, 32, 48, 64, 80, 96, 100]


def test_the_sender_gives_up_with_a_name(lrs: Lrs, free_port: Callable[[], int]) -> None:
    with Sender(lrs.url, KEY, "wrong") as sender, pytest.raises(AccessError):
        sender.send([statement()])
    with (
        Sender(f"http://127.0.0.1:{free_port()}/xapi", KEY, SECRET, retry_seconds=0.5) as sender,
        pytest.raises(DeliveryError),
    ):
        sender.send([statement()])
    with Sender(f"{lrs.root}/nowhere", KEY, SECRET) as sender, pytest.raises(DeliveryError):
        sender.send([statement()])


def test_columns_of_the_lake(lrs: Lrs) -> None:
    account = {"homePage": "https://school.example", "name": "s1"}
    parent = {
        "id": "https://school.example/c",
        "definition": {"type": "http://adlnet.gov/expapi/activities/course"},
    }
    first = statement(
        id=str(uuid.uuid4()).upper(),
        actor={"account": account},
        object={"id": "https://school.example/i", "definition": {"type": "http://t.example/item"}},
        result={
            "success": False,
            "score": {"scaled": 0.5, "raw": 5, "min": 0, "max": 10},
            "duration": "P1Y2M3DT4H5M6.5S",
        },
        context={
            "registration": "12345678-1234-1234-1234-123456789ABC",
            "platform": "app",
            "contextActivities": {"grouping": [parent, {"id": "https://x.example/s"}], "parent": parent},
            "extensions": {"https://w3id.org/learnlake/xapi/extensions/skills": ["fractions", "ratios"]},
        },
        timestamp="2026-01-31T09:30:00.5+01:00",
    )
    second = statement(
        actor={"objectType": "Group", "member": []},
        verb={"id": "http://adlnet.gov/expapi/verbs/voided"},
        object={"objectType": "StatementRef", "id": first["id"]},
    )
    with lrs.client() as client:
        client.post("/statements", json=[first, second]).raise_for_status()
        raw = client.get("/statements", params={"voidedStatementId": first["id"]}).text
    assert lake.seal_once(lrs.settings).count == 2
    rows = (
        pa.table(DeltaTable(str(lrs.settings.home.lake_statements)).to_pyarrow_table())
        .sort_by("seq")
        .to_pylist()
    )
    one, two = rows
    key = identifier_key(
        identity_secret(lrs.settings.home),
        "default",
        Identifier.account(**{"home_page": account["homePage"], "name": "s1"}),
    )
    assert one["raw"] == raw
    assert (one["tenant"], one["seq"], one["id"]) == ("default", 1, first["id"].lower())
    assert (one["actor_key"], one["actor_home_page"], one["actor_type"]) == (
        key,
        account["homePage"],
        "Agent",
    )
    assert one["timestamp"].isoformat() == "2026-01-31T08:30:00.500000+00:00"
    assert one["stored"].date() == one["stored_date"]
    assert (one["object_type"], one["object_id"], one["object_activity_type"]) == (
        "Activity",
        first["object"]["id"],
        "http://t.example/item",
    )
    assert (one["registration"], one["platform"], one["voids"]) == (
        "12345678-1234-1234-1234-123456789abc",
        "app",
        None,
    )
    assert (one["result_success"], one["result_completion"]) == (False, None)
    assert [one[f"score_{k}"] for k in ("scaled", "raw", "min", "max")] == [0.5, 5.0, 0.0, 10.0]
    assert one["duration_seconds"] == 365 * 86400 + 60 * 86400 + 3 * 86400 + 4 * 3600 + 5 * 60 + 6.5
    course = {"id": parent["id"], "type": parent["definition"]["type"]}
    assert one["context_activities"] == [
        {"relation": "parent", **course},
        {"relation": "grouping", **course},
        {"relation": "grouping", "id": "https://x.example/s", "type": None},
    ]
    assert one["skills"] == ["fractions", "ratios"]
    assert (two["actor_key"], two["actor_type"], two["voids"]) == (None, "Group", first["id"].lower())
    assert (two["object_type"], two["object_id"], two["skills"]) == ("StatementRef", first["id"], None)
    assert store.counts(lrs.settings) == [("default", one["stored_date"], 2)]


@pytest.mark.real_data
def test_the_mooc_statements_are_taken_as_they_are(
    settings: Settings, free_port: Callable[[], int], public_data: Path
) -> None:
    file = public_data / "xapi" / "funmooc_statements_20211124_1128.jsonl.zst"
    with serving(settings, free_port()) as lrs:
        result = run_import(lrs, file)
        assert "14951 statements: 14951 stored, 0 there already, 0 refused" in result.stdout
        assert lake.seal_once(settings).count == 14951
        assert all(check.is_equal for check in lake.verify(settings))
