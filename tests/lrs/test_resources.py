"""Agents, activities, canonical statements, attachments, signatures, alternate syntax, HEAD, CORS; tenants on every route."""

from __future__ import annotations

import base64
import datetime as dt
import hashlib
import json
import uuid
from typing import Any
from urllib.parse import urlencode

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from lrs import credentials
from tests.lrs.served import KEY, SECRET, Lrs, statement

SIGNATURE = "http://adlnet.gov/expapi/attachments/signature"


def iri() -> str:
    return f"https://x.example/{uuid.uuid4()}"


def test_a_person_has_the_names_that_statements_gave(client: httpx.Client) -> None:
    who = {"account": {"homePage": "https://school.example", "name": str(uuid.uuid4())}}
    client.post(
        "/statements",
        json=[
            statement(actor={**who, "name": "Ada"}),
            statement(context={"instructor": {**who, "name": "A. L."}}),
        ],
    )
    person = client.get("/agents", params={"agent": json.dumps(who)}).json()
    assert person == {"objectType": "Person", "name": ["A. L.", "Ada"], "account": [who["account"]]}
    nobody = {"mbox": f"mailto:{uuid.uuid4()}@x.example"}
    assert client.get("/agents", params={"agent": json.dumps(nobody)}).json() == {
        "objectType": "Person",
        "mbox": [nobody["mbox"]],
    }
    for wrong in ("{}", "x", '{"objectType": "Group", "mbox": "mailto:a@x.example"}'):
        assert client.get("/agents", params={"agent": wrong}).status_code == 400


def test_definitions_are_merged_and_answered_canonically(client: httpx.Client) -> None:
    activity, first, second = iri(), iri(), iri()
    display = {"en-GB": "answered", "de": "beantwortet", "fr-CA": "a répondu"}
    one = statement(
        verb={"id": first, "display": display},
        object={
            "id": activity,
            "definition": {"name": {"en": "Item", "de": "Aufgabe"}, "type": "http://t.example/a"},
        },
    )
    two = statement(
        verb={"id": second},
        object={
            "id": activity,
            "definition": {
                "name": {"de": "Frage"},
                "moreInfo": "https://x.example/m",
                "extensions": {"http://e.example/1": 1},
            },
        },
    )
    client.post("/statements", json=one).raise_for_status()
    client.post("/statements", json=two).raise_for_status()
    merged = {
        "name": {"en": "Item", "de": "Frage"},
        "type": "http://t.example/a",
        "moreInfo": "https://x.example/m",
        "extensions": {"http://e.example/1": 1},
    }
    answer = client.get("/activities", params={"activityId": activity}).json()
    assert answer == {"objectType": "Activity", "id": activity, "definition": merged}
    unknown = iri()
    assert client.get("/activities", params={"activityId": unknown}).json() == {
        "objectType": "Activity",
        "id": unknown,
    }
    for header, name, shown in (
        ("de", "Frage", {"de": "beantwortet"}),
        ("de-CH, en;q=0.9", "Frage", {"de": "beantwortet"}),
        ("en;q=0.1, de;q=0", "Item", {"en-GB": "answered"}),
        ("fr;q=0.9, de;q=0.1", "Frage", {"fr-CA": "a répondu"}),
        ("ja", "Item", {"en-GB": "answered"}),
    ):
        parameters = {"statementId": one["id"], "format": "canonical"}
        found = client.get("/statements", params=parameters, headers={"Accept-Language": header}).json()
        assert list(found["object"]["definition"]["name"].values()) == [name], header
        assert found["verb"]["display"] == shown, header
    exact = client.get("/statements", params={"statementId": one["id"]}).json()
    assert exact["object"] == one["object"]


