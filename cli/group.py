"""A group of services that start together and stop together: order, readiness, what happens when one dies.

Which services there are is `cli.services`' business. One group per home folder, held by a lock that ends with the process.
"""

from __future__ import annotations

import contextlib
import dataclasses
import fcntl
import json
import os
import signal
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from pathlib import Path
from types import FrameType, TracebackType
from typing import Any
from urllib.parse import urlsplit

from cli.keeper import Keeper, signal_group
from learnlake.clock import utc_now
from learnlake.errors import BusyError, LearnlakeError
from learnlake.home import Home

READY_SECONDS = 120.0
"""A service that has not answered by then has failed to start."""
POLL_SECONDS = 0.2


@dataclasses.dataclass(frozen=True, slots=True)
class Port:
    """Where a service will listen, and the setting that moves it."""

    host: str
    number: int
    setting: str


@dataclasses.dataclass(frozen=True, slots=True)
class Service:
    """One child process. `ready` is an http(s):// or tcp:// address that answers once the service can be used."""

    name: str
    command: tuple[str, ...]
    needs: tuple[str, ...] = ()
    ready: str | None = None
    address: str | None = None
    port: Port | None = None
    stop_order: int = 0
    stop_seconds: float = 10.0


class Stopped(Exception):
    """Somebody asked the group to end."""


@dataclasses.dataclass(slots=True)
class _Child:
    service: Service
    process: subprocess.Popen[bytes]
    log: Path
    is_ready: bool = False


class ProcessGroup:
    """`with ProcessGroup(home, services, environment) as group: group.start(); group.watch()`."""

    def __init__(self, home: Home, services: Sequence[Service], environment: Mapping[str, str]) -> None:
        self.home = home.create()
        self.services = {service.name: service for service in services}
        self.environment = {**os.environ, **environment}
        self._children: dict[str, _Child] = {}
        self._stopping = threading.Event()
        self._interrupts = False
        self._dead: str | None = None
        self._handlers: dict[int, Any] = {}

    def __enter__(self) -> ProcessGroup:
        self._lock_fd = _take_lock(self.home)
        try:
            for service in self.services.values():
                _require_free_port(service)
        except BusyError:
            os.close(self._lock_fd)
            raise
        self._keeper = Keeper(self._lock_fd)
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            self._handlers[number] = signal.signal(number, self._on_signal)
        self._write_state(is_ready=False)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._interrupts = False
        self._stopping.set()
        self.stop()
        state_file(self.home).unlink(missing_ok=True)
        self._keeper.close()
        os.close(self._lock_fd)
        for number, handler in self._handlers.items():
            signal.signal(number, handler)

    def start(
        self, names: Sequence[str] | None = None, *, on_ready: Callable[[Service], None] | None = None
    ) -> None:
        """Start the named services (all by default), each when those it needs are ready; return when all are."""
        wanted = [self.services[name] for name in names or self.services]
        deadline = time.monotonic() + READY_SECONDS
        while True:
            self._require_alive()
            for service in wanted:
                if service.name not in self._children and all(self._is_ready(need) for need in service.needs):
                    self._launch(service)
            for child in self._children.values():
                if not child.is_ready and _answers(child.service.ready):
                    child.is_ready = True
                    if on_ready:
                        on_ready(child.service)
            late = [service.name for service in wanted if not self._is_ready(service.name)]
            if not late:
                self._write_state(is_ready=len(self._children) == len(self.services))
                return
            if time.monotonic() > deadline:
                raise LearnlakeError(
                    f"Not ready after {READY_SECONDS:.0f} seconds: {', '.join(late)}.",
                    where=", ".join(str(self.home.logs / f"{name}.log") for name in late),
                )
            time.sleep(POLL_SECONDS)

    def watch(self) -> None:
        """Stay until somebody asks to stop (then return) or a child dies (then raise)."""
        with contextlib.suppress(Stopped):
            while True:
                self._require_alive()
                time.sleep(POLL_SECONDS)

    @contextlib.contextmanager
    def working(self) -> Iterator[None]:
        """Around work in the foreground: a signal or a child's death ends the work instead of waiting for it."""
        watcher = threading.Thread(target=self._interrupt_on_death, daemon=True)
        self._interrupts = True
        watcher.start()
        try:
            try:
                yield
            finally:
                self._interrupts = False
                watcher.join()
        except KeyboardInterrupt:
            self._require_alive()
            raise
        self._require_alive()

    def stop(self) -> None:
        """End all children, those with the lowest `stop_order` first, each order at once."""
        for order in sorted({child.service.stop_order for child in self._children.values()}):
            batch = [c for c in self._children.values() if c.service.stop_order == order]
            for child in batch:
                signal_group(child.process.pid, signal.SIGTERM)
            for child in batch:
                self._end(child)
        self._children.clear()

    def _end(self, child: _Child) -> None:
        pgid = child.process.pid
        deadline = time.monotonic() + child.service.stop_seconds
        while time.monotonic() < deadline:
            child.process.poll()
            if not signal_group(pgid, 0):
                break
            time.sleep(0.05)
        else:
            signal_group(pgid, signal.SIGKILL)
        child.process.wait()
        self._keeper.remove(pgid)

    def _launch(self, service: Service) -> None:
        log = self.home.logs / f"{service.name}.log"
        with log.open("ab") as output:
            output.write(f"--- {utc_now().isoformat(timespec='seconds')} start\n".encode())
            process = subprocess.Popen(
                service.command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=self.environment,
                start_new_session=True,
            )
        self._keeper.add(process.pid)
        self._children[service.name] = _Child(service, process, log)
        self._write_state(is_ready=False)

    def _is_ready(self, name: str) -> bool:
        child = self._children.get(name)
        return child is not None and child.is_ready

    def _require_alive(self) -> None:
        if self._stopping.is_set():
            raise Stopped
        dead = self._dead or self._first_dead()
        if dead:
            child = self._children[dead]
            raise LearnlakeError(
                f"{dead} has ended by itself (exit code {child.process.returncode}); all other services are stopped.",
                where=f"{child.log}\n{_tail(child.log)}",
                mend="read its log, mend the cause, then start again",
            )

    def _first_dead(self) -> str | None:
        for name, child in self._children.items():
            if child.process.poll() is not None:
                return name
        return None

    def _interrupt_on_death(self) -> None:
        while self._interrupts:
            self._dead = self._first_dead()
            if self._dead:
                self._interrupts = False
                signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)
                return
            time.sleep(POLL_SECONDS)

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        if self._dead is None:
            self._stopping.set()
        if self._interrupts or self._dead:
            self._interrupts = False
            raise KeyboardInterrupt

    def _write_state(self, *, is_ready: bool) -> None:
        state = {
            "pid": os.getpid(),
            "is_ready": is_ready,
            "at": utc_now().isoformat(timespec="seconds"),
            "services": [
                {
                    "name": child.service.name,
                    "pid": child.process.pid,
                    "address": child.service.address,
                    "log": str(child.log),
                }
                for child in self._children.values()
            ],
        }
        target = state_file(self.home)
        draft = target.with_suffix(f".{os.getpid()}")
        draft.write_text(json.dumps(state, indent=2))
        draft.replace(target)


