"""The forwarder: one process per home, one thread per target, each going on from its own watermark."""

from __future__ import annotations

import contextlib
import logging
import threading
from collections.abc import Iterator, Sequence

import httpx
import msgspec

from learnlake.errors import BusyError, LearnlakeError
from learnlake.locks import alone
from learnlake.settings import Settings
from lrs.filters import read_filter
from lrs.forwarding.delivery import Answer, Verdict, deliver, major_version, pause_seconds
from lrs.store import targets as store
from lrs.store.database import Connection, Database, open_database
from lrs.store.read import Row, in_sequence, last_position
from lrs.store.targets import Target

logger = logging.getLogger(__name__)

_POLL_SECONDS = 0.5
_SCAN_ROWS = 500
_BATCH_STATEMENTS = 100
_BATCH_BYTES = 1024 * 1024
_TIMEOUT_SECONDS = 30.0


class _Later(Exception):
    """The target cannot take anything now."""

    def __init__(self, answer: Answer) -> None:
        self.answer = answer


def forward_forever(settings: Settings, *, stop: threading.Event) -> None:
    """Forward to every target until `stop` is set. A second forwarder stands by until the first one ends."""
    is_waiting = False
    while not stop.is_set():
        try:
            with alone(
                settings.home.run / "forward.lock", "another forwarder is at work on this home folder"
            ):
                _supervise(settings, stop)
        except BusyError:
            if not is_waiting:
                logger.info("another forwarder is at work; standing by")
            is_waiting = True
            stop.wait(_POLL_SECONDS)


def _supervise(settings: Settings, stop: threading.Event) -> None:
    """Keep a thread for every target that is not paused; a thread ends by itself when its target is paused or gone."""
    database = open_database(settings)
    threads: dict[int, threading.Thread] = {}
    with contextlib.closing(database.connect(read_only=True)) as connection:
        while not stop.is_set():
            for target in store.targets(connection):
                thread = threads.get(target.number)
                if not target.is_paused and (thread is None or not thread.is_alive()):
                    thread = threading.Thread(
                        target=_forward_one,
                        args=(settings, database, target.number, stop),
                        name=f"forward-{target.name}",
                    )
                    threads[target.number] = thread
                    thread.start()
            stop.wait(_POLL_SECONDS)
    for thread in threads.values():
        thread.join()


def _forward_one(settings: Settings, database: Database, number: int, stop: threading.Event) -> None:
    """One target's rounds. Whatever fails is written beside the target and tried again later."""
    with (
        contextlib.closing(database.connect()) as connection,
        httpx.Client(timeout=_TIMEOUT_SECONDS, trust_env=False, follow_redirects=False) as client,
    ):
        while not stop.is_set():
            target = store.by_number(connection, number)
            if target is None or target.is_paused:
                return
            wait = target.retry_at / 1_000_000 - connection.clock() / 1_000_000
            if wait > 0:
                stop.wait(min(wait, _POLL_SECONDS))  # paused, resumed or removed meanwhile: look again
                continue
            try:
                has_moved = _Round(settings, connection, client, target, stop).run()
            except _Later as later:
                answer = later.answer
                _put_off(settings, connection, target, answer.reason, answer.asked_seconds)
                continue
            except LearnlakeError as error:
                _put_off(settings, connection, target, error.what, 0.0)
                continue
            if not has_moved:
                stop.wait(_POLL_SECONDS)


def _put_off(
    settings: Settings, connection: Connection, target: Target, reason: str, asked_seconds: float
) -> None:
    longest = settings.forward_longest_pause_seconds
    pause = pause_seconds(target.failures, asked_seconds, longest_seconds=longest)
    logger.warning("forwarding put off", extra={"target": target.name, "pause_seconds": round(pause, 1)})
    store.failed(connection, target.number, error=reason, pause_seconds=pause)


class _Round:
    """What is new for one target, sent in order; the watermark follows each answer."""

    def __init__(
        self,
        settings: Settings,
        connection: Connection,
        client: httpx.Client,
        target: Target,
        stop: threading.Event,
    ) -> None:
        self._home = settings.home
        self._connection = connection
        self._client = client
        self._target = target
        self._stop = stop

    def run(self) -> bool:
        """Whether there was anything to do."""
        return self._send_dead() | self._send_new()

    def _send_dead(self) -> bool:
        """Dead letters that somebody wants to be sent again, one by one."""
        rows = store.to_resend(self._connection, self._target.number, limit=_BATCH_STATEMENTS)
        for row in rows:
            answer = self._deliver([row])
            if answer.verdict is Verdict.ACCEPTED:
                store.raise_up(self._connection, self._target.number, row.seq)
            else:
                self._bury(row, answer)
        return bool(rows)

    def _send_new(self) -> bool:
        """The next rows of the store in sequence: what is committed, and nothing before it is sent twice as often."""
        target = self._target
        up_to, _ = last_position(self._connection)
        rows = in_sequence(self._connection, after=target.after_seq, up_to=up_to, limit=_SCAN_ROWS)
        if not rows:
            return False
        wanted = read_filter(**target.filters)
        matching = [
            row for row in rows if row.tenant == target.tenant and wanted.meets(msgspec.json.decode(row.raw))
        ]
        for batch in _batches(matching):
            self._settle(batch)
            if self._stop.is_set():
                return True
        store.advance(self._connection, target.number, rows[-1].seq, sent=0)
        return True

    def _settle(self, batch: Sequence[Row]) -> None:
        """Deliver the batch; a refused one is halved until the refused statements are known."""
        waiting = [batch]
        while waiting:
            part = waiting.pop()
            answer = self._deliver(part)
            if answer.verdict is Verdict.ACCEPTED:
                store.advance(self._connection, self._target.number, part[-1].seq, sent=len(part))
            elif len(part) == 1:
                self._bury(part[0], answer)
            else:
                middle = len(part) // 2
                waiting += [part[middle:], part[:middle]]

    def _deliver(self, rows: Sequence[Row]) -> Answer:
        answer = deliver(self._client, self._home, self._target, rows)
        if answer.verdict is Verdict.LATER:
            raise _Later(answer)
        return answer

    def _bury(self, row: Row, answer: Answer) -> None:
        store.bury(self._connection, self._target.number, row.seq, status=answer.status, reason=answer.reason)


def _batches(rows: Sequence[Row]) -> Iterator[list[Row]]:
    """Runs of rows for one request each: one xAPI version, not too many, not too large."""
    batch: list[Row] = []
    size_bytes, version = 0, ""
    for row in rows:
        its_version = major_version(row)
        is_full = len(batch) >= _BATCH_STATEMENTS or size_bytes + len(row.raw) > _BATCH_BYTES
        if batch and (is_full or its_version != version):
            yield batch
            batch, size_bytes = [], 0
        batch.append(row)
        size_bytes += len(row.raw)
        version = its_version
    if batch:
        yield batch
