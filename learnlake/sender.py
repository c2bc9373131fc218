"""Sends xAPI statements to any LRS over HTTP: batches, a few connections, retries with back-off, nothing lost unseen.

Used by importers and generators. It knows HTTP and xAPI's statement resource and nothing of files, sources or our store.
"""

from __future__ import annotations

import collections
import dataclasses
import random
import threading
import time
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import Any

import httpx
import msgspec

from learnlake.errors import AccessError, DeliveryError
from learnlake.xapi import STORED_HEADER

_RETRIED_STATUSES = frozenset({429, 500, 502, 503, 504})
_SPLIT_STATUSES = frozenset({400, 409, 413})
_BATCH_MAX_BYTES = 4 * 1024 * 1024
_LONGEST_PAUSE_SECONDS = 5.0


@dataclasses.dataclass(frozen=True, slots=True)
class Refusal:
    """A statement that the LRS refused: its position among those sent (from 0), its id, status and the LRS's words."""

    position: int
    statement_id: str
    status: int
    reason: str
    statement: bytes = dataclasses.field(repr=False)


@dataclasses.dataclass(slots=True)
class SendReport:
    """What became of the statements: `sent` = `stored` + `duplicates` + `len(refused)`.

    `duplicates` were already there unchanged; after a lost answer they may be from this very run's first attempt.
    """

    sent: int = 0
    stored: int = 0
    duplicates: int = 0
    refused: list[Refusal] = dataclasses.field(default_factory=list)

    def add(self, other: SendReport) -> None:
        self.sent += other.sent
        self.stored += other.stored
        self.duplicates += other.duplicates
        self.refused += other.refused


@dataclasses.dataclass(frozen=True, slots=True)
class _Item:
    position: int
    statement_id: str
    body: bytes
    flaw: str | None = None  # why it cannot even be put into a batch


class _OnlyId(msgspec.Struct):
    id: str | None = None


_decode_id = msgspec.json.Decoder(_OnlyId).decode


