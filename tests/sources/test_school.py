"""The sample school: the same bytes for the same seed and day, in the profile's dialect, nothing in the future."""

from __future__ import annotations

import collections
import datetime as dt
import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

from learnlake.errors import InputError
from sources import profile
from sources.school import SampleSchool, generate
from sources.school.curriculum import TERM_WEEKS, term_starts
from tests.sources.conftest import TODAY

MIDNIGHT = dt.datetime.combine(TODAY, dt.time(), dt.UTC)


@pytest.fixture(scope="module")
def statements(school: SampleSchool) -> list[dict[str, Any]]:
    return [json.loads(statement) for statement in school.statements()]


def digest(school: SampleSchool, folder: Path) -> dict[str, str]:
    school.write(folder)
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def test_same_seed_and_day_give_the_same_bytes(tmp_path: Path) -> None:
    one, other = (generate(today=TODAY, seed=3, students=40) for _ in range(2))
    assert digest(one, tmp_path / "one") == digest(other, tmp_path / "other")


def test_another_seed_gives_another_school() -> None:
    """Of the same pupils' numbers, so that a lesson that both attended may well be the same statement."""
    one, other = (set(generate(today=TODAY, seed=seed, students=40).statements()) for seed in (3, 4))
    assert len(one & other) < len(one) / 3


def test_the_next_day_only_adds_statements() -> None:
    """So that a school that is sent again on the next day of the same week holds nothing twice."""
    today = list(generate(today=dt.date(2026, 11, 17), students=40).statements())
    tomorrow = list(generate(today=dt.date(2026, 11, 18), students=40).statements())
    assert today == tomorrow[: len(today)]
    assert len(today) < len(tomorrow)


@pytest.mark.parametrize("offset", range(7))
def test_any_day_of_the_week_lies_in_week_eight(offset: int) -> None:
    today = dt.date(2026, 11, 16) + dt.timedelta(days=offset)
    start = term_starts(today)[-1]
    assert start.weekday() == 0
    assert 49 <= (today - start).days <= 55


def test_size(school: SampleSchool, statements: list[dict[str, Any]]) -> None:
    assert len(school.cast.students) >= 300
    assert {student.grade for student in school.cast.students} == {9, 10, 11, 12}
    assert 100_000 <= len(statements) <= 130_000
    assert len(statements) == school.statement_count


def test_every_id_is_unique(statements: list[dict[str, Any]]) -> None:
    assert len({statement["id"] for statement in statements}) == len(statements)


def test_time_rises_and_ends_before_today(statements: list[dict[str, Any]]) -> None:
    times = [dt.datetime.fromisoformat(statement["timestamp"]) for statement in statements]
    assert times == sorted(times)
    assert times[-1] < MIDNIGHT
    assert times[-1] > MIDNIGHT - dt.timedelta(days=1), "somebody was there yesterday"


def test_every_statement_is_labelled_and_names_the_profile(statements: list[dict[str, Any]]) -> None:
    for statement in statements:
        assert statement["context"]["extensions"][profile.IS_GENERATED] is True
        assert statement["context"]["contextActivities"]["category"][0]["id"] == profile.PROFILE
        assert set(statement["actor"]) == {"objectType", "account"}, "no names, no addresses"


def test_only_activities_of_the_catalogue_and_sections_of_the_roster(
    school: SampleSchool, statements: list[dict[str, Any]], tmp_path: Path
) -> None:
    school.write_catalogue(tmp_path)
    known = set(pl.read_csv(tmp_path / "activities.csv", infer_schema=False)["iri"])
    courses = set(pl.read_csv(tmp_path / "courses.csv", infer_schema=False)["iri"])
    sections = {profile.section_iri(school.home_page, section.sourced_id) for section in school.cast.sections}
    for statement in statements:
        kind, iri = statement["object"]["definition"]["type"], statement["object"]["id"]
        if kind == profile.COURSE:
            assert iri in courses
        elif kind == profile.MEETING:
            assert iri.partition("/meetings/")[0] in sections
        elif kind != profile.APPLICATION:
            assert iri in known
        for place in statement["context"]["contextActivities"].get("grouping", []):
            assert place["id"] in (courses if place["definition"]["type"] == profile.COURSE else sections)


def test_outcomes_only_of_finished_terms(school: SampleSchool, statements: list[dict[str, Any]]) -> None:
    outcomes: dict[str, collections.Counter[str]] = collections.defaultdict(collections.Counter)
    for statement in statements:
        if statement["verb"]["id"] == profile.CONCLUDED[0]:
            section = statement["context"]["contextActivities"]["grouping"][1]["id"]
            extensions = statement["result"]["extensions"]
            outcomes[section.rsplit("-", 2)[1]][extensions[profile.OUTCOME]] += 1
            is_withdrawn = extensions[profile.OUTCOME] == "withdrawn"
            assert (profile.UNREGISTERED_ON in extensions) == is_withdrawn
    assert set(outcomes) == {"T1", "T2"}
    for term in outcomes.values():
        assert term.total() == len(school.cast.enrolments)
        adverse = (term["fail"] + term["withdrawn"]) / term.total()
        assert 0.1 < adverse < 0.35
        assert set(term) == {"distinction", "pass", "fail", "withdrawn"}


def test_nobody_acts_after_withdrawing(statements: list[dict[str, Any]]) -> None:
    left: dict[tuple[str, str], str] = {}
    for statement in statements:
        unregistered_on = statement.get("result", {}).get("extensions", {}).get(profile.UNREGISTERED_ON)
        if unregistered_on:
            left[who_and_where(statement)] = unregistered_on
    for statement in statements:
        if statement["verb"]["id"] != profile.CONCLUDED[0]:
            assert statement["timestamp"][:10] <= left.get(who_and_where(statement), "9")
    assert left


