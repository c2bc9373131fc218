"""The national MOOC's statements as they are: no roster, two courses, and a teacher only once an administrator says so."""

from __future__ import annotations

from pathlib import Path

import pytest

from cli.demo_data import MOOC_FILE
from learnlake.sender import Sender
from lrs import credentials
from lrs.importing import import_file
from people import accounts, assignments
from people.db import open_people
from people.sessions import log_in, viewer
from tests.end_to_end.conftest import Running
from tests.end_to_end.test_survival import serving, stored
from warehouse.door import Door

STATEMENTS = 14_951
COURSES = 2


@pytest.mark.real_data
def test_statements_without_a_roster_reach_the_marts_and_their_teacher(
    place: Running, public_data: Path, tmp_path: Path
) -> None:
    settings = place.settings
    settings.home.create()
    key = credentials.create(settings, name="mooc", tenant="default")
    lrs = serving(place, tmp_path / "lrs.log")
    try:
        with Sender(settings.lrs_url, key.key, key.secret or "") as sender:
            report = import_file(
                settings.home, sender, public_data / MOOC_FILE, rejects=tmp_path / "refused.jsonl"
            )
    finally:
        lrs.terminate()
        lrs.wait(30)
    assert (report.lines, report.stored, report.refused) == (STATEMENTS, STATEMENTS, 0)
    assert stored(settings) == STATEMENTS
    ran = place.learnlake("run")
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert place.build()["statement_counts"] == {"default": STATEMENTS}

    engine = open_people(settings)
    accounts.create(
        engine,
        tenant="default",
        login="teacher",
        password="a long password",
        role_names=["teacher"],
        given_name="T",
        family_name="Eacher",
    )
    seen = viewer(engine, log_in(engine, "teacher", "a long password", "test"))
    assert seen
    sections = assignments.list_discovered_sections(engine, "default")
    assert len(sections) == COURSES
    with Door(settings, seen) as door:
        assert door.mart("dim_class").num_rows == 0
        assert door.mart("fct_statement").num_rows == 0
        for section in sections:
            assignments.assign_teacher(engine, settings.home, "default", section.section_key, "teacher")
        assert door.mart("fct_statement").num_rows == STATEMENTS
    engine.dispose()
    assert place.learnlake("run").returncode == 0
    with Door(settings, seen) as door:
        assert door.mart("dim_class").num_rows == COURSES
        learners = door.sql("select count(distinct person_key) from dim_person").column(0)[0].as_py()
    assert learners > 1_000
