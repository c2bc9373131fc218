"""Nothing of the future, of the outcome or of those already gone reaches a prediction; each check fails on a planted leak."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable

import numpy as np
import polars as pl
import pytest

from models import risk
from models.metrics import auc
from models.risk.columns import COUNTS
from tests.models.weeks import STARTS, draw_school

WEEKS, OUTCOMES, SESSIONS = draw_school()
Features = Callable[[pl.DataFrame], pl.DataFrame]
KEYS = ["section_key", "person_key", "week_index"]


def reads_the_future(make: Features) -> bool:
    """Whether rows up to week 4 change when later weeks are cut off, or when they are made up anew."""
    cut = pl.col("week_index") <= 4
    altered = WEEKS.with_columns(
        pl.when(cut).then(pl.col(name)).otherwise(pl.col(name) * 3 + 7).alias(name) for name in COUNTS
    )
    seen, short, other = (make(f).filter(cut).sort(KEYS) for f in (WEEKS, WEEKS.filter(cut), altered))
    return not (seen.equals(short) and seen.equals(other))


def test_no_later_week_is_read() -> None:
    assert not reads_the_future(risk.features)


@pytest.mark.parametrize(
    "leak",
    [
        pl.col("event_count").sum().over("section_key", "person_key"),
        pl.col("event_count").shift(-1).over("section_key", "person_key"),
        pl.col("event_count").rank().over("section_key"),
    ],
    ids=["whole course", "next week", "rank over all weeks"],
)
def test_a_planted_future_week_is_found(leak: pl.Expr) -> None:
    def leaky(weeks: pl.DataFrame) -> pl.DataFrame:
        extra = weeks.sort(KEYS).select(*KEYS, clicks_rank=leak.cast(pl.Float32))
        return risk.features(weeks).drop("clicks_rank").join(extra, on=KEYS)

    assert reads_the_future(leaky)


def test_outcomes_and_unregistration_change_no_feature() -> None:
    """Planted into the weekly rows, they are not taken up; the features take no outcomes by their signature."""
    planted = WEEKS.join(
        OUTCOMES.select("section_key", "person_key", "is_adverse", "unregistered_on"),
        on=["section_key", "person_key"],
        how="left",
    )
    assert risk.features(planted).equals(risk.features(WEEKS))


def reads_the_end(make: Callable[[pl.DataFrame], pl.DataFrame]) -> bool:
    """Whether features of the population change when those who left had stayed and the others leave long after, each with the other outcome."""
    long_after = pl.lit(dt.date(2030, 1, 1))
    later = OUTCOMES.with_columns(
        unregistered_on=pl.when(pl.col("unregistered_on").is_null()).then(long_after),
        is_adverse=~pl.col("is_adverse"),
    )
    seen, other = (make(outcomes).select(*KEYS, *risk.FEATURES) for outcomes in (OUTCOMES, later))
    both = seen.join(other.select(KEYS), on=KEYS, how="semi").sort(KEYS)
    assert len(both) > 1000
    return not both.equals(other.join(seen.select(KEYS), on=KEYS, how="semi").sort(KEYS))


def test_when_a_student_will_leave_changes_no_feature() -> None:
    assert not reads_the_end(lambda outcomes: risk.labelled(WEEKS, outcomes))


@pytest.mark.parametrize(
    "leak",
    [
        (pl.col("unregistered_on") - pl.col("week_end_date")).dt.total_days(),
        pl.col("unregistered_on").is_not_null(),
        pl.col("is_adverse").mean().over("section_key", "week_index"),
    ],
    ids=["days until leaving", "whether leaving", "share of the class that ends badly"],
)
def test_a_planted_unregistration_is_found(leak: pl.Expr) -> None:
    def leaky(outcomes: pl.DataFrame) -> pl.DataFrame:
        dates = outcomes.select("section_key", "person_key", "unregistered_on")
        rows = risk.labelled(WEEKS, outcomes).join(dates, on=["section_key", "person_key"])
        return rows.with_columns(days_since_active=leak.cast(pl.Float32))

    assert reads_the_end(leaky)


def left_rows(rows: pl.DataFrame) -> int:
    """Rows of students who had already unregistered on the decision day."""
    joined = rows.join(
        OUTCOMES.select("section_key", "person_key", "unregistered_on"), on=["section_key", "person_key"]
    )
    return joined.filter(pl.col("unregistered_on") <= pl.col("week_end_date")).height


def test_those_who_have_left_are_not_counted() -> None:
    assert left_rows(risk.labelled(WEEKS, OUTCOMES)) == 0
    forgotten = OUTCOMES.with_columns(unregistered_on=pl.lit(None, dtype=pl.Date))
    assert left_rows(risk.labelled(WEEKS, forgotten)) > 0, "the check sees them when the population is wrong"


def held_out_auc(outcomes: pl.DataFrame) -> float:
    rows = risk.labelled(WEEKS, outcomes)
    is_first = pl.col("session_key") == "t:term-0"
    model, test = risk.fit(rows.filter(is_first)), rows.filter(~is_first)
    return auc(test["is_adverse"].cast(pl.Float64).to_numpy(), model.predict(test))


def test_shuffled_labels_teach_nothing() -> None:
    draw = np.random.default_rng(0)
    found = []
    for _ in range(3):
        shuffled = pl.Series("is_adverse", draw.permutation(OUTCOMES["is_adverse"].to_numpy()))
        found.append(held_out_auc(OUTCOMES.with_columns(shuffled)))
    assert 0.40 < np.mean(found) < 0.60
    assert held_out_auc(OUTCOMES) > 0.7


def test_a_planted_label_is_found_by_its_auc() -> None:
    """What the shuffled labels are for: a feature that carries the outcome lifts even them."""
    draw = np.random.default_rng(0)
    shuffled = OUTCOMES.with_columns(
        pl.Series("is_adverse", draw.permutation(OUTCOMES["is_adverse"].to_numpy()))
    )
    rows = risk.labelled(WEEKS, shuffled).with_columns(
        days_since_active=pl.col("is_adverse").cast(pl.Float32)
    )
    is_first = pl.col("session_key") == "t:term-0"
    test = rows.filter(~is_first)
    predicted = risk.fit(rows.filter(is_first)).predict(test)
    assert auc(test["is_adverse"].cast(pl.Float64).to_numpy(), predicted) > 0.9


def test_the_running_session_is_never_trained_on() -> None:
    from models.risk.evaluate import finished_rows

    invented = WEEKS.filter(pl.col("session_key") == "t:term-2").select(
        *("tenant", "person_key", "section_key"),
        is_adverse=pl.lit(True),
        unregistered_on=pl.lit(None, dtype=pl.Date),
    )
    both = pl.concat([OUTCOMES.select(invented.columns), invented.unique()])
    assert set(finished_rows(WEEKS, both, SESSIONS)["start_date"]) == set(STARTS[:2])
