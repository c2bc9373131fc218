"""At risk as the rest of the house sees it: rows of the mart, reasons in words, cold start, the registry."""

from __future__ import annotations

import datetime as dt
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from learnlake.errors import InputError, ModelError
from learnlake.settings import Settings
from models import registry, risk
from models.metrics import auc
from models.risk.oulad_files import read_oulad
from models.risk.reasons import WORDINGS, changes, grouped, reasons
from tests.models.weeks import AS_OF, draw_school
from tests.scale import FULL

WEEKS, OUTCOMES, SESSIONS = draw_school()


@pytest.fixture(scope="module")
def model() -> risk.RiskModel:
    return risk.train(WEEKS, OUTCOMES, SESSIONS)


def test_a_later_session_is_held_out_and_told_apart(model: risk.RiskModel) -> None:
    assert model.metrics["auc"] > 0.7
    assert "began 2026-01-12" in model.card["evaluation"]
    assert model.card["data"]["students"] <= 240, "the running term has no outcomes and teaches nothing"


def test_training_twice_gives_the_same_model(model: risk.RiskModel) -> None:
    shuffled = WEEKS.sample(fraction=1.0, shuffle=True, seed=3)
    again = risk.train(shuffled, OUTCOMES.reverse(), SESSIONS)
    assert_frame_equal(again.score(WEEKS, AS_OF), model.score(WEEKS, AS_OF), check_exact=True)


def test_scored_rows_are_those_of_the_mart(model: risk.RiskModel) -> None:
    scored = model.score(WEEKS.to_arrow(), AS_OF, at_risk_share=0.25)
    assert scored.columns == [
        *("tenant", "person_key", "school_key", "section_key", "course_key", "session_key", "week_index"),
        *(
            "risk",
            "risk_previous",
            "risk_rank",
            "is_at_risk",
            "reason_1",
            "reason_2",
            "reason_3",
            "change_reason",
        ),
        *("model_name", "model_version", "as_of"),
    ]
    running = scored.filter(pl.col("session_key") == "t:term-2")
    assert running["week_index"].unique().to_list() == [5]
    for _, section in running.group_by("section_key"):
        ordered = section.sort("risk_rank")
        assert ordered["risk_rank"].to_list() == list(range(1, 41))
        assert ordered["risk"].is_sorted(descending=True)
        assert ordered["is_at_risk"].to_list() == [True] * 10 + [False] * 30


def test_the_risk_before_is_what_was_scored_a_week_ago(model: risk.RiskModel) -> None:
    now = model.score(WEEKS, AS_OF).filter(pl.col("session_key") == "t:term-2")
    then = model.score(WEEKS, AS_OF - dt.timedelta(days=7)).select("section_key", "person_key", before="risk")
    joined = now.join(then, on=["section_key", "person_key"])
    assert len(joined) == 120
    assert joined["risk_previous"].to_numpy() == pytest.approx(joined["before"].to_numpy(), abs=1e-12)


def test_an_unfinished_week_is_not_scored(model: risk.RiskModel) -> None:
    open_week = WEEKS.with_columns(
        is_complete=(pl.col("session_key") != "t:term-2") | (pl.col("week_index") < 5)
    )
    scored = model.score(open_week, AS_OF).filter(pl.col("session_key") == "t:term-2")
    assert scored["week_index"].unique().to_list() == [4]


def test_one_section_scores_as_it_does_among_all(model: risk.RiskModel) -> None:
    one = pl.col("section_key") == "t:2-1"
    assert_frame_equal(
        model.score(WEEKS.filter(one), AS_OF), model.score(WEEKS, AS_OF).filter(one), check_exact=True
    )


def test_who_has_left_is_not_listed(model: risk.RiskModel) -> None:
    people = WEEKS.select("tenant", "person_key", "section_key").unique(maintain_order=True)
    gone = people["person_key"].to_list()[-3:]
    enrolments = people.with_columns(
        role=pl.lit("student"),
        end_date=pl.when(pl.col("person_key").is_in(gone)).then(AS_OF - dt.timedelta(days=10)),
    )
    scored = model.score(WEEKS, AS_OF, enrolments=enrolments)
    assert len(scored) == 357
    assert not set(gone) & set(scored["person_key"])


def test_a_session_that_ends_within_its_last_week_lists_everybody(model: risk.RiskModel) -> None:
    people = WEEKS.select("tenant", "person_key", "section_key", "session_key").unique(maintain_order=True)
    ends = people.join(SESSIONS.select("session_key", "end_date"), on="session_key").with_columns(
        role=pl.lit("student"), end_date=pl.col("end_date") - pl.duration(days=3)
    )
    assert len(model.score(WEEKS, AS_OF, enrolments=ends)) == 360


