"""Through real pipeline runs: who refuses predictions is neither learned from nor predicted about from the next run on, and what
was published about the others can be made again, three snapshots later."""

from __future__ import annotations

import datetime as dt

import duckdb
import pytest
from sqlalchemy import insert, update
from typer.testing import CliRunner, Result

from cli.reproduce import app
from cli.rights import receipt
from learnlake.errors import InputError
from learnlake.protocols import Subject
from learnlake.settings import Settings
from models import registry, risk
from models.card import REQUIRED_FACTS
from models.recommendation.choices import SCHEMA
from people import consent_record, lake
from people.consent import Decision
from people.db import bump_revision, now, open_people, school_day, writing
from people.tables import academic_session, learning_override, section
from pipelines import reproduction, stages
from tests.models.weeks import draw_school
from tests.warehouse.sealed import ANSWERED, ITEM, activity, seal, statement
from warehouse import choices, snapshot

DAY = dt.datetime(2026, 11, 2, 12, tzinfo=dt.UTC)
LEARNERS = 12
NAME = registry.model_name("mastery", "t")
RISK_NAME = registry.model_name("risk", "t")


def _answers(actor: str) -> list[dict[str, object]]:
    return [
        statement(
            actor,
            ANSWERED,
            activity(f"https://lms.test/items/{number}", ITEM),
            at=DAY + dt.timedelta(minutes=number),
            course="https://lms.test/courses/algebra",
            course_title="Algebra",
            success=(number + len(actor)) % 3 > 0,
            skills=["slope"],
        )
        for number in range(20 - len(actor))
    ]


def _run(settings: Settings) -> None:
    stages.incremental(settings, run_id="run", started_by="test", trains_missing=True)


def _people(settings: Settings, query: str) -> set[str]:
    with (
        snapshot.holding(settings.home) as held,
        duckdb.connect(str(snapshot.tenant_file(held.folder, "t")), read_only=True) as file,
    ):
        return {row[0] for row in file.execute(query).fetchall()}


def test_withdrawing_ends_the_use_at_the_next_run(settings: Settings) -> None:
    seal(settings.home, [one for n in range(LEARNERS) for one in _answers("a" * (n + 1))], stored=DAY)
    _give_a_term(settings)
    _predict_risk(settings, seed=1)
    _run(settings)
    scored = _people(settings, "select person_key from prd_mastery")
    assert len(scored) == LEARNERS
    gone, taught = min(scored), max(scored)
    _say(settings, gone, "withdrawn")
    _decide(settings, gone, taught)
    _run(settings)
    suggested = _people(settings, "select person_key from prd_next_activity where kind = 'assigned'")
    assert suggested == {taught}, (
        "a teacher's word counts in the next run, but not for who refused predictions"
    )
    for table in ("prd_mastery", "prd_next_activity", "prd_risk"):
        assert gone not in _people(settings, f"select person_key from {table}")
    assert _people(settings, "select person_key from prd_mastery") == scored - {gone}
    chosen = choices.read(settings.home, "t", SCHEMA)
    assert taught in set(chosen["person_key"])
    assert gone not in set(chosen["person_key"]), "what was chosen for who refuses now is kept no longer"
    assert _people(settings, "select person_key from dim_person where not allows_prediction") == {gone}
    assert gone in _people(settings, "select person_key from fct_attempt")  # the record itself stays

    [mastery, _risk, _recommendation] = stages.train(settings, trigger="test")
    card = registry.load(settings.home, NAME).card
    assert mastery.version == "2" and mastery.is_promoted
    assert mastery.reason == "promoted: the champion has learned from 1 whose record may not be used any more"
    assert card["data"]["students"] == LEARNERS - 1

    _run(settings)
    assert _people(settings, "select distinct model_version from prd_mastery") == {"2"}
    seal(settings.home, _answers("b"), stored=DAY)
    _predict_risk(settings, seed=2)
    registry.start_canary(settings.home, NAME, "1", share=0.5)
    _run(settings)
    _check_reproductions(settings, scored, gone)


