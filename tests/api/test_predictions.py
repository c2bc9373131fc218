"""Predictions over a real server: who may be told whose, answers that move mastery as the next build will, models reloaded on promotion."""

from __future__ import annotations

import dataclasses
import datetime as dt
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import polars as pl
import pytest

from api.openapi import description
from learnlake.settings import Settings
from models import registry
from models.card import REQUIRED_FACTS
from models.mastery import Emission, MasteryModel, SkillParameters
from people import accounts, consent_record, roster_clients, trail
from people.consent import Decision
from people.db import open_people
from tests.api.test_api import PASSWORD, log_in, served
from tests.models.attempts import TRUTH, draw_attempts
from tests.warehouse import school
from tests.warehouse.fixtures import publish_rows

AS_OF = dt.date(2026, 11, 20)
NAMES = ("ada", "ben", "tess", "theo", "gil", "pia", "adi", "ana")
MODEL = registry.model_name("mastery", school.TENANT)
SKILL = "t:skill-a"
CARD = {fact: {} if fact == "data" else "of the test" for fact in REQUIRED_FACTS}


def answers(count: int) -> pl.DataFrame:
    """The first `count` responses of each student of the small school, in their sections."""
    people = [(f"p_{n:04}", name) for n, name in enumerate(school.STUDENTS)]
    sections = {school.key(name): section for name, section in school.STUDENTS.items()}
    drawn = draw_attempts(students=len(people), seed=3, shortest=6)
    key = pl.col("person_key").replace_strict({old: school.key(name) for old, name in people})
    return (
        drawn.with_columns(person_key=key, skill_key="t:" + pl.col("skill_key"), tenant=pl.lit(school.TENANT))
        .filter(pl.col("response_number") <= count)
        .with_columns(
            section_key=pl.col("person_key").replace_strict(sections),
            school_key=pl.col("person_key").replace_strict(
                {person: school.SECTIONS[section] for person, section in sections.items()}
            ),
            statement_id=pl.format("{}-{}", "person_key", "response_number").map_elements(
                lambda text: str(uuid.uuid5(uuid.NAMESPACE_OID, text)), return_dtype=pl.String
            ),
        )
    )


def publish(settings: Settings, count: int) -> None:
    """A build with the first `count` responses of each, as the pipeline would score them."""
    rows = answers(count)
    model = registry.load(settings.home, MODEL)
    risk = {
        "tenant": "t",
        "person_key": "p_ada",
        "school_key": "t:high",
        "section_key": "t:s1",
        "risk": 0.7,
        "reason_1": "Absent",
    }
    advice = {
        "tenant": "t",
        "person_key": "p_ada",
        "school_key": "t:high",
        "section_key": "t:s1",
        "rank": 1,
        "why": "Weak",
    }
    scored = model.score(rows, AS_OF)
    publish_rows(
        settings.home,
        {
            "dim_person": rows.select("tenant", "person_key").unique(),
            "fct_statement": rows.select("tenant", "person_key", "statement_id"),
            "fct_attempt": rows,
            "prd_mastery": scored,
            "prd_risk": [risk],
            "prd_next_activity": [advice],
        },
        as_of=AS_OF,
    )


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory, free_port: Callable[[], int]) -> Settings:
    made = Settings(LEARNLAKE_HOME=tmp_path_factory.mktemp("api"), api_port=free_port())  # type: ignore[call-arg]
    made.home.create()
    for learn in (0.1, 0.2):
        model = MasteryModel(
            {
                f"t:{skill}": SkillParameters(prior, learn, 0.0, guess, slip)
                for skill, (prior, _, guess, slip) in TRUTH.items()
            },
            SkillParameters(0.3, learn, 0.0, 0.2, 0.1),
            tenant="t",
            items={SKILL: {"skill-a-item-1": Emission(0.3, 0.1)}},
        )
        registry.register(made.home, MODEL, model, metrics={}, card=CARD)
    registry.promote(made.home, MODEL, "1")
    publish(made, 4)
    return made


