"""gzip both ways: answers that are worth it, bodies that are what they say and no larger than they may be."""

from __future__ import annotations

import gzip
import hashlib
import json
import uuid
import zlib
from collections.abc import Callable, Iterator

import httpx
import pytest

from learnlake.settings import get_settings
from tests.lrs.served import Lrs, serving, statement
from tests.lrs.test_resources import attachment, parts

LIMIT = 20_000
PACKED = {"Content-Encoding": "gzip", "Content-Type": "application/json"}


@pytest.fixture(scope="module")
def lrs(tmp_path_factory: pytest.TempPathFactory, free_port: Callable[[], int]) -> Iterator[Lrs]:
    """An LRS that takes bodies of LIMIT bytes, with attachments of twice as much."""
    with pytest.MonkeyPatch.context() as patch:
        folder = tmp_path_factory.mktemp("lrs")
        patch.setenv("LEARNLAKE_HOME", str(folder))
        patch.setenv("LEARNLAKE_CONFIG", str(folder / "none.toml"))
        patch.setenv("LEARNLAKE_BODY_MAX_BYTES", str(LIMIT))
        patch.setenv("LEARNLAKE_ATTACHMENTS_MAX_BYTES", str(2 * LIMIT))
        get_settings.cache_clear()
        settings = get_settings()
        settings.home.create()
        with serving(settings, free_port()) as lrs:
            yield lrs
    get_settings.cache_clear()


@pytest.fixture
def client(lrs: Lrs) -> Iterator[httpx.Client]:
    with lrs.client() as client:
        yield client


def test_an_answer_is_packed_where_it_is_large_and_the_client_takes_it(client: httpx.Client) -> None:
    client.post("/statements", json=[statement() for _ in range(20)]).raise_for_status()
    plain = client.get("/statements", headers={"Accept-Encoding": "identity"})
    assert "Content-Encoding" not in plain.headers and plain.headers["Vary"] == "Accept-Encoding"
    for accepted in ("gzip", "br, gzip;q=0.5", "deflate,GZIP"):
        packed = client.get("/statements", headers={"Accept-Encoding": accepted})
        assert packed.headers["Content-Encoding"] == "gzip"
        assert packed.headers["Vary"] == "Accept-Encoding"
        assert packed.json() == plain.json()
        assert int(packed.headers["Content-Length"]) < len(plain.content) / 3
    for refused in ("", "br", "gzip;q=0", "x-gzipped"):
        assert (
            "Content-Encoding" not in client.get("/statements", headers={"Accept-Encoding": refused}).headers
        )
    head = client.head("/statements", headers={"Accept-Encoding": "gzip"})
    assert head.headers["Content-Length"] == packed.headers["Content-Length"]
    assert "Content-Encoding" not in client.get("/about").headers


def test_documents_come_back_as_their_etag_says(client: httpx.Client) -> None:
    where = {"activityId": "https://x.example/a", "profileId": uuid.uuid4().hex}
    content = gzip.compress(json.dumps({"long": "x" * 5_000}).encode())
    headers = {**PACKED, "If-None-Match": "*"}
    assert (
        client.put("/activities/profile", params=where, content=content, headers=headers).status_code == 204
    )
    found = client.get("/activities/profile", params=where)
    assert "Content-Encoding" not in found.headers
    assert found.json() == {"long": "x" * 5_000}


def test_packed_bodies_are_stored_as_plain_ones(client: httpx.Client) -> None:
    sent = statement(result={"response": "ü" * 3000})
    body = json.dumps(sent).encode()
    half = len(body) // 2
    two_members = gzip.compress(body[:half]) + gzip.compress(body[half:])
    for content, encoding in ((gzip.compress(body), "gzip"), (two_members, "X-GZIP"), (body, "identity")):
        answer = client.post("/statements", content=content, headers={**PACKED, "Content-Encoding": encoding})
        assert answer.status_code == 200, answer.text
    found = client.get("/statements", params={"statementId": sent["id"]}).json()
    assert found["result"] == sent["result"]


def test_packed_attachments_come_back_byte_for_byte(client: httpx.Client) -> None:
    content = bytes(range(256)) * 100
    sent = statement(attachments=[attachment(content)])
    request = parts(sent, content)
    request["content"] = gzip.compress(request["content"])
    request["headers"]["Content-Encoding"] = "gzip"
    assert client.post("/statements", **request).status_code == 200
    found = client.get("/statements", params={"statementId": sent["id"], "attachments": "true"})
    assert hashlib.sha256(content).hexdigest().encode() in found.content and content in found.content


def test_bodies_that_are_no_gzip_or_too_large_inside(client: httpx.Client) -> None:
    for content, status in (
        (b"", 400),
        (b"plain", 400),
        (gzip.compress(b"[]")[:-3], 400),
        (gzip.compress(b"[]") + b"rest", 400),
        (zlib.compress(b"[]"), 400),
        (gzip.compress(b" " * LIMIT + b"[]"), 413),
        (gzip.compress(b" " * 50_000_000), 413),
        (gzip.compress(b"[]"), 200),
    ):
        answer = client.post("/statements", content=content, headers=PACKED)
        assert answer.status_code == status, answer.text
        assert "X-Experience-API-Version" in answer.headers


def test_packed_attachments_too_large_inside_leave_nothing(lrs: Lrs, client: httpx.Client) -> None:
    content = b"\0" * 3 * LIMIT
    request = parts(statement(attachments=[attachment(content)]), content)
    request["content"] = gzip.compress(request["content"])
    request["headers"]["Content-Encoding"] = "gzip"
    assert client.post("/statements", **request).status_code == 413
    assert list(lrs.settings.home.attachments.rglob("drafts/*")) == []


def test_other_encodings_are_refused_by_name(client: httpx.Client) -> None:
    answer = client.post("/statements", content=b"[]", headers={**PACKED, "Content-Encoding": "br"})
    assert (answer.status_code, answer.headers["Accept-Encoding"]) == (415, "gzip")


def test_a_packed_form_of_the_alternate_syntax(client: httpx.Client) -> None:
    form = gzip.compress(b"limit=1")
    headers = {"Content-Encoding": "gzip", "Content-Type": "application/x-www-form-urlencoded"}
    assert client.post("/statements?method=GET", content=form, headers=headers).status_code == 200
