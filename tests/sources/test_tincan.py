"""A customer's view: tincan posts to a served LRS and finds its statements again."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from learnlake.errors import AccessError, InputError
from sources import profile
from sources.live import LiveSchool
from sources.school import SampleSchool
from tests.sources.conftest import ServedLrs

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "send_with_tincan.py"


def fetch(lrs: ServedLrs, statement_id: str) -> dict:
    answer = httpx.get(
        f"{lrs.url}/statements",
        params={"statementId": statement_id},
        auth=(lrs.key, lrs.secret),
        headers={"X-Experience-API-Version": "1.0.3"},
        trust_env=False,
    )
    return answer.raise_for_status().json()


def test_the_example_runs_as_it_is_written(lrs: ServedLrs) -> None:
    command = [sys.executable, str(EXAMPLE), "--endpoint", lrs.url, "--key", lrs.key, "--secret", lrs.secret]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    assert "stored 3 statements" in done.stdout
    assert "Question 1: right" in done.stdout
    assert "Question 2: wrong" in done.stdout


def test_the_example_says_when_the_key_is_wrong(lrs: ServedLrs) -> None:
    command = [sys.executable, str(EXAMPLE), "--endpoint", lrs.url, "--key", lrs.key, "--secret", "wrong"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode != 0
    assert "401" in done.stderr


def test_live_events(lrs: ServedLrs, school: SampleSchool) -> None:
    live = LiveSchool(school, lrs.url, lrs.key, lrs.secret)
    student = school.people_for_demo().student
    section = live.sections(student)[1]

    answer = fetch(lrs, live.answer(student, section=section))
    assert answer["actor"]["account"] == {"homePage": school.home_page, "name": student}
    assert answer["result"]["success"] is False
    assert answer["context"]["extensions"][profile.SKILLS]
    places = {place["id"] for place in answer["context"]["contextActivities"]["grouping"]}
    assert profile.section_iri(school.home_page, section.sourced_id) in places

    absence = fetch(lrs, live.absence(student, section=section))
    assert absence["verb"]["id"] == profile.MISSED[0]
    assert absence["object"]["id"].endswith(f"{section.sourced_id}/meetings/{school.today}")
    assert absence["context"]["extensions"][profile.IS_GENERATED] is True


def test_live_events_name_what_is_wrong(lrs: ServedLrs, school: SampleSchool) -> None:
    with pytest.raises(InputError, match="no student"):
        LiveSchool(school, lrs.url, lrs.key, lrs.secret).sections("stu-9999")
    with pytest.raises(AccessError, match="401"):
        LiveSchool(school, lrs.url, lrs.key, "wrong").absence("stu-0001")
