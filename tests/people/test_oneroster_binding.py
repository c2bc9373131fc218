"""Every file of OneRoster's CSV bindings, by the specifications' own tables: names, required fields, types, vocabularies."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from learnlake.errors import RosterError
from learnlake.settings import Settings
from people.oneroster import import_roster
from people.oneroster.binding import FILES
from people.oneroster.check import check_package
from people.oneroster.files import read_package
from tests.people.oneroster_spec import OURS, SPECIFIED, Column
from tests.people.rosters import HOME_PAGE, full_school, write_csv

EACH_FILE = [(version, name) for version in SPECIFIED for name in SPECIFIED[version]]
START = ("sourcedId", "status", "dateLastModified")
WRONG = {
    "date": "9 May 2026",
    "year": "26/27",
    "integer": "4.5",
    "float": "much",
    "boolean": "maybe",
    "enum": "surely-none",
    "enums": "student,surely-none",
    "reference": "nobody-has-this-id",
    "references": "nobody-has-this-id",
}


def test_the_files_are_those_of_the_specifications() -> None:
    assert {version: set(files) for version, files in FILES.items()} == {
        version: set(files) for version, files in SPECIFIED.items()
    }


@pytest.mark.parametrize(("version", "name"), EACH_FILE)
def test_the_columns_are_those_of_the_specification(version: str, name: str) -> None:
    file = FILES[version][name]
    assert file.columns == (*START, *(column.name for column in SPECIFIED[version][name]))
    for field, column in zip(file.fields[3:], SPECIFIED[version][name], strict=True):
        extended = OURS.get((name, column.name), set())
        assert (field.is_required, set(field.values)) == (column.is_required, column.tokens | extended)
        # profiles name their user by a plain GUID in the table: we look whether there is such a user
        is_profile = (name, column.name) == ("userProfiles", "userSourcedId")
        assert is_profile or field.kind == column.kind


@pytest.mark.parametrize("version", SPECIFIED)
def test_all_files_together_are_taken(settings: Settings, tmp_path: Path, version: str) -> None:
    report = import_roster(
        settings, "t", full_school(version).write(tmp_path / "r"), home_page=HOME_PAGE, dry_run=True
    )
    kept = {warning.split(".csv")[0] for warning in report.warnings}
    assert {"categories", "lineItems", "results", "resources"} <= kept
    assert set(full_school(version).files) == set(SPECIFIED[version])


@pytest.mark.parametrize(("version", "name"), EACH_FILE)
def test_each_field_is_judged_as_specified(tmp_path: Path, version: str, name: str) -> None:
    """For each column one row that lacks a required value and one with a value of the wrong type; exactly these are named."""
    roster = full_school(version)
    good = roster.files[name][0]
    expected = set()

    def plant(column: Column, value: str, reason: str) -> None:
        row = {**good, column.name: value}
        if name != "demographics":  # whose ids are those of users
            row["sourcedId"] = f"planted-{len(roster.files[name])}"
        if name == "users" and column.name != "email":
            row["email"] = ""
        roster.files[name].append(row)
        expected.add((len(roster.files[name]) + 1, column.name, reason))

    columns = SPECIFIED[version][name]
    for column in columns:
        if column.is_required:
            plant(column, "", "is required")
        if column.kind in WRONG:
            plant(column, WRONG[column.kind], "is not")
        if column.kind in ("enum", "enums") and not column.is_extensible:
            plant(column, "ext:mine", "is not")
        if column.is_extensible:
            roster.files[name].append({**good, "sourcedId": f"taken-{column.name}", column.name: "ext:mine"})
    found = _faults(roster.write(tmp_path / "r"), name)
    for line, column, reason in expected:
        assert any(at == (line, column) and reason in why for at, why in found.items()), (line, column)
    ignored = ("sourcedId",)  # twice the same user's demographics, new users without a row in roles.csv
    assert {at for at in found if at[1] not in ignored} == {(line, column) for line, column, _ in expected}


def _problems(folder: Path) -> list[str]:
    """What an import into an empty people.db would name, without the database: each file is judged many times here."""
    package = read_package(folder)
    return [*package.problems, *map(str, check_package(package, {}))]


def _faults(folder: Path, name: str) -> dict[tuple[int, str], str]:
    parts = [problem.split(", ", 2) for problem in _problems(folder)]
    return {
        (int(line.removeprefix("line ")), rest.split(": ")[0]): rest.split(": ", 1)[1]
        for file, line, rest in parts
        if file == f"{name}.csv"
    }


@pytest.mark.parametrize(("version", "name"), EACH_FILE)
def test_required_columns_must_be_there_and_others_need_not(tmp_path: Path, version: str, name: str) -> None:
    roster = full_school(version)
    folder = roster.write(tmp_path / "r")
    columns = SPECIFIED[version][name]
    required = ["sourcedId", *(column.name for column in columns if column.is_required)]
    frame = pl.read_csv(folder / f"{name}.csv", infer_schema=False)
    frame.select(required).write_csv(folder / f"{name}.csv")
    assert _problems(folder) == []
    frame.select("dateLastModified").write_csv(folder / f"{name}.csv")
    lacking = {f"{name}.csv, line 1, {column}: the required column is missing" for column in required}
    assert lacking <= set(_problems(folder))


@pytest.mark.parametrize(("version", "name"), EACH_FILE)
def test_a_delta_needs_status_and_date(tmp_path: Path, version: str, name: str) -> None:
    roster = full_school(version)
    roster.modes[name] = "delta"
    found = _faults(roster.write(tmp_path / "r"), name)
    assert {
        ("status", "is required in a delta file"),
        ("dateLastModified", "is required in a delta file"),
    } <= {(column, why) for (_, column), why in found.items()}


def test_a_manifest_names_every_file(tmp_path: Path, settings: Settings) -> None:
    folder = full_school().write(tmp_path / "r")
    write_csv(
        folder / "manifest.csv",
        ["propertyName", "value"],
        [
            {"propertyName": "oneroster.version", "value": "1.2"},
            {"propertyName": "file.lineitems", "value": "bulk"},
        ],
    )
    with pytest.raises(RosterError) as caught:
        import_roster(settings, "t", folder, home_page=HOME_PAGE)
    assert "manifest.csv, file.lineitems: OneRoster 1.2 has no such file" in caught.value.problems
