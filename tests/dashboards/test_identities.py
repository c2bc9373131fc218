"""The administrator's page that says who is who: an unknown actor is joined with a person, an identifier taken off again."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from sqlalchemy import select
from streamlit.testing.v1 import AppTest

from learnlake.identity import Identifier
from people import identities, trail
from people.db import reading
from people.discovery import Found, FoundActor, register_discovered
from people.tables import identifier
from tests.dashboards import school as schools
from tests.dashboards.test_administrator import press
from tests.dashboards.test_pages import text

Open = Callable[..., AppTest]
PAGE = "administrator-identities"
MARK = Identifier.account("https://mooc.example", "abara*77")


@pytest.fixture
def unknown(own_school: schools.School) -> str:
    """An actor of a statement whom no roster knows."""
    tenant = schools.TENANT
    register_discovered(
        own_school.engine, own_school.settings.home, Found([FoundActor(tenant, MARK)], [], [])
    )
    with reading(own_school.engine) as connection:
        rows = connection.execute(select(identifier).where(identifier.c.tenant == tenant)).all()
    return next(row.person_key for row in rows if row.value == MARK.value)


def known_as(school: schools.School, person: str) -> set[str]:
    return {one.value for one in identities.list_identifiers(school.engine, schools.TENANT, person)}


def test_an_unknown_actor_is_joined_and_taken_off_again(
    own_school: schools.School, open_page: Open, unknown: str
) -> None:
    student = own_school.students[schools.CLASSES[0]][0]
    app = open_page(own_school, "administrator", PAGE)
    assert "no roster knows" in text(app)
    assert "https://mooc.example abara*77" in set(app.dataframe[0].value["Identifier"])
    app.selectbox(key="choose_actor").set_value(unknown).run()
    app.text_input(key="find_person").set_value(own_school.names[student]).run()
    assert (app.query_params["actor"], app.query_params["person"]) == (unknown, student)
    before = known_as(own_school, student)
    press(app, "Yes, they are one person")
    assert "the statements follow" in app.success[0].value
    assert known_as(own_school, student) == before | {MARK.value}
    [entry] = trail.search(own_school.settings.home, action="join-identity")
    assert entry.resource == f"{student} {unknown}" and entry.source.startswith("dashboards ")

    app.selectbox(key="split_identifier").set_value(_key_of(own_school, student)).run()
    press(app, "Yes, take it off")
    assert known_as(own_school, student) == before
    [entry] = trail.search(own_school.settings.home, action="split-identity")
    assert entry.resource.startswith(f"{student} p_") and entry.source.startswith("dashboards ")
    assert app.query_params["actor"] == entry.resource.split()[1]


def _key_of(school: schools.School, person: str) -> str:
    found = identities.list_identifiers(school.engine, schools.TENANT, person)
    return next(one.identifier_key for one in found if one.value == MARK.value)


def test_people_called_like_the_identifier_are_proposed(own_school: schools.School, open_page: Open) -> None:
    student = own_school.students[schools.CLASSES[0]][0]
    family = own_school.names[student].split()[-1].lower()
    mark = Identifier.account("https://mooc.example", family)
    register_discovered(
        own_school.engine, own_school.settings.home, Found([FoundActor(schools.TENANT, mark)], [], [])
    )
    app = open_page(own_school, "administrator", PAGE)
    app.text_input(key="find_actor").set_value(family).run()
    app.selectbox(key="choose_actor").select_index(0).run()
    assert "Make sure before you join them" in text(app)
    proposed = [one.label for one in app.button if str(one.key).startswith("perhaps_")]
    assert proposed and all(family in one.lower() for one in proposed)


def test_who_looks_at_identifiers_is_in_the_trail(own_school: schools.School, open_page: Open) -> None:
    student = own_school.students[schools.CLASSES[0]][0]
    app = open_page(own_school, "administrator", PAGE, person=student)
    assert own_school.names[student] in text(app)
    [entry] = trail.search(own_school.settings.home, action=f"view {PAGE}")
    assert entry.resource == f"person:{student}"
