"""How the LRS is served: TLS, clients that are slow on purpose, a stop under load, the access log."""

from __future__ import annotations

import base64
import contextlib
import gzip
import json
import re
import signal
import socket
import ssl
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

import httpx
import pytest

from cli.group import _answers
from learnlake.errors import InputError
from learnlake.settings import Settings, get_settings
from lrs.server import serve
from lrs.store import read, reading
from tests.certificates import make_certificate
from tests.lrs.conftest import use_backend
from tests.lrs.served import KEY, SECRET, Lrs, serving, statement
from tests.scale import FULL

Start = Callable[..., contextlib.AbstractContextManager[Lrs]]


@pytest.fixture
def start(settings: Settings, monkeypatch: pytest.MonkeyPatch, free_port: Callable[[], int]) -> Start:
    """Starts an LRS with settings of this test's own: `start(access_log=True)`."""

    def begin(
        log: IO[bytes] | None = None, workers: int = 1, **changes: object
    ) -> contextlib.AbstractContextManager[Lrs]:
        for name, value in changes.items():
            monkeypatch.setenv(f"LEARNLAKE_{name.upper()}", str(value))
        get_settings.cache_clear()
        return serving(get_settings(), free_port(), log=log, workers=workers)

    return begin


def test_tls_is_served_directly_and_in_no_old_version(start: Start, tmp_path: Path) -> None:
    certificate, key = make_certificate(tmp_path)
    with start(tls_certificate=certificate, tls_key=key) as lrs, lrs.client() as client:
        answer = client.post("/statements", json=statement())
        assert (answer.status_code, answer.url.scheme) == (200, "https")
        assert answer.headers["Strict-Transport-Security"] == "max-age=31536000"
        for address in ("/health", "/xapi/nowhere", "/elsewhere"):
            found = httpx.get(f"{lrs.root}{address}", verify=lrs.trust)
            assert "Strict-Transport-Security" in found.headers
        for newest, is_taken in ((ssl.TLSVersion.TLSv1_3, True), (ssl.TLSVersion.TLSv1_2, False)):
            context = ssl.create_default_context(cafile=certificate)
            context.maximum_version = newest
            with contextlib.nullcontext() if is_taken else pytest.raises((ssl.SSLError, ConnectionError)):
                assert tls_version(lrs.port, context) == "TLSv1.3"
        # `learnlake up` asks whether it is there, without trusting the certificate first.
        assert _answers(f"{lrs.root}/health")
        with pytest.raises(httpx.TransportError):
            httpx.get(f"http://127.0.0.1:{lrs.port}/health")


def tls_version(port: int, context: ssl.SSLContext) -> str | None:
    with (
        socket.create_connection(("127.0.0.1", port)) as raw,
        context.wrap_socket(raw, server_hostname="localhost") as secured,
    ):
        return secured.version()


def test_without_tls_there_is_no_hsts(lrs: Lrs) -> None:
    assert "Strict-Transport-Security" not in httpx.get(f"{lrs.root}/health").headers


def test_a_certificate_that_cannot_be_served_is_refused_at_the_start(
    settings: Settings, tmp_path: Path
) -> None:
    certificate, key = make_certificate(tmp_path)
    (tmp_path / "other").mkdir()
    _, other_key = make_certificate(tmp_path / "other")
    for given in (
        {"tls_certificate": certificate},
        {"tls_certificate": certificate, "tls_key": other_key},
        {"tls_certificate": tmp_path / "none.pem", "tls_key": key},
    ):
        with pytest.raises(InputError, match="TLS cannot be served"):
            serve(settings.model_copy(update=given), port=1)
    command = [sys.executable, "-m", "cli.main", "lrs", "serve", "--tls-certificate", str(certificate)]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert ended.returncode == 2 and "needed together" in ended.stderr, ended.stderr


def connect(lrs: Lrs) -> socket.socket:
    sock = socket.create_connection(("127.0.0.1", lrs.port))
    sock.settimeout(30)
    return sock


