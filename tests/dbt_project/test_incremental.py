"""Increments and a full refresh give the same rows, whatever comes late, shuffled, voided, merged or moved."""

from __future__ import annotations

import datetime as dt
import random
from pathlib import Path
from typing import Any

from tests.dbt_project import school
from tests.dbt_project.build import Warehouse
from tests.dbt_project.compare import differences
from tests.dbt_project.dialects import anything
from tests.dbt_project.lake import (
    ASSESSMENT,
    HOME_PAGE,
    answered,
    attendance,
    concluded,
    logged_in,
    registered,
    statement,
    submitted,
    viewed,
    voiding,
)
from tests.scale import scaled

FROM_EVENTS = (
    "fct_session",
    "fct_resource_use",
    "fct_video_segment",
    "fct_content_attempt",
    "fct_forum_activity",
    "fct_virtual_attendance",
    "fct_assessment_result where graded_at is not null",
)


def refreshed(warehouse: Warehouse, tmp_path: Path) -> Warehouse:
    """The same lake, people, catalogue and day, built anew in a file of its own."""
    (tmp_path / "refreshed").mkdir()
    other = Warehouse(
        warehouse.lake,
        tmp_path / "refreshed" / "working.duckdb",
        warehouse.target,
        people_dir=warehouse.people_dir,
        catalogue_dir=warehouse.catalogue_dir,
        as_of=warehouse.as_of,
        definitions=warehouse.definitions,
    )
    other.build()
    return other


def busy_terms(chance: random.Random, count: int) -> list[dict[str, Any]]:
    """Statements of five actors (one unknown at first) over two terms and the weeks around, in random order."""
    actors, items = ["k-a", "k-b", "k-c", "k-late", "k-t"], [f"item-{n}" for n in range(6)]
    made: list[dict[str, Any]] = []
    for _ in range(count):
        who = chance.choice(actors)
        when = dt.datetime(2026, 1, 20) + dt.timedelta(minutes=chance.randrange(320 * 24 * 60))
        text, day = when.isoformat(" "), when.date().isoformat()
        place = chance.choice([{"course": "c1"}, {"section": "x0"}, {"section": "x1"}, {"course": "c9"}, {}])
        seconds = chance.choice([None, 40.0, 5000.0])
        skills = chance.choice([None, ["add"], ["carry", "add"], ["new"]])
        order = chance.choice([{}, {"context_extensions": {"sequence": chance.randrange(9)}}])
        kind = chance.randrange(14)
        if kind <= 2:
            made.append(viewed(who, text, clicks=chance.choice([None, 3]), seconds=seconds, **place))
        elif kind <= 4:
            correct = chance.choice([True, False, None])
            told = {
                "item": chance.choice(items),
                "skills": skills,
                "response": chance.choice([None, "a", "b"]),
                "parent": chance.choice([None, (f"{HOME_PAGE}/quiz-1", ASSESSMENT)]),
                "seconds": seconds,
            }
            made.append(answered(who, text, correct, **told, **order, **place))
        elif kind == 5:
            quiz = chance.choice(["quiz-1", "quiz-2", "quiz-3"])
            made.append(
                submitted(who, text, quiz=quiz, score=chance.random(), banked=chance.random() < 0.2, **place)
            )
        elif kind == 6:
            status = chance.choice(["present", "late", "absent", "excused"])
            made.append(attendance(who, day, status, section=chance.choice(["x0", "x1"])))
        elif kind == 7:
            made.append(
                chance.choice(
                    [
                        logged_in(who, text),
                        registered(who, text, course="c1", prior=chance.randrange(3)),
                        concluded(who, text, chance.choice(["pass", "fail"]), course="c1"),
                    ]
                )
            )
        elif kind >= 9:
            made.append(anything(chance, who, text))
        else:
            made.append(
                statement(
                    who,
                    "http://example.org/waved",
                    "https://school.example/x",
                    None,
                    text,
                    name=f"X {len(made)}",
                )
            )
    return made


def with_voiding(chance: random.Random, made: list[dict[str, Any]], share: float) -> list[dict[str, Any]]:
    """Void some; half of the voiding statements are stored before what they void, and one voids a voiding statement."""
    rows = list(made)
    for target in chance.sample(made, int(len(made) * share)):
        rows.insert(chance.randrange(len(rows)), voiding(target, "2026-11-01"))
    rows.append(voiding(next(row for row in rows if row["voids"]), "2026-11-02"))
    return rows


