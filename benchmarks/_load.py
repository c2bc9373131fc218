"""A closed-loop HTTP load generator: prepared requests over kept-alive connections; each sends its next when it has its answer."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import os
import re
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

_TICKS = os.sysconf("SC_CLK_TCK")


@dataclasses.dataclass(slots=True)
class Measured:
    """What one run saw. Times in seconds; `server_cpu` is the processor time of the server's process."""

    statuses: dict[int, int]
    times: list[float]
    seconds: float
    server_cpu: float

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
    measured = Measured({}, [], 0.0, 0.0)
    waiting = iter(requests)
    cpu, started = cpu_seconds(pid), time.perf_counter()
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
    return measured


def cpu_seconds(pid: int) -> float:
    """Processor time of a process and its children so far, all threads, user and system."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    children = [
        int(child)
        for task in Path(f"/proc/{pid}/task").iterdir()
        for child in (task / "children").read_text().split()
    ]
    own = sum(map(int, fields[11:15])) / _TICKS  # with children that have ended
    for child in children:
        with contextlib.suppress(FileNotFoundError):
            own += cpu_seconds(child)
    return own


def peak_memory_bytes(pid: int) -> int:
    """The largest resident size that the process has had."""
    found = re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    return int(found[1]) * 1024 if found else 0


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


@contextlib.contextmanager
def served(command: list[str], environment: Mapping[str, str]) -> Iterator[tuple[int, int]]:
    """(port, process id) of a server that is started with `--port` behind its command, and stopped afterwards."""
    port = free_port()
    process = subprocess.Popen([*command, "--port", str(port)], env={**os.environ, **environment})
    try:
        for _ in range(300):
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
                break
            time.sleep(0.1)
        yield port, process.pid
    finally:
        process.terminate()
        process.wait()


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
