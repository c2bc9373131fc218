"""The writer: one thread that puts concurrent requests into shared commits, and says when they are durable."""

from __future__ import annotations

import asyncio
import collections
import dataclasses
import logging
import threading
import time
from collections.abc import Callable
from typing import Any, TypeVar

from learnlake.errors import StoreError
from lrs.store.activities import Definitions
from lrs.store.append import Batch, Conflict, Stored, append
from lrs.store.database import Connection, Database
from lrs.store.references import KeysOf

logger = logging.getLogger(__name__)
T = TypeVar("T")


class QueueFull(Exception):
    """More waits than the queue may hold: answer 503 and let the client come back."""


@dataclasses.dataclass(slots=True)
class Progress:
    """What the writer has done and what waits, for metrics."""

    on_commit: Callable[[int, float], None] | None = None
    """Told of each commit: how many statements, how many seconds."""
    statements: int = 0
    waiting: int = 0
    promised: int = 0
    """Microseconds up to which clients were told that nothing more will appear."""
    committed: int = 0
    """The newest `stored` (microseconds) of this process's commits: all that is older can be seen."""


@dataclasses.dataclass(frozen=True, slots=True)
class _Work:
    """A batch of statements, or a call that needs a transaction of its own."""

    future: asyncio.Future[Any]
    weight: int
    batch: Batch | None = None
    call: Callable[[Connection], Any] | None = None


class Writer:
    """Takes work from event loops and answers there after the commit.

    While one commit runs the next requests gather; they become the next transaction, up to `commit_max` statements.
    """

    def __init__(self, database: Database, keys_of: KeysOf, *, commit_max: int, queue_max: int) -> None:
        self._database = database
        self._keys_of = keys_of
        self._definitions = Definitions()
        self._commit_max = commit_max
        self._queue_max = queue_max
        self._work: collections.deque[_Work] = collections.deque()
        self._wake = threading.Condition()
        self._stopping = False
        self.progress = Progress()
        self._thread = threading.Thread(target=self._run, name="lrs-writer", daemon=True)
        self._thread.start()

    @property
    def is_alive(self) -> bool:
        return self._thread.is_alive()

    async def append(self, batch: Batch) -> Stored | Conflict:
        """Store the batch; answers once it is durable. Raises QueueFull at once when too much is waiting."""
        future: asyncio.Future[Stored | Conflict] = asyncio.get_running_loop().create_future()
        self._put(_Work(future, len(batch.statements), batch=batch))
        return await future

    async def call(self, work: Callable[[Connection], T]) -> T:
        """Run `work` in a writing transaction of its own; answers once it is durable."""
        future: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._put(_Work(future, 1, call=work))
        return await future

    def stop(self) -> None:
        """Finish what was accepted, then end the thread."""
        with self._wake:
            self._stopping = True
            self._wake.notify()
        self._thread.join()

    def _put(self, work: _Work) -> None:
        with self._wake:
            # One request larger than the whole queue still gets through when nothing else waits.
            is_full = self.progress.waiting and self.progress.waiting + work.weight > self._queue_max
            if self._stopping or is_full:
                raise QueueFull
            self.progress.waiting += work.weight
            self._work.append(work)
            self._wake.notify()

    def _take(self) -> list[_Work] | None:
        """The next group: one call, or batches up to `commit_max` statements (a larger batch goes alone)."""
        with self._wake:
            while not self._work:
                if self._stopping:
                    return None
                self._wake.wait()
            group = [self._work.popleft()]
            size = group[0].weight
            while group[0].batch and self._work and self._work[0].batch:
                size += self._work[0].weight
                if size > self._commit_max:
                    break
                group.append(self._work.popleft())
            return group

    def _run(self) -> None:
        connection = self._database.connect()
        try:
            while (group := self._take()) is not None:
                started = time.perf_counter()
                answers = self._commit(connection, group)
                size = sum(work.weight for work in group)
                if self.progress.on_commit is not None:
                    self.progress.on_commit(size, time.perf_counter() - started)
                with self._wake:
                    self.progress.waiting -= size
                    for answer in answers:
                        if isinstance(answer, Stored):
                            self.progress.statements += answer.new
                            self.progress.committed = answer.last_stored
                _answer(group, answers)
        finally:
            connection.close()

    def _commit(self, connection: Connection, group: list[_Work]) -> list[Any]:
        """What to answer to each piece of work; an exception among the answers is raised where it is awaited."""
        try:
            call = group[0].call
            if call is not None:
                with connection.writing():
                    return [call(connection)]
            batches = [work.batch for work in group if work.batch]
            return list(
                append(connection, batches, self._keys_of, self._definitions, above=self.progress.promised)
            )
        except Exception as error:
            if group[0].call is None:
                logger.exception("commit failed")
                return [StoreError(f"the commit failed: {error}")] * len(group)
            return [error]


def _answer(group: list[_Work], answers: list[Any]) -> None:
    """Resolve the futures, in one call per event loop."""
    loop = group[0].future.get_loop()

    def resolve() -> None:
        for work, answer in zip(group, answers, strict=True):
            if work.future.done():
                continue
            if isinstance(answer, Exception):
                work.future.set_exception(answer)
            else:
                work.future.set_result(answer)

    loop.call_soon_threadsafe(resolve)
