"""Forwarding to a second LRS of ours and to a small webhook server that fails as planned; nothing lost, duplicates by id only."""

from __future__ import annotations

import base64
import contextlib
import email.utils
import hashlib
import hmac
import http.server
import json
import os
import signal
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from typer.testing import CliRunner

from cli.lrs import app
from learnlake.clock import utc_now
from learnlake.errors import InputError, SettingsError
from learnlake.identity import Identifier
from learnlake.protocols import Finding, Subject
from learnlake.settings import Settings, get_settings
from lrs import credentials
from lrs.forwarding import targets
from lrs.forwarding.delivery import Verdict, deliver, pause_seconds
from lrs.removal import Selection, remove
from lrs.rights import LrsRoom
from lrs.store import targets as store
from lrs.store.read import Row
from tests.lrs.served import KEY, SECRET, Lrs, serving, statement
from tests.lrs.test_resources import attachment, parts, read_parts

Plan = Callable[[int, list[dict[str, Any]]], int | tuple[int, dict[str, str]] | None]
"""(number of the request, its statements) to a status, with headers perhaps; None: no answer at all."""


class Webhook:
    """A receiver of its own, on a port of its own, that answers by a plan and keeps what it accepted."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.url = f"http://127.0.0.1:{port}/hook?token=t0ken"
        self.plan: Plan = lambda number, statements: 200
        self.requests: list[tuple[dict[str, str], bytes]] = []
        self.accepted: list[str] = []

    def answer(self, headers: dict[str, str], body: bytes) -> int | tuple[int, dict[str, str]] | None:
        statements = json.loads(body)["data"]["statements"]
        self.requests.append((headers, body))
        said = self.plan(len(self.requests), statements)
        if said == 200:
            self.accepted += [item["id"] for item in statements]
        return said

    @contextlib.contextmanager
    def listening(self) -> Iterator[None]:
        hook = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                said = hook.answer({k.lower(): v for k, v in self.headers.items()}, body)
                if said is None:
                    self.close_connection = True
                    return
                status, headers = said if isinstance(said, tuple) else (said, {})
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", "5")
                self.end_headers()
                self.wfile.write(b"words")

            def log_message(self, *arguments: object) -> None:
                pass

        server = http.server.ThreadingHTTPServer(("127.0.0.1", self.port), Handler)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield
        finally:
            server.shutdown()
            thread.join()
            server.server_close()


@contextlib.contextmanager
def forwarder() -> Iterator[subprocess.Popen[bytes]]:
    """`learnlake lrs forward run` on the test's home."""
    command = [sys.executable, "-m", "cli.main", "lrs", "forward", "run"]
    process = subprocess.Popen(command, env={**os.environ}, start_new_session=True)
    try:
        yield process
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGTERM)
        process.wait(timeout=40)


