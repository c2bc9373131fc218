"""Saved queries: private until shared, with their pictures, opened by number; only analysts of the tenant have them."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from streamlit.testing.v1 import AppTest

from learnlake.errors import AccessError, InputError
from people import accounts, queries, sessions
from people.queries import Chart
from people.sessions import Viewer
from tests.dashboards import school as schools
from tests.dashboards.test_pages import text

Open = Callable[..., AppTest]
SQL = "select section_key, student_count from dim_class where session_key is not null order by 1"


def viewer(school: schools.School, login: str) -> Viewer:
    token = sessions.log_in(school.engine, login, schools.PASSWORD, "test")
    found = sessions.viewer(school.engine, token)
    assert found is not None
    return found


def press(app: AppTest, label: str) -> AppTest:
    next(button for button in app.button if button.label == label).click()
    return app.run()


def test_a_query_is_saved_with_its_picture_and_opened_again(
    own_school: schools.School, open_page: Open
) -> None:
    app = open_page(own_school, "analyst", "analyst")
    app.text_area(key="query").set_value(SQL)
    press(app, "Run")
    shown = app.dataframe[0].value
    assert list(shown.columns) == ["section_key", "student_count"]
    app.selectbox(key="chart_kind").set_value("bar").run()
    assert "student_count by section_key" in text(app)
    app.text_input(key="keep_title").set_value("Classes by size")
    press(app, "Save")
    assert app.success[0].value == "Saved." and not app.exception
    [kept] = queries.visible(own_school.engine, viewer(own_school, "analyst"))
    assert (kept.title, kept.text) == ("Classes by size", SQL)
    assert kept.chart == Chart("bar", "section_key", "student_count") and not kept.is_shared

    again = open_page(own_school, "analyst", "analyst", saved=str(kept.query_id))
    assert again.text_area(key="query").value == SQL
    press(again, "Run")
    assert again.dataframe[0].value.equals(shown) and "student_count by section_key" in text(again)
    press(again, "Delete this query")
    assert queries.visible(own_school.engine, viewer(own_school, "analyst")) == []


def test_queries_are_private_until_they_are_shared_and_never_leave_analysts(
    own_school: schools.School,
) -> None:
    engine, mine = own_school.engine, viewer(own_school, "analyst")
    accounts.create(
        engine, tenant=schools.TENANT, login="second", password=schools.PASSWORD, role_names=("analyst",)
    )
    other = viewer(own_school, "second")
    number = queries.save(engine, mine, "One", "select 1")
    assert queries.visible(engine, other) == []
    assert queries.save(engine, mine, "One", "select 2", is_shared=True) == number, "the same title replaces"
    [seen] = queries.visible(engine, other)
    assert seen.text == "select 2" and not seen.is_mine
    with pytest.raises(InputError):
        queries.remove(engine, other, number)
    with pytest.raises(AccessError):
        queries.visible(engine, viewer(own_school, "teacher"))
    for title, sql in (("", "select 1"), ("x", " "), ("x" * 121, "select 1")):
        with pytest.raises(InputError):
            queries.save(engine, mine, title, sql)
