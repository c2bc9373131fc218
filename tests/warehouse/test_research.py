"""The research export: k holds in the files as written, for any population; consent, disclosure and pseudonyms."""

from __future__ import annotations

import collections
import json
import re
import tempfile
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from sqlalchemy import insert
from typer.testing import CliRunner

from cli.research import app
from learnlake.errors import InputError
from learnlake.settings import Settings, get_settings
from people import consent_record, disclosures, trail
from people.consent import Decision
from people.db import open_people, school_day, writing
from people.tables import person
from tests.scale import scaled
from tests.warehouse.fixtures import publish_rows
from warehouse import anonymity, research

COURSES = {"Algebra I": "Mathematics", "Geometry": "Mathematics", "Biology": "Science"}


def _person_key(number: int) -> str:
    return f"p_{number:024x}"


def _publish(settings: Settings, students: list[tuple[int, str | None, tuple[str, ...]]]) -> None:
    """A snapshot of students: (school, grade, courses)."""
    tenant = {"tenant": "t"}
    schools = {f"t:s{school}" for school, _, _ in students}
    keys = [(_person_key(n), *student) for n, student in enumerate(students)]
    enrolled = [
        {
            **tenant,
            "person_key": key,
            "section_key": f"t:{school}:{course}",
            "school_key": f"t:s{school}",
            "role": "student",
        }
        for key, school, _, courses in keys
        for course in courses
    ]
    sections = {(row["section_key"], row["school_key"]) for row in enrolled}
    publish_rows(
        settings.home,
        {
            "dim_person": [
                {**tenant, "person_key": key, "school_key": f"t:s{school}", "grade": grade, "role": "student"}
                for key, school, grade, _ in keys
            ],
            "dim_organisation": [
                {**tenant, "school_key": school, "parent_school_key": "t:d"} for school in sorted(schools)
            ],
            "dim_class": [
                {
                    **tenant,
                    "section_key": section,
                    "school_key": school,
                    "course_title": section.split(":")[2],
                    "subject": COURSES[section.split(":")[2]],
                    "session_title": "Autumn",
                }
                for section, school in sorted(sections)
            ],
            "brg_enrolment": enrolled,
            "msr_student_week": [
                {
                    **{k: row[k] for k in ("tenant", "person_key", "section_key")},
                    **dict.fromkeys(("event_count", "attempt_count", "score_count", "submitted_count"), 7),
                    **dict.fromkeys(("correct_count", "submitted_late_count", "absent_count"), 3),
                    **{"minutes_active": 41.0, "score_sum": 5.2, "meeting_count": 5},
                }
                for row in enrolled
            ],
            "fct_outcome": [{**enrolled[0], "outcome": "pass"}],
        },
    )


def _class_sizes(folder: Path) -> tuple[collections.Counter[tuple], pl.DataFrame]:
    """How many persons are alike in the file as written: counted here in plain Python."""
    [file] = folder.glob("records.*")
    rows = pl.read_csv(file, infer_schema=False) if file.suffix == ".csv" else pl.read_parquet(file)
    known: dict[str, list[tuple]] = collections.defaultdict(list)
    for row in rows.iter_rows(named=True):
        known[row["pseudonym"]].append((row["school"], row["grade"], row["course"], row["session"]))
    return collections.Counter(tuple(sorted(told)) for told in known.values()), rows


_STUDENTS = st.lists(
    st.tuples(
        st.integers(1, 3),
        st.sampled_from(["01", "06", "09", "10", "11", None, "XX"]),
        st.lists(st.sampled_from(sorted(COURSES)), min_size=1, max_size=3, unique=True).map(tuple),
    ),
    min_size=1,
    max_size=60,
)


@hypothesis_settings(max_examples=scaled(60, 1000), deadline=None)
@given(
    students=_STUDENTS,
    k=st.integers(2, 6),
    form=st.sampled_from(research.FORMS),
    share=st.floats(0, 0.49) | st.just(1.0),
)
def test_k_holds_in_the_written_files_for_any_population(students, k: int, form: str, share: float) -> None:
    everybody = pl.DataFrame(
        [
            {
                **dict.fromkeys(research.DICTIONARY, 1),
                **{"person": _person_key(n), "school": f"t:s{school}", "district": "t:d", "grade": grade},
                **{"course": course, "subject": COURSES[course], "session": "Autumn", "outcome": "pass"},
            }
            for n, (school, grade, courses) in enumerate(students)
            for course in courses
        ],
        schema_overrides={"grade": pl.String},
    )
    with tempfile.TemporaryDirectory() as place:
        folder, agreed = Path(place) / "out", set(everybody["person"])
        try:
            report, exported = research.write(
                folder, everybody, agreed, form=form, k=k, suppressed_share=share
            )
        except InputError:
            # Too few in all; or all of them rare, and so many may be left out that nothing was blurred for them
            assert len(students) < k or share >= 0.5
            assert not folder.exists()
            return
        sizes, rows = _class_sizes(folder)
        assert min(sizes.values()) == report.k_achieved >= k
        assert sum(sizes.values()) == report.persons == len(students) - report.suppressed == len(exported)
        assert rows.height == report.rows
        told = json.loads((folder / "report.json").read_text())
        assert (told["k_achieved"], told["suppressed"]) == (report.k_achieved, report.suppressed)