@pytest.fixture(scope="module")
def api(settings: Settings) -> Iterator[httpx.Client]:
    engine = open_people(settings)
    school.enrol(engine)
    for name in NAMES:
        accounts.create(
            engine, tenant=school.TENANT, login=name, password=PASSWORD, person_key=school.key(name)
        )
    engine.dispose()
    with served(settings) as client:
        yield client


@pytest.fixture(scope="module")
def tokens(api: httpx.Client) -> dict[str, dict[str, str]]:
    return {name: log_in(api, name) for name in NAMES}


@pytest.fixture(scope="module")
def lms(settings: Settings, api: httpx.Client) -> dict[str, str]:
    """A system with both scopes, over the school's own roster."""
    return system(settings, api, ("predictions", "answers"))


def system(
    settings: Settings, api: httpx.Client, scopes: tuple[str, ...], source: str = "test"
) -> dict[str, str]:
    engine = open_people(settings)
    made, secret = roster_clients.create(
        engine, tenant=school.TENANT, home_page=source, name="LMS", scopes=scopes
    )
    engine.dispose()
    form = {"grant_type": "client_credentials", "client_id": made.client_id, "client_secret": secret}
    return {"Authorization": f"Bearer {api.post('/oneroster/token', data=form).json()['access_token']}"}


def told(api: httpx.Client, who: dict[str, str], name: str = "ada") -> dict[str, dict[str, Any]]:
    answer = api.get(f"/v1/people/{school.key(name)}/mastery", headers=who)
    assert answer.status_code == 200, answer.text
    return {skill["skill_key"]: skill for skill in answer.json()["skills"]}


# who may see ada (taught by tess in t:s1, guarded by gil), and ben of the same class
SEES = {
    # viewer: mastery of ada, of ben; risk and next activity of ada
    "ada": (200, 404, 403, 200),
    "ben": (404, 200, 403, 404),
    "tess": (200, 200, 200, 200),
    "theo": (404, 404, 404, 404),
    "gil": (200, 404, 403, 200),
    "pia": (200, 200, 200, 403),
    "adi": (403, 403, 403, 403),
    "ana": (200, 200, 200, 200),
}


@pytest.mark.parametrize("name", SEES)
def test_the_policy_decides_who_is_told_whose(
    api: httpx.Client, tokens: dict[str, dict[str, str]], name: str
) -> None:
    paths = ("p_ada/mastery", "p_ben/mastery", "p_ada/risk", "p_ada/next-activities")
    found = tuple(api.get(f"/v1/people/{path}", headers=tokens[name]).status_code for path in paths)
    assert found == SEES[name]


def test_nobody_is_told_anything_without_a_token(api: httpx.Client) -> None:
    for path in ("mastery", "risk", "next-activities"):
        assert api.get(f"/v1/people/p_ada/{path}").status_code == 401
    assert api.post("/v1/people/p_ada/answers", json={}).status_code == 401
    assert api.post("/v1/people/key", json={}).status_code == 401


def test_an_unknown_person_is_answered_like_one_that_may_not_be_seen(
    api: httpx.Client, tokens: dict[str, dict[str, str]]
) -> None:
    nobody, not_mine = (
        api.get(f"/v1/people/{key}/mastery", headers=tokens["ada"]) for key in ("p_nobody", "p_ben")
    )
    assert (nobody.status_code, nobody.json()) == (404, not_mine.json())