class Sender:
    """A client of one LRS endpoint (`http://host:port/xapi`, without a trailing slash).

    batch_size: statements per request. connections: requests in flight; with more than one the LRS may store batches in
    another order than they were given. retry_seconds: how long one batch is tried before `DeliveryError`.
    """

    def __init__(
        self,
        base_url: str,
        key: str,
        secret: str,
        *,
        version: str = "1.0.3",
        batch_size: int = 250,
        connections: int = 4,
        retry_seconds: float = 120.0,
        timeout_seconds: float = 60.0,
    ) -> None:
        self.batch_size = batch_size
        self.connections = connections
        self.retry_seconds = retry_seconds
        self.url = base_url.rstrip("/") + "/statements"
        self._stop = threading.Event()
        self._client = httpx.Client(
            auth=(key, secret),
            headers={"X-Experience-API-Version": version, "Content-Type": "application/json"},
            timeout=timeout_seconds,
            limits=httpx.Limits(max_connections=connections, max_keepalive_connections=connections),
            trust_env=False,
        )

    def __enter__(self) -> Sender:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        self._stop.set()
        self._client.close()

    def send(
        self,
        statements: Iterable[Mapping[str, Any] | bytes],
        *,
        progress: Callable[[SendReport], None] | None = None,
    ) -> SendReport:
        """Send all `statements` (mappings, or JSON already encoded) and report.

        A statement without an id is given one, so that a repeated request stores nothing twice. `progress` is called in the
        caller's thread after each answered batch with the report so far: its first `sent` statements are settled.
        Raises AccessError for refused credentials and DeliveryError when a batch could not be delivered in time.
        """
        report = SendReport()
        waiting: collections.deque[Future[SendReport]] = collections.deque()

        def settle_oldest() -> None:
            report.add(waiting.popleft().result())
            if progress:
                progress(report)

        with ThreadPoolExecutor(self.connections, thread_name_prefix="sender") as pool:
            try:
                for batch in _batches(statements, self.batch_size):
                    waiting.append(pool.submit(self._deliver, batch))
                    while len(waiting) > self.connections * 2:
                        settle_oldest()
                while waiting:
                    settle_oldest()
            except BaseException:
                self._stop.set()
                pool.shutdown(wait=True, cancel_futures=True)
                self._stop.clear()
                raise
        return report

    def _deliver(self, batch: list[_Item]) -> SendReport:
        """Deliver one batch; when the LRS refuses it, halve it until the refused statements are known by name."""
        flawed = [item for item in batch if item.flaw]
        if flawed:
            report = SendReport(
                sent=len(flawed), refused=[_refusal(item, 400, item.flaw or "") for item in flawed]
            )
            sound = [item for item in batch if not item.flaw]
            if sound:
                report.add(self._deliver(sound))
            return report
        response = self._post(batch)
        if response.is_success:
            # Another LRS does not say how many were new: there, all of them count as stored.
            stored = int(response.headers.get(STORED_HEADER, len(batch)))
            return SendReport(sent=len(batch), stored=stored, duplicates=len(batch) - stored)
        if response.status_code in (401, 403):
            raise AccessError(
                f"The LRS refused the credential: {response.status_code} {_reason(response)}",
                where=self.url,
                mend="give a key and secret that `learnlake lrs credential list` names with a scope that may write",
            )
        if response.status_code not in _SPLIT_STATUSES:
            raise DeliveryError(
                f"The LRS answered {response.status_code} to a batch of statements: {_reason(response)}",
                where=self.url,
                mend="check the address: it is the xAPI endpoint without /statements",
            )
        if len(batch) == 1:
            return SendReport(sent=1, refused=[_refusal(batch[0], response.status_code, _reason(response))])
        report = SendReport()
        middle = len(batch) // 2
        for half in (batch[:middle], batch[middle:]):
            report.add(self._deliver(half))
        return report

    def _post(self, batch: list[_Item]) -> httpx.Response:
        """One POST, repeated while the LRS is away or busy, at growing pauses, for `retry_seconds` at most."""
        body = b"[" + b",".join(item.body for item in batch) + b"]"
        deadline = time.monotonic() + self.retry_seconds
        for attempt in range(1_000_000):
            try:
                response = self._client.post(self.url, content=body)
                if response.status_code not in _RETRIED_STATUSES:
                    return response
                trouble, asked = f"{response.status_code} {_reason(response)}", _retry_after(response)
            except httpx.TransportError as error:
                trouble, asked = f"{type(error).__name__}: {error}", 0.0
            pause = max(
                asked, min(_LONGEST_PAUSE_SECONDS, 0.1 * 2 ** min(attempt, 10)) * random.uniform(0.5, 1)
            )
            if time.monotonic() + pause > deadline or self._stop.wait(pause):
                break
        raise DeliveryError(
            f"A batch of {len(batch)} statements could not be delivered: {trouble}",
            where=self.url,
            mend="start the LRS (`learnlake lrs serve`) and send again: what has arrived is not stored twice",
        )


def _batches(statements: Iterable[Mapping[str, Any] | bytes], size: int) -> Iterator[list[_Item]]:
    batch: list[_Item] = []
    batch_bytes = 0
    for position, statement in enumerate(statements):
        item = _item(position, statement)
        if batch and (len(batch) >= size or batch_bytes + len(item.body) > _BATCH_MAX_BYTES):
            yield batch
            batch, batch_bytes = [], 0
        batch.append(item)
        batch_bytes += len(item.body)
    if batch:
        yield batch


def _item(position: int, statement: Mapping[str, Any] | bytes) -> _Item:
    """The statement encoded and with an id. A wrong id goes as it is: the LRS says what is wrong with it."""
    if not isinstance(statement, bytes):
        statement_id = str(statement.get("id") or uuid.uuid4())
        return _Item(position, statement_id, msgspec.json.encode({"id": statement_id, **statement}))
    try:
        statement_id = _decode_id(statement).id or ""
    except msgspec.DecodeError:
        try:
            msgspec.json.decode(statement, type=msgspec.Raw)
        except msgspec.DecodeError as error:
            return _Item(position, "", statement, flaw=f"not JSON: {error}")
        return _Item(position, "", statement)
    if not statement_id:
        statement_id = str(uuid.uuid4())
        rest = statement.lstrip()[1:].lstrip()
        comma = b"" if rest.startswith(b"}") else b","
        statement = b'{"id":"' + statement_id.encode() + b'"' + comma + rest
    return _Item(position, statement_id, statement)


def _refusal(item: _Item, status: int, reason: str) -> Refusal:
    return Refusal(item.position, item.statement_id, status, reason, item.body)


def _retry_after(response: httpx.Response) -> float:
    value = response.headers.get("Retry-After", "")
    return float(value) if value.isdigit() else 0.0


def _reason(response: httpx.Response) -> str:
    return " ".join(response.text.split())[:1000]
