"""`learnlake erase` and `learnlake portability` as they are typed."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

from typer.testing import CliRunner

from cli.rights.commands import app, erase_app
from learnlake.errors import InputError
from learnlake.identity import Identifier
from learnlake.settings import Settings
from people.db import open_people
from people.discovery import Found, FoundActor, register_discovered

WHO = "https://lms.example|ann-0042"


def known(settings: Settings) -> None:
    engine = open_people(settings)
    actor = FoundActor("t", Identifier.account("https://lms.example", "ann-0042"))
    register_discovered(engine, settings.home, Found(actors=[actor]))
    engine.dispose()


def run(command: object, *arguments: str, typed: str = "") -> tuple[int, str, object]:
    answer = CliRunner().invoke(command, arguments, input=typed, env={"COLUMNS": "200"})  # type: ignore[arg-type]
    return answer.exit_code, answer.output, answer.exception


def test_dry_run_shows_and_changes_nothing_and_no_means_no(settings: Settings) -> None:
    known(settings)
    status, shown, _ = run(erase_app, WHO, "--dry-run")
    assert status == 0
    assert "people.db identifier" in shown
    assert "ann-0042" not in shown
    assert run(erase_app, WHO, typed="n\n")[0] == 1
    assert run(erase_app, WHO, "--dry-run")[1] == shown
    assert not list(settings.home.receipts.iterdir())


def test_erased_with_a_receipt_that_can_be_checked(settings: Settings, tmp_path: Path) -> None:
    known(settings)
    copy = tmp_path / "copy.zip"
    assert run(app, WHO, str(copy))[0] == 0
    assert "people/identifiers.json" in zipfile.ZipFile(copy).namelist()
    status, shown, _ = run(erase_app, WHO, "--yes")
    assert status == 0, shown
    assert "Nothing of the person is left" in shown
    (path,) = settings.home.receipts.iterdir()
    status, shown, _ = run(erase_app, "verify-receipt", str(path))
    assert status == 0
    assert "The signature is right" in shown
    key = json.loads(path.read_text())["public_key"]
    assert run(erase_app, "verify-receipt", str(path), "--key", key)[0] == 0
    refused = run(erase_app, "verify-receipt", str(path), "--key", "00" * 32)[2]
    assert isinstance(refused, InputError)
    assert isinstance(run(erase_app, "scan", WHO)[2], InputError)  # nobody is known under it any more
    assert isinstance(run(erase_app, "resume")[2], InputError)