def _check_reproductions(settings: Settings, scored: set[str], gone: str) -> None:
    """Four builds: by version 1; without the one who refused; by version 2; with a trial of version 1."""
    arms = _people(settings, "select arm || ' ' || model_version from prd_record where kind = 'mastery'")
    assert arms == {"champion 2", "canary 1"}
    for back, versions in ((0, {"1", "2"}), (1, {"2"}), (2, {"1"}), (3, {"1"})):
        found = [
            reproduction.reproduce(settings, "mastery", key, tenant="t", back=back)
            for key in sorted(scored - {gone})
        ]
        assert all(one.is_equal and one.is_input_same and one.is_code_same for one in found)
        assert {one.record["model_version"] for one in found} == versions
        assert all(len(one.published) == 1 for one in found)
    assert reproduction.reproduce(settings, "mastery", gone, tenant="t", back=3).is_equal
    _check_risk(settings, gone)
    shown = run_cli("mastery", min(scored - {gone}), "--tenant", "t", "--back", "3").output
    assert "the same to the last digit: 1 rows" in shown and "features_hash" in shown
    with pytest.raises(InputError, match="holds no mastery"):
        run_cli("mastery", gone, "--tenant", "t")
    with pytest.raises(InputError, match="no build 4 before"):
        run_cli("mastery", gone, "--tenant", "t", "--back", "4")
    subject = Subject("t", (gone,), (), ())
    receipt.sign(
        settings.home,
        {
            "erasure_id": "e1",
            "person": receipt.person_hash(settings.home, subject),
            "finished_at": "2026-11-20",
        },
    )
    with pytest.raises(InputError, match="was erased on 2026-11-20"):
        run_cli("mastery", gone, "--tenant", "t")


def _check_risk(settings: Settings, gone: str) -> None:
    """The class in the same four builds: by two versions of the model, and with the one who refused in the oldest only."""
    [section_key] = _people(settings, "select distinct section_key from prd_risk")
    for back, version in ((0, "2"), (1, "1"), (2, "1"), (3, "1")):
        found = reproduction.reproduce(settings, "risk", section_key, tenant="t", back=back)
        assert found.is_equal and found.is_input_same and found.is_code_same
        assert found.record["model_version"] == version
        assert len(found.published) == len(found.again) == LEARNERS + (back == 0) - (back < 3)
        assert (gone in found.again["person_key"]) == (back == 3)
        assert found.published["risk"].null_count() == 0
    shown = run_cli("risk", section_key, "--tenant", "t", "--back", "3").output
    assert f"the same to the last digit: {LEARNERS} rows" in shown
    with pytest.raises(InputError, match="holds no risk"):
        run_cli("risk", "t:nowhere", "--tenant", "t")


def run_cli(*arguments: str) -> Result:
    return CliRunner().invoke(app, arguments, catch_exceptions=False)


def _decide(settings: Settings, *people: str) -> None:
    """A teacher's decisions, as `people.overrides` keeps them once it has checked who asks."""
    [activity_key] = _people(settings, "select min(activity_key) from fct_attempt")
    engine = open_people(settings)
    with writing(engine) as connection:
        for person_key in people:
            [section_key] = _people(
                settings, f"select section_key from brg_enrolment where person_key = '{person_key}'"
            )
            values = {"tenant": "t", "section_key": section_key, "person_key": person_key, "action": "assign"}
            values |= {"activity_key": activity_key, "reason": "for a test", "granted_by": "p_teacher"}
            dated = {"begin_date": school_day(engine), "end_date": school_day(engine), "granted_at": now()}
            connection.execute(insert(learning_override).values(**values, **dated, is_active=True))
        bump_revision(connection)
    lake.publish(engine, settings.home)


def _give_a_term(settings: Settings) -> None:
    """The class that the statements tell of belongs to a term that is over, so that it has weeks to predict from."""
    with stages.opened(settings, run_id="run", started_by="test") as working:
        stages.discover(working)
    engine = open_people(settings)
    with writing(engine) as connection:
        term = {"tenant": "t", "session_key": "t:autumn", "source": "test", "title": "Autumn", "type": "term"}
        dated = {
            "start_date": DAY.date() - dt.timedelta(days=28),
            "end_date": DAY.date() + dt.timedelta(days=7),
        }
        connection.execute(insert(academic_session).values(**term, **dated))
        connection.execute(update(section).values(session_key="t:autumn"))
        bump_revision(connection)
    lake.publish(engine, settings.home)
    engine.dispose()


def _predict_risk(settings: Settings, *, seed: int) -> None:
    """A version of a risk model, fitted on a drawn school, takes over."""
    weeks, outcomes, _ = draw_school(seed=seed)
    model = risk.fit(risk.labelled(weeks, outcomes), tenant="t")
    card = {fact: {} if fact == "data" else "of the test" for fact in REQUIRED_FACTS}
    made = registry.register(settings.home, RISK_NAME, model, metrics={}, card=card)
    registry.promote(settings.home, RISK_NAME, made)


def _say(settings: Settings, person_key: str, decision: str) -> None:
    engine = open_people(settings)
    said = Decision(person_key, "prediction", decision, "guardian", school_day(engine))
    consent_record.record(engine, "t", [said], actor_key="operator:1")
    engine.dispose()