def wait_for(condition: Callable[[], object], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "did not come true in time"
        time.sleep(0.05)


def standing(settings: Settings, name: str) -> store.Standing:
    with targets.changing(settings) as connection:
        return next(item for item in store.standings(connection) if item.name == name)


def sent_on(settings: Settings, name: str) -> Finding:
    """What an erasure would tell that the target has received of the actor of `statement()`."""
    actor = statement()["actor"]["account"]
    known = Identifier.account(actor["homePage"], actor["name"])
    subject = Subject("default", ("p_" + "a" * 24,), (known,), ())
    found = {one.what: one for one in LrsRoom().find(settings, subject)}
    return found[f"statements sent on to {name}"]


def add(settings: Settings, name: str, url: str, **options: Any) -> None:
    os.environ["FORWARD_SECRET"] = options.pop(
        "value", "whsec_" + base64.b64encode(b"shared secret").decode()
    )
    targets.add(settings, name=name, url=url, secret="env:FORWARD_SECRET", **{"kind": "webhook", **options})


@pytest.fixture(autouse=True)
def no_secret_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FORWARD_SECRET", "to be set")


@pytest.fixture
def second(tmp_path: Path, free_port: Callable[[], int], monkeypatch: pytest.MonkeyPatch) -> Iterator[Lrs]:
    """Another LRS, on a home of its own; the test's own settings stand again once it runs."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LEARNLAKE_HOME", str(tmp_path / "second"))
        patch.delenv("LEARNLAKE_DATABASE_URL", raising=False)
        get_settings.cache_clear()
        settings = get_settings()
        settings.home.create()
        with contextlib.ExitStack() as stack:
            lrs = stack.enter_context(serving(settings, free_port()))
            patch.undo()
            get_settings.cache_clear()
            yield lrs


def ids_of(lrs: Lrs, **client: Any) -> set[str]:
    with lrs.client(**client) as http_client:
        found = http_client.get("/statements", params={"limit": 1000}).json()["statements"]
    return {item["id"] for item in found}


def test_to_another_lrs_both_versions_attachments_and_what_it_refuses(each_lrs: Lrs, second: Lrs) -> None:
    lrs = each_lrs
    content = os.urandom(500)
    taken = statement()
    before = statement()
    role = {"objectType": "contextAgent", "agent": {"mbox": "mailto:a@x.example"}}
    with lrs.client() as client, lrs.client(version="2.0.0") as newer, second.client() as there:
        there.post("/statements", json={**taken, "verb": {"id": "http://v.example/other"}}).raise_for_status()
        client.post("/statements", json=before).raise_for_status()
        add(lrs.settings, "peer", second.url, kind="lrs", login=KEY, value=SECRET)
        first = [statement() for _ in range(120)]
        client.post("/statements", json=[*first, taken]).raise_for_status()
        with_file = statement(attachments=[attachment(content)])
        client.post("/statements", **parts(with_file, content)).raise_for_status()
        modern = statement(context={"contextAgents": [role]})
        newer.post("/statements", json=modern).raise_for_status()
        voiding = statement(
            verb={"id": "http://adlnet.gov/expapi/verbs/voided"},
            object={"objectType": "StatementRef", "id": first[0]["id"]},
        )
        client.post("/statements", json=voiding).raise_for_status()
        with forwarder():
            wait_for(lambda: standing(lrs.settings, "peer").lag == 0)
            expected = {item["id"] for item in (*first[1:], taken, with_file, modern, voiding)}
            assert ids_of(second) == expected
            page = there.get("/statements", params={"statementId": with_file["id"], "attachments": "true"})
            assert read_parts(page)[1][1] == content
            now = standing(lrs.settings, "peer")
            assert (now.sent, now.dead) == (len(expected), 1)
            with targets.changing(lrs.settings) as connection:
                (letter,) = store.dead_letters(connection)
            assert (str(letter.statement_id), letter.status) == (taken["id"], 409)
            assert "stored already" in letter.reason
            told = sent_on(lrs.settings, "peer")
            assert (told.count, told.fate) == (now.sent, "kept")
            assert told.why.startswith("127.0.0.1 (lrs) has its own copies, stored here ")
            assert "xAPI knows no deletion" in told.why

            remove(second.settings, Selection("default", ids=[uuid.UUID(taken["id"])]))
            result = CliRunner().invoke(app, ["forward", "resend", "peer", "--id", taken["id"]])
            assert "1 statements" in result.stdout
            wait_for(lambda: standing(lrs.settings, "peer").dead == 0)
            with second.client() as again:
                got = again.get("/statements", params={"statementId": taken["id"]}).json()
            assert got["verb"] == taken["verb"]
            figures = httpx.get(f"{lrs.root}/metrics").text
            assert f'lrs_forward_sent_total{{target="peer"}} {float(len(expected) + 1)}' in figures
            assert 'lrs_forward_dead{target="peer"} 0.0' in figures


def test_a_webhook_that_fails_gets_everything_in_the_end(
    lrs: Lrs, free_port: Callable[[], int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody listens; 500, 503, no answer at all; one statement refused, alone, by name; a kill -9 in the middle."""
    monkeypatch.setenv("LEARNLAKE_FORWARD_LONGEST_PAUSE_SECONDS", "0.3")
    hook = Webhook(free_port())
    sent = [statement() for _ in range(250)]
    bad = sent[137]["id"]

    def plan(number: int, statements: list[dict[str, Any]]) -> int | tuple[int, dict[str, str]] | None:
        if number <= 4:
            return (500, (503, {"Retry-After": "1"}), None, 404)[number - 1]
        return 400 if any(item["id"] == bad for item in statements) else 200

    hook.plan = plan
    with lrs.client() as client:
        client.post("/statements", json=statement()).raise_for_status()
        add(lrs.settings, "hook", hook.url, filters={"verb": sent[0]["verb"]["id"]})
        other = statement(verb={"id": "http://v.example/other"})
        client.post("/statements", json=[*sent[:200], other]).raise_for_status()
        with forwarder() as first:
            wait_for(lambda: standing(lrs.settings, "hook").failures > 0)  # refused connections
            with hook.listening():
                wait_for(lambda: len(hook.accepted) >= 100)
                os.killpg(first.pid, signal.SIGKILL)
                first.wait()
                client.post("/statements", json=sent[200:]).raise_for_status()
                with forwarder():
                    wait_for(lambda: standing(lrs.settings, "hook").lag == 0)
    wanted = [item["id"] for item in sent if item["id"] != bad]
    assert list(dict.fromkeys(hook.accepted)) == wanted  # in order, none lost, none that is not asked for
    assert standing(lrs.settings, "hook").dead == 1
    assert sent_on(lrs.settings, "hook").count == len(wanted)  # not the other verb, nor what was refused
    for headers, body in hook.requests:
        signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
        digest = hmac.new(b"shared secret", signed, hashlib.sha256).digest()
        assert headers["webhook-signature"] == f"v1,{base64.b64encode(digest).decode()}"
        assert abs(int(headers["webhook-timestamp"]) - time.time()) < 3600
    by_id: dict[str, set[tuple[str, ...]]] = {}
    for headers, body in hook.requests:
        ids = tuple(item["id"] for item in json.loads(body)["data"]["statements"])
        by_id.setdefault(headers["webhook-id"], set()).add(ids)
    assert all(len(held) == 1 for held in by_id.values())
    remove(lrs.settings, Selection("default", ids=[uuid.UUID(bad)]))
    assert standing(lrs.settings, "hook").dead == 0


def test_targets_are_listed_without_secrets_paused_resumed_and_removed(
    lrs: Lrs, free_port: Callable[[], int]
) -> None:
    hook, run = Webhook(free_port()), CliRunner()
    options = ["--kind", "webhook", "--tenant", "t2", "--from-start"]
    credentials.create(lrs.settings, name="t2", tenant="t2", key="t2", secret="s")
    theirs = [statement() for _ in range(3)]
    with lrs.client() as client, lrs.client(key="t2", secret="s") as other, hook.listening():
        client.post("/statements", json=[statement() for _ in range(5)]).raise_for_status()
        other.post("/statements", json=theirs).raise_for_status()
        added = run.invoke(
            app, ["forward", "add", "hook", "--url", hook.url, *options], input="v3ry-secret\n"
        )
        assert added.exit_code == 0, added.output
        kept = lrs.settings.home.secrets / "forward-hook"
        assert (kept.read_text(), kept.stat().st_mode & 0o777) == ("v3ry-secret", 0o600)
        run.invoke(app, ["forward", "pause", "hook"])
        with forwarder():
            wait_for(lambda: "paused" in run.invoke(app, ["forward", "list"], env={"COLUMNS": "250"}).output)
            assert hook.accepted == []
            run.invoke(app, ["forward", "resume", "hook"])
            wait_for(lambda: hook.accepted == [item["id"] for item in theirs])
        listed = run.invoke(app, ["forward", "list"], env={"COLUMNS": "300"}).output
        assert "file:" in listed
        assert "v3ry-secret" not in listed
        assert "t0ken" not in listed
        assert b"v3ry-secret" not in lrs.settings.home.lrs_db.read_bytes()
        run.invoke(app, ["forward", "remove", "hook"])
        assert not kept.exists()
        assert "hook" not in run.invoke(app, ["forward", "list"]).output
        with targets.changing(lrs.settings) as connection, pytest.raises(InputError):
            targets.find(connection, "hook")


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"name": "No Name"}, InputError),
        ({"kind": "queue"}, InputError),
        ({"kind": "lrs"}, InputError),
        ({"url": "ftp://x.example"}, InputError),
        ({"url": "http://lrs.example/xapi"}, InputError),
        ({"url": "https://user:word@lrs.example/xapi"}, InputError),
        ({"filters": {"verb": "no iri"}}, InputError),
        ({"secret": "env:NOT_SET_ANYWHERE"}, SettingsError),
        ({"secret": "file:/nowhere/at/all"}, SettingsError),
    ],
)
def test_what_is_no_target_is_refused(
    settings: Settings, changes: dict[str, Any], error: type[Exception]
) -> None:
    good = {"name": "a", "url": "https://x.example/hook", "kind": "webhook", "secret": "env:FORWARD_SECRET"}
    with pytest.raises(error):
        targets.add(settings, **{**good, **changes})
    with targets.changing(settings) as connection:
        assert store.targets(connection) == []