def test_only_who_may_define_changes_definitions(shared_lrs: Lrs, client: httpx.Client) -> None:
    credentials.create(
        shared_lrs.settings, name="w", key="only-writes", secret="s", scopes=["statements/write"]
    )
    credentials.create(
        shared_lrs.settings, name="d", key="defines", secret="s", scopes=["statements/write", "define"]
    )
    activity = iri()
    thing = {"id": activity, "definition": {"name": {"en": "x"}}}
    with shared_lrs.client(key="only-writes", secret="s") as writer:
        writer.post("/statements", json=statement(object=thing)).raise_for_status()
    assert "definition" not in client.get("/activities", params={"activityId": activity}).json()
    with shared_lrs.client(key="defines", secret="s") as definer:
        definer.post("/statements", json=statement(object=thing)).raise_for_status()
    assert (
        client.get("/activities", params={"activityId": activity}).json()["definition"] == thing["definition"]
    )


def attachment(content: bytes, **changes: Any) -> dict[str, Any]:
    described = {
        "usageType": "http://x.example/usage",
        "display": {"en": "file"},
        "contentType": "application/octet-stream",
        "length": len(content),
        "sha2": hashlib.sha256(content).hexdigest(),
    }
    return {**described, **changes}


def parts(body: Any, *contents: bytes, boundary: str = "b0undary", **changes: str) -> dict[str, Any]:
    """A multipart/mixed request as httpx takes it."""
    pieces = [b"Content-Type: application/json\r\n\r\n" + json.dumps(body).encode()]
    for content in contents:
        headers = {
            "Content-Type": "application/octet-stream",
            "Content-Transfer-Encoding": "binary",
            "X-Experience-API-Hash": hashlib.sha256(content).hexdigest(),
            **{name.replace("_", "-"): value for name, value in changes.items()},
        }
        pieces.append("".join(f"{k}: {v}\r\n" for k, v in headers.items() if v).encode() + b"\r\n" + content)
    whole = b"".join(b"--" + boundary.encode() + b"\r\n" + piece + b"\r\n" for piece in pieces)
    return {
        "content": whole + b"--" + boundary.encode() + b"--\r\n",
        "headers": {"Content-Type": f"multipart/mixed; boundary={boundary}"},
    }


def read_parts(answer: httpx.Response) -> list[tuple[dict[str, str], bytes]]:
    boundary = answer.headers["Content-Type"].partition("boundary=")[2].encode()
    found = []
    for piece in answer.content.split(b"--" + boundary)[1:-1]:
        head, _, content = piece.removeprefix(b"\r\n").partition(b"\r\n\r\n")
        headers = dict(line.split(": ", 1) for line in head.decode().split("\r\n"))
        found.append((headers, content.removesuffix(b"\r\n")))
    return found


def test_binary_attachments_come_back_byte_for_byte(client: httpx.Client) -> None:
    contents = [bytes(range(256)) * 2000, b"\r\n--b0undar\r\n", b""]
    sub = {**statement(id=None), "objectType": "SubStatement", "attachments": [attachment(contents[1])]}
    batch = [
        statement(attachments=[attachment(contents[0]), attachment(contents[2])]),
        statement(object=sub),
        statement(),
    ]
    answer = client.post("/statements", **parts(batch, *contents))
    assert answer.status_code == 200, answer.text
    first = client.get("/statements", params={"statementId": batch[0]["id"], "attachments": "true"})
    body, *files = read_parts(first)
    assert json.loads(body[1])["id"] == batch[0]["id"]
    assert [content for _, content in files] == [contents[0], contents[2]]
    assert files[0][0]["X-Experience-API-Hash"] == hashlib.sha256(contents[0]).hexdigest()
    assert files[0][0]["Content-Transfer-Encoding"] == "binary"
    page = client.get("/statements", params={"attachments": "true", "limit": 3})
    assert len(read_parts(page)) == 4
    plain = client.get("/statements", params={"statementId": batch[0]["id"]})
    assert plain.headers["Content-Type"] == "application/json"
    put = statement(attachments=[attachment(contents[0])])
    assert (
        client.put("/statements", params={"statementId": put["id"]}, **parts(put, contents[0])).status_code
        == 204
    )


