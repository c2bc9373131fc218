"""OULAD: every row becomes one statement, the roster holds no outcome, the background of people reaches no statement."""

from __future__ import annotations

import collections
import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from learnlake.errors import InputError
from people.oneroster import import_roster
from sources import open_source, profile
from sources.oulad import HOME_PAGE, Oulad
from tests.scale import REAL_ROWS
from warehouse.catalogue import import_folder


def statements(source: Oulad) -> list[dict[str, Any]]:
    return [json.loads(statement) for statement in source.statements()]


def of_verb(found: list[dict[str, Any]], meaning: tuple[str, str]) -> list[dict[str, Any]]:
    return [statement for statement in found if statement["verb"]["id"] == meaning[0]]


def test_one_statement_per_row_of_the_publishers_csv(oulad_folder: Path) -> None:
    source = Oulad(oulad_folder)
    found = statements(source)
    assert len(found) == source.statement_count == 3 + 2 + 4 + 2 + 3
    assert len({statement["id"] for statement in found}) == len(found)


def test_rows_that_repeat_are_all_kept(oulad_folder: Path) -> None:
    clicks = [
        (s["id"], s["result"]["extensions"][profile.CLICKS])
        for s in of_verb(statements(Oulad(oulad_folder)), profile.VIEWED)
        if s["object"]["id"].endswith("site-546652")
    ]
    assert [count for _, count in clicks] == [4, 1, 1]
    key = "studentVle|AAA,2013J,28400,546652,-10"
    assert [statement_id for statement_id, _ in clicks] == [
        profile.statement_id(f"{key}|{occurrence}") for occurrence in range(3)
    ]


def test_days_become_dates(oulad_folder: Path) -> None:
    found = statements(Oulad(oulad_folder))
    first_click = of_verb(found, profile.VIEWED)[1]
    assert first_click["timestamp"] == "2013-09-21T12:00:00.000Z", "ten days before 1 October"
    registered = [s["timestamp"][:10] for s in of_verb(found, profile.REGISTERED)]
    assert registered == ["2013-04-25", "2013-08-09", "2014-02-01"], "without a date: the start"
    concluded = [s["timestamp"][:10] for s in of_verb(found, profile.CONCLUDED)]
    assert concluded == ["2014-06-25", "2014-06-25", "2014-09-22"], "the presentation's last day"


def test_outcomes(oulad_folder: Path) -> None:
    outcomes = [
        s["result"]["extensions"] for s in of_verb(statements(Oulad(oulad_folder)), profile.CONCLUDED)
    ]
    assert outcomes == [
        {profile.OUTCOME: "pass"},
        {profile.OUTCOME: "withdrawn", profile.UNREGISTERED_ON: "2013-10-13"},
        {profile.OUTCOME: "fail"},
    ]


def test_results(oulad_folder: Path) -> None:
    graded, banked = (s["result"] for s in of_verb(statements(Oulad(oulad_folder)), profile.SUBMITTED))
    assert graded["score"] == {"scaled": 0.78, "raw": 78.0, "min": 0, "max": 100}
    assert graded["extensions"] == {profile.IS_BANKED: False}
    assert "score" not in banked
    assert banked["extensions"] == {profile.IS_BANKED: True}


def test_precourse_totals_count_only_without_a_click_log(oulad_folder: Path) -> None:
    found = [
        (s, s["context"].get("extensions", {}).get(profile.SOURCE_ROW, {}))
        for s in statements(Oulad(oulad_folder))
    ]
    totals = [s for s, row in found if "pre_course_clicks" in row]
    assert [s["timestamp"][:10] for s in totals] == ["2013-09-30", "2014-01-31"]
    assert [s["verb"]["id"] for s in totals] == [profile.SUMMARISED[0], profile.VIEWED[0]]
    assert "result" not in totals[0]
    assert totals[1]["result"]["extensions"] == {profile.CLICKS: 6}
    rows = [s["context"]["extensions"][profile.SOURCE_ROW] for s in totals]
    assert [row["pre_course_clicks"] for row in rows] == [17, 6]


def test_background_stays_out_of_statements(oulad_folder: Path) -> None:
    text = b"".join(Oulad(oulad_folder).statements())
    for word in (b"Scotland", b"HE Qualification", b"55<=", b"20-30%", b"gender", b"disability"):
        assert word not in text


