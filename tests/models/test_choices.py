"""Choices are kept with all that judging another policy needs, get their outcomes, and let a policy on only for what they show."""

from __future__ import annotations

import datetime as dt

import numpy as np
import polars as pl
import pytest

from learnlake.errors import ModelError
from learnlake.settings import Settings
from models import registry, retraining
from models.recommendation import Recommendation, choices, judging
from models.recommendation.policy import FEATURES, Ranked
from tests.models.test_recommendation import (
    AS_OF,
    ITEM,
    TRACING,
    answers_on,
    decided,
    frames,
    override,
    suggested,
)


def kept(found: Recommendation, **more: object) -> pl.DataFrame:
    given = {"arm": "champion", "experiment": None, "explore_share": 0.4, "run_id": "r", **more}
    return choices.logged(found, **given)  # type: ignore[arg-type]


def test_every_published_suggestion_is_kept_and_a_choice_with_all_that_it_was_made_among() -> None:
    work = decided(override(1, "assign", activity=f"{ITEM[-6:]}-multiply"))
    found = suggested(frames({"count": 0.6, "shapes": 0.4}), explore=0.4, overrides=work)
    log = kept(found)
    assert log.schema == choices.SCHEMA
    assert log.select("activity_key", "rank").rows() == found.rows.select("activity_key", "rank").rows()
    [choice] = log.filter(pl.col("decision_id").is_not_null()).rows(named=True)
    assert (choice["candidate_count"], choice["arm"], choice["policy_version"]) == (2, "champion", "ranked-1")
    assert log["kind"].to_list().count("assigned") == 1
    again = choices.decisions(log)
    wanted = ["decision_id", "skill_key", *FEATURES, "propensity", "is_chosen"]
    assert again.select(wanted).sort("skill_key").equals(found.decisions.select(wanted).sort("skill_key"))


def test_the_same_suggestion_of_the_same_day_is_the_same_choice_and_the_next_days_is_another() -> None:
    first, second = (kept(suggested(frames({"count": 0.6})), run_id=run) for run in ("r", "s"))
    assert first["choice_id"].to_list() == second["choice_id"].to_list()
    later = suggested(frames({"count": 0.6}))
    moved = Recommendation(
        later.rows.with_columns(as_of=pl.lit(AS_OF + dt.timedelta(days=1))), later.decisions
    )
    assert set(kept(moved)["choice_id"]).isdisjoint(first["choice_id"])


@pytest.mark.parametrize(
    ("opened_after", "answered_after", "expected"),
    [
        (0, 0, (True, 2, 1)),
        (14, 14, (True, 2, 1)),
        (15, 15, (False, 0, 0)),
        (-1, -1, (False, 0, 0)),
    ],
)
def test_outcomes_are_those_of_the_days_after(
    opened_after: int, answered_after: int, expected: tuple[bool, int, int]
) -> None:
    log = kept(suggested(frames({"count": 0.6}))).head(1)
    now = AS_OF + dt.timedelta(days=20)
    assert choices.closing(log, window_days=14, as_of=AS_OF + dt.timedelta(days=13)).is_empty()
    answers = answers_on(AS_OF + dt.timedelta(days=answered_after), log["skill_key"][0]).with_columns(
        is_correct=pl.Series([True, False]),
        response_number=pl.Series([1, 2]),
        activity_key=pl.lit(None, dtype=pl.String),
        **{name: pl.lit(name[0]) for name in ("school_key", "section_key", "course_key")},
    )
    opened = pl.DataFrame(
        {
            "person_key": "p",
            "activity_key": log["activity_key"],
            "occurred_date": AS_OF + dt.timedelta(days=opened_after),
        }
    )
    [row] = choices.outcomes(
        choices.closing(log, window_days=14, as_of=now),
        attempts=answers,
        opened=opened,
        tracing=TRACING,
        window_days=14,
        as_of=now,
    ).rows(named=True)
    assert (row["is_attempted"], row["answer_count"], row["right_count"]) == expected
    assert (row["mastery_rise"] != 0) is (0 <= answered_after <= 14)
    assert row["judged_on"] == now


