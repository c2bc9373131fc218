"""The principal's pages: figures equal to the marts' rows, small groups masked, no name but of those who agreed, intervals that hold."""

from __future__ import annotations

import datetime as dt
import sqlite3
from collections.abc import Callable
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from streamlit.testing.v1 import AppTest

from dashboards.principal import estimates, measures
from people import consent, consent_record, interventions
from people.db import school_day
from tests.dashboards import school as schools
from tests.dashboards.test_analyst import viewer
from tests.dashboards.test_pages import text

Open = Callable[..., AppTest]


def table(app: AppTest, heading: str) -> Any:
    """The table that has a column of this heading."""
    return next(frame.value for frame in app.dataframe if heading in frame.value.columns)


def test_classes_are_those_of_the_marts(school: schools.School, open_page: Open) -> None:
    app = open_page(school, "principal", "principal")
    shown = table(app, "At highest risk (%)").set_index("Class")
    every = schools.marts(school)
    risks = [row["risk"] for row in every["prd_risk"]]
    cut = np.quantile(risks, 1 - school.settings.at_risk_share)
    chronic = {row["person_key"]: row["is_chronically_absent"] for row in every["msr_attendance"]}
    for number, section in enumerate(schools.CLASSES, 1):
        row = shown.loc[f"Algebra I, group {number}"]
        own = [r for r in every["msr_student"] if r["section_key"] == section]
        scored = [r["mean_score"] for r in own if r["mean_score"] is not None]
        high = [r["risk"] >= cut for r in every["prd_risk"] if r["section_key"] == section]
        assert row["Students"] == len(own) == 20
        assert row["Mean score (%)"] == pytest.approx(100 * np.mean(scored), abs=0.051)
        assert row["Inactive (%)"] == pytest.approx(100 * np.mean([r["is_inactive"] for r in own]), abs=0.051)
        assert row["Completion (%)"] == pytest.approx(
            100 * np.mean([r["completion_share"] for r in own]), abs=0.051
        )
        assert row["Chronic absence (%)"] == pytest.approx(
            100 * np.mean([chronic[r["person_key"]] for r in own]), abs=0.051
        )
        assert row["At highest risk (%)"] == pytest.approx(100 * np.mean(high), abs=0.051)
    terms = table(app, "Term").set_index("Term")
    assert list(terms.index) == ["Spring 2026", "Autumn 2026"]
    scored = [r["mean_score"] for r in every["msr_student"] if r["session_key"] == schools.SESSION]
    assert terms.loc["Autumn 2026", "Mean score (%)"] == pytest.approx(100 * np.mean(scored), abs=0.051)
    assert terms.loc["Spring 2026", "Active in a week (%)"] == pytest.approx(95.4, abs=0.5)


def test_groups_by_dimension_come_from_the_subgroup_mart_and_small_ones_stay_empty(
    school: schools.School, open_page: Open
) -> None:
    said = text(open_page(school, "principal", "principal", groups="joined", measure="inactive_share"))
    [row] = [r for r in schools.marts(school)["msr_subgroup"] if r["subgroup"] == "from the start"]
    assert f"from the start has the most: {row['inactive_share']:.0%}" in said
    assert "1 small group masked" in said and "after the start has" not in said


def test_a_small_class_is_masked_and_so_is_the_one_that_would_tell_it(
    own_school: schools.School, open_page: Open
) -> None:
    tiny = own_school.students[schools.CLASSES[1]][:3]
    kept = [
        row
        for row in schools.marts(own_school)["msr_student"]
        if row["section_key"] != schools.CLASSES[1] or row["person_key"] in tiny
    ]
    own_school.publish(msr_student=kept)
    app = open_page(own_school, "principal", "principal")
    shown = table(app, "At highest risk (%)").set_index("Class")
    assert shown.loc["Algebra I, group 2", "Students"] == 3
    assert shown.loc["Algebra I, group 2"].drop("Students").isna().all()
    assert shown.loc["Algebra I, group 1"].drop("Students").isna().all(), (
        "all less this one would be the other"
    )
    said = text(open_page(own_school, "principal", "principal-class", **{"class": schools.CLASSES[1]}))
    assert "too small to show" in said and "%" not in said.split("too small")[1].split("Data as of")[0]


