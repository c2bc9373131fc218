"""A small process that ends a process group's children when their parent is gone, however it went (kill -9 included).

It knows process group ids and nothing else. Linux' parent-death signal would reach direct children only, and leave
their workers behind.
"""

from __future__ import annotations

import contextlib
import os
import signal
import time

TERMINATE_SECONDS = 8.0
"""How long orphans may take to end by themselves before they are killed."""


def signal_group(pgid: int, number: int) -> bool:
    """Send signal `number` to every process of the group; False where none is left."""
    try:
        os.killpg(pgid, number)
    except ProcessLookupError:
        return False
    return True


def end_groups(pgids: set[int], *, seconds: float) -> None:
    """SIGTERM to all groups, then, for those that still have members after `seconds`, SIGKILL."""
    alive = {pgid for pgid in pgids if signal_group(pgid, signal.SIGTERM)}
    deadline = time.monotonic() + seconds
    while alive and time.monotonic() < deadline:
        time.sleep(0.05)
        alive = {pgid for pgid in alive if signal_group(pgid, 0)}
    for pgid in alive:
        signal_group(pgid, signal.SIGKILL)


class Keeper:
    """Start it before the first child; `add` each child's process group; `close` when all have been stopped.

    The keeper inherits `lock_fd`: the home folder counts as taken until the last orphan has ended.
    """

    def __init__(self, lock_fd: int) -> None:
        read_fd, self._write_fd = os.pipe()
        self.pid = os.fork()
        if self.pid == 0:
            status = 1
            try:
                _keep(read_fd, lock_fd)
                status = 0
            finally:
                os._exit(status)
        os.close(read_fd)

    def add(self, pgid: int) -> None:
        os.write(self._write_fd, f"+{pgid}\n".encode())

    def remove(self, pgid: int) -> None:
        os.write(self._write_fd, f"-{pgid}\n".encode())

    def close(self) -> None:
        """Let the keeper end and wait for it; it ends what is left."""
        os.close(self._write_fd)
        with contextlib.suppress(ChildProcessError):
            os.waitpid(self.pid, 0)


def _keep(read_fd: int, lock_fd: int) -> None:
    os.setsid()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    null = os.open(os.devnull, os.O_RDWR)
    for standard in (0, 1, 2):
        os.dup2(null, standard)
    kept = sorted((read_fd, lock_fd))
    os.closerange(3, kept[0])
    os.closerange(kept[0] + 1, kept[1])
    os.closerange(kept[1] + 1, os.sysconf("SC_OPEN_MAX"))
    pgids: set[int] = set()
    with os.fdopen(read_fd) as orders:
        for order in orders:
            pgid = int(order[1:])
            if order[0] == "+":
                pgids.add(pgid)
            else:
                pgids.discard(pgid)
    end_groups(pgids, seconds=TERMINATE_SECONDS)
