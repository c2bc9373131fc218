"""The store as a running LRS holds it: the writer, a pool of reading connections, and the clock of what can be seen."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import secrets
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from learnlake.settings import Settings
from lrs.statement.decode import decode_stored
from lrs.statement.known import KnownParts
from lrs.statement.prepare import KeyMaker
from lrs.store.append import Batch, Conflict, Stored
from lrs.store.database import Connection, Database, open_database
from lrs.store.read import last_position
from lrs.store.writer import Progress, Writer

T = TypeVar("T")
_READERS = 4


class Store:
    """One per process. `read` and the writer's methods are awaited; all else is plain."""

    def __init__(self, settings: Settings) -> None:
        self.database: Database = open_database(settings)
        self._secret = index_secret(self.database)
        self.keys = KeyMaker(self._secret)
        self.known = KnownParts(self.keys)
        self._local = threading.local()
        self._connections: list[Connection] = []
        self._pool = ThreadPoolExecutor(_READERS, thread_name_prefix="lrs-reader")
        self._writer = Writer(
            self.database,
            self._keys_of,
            commit_max=settings.commit_max_statements,
            queue_max=settings.queue_max_statements,
        )
        with contextlib.closing(self.database.connect(read_only=True)) as connection:
            _, self.progress.committed = last_position(connection)
        self.progress.promised = time.time_ns() // 1000  # nothing is in flight yet

    @property
    def progress(self) -> Progress:
        return self._writer.progress

    def seal(self, tenant: str, text: str) -> str:
        """Proves later that this store gave `text` to a client of `tenant`; the same in all processes."""
        key = hashlib.blake2b(self._secret, person=b"learnlake more").digest()
        return hashlib.blake2b(f"{tenant}\n{text}".encode(), digest_size=16, key=key).hexdigest()

    @property
    def is_ready(self) -> bool:
        return self._writer.is_alive

    async def append(self, batch: Batch) -> Stored | Conflict:
        """Store a batch durably, whole or not at all."""
        return await self._writer.append(batch)

    async def write(self, work: Callable[[Connection], T]) -> T:
        """Run `work` in a durable transaction."""
        return await self._writer.call(work)

    async def read(self, work: Callable[[Connection], T]) -> T:
        """Run `work` on a reading connection, in a thread of the pool."""
        return await asyncio.get_running_loop().run_in_executor(self._pool, self._read, work)

    async def consistent_through(self) -> int:
        """Microseconds up to which every statement, present and future, can be seen.

        Statements get times above all earlier ones and are committed in that order. With nothing in flight this is now.
        """
        if self.database.is_shared:
            return await self.read(lambda connection: connection.consistent_through())
        progress = self.progress
        if not progress.waiting:
            progress.promised = max(progress.promised, time.time_ns() // 1000)
        return max(progress.promised, progress.committed)

    async def read_with_time(self, work: Callable[[Connection], T]) -> tuple[int, T]:
        """What `work` reads, and the time up to which it is complete: `consistent_through` of the moment before."""
        if not self.database.is_shared:
            return await self.consistent_through(), await self.read(work)
        return await self.read(lambda connection: (connection.consistent_through(), work(connection)))

    def close(self) -> None:
        """Finish what was accepted, then let go of the database."""
        self._writer.stop()
        self._pool.shutdown(wait=True)
        for connection in self._connections:
            connection.close()

    def _read(self, work: Callable[[Connection], T]) -> T:
        connection = getattr(self._local, "connection", None)
        if connection is None:
            connection = self._local.connection = self.database.connect(read_only=True)
            self._connections.append(connection)
        return work(connection)

    def _keys_of(self, tenant: str, raw: bytes) -> list[int]:
        statement = decode_stored(raw)
        return self.keys.keys(tenant, statement, statement["authority"])


@contextlib.contextmanager
def reading(settings: Settings) -> Iterator[Connection]:
    """A reading connection for a program that is not the LRS: the sealer, the export, reconciliation."""
    with contextlib.closing(open_database(settings).connect(read_only=True)) as connection:
        yield connection


def index_secret(database: Database) -> bytes:
    """The key of the store's index hash, made when the store is."""
    with contextlib.closing(database.connect()) as connection:
        found = "select value from secret where name = 'index'"
        if not connection.rows(found):
            with connection.writing():
                made = ("index", secrets.token_bytes(32))
                connection.execute("insert into secret values (?, ?) on conflict do nothing", made)
        return bytes(connection.rows(found)[0][0])
