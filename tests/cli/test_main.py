"""The command line's frame: every command can be loaded, errors become a message and exit code 2, settings are all listed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from cli.main import ENTRIES, EXIT_REFUSED
from learnlake.settings import Settings


def learnlake(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "cli.main", *arguments],
        env={**os.environ, **variables},
        capture_output=True,
        text=True,
        check=False,
    )


def test_help_names_every_command(settings: Settings) -> None:
    shown = learnlake("--help", COLUMNS="200")
    assert shown.returncode == 0
    for entry in ENTRIES:
        assert f" {entry.name} " in shown.stdout


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.name)
def test_every_command_can_be_loaded_and_has_a_help(entry: object) -> None:
    command = entry.load()  # type: ignore[attr-defined]
    assert command.help or command.short_help or command.callback


def test_an_error_of_ours_is_a_message_and_exit_code_2(settings: Settings) -> None:
    refused = learnlake("settings", LEARNLAKE_LRS_PORT="many")
    assert refused.returncode == EXIT_REFUSED
    assert refused.stderr.startswith("learnlake: The settings cannot be read: lrs_port")
    assert "Traceback" not in refused.stderr


def test_settings_lists_all_with_their_value(settings: Settings) -> None:
    shown = json.loads(learnlake("settings", "--json", LEARNLAKE_SMALL_GROUP_SIZE="9").stdout)
    rows = {row["variable"]: row for row in shown}
    assert len(rows) == len(Settings.model_fields)
    assert rows["LEARNLAKE_SMALL_GROUP_SIZE"]["value"] == 9
    assert rows["LEARNLAKE_SMALL_GROUP_SIZE"]["default"] == 5
    assert all(row["meaning"] for row in shown)


def test_status_of_an_empty_home_says_what_to_do(settings: Settings) -> None:
    shown = learnlake("status")
    assert shown.returncode == 0, shown.stderr
    assert "learnlake up" in shown.stdout
    assert "learnlake run" in shown.stdout
    assert "EM" in shown.stdout


def test_down_without_anything_running_says_so(settings: Settings) -> None:
    shown = learnlake("down")
    assert shown.returncode == 0
    assert str(settings.home.path) in shown.stdout.replace("\n", "")


def test_readme_names_the_commands_that_exist() -> None:
    readme = (Path(__file__).parents[2] / "README.md").read_text()
    known = {entry.name for entry in ENTRIES}
    named = {
        word.strip("`.,;:)")
        for line in readme.splitlines()
        for before, word in zip(line.split(), line.split()[1:], strict=False)
        if before.endswith("learnlake") and not word.startswith("-")
    }
    assert {"up", "run", "status", "import"} <= named <= known
