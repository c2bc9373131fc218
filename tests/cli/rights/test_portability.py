"""A person's own copy has everything that any room holds on the person, and nothing on others."""

from __future__ import annotations

import csv
import io
import json
import zipfile
from pathlib import Path

import pytest

from cli.rights import erasure
from cli.rights.portability import export_person
from learnlake.errors import InputError
from people.trail import search
from tests.cli.rights.school import CLASSMATE, STUDENT, School, subject_of


def test_the_zip_holds_everything_that_was_planned_to_be_erased(home: School, tmp_path: Path) -> None:
    settings = home.settings
    subject = subject_of(settings, CLASSMATE)
    target = tmp_path / "copy.zip"
    listing = export_person(settings, subject, target, requested_by="operator:0")
    assert target.stat().st_mode & 0o777 == 0o600
    with zipfile.ZipFile(target) as archive:
        assert archive.testzip() is None
        files = {name: archive.read(name) for name in archive.namelist()}
    assert files.keys() == {path for path, _ in listing} | {"README.txt"}
    assert all(path in files["README.txt"].decode() for path, _ in listing)
    statements = [json.loads(line) for line in files["statements.jsonl"].splitlines()]
    assert {item["actor"].get("account", {}).get("name") for item in statements} == {CLASSMATE}
    planned = {one.what: one.count for found in erasure.plan(settings, subject).values() for one in found}
    assert len(statements) == planned["statements"]
    for name, content in files.items():
        if name.startswith(("people/", "marts/")) and name.endswith(".csv") and name != "people/audit.csv":
            table = name.split("/")[1].removesuffix(".csv")
            rows = list(csv.DictReader(io.StringIO(content.decode())))
            counted = planned.get(f"people.db {table}", planned.get(f"mart {table}"))
            assert len(rows) == counted, name
    assert any(name.startswith("documents/") for name in files)
    assert any(name.startswith("attachments/") for name in files)
    others = b"".join(content for name, content in files.items() if name != "statements.jsonl")
    assert STUDENT.encode() not in others
    (noted,) = search(settings.home, person=subject.person_key, action="export-person")
    assert (noted.tenant, noted.actor_key) == ("default", "operator:0")


def test_it_is_audited_and_overwrites_nothing(home: School, tmp_path: Path) -> None:
    subject = subject_of(home.settings, CLASSMATE)
    target = tmp_path / "copy.zip"
    target.write_text("mine")
    with pytest.raises(InputError, match="There is a file already"):
        export_person(home.settings, subject, target, requested_by="operator:0")
    assert target.read_text() == "mine"
    assert list(tmp_path.iterdir()) == [target]