def test_mastery_says_how_sure_it_is_on_what_it_rests_and_why(
    api: httpx.Client, settings: Settings, tokens: dict[str, dict[str, str]]
) -> None:
    published = registry.load(settings.home, MODEL).score(answers(4), AS_OF)
    rows = {row["skill_key"]: row for row in published.filter(person_key="p_ada").rows(named=True)}
    skills = told(api, tokens["tess"])
    assert set(skills) == set(rows)
    for key, skill in skills.items():
        assert skill["mastery"] == rows[key]["mastery"]
        assert skill["opportunity_count"] == rows[key]["opportunity_count"]
        assert skill["uncertainty"] == pytest.approx((skill["mastery"] * (1 - skill["mastery"])) ** 0.5)
        assert skill["if_next_wrong"] < skill["if_next_right"]
        assert f"of {skill['opportunity_count']} answers right" in skill["reason"]


def test_an_answer_moves_the_estimate_as_the_next_build_will(
    api: httpx.Client, settings: Settings, lms: dict[str, str]
) -> None:
    later = answers(9).filter((pl.col("response_number") > 4) & (pl.col("person_key") == "p_ada"))
    sent = [
        {
            "statement_id": r["statement_id"],
            "skill_key": r["skill_key"],
            "is_correct": r["is_correct"],
            "activity_key": r["activity_key"],
        }
        for r in later.sort("response_number").rows(named=True)
    ]
    for body in sent:
        moved = api.post("/v1/people/p_ada/answers", json=body, headers=lms)
        assert moved.status_code == 200, moved.text
        again = api.post("/v1/people/p_ada/answers", json=body, headers=lms)
        assert again.json() == moved.json(), "the same statement twice counts once"
    before = told(api, lms)
    publish(settings, 9)
    answer = api.get("/v1/people/p_ada/mastery", headers=lms).json()
    assert answer["answers_since_build"] == 0, "the build has taken them in"
    after = {skill["skill_key"]: skill for skill in answer["skills"]}
    assert set(after) == set(before) and len(sent) == 5
    for key in after:
        assert after[key]["mastery"] == pytest.approx(before[key]["mastery"], abs=1e-12)
        assert after[key]["opportunity_count"] == before[key]["opportunity_count"]
    late = api.post("/v1/people/p_ada/answers", json=sent[0], headers=lms).json()
    assert late["skill"]["opportunity_count"] == after[sent[0]["skill_key"]]["opportunity_count"]


def test_a_promotion_is_served_at_once_and_taken_back_at_once(
    api: httpx.Client, settings: Settings, lms: dict[str, str]
) -> None:
    publish(settings, 9)
    before = told(api, lms, "ben")
    registry.promote(settings.home, MODEL, "2")
    body = {"statement_id": str(uuid.uuid4()), "skill_key": SKILL, "is_correct": True}
    moved = api.post("/v1/people/p_ben/answers", json=body, headers=lms).json()
    assert moved["model_version"] == "2"
    expected = registry.load(settings.home, MODEL).score(answers(9), AS_OF).filter(person_key="p_ben")
    now = told(api, lms, "ben")
    for row in expected.filter(pl.col("skill_key") != SKILL).rows(named=True):
        assert now[row["skill_key"]]["mastery"] == pytest.approx(row["mastery"], abs=1e-12)
    registry.rollback(settings.home, MODEL)
    after = told(api, lms, "ben")
    assert {k: v for k, v in after.items() if k != SKILL} == {k: v for k, v in before.items() if k != SKILL}
    assert after[SKILL]["opportunity_count"] == before[SKILL]["opportunity_count"] + 1, "the answer stays"


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 400),
        (b"[]", 400),
        (b'{"statement_id": "x", "skill_key": "t:skill-a", "is_correct": true}', 400),
        (b'{"statement_id": "6f1c8c1e-3c1d-4d6c-9f0e-2c7c8f7a0001", "skill_key": "t:skill-a"}', 400),
        (
            b'{"statement_id": "6f1c8c1e-3c1d-4d6c-9f0e-2c7c8f7a0001", "skill_key": "u:skill-a", "is_correct": true}',
            400,
        ),
    ],
)
def test_an_answer_that_is_none_is_refused(
    api: httpx.Client, lms: dict[str, str], body: bytes, status: int
) -> None:
    refused = api.post("/v1/people/p_ada/answers", content=body, headers=lms)
    assert (refused.status_code, "error" in refused.json()) == (status, True)


