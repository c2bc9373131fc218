"""Fixtures of the sources' tests: one sample school for all, a served LRS, small data sets as their publishers write them."""

from __future__ import annotations

import contextlib
import dataclasses
import datetime as dt
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import polars as pl
import pytest

from learnlake.settings import Settings
from sources.school import SampleSchool, generate

TODAY = dt.date(2026, 11, 20)


@pytest.fixture(scope="session")
def school() -> SampleSchool:
    return generate(today=TODAY)


@dataclasses.dataclass
class ServedLrs:
    """A Learning Record Store in a process of its own, on the home folder of `settings`."""

    settings: Settings
    port: int
    key: str
    secret: str
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/xapi"

    def start(self) -> None:
        command = [sys.executable, "-m", "cli.main", "lrs", "serve", "--port", str(self.port)]
        log = (self.settings.home.logs / "lrs.log").open("ab")
        self.process = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True)
        deadline = time.monotonic() + 60
        while True:
            with contextlib.suppress(httpx.TransportError):
                if httpx.get(f"{self.url}/about", trust_env=False).is_success:
                    return
            assert self.process.poll() is None, (self.settings.home.logs / "lrs.log").read_text()
            assert time.monotonic() < deadline, "the LRS did not become ready"
            time.sleep(0.1)

    def kill(self) -> None:
        """kill -9, as a power cut would."""
        assert self.process is not None
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def stop(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.terminate()
            self.process.wait(timeout=30)


@pytest.fixture
def lrs(settings: Settings, free_port: Callable[[], int]) -> Iterator[ServedLrs]:
    from lrs import credentials

    made = credentials.create(settings, name="test", tenant="default", scopes=["all"])
    assert made.secret is not None
    served = ServedLrs(settings, free_port(), made.key, made.secret)
    served.start()
    yield served
    served.stop()


OULAD_TABLES = {
    "courses": [
        '"code_module","code_presentation","module_presentation_length"',
        '"AAA","2013J","268"',
        '"AAA","2014J","269"',
        '"BBB","2014B","234"',
    ],
    "assessments": [
        '"code_module","code_presentation","id_assessment","assessment_type","date","weight"',
        '"AAA","2013J","1752","TMA","19","10"',
        '"AAA","2013J","1757","Exam","","100"',
        '"AAA","2014J","1758","TMA","19","10"',
        '"BBB","2014B","15025","Exam","?","100"',
    ],
    "vle": [
        '"id_site","code_module","code_presentation","activity_type","week_from","week_to"',
        '"546614","AAA","2013J","homepage","",""',
        '"546652","AAA","2013J","forumng","2","3"',
    ],
    "studentInfo": [
        '"code_module","code_presentation","id_student","gender","region","highest_education","imd_band","age_band",'
        '"num_of_prev_attempts","studied_credits","disability","final_result"',
        '"AAA","2013J","11391","M","East Anglian Region","HE Qualification","90-100%","55<=","0","240","N","Pass"',
        '"AAA","2013J","28400","F","Scotland","HE Qualification","20-30%","35-55","0","60","N","Withdrawn"',
        '"BBB","2014B","28400","F","Scotland","HE Qualification","","55<=","1","60","N","Fail"',
    ],
    "studentRegistration": [
        '"code_module","code_presentation","id_student","date_registration","date_unregistration"',
        '"AAA","2013J","11391","-159",""',
        '"AAA","2013J","28400","-53","12"',
        '"BBB","2014B","28400","",""',
    ],
    "studentAssessment": [
        '"id_assessment","id_student","date_submitted","is_banked","score"',
        '"1752","11391","18","0","78"',
        '"1752","28400","-1","1",""',
    ],
    "studentVle": [
        '"code_module","code_presentation","id_student","id_site","date","sum_click"',
        '"AAA","2013J","28400","546652","-10","4"',
        '"AAA","2013J","28400","546652","-10","1"',
        '"AAA","2013J","28400","546652","-10","1"',
        '"AAA","2013J","28400","546614","-10","11"',
    ],
}
"""OULAD in the publisher's CSV: everything quoted, missing values empty or `?`, click rows that repeat."""


@pytest.fixture
def oulad_folder(tmp_path: Path) -> Path:
    folder = tmp_path / "oulad-csv"
    folder.mkdir()
    for name, lines in OULAD_TABLES.items():
        (folder / f"{name}.csv").write_text("\n".join(lines) + "\n")
    totals = {
        "code_module": ["AAA", "BBB"],
        "code_presentation": ["2013J", "2014B"],
        "id_student": [28400, 28400],
        "pre_course_clicks": [17, 6],
        "pre_course_interaction_rows": [4, 3],
    }
    pl.DataFrame(totals).write_parquet(folder / "derived_precourse_clicks.parquet")
    return folder