@given(st.lists(st.integers(0, 30), min_size=1, max_size=8))
def test_no_class_under_five_is_told_or_can_be_subtracted(counts: list[int]) -> None:
    frame = pl.DataFrame(
        {
            "level": ["class"] * len(counts),
            "group_key": [str(n) for n in range(len(counts))],
            "student_count": counts,
            **{name: [0.5] * len(counts) for name in measures.MEASURES},
        }
    )
    found = measures.mask_small(frame, 5)
    hidden = found.filter("is_masked")
    assert set(found.filter(pl.col("student_count") < 5)["group_key"]) <= set(hidden["group_key"])
    assert hidden["mean_score"].null_count() == hidden.height
    small = sum(count < 5 for count in counts)
    assert hidden.height == (small if small != 1 else min(2, len(counts)))


def test_outcomes_are_numbers_by_class_and_those_of_few_students_stay_empty(
    own_school: schools.School, open_page: Open
) -> None:
    assert not [
        f for f in open_page(own_school, "principal", "principal").dataframe if "It helped" in f.value
    ]
    engine = own_school.engine
    teacher, other = (viewer(own_school, own_school.logins[who]) for who in ("teacher", "other teacher"))
    end = school_day(engine) + dt.timedelta(days=7)
    first, second = schools.CLASSES[:2]
    taught = own_school.students[first][:5]
    one = own_school.students[second][0]
    plans = [interventions.begin(engine, teacher, first, person, "talk", end_date=end) for person in taught]
    plans += [interventions.begin(engine, other, second, one, "talk", end_date=end) for _ in range(5)]
    interventions.conclude(engine, teacher, plans[0], "helped", "")
    interventions.conclude(engine, teacher, plans[1], "not", "")
    interventions.conclude(engine, other, plans[5], "helped", "")
    app = open_page(own_school, "principal", "principal")
    shown = table(app, "It helped").set_index("Class")
    assert list(shown.loc["Algebra I, group 1"]) == [5, 3, 0, 1, 0, 1]
    assert shown.loc["Algebra I, group 2"].isna().all(), "five plans for one student tell of that student"
    assert "1 of 2 interventions that ended have helped, 0 partly" in text(app)


def test_what_is_wrong_is_said_first(own_school: schools.School, open_page: Open) -> None:
    quiet = schools.marts(own_school)["msr_class_week"]
    for row in quiet:
        if row["section_key"] == schools.CLASSES[1] and row["week_index"] == schools.WEEKS - 1:
            row["active_student_count"] = 0
    own_school.publish(msr_class_week=quiet)
    said = text(open_page(own_school, "principal", "principal"))
    assert "http://video.test has sent nothing since 11 Nov" in said
    assert "Nobody was active last week in Algebra I, group 2: ask their teachers" in said


def test_no_page_of_the_principal_names_a_student_who_has_not_agreed(
    school: schools.School, open_page: Open
) -> None:
    agreed = {school.students[schools.CLASSES[0]][0], school.students[schools.CLASSES[0]][1]}
    agreed.add(school.students[schools.CLASSES[1]][0])
    for path in ("principal", "principal-class", "principal-growth", "principal-achievements"):
        app = open_page(school, "principal", path)
        assert "could not be shown" not in text(app)
        said = text(app) + " ".join(frame.value.to_csv() for frame in app.dataframe)
        assert not [name for key, name in school.names.items() if key not in agreed and name in said], path
    board = table(app, "Place")
    assert set(board["Student"]) == {school.names[key] for key in agreed}
    assert list(board["Badges earned this term"]) == sorted(board["Badges earned this term"], reverse=True)


