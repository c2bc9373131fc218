"""`lrs import` and `lrs export`, the sender under them, and the lake's columns, on files as an LMS gives them."""

from __future__ import annotations

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

import pyarrow as pa
import pytest
from deltalake import DeltaTable

from learnlake.errors import AccessError, DeliveryError
from learnlake.identity import Identifier, identifier_key, identity_secret
from learnlake.sender import Sender
from learnlake.settings import Settings
from lrs import lake, store
from lrs.transfer import export_file, import_file
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


def test_export_and_import_again_give_the_same_statements(lrs: Lrs, tmp_path: Path) -> None:
    sent = [statement(result={"response": f"ü {n}"}) for n in range(40)]
    with lrs.client() as client:
        client.post("/statements", json=sent).raise_for_status()
        voiding = statement(
            verb={"id": "http://adlnet.gov/expapi/verbs/voided"},
            object={"objectType": "StatementRef", "id": sent[0]["id"]},
        )
        client.post("/statements", json=voiding).raise_for_status()
    for name in ("out.jsonl", "out.jsonl.gz", "out.jsonl.zst"):
        file = tmp_path / name
        assert export_file(lrs.settings, file, tenant="default") == 40
        with Sender(lrs.url, KEY, SECRET) as sender:
            again = import_file(lrs.settings.home, sender, file, rejects=tmp_path / "rejects.jsonl")
        assert (again.lines, again.stored, again.duplicates, again.refused) == (40, 0, 40, 0)
    lines = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text().splitlines()]
    assert [line["id"] for line in lines] == [item["id"] for item in sent[1:]] + [voiding["id"]]


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
