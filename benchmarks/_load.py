"""A closed-loop HTTP load generator: prepared requests over kept-alive connections; each sends its next when it has its answer."""

from __future__ import annotations

import asyncio
import dataclasses
import itertools
import os
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

_TICKS = os.sysconf("SC_CLK_TCK")


@dataclasses.dataclass(slots=True)
class Measured:
    """What one run saw. Times in seconds; `server_cpu` is the processor time of the server's process."""

    statuses: dict[int, int]
    times: list[float]
    seconds: float
    server_cpu: float
    client_cpu: float

    @property
    def requests(self) -> int:
        return len(self.times)

    def percentile_ms(self, share: float) -> float:
        return sorted(self.times)[min(len(self.times) - 1, int(share * len(self.times)))] * 1000


class _Connection(asyncio.Protocol):
    def __init__(self, requests: Iterator[bytes], measured: Measured, until: float) -> None:
        self.finished: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._requests = requests
        self._measured = measured
        self._until = until
        self._buffer = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._next()

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        head_end = self._buffer.find(b"\r\n\r\n")
        if head_end < 0:
            return
        head = self._buffer[:head_end].lower()
        at = head.find(b"content-length:")
        length = int(head[at + 15 :].split(b"\r\n", 1)[0]) if at >= 0 else 0
        if len(self._buffer) < head_end + 4 + length:
            return
        status = int(self._buffer[9:12])
        self._buffer = b""
        self._measured.statuses[status] = self._measured.statuses.get(status, 0) + 1
        self._measured.times.append(time.perf_counter() - self._started)
        self._next()

    def connection_lost(self, error: Exception | None) -> None:
        if not self.finished.done():
            self.finished.set_exception(error or ConnectionError("the server closed the connection"))

    def _next(self) -> None:
        self._started = time.perf_counter()
        request = next(self._requests, None) if self._started < self._until else None
        if request is None:
            self.finished.set_result(None)
            self._transport.close()
        else:
            self._transport.write(request)


def request_bytes(path: str, body: bytes, headers: dict[str, str]) -> bytes:
    """A POST as it goes over the wire."""
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    return (
        f"POST {path} HTTP/1.1\r\nHost: localhost\r\n{lines}Content-Length: {len(body)}\r\n\r\n".encode()
        + body
    )


async def measure(
    port: int, pid: int, requests: Sequence[bytes], *, connections: int, seconds: float
) -> Measured:
    """Send `requests` (each once, unless they run out of time) over `connections` for `seconds` at most."""
    measured = Measured({}, [], 0.0, 0.0, 0.0)
    waiting = iter(requests)
    cpu, own, started = cpu_seconds(pid), time.process_time(), time.perf_counter()
    loop = asyncio.get_running_loop()
    made = [
        await loop.create_connection(
            lambda: _Connection(waiting, measured, started + seconds), "127.0.0.1", port
        )
        for _ in range(connections)
    ]
    await asyncio.gather(*(protocol.finished for _, protocol in made))
    measured.seconds = time.perf_counter() - started
    measured.server_cpu = cpu_seconds(pid) - cpu
    measured.client_cpu = time.process_time() - own
    return measured


def cpu_seconds(pid: int) -> float:
    """Processor time of a process so far, all its threads, user and system."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


async def answer_everything(port: int) -> None:
    """The least server there can be: one ready-made answer to each request of one read. It shows the generator's own ceiling."""
    answer = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n[]"

    class Answer(asyncio.Protocol):
        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            assert isinstance(transport, asyncio.Transport)
            self.transport = transport
            self.missing = 0

        def data_received(self, data: bytes) -> None:
            if self.missing == 0:
                head, _, body = data.partition(b"\r\n\r\n")
                length = int(head.lower().rpartition(b"content-length:")[2].split(b"\r\n")[0])
                self.missing = length - len(body)
            else:
                self.missing -= len(data)
            if self.missing == 0:
                self.transport.write(answer)

    server = await asyncio.get_running_loop().create_server(Answer, "127.0.0.1", port)
    await server.serve_forever()


def cycle(items: Sequence[bytes], count: int) -> list[bytes]:
    return list(itertools.islice(itertools.cycle(items), count))
