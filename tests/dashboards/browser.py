"""Headless Chromium for the dashboards: started without any talk to the outside, logged in through the real form."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Iterator

from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

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


def chromium() -> str | None:
    """The path of an installed Chromium, or None."""
    return shutil.which("chromium") or shutil.which("chromium-browser")


@contextlib.contextmanager
def browser() -> Iterator[Browser]:
    """A headless Chromium. Playwright's own copy is used where the system has none."""
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=chromium(), args=FLAGS)
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