def test_increments_equal_a_full_refresh(warehouse: Warehouse, tmp_path: Path) -> None:
    chance = random.Random(11)
    rows = with_voiding(chance, busy_terms(chance, scaled(600, 6000)), 0.1)
    size = len(rows) // 5
    batches = [rows[n * size : (n + 1) * size] for n in range(4)] + [rows[4 * size :]]
    tables = school.people()
    warehouse.definitions = {"small_group_size": 1, "effect_min_people": 1}

    # 1: the term has just begun
    warehouse.as_of = "2026-09-08"
    warehouse.lake.append(batches[0])
    warehouse.build()

    # 2: weeks later; an unknown actor gets a key and a place, a course is discovered
    tables["person"] = [*tables["person"], school.person("p_x", kind="unknown", school_key="north:s2")]
    tables["identifier"] = [*tables["identifier"], school.identifier("k-late", "p_x")]
    tables["organisation"] = [
        *tables["organisation"],
        {"tenant": "north", "school_key": "north:s2", "type": "platform"},
    ]
    found = {"course": "c9", "title": "Discovered", "is_discovered": True, "school_key": "north:s2"}
    tables["course"] = [
        *tables["course"],
        {
            **tables["course"][0],
            "course_key": "north:c9",
            "title": "Discovered",
            "iri": "https://school.example/courses/c9",
            "is_discovered": True,
            "school_key": "north:s2",
        },
    ]
    tables["section"] = [*tables["section"], school.section("x9", "", **{**found, "iri": None})]
    tables["enrolment"] = [*tables["enrolment"], school.enrolment("p_x", "x9")]
    warehouse.people_dir = warehouse.lake.write("people", tables)
    warehouse.as_of = "2026-10-21"
    warehouse.lake.append(batches[1])
    warehouse.build()

    # 3: nothing but people change: Bo moves to a new class, k-c turns out to be Ada, x1 ends earlier
    tables["section"] = [*tables["section"], school.section("x2", "t1")]
    tables["enrolment"] = [
        row for row in tables["enrolment"] if row["person_key"] != "p_b" or row["section_key"] != "north:x1"
    ]
    tables["enrolment"] += [
        school.enrolment(
            "p_b",
            "x1",
            begin_date=school.day("2026-09-07"),
            end_date=school.day("2026-10-01"),
            is_active=False,
        ),
        school.enrolment("p_b", "x2", begin_date=school.day("2026-10-02")),
    ]
    tables["identifier"] = [*tables["identifier"], school.identifier("k-c", "p_a")]
    warehouse.people_dir = warehouse.lake.write("people", tables)
    warehouse.build()

    # 4: the term is moved and shortened, p_x is merged into Bo, late statements and voidings of earlier ones
    tables["academic_session"][1] = school.session("t1", "Autumn", "2026-09-01", "2026-11-20")
    tables["identifier"] = [
        school.identifier("k-late", "p_b") if row["identifier_key"] == "k-late" else row
        for row in tables["identifier"]
    ]
    warehouse.people_dir = warehouse.lake.write("people", tables)
    warehouse.as_of = "2026-10-30"
    warehouse.lake.append(batches[2] + batches[3] + batches[4])
    warehouse.build()

    # 5: nothing but the calendar moves on; a term ends
    warehouse.as_of = "2026-11-24"
    warehouse.build()

    assert warehouse.rows("select count(*) from fct_statement where is_voided")[0][0] > 20
    for mart in FROM_EVENTS:
        assert warehouse.rows(f"select count(*) from {mart}")[0][0] > 3, mart
    assert warehouse.rows("select count(*), bool_and(is_equal) from qc_reconciliation")[0][1] is True
    measures = "msr_item_response msr_skill fct_task msr_student msr_attendance msr_streak msr_badge msr_school_week msr_subgroup intermediate.int_resource_use"
    for measure in ("msr_item where point_biserial is not null", *measures.split()):
        assert warehouse.rows(f"select count(*) from {measure}")[0][0] > 2, measure
    assert differences(warehouse.path, refreshed(warehouse, tmp_path).path) == {}


def test_an_increment_touches_only_what_follows_from_it(warehouse: Warehouse) -> None:
    """The third run is given the window of the second once more: nothing is stored twice."""
    warehouse.lake.append(
        [viewed("k-a", "2026-09-08", section="x1"), viewed("k-b", "2026-09-08", section="x1")]
    )
    warehouse.build()
    warehouse.lake.append([viewed("k-b", "2026-11-02", section="x1")])
    warehouse.build()
    warehouse.from_seq = 1
    warehouse.build()
    assert warehouse.rows("select seq from intermediate.int_statement_change") == [(2,)]
    assert warehouse.rows("select person_key, section_key, from_week from intermediate.int_touched_week") == [
        ("p_b", "north:x1", 9)
    ]
    assert warehouse.rows("select count(*), count(distinct seq) from fct_statement") == [(3, 3)]
    assert warehouse.rows("select sum(lake_count), bool_and(is_equal) from qc_reconciliation") == [(3, True)]
    warehouse.build()
    assert warehouse.rows("from intermediate.int_statement_change") == []
    assert warehouse.rows("from intermediate.int_touched_week") == []


def test_after_a_run_that_stopped_half_way_the_next_one_mends_all(
    warehouse: Warehouse, tmp_path: Path
) -> None:
    """People and catalogue have changed, dbt gets as far as fct_statement; the next run is given the same window."""
    warehouse.lake.append([answered("k-a", "2026-09-08", True, section="x1"), viewed("k-b", "2026-09-08")])
    warehouse.build()
    mixed_up = [school.identifier("k-a", "p_b"), school.identifier("k-b", "p_a")]
    warehouse.people_dir = warehouse.lake.write("people", school.people(identifier=mixed_up))
    catalogue = school.catalogue()
    catalogue["activity"][0]["due_date"] = school.day("2026-09-11")
    warehouse.catalogue_dir = warehouse.lake.write("catalogue", catalogue)
    warehouse.lake.append([submitted("k-b", "2026-09-18", section="x1", score=0.5)])
    warehouse.dbt("build", "--select", "+fct_statement", "--exclude-resource-type", "test")
    warehouse.build()
    assert warehouse.rows("select person_key, days_late from fct_assessment_result") == [("p_a", 7)]
    assert differences(warehouse.path, refreshed(warehouse, tmp_path).path) == {}
