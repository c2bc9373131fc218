"""A real browser on a real server: logging in, moving on by itself, ending when revoked, nothing fetched from elsewhere."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser, expect

from people import sessions
from tests.dashboards import browser as chromium
from tests.dashboards import school as schools

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def running() -> Iterator[Browser]:
    with chromium.browser() as running:
        yield running


def test_login_leads_to_the_page_asked_for_and_fetches_nothing_from_elsewhere(
    running: Browser, address: str
) -> None:
    context = chromium.new_context(running)
    asked: list[str] = []
    context.on("request", lambda request: asked.append(request.url))
    page = context.new_page()
    page.goto(f"{address}/teacher-skills")
    expect(page).to_have_url(f"{address}/login?next=%2Fteacher-skills")
    page.fill("#login", "teacher")
    page.fill("#password", schools.PASSWORD)
    page.click("button[type=submit]")
    expect(page.get_by_role("heading", name="Skills", exact=True)).to_be_visible(timeout=30_000)
    chromium.settle(page)
    assert page.evaluate("document.cookie").find("learnlake_session") == -1
    elsewhere = [url for url in asked if not url.startswith((address, "data:", "blob:"))]
    assert elsewhere == []
    page.get_by_role("link", name="Log out").click()
    expect(page.get_by_role("heading", name="Log in")).to_be_visible(timeout=30_000)
    context.close()


def test_open_page_moves_on_to_a_new_snapshot_and_ends_with_its_session(
    running: Browser, own_school: schools.School, serve: Callable[[schools.School], str]
) -> None:
    context = chromium.new_context(running)
    page = chromium.log_in(context, serve(own_school), "teacher", schools.PASSWORD)
    expect(page.get_by_text("run-of-the-test")).to_be_visible(timeout=30_000)
    risk = schools.marts(own_school)["prd_risk"]
    for row in risk:
        row["reason_1"] = "Has not opened anything since Monday"
    own_school.publish(run_id="the-run-that-followed", prd_risk=risk)
    expect(page.get_by_text("the-run-that-followed")).to_be_visible(timeout=60_000)
    expect(page.get_by_text("Has not opened anything since Monday").first).to_be_visible(timeout=30_000)
    sessions.revoke(own_school.engine, "teacher")
    expect(page.get_by_role("heading", name="Log in")).to_be_visible(timeout=60_000)
    context.close()


def test_phone_needs_no_sideways_scrolling(running: Browser, address: str) -> None:
    context = chromium.new_context(running, size="phone", theme="dark")
    page = chromium.log_in(context, address, "teacher", schools.PASSWORD)
    for path in ("/teacher", "/teacher-skills", "/teacher-engagement"):
        page.goto(f"{address}{path}")
        chromium.settle(page)
        width = page.evaluate("document.querySelector('[data-testid=stMain]').scrollWidth")
        assert width <= chromium.SIZES["phone"][0], path
    context.close()


def test_open_leads_to_each_student_of_the_list(
    running: Browser, address: str, school: schools.School
) -> None:
    context = chromium.new_context(running)
    page = chromium.log_in(context, address, "teacher", schools.PASSWORD)
    for place in (0, 1):
        page.get_by_role("link", name="Open").nth(place).click()
        person = school.students[schools.CLASSES[0]][-1 - place]
        expect(page.get_by_role("heading", name=school.names[person], exact=True)).to_be_visible(
            timeout=30_000
        )
        assert f"person={person}" in page.url and school.names[person].split()[0] not in page.url
        page.get_by_role("link", name="Who needs you").click()
        expect(page.get_by_role("heading", name="Who needs you", exact=True)).to_be_visible(timeout=30_000)
        expect(page.get_by_role("link", name="Open").nth(place)).to_be_visible(timeout=30_000)
    context.close()