@pytest.fixture
def school(settings: Settings) -> Settings:
    """Twelve alike in school 1 and one on his own in school 2; the first seven consent."""
    _publish(settings, [(1, "09", ("Algebra I",))] * 12 + [(2, "10", ("Biology", "Geometry"))])
    engine = open_people(settings)
    with writing(engine) as connection:
        known = [
            {"tenant": "t", "person_key": _person_key(n), "source": "test", "kind": "rostered"}
            for n in range(13)
        ]
        connection.execute(insert(person), known)
    day = school_day(engine)
    agreed = [Decision(_person_key(n), "research", "given", "guardian", day) for n in (*range(7), 12)]
    consent_record.record(engine, "t", agreed, actor_key="operator:1")
    engine.dispose()
    return settings


def _export(folder: Path, *further: str):
    arguments = ["research-export", str(folder), "--tenant", "t", "--recipient", "University of Tests"]
    return CliRunner().invoke(app, [*arguments, *further])


def test_who_did_not_consent_or_is_too_rare_is_left_out_and_families_are_told(
    school: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LEARNLAKE_RESEARCH_SUPPRESSED_SHARE", "0.2")
    get_settings.cache_clear()
    done = _export(tmp_path / "out", "--format", "csv", "--k", "6")
    assert done.exit_code == 0, done.output
    assert "Left out: 1 too rare, 5 without consent" in done.output
    report = json.loads((tmp_path / "out" / "report.json").read_text())
    assert (report["persons"], report["k_achieved"], report["without_consent"], report["suppressed"]) == (
        7,
        7,
        5,
        1,
    )
    engine = open_people(school)
    reached = {n for n in range(13) if disclosures.of_person(engine, "t", _person_key(n))}
    [one] = disclosures.of_person(engine, "t", _person_key(0))
    engine.dispose()
    assert reached == set(range(7))
    assert (one.recipient, one.purpose, one.is_everyone) == ("University of Tests", "research", False)
    assert [entry.action for entry in trail.search(school.home)][:2] == ["export", "disclose"]
    readme = (tmp_path / "out" / "README.md").read_text()
    assert "1 student(s) were left out because too few were like them, 5 because" in readme
    columns = pl.read_csv(tmp_path / "out" / "records.csv").columns
    assert pl.read_csv(tmp_path / "out" / "dictionary.csv")["column"].to_list() == columns


def test_pseudonyms_and_school_codes_are_fresh_and_nothing_else_leads_back(
    school: Settings, tmp_path: Path
) -> None:
    found = []
    for name in ("a", "b"):
        assert _export(tmp_path / name, "--format", "csv").exit_code == 0
        text = "".join(file.read_text() for file in (tmp_path / name).iterdir())
        assert not re.search(r"p_[0-9a-f]{24}|t:s1|t:d", text)
        found.append(pl.read_csv(tmp_path / name / "records.csv"))
    for column in ("pseudonym", "school"):
        assert not set(found[0][column]) & set(found[1][column]) - {anonymity.ANY}


def test_nothing_is_written_where_nobody_is_left(school: Settings, tmp_path: Path) -> None:
    for further, told in (
        (["--k", "20"], "Nobody can be exported: 8 student(s)"),
        (["--k", "1"], "Fewer than 2"),
        (["--format", "xlsx"], "is not a format"),
    ):
        assert told in str(_export(tmp_path / "out", *further).exception)
        assert list(tmp_path.glob("*out*")) == []
    assert [e for e in trail.search(school.home) if e.action == "disclose"] == []


def test_blurring_goes_as_far_as_it_must_and_no_further() -> None:
    def rows(*people: tuple[str, str, str]) -> pl.DataFrame:
        return pl.DataFrame(
            [
                {"person": str(n), "school": school, "district": "d", "grade": grade, "course": course}
                | {"subject": COURSES[course], "session": "Autumn", "outcome": None}
                for n, (school, grade, course) in enumerate(people)
            ]
        )

    def steps(*people: tuple[str, str, str]) -> int:
        return len(anonymity.anonymise(rows(*people), k=2, suppressed_share=0).steps)

    assert steps(("s1", "09", "Algebra I"), ("s1", "09", "Algebra I")) == 1
    assert steps(("s1", "09", "Algebra I"), ("s1", "09", "Geometry")) == 2
    assert steps(("s1", "09", "Algebra I"), ("s1", "10", "Algebra I")) == 3
    assert steps(("s1", "09", "Algebra I"), ("s2", "09", "Algebra I")) == 4
    assert steps(("s1", "09", "Algebra I"), ("s1", "09", "Biology")) == 5
    assert steps(("s1", "09", "Algebra I"), ("s1", "01", "Algebra I")) == 6