def test_pauses_double_with_jitter_and_are_as_long_as_was_asked() -> None:
    for failures in range(60):
        assert 0.5 <= pause_seconds(failures, 0, longest_seconds=300) <= min(300, 2**failures)
    assert len({pause_seconds(5, 0, longest_seconds=300) for _ in range(20)}) > 1
    assert pause_seconds(0, 120, longest_seconds=5) == 120
    assert pause_seconds(0, 10**9, longest_seconds=300) == 3600


@pytest.mark.parametrize("form", ["seconds", "date"])
def test_retry_after_is_read_in_both_forms(
    settings: Settings, free_port: Callable[[], int], form: str
) -> None:
    hook = Webhook(free_port())
    asked = "90" if form == "seconds" else email.utils.format_datetime(utc_now(), usegmt=True)
    hook.plan = lambda number, statements: (429, {"Retry-After": asked})
    add(settings, "hook", hook.url)
    with targets.changing(settings) as connection, hook.listening(), httpx.Client(trust_env=False) as client:
        row = Row(1, "default", uuid.uuid4().bytes, 0, json.dumps(statement()).encode())
        answer = deliver(client, settings.home, targets.find(connection, "hook"), [row])
    assert answer.verdict is Verdict.LATER
    assert answer.asked_seconds == (90 if form == "seconds" else 0)


def test_a_target_that_does_not_answer_in_time_is_tried_later(
    settings: Settings, free_port: Callable[[], int]
) -> None:
    hook, row = (
        Webhook(free_port()),
        Row(1, "default", uuid.uuid4().bytes, 0, json.dumps(statement()).encode()),
    )
    is_over = threading.Event()

    def plan(number: int, statements: list[dict[str, Any]]) -> int:
        is_over.wait(20)
        return 200

    hook.plan = plan
    add(settings, "hook", hook.url)
    client = httpx.Client(trust_env=False, timeout=0.2)
    with targets.changing(settings) as connection, hook.listening(), client:
        answer = deliver(client, settings.home, targets.find(connection, "hook"), [row])
        is_over.set()
    assert (answer.verdict, answer.status) == (Verdict.LATER, 0)
    assert "ReadTimeout" in answer.reason