def test_nobody_to_score_gives_no_rows(model: risk.RiskModel) -> None:
    empty = model.score(WEEKS.clear(), AS_OF)
    assert empty.height == 0
    assert empty.schema == model.score(WEEKS, AS_OF).schema


def test_reasons_are_grouped_and_in_words(model: risk.RiskModel) -> None:
    scored = model.score(WEEKS, AS_OF)
    listed = scored.filter(pl.col("is_at_risk"))
    assert listed["reason_1"].null_count() == 0, "whoever is listed has a reason"
    pattern = re.compile(r"^(Attendance|Engagement|Results|Pace): [a-z0-9].+")
    said = [text for name in ("reason_1", "reason_2", "reason_3") for text in scored[name].drop_nulls()]
    assert all(pattern.match(text) and "nan" not in text for text in said)
    for row in listed.select("reason_1", "reason_2", "reason_3").iter_rows():
        groups = [text.split(":")[0] for text in row if text]
        assert len(groups) == len(set(groups))
    safest = scored.filter(pl.col("risk_rank") == 40)
    assert safest["reason_3"].null_count() > 0, "no reason is made up for those without risk"


def test_contributions_of_a_group_are_the_sum_of_its_features(model: risk.RiskModel) -> None:
    rows = risk.features(WEEKS).head(50)
    contributions = model.contributions(rows)
    total = sum(grouped(contributions).values())
    assert total == pytest.approx(contributions.sum(axis=1), abs=1e-4)


def test_the_weightiest_feature_that_is_worse_than_the_class_is_said() -> None:
    at = {name: index for index, name in enumerate(risk.FEATURES)}
    values, medians, contributions = (np.zeros((1, len(risk.FEATURES)), np.float32) for _ in range(3))
    values[0, at["absent_recent"]], medians[0, at["absent_recent"]] = 0.5, 0.1
    contributions[0, at["absent_recent"]] = 0.4
    contributions[0, at["active_days_recent"]] = (
        0.6  # 0 days, as the whole class: heavy, but not worse than others
    )
    values[0, at["mean_score"]] = np.nan
    contributions[0, at["mean_score"]] = 0.3
    contributions[0, at["week"]] = 5.0
    assert reasons(values, medians, contributions) == [
        [
            "Attendance: absent on 50 % of the lesson days in the last 4 weeks",
            "Results: no graded work yet",
            None,
        ]
    ]


@pytest.mark.parametrize(("count", "words"), [(0, "0 log-ins"), (1, "1 log-in"), (10, "10 log-ins")])
def test_one_of_a_thing_is_said_in_the_singular(count: int, words: str) -> None:
    at = risk.FEATURES.index("logins_recent")
    values, medians, contributions = (np.zeros((1, len(risk.FEATURES)), np.float32) for _ in range(3))
    values[0, at], medians[0, at], contributions[0, at] = count, 20, 0.5
    assert reasons(values, medians, contributions)[0][0] == f"Attendance: {words} in the last 4 weeks"


def test_every_feature_but_the_background_has_words() -> None:
    assert set(WORDINGS) == {
        name for group, names in risk.GROUPS.items() if group != "background" for name in names
    }


def test_no_attribute_of_a_person_is_read() -> None:
    sensitive = re.compile("gender|sex|age_|region|imd|depriv|education|disab|ethnic|language|birth|postcode")
    from models.risk.columns import WEEK_COLUMNS

    assert not [name for name in (*WEEK_COLUMNS, *risk.FEATURES) if sensitive.search(name)]


def test_cold_start_is_said_plainly() -> None:
    with pytest.raises(ModelError, match="No finished session has outcomes yet"):
        risk.train(WEEKS, OUTCOMES.clear(), SESSIONS)
    with pytest.raises(ModelError, match="No finished session has outcomes yet"):
        risk.train(WEEKS, OUTCOMES, SESSIONS.with_columns(is_running=pl.lit(True)))
    with pytest.raises(ModelError, match="the same outcome"):
        risk.train(WEEKS, OUTCOMES.with_columns(is_adverse=pl.lit(False)), SESSIONS)
    with pytest.raises(InputError, match="is_adverse"):
        risk.train(WEEKS, OUTCOMES.drop("is_adverse"), SESSIONS)


def test_one_finished_session_holds_students_out() -> None:
    first = SESSIONS.with_columns(is_running=pl.col("session_key") != "t:term-0")
    only = risk.train(WEEKS, OUTCOMES, first)
    assert "every fifth student" in only.card["evaluation"]
    assert only.metrics["auc"] > 0.6


