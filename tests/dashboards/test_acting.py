"""A teacher acts from the list and sees what came of it; the student and the guardian find what is for them."""

from __future__ import annotations

from collections.abc import Callable

from streamlit.testing.v1 import AppTest

from dashboards.visit import people_of
from people.db import writing
from people.tables import intervention
from tests.dashboards import school as schools
from tests.dashboards.test_pages import text
from tests.dashboards.test_suggestions import press

Open = Callable[..., AppTest]


def test_a_teacher_acts_from_the_list_and_says_how_it_went(
    own_school: schools.School, open_page: Open
) -> None:
    first = own_school.students[schools.CLASSES[0]][-1]
    app = open_page(own_school, "teacher", "teacher")
    app.button(key=f"act_{first}").click().run()
    press(app, "Keep note")
    assert "A note needs words" in app.error[0].value
    app.text_area(key=f"note_text_{first}").set_value("Spoke with <b>him</b> after class")
    press(app, "Keep note")
    assert f"Note about {own_school.names[first]} kept." in app.success[0].value
    app.button(key=f"act_{first}").click().run()
    app.segmented_control(key=f"act_kind_{first}").set_value("intervene").run()
    app.text_input(key=f"intervene_what_{first}").set_value("Fractions with the tutor")
    press(app, "Begin intervention")
    assert "1 intervention under way" in text(app) and "Until " in text(app)
    with writing(people_of(own_school.settings)) as connection:
        day = schools.AS_OF.replace(day=4)
        connection.execute(
            intervention.update().values(begin_date=day.replace(month=10, day=20), end_date=day)
        )
    app.run()
    assert "1 intervention waits for your word" in text(app) and "Overdue by 16 days" in text(app)
    press(app, "Say how it went")
    app.radio[0].set_value("partly")
    press(app, "Keep outcome")
    assert "under way" not in text(app)
    file = text(open_page(own_school, "teacher", "teacher-student", person=first))
    assert "It helped partly" in file and "Minutes a week:" in file
    assert "Spoke with &lt;b&gt;him&lt;/b&gt; after class" in file


def test_student_and_guardian_read_what_is_addressed_to_them(
    own_school: schools.School, open_page: Open
) -> None:
    child = own_school.students[schools.CLASSES[0]][0]
    app = open_page(own_school, "teacher", "teacher-student", person=child)
    app.segmented_control(key=f"act_kind_{child}").set_value("message").run()
    app.checkbox(key=f"message_guardians_{child}").check()
    app.text_area(key=f"message_text_{child}").set_value("Well done this week")
    press(app, "Send message")
    assert "not read yet" in text(app)
    for role in ("student", "guardian"):
        reader = open_page(own_school, role, role, child=child)
        assert "1 new message for you" in text(reader) and "Well done this week" in text(reader)
        press(reader, "I have read this")
        assert "new message" not in text(reader) and "Well done this week" in text(reader)
    assert "read by " in text(app.run())
    assert "Well done" not in text(open_page(own_school, "teacher and guardian", "guardian"))


def test_a_student_sees_achievements_and_keeps_a_journal(own_school: schools.School, open_page: Open) -> None:
    assert "in a row; your longest" in text(open_page(own_school, "student", "student"))
    app = open_page(own_school, "student", "student-journal")
    app.text_area(key="journal_text").set_value("Fractions <i>scare</i> me")
    press(app, "Keep")
    assert app.text[0].value == "Fractions <i>scare</i> me"
    [number] = [one.key.removeprefix("journal_text_") for one in app.text_area if one.key != "journal_text"]
    app.text_area(key=f"journal_text_{number}").set_value("Not any more")
    press(app, "Change")
    assert app.text[0].value == "Not any more" and ", changed" in app.caption[0].value
    press(app, "Delete for good")
    assert "No entry yet" in text(app)
