"""Imports of several processes, killed imports, large imports."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import polars as pl
from sqlalchemy import Engine, select

from learnlake.settings import Settings
from people import lake
from people.db import open_people, read_revision, reading
from people.oneroster import import_roster
from people.tables import (
    person,
)
from tests.people.imports import counts_of, import_into, person_keys
from tests.people.rosters import HOME_PAGE, large_school, small_school
from tests.scale import scaled


def test_a_killed_import_leaves_nothing_half_written(settings: Settings, tmp_path: Path) -> None:
    """Killed with the last table written and nothing committed; then killed after the commit, before the lake."""
    large_school(user_count=300, enrolment_count=600).write(tmp_path / "r")
    engine = open_people(settings)
    for place in ("people.oneroster.importing.bump_revision", "people.lake._replace"):
        program = (
            "import os, signal, sys, importlib\n"
            "from pathlib import Path\n"
            "from learnlake.settings import get_settings\n"
            "module, _, name = sys.argv[1].rpartition('.')\n"
            "from people.oneroster import import_roster\n"
            "setattr(importlib.import_module(module), name, lambda *_: os.kill(os.getpid(), signal.SIGKILL))\n"
            "import_roster(get_settings(), 't', Path(sys.argv[2]), home_page=sys.argv[3])\n"
        )
        done = subprocess.run(
            [sys.executable, "-c", program, place, str(tmp_path / "r"), HOME_PAGE], check=False
        )
        assert done.returncode == -signal.SIGKILL
        assert lake.current(settings.home) is None
        with reading(engine) as connection:
            people = connection.execute(select(person)).all()
            assert len(people) == (0 if "bump" in place else 308)
            assert read_revision(connection)[1] == (0 if "bump" in place else 1)
    report = import_roster(settings, "t", tmp_path / "r", home_page=HOME_PAGE)
    assert not report.is_changed
    folder = lake.current(settings.home)
    assert folder is not None
    assert pl.read_parquet(folder / "person.parquet").height == 308
    assert [path for path in settings.home.lake_people.iterdir() if path.name.startswith(".draft")] == []
    engine.dispose()


def test_imports_of_several_processes_take_turns(engine: Engine, settings: Settings, tmp_path: Path) -> None:
    folder = small_school().write(tmp_path / "r")
    program = (
        "import sys\n"
        "from pathlib import Path\n"
        "from learnlake.settings import get_settings\n"
        "from people.oneroster import import_roster\n"
        "import_roster(get_settings(), 't', Path(sys.argv[1]), home_page=sys.argv[2])\n"
    )
    running = [subprocess.Popen([sys.executable, "-c", program, str(folder), HOME_PAGE]) for _ in range(3)]
    assert [process.wait(timeout=120) for process in running] == [0, 0, 0]
    assert len(person_keys(engine)) == 8
    with reading(engine) as connection:
        assert read_revision(connection)[1] == 1
    assert not import_into(settings, small_school(), tmp_path / "r").is_changed


def test_a_large_roster(settings: Settings, tmp_path: Path) -> None:
    users, enrolments = scaled(2_000, 100_000), scaled(5_000, 1_200_000)
    large_school(user_count=users, enrolment_count=enrolments).write(tmp_path / "r")
    report = import_roster(settings, "t", tmp_path / "r", home_page=HOME_PAGE)
    assert counts_of(report)["enrolment"] == (enrolments + 6, 0, 0, 0)
    assert not import_roster(settings, "t", tmp_path / "r", home_page=HOME_PAGE).is_changed
