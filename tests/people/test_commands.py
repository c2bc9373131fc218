"""`learnlake roster` and `learnlake user` as an operator types them."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from cli.identity import app as identity_app
from cli.people import roster_app, user_app
from learnlake.errors import InputError
from learnlake.identity import Identifier
from learnlake.settings import Settings
from people import sessions
from people.db import open_people
from people.discovery import Found, FoundCourse, FoundMembership, discovered_key, register_discovered
from tests.people.rosters import HOME_PAGE, small_school

runner = CliRunner(env={"COLUMNS": "200"})


def _roster(path: Path, *further: str) -> Result:
    return runner.invoke(
        roster_app, ["import", str(path), "--tenant", "t", "--home-page", HOME_PAGE, *further]
    )


def _user(*arguments: str, **options) -> Result:
    return runner.invoke(user_app, list(arguments), catch_exceptions=False, **options)


def test_import_shows_what_changes_and_a_second_one_nothing(settings: Settings, tmp_path: Path) -> None:
    folder = small_school().write(tmp_path / "r")
    assert "nothing written" in _roster(folder, "--dry-run").output
    first = _roster(folder)
    assert first.exit_code == 0
    assert [cell.strip() for cell in first.output.split("person ")[1].split("\n")[0].split("│")[1:5]] == [
        "8",
        "0",
        "0",
        "0",
    ]
    assert "Nothing has changed." in _roster(folder).output


def test_a_refused_roster_names_every_bad_row(settings: Settings, tmp_path: Path) -> None:
    roster = small_school()
    for row in roster.files["users"]:
        row["enabledUser"] = "maybe"
    result = _roster(roster.write(tmp_path / "r"))
    assert result.exit_code == 2
    for line in range(2, 10):
        assert f"users.csv, line {line}, enabledUser: 'maybe' is not true or false" in result.stderr
    assert "nothing was changed" in result.stderr


def test_an_account_of_a_rostered_person_from_creation_to_reset(settings: Settings, tmp_path: Path) -> None:
    _roster(small_school().write(tmp_path / "r"))
    made = _user("create", "tess", "--tenant", "t", "--sourced-id", "t-a", "--home-page", HOME_PAGE)
    password = made.output.rsplit("once: ", 1)[1].strip()
    engine = open_people(settings)
    token = sessions.log_in(engine, "tess", password, "test")
    viewer = sessions.viewer(engine, token)
    assert viewer is not None
    assert viewer.roles == ("teacher",)
    assert (
        _user("roles", "tess", "--add", "principal", "--school", "t:s1").output.strip()
        == "teacher, principal"
    )
    assert _user("roles", "tess", "--remove", "principal").output.strip() == "teacher"
    _user("reset", "tess", "--password-stdin", input="a password from a pipe\n")
    assert sessions.viewer(engine, token) is None
    assert sessions.log_in(engine, "tess", "a password from a pipe", "test")
    _user("disable", "tess")
    assert "disabled" in _user("list", "--tenant", "t").output
    engine.dispose()


def test_a_discovered_section_gets_its_teacher(settings: Settings) -> None:
    iri = "https://mooc.example/courses/one"
    engine = open_people(settings)
    found = Found(
        courses=[FoundCourse("t", "https://mooc.example", iri, "One")],
        memberships=[FoundMembership("t", Identifier.account("https://mooc.example", "ann"), iri)],
    )
    register_discovered(engine, settings.home, found)
    engine.dispose()
    key = discovered_key("t", iri)
    assert key in _user("sections", "--tenant", "t").output
    assert "1 unknown actor(s)" in runner.invoke(identity_app, ["list", "--unknown", "--tenant", "t"]).output
    assert "mooc.example" in _user("schools", "--tenant", "t").output
    _user("create", "tess", "--tenant", "t", "--role", "teacher", "--given-name", "Tess")
    assert "is teacher of" in _user("assign-teacher", "tess", key, "--tenant", "t").output
    assert "Nothing has changed" in _user("assign-teacher", "tess", key, "--tenant", "t").output
    assert (
        "1 assignment(s) ended" in _user("assign-teacher", "tess", key, "--tenant", "t", "--withdraw").output
    )


@pytest.mark.parametrize(
    "arguments",
    [
        ("create", "x", "--tenant", "t"),
        ("create", "x", "--tenant", "t", "--sourced-id", "1"),
        ("create", "x", "--tenant", "t", "--sourced-id", "1", "--home-page", HOME_PAGE),
        ("disable", "nobody"),
        ("roles", "nobody"),
        ("assign-teacher", "nobody", "t:c1", "--tenant", "t"),
    ],
)
def test_what_cannot_be_done_is_said(settings: Settings, arguments: tuple[str, ...]) -> None:
    with pytest.raises(InputError) as caught:
        _user(*arguments)
    assert caught.value.mend