def explored(effect: float = 0.15, *, turned: float = 0.15, seed: int = 5) -> pl.DataFrame:
    """4,000 choices among five of 120 people, half of them by chance: what opens the way to more skills raises mastery by `effect` for each
    (by `turned` in the second school, where every third person is), whatever the rule thinks of it."""
    dice = np.random.default_rng(seed)
    decisions, candidates = 4_000, 5
    share, size = 0.5, decisions * candidates
    rows = pl.DataFrame(
        {
            "decision_id": np.repeat([f"d{n:04}" for n in range(decisions)], candidates),
            "person_key": np.repeat([f"p{n % 120:03}" for n in range(decisions)], candidates),
            "skill_key": [f"k{n}" for n in range(candidates)] * decisions,
            **{name: dice.random(size) for name in FEATURES},
        }
    ).with_columns(unlock_count=pl.Series(dice.integers(0, 4, size).astype(float)))
    rows = rows.with_columns(Ranked().scores(rows)).with_columns(
        place=pl.col("score").rank("ordinal", descending=True).over("decision_id")
    )
    by_chance = np.repeat(dice.random(decisions) < share, candidates)
    drawn = np.repeat(dice.integers(1, candidates + 1, decisions), candidates)
    rows = rows.with_columns(
        is_chosen=pl.col("place") == pl.Series(np.where(by_chance, drawn, 1)),
        propensity=share / candidates + (1 - share) * (pl.col("place") == 1),
        school_key=pl.when(pl.col("person_key").str.slice(1).cast(pl.Int64) % 3 == 0)
        .then(pl.lit("second"))
        .otherwise(pl.lit("first")),
    )
    among = rows.group_by("decision_id").agg(
        candidates=pl.struct(name for name in choices.CANDIDATE.to_schema())
    )
    slope = pl.when(pl.col("school_key") == "second").then(turned).otherwise(effect)
    log = (
        rows.filter("is_chosen")
        .join(among, on="decision_id")
        .with_columns(
            mastery_rise=slope * pl.col("unlock_count") + pl.Series(dice.normal(0.3, 0.1, decisions)),
            explore_share=pl.lit(share),
            decided_on=pl.lit(AS_OF),
            choice_id="decision_id",
            tenant=pl.lit("t"),
            course_key=pl.lit("c"),
        )
    )
    missing = [name for name in choices.SCHEMA if name not in log.columns]
    return log.with_columns(pl.lit(None).alias(name) for name in missing).select(
        pl.col(name).cast(kind) for name, kind in choices.SCHEMA.items()
    )


def test_a_policy_that_teaches_more_is_let_on_and_an_equal_one_is_not() -> None:
    found = judging.judge(explored(), Ranked())
    assert found.verdict.is_let_on, found.verdict.reason
    assert set(found.table["policy"]) == {"uniform-1", "weakest-1", "ranked-1", "learned"}
    nothing = judging.judge(explored(0.0, turned=0.0, seed=2), Ranked())  # by luck better, well within chance
    assert not nothing.verdict.is_let_on
    assert nothing.verdict.reason.startswith("not better beyond chance: +")


def test_choices_without_exploration_say_nothing_of_another_policy() -> None:
    given = explored()
    for log in (
        given.with_columns(explore_share=pl.lit(0.0)),
        given.with_columns(mastery_rise=pl.lit(None, dtype=pl.Float64)),
        given.clear(),
    ):
        with pytest.raises(ModelError, match="0 explored choices have an outcome, 500 are needed"):
            judging.judge(log, Ranked())


def test_a_policy_that_is_worse_for_one_school_is_not_let_on() -> None:
    found = judging.judge(explored(0.3, turned=-0.15), Ranked())
    assert found.verdict.reason.startswith("worse beyond chance for school_key second")
    assert not found.verdict.is_let_on


def test_a_learned_policy_takes_over_goes_back_to_the_rule_and_forgets_who_is_gone(
    settings: Settings,
) -> None:
    log, home = explored(), settings.home
    name = registry.model_name("recommendation", "t")

    def trained(frame: pl.DataFrame, *, may_promote: bool = True) -> retraining.Trained:
        return retraining.train(
            home,
            "recommendation",
            "t",
            {retraining.CHOICES: frame}.__getitem__,
            trigger="test",
            may_promote=may_promote,
        )

    def ranking() -> str:
        return str(registry.load(home, name).policy.version)

    assert not trained(log, may_promote=False).is_promoted
    assert ranking() == "ranked-1"
    first = trained(log)
    assert first.is_promoted and first.reason.startswith("promoted: better beyond chance")
    assert ranking() == f"learned-{first.version}"
    assert not trained(log).is_promoted, "no better than what was learned from the same"
    assert registry.rollback(home, name) == "1"
    assert ranking() == "ranked-1"

    registry.promote(home, name, str(first.version))
    nobody_better = log.filter(pl.col("person_key") > "p000").with_columns(
        mastery_rise=pl.Series(
            np.random.default_rng(1).normal(0.3, 0.1, log.filter(pl.col("person_key") > "p000").height)
        )
    )
    assert not trained(nobody_better).is_promoted
    assert ranking() == "ranked-1", "it had learned from somebody whose choices are gone"
    with pytest.raises(ModelError, match="500 are needed"):
        trained(log.clear())
