"""One delivery to one target over HTTP: what is sent, how it is signed, and what the answer means."""

from __future__ import annotations

import base64
import dataclasses
import enum
import hashlib
import hmac
import random
import secrets
import time
from collections.abc import Iterator, Sequence
from email.utils import parsedate_to_datetime
from typing import Any

import httpx
import msgspec

from learnlake.clock import utc_now
from learnlake.home import Home
from lrs.attachments import described, folder_of, found, multipart
from lrs.forwarding.targets import read_secret
from lrs.store.read import Row
from lrs.store.targets import Target

_REFUSED = frozenset({400, 406, 409, 413, 414, 415, 422, 431})
"""Answers that speak of the statements; whatever else is no success speaks of the target, and is tried again."""
_FIRST_PAUSE_SECONDS = 1.0
_LONGEST_ASKED_SECONDS = 3600.0


class Verdict(enum.Enum):
    ACCEPTED = "accepted"
    REFUSED = "refused"
    LATER = "later"


@dataclasses.dataclass(frozen=True, slots=True)
class Answer:
    """What a target said. asked_seconds: how long it wants to be left alone (Retry-After)."""

    verdict: Verdict
    status: int = 0
    reason: str = ""
    asked_seconds: float = 0.0


def deliver(client: httpx.Client, home: Home, target: Target, rows: Sequence[Row]) -> Answer:
    """Send the statements in one request."""
    secret = read_secret(target.secret)
    try:
        if target.kind == "lrs":
            response = _to_lrs(client, home, target, secret, rows)
        else:
            response = _to_webhook(client, target, secret, rows)
    except httpx.HTTPError as error:
        return Answer(Verdict.LATER, reason=f"{type(error).__name__}: {error}")
    if response.is_success:
        return Answer(Verdict.ACCEPTED, response.status_code)
    reason = " ".join(f"{response.status_code} {response.text}".split())
    verdict = Verdict.REFUSED if response.status_code in _REFUSED else Verdict.LATER
    return Answer(verdict, response.status_code, reason, _asked_seconds(response))


def pause_seconds(failures: int, asked_seconds: float, *, longest_seconds: float) -> float:
    """How long to wait after so many failures in a row: doubling, with jitter, and at least as long as was asked."""
    own = min(longest_seconds, _FIRST_PAUSE_SECONDS * 2 ** min(failures, 20)) * random.uniform(0.5, 1)
    return max(own, min(asked_seconds, _LONGEST_ASKED_SECONDS))


def major_version(row: Row) -> str:
    """The xAPI version to send a statement in: a request is made in one version."""
    version = msgspec.json.decode(row.raw).get("version", "1.0.0")
    return "2.0.0" if version.startswith("2.") else "1.0.3"


def _to_lrs(
    client: httpx.Client, home: Home, target: Target, secret: str, rows: Sequence[Row]
) -> httpx.Response:
    """POST /statements; with attachments whose files are here as multipart/mixed."""
    body = b"[" + b",".join(row.raw for row in rows) + b"]"
    headers = {"X-Experience-API-Version": major_version(rows[0]), "Content-Type": "application/json"}
    content: bytes | Iterator[bytes] = body
    with_files = [item for row in rows if b"sha2" in row.raw for item in _with_attachments(row)]
    files = found(folder_of(home, target.tenant), with_files)
    if files:
        boundary = secrets.token_hex(16)
        headers["Content-Type"] = f"multipart/mixed; boundary={boundary}"
        content = multipart(body, files, boundary)
    return client.post(
        f"{target.url}/statements", content=content, headers=headers, auth=(target.login, secret)
    )


def _with_attachments(row: Row) -> Iterator[dict[str, Any]]:
    statement = msgspec.json.decode(row.raw)
    if any(described(statement)):
        yield statement


def _to_webhook(client: httpx.Client, target: Target, secret: str, rows: Sequence[Row]) -> httpx.Response:
    """POST in the form of Standard Webhooks 1.0: id, timestamp and body are signed; the same statements have the same id."""
    body = (
        b'{"type":"statements.stored","timestamp":%b,"data":{"target":%b,"tenant":%b,"statements":[%b]}}'
        % (
            msgspec.json.encode(utc_now()),
            msgspec.json.encode(target.name),
            msgspec.json.encode(target.tenant),
            b",".join(row.raw for row in rows),
        )
    )
    message_id = f"msg_{target.number}_{rows[0].seq}_{rows[-1].seq}_{len(rows)}"
    moment = str(int(time.time()))
    headers = {
        "Content-Type": "application/json",
        "webhook-id": message_id,
        "webhook-timestamp": moment,
        "webhook-signature": sign(secret, message_id, moment, body),
    }
    return client.post(target.url, content=body, headers=headers)


def sign(secret: str, message_id: str, timestamp: str, body: bytes) -> str:
    """The signature of Standard Webhooks: HMAC-SHA256 over `id.timestamp.body`; a secret `whsec_...` is Base64."""
    key = base64.b64decode(secret[6:]) if secret.startswith("whsec_") else secret.encode()
    digest = hmac.new(key, f"{message_id}.{timestamp}.".encode() + body, hashlib.sha256).digest()
    return f"v1,{base64.b64encode(digest).decode()}"


def _asked_seconds(response: httpx.Response) -> float:
    """Retry-After as seconds or as a date."""
    text = response.headers.get("Retry-After", "")
    if text.isdigit():
        return float(text)
    try:
        return max(0.0, (parsedate_to_datetime(text) - utc_now()).total_seconds())
    except (ValueError, TypeError):
        return 0.0
