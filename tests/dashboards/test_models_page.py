"""The models' page: alarms with what to do, as the mart has them; Evidently's report sandboxed, for administrators only."""

from __future__ import annotations

from collections.abc import Callable

import httpx
import pytest
from playwright.sync_api import expect
from streamlit.testing.v1 import AppTest

from dashboards.drift_report import PATH
from people import sessions
from tests.dashboards import browser as chromium
from tests.dashboards import school as schools
from tests.dashboards.test_pages import text
from tests.dashboards.test_principal import table

Open = Callable[..., AppTest]
REPORT = """<html><body><h1>Drift</h1><p id=at></p><script>
document.getElementById("at").textContent = "drawn";
try { document.cookie; document.title = "cookies" } catch (e) { document.title = "no cookies" }
fetch("/health").then(() => { document.getElementById("at").textContent = "sent" }).catch(() => {})
</script></body></html>"""


def test_alarms_are_those_of_the_mart_with_what_to_do(own_school: schools.School, open_page: Open) -> None:
    drift = schools.marts(own_school)["qc_drift"]
    for row in drift:
        row |= {"scope": "test:school", "kind": "prediction" if row["feature"] == "login_count" else "input"}
    drift[1] |= {"has_drifted": True, "statistic": 0.4}
    own_school.publish(qc_drift=drift)
    app = open_page(own_school, "administrator", "administrator-models")
    said = text(app)
    assert "Look at 2 alarms" in said and "login_count in test:school: 0.4 where 0.1 is the limit" in said
    assert "compare versions before you promote" in said and "train anew" in said
    assert list(table(app, "Statistic")["State"]) == ["drifted", "drifted", "stable"]
    assert "No report yet" in said
    assert "2 features have drifted" in text(open_page(own_school, "administrator", "administrator"))


@pytest.mark.browser
def test_report_runs_in_a_sandbox_and_is_the_administrator_s(
    own_school: schools.School, serve: Callable[[schools.School], str]
) -> None:
    folder = own_school.settings.home.reports
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"drift-{schools.TENANT}.html").write_text(REPORT)
    address = serve(own_school)
    cookies = {
        role: {"learnlake_session": sessions.log_in(own_school.engine, role, schools.PASSWORD, "test")}
        for role in ("administrator", "teacher")
    }
    assert httpx.get(address + PATH, follow_redirects=False).status_code == 303
    assert httpx.get(address + PATH, cookies=cookies["teacher"]).status_code == 403
    answer = httpx.get(address + PATH, params={"save": "1"}, cookies=cookies["administrator"])
    assert answer.text == REPORT and "attachment" in answer.headers["content-disposition"]
    with chromium.browser() as running:
        context = chromium.new_context(running)
        page = chromium.log_in(context, address, "administrator", schools.PASSWORD)
        page.goto(f"{address}/administrator-models")
        chromium.settle(page)
        frame = page.frame_locator("iframe[src*='administrator-models/report']")
        expect(frame.locator("#at")).to_have_text("drawn", timeout=30_000)
        page.wait_for_timeout(300)
        expect(frame.locator("#at")).to_have_text("drawn")
        inner = next(f for f in page.frames if PATH in f.url)
        assert inner.title() == "no cookies", "the report has an origin of its own"
        context.close()