def who_and_where(statement: dict[str, Any]) -> tuple[str, str]:
    grouping = statement["context"]["contextActivities"].get("grouping", [])
    section = next((place["id"] for place in grouping if "/sections/" in place["id"]), "")
    return statement["actor"]["account"]["name"], section


def test_people_for_demo(school: SampleSchool, statements: list[dict[str, Any]]) -> None:
    people = school.people_for_demo()
    by_id = {p.sourced_id: p for p in (*school.cast.students, *school.cast.guardians, *school.cast.staff)}
    assert len(by_id[people.guardian].agents) == 2
    assert [by_id[getattr(people, role)].role for role in ("principal", "administrator", "analyst")] == [
        "principal",
        "siteAdministrator",
        "ext:analyst",
    ]
    sections = {profile.section_iri(school.home_page, s.sourced_id): s for s in school.cast.sections}
    running = {who_and_where(s) for s in statements if s["timestamp"][:10] >= school.starts[-1].isoformat()}
    taught = {sections[iri].teacher_id for name, iri in running if name == people.student and iri}
    assert people.teacher in taught
    answers = sum(
        s["actor"]["account"]["name"] == people.student and s["verb"]["id"] == profile.ANSWERED[0]
        for s in statements
    )
    assert answers > 50


def test_the_smallest_school_has_people_for_a_demo_and_a_smaller_one_is_refused() -> None:
    people = generate(today=TODAY, students=16).people_for_demo()
    assert all((people.student, people.teacher, people.guardian))
    with pytest.raises(InputError, match="no school"):
        generate(today=TODAY, students=15)


def test_skills_are_learnt(statements: list[dict[str, Any]]) -> None:
    """Later opportunities go better, and what somebody did so far on a skill tells what comes next."""
    counts: dict[tuple[str, str], list[int]] = collections.defaultdict(list)
    past, outcome, opportunity = [], [], []
    for statement in statements:
        if statement["verb"]["id"] != profile.ANSWERED[0]:
            continue
        skill = "+".join(statement["context"]["extensions"][profile.SKILLS])
        history = counts[statement["actor"]["account"]["name"], skill]
        success = int(statement["result"]["success"])
        if history:
            past.append(sum(history) / len(history) + 0.05 * min(len(history), 8))
            outcome.append(success)
            opportunity.append(len(history))
        history.append(success)
    answers = np.array(outcome)
    late = np.array(opportunity) >= 4
    assert answers[late].mean() > answers[~late].mean() + 0.03
    assert 0.65 < roc_auc_score(answers, past) < 0.9


def test_who_drifts_away_can_be_found_early(school: SampleSchool) -> None:
    """A plain model of week 6, fitted on the first term, ranks the second term's outcomes well but not perfectly."""
    first, adverse_first = term_features(school, 0, week=6)
    second, adverse_second = term_features(school, 1, week=6)
    model = LogisticRegression(max_iter=1000).fit(first, adverse_first)
    auc = roc_auc_score(adverse_second, model.predict_proba(second)[:, 1])
    assert 0.75 < auc < 0.97


def term_features(school: SampleSchool, term: int, *, week: int) -> tuple[np.ndarray, np.ndarray]:
    """Absences, views and hand-ins up to the end of `week`, and who failed or withdrew later, of those still there."""
    assert week < TERM_WEEKS
    size = len(school.cast.enrolments)
    events = school.history.events
    columns = []
    for kind, condition in (
        ("meeting", pl.col("status") >= 2),
        ("viewed", pl.lit(True)),
        ("submitted", pl.lit(True)),
        ("answered", pl.col("is_correct")),
    ):
        frame = events[kind].filter(
            (pl.col("term") == term) & (pl.col("second") < 7 * week * 86_400) & condition
        )
        columns.append(np.bincount(frame["enrolment"].to_numpy(), minlength=size))
    concluded = events["concluded"].filter(pl.col("term") == term).sort("enrolment")
    still_there = concluded["left_day"].to_numpy() >= 7 * week
    adverse = concluded["outcome"].to_numpy() <= 1
    return np.stack(columns, axis=1)[still_there], adverse[still_there]


def test_roster_holds_together(school: SampleSchool, tmp_path: Path) -> None:
    school.write_roster(tmp_path)
    tables = {path.stem: pl.read_csv(path, infer_schema=False) for path in tmp_path.glob("*.csv")}
    users = set(tables["users"]["sourcedId"])
    classes = set(tables["classes"]["sourcedId"])
    assert set(tables["enrollments"]["userSourcedId"]) <= users
    assert set(tables["enrollments"]["classSourcedId"]) == classes
    assert set(tables["classes"]["courseSourcedId"]) == set(tables["courses"]["sourcedId"])
    for name, table in tables.items():
        if name == "manifest":
            continue
        assert table["sourcedId"].is_unique().all(), name
        assert set(table["metadata.is_generated"]) == {"true"}, name
    titles = tables["orgs"]["name"].to_list()
    assert titles == ["Sample School (generated)"]
    students = tables["users"].filter(pl.col("grades").is_not_null())
    assert students["agentSourcedIds"].str.split(",").explode().is_in(list(users)).all()
    assert not tables["users"].select("givenName", "familyName").is_duplicated().any()
    ages = [(TODAY - born).days / 365.25 for born in tables["demographics"]["birthDate"].str.to_date()]
    assert min(ages) > 13
    assert max(ages) < 20