def test_registry_round_trip_without_mlflow(
    model: risk.RiskModel, settings: Settings, tmp_path: Path
) -> None:
    name = registry.model_name("risk", "t")
    version = registry.register(settings.home, name, model, metrics=model.metrics, card=model.card)
    registry.promote(settings.home, name, version)
    expected = model.score(WEEKS, AS_OF).drop("model_name", "model_version")
    assert_frame_equal(
        registry.load(settings.home, name).score(WEEKS, AS_OF).drop("model_name", "model_version"),
        expected,
        check_exact=True,
    )
    code = (
        "import sys; from learnlake.settings import get_settings; from models import registry;"
        f"registry.load(get_settings().home, {name!r}); assert 'mlflow' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.real_data
def test_oulad_by_its_protocol(public_data: Path) -> None:
    frames = read_oulad(public_data)
    if FULL:
        table = risk.evaluate(frames.weeks, frames.outcomes, frames.sessions).by_week
        print(table)
        expected = {0: 0.672, 2: 0.679, 4: 0.767, 8: 0.815, 12: 0.845, 16: 0.872, 20: 0.912}
        for week, auc in table.select("week", "auc").iter_rows():
            assert auc > expected[week] - 0.02
        assert table["auc"].mean() == pytest.approx(np.mean(list(expected.values())), abs=0.005)
    else:
        small = frames.weeks.filter(
            pl.col("course_key").is_in(["oulad:BBB", "oulad:EEE"]), pl.col("week_index") <= 8
        )
        table = risk.evaluate(small, frames.outcomes, frames.sessions, decision_weeks=(4, 8)).by_week
        assert table.filter(pl.col("week") == 8)["auc"].item() > 0.72


def test_a_course_and_month_that_training_has_not_seen_count_as_average(model: risk.RiskModel) -> None:
    rows = risk.features(WEEKS).filter(pl.col("week_index") == 0).head(5)
    start = model.start
    elsewhere = rows.with_columns(
        course_key=pl.lit("t:new"), week_end_date=pl.col("week_end_date") + pl.duration(days=100)
    )
    known = start.log_odds(rows) - start.brought(rows).sum(axis=1)
    unknown = start.log_odds(elsewhere) - start.brought(elsewhere).sum(axis=1)
    assert unknown == pytest.approx(np.full(5, start.average))
    assert known == pytest.approx(np.full(5, start.average + start.courses["t:course-0"] + start.months[9]))


def test_contributions_and_what_the_start_says_make_up_the_risk(model: risk.RiskModel) -> None:
    """Their sum and the bias are the log-odds: within a course and month the bias is one number."""
    rows = risk.features(WEEKS).filter(pl.col("section_key") == "t:1-1")
    predicted = model.predict(rows)
    bias = np.log(predicted / (1 - predicted)) - model.contributions(rows).sum(axis=1)
    assert np.ptp(bias) < 1e-3


def test_without_recorded_views_work_handed_in_still_tells_risk(model: risk.RiskModel) -> None:
    """A platform that records no views is known from training too, though all of its sections had them."""
    silent = WEEKS.with_columns(view_count=pl.lit(0), click_count=pl.lit(0), active_days=pl.lit(0))
    rows = risk.labelled(silent, OUTCOMES).filter(pl.col("week_index") == 8)
    assert rows["active_days_per_week"].null_count() == len(rows)
    assert auc(rows["is_adverse"].cast(pl.Float64).to_numpy(), model.predict(rows)) > 0.65


def test_a_change_is_told_by_what_moved_the_risk_most_in_its_direction() -> None:
    place = {name: n for n, name in enumerate(risk.FEATURES)}
    now, before, given, given_before = (np.zeros((5, len(risk.FEATURES)), dtype=np.float32) for _ in range(4))
    missed, clicks, score = place["missed_count"], place["clicks_per_week"], place["mean_score"]
    now[:, missed], before[:, missed] = 3, 1
    now[:, clicks], before[:, clicks] = 12, 4
    now[:, score], before[:, score] = 0.4, np.nan
    given[0, missed], given[0, clicks] = 0.5, -0.2  # more: up, though clicks went down
    given[1, clicks], given[1, missed] = -0.6, 0.1  # down
    given[2, missed] = 0.01  # nothing
    given[3, score] = 0.3
    calendar = next(name for name in risk.FEATURES if name in risk.GROUPS["background"])
    given[4, place[calendar]] = 2.0  # moves everybody
    assert changes(now, before, given, given_before) == [
        "Up through pace: 3 pieces of due work missing on their day; the week before: 1 piece of due work missing on their day",
        "Down through engagement: 12 pages opened a week; the week before: 4 pages opened a week",
        None,
        "Up through results: mean score 40 %; the week before: no graded work yet",
        None,
    ]


def test_who_was_not_there_the_week_before_has_no_change(model: risk.RiskModel) -> None:
    scored = model.score(WEEKS, AS_OF)
    assert scored.filter(pl.col("risk_previous").is_null())["change_reason"].drop_nulls().is_empty()
    moved = scored.filter((pl.col("risk") - pl.col("risk_previous")).abs() > 0.1)["change_reason"]
    assert len(moved.drop_nulls()) > 0.9 * len(moved) > 0
