"""How quick the pages are for a reader and for a whole class: in Chromium, and 25 sessions over Streamlit's own WebSocket.

A generated district is built and published as in benchmarks.marts, then served. Beside it a bare Streamlit page of the same run: a
title, a chooser, a table of five rows. `python -m benchmarks.dashboards --statements 10000000`, `--students 100000`
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from playwright.sync_api import Page
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from streamlit.util import calc_hash
from websockets.asyncio.client import ClientConnection, connect

from benchmarks import _district, marts
from benchmarks._district import END, TENANT
from benchmarks._load import free_port
from dashboards.menu import PAGES
from dashboards.visit import COOKIE
from learnlake.settings import Settings
from people import accounts, sessions
from people.db import open_people
from tests.dashboards import browser as chromium

PASSWORD = "a-lantern-over-quiet-hills"
SESSIONS, RUNS, THINK_S = 25, 8, (0.5, 3.0)
ROUNDS = 3
NAVIGATION_MS, INTERACTION_MS, RUN_S = 1000, 500, 2.0
BARE = """
import streamlit as st
st.title("Bare")
chosen = st.selectbox("Which", ["a", "b"])
st.dataframe({"n": [1, 2, 3, 4, 5], "which": [chosen] * 5})
"""
_DATA = "[data-testid=stElementContainer]:not([data-stale=true]) :is([data-testid=stMetric],[data-testid=stDataFrame],[data-testid=stVegaLiteChart],.ll-row,.ll-bar,.ll-state)"
_ENDS = """
() => {
  window.llEnds = []
  const app = document.querySelector('[data-testid=stApp]')
  new MutationObserver(() => {
    if (app.dataset.testScriptState === 'notRunning') window.llEnds.push(performance.now())
  }).observe(app, {attributes: true, attributeFilter: ['data-test-script-state']})
}
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--statements", type=int, default=1_000_000)
    parser.add_argument("--students", type=int, default=20_000)
    parser.add_argument("--sessions", type=int, default=SESSIONS)
    parser.add_argument("--roles", nargs="+", help="read the pages of these roles only; all by default")
    parser.add_argument("--folder", type=Path, help="where the files go; removed afterwards")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=options.folder, prefix="learnlake-pages-") as name:
        home = Path(name)
        settings = Settings(LEARNLAKE_HOME=home, today=END)  # type: ignore[call-arg]
        settings.home.create()
        tokens = prepare(settings, count=options.statements, students=options.students)
        bare = home / "bare.py"
        bare.write_text(BARE)
        with served(settings) as (address, process), served_bare(bare) as (beside, other):
            read(address, beside, [role for role in tokens if not options.roles or role in options.roles])
            for label, at, pid, cookies in (
                ("the pages", address, process.pid, list(tokens.values())),
                ("a bare page", beside, other.pid, [""]),
            ):
                asyncio.run(a_class(label, at, pid, cookies, count=options.sessions))


def prepare(settings: Settings, *, count: int, students: int) -> dict[str, str]:
    """Build and publish the district, and log everybody in: role -> session token."""
    who = _district.enrol(settings, students)
    marts.append(settings, count, students, 0, (END - _district.BEGIN).days)
    marts.pipeline(settings, f"snapshot of {count:,} statements, {students:,} students")
    engine = open_people(settings)
    tokens = {}
    for role, key in who.items():
        grants = (role,) if role in {"administrator", "analyst"} else ()
        accounts.create(
            engine, tenant=TENANT, login=role, password=PASSWORD, role_names=grants, person_key=key
        )
        tokens[role] = sessions.log_in(engine, role, PASSWORD, "benchmark")
    engine.dispose()
    return tokens