def test_roster(oulad_folder: Path, tmp_path: Path) -> None:
    folder = Oulad(oulad_folder).write_roster(tmp_path / "roster")
    tables = {path.stem: pl.read_csv(path, infer_schema=False) for path in folder.glob("*.csv")}
    entries = tables["enrollments"].select("classSourcedId", "userSourcedId", "beginDate", "endDate").rows()
    assert entries == [
        ("AAA-2013J", "11391", "2013-04-25", "2014-06-26"),
        ("AAA-2013J", "28400", "2013-08-09", "2014-06-26"),
        ("BBB-2014B", "28400", "2014-02-01", "2014-09-23"),
    ]
    assert tables["classes"]["sourcedId"].to_list() == ["AAA-2013J", "BBB-2014B"], "2014J has nobody in it"
    ages = dict(tables["demographics"].select("sourcedId", "metadata.age_band").iter_rows())
    assert ages == {"11391": "55<=", "28400": "55<="}, "of somebody in two presentations the later one"
    roster = "".join(path.read_text() for path in folder.glob("*.csv"))
    assert "Withdrawn" not in roster
    assert "2013-10-13" not in roster


def test_due_dates(oulad_folder: Path, tmp_path: Path) -> None:
    folder = Oulad(oulad_folder).write_catalogue(tmp_path / "catalogue")
    activities = pl.read_csv(folder / "activities.csv", infer_schema=False).filter(
        pl.col("due_date").is_not_null()
    )
    assert activities.select("activity_id", "section_id", "due_date", "weight").rows() == [
        ("assessment-1752", "AAA-2013J", "2013-10-20", "10.0"),
        ("assessment-1757", "AAA-2013J", "2014-06-25", "100.0"),
        ("assessment-15025", "BBB-2014B", "2014-09-22", "100.0"),
    ]


def test_limit_cuts_tables_and_people(oulad_folder: Path, tmp_path: Path) -> None:
    source = Oulad(oulad_folder, limit=1)
    found = statements(source)
    assert len(found) == source.statement_count == 5
    assert {s["id"] for s in found} <= {s["id"] for s in statements(Oulad(oulad_folder))}
    users = pl.read_csv(source.write_roster(tmp_path) / "users.csv", infer_schema=False)
    assert set(users["sourcedId"]) == {s["actor"]["account"]["name"] for s in found}


@pytest.mark.parametrize(
    ("table", "old", "new", "said"),
    [
        ("studentInfo", '"Pass"', '"Passed"', "Passed"),
        ("studentVle", '"sum_click"', '"clicks"', "sum_click"),
        ("studentVle", '"4"', '"four"', "studentVle.csv"),
        ("courses", '"AAA","2013J","268"', '"CCC","2013J","268"', "AAA"),
        ("courses", "2014B", "2014X", "2014"),
        ("studentAssessment", '"1752","11391"', '"9","11391"', "1 rows"),
    ],
)
def test_what_cannot_be_used_is_named(oulad_folder: Path, table: str, old: str, new: str, said: str) -> None:
    path = oulad_folder / f"{table}.csv"
    path.write_text(path.read_text().replace(old, new))
    with pytest.raises(InputError, match=said):
        list(Oulad(oulad_folder).statements())


def test_a_missing_table_is_named(oulad_folder: Path) -> None:
    (oulad_folder / "vle.csv").unlink()
    with pytest.raises(InputError, match=r"vle\.csv"):
        Oulad(oulad_folder)


@pytest.mark.real_data
def test_the_real_data(public_data: Path, settings: Any, tmp_path: Path) -> None:
    """Counts of the files' own rows; every actor, section and activity is in the roster and the catalogue."""
    source = open_source("oulad", public_data, limit=REAL_ROWS)
    assert isinstance(source, Oulad)
    folder = public_data / "oulad"
    expected = {
        path.stem.partition("_")[0]: min(len(pl.read_parquet(path)), REAL_ROWS or 10**9)
        for path in folder.glob("*.parquet")
    }
    assert source.statement_count == sum(
        expected[name]
        for name in ("studentVle", "studentAssessment", "studentRegistration", "studentInfo", "derived")
    )
    roster = source.write_roster(tmp_path / "roster")
    catalogue = source.write_catalogue(tmp_path / "catalogue")
    import_roster(settings, "oulad", roster, home_page=HOME_PAGE)
    import_folder(settings.home, "oulad", catalogue)
    users = set(pl.read_csv(roster / "users.csv", infer_schema=False)["sourcedId"])
    activities = set(pl.read_csv(catalogue / "activities.csv", infer_schema=False)["iri"])
    ids: set[str] = set()
    clicks: collections.Counter[str] = collections.Counter()
    for body in source.statements():
        statement = json.loads(body)
        ids.add(statement["id"])
        assert statement["actor"]["account"]["name"] in users
        if statement["object"]["definition"]["type"] != profile.COURSE:
            assert statement["object"]["id"] in activities
        clicks[statement["object"]["definition"]["type"]] += (
            statement.get("result", {}).get("extensions", {}).get(profile.CLICKS, 0)
        )
    assert len(ids) == source.statement_count
    log = pl.read_parquet(next(folder.glob("studentVle*.parquet")))
    assert clicks[profile.RESOURCE] == (log if REAL_ROWS is None else log.head(REAL_ROWS))["sum_click"].sum()
