"""Ten thousand learners at once: open connections, each sending a statement every 20 s, one in fifty a batch of 20.

    python -m benchmarks.lrs_connections --minutes 10

Prints, every ten seconds, p50 and p95 from the moment a statement was due to its answer, errors, and the server's memory. It ends by
itself and speaks to 127.0.0.1 only. Results are printed, not kept.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import dataclasses
import json
import os
import random
import resource
import sys
import tempfile
import time
import uuid
from pathlib import Path

from benchmarks._load import cpu_seconds, request_bytes, served
from benchmarks._mix import KEY, LRS, SECRET, SHAPES, make_credential, shape

EVERY_SECONDS = 20.0
BATCH_SHARE, BATCH_SIZE = 0.02, 20
MOST_MINUTES, MOST_CONNECTIONS = 60.0, 20_000
_PER_ADDRESS = 5_000
"""Connections from one source address: the system has some 28,000 ports for each."""
_REPORT_SECONDS = 10.0
_HEADERS = {
    "X-Experience-API-Version": "1.0.3",
    "Content-Type": "application/json",
    "Authorization": "Basic " + base64.b64encode(f"{KEY}:{SECRET}".encode()).decode(),
}


@dataclasses.dataclass(slots=True)
class Seen:
    """What happened since the last report."""

    times: list[float] = dataclasses.field(default_factory=list)
    statements: int = 0
    errors: dict[str, int] = dataclasses.field(default_factory=dict)

    def error(self, kind: str) -> None:
        self.errors[kind] = self.errors.get(kind, 0) + 1

    def percentile_ms(self, share: float) -> float:
        return sorted(self.times)[min(len(self.times) - 1, int(share * len(self.times)))] * 1000


class Load:
    """What all connections share: the statements, the clock, the counts."""

    def __init__(self) -> None:
        self.seen = Seen()
        self.open = 0
        self.is_over = False
        self.draw = random.Random(5)
        self._texts = [json.dumps(shape(self.draw, number))[1:] for number in range(SHAPES)]

    def request(self) -> tuple[bytes, int]:
        size = BATCH_SIZE if self.draw.random() < BATCH_SHARE else 1
        statements = [f'{{"id": "{uuid.uuid4()}", {self.draw.choice(self._texts)}' for _ in range(size)]
        body = statements[0] if size == 1 else f"[{', '.join(statements)}]"
        return request_bytes("/xapi/statements", body.encode(), _HEADERS), size


class Learner(asyncio.Protocol):
    """One kept connection. A statement that is due while the last one still waits for its answer is an error."""

    def __init__(self, load: Load, first: float) -> None:
        self._load = load
        self._due = first
        self._size = 0
        self._is_waiting = False
        self._buffer = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._load.open += 1
        asyncio.get_running_loop().call_at(self._due, self._send)

    def connection_lost(self, error: Exception | None) -> None:
        self._load.open -= 1
        if not self._load.is_over:
            self._load.seen.error(
                f"connection lost ({type(error).__name__ if error else 'closed by the server'})"
            )

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        head_end = self._buffer.find(b"\r\n\r\n")
        if head_end < 0:
            return
        head = self._buffer[:head_end].lower()
        length = int(head.partition(b"content-length:")[2].split(b"\r\n", 1)[0])
        if len(self._buffer) < head_end + 4 + length:
            return
        status, self._buffer, self._is_waiting = int(self._buffer[9:12]), b"", False
        if status == 200:
            self._load.seen.times.append(asyncio.get_running_loop().time() - self._due)
            self._load.seen.statements += self._size
        else:
            self._load.seen.error(f"answer {status}")

    def _send(self) -> None:
        if self._load.is_over or self._transport.is_closing():
            return
        if self._is_waiting:
            self._load.seen.error("no answer in 20 s")
        else:
            self._due = asyncio.get_running_loop().time()
            request, self._size = self._load.request()
            self._is_waiting = True
            self._transport.write(request)
        wait = EVERY_SECONDS * self._load.draw.uniform(0.9, 1.1)
        asyncio.get_running_loop().call_later(wait, self._send)


async def _drive(port: int, pid: int, count: int, minutes: float) -> bool:
    """True if there was no error."""
    load, loop = Load(), asyncio.get_running_loop()
    started = loop.time()
    transports = []
    for number in range(count):
        first = loop.time() + load.draw.uniform(0, EVERY_SECONDS)
        source = (f"127.0.0.{2 + number // _PER_ADDRESS}", 0)
        transport, _ = await loop.create_connection(
            lambda first=first: Learner(load, first),  # type: ignore[misc]
            "127.0.0.1",
            port,
            local_addr=source,
        )
        transports.append(transport)
    print(f"{load.open} connections open after {loop.time() - started:.0f} s")
    until, is_clean, whole = loop.time() + minutes * 60, True, Seen()
    cpu, first_rss = cpu_seconds(pid), 0.0
    while loop.time() < until:
        await asyncio.sleep(min(_REPORT_SECONDS, until - loop.time()))
        seen, load.seen = load.seen, Seen()
        rss = _rss_mib(pid)
        first_rss = first_rss or rss
        _print(f"{loop.time() - started:6.0f} s  {load.open} open", seen, rss)
        whole.times += seen.times
        whole.statements += seen.statements
        is_clean = is_clean and not seen.errors
    load.is_over = True
    for transport in transports:
        transport.close()
    cpu = cpu_seconds(pid) - cpu
    _print("whole", whole, _rss_mib(pid))
    print(
        f"memory from {first_rss:.0f} to {_rss_mib(pid):.0f} MiB; server CPU {cpu / (minutes * 60):.0%} of one processor,"
        f" {cpu / max(1, whole.statements) * 1000:.3f} ms per statement; errors: {'none' if is_clean else 'see above'}"
    )
    return is_clean


def _print(title: str, seen: Seen, rss_mib: float) -> None:
    times = (
        f"p50 {seen.percentile_ms(0.5):6.1f}  p95 {seen.percentile_ms(0.95):6.1f} ms" if seen.times else ""
    )
    errors = f"  errors {seen.errors}" if seen.errors else ""
    print(
        f"{title}  {len(seen.times)} requests, {seen.statements} statements  {times}  RSS {rss_mib:.0f} MiB{errors}",
        flush=True,
    )


def _rss_mib(pid: int) -> float:
    text = Path(f"/proc/{pid}/status").read_text()
    return int(text.partition("VmRSS:")[2].split()[0]) / 1024


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=1.0, help=f"{MOST_MINUTES:.0f} at most")
    parser.add_argument("--connections", type=int, default=10_000, help=f"{MOST_CONNECTIONS} at most")
    arguments = parser.parse_args()
    minutes, count = min(arguments.minutes, MOST_MINUTES), min(arguments.connections, MOST_CONNECTIONS)
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    if hard < count + 200:
        print(
            f"this system allows {hard} open files to a process: {hard - 200} connections instead of {count}"
        )
        count = hard - 200
    print(f"{os.cpu_count()} processors shared by server and load, load {os.getloadavg()[0]:.1f}")
    with tempfile.TemporaryDirectory(prefix="learnlake-bench-") as name:
        # The server is started as an operator would, with the usual limit of open files.
        few_files = 'ulimit -S -n 1024; exec "$0" "$@"'
        environment = {"LEARNLAKE_HOME": name}
        make_credential(environment)
        with served(["sh", "-c", few_files, *LRS, "serve"], environment) as (port, pid):
            time.sleep(1)
            return 0 if asyncio.run(_drive(port, pid, count, minutes)) else 1


if __name__ == "__main__":
    sys.exit(main())