def test_scopes_open_what_they_name_and_no_person_may_report_answers(
    api: httpx.Client, settings: Settings, tokens: dict[str, dict[str, str]]
) -> None:
    body = {"statement_id": str(uuid.uuid4()), "skill_key": SKILL, "is_correct": True}
    reader, reporter, roster = (
        system(settings, api, (scope,)) for scope in ("predictions", "answers", "roster-core.readonly")
    )
    assert api.get("/v1/people/p_ben/mastery", headers=reader).status_code == 200
    assert api.post("/v1/people/p_ben/answers", json=body, headers=reader).status_code == 403
    assert api.get("/v1/people/p_ben/mastery", headers=reporter).status_code == 403
    assert api.get("/v1/people/p_ben/mastery", headers=roster).status_code == 403
    assert api.get("/v1/people/p_nobody/mastery", headers=reader).status_code == 404
    for who in ("ada", "tess"):
        assert api.post("/v1/people/p_ada/answers", json=body, headers=tokens[who]).status_code == 401


def test_who_refuses_predictions_is_told_about_to_nobody_at_once(
    api: httpx.Client, settings: Settings, tokens: dict[str, dict[str, str]], lms: dict[str, str]
) -> None:
    assert api.get("/v1/people/p_ben/mastery", headers=lms).status_code == 200
    engine = open_people(settings)
    refused = Decision("p_ben", "prediction", "withdrawn", "school", dt.date(2026, 11, 1))
    consent_record.record(engine, "t", [refused], actor_key="test")
    for who in (lms, tokens["ana"], tokens["ben"]):
        assert api.get("/v1/people/p_ben/mastery", headers=who).status_code == 404
    agreed = dataclasses.replace(refused, decision="given")
    consent_record.record(engine, "t", [agreed], actor_key="test")
    engine.dispose()
    assert api.get("/v1/people/p_ben/mastery", headers=lms).status_code == 200


def test_a_session_that_ends_opens_nothing_at_once(api: httpx.Client) -> None:
    token = log_in(api, "tess")
    assert api.get("/v1/people/p_ada/mastery", headers=token).status_code == 200
    api.delete("/v1/session", headers=token)
    assert api.get("/v1/people/p_ada/mastery", headers=token).status_code == 401


def test_views_and_answers_are_in_the_audit_trail(
    api: httpx.Client, settings: Settings, tokens: dict[str, dict[str, str]]
) -> None:
    api.get("/v1/people/p_cem/mastery", headers=tokens["theo"])
    api.get("/v1/people/p_dua/mastery", headers=tokens["theo"])
    api.get("/v1/people/Dua%20Example/mastery", headers=tokens["theo"])
    found = [
        (e.action, e.resource, e.result)
        for e in trail.search(settings.home, tenant="t", actor="p_theo")
        if e.action.startswith("view")
    ]
    assert ("view mastery", "person:p_cem", "allowed") in found
    assert ("view mastery", "person:p_dua", "refused") in found
    assert not [e for e in found if "Example" in e[1]], "what may be a name is not noted"


def test_openapi_names_every_route_of_ours_and_no_other(api: httpx.Client) -> None:
    from api.app import create_app

    app = create_app(Settings(LEARNLAKE_HOME=Path(api.headers.get("x", "/tmp")) / "none"))  # type: ignore[call-arg]
    routes = {
        (route.path, method.lower())
        for route in app.routes
        for method in getattr(route, "methods", ())
        if method != "HEAD" and not route.path.startswith(("/oneroster", "/scim"))
    }
    assert api.get("/openapi.json").json() == description()
    assert routes == {
        (path, method)
        for path, item in description()["paths"].items()
        for method in item
        if method != "parameters"
    }