@contextlib.contextmanager
def _running(command: list[str], health: str, **variables: str) -> Iterator[subprocess.Popen]:
    import httpx

    process = subprocess.Popen(
        command, env={**os.environ, **variables}, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        for _ in range(1200):
            with contextlib.suppress(httpx.TransportError):
                if httpx.get(health).status_code == 200:
                    break
            time.sleep(0.1)
        yield process
    finally:
        process.terminate()
        process.wait(20)


@contextlib.contextmanager
def served(settings: Settings) -> Iterator[tuple[str, subprocess.Popen]]:
    """The dashboards of `settings`' home in a process of their own."""
    address = f"http://127.0.0.1:{(port := free_port())}"
    command = [sys.executable, "-m", "cli.main", "dashboards", "serve", "--port", str(port)]
    with _running(
        command,
        f"{address}/health",
        LEARNLAKE_HOME=str(settings.home.path),
        LEARNLAKE_TODAY=END.isoformat(),
        LEARNLAKE_CONFIG=str(settings.home.path / "none.toml"),
    ) as process:
        yield address, process


@contextlib.contextmanager
def served_bare(script: Path) -> Iterator[tuple[str, subprocess.Popen]]:
    """The baseline in a process of its own."""
    address = f"http://127.0.0.1:{(port := free_port())}"
    command = [sys.executable, "-m", "streamlit", "run", str(script), f"--server.port={port}"]
    command += [
        "--server.headless=true",
        "--browser.gatherUsageStats=false",
        "--server.address=127.0.0.1",
        "--server.fileWatcherType=none",
    ]
    with _running(command, f"{address}/_stcore/health") as process:
        yield address, process


def read(address: str, beside: str, roles: list[str]) -> None:
    """In one Chromium: each page by the menu and by its address, and a choice on it; medians of `ROUNDS`, everything warm."""
    moved: list[float] = []
    opened: list[float] = []
    chosen: list[float] = []
    with chromium.browser() as running:
        print(
            f"{'median of ' + str(ROUNDS) + ', ms to first data':40} {'by menu':>8} {'by address':>11} {'choice':>8}"
        )
        for role in roles:
            context = chromium.new_context(running)
            page = chromium.log_in(context, address, role, PASSWORD)
            own = [spec for spec in PAGES if role in spec.roles and spec.in_menu]
            for spec in own:  # warm
                page.goto(f"{address}/{spec.path}")
                page.wait_for_selector(_DATA, timeout=60_000)
                chromium.settle(page)
            for spec in own:
                by_menu = [t for _ in range(ROUNDS) if (t := _by_menu(page, spec.path, own)) is not None]
                by_address = [_by_address(page, f"{address}/{spec.path}") for _ in range(ROUNDS)]
                choices = _choices(page)
                moved += by_menu
                opened += by_address
                chosen += choices
                print(f"{spec.path:40} {_ms(by_menu):>8} {_ms(by_address):>11} {_ms(choices):>8}", flush=True)
            context.close()
        context = chromium.new_context(running)
        page = context.new_page()
        page.goto(beside)
        chromium.settle(page)
        bare = [_by_address(page, beside) for _ in range(ROUNDS)]
        print(f"{'a bare Streamlit page':40} {'-':>8} {_ms(bare):>11} {_ms(_choices(page)):>8}")
        context.close()
    print(
        f"{'all pages':40} {_ms(moved):>8} {_ms(opened):>11} {_ms(chosen):>8}   "
        f"(wanted: {NAVIGATION_MS}, {NAVIGATION_MS}, {INTERACTION_MS})"
    )


def _by_menu(page: Page, path: str, own: list) -> float | None:
    """Milliseconds from the click in the menu to the page's first figure, coming from another page; None without one."""
    other = next((spec.path for spec in own if spec.path != path), None)
    if other is None:
        return None
    chromium.follow(page, other)
    before = page.text_content("h1")
    start = time.perf_counter()
    page.click(f'[data-testid=stSidebarNav] a[href$="/{path}"]')
    page.wait_for_function(
        "([before, data]) => document.querySelector('h1')?.textContent !== before && document.querySelector(data)",
        arg=[before, _DATA],
    )
    return 1000 * (time.perf_counter() - start)


def _by_address(page: Page, url: str) -> float:
    start = time.perf_counter()
    page.goto(url, wait_until="commit")
    page.wait_for_selector(_DATA, timeout=60_000)
    taken = 1000 * (time.perf_counter() - start)
    chromium.settle(page)
    return taken


def _choices(page: Page) -> list[float]:
    """Milliseconds from choosing the other option of the page's first chooser to the end of the script; none without one."""
    field = page.locator("[data-testid=stMain] [data-testid=stSelectbox] input").first
    if not field.count():
        return []
    page.evaluate(_ENDS)
    taken = []
    for place in range(ROUNDS):
        field.click()
        options = page.get_by_role("option")
        if options.count() < 2:
            return []
        option = options.nth(1 - place % 2)
        start = page.evaluate("performance.now()")
        option.click()
        page.wait_for_function("start => window.llEnds.some(end => end > start)", arg=start)
        taken.append(page.evaluate("start => window.llEnds.find(end => end > start) - start", start))
        page.wait_for_timeout(300)
    return taken


def _ms(taken: list[float]) -> str:
    return f"{statistics.median(taken):,.0f}" if taken else "-"


async def a_class(label: str, address: str, pid: int, cookies: list[str], *, count: int) -> None:
    """`count` readers at once, each opening pages of the own role with pauses to think; the script's time from asking to its end."""
    resting = _resident_mib(pid)
    taken: list[float] = []
    failed: list[str] = []
    ready = asyncio.Barrier(count)
    readers = [_reader(address, cookies[n % len(cookies)], n, ready, taken, failed) for n in range(count)]
    begun = time.perf_counter()
    peak = asyncio.create_task(_highest(pid))
    await asyncio.gather(*readers)
    peak.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await peak
    ordered = sorted(taken)
    p95 = ordered[int(0.95 * (len(ordered) - 1))]
    memory = (_highest_seen[0] - resting) / count
    print(
        f"{label}: {count} sessions, {len(taken)} runs in {time.perf_counter() - begun:.0f} s, {len(failed)} failed: "
        f"median {statistics.median(taken):.2f} s, p95 {p95:.2f} s (wanted: {RUN_S}); "
        f"{memory:.1f} MiB more a session, {resting:,.0f} MiB before",
        flush=True,
    )


_highest_seen = [0.0]


async def _highest(pid: int) -> None:
    _highest_seen[0] = 0.0
    while True:
        _highest_seen[0] = max(_highest_seen[0], _resident_mib(pid))
        await asyncio.sleep(0.5)


async def _reader(
    address: str, token: str, number: int, ready: asyncio.Barrier, taken: list[float], failed: list[str]
) -> None:
    chance = random.Random(number)
    paths = _paths(number) if token else [""]
    async with connect(
        f"{address.replace('http', 'ws')}/_stcore/stream",
        subprotocols=["streamlit"],  # type: ignore[list-item]
        additional_headers={"Cookie": f"{COOKIE}={token}"} if token else {},
        origin=address,  # type: ignore[arg-type]
        max_size=None,
    ) as socket:
        await _run(socket, paths[0])  # the session is made, its page warm
        await ready.wait()
        for run in range(RUNS):
            await asyncio.sleep(chance.uniform(*THINK_S))
            start = time.perf_counter()
            if not await _run(socket, paths[run % len(paths)]):
                failed.append(paths[run % len(paths)])
            taken.append(time.perf_counter() - start)


def _paths(number: int) -> list[str]:
    roles = ("student", "teacher", "principal", "guardian", "administrator", "analyst")
    role = roles[number % len(roles)]
    return [spec.path for spec in PAGES if role in spec.roles and spec.in_menu]


async def _run(socket: ClientConnection, path: str) -> bool:
    """Ask for one run of `path` and wait for its end; whether it went well."""
    ask = BackMsg()
    ask.rerun_script.page_script_hash = calc_hash(path) if path else ""
    ask.rerun_script.query_string = ""
    await socket.send(ask.SerializeToString())
    while True:
        said = ForwardMsg()
        said.ParseFromString(await socket.recv())
        if said.WhichOneof("type") == "script_finished":
            return bool(said.script_finished == ForwardMsg.FINISHED_SUCCESSFULLY)


def _resident_mib(pid: int) -> float:
    text = Path(f"/proc/{pid}/status").read_text()
    return int(text.split("VmRSS:")[1].split()[0]) / 1024


if __name__ == "__main__":
    main()
