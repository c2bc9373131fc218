"""Photographs every page of every role, wide and phone-sized, light and dark, for somebody to look at.

    python -m tests.dashboards.screenshots --out DIR
        the test school, built and served for the occasion
    python -m tests.dashboards.screenshots --out DIR --address http://127.0.0.1:8501 --logins FILE
        a running Learnlake; FILE has one line `ROLE LOGIN PASSWORD` per role

Ends with exit code 1 when a page failed or is wider than a phone.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import httpx

from dashboards.menu import PAGES
from tests.dashboards import browser as chromium
from tests.dashboards import school as schools

Logins = dict[str, tuple[str, str]]
QUERIES = {
    "administrator-people": "?person=p_teacher",
    "administrator-rights": "?person=p_teacher",
    "administrator-identities": "?actor=p_unknown0&person=p_teacher",
}
"""What a page is photographed with, where it shows little without; keys of the test school."""


def main() -> int:
    """Take the pictures; print one line per picture."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--out", type=Path, required=True, help="folder for the pictures, outside the repository"
    )
    parser.add_argument("--address", help="a running dashboards server; otherwise the test school is served")
    parser.add_argument("--logins", type=Path, help="file of ROLE LOGIN PASSWORD lines")
    parser.add_argument("--sizes", nargs="+", default=list(chromium.SIZES), choices=list(chromium.SIZES))
    parser.add_argument("--themes", nargs="+", default=["light", "dark"], choices=["light", "dark"])
    parser.add_argument("--roles", nargs="+", help="only these roles")
    parser.add_argument("--pages", nargs="+", help="only these pages, by path")
    given = parser.parse_args()
    if given.address:
        if not given.logins:
            parser.error("--address needs --logins")
        logins = _read_logins(given.logins)
        served: contextlib.AbstractContextManager[str] = contextlib.nullcontext(given.address)
    else:
        logins = {role: (role, schools.PASSWORD) for role in dict.fromkeys(spec.roles[0] for spec in PAGES)}
        served = _test_school()
    logins = {role: login for role, login in logins.items() if not given.roles or role in given.roles}
    with served as address, chromium.browser() as running:
        problems = _take(running, address, logins, given)
    for line in problems:
        print("PROBLEM", line)
    return 1 if problems else 0


def _take(running: chromium.Browser, address: str, logins: Logins, given: argparse.Namespace) -> list[str]:
    problems = []
    for size in given.sizes:
        for theme in given.themes:
            context = chromium.new_context(running, size=size, theme=theme)
            blank = context.new_page()
            blank.goto(f"{address}/login")
            chromium.whole_page(blank, given.out / f"login-{size}-{theme}.png", size=size)
            context.close()
            for role, (login, password) in logins.items():
                context = chromium.new_context(running, size=size, theme=theme)
                page = chromium.log_in(context, address, login, password)
                for spec in PAGES:
                    if role not in spec.roles or (given.pages and spec.path not in given.pages):
                        continue
                    page.goto(f"{address}/{spec.path}{QUERIES.get(spec.path, '')}")
                    chromium.settle(page)
                    target = given.out / f"{spec.path}-{size}-{theme}.png"
                    found = chromium.whole_page(page, target, size=size)
                    problems += [f"{target.name}: {one}" for one in found]
                    print(target, flush=True)
                context.close()
    return problems


def _read_logins(path: Path) -> Logins:
    lines = [line.split() for line in path.read_text().splitlines() if line.strip()]
    return {role: (login, password) for role, login, password in lines}


@contextlib.contextmanager
def _test_school() -> Iterator[str]:
    from learnlake.settings import get_settings

    with tempfile.TemporaryDirectory() as folder:
        os.environ.update(
            LEARNLAKE_HOME=f"{folder}/home",
            LEARNLAKE_CONFIG=f"{folder}/none.toml",
            LEARNLAKE_TODAY=schools.AS_OF.isoformat(),
        )
        get_settings.cache_clear()
        settings = get_settings()
        settings.home.create()
        schools.build(settings)
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        server = subprocess.Popen(
            [sys.executable, "-m", "cli.main", "dashboards", "serve", "--port", str(port)]
        )
        try:
            address = f"http://127.0.0.1:{port}"
            _wait(address)
            yield address
        finally:
            server.terminate()
            server.wait(10)


def _wait(address: str) -> None:
    for _ in range(600):
        with contextlib.suppress(httpx.TransportError):
            if httpx.get(f"{address}/health").status_code == 200:
                return
        time.sleep(0.1)
    raise SystemExit("The dashboards did not start in a minute.")


if __name__ == "__main__":
    sys.exit(main())
