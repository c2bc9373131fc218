"""Drift that the published build tells starts one training run, whose versions say why they were made and why they took over or not."""

from __future__ import annotations

import datetime as dt

import dagster as dg
import polars as pl

from learnlake.settings import Settings
from models import drift_weeks, registry
from models.card import REQUIRED_FACTS
from models.challenge import TRAINED_UNTIL
from pipelines import stages
from pipelines.assets import TRIGGER_TAG
from pipelines.loading import definitions
from pipelines.training import NEEDED
from tests.models.drifting import FIRST, SCHOOLS, SESSIONS, draw_answers, draw_weeks, model
from tests.warehouse.fixtures import publish_rows

NAME = registry.model_name("mastery", "t")
PLANTED, WEEKS = 17, 20


def evaluated(settings: Settings) -> dg.RunRequest | dg.SkipReason:
    sensor = definitions(settings).resolve_sensor_def("retraining_on_drift")
    answer = sensor(dg.build_sensor_context())
    assert isinstance(answer, (dg.RunRequest, dg.SkipReason))
    return answer


def publish(settings: Settings, weeks: pl.DataFrame, answers: pl.DataFrame) -> None:
    checked = dt.datetime(2026, 1, 20, tzinfo=dt.UTC)
    rows = drift_weeks.compare(
        weeks, answers, SESSIONS, model=registry.load(settings.home, NAME), checked_at=checked
    )
    outcomes = {
        "tenant": "t",
        "person_key": "p",
        "section_key": "s",
        "is_adverse": None,
        "unregistered_on": None,
    }
    publish_rows(
        settings.home,
        {
            "dim_person": answers.select("tenant", "person_key")
            .unique()
            .with_columns(allows_prediction=pl.lit(True)),
            "dim_academic_session": SESSIONS,
            "fct_statement": answers.select("tenant", "person_key"),
            "fct_attempt": answers,
            "fct_outcome": pl.DataFrame(
                [outcomes], schema_overrides={"is_adverse": pl.Boolean, "unregistered_on": pl.Date}
            ),
            "msr_student_week": weeks,
            "qc_drift": rows.with_columns(pl.format("{} in {}", "feature", "scope").alias("feature")),
        },
    )


def test_a_new_item_bank_is_noticed_learned_and_promoted_for_a_stated_reason(settings: Settings) -> None:
    champion = model()
    learned_until = dt.datetime.combine(FIRST, dt.time()) + dt.timedelta(weeks=PLANTED - 1)
    card = {fact: {} if fact == "data" else "of the test" for fact in REQUIRED_FACTS}
    champion.card = {**card, TRAINED_UNTIL: learned_until.isoformat()}
    version = registry.register(settings.home, NAME, champion, metrics={}, card=champion.card)
    registry.promote(settings.home, NAME, version)
    assert isinstance(evaluated(settings), dg.SkipReason), "nothing has been published"

    publish(settings, draw_weeks(WEEKS, seed=5), draw_answers(WEEKS, seed=5))
    assert isinstance(evaluated(settings), dg.SkipReason), "quiet"

    weeks, answers = draw_weeks(WEEKS, seed=5), draw_answers(WEEKS, seed=5, new_bank_from=PLANTED)
    publish(settings, weeks, answers)
    asked = evaluated(settings)
    assert isinstance(asked, dg.RunRequest)
    trigger = asked.tags[TRIGGER_TAG]
    assert trigger.startswith("drift of ") and SCHOOLS[1] in trigger
    publish(settings, weeks, answers)
    again = evaluated(settings)
    assert isinstance(again, dg.RunRequest) and again.run_key == asked.run_key, "one run for one drift"

    mastery, risk = stages.train(settings, trigger=trigger, kinds=NEEDED)
    assert mastery.is_promoted and mastery.reason.startswith("promoted: gain in log loss"), mastery.reason
    newest = registry.versions(settings.home, NAME)[0]
    assert (newest.is_champion, newest.trigger, newest.decision) == (True, trigger, mastery.reason)
    assert risk.version is None and "No finished session has outcomes" in risk.reason
    publish(settings, weeks, answers)
    known = registry.load(settings.home, NAME)
    assert any("-new-" in item for items in known.items.values() for item in items), (
        "the new items are learned"
    )