def test_wrong_multipart_requests_store_nothing(shared_lrs: Lrs, client: httpx.Client) -> None:
    content = uuid.uuid4().bytes
    good = statement(attachments=[attachment(content)])
    wrong = [
        {"json": good},
        parts(good),
        parts(good, content, b"one too many"),
        parts(good, content, X_Experience_API_Hash="0" * 64),
        parts(good, content, X_Experience_API_Hash=""),
        parts(good, content, Content_Transfer_Encoding="base64"),
        parts(good, b"other"),
        {**parts(good, content), "headers": {"Content-Type": "multipart/mixed"}},
        {**parts(good, content), "headers": {"Content-Type": "multipart/form-data; boundary=b0undary"}},
        {**parts(good, content), "headers": {"Content-Type": "multipart/mixed; boundary=other"}},
        {**parts(good, content), "content": parts(good, content)["content"][:-20]},
        {**parts(good, content), "content": b""},
    ]
    for request in wrong:
        answer = client.post("/statements", **request)
        assert answer.status_code == 400, (request, answer.text)
    assert client.get("/statements", params={"statementId": good["id"]}).status_code == 404
    folder = shared_lrs.settings.home.attachments / "default"
    sha2 = hashlib.sha256(content).hexdigest()
    assert not (folder / sha2[:2] / sha2).exists()
    assert list((folder / "drafts").iterdir()) == []


def test_an_attachment_elsewhere_needs_no_part(client: httpx.Client) -> None:
    sent = statement(attachments=[attachment(b"x", fileUrl="https://x.example/file")])
    assert client.post("/statements", json=sent).status_code == 200
    assert client.post("/statements", **parts({**sent, "id": str(uuid.uuid4())})).status_code == 200


def jws(
    payload: Any, *, algorithm: str = "RS256", key: rsa.RSAPrivateKey, certificate: bytes | None = None
) -> bytes:
    def encode(data: bytes) -> bytes:
        return base64.urlsafe_b64encode(data).rstrip(b"=")

    header: dict[str, Any] = {"alg": algorithm}
    if certificate:
        header["x5c"] = [base64.b64encode(certificate).decode()]
    signed = encode(json.dumps(header).encode()) + b"." + encode(json.dumps(payload).encode())
    algorithms = {
        "RS256": hashes.SHA256(),
        "RS384": hashes.SHA384(),
        "RS512": hashes.SHA512(),
        "HS256": hashes.SHA256(),
    }
    return signed + b"." + encode(key.sign(signed, padding.PKCS1v15(), algorithms[algorithm]))


def certificate_of(key: rsa.RSAPrivateKey) -> bytes:
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "signer")])
    start = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
    builder = x509.CertificateBuilder(name, name, key.public_key(), 1, start, start + dt.timedelta(days=9999))
    return builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.DER)


def test_signatures_are_verified(client: httpx.Client) -> None:
    key, other = (rsa.generate_private_key(public_exponent=65537, key_size=2048) for _ in range(2))
    certificate = certificate_of(key)

    def send(signature: bytes, signed: dict[str, Any]) -> int:
        whole = {
            **signed,
            "id": str(uuid.uuid4()),
            "attachments": [attachment(signature, usageType=SIGNATURE)],
        }
        return client.post("/statements", **parts(whole, signature)).status_code

    plain = statement(timestamp="2026-01-01T00:00:00Z", result={"duration": "PT1.12S"})
    for algorithm in ("RS256", "RS384", "RS512"):
        assert send(jws(plain, algorithm=algorithm, key=key), plain) == 200
        assert send(jws(plain, algorithm=algorithm, key=key, certificate=certificate), plain) == 200
    assert send(jws(plain, algorithm="HS256", key=key), plain) == 400
    assert send(jws(plain, key=other, certificate=certificate), plain) == 400
    assert send(jws(plain, key=key, certificate=b"x"), plain) == 400
    assert send(jws({**plain, "verb": {"id": iri()}}, key=key), plain) == 400
    assert send(jws({"a": 1}, key=key), plain) == 400
    assert send(b"no.jws", plain) == 400
    assert send(b"a.b.c", plain) == 400
    assert send(jws(plain, key=key)[:-4] + b"!!!!", plain) == 400


