"""A real LRS process for tests, and a client that speaks to it as an LMS would."""

from __future__ import annotations

import contextlib
import os
import signal
import ssl
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from typing import IO, Any

import httpx

from learnlake.settings import Settings
from lrs import credentials

KEY, SECRET = "lms", "a-secret-for-tests"


class Lrs:
    """A served LRS. `client` sends version 1.0.3 unless told otherwise."""

    def __init__(self, settings: Settings, port: int, *, workers: int = 1) -> None:
        self.settings = settings
        self.workers = workers
        self.port = port
        self.root = f"{settings.scheme}://127.0.0.1:{port}"
        # Tests make their own certificate, which is then its own authority.
        tls = settings.tls_certificate
        self.trust: ssl.SSLContext | bool = ssl.create_default_context(cafile=tls) if tls else True
        self.url = f"{self.root}/xapi"
        self.process: subprocess.Popen[bytes] | None = None

    def start(self, *, stderr: IO[bytes] | None = None) -> None:
        command = [sys.executable, "-m", "cli.main", "lrs", "serve", "--port", str(self.port)]
        command += ["--workers", str(self.workers)]
        self.process = subprocess.Popen(command, env={**os.environ}, start_new_session=True, stderr=stderr)
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            with contextlib.suppress(httpx.TransportError):
                if httpx.get(f"{self.root}/ready", verify=self.trust).status_code == 200:
                    return
            if self.process.poll() is not None:
                raise RuntimeError(f"the LRS ended with {self.process.returncode}")
            time.sleep(0.05)
        raise RuntimeError("the LRS did not start")

    def stop(self, number: int = signal.SIGTERM) -> int:
        assert self.process is not None
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, number)
        return self.process.wait(timeout=20)

    def client(self, *, key: str = KEY, secret: str = SECRET, version: str | None = "1.0.3") -> httpx.Client:
        headers = {} if version is None else {"X-Experience-API-Version": version}
        # Without verify=False each client loads the system's certificates first: 30 ms, for plain HTTP.
        return httpx.Client(
            auth=(key, secret), headers=headers, base_url=self.url, timeout=30, trust_env=False, verify=False
        )


@contextlib.contextmanager
def serving(
    settings: Settings, port: int, *, workers: int = 1, log: IO[bytes] | None = None
) -> Iterator[Lrs]:
    """An LRS on the home folder of `settings`, with one credential (KEY, SECRET) of the tenant `default`."""
    credentials.create(settings, name="lms", key=KEY, secret=SECRET)
    lrs = Lrs(settings, port, workers=workers)
    lrs.start(stderr=log)
    try:
        yield lrs
    finally:
        lrs.stop()


def statement(**changes: Any) -> dict[str, Any]:
    """A small statement with an id of its own; a property set to None is left out."""
    plain = {
        "id": str(uuid.uuid4()),
        "actor": {"objectType": "Agent", "account": {"homePage": "https://school.example", "name": "s1"}},
        "verb": {"id": "http://adlnet.gov/expapi/verbs/answered"},
        "object": {"objectType": "Activity", "id": "https://school.example/items/1"},
    }
    return {key: value for key, value in {**plain, **changes}.items() if value is not None}