def head(path: str = "/xapi/statements", **headers: Any) -> bytes:
    """The beginning of a POST by hand."""
    basic = base64.b64encode(f"{KEY}:{SECRET}".encode()).decode()
    lines = {
        "Host": "x",
        "Authorization": f"Basic {basic}",
        "X-Experience-API-Version": "1.0.3",
        "Content-Type": "application/json",
        **{name.replace("_", "-"): value for name, value in headers.items()},
    }
    return f"POST {path} HTTP/1.1\r\n".encode() + "".join(f"{k}: {v}\r\n" for k, v in lines.items()).encode()


def rest(sock: socket.socket) -> bytes:
    """All that comes until the other side closes."""
    found = b""
    with contextlib.suppress(ConnectionResetError):
        while chunk := sock.recv(65_536):
            found += chunk
    return found


def test_clients_that_are_slow_on_purpose_are_let_go(start: Start) -> None:
    with start(header_timeout_seconds=0.5, body_timeout_seconds=0.5) as lrs, contextlib.ExitStack() as stack:
        silent, slow_head, slow_body, slow_parts, idle = (stack.enter_context(connect(lrs)) for _ in range(5))
        slow_head.sendall(head()[:50])
        slow_body.sendall(head(Content_Length=100) + b'\r\n{"id"')
        slow_parts.sendall(
            head(Content_Length=100, Content_Type="multipart/mixed; boundary=b") + b"\r\n--b\r\nContent-"
        )
        idle.sendall(b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n")
        assert rest(silent) == b""
        assert rest(slow_head) == b""
        for sock in (slow_body, slow_parts):
            answer = rest(sock)
            assert answer.startswith(b"HTTP/1.1 408 ")
            assert b"connection: close" in answer.lower()
        assert rest(idle).count(b"HTTP/1.1 200 ") == 1
        # A body may take its time as long as it arrives.
        with connect(lrs) as steady:
            body = json.dumps(statement()).encode()
            padded = b" " * 2_000 + body
            steady.sendall(head(Content_Length=len(padded), Connection="close") + b"\r\n" + padded[:1_900])
            time.sleep(0.8)
            steady.sendall(padded[1_900:])
            assert rest(steady).startswith(b"HTTP/1.1 200 ")


def test_bodies_in_flight_share_one_room(start: Start) -> None:
    """However many connections there are, what they hold in memory is bounded; whoever finds no room is told to come back."""
    waiting = json.dumps(statement(result={"response": "x" * 80_000})).encode()
    large = statement(result={"response": "x" * 60_000})
    with start(bodies_max_bytes=100_000) as lrs, lrs.client() as client, connect(lrs) as slow:
        client.get("/about")
        slow.sendall(head(Content_Length=len(waiting), Connection="close", Expect="100-continue") + b"\r\n")
        assert slow.recv(100).startswith(b"HTTP/1.1 100 ")  # it is being read
        slow.sendall(waiting[:-1])
        for _ in range(20):  # each is answered after what came before it was read
            client.get("/about")
        answer = client.post("/statements", json=large)
        assert (answer.status_code, answer.headers["Retry-After"]) == (503, "1")
        packed = gzip.compress(json.dumps(large).encode())
        as_gzip = {"Content-Type": "application/json", "Content-Encoding": "gzip"}
        assert client.post("/statements", content=packed, headers=as_gzip).status_code == 503
        assert client.post("/statements", json=statement()).status_code == 200
        slow.sendall(waiting[-1:])
        assert rest(slow).startswith(b"HTTP/1.1 200 ")
        for _ in range(3):
            assert client.post("/statements", content=packed, headers=as_gzip).status_code == 200
        alone = statement(result={"response": "x" * 300_000})
        assert client.post("/statements", json=alone).status_code == 200


@pytest.mark.parametrize(
    ("backend", "workers"),
    [
        ("sqlite", 1),
        pytest.param("postgresql", 2, marks=pytest.mark.skipif(not FULL, reason="full size only")),
    ],
)
def test_a_stop_finishes_what_was_accepted(
    start: Start, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, backend: str, workers: int
) -> None:
    """Under load: what was begun is answered, and stored is exactly what was acknowledged."""
    use_backend(backend, monkeypatch, request)
    acknowledged: set[str] = set()
    unanswered: list[str] = []
    lock = threading.Lock()

    def send(lrs: Lrs) -> None:
        with lrs.client() as client:
            while True:
                sent = statement()
                try:
                    client.post("/statements", json=sent).raise_for_status()
                except httpx.ConnectError:
                    return
                except httpx.TransportError:
                    with lock:
                        unanswered.append(sent["id"])
                    return
                with lock:
                    acknowledged.add(sent["id"])

    with start(workers=workers) as lrs, connect(lrs) as begun:
        late = statement()
        body = json.dumps(late).encode()
        begun.sendall(head(Content_Length=len(body)) + b"\r\n" + body[:10])
        threads = [threading.Thread(target=send, args=(lrs,)) for _ in range(8)]
        for thread in threads:
            thread.start()
        while len(acknowledged) < 100:
            time.sleep(0.01)
        assert lrs.process is not None
        lrs.process.send_signal(signal.SIGTERM)
        for thread in threads:
            thread.join()
        with pytest.raises(ConnectionRefusedError):
            connect(lrs)
        begun.sendall(body[10:])
        assert rest(begun).startswith(b"HTTP/1.1 200 ")
        assert lrs.process.wait(20) == 0
    with reading(lrs.settings) as connection:
        rows = read.in_sequence(connection, after=0, up_to=10**9, limit=10**6)
    stored = {str(uuid.UUID(bytes=row.id)) for row in rows}
    assert stored == acknowledged | {late["id"]}
    assert not set(unanswered) & stored


def ask_for_this_and_that(lrs: Lrs) -> str:
    """Requests that have a name in every place where one can be; the name."""
    secret_name = uuid.uuid4().hex
    agent = json.dumps({"mbox": f"mailto:{secret_name}@x.example"})
    with lrs.client() as client:
        sent = statement(actor=json.loads(agent), verb={"id": f"https://x.example/{secret_name}"})
        client.post("/statements", json=sent).raise_for_status()
        client.get("/statements", params={"agent": agent}).raise_for_status()
        link = client.get("/statements", params={"limit": 1, "agent": agent}).json()["more"]
        if link:
            client.get(f"{lrs.root}{link}")
        client.get("/statements", params={"agent": secret_name})
        client.get(f"/{secret_name}")
        client.get(f"{lrs.root}/{secret_name}")
    httpx.get(f"{lrs.url}/statements", headers={"X-Experience-API-Version": "1.0.3"}, auth=(secret_name, "x"))
    return secret_name


def test_the_access_log_says_what_happened_and_nothing_of_anybody(start: Start, tmp_path: Path) -> None:
    log = tmp_path / "log"
    with log.open("wb") as file, start(file, access_log=True, log_format="json") as lrs:
        secret_name = ask_for_this_and_that(lrs)
    text = log.read_text()
    assert secret_name not in text and "127.0.0.1" not in text and "agent" not in text
    lines = [line for line in map(json.loads, text.splitlines()) if line["logger"] == "learnlake.access"]
    shown = [
        (line["method"], line["route"], line["status"], line["credential"])
        for line in lines
        if line["route"] != "/ready"
    ]
    assert shown == [
        ("POST", "/xapi/statements", 200, 1),
        ("GET", "/xapi/statements", 200, 1),
        ("GET", "/xapi/statements", 200, 1),
        ("GET", "/xapi/statements", 400, 1),
        ("GET", "/xapi/{rest:path}", 404, 0),
        ("GET", "other", 404, 0),
        ("GET", "/xapi/statements", 401, 0),
    ]
    assert all(line["ms"] > 0 and line["bytes"] > 0 for line in lines)
    assert not re.search(r"\b\d+\.\d+\.\d+\.\d+\b", text)


def test_addresses_are_logged_only_when_asked_for_and_come_from_trusted_proxies(
    start: Start, tmp_path: Path
) -> None:
    log = tmp_path / "log"
    changes = {"access_log": True, "access_log_addresses": True, "trusted_proxies": "127.0.0.1"}
    with log.open("wb") as file, start(file, **changes) as lrs:
        httpx.get(f"{lrs.root}/health", headers={"X-Forwarded-For": "192.0.2.7"})
    assert "route=/health status=200" in log.read_text()
    assert "address=192.0.2.7" in log.read_text()