def test_alternate_syntax_is_version_1s_alone(shared_lrs: Lrs) -> None:
    sent = statement()
    form = {"statementId": sent["id"], "content": json.dumps(sent), "Content-Type": "application/json"}
    with shared_lrs.client() as client:
        basic = client.auth._auth_header  # type: ignore[union-attr]

        def post(method: str, fields: dict[str, str], query: str = "", **headers: str) -> httpx.Response:
            kind = {"Content-Type": "application/x-www-form-urlencoded", **headers}
            return client.post(
                f"/statements?method={method}{query}", content=urlencode(fields).encode(), headers=kind
            )

        assert post("PUT", form).status_code == 204
        found = post("GET", {"statementId": sent["id"]})
        assert (found.status_code, found.json()["id"]) == (200, sent["id"])
        # HEAD in a form is a POST on the wire: its answer has no body and says so.
        bare = post("HEAD", {"statementId": sent["id"]})
        assert (bare.status_code, bare.content) == (200, b"")
        assert bare.headers["Content-Length"] == "0" and "Content-Type" not in bare.headers
        assert post("PUT", form, query="&statementId=x").status_code == 400
        assert post("PUT", {"statementId": sent["id"]}).status_code == 400
        assert post("TRACE", form).status_code == 400
        assert post("GET", {"limit": "1", "X-Experience-API-Version": "0.9"}).status_code == 400
        assert post("GET", {"limit": "1", "X-Experience-API-Version": "2.0.0"}).status_code == 400
        assert post("GET", {"limit": "1"}, **{"X-Experience-API-Version": "2.0.0"}).status_code == 400
        assert client.put("/statements?method=PUT", content=b"").status_code == 400
    with httpx.Client(base_url=shared_lrs.url) as bare:
        fields = {"limit": "1", "Authorization": basic, "X-Experience-API-Version": "1.0.3"}
        assert bare.post("/statements?method=GET", data=fields).status_code == 200


def test_browsers_may_ask_from_anywhere(shared_lrs: Lrs) -> None:
    preflight = httpx.options(
        f"{shared_lrs.url}/statements",
        headers={
            "Origin": "https://content.example",
            "Access-Control-Request-Method": "PUT",
            "Access-Control-Request-Headers": "authorization,x-experience-api-version,content-type",
        },
    )
    assert preflight.status_code == 200
    assert preflight.headers["Access-Control-Allow-Origin"] == "*"
    assert httpx.options(f"{shared_lrs.url}/2.0/agents/profile").headers["Access-Control-Allow-Origin"] == "*"
    with shared_lrs.client() as client:
        answer = client.get("/statements", headers={"Origin": "https://content.example"})
        assert answer.headers["Access-Control-Allow-Origin"] == "*"
        assert "x-experience-api-version" in answer.headers["Access-Control-Expose-Headers"].lower()


def test_wrong_methods_and_places(shared_lrs: Lrs, client: httpx.Client) -> None:
    answer = client.delete("/statements")
    assert (answer.status_code, answer.headers["Allow"]) == (405, "GET, PUT, POST, HEAD")
    for version in ("1.0.3", "2.0.0"):
        nowhere = client.get("/nowhere", headers={"X-Experience-API-Version": version})
        assert (nowhere.status_code, nowhere.headers["X-Experience-API-Version"]) == (404, version)
    for path in ("health", "ready", "metrics"):
        assert httpx.get(f"{shared_lrs.root}/{path}").status_code == 200
    assert "lrs_statements_stored_total" in httpx.get(f"{shared_lrs.root}/metrics").text


