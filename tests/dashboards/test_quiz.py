"""The student's quiz against a real LRS: answers are statements of the student's own and move mastery; what is missing is said."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from sqlalchemy import insert
from streamlit.testing.v1 import AppTest

from cli.operations import HereOperations
from learnlake import operations
from learnlake.identity import Identifier, identifier_key, identity_secret
from learnlake.settings import get_settings
from lrs import credentials
from models import registry
from models.mastery.bkt import MasteryModel, SkillParameters
from people.db import writing
from people.tables import identifier
from tests.dashboards import school as schools
from tests.dashboards.conftest import go
from tests.dashboards.test_pages import text
from tests.dashboards.test_suggestions import press
from tests.lrs.served import KEY, SECRET, Lrs

Open = Callable[..., AppTest]
HOME_PAGE = "http://sis.test"
CARD = {
    **dict.fromkeys(("title", "intended_use", "limits", "evaluation", "sensitive_attributes"), "test"),
    "data": {},
}


def ready(school: schools.School) -> None:
    """The student has an account that statements name, and a mastery model is in force."""
    me = school.students[schools.CLASSES[0]][0]
    known = Identifier.account(HOME_PAGE, "amina")
    key = identifier_key(identity_secret(school.settings.home), schools.TENANT, known)
    with writing(school.engine) as connection:
        values = {"tenant": schools.TENANT, "identifier_key": key, "kind": known.kind, "value": known.value}
        connection.execute(insert(identifier).values(**values, person_key=me, source=HOME_PAGE))
    name = registry.model_name("mastery", schools.TENANT)
    model = MasteryModel({}, SkillParameters(0.2, 0.1, 0.0, 0.2, 0.1), schools.TENANT, name=name)
    version = registry.register(school.settings.home, name, model, metrics={}, card=CARD)
    registry.promote(school.settings.home, name, version)


def content(number: int) -> dict:
    """A statement of the LMS that says what the item asks: of numbers below 11 only."""
    definition = {
        "type": "http://adlnet.gov/expapi/activities/cmi.interaction",
        "interactionType": "choice",
        "description": {"en": f"What is {number} and 1?"},
        "choices": [{"id": c, "description": {"en": f"Answer {c}"}} for c in "ab"],
        "correctResponsesPattern": ["b"],
    }
    return {
        "actor": {"account": {"homePage": HOME_PAGE, "name": "somebody"}},
        "verb": {"id": "http://adlnet.gov/expapi/verbs/answered"},
        "object": {"id": f"http://lms.test/cmi.interaction/{number}", "definition": definition},
    }


def test_answers_become_statements_and_move_mastery(
    own_school: schools.School,
    open_page: Open,
    free_port: Callable[[], int],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    port = free_port()
    monkeypatch.setenv("LEARNLAKE_LRS_PORT", str(port))
    monkeypatch.setattr("dashboards.student.recording.WAIT_SECONDS", 1.0)
    monkeypatch.setattr(operations, "_provided", [HereOperations()])
    get_settings.cache_clear()
    settings = get_settings()
    ready(own_school)
    lms = credentials.create(settings, name="lms", tenant=schools.TENANT, key=KEY, secret=SECRET)
    app = open_page(own_school, "student", "student-quiz")
    press(app, "Begin")
    assert "could not be fetched" in app.error[0].value, "no LRS yet"
    lrs = Lrs(settings, port)
    lrs.start()
    try:
        client = lrs.client()
        press(app, "Begin")
        assert "None of these questions can be asked here" in text(app)
        assert "not what they ask" in text(app)
        assert client.post("/statements", json=[content(n) for n in range(12)]).status_code == 200
        press(app, "Begin")
        assert "Question 1 of 5" in text(app)
        press(app, "Answer")
        assert "Choose or write an answer first." in app.warning[0].value
        app.radio[0].set_value("b")
        press(app, "Answer")
        assert "Right" in text(app) and "Your mastery of “" in text(app) and " went from " in text(app)
        found = client.get("/statements", params={"limit": 1}).json()["statements"][0]
        assert found["actor"]["account"] == {"homePage": HOME_PAGE, "name": "amina"}
        assert (found["result"]["success"], found["result"]["response"]) == (True, "b")
        assert found["context"]["extensions"]["https://w3id.org/learnlake/xapi/extensions/skills"]
        grouping = [one["id"] for one in found["context"]["contextActivities"]["grouping"]]
        assert grouping == [
            "http://sis.test/courses/algebra",
            f"http://sis.test/sections/{schools.CLASSES[0]}",
        ]
        [pages] = [one for one in credentials.list_(settings) if one.key != lms.key]
        assert set(pages.scopes) == {"statements/write", "profile"}
    finally:
        lrs.stop()
    assert "counted in already" in " ".join(one.value for one in go(app, "student-skills").caption)
    go(app, "student-quiz")
    press(app, "Next question")
    app.radio[0].set_value("a")
    press(app, "Answer")
    assert "could not be stored" in app.error[0].value, "an answer that isn't stored does not count"
    lrs.start()
    try:
        press(app, "Answer")
        assert "Not yet" in text(app) and "The answer: Answer b" in text(app)
        app.segmented_control(key="quiz_kind").set_value("cards").run()
        assert len([one for one in app.expander if one.label == "Turn"]) == 5
    finally:
        lrs.stop()