def state_file(home: Home) -> Path:
    """What runs on this home: pid, addresses, logs. Says nothing where nobody holds the lock."""
    return home.run / "up.json"


def running(home: Home) -> dict[str, Any] | None:
    """The state of the group that runs on this home; None without one."""
    lock = home.run / "up.lock"
    if not lock.exists():
        return None
    with lock.open() as file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return read_state(home)
    return None


def read_state(home: Home) -> dict[str, Any]:
    """The state file's contents; a group that is just starting or ending has none yet or no more."""
    try:
        state: dict[str, Any] = json.loads(state_file(home).read_text())
    except FileNotFoundError:
        return {"pid": None, "is_ready": False, "services": []}
    return state


def _take_lock(home: Home) -> int:
    descriptor = os.open(home.run / "up.lock", os.O_RDWR | os.O_CREAT, 0o600)
    for _attempt in range(10):
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return descriptor
        except BlockingIOError:
            time.sleep(0.05)
    os.close(descriptor)
    state = read_state(home)
    addresses = ", ".join(f"{s['name']} {s['address']}" for s in state["services"] if s["address"])
    raise BusyError(
        f"Learnlake already runs on this home folder (process {state['pid'] or 'unknown, starting or stopping'}).",
        where=f"{home.path}" + (f"\n         {addresses}" if addresses else ""),
        mend="use it, stop it with `learnlake down`, or name another folder in LEARNLAKE_HOME",
    )


def _require_free_port(service: Service) -> None:
    if service.port is None:
        return
    with socket.socket() as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            sock.bind((service.port.host, service.port.number))
        except OSError as error:
            raise BusyError(
                f"{service.name} cannot listen on {service.port.host}:{service.port.number}: {error.strerror}.",
                mend=f"stop the program that has this port, or set {service.port.setting} to a free one",
            ) from error


def _answers(address: str | None) -> bool:
    if address is None:
        return True
    parts = urlsplit(address)
    host, port = parts.hostname or "127.0.0.1", parts.port or 80
    try:
        if parts.scheme == "tcp":
            with socket.create_connection((host, port), timeout=1):
                return True
        if parts.scheme == "https":
            # Our own service on this machine, which its certificate does not name: it only says that it is there.
            context = ssl._create_unverified_context()
            connection: HTTPConnection = HTTPSConnection(host, port, timeout=2, context=context)
        else:
            connection = HTTPConnection(host, port, timeout=2)
        try:
            connection.request("GET", parts.path or "/")
            return connection.getresponse().status < 400
        finally:
            connection.close()
    except (OSError, HTTPException):
        return False


def _tail(log: Path, *, lines: int = 12) -> str:
    return "\n".join(f"         {line}" for line in log.read_text(errors="replace").splitlines()[-lines:])
