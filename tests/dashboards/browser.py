"""Headless Chromium for the dashboards: started without any talk to the outside, logged in through the real form."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from tests.prepare import chromium

FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
SIZES = {"wide": (1440, 900), "phone": (390, 844)}


@contextlib.contextmanager
def browser() -> Iterator[Browser]:
    """A headless Chromium: the one that `tests.prepare` finds. Without one the test fails and says what to install."""
    found = chromium()
    assert found, "the browser tests need Chromium: run python -m tests.prepare"
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=str(found), args=FLAGS)
        try:
            yield running
        finally:
            running.close()


def new_context(running: Browser, *, size: str = "wide", theme: str = "light") -> BrowserContext:
    """A fresh visitor: `size` of SIZES, `theme` light or dark."""
    width, height = SIZES[size]
    return running.new_context(
        viewport={"width": width, "height": height},
        color_scheme="dark" if theme == "dark" else "light",
        timezone_id="UTC",
        locale="en-GB",
    )


def log_in(context: BrowserContext, address: str, login: str, password: str) -> Page:
    """Log in through the form and wait for the first page."""
    page = context.new_page()
    page.goto(f"{address}/login")
    page.fill("#login", login)
    page.fill("#password", password)
    page.click("button[type=submit]")
    settle(page)
    return page


def settle(page: Page) -> None:
    """Wait until Streamlit has drawn the page: a title is there and no script runs."""
    page.wait_for_selector("[data-testid=stApp]", timeout=30_000)
    page.wait_for_selector("h1", timeout=30_000)
    page.wait_for_selector("[data-testid=stApp][data-test-script-state=notRunning]", timeout=30_000)
    page.wait_for_timeout(700)


def whole_page(page: Page, path: Path, *, size: str, limit_px: int = 8000) -> list[str]:
    """Photograph the page at its full length; answers what is wrong with its layout (empty: nothing)."""
    width, height = SIZES[size]
    page.set_viewport_size({"width": width, "height": height})
    page.wait_for_timeout(400)
    length = int(page.evaluate("document.querySelector('[data-testid=stMain]')?.scrollHeight || 0"))
    sideways = int(page.evaluate("document.querySelector('[data-testid=stMain]')?.scrollWidth || 0"))
    page.set_viewport_size({"width": width, "height": min(max(length + 60, height), limit_px)})
    page.wait_for_timeout(900)
    path.parent.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=path)
    problems = []
    if size == "phone" and sideways > width:
        problems.append(f"{sideways - width} px wider than the screen")
    if page.get_by_text("could not be shown").count():
        problems.append("the page failed")
    return problems


def follow(page: Page, path: str) -> None:
    """Go to `path` by the menu, as a reader does: the page's scripts are not loaded anew."""
    if not page.url.split("?")[0].endswith(f"/{path}"):
        before = page.text_content("h1")
        page.click(f'[data-testid=stSidebarNav] a[href$="/{path}"]')
        page.wait_for_url(f"**/{path}*")
        page.wait_for_function("before => document.querySelector('h1')?.textContent !== before", arg=before)
    settle(page)