def test_names_are_celebrated_until_consent_is_withdrawn_and_the_view_is_audited(
    own_school: schools.School, open_page: Open
) -> None:
    app = open_page(own_school, "principal", "principal-achievements")
    first = own_school.students[schools.CLASSES[0]][0]
    assert own_school.names[first] in list(table(app, "Place")["Student"])
    with sqlite3.connect(own_school.settings.home.audit_db) as audit:
        [resource] = audit.execute(
            "select resource from entry where action = 'view principal-achievements' order by number desc"
        ).fetchone()
    assert first in resource
    said = consent.Decision(first, "leaderboard", "withdrawn", "school", schools.AS_OF + dt.timedelta(days=0))
    consent_record.record(own_school.engine, schools.TENANT, [said], actor_key="test")
    app.run()
    assert own_school.names[first] not in list(table(app, "Place")["Student"]), "at once, without a new build"


def test_growth_is_the_mart_and_the_projection_has_an_interval(
    school: schools.School, open_page: Open
) -> None:
    app = open_page(school, "principal", "principal-growth")
    [row] = schools.marts(school)["msr_growth"]
    shown = table(app, "Change (points)").iloc[0]
    assert shown["Students"] == row["student_count"]
    for heading, name in (("Change (points)", "mean_change"), ("from", "change_low"), ("to", "change_high")):
        assert shown[heading] == pytest.approx(100 * row[name], abs=0.051)
    assert "If nothing changes, the mean score of week 12 will be about" in text(app)
    teachers = table(app, "Reliability (%)")
    assert list(teachers["Classes of one teacher"]) == ["Algebra I, group 1", "Algebra I, group 2"]
    assert teachers["Students"].ge(5).all()
    better = teachers.set_index("Classes of one teacher")["Beyond what was expected (points)"]
    assert better["Algebra I, group 1"] > better["Algebra I, group 2"]


@given(
    st.lists(
        st.lists(st.floats(-1, 1, allow_subnormal=False), min_size=1, max_size=12), min_size=2, max_size=6
    )
)
def test_estimates_lie_between_the_own_mean_and_that_of_all(groups: list[list[float]]) -> None:
    frame = pl.DataFrame(
        [{"group": str(at), "value": value} for at, values in enumerate(groups) for value in values]
    )
    found, spread = estimates.shrink(frame, group="group", value="value")
    assert spread.between >= 0
    if found["estimate"].null_count():
        return
    means = found["mean"].to_numpy()
    assert (found["estimate"].to_numpy() <= means.max() + 1e-9).all()
    assert (found["estimate"].to_numpy() >= means.min() - 1e-9).all()
    assert (found["low"] <= found["estimate"]).all() and (found["estimate"] <= found["high"]).all()
    assert found["reliability"].is_between(0, 1).all()


def test_intervals_of_shrunken_means_hold_the_truth_as_often_as_they_say() -> None:
    dice = np.random.default_rng(1)
    held = total = 0
    for _ in range(60):
        truth = dice.normal(0, 0.05, 30)
        sizes = dice.integers(5, 40, 30)
        frame = pl.DataFrame(
            {
                "group": np.repeat(np.arange(30), sizes),
                "value": np.concatenate([dice.normal(t, 0.15, n) for t, n in zip(truth, sizes, strict=True)]),
            }
        )
        found, _ = estimates.shrink(frame, group="group", value="value")
        held += int(((found["low"].to_numpy() <= truth) & (truth <= found["high"].to_numpy())).sum())
        total += 30
    assert 0.92 <= held / total <= 0.98


def test_projections_hold_the_week_that_comes_as_often_as_they_say() -> None:
    dice = np.random.default_rng(2)
    held = 0
    for _ in range(600):
        line = 0.5 + 0.01 * np.arange(1, 9) + dice.normal(0, 0.03, 8)
        found = estimates.project(list(range(1, 8)), list(line[:7]), 8)
        assert found is not None
        [(low, high)] = found.frame.select("low", "high").rows()
        held += low <= line[7] <= high
    assert 0.92 <= held / 600 <= 0.98
    assert estimates.project([1, 2, 3], [0.5, 0.5, 0.5], 8) is None, "too few weeks"
    assert estimates.project(list(range(1, 9)), list(line), 8) is None, "the term is over"
