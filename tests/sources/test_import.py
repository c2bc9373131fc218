"""Imports over HTTP into a served LRS: what is sent is stored, once, also when the LRS is killed on the way."""

from __future__ import annotations

import json
import threading
from pathlib import Path

import httpx
import pytest
from typer.testing import CliRunner

from cli.sources import app, loader
from learnlake.errors import DeliveryError, InputError
from learnlake.sender import Sender, SendReport
from sources import open_source, run_import
from sources.school import SampleSchool, generate
from tests.scale import scaled
from tests.sources.conftest import TODAY, ServedLrs


def stored_count(lrs: ServedLrs) -> int:
    """How many statements the LRS holds, counted page by page."""
    headers = {"X-Experience-API-Version": "1.0.3"}
    with httpx.Client(auth=(lrs.key, lrs.secret), headers=headers, trust_env=False, timeout=60) as client:
        count, more = 0, "/xapi/statements?limit=500"
        while more:
            page = client.get(f"http://127.0.0.1:{lrs.port}{more}").raise_for_status().json()
            count += len(page["statements"])
            more = page.get("more", "")
        return count


def test_oulad_is_stored_whole_and_once(lrs: ServedLrs, oulad_folder: Path) -> None:
    def once() -> SendReport:
        report = run_import(
            lrs.settings,
            "oulad",
            oulad_folder,
            load=loader(lrs.settings, "default"),
            key=lrs.key,
            secret=lrs.secret,
            url=lrs.url,
        )
        assert report.is_complete
        return report.sending

    first, second = once(), once()
    assert (first.stored, first.duplicates) == (14, 0)
    assert (second.stored, second.duplicates) == (0, 14)
    assert stored_count(lrs) == 14


def test_the_lrs_takes_every_kind_of_statement_of_the_sample_school(lrs: ServedLrs) -> None:
    """A small school whole (every verb, every term): its own validation refuses nothing."""
    small = generate(today=TODAY, students=scaled(16, 304))
    with Sender(lrs.url, lrs.key, lrs.secret) as sender:
        report = sender.send(small.statements())
    assert report.refused == []
    assert report.stored == small.statement_count


def test_the_lrs_takes_the_statement_that_the_page_shows(lrs: ServedLrs) -> None:
    page = (Path(__file__).resolve().parents[2] / "docs" / "xapi-profile.md").read_text()
    block = page[page.index("\n    {\n") : page.index("\n    }\n") + 6]
    with Sender(lrs.url, lrs.key, lrs.secret) as sender:
        report = sender.send([json.loads(block)])
    assert report.refused == []


def test_kill_minus_nine_in_the_middle_of_an_import(lrs: ServedLrs, school: SampleSchool) -> None:
    """The sender waits for the LRS to come back; afterwards nothing is missing and nothing is there twice."""
    wanted = scaled(6_000, 60_000)
    statements = [statement for statement, _ in zip(school.statements(), range(wanted), strict=False)]
    is_killed = threading.Event()

    def kill_once(report: SendReport) -> None:
        if report.sent > wanted // 3 and not is_killed.is_set():
            is_killed.set()
            lrs.kill()
            threading.Timer(0.5, lrs.start).start()

    with Sender(lrs.url, lrs.key, lrs.secret, retry_seconds=90) as sender:
        report = sender.send(statements, progress=kill_once)
    assert is_killed.is_set()
    assert report.sent == report.stored + report.duplicates == wanted
    assert report.refused == []
    assert stored_count(lrs) == wanted


def test_a_killed_importer_goes_on_where_it_was(lrs: ServedLrs, school: SampleSchool) -> None:
    statements = [statement for statement, _ in zip(school.statements(), range(2_000), strict=False)]
    with Sender(lrs.url, lrs.key, lrs.secret) as sender:
        sender.send(statements[:900])
        report = sender.send(statements)
    assert (report.stored, report.duplicates) == (1_100, 900)


def test_command_line(lrs: ServedLrs, oulad_folder: Path) -> None:
    arguments = ["oulad", str(oulad_folder), "--tenant", "open-university", "--url", lrs.url]
    result = CliRunner().invoke(app, arguments, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    assert "14 in the source, 14 sent, 14 stored (14 now, 0 already there)" in result.output
    assert stored_count(lrs) == 0, "another tenant's credential sees nothing"
    from lrs import credentials

    made = [item for item in credentials.list_(lrs.settings) if item.name == "import oulad"]
    assert [(item.tenant, item.is_revoked) for item in made] == [("open-university", True)]


def test_no_lrs_no_half_import(lrs: ServedLrs, oulad_folder: Path) -> None:
    lrs.stop()
    result = CliRunner().invoke(app, ["oulad", str(oulad_folder), "--tenant", "t", "--url", lrs.url])
    assert result.exit_code != 0
    assert isinstance(result.exception, DeliveryError)
    assert not (lrs.settings.home.lake_people / "CURRENT").exists()


@pytest.mark.parametrize(
    ("name", "limit", "said"), [("oulad", 0, "nothing to import"), ("moodle", None, "no data set")]
)
def test_arguments_that_cannot_be(oulad_folder: Path, name: str, limit: int | None, said: str) -> None:
    with pytest.raises(InputError, match=said):
        open_source(name, oulad_folder, limit=limit)


def test_a_path_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="nothing at this path"):
        open_source("oulad", tmp_path / "gone")
