"""Acting in a real browser: the teacher writes from the list, the student finds it, the teacher sees that it was read."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import expect

from tests.dashboards import browser as chromium
from tests.dashboards import school as schools

pytestmark = pytest.mark.browser
MESSAGE = "Please see me on Monday <b>before</b> the lesson"


def test_a_message_goes_from_the_list_to_the_student_and_its_reading_back(
    own_school: schools.School, serve: Callable[..., str]
) -> None:
    student = own_school.students[schools.CLASSES[0]][0]
    rows = schools.marts(own_school)["prd_risk"]
    for row in rows:
        row["is_at_risk"] = row["is_at_risk"] or row["person_key"] == student
        row["risk_rank"] = 0 if row["person_key"] == student else row["risk_rank"]
    own_school.publish(prd_risk=rows)
    address = serve(own_school)
    with chromium.browser() as running:
        teacher = chromium.log_in(chromium.new_context(running), address, "teacher", schools.PASSWORD)
        teacher.get_by_role("button", name="Act").first.click()
        teacher.get_by_text("Message", exact=True).click()
        teacher.get_by_role("textbox", name="Message").fill(MESSAGE)
        teacher.get_by_role("button", name="Send message").click()
        expect(teacher.get_by_text("sent.")).to_be_visible(timeout=30_000)
        assert MESSAGE.split()[0] not in teacher.url

        reader = chromium.log_in(chromium.new_context(running), address, "student", schools.PASSWORD)
        expect(reader.get_by_text(MESSAGE)).to_be_visible(timeout=30_000)
        reader.get_by_role("button", name="I have read this").click()
        expect(reader.get_by_text("1 new message for you")).to_be_hidden(timeout=30_000)

        teacher.goto(f"{address}/teacher-student?person={student}")
        expect(teacher.get_by_text(f"read by {own_school.names[student]}")).to_be_visible(timeout=30_000)