def test_tenants_never_meet_on_any_route(shared_lrs: Lrs, client: httpx.Client) -> None:
    tenant = f"t{uuid.uuid4().hex[:8]}"
    credentials.create(shared_lrs.settings, name="n", tenant=tenant, key=tenant, secret="s")
    activity, content = iri(), uuid.uuid4().bytes
    who = {"account": {"homePage": "https://school.example", "name": str(uuid.uuid4())}}
    agent = json.dumps(who)
    sent = statement(
        actor={**who, "name": "Ada"},
        object={"id": activity, "definition": {"name": {"en": "x"}}},
        attachments=[attachment(content)],
    )
    client.post("/statements", **parts(sent, content)).raise_for_status()
    documents = {
        "/activities/state": {"activityId": activity, "agent": agent, "stateId": "d"},
        "/activities/profile": {"activityId": activity, "profileId": "d"},
        "/agents/profile": {"agent": agent, "profileId": "d"},
    }
    for path, where in documents.items():
        client.post(path, params=where, json={"mine": 1}).raise_for_status()
    with shared_lrs.client(key=tenant, secret="s") as other:
        assert other.get("/statements").json()["statements"] == []
        assert other.get("/statements", params={"statementId": sent["id"]}).status_code == 404
        assert "name" not in other.get("/agents", params={"agent": agent}).json()
        assert "definition" not in other.get("/activities", params={"activityId": activity}).json()
        for path, where in documents.items():
            assert other.get(path, params=where).status_code == 404
            everything = {
                key: value for key, value in where.items() if not key.endswith("Id") or key == "activityId"
            }
            assert other.get(path, params=everything).json() == []
            assert other.post(path, params=where, json={"theirs": 1}).status_code == 204
            assert other.delete(path, params=where).status_code == 204
        # Naming the hash of another tenant's file does not open it.
        theirs = statement(attachments=[attachment(content, fileUrl="https://x.example/f")])
        other.post("/statements", json=theirs).raise_for_status()
        assert len(read_parts(other.get("/statements", params={"attachments": "true"}))) == 1
    for path, where in documents.items():
        assert client.get(path, params=where).json() == {"mine": 1}


@pytest.mark.parametrize(
    ("scope", "allowed"),
    [
        (
            "all/read",
            {
                "GET /statements",
                "GET /activities/state",
                "GET /agents/profile",
                "GET /agents",
                "GET /activities",
            },
        ),
        ("state", {"GET /activities/state", "POST /activities/state"}),
        ("profile", {"GET /agents/profile", "POST /agents/profile", "GET /agents", "GET /activities"}),
        ("statements/read", {"GET /statements", "GET /agents", "GET /activities"}),
        ("statements/write", {"POST /statements"}),
        ("define", set()),
    ],
)
def test_what_each_scope_opens(shared_lrs: Lrs, scope: str, allowed: set[str]) -> None:
    key = f"scope-{uuid.uuid4()}"
    credentials.create(shared_lrs.settings, name=key, key=key, secret="s", scopes=[scope])
    agent = json.dumps({"mbox": "mailto:a@x.example"})
    places = {
        "/statements": {},
        "/activities/state": {"activityId": iri(), "agent": agent, "stateId": "d"},
        "/agents/profile": {"agent": agent, "profileId": key},
        "/agents": {"agent": agent},
        "/activities": {"activityId": iri()},
    }
    opened = set()
    with shared_lrs.client(key=key, secret="s") as client:
        for path, where in places.items():
            if client.get(path, params=where).status_code != 403:
                opened.add(f"GET {path}")
            if path not in ("/agents", "/activities"):
                body = statement() if path == "/statements" else {}
                if client.post(path, params=where, json=body).status_code != 403:
                    opened.add(f"POST {path}")
    assert opened == allowed


def test_credentials_in_the_url_are_no_credentials(shared_lrs: Lrs) -> None:
    with httpx.Client(base_url=shared_lrs.url, headers={"X-Experience-API-Version": "1.0.3"}) as client:
        for header in (
            None,
            "Basic",
            "Basic x",
            "Bearer x",
            "Basic " + base64.b64encode(b"no-colon").decode(),
        ):
            headers = {} if header is None else {"Authorization": header}
            refused = client.get("/statements", headers=headers)
            assert refused.status_code == 401
            assert refused.headers["WWW-Authenticate"] == 'Basic realm="xAPI", charset="UTF-8"'
        right = "basic " + base64.b64encode(f"{KEY}:{SECRET}".encode()).decode()
        assert client.get("/statements", headers={"Authorization": right}).status_code == 200
