"""What leaves the school by command is on the family's list: forwarding for as long as it lasts, a copy for a third party."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from cli import forward
from cli.rights.commands import app as rights
from learnlake.errors import InputError
from learnlake.identity import Identifier
from learnlake.settings import Settings
from people import disclosures
from people.db import open_people
from people.discovery import Found, FoundActor, register_discovered

WHO = Identifier.account("https://lms.example", "ann-0042")


def told(settings: Settings) -> list[tuple[str, str, bool, bool]]:
    engine = open_people(settings)
    register_discovered(engine, settings.home, Found(actors=[FoundActor("t", WHO)]))
    from people.subject import find_subject

    subject = find_subject(engine, "https://lms.example|ann-0042", by=None, tenant="t")
    found = disclosures.of_person(engine, "t", subject.person_key)
    engine.dispose()
    return [(one.recipient, one.purpose, one.is_everyone, one.ended_at is None) for one in found]


def run(command: object, *arguments: str) -> None:
    answer = CliRunner().invoke(command, arguments, catch_exceptions=False)  # type: ignore[arg-type]
    assert answer.exit_code == 0, answer.output


def test_forwarding_is_a_standing_disclosure_until_it_is_removed(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DISTRICT_SECRET", "s")
    target = (
        "district",
        "--url",
        "https://lrs.district.example/xapi",
        "--key",
        "k",
        "--secret-env",
        "DISTRICT_SECRET",
    )
    run(forward.app, "add", *target, "--tenant", "t")
    assert told(settings) == [("district", "forwarding", True, True)]
    run(forward.app, "remove", "district")
    assert told(settings) == [("district", "forwarding", True, False)]


def test_a_target_that_is_refused_discloses_nothing_from_then_on(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DISTRICT_SECRET", "s")
    target = ("district", "--url", "http://lrs.district.example/xapi", "--secret-env", "DISTRICT_SECRET")
    with pytest.raises(InputError):
        run(forward.app, "add", *target, "--tenant", "t")
    assert [is_in_force for *_, is_in_force in told(settings)] == [False]


def test_a_copy_for_a_third_party_is_a_disclosure_and_one_for_the_family_is_none(
    settings: Settings, tmp_path: Path
) -> None:
    assert told(settings) == []
    run(rights, "https://lms.example|ann-0042", str(tmp_path / "family.zip"))
    assert told(settings) == []
    run(rights, "https://lms.example|ann-0042", str(tmp_path / "college.zip"), "--recipient", "A college")
    assert told(settings) == [("A college", "portability", False, True)]
