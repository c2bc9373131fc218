"""A catalogue is taken whole or refused whole, and a refusal names every bad row."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from learnlake.errors import InputError, RosterError
from learnlake.settings import Settings
from warehouse import catalogue

ASSESSMENT = "http://adlnet.gov/expapi/activities/assessment"
GOOD = {
    "courses.csv": "course_id,title,subject\nalg,Algebra,Mathematics\n",
    "units.csv": "unit_id,course_id,title,position\nu1,alg,Equations,1\n",
    "lessons.csv": 'lesson_id,unit_id,title\nl1,u1,"Lines, slopes"\n',
    "activities.csv": (
        "activity_id,iri,title,type,course_id,lesson_id,parent_iri,due_date,weight\n"
        f"a1,https://x.test/quiz,Quiz,{ASSESSMENT},alg,l1,,2026-11-20,12.5\n"
        "a2,https://x.test/item,Item,http://adlnet.gov/expapi/activities/cmi.interaction,alg,,https://x.test/quiz,,\n"
    ),
    "skills.csv": "skill_id,title,course_id\nslope,Slope,alg\nline,Line,alg\n",
    "prerequisites.csv": "skill_id,prerequisite_skill_id\nslope,line\n",
    "activity_skills.csv": "activity_iri,skill_id\nhttps://x.test/item,slope\n",
}


def write(folder: Path, **changed: str) -> Path:
    """The good catalogue in `folder`, with the files in `changed` (name without .csv) instead."""
    folder.mkdir(exist_ok=True)
    for name, text in (GOOD | {f"{k}.csv": v for k, v in changed.items()}).items():
        (folder / name).write_text(text)
    return folder


def test_a_good_folder_becomes_typed_tables(settings: Settings, tmp_path: Path) -> None:
    report = catalogue.import_folder(settings.home, "school", write(tmp_path / "c"))
    assert report.is_changed
    assert {t.table: t.added for t in report.tables}["activity"] == 2
    rows = pl.read_parquet(report.generation / "activity.parquet").sort("activity_id")
    assert rows["due_date"].to_list()[0].isoformat() == "2026-11-20"
    assert rows["weight"].to_list() == [12.5, None]
    assert rows["tenant"].unique().to_list() == ["school"]
    assert pl.read_parquet(report.generation / "lesson.parquet")["title"].to_list() == ["Lines, slopes"]


def test_the_same_folder_again_makes_no_generation(settings: Settings, tmp_path: Path) -> None:
    folder = write(tmp_path / "c")
    first = catalogue.import_folder(settings.home, "school", folder)
    second = catalogue.import_folder(settings.home, "school", folder)
    assert not second.is_changed
    assert second.generation == first.generation == catalogue.current(settings.home)


def test_another_tenant_keeps_its_rows_and_three_generations_stay(settings: Settings, tmp_path: Path) -> None:
    folder = write(tmp_path / "c")
    catalogue.import_folder(settings.home, "one", folder)
    catalogue.import_folder(settings.home, "two", folder)
    for title in ("A", "B", "C"):
        write(folder, courses=f"course_id,title\nalg,{title}\n")
        report = catalogue.import_folder(settings.home, "two", folder)
    assert next(t for t in report.tables if t.table == "course").changed == 1
    courses = pl.read_parquet(report.generation / "course.parquet")
    assert dict(courses.select("tenant", "title").iter_rows()) == {"one": "Algebra", "two": "C"}
    assert len(list(settings.home.lake_catalogue.glob("g*"))) == 3


@pytest.mark.parametrize(
    ("file", "text", "expected"),
    [
        ("courses", "course_id,title,teh\nalg,A,x\n", "courses.csv, line 1: unknown column 'teh'"),
        ("courses", "course_id,subject\nalg,A\n", "courses.csv, line 1: missing required column 'title'"),
        ("courses", "course_id,title\nalg,\n", "courses.csv, line 2, title: is required and empty"),
        (
            "courses",
            "course_id,title\nalg,A\nalg,B\n",
            "courses.csv, line 3: course_id='alg' is already on line 2",
        ),
        ("courses", "course_id,title\nalg,A,B\n", "courses.csv, line 2: 3 fields where the header has 2"),
        (
            "units",
            "unit_id,course_id,title\nu1,geo,E\n",
            "units.csv, line 2, course_id: 'geo' is not a course_id",
        ),
        ("units", "unit_id,course_id,title,position\nu1,alg,E,first\n", "'first' is not a whole number"),
        ("prerequisites", "skill_id,prerequisite_skill_id\nslope,line\nline,slope\n", "lines 2, 3: a circle"),
        (
            "prerequisites",
            "skill_id,prerequisite_skill_id\nslope,slope\n",
            "lines 2: a circle: slope -> slope",
        ),
        (
            "activity_skills",
            "activity_iri,skill_id\nhttps://x.test/none,slope\n",
            "is not a iri in activities.csv",
        ),
        (
            "career_skills",
            "career_id,skill_id,title,importance\nbaker,slope,Slope,6\n",
            "career_skills.csv, line 2, importance: 6 is above 5",
        ),
        (
            "career_skills",
            "career_id,skill_id,title,importance\nbaker,slope,Slope,5\n",
            "career_skills.csv, line 2, career_id: 'baker' is not a career_id in careers.csv",
        ),
    ],
)
def test_a_bad_row_is_named(settings: Settings, tmp_path: Path, file: str, text: str, expected: str) -> None:
    folder = write(tmp_path / "c", **{file: text})
    with pytest.raises(RosterError) as caught:
        catalogue.import_folder(settings.home, "school", folder)
    assert expected in "\n".join(caught.value.problems)
    assert catalogue.current(settings.home) is None


def test_careers_may_ask_for_what_the_school_does_not_teach(settings: Settings, tmp_path: Path) -> None:
    asked = "career_id,skill_id,title,importance,level\nbaker,slope,Slope,2,.8\nbaker,patience,Patience,5,\n"
    folder = write(tmp_path / "c", careers="career_id,title\nbaker,Baker\n", career_skills=asked)
    report = catalogue.import_folder(settings.home, "school", folder)
    held = pl.read_parquet(report.generation / "career_skill.parquet").sort("skill_id")
    assert held.select("skill_id", "importance", "level").rows() == [("patience", 5, None), ("slope", 2, 0.8)]


def test_a_catalogue_of_a_release_without_careers_is_taken_over(settings: Settings, tmp_path: Path) -> None:
    folder = write(tmp_path / "c")
    before = catalogue.import_folder(settings.home, "one", folder).generation
    for name in ("career", "career_skill"):
        (before / f"{name}.parquet").unlink()
    report = catalogue.import_folder(settings.home, "two", folder)
    assert pl.read_parquet(report.generation / "course.parquet")["tenant"].to_list() == ["one", "two"]


def test_every_bad_row_is_named_at_once(settings: Settings, tmp_path: Path) -> None:
    activities = "activity_id,iri,title,type,due_date,weight\n" + "".join(
        f"a{n},https://x.test/{n},T,{ASSESSMENT},2026-13-{n:02},{n * 60}\n" for n in range(1, 31)
    )
    folder = write(tmp_path / "c", activities=activities, activity_skills="activity_iri,skill_id\n")
    with pytest.raises(RosterError) as caught:
        catalogue.import_folder(settings.home, "school", folder)
    assert sum("is not an ISO date" in p for p in caught.value.problems) == 30
    assert sum("is above 100" in p for p in caught.value.problems) == 29


def test_an_unknown_file_and_an_empty_folder_are_refused(settings: Settings, tmp_path: Path) -> None:
    folder = write(tmp_path / "c")
    (folder / "coures.csv").write_text("course_id,title\n")
    with pytest.raises(RosterError, match=r"coures\.csv: the catalogue has no such file"):
        catalogue.import_folder(settings.home, "school", folder)
    (tmp_path / "empty").mkdir()
    with pytest.raises(RosterError, match="holds no row"):
        catalogue.import_folder(settings.home, "school", tmp_path / "empty")
    with pytest.raises(InputError, match="not a tenant's name"):
        catalogue.import_folder(settings.home, "../other", folder)
    with pytest.raises(InputError, match="not a folder"):
        catalogue.import_folder(settings.home, "school", tmp_path / "nowhere")
