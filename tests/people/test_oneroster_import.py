"""What an import makes of a roster: taken once, changed, revoked, kept in history, several sources side by side."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import polars as pl
import pytest
from sqlalchemy import Engine, select

from learnlake.settings import Settings
from people import lake
from people.db import bump_revision, open_people, reading, writing
from people.oneroster import import_roster
from people.tables import (
    demographics,
    enrolment,
    enrolment_history,
    guardianship,
    identifier,
    metadata,
    organisation,
    person,
    role_assignment,
    section,
)
from tests.people.imports import counts_of, everything, import_into, person_keys
from tests.people.rosters import HOME_PAGE, Roster, add_user, small_school
from tests.people.rosters import enrolment as an_enrolment


@pytest.mark.parametrize("version", ["1.1", "1.2"])
def test_a_school_is_taken_and_taking_it_again_changes_nothing(
    engine: Engine, settings: Settings, tmp_path: Path, version: str
) -> None:
    roster = small_school(version)
    report = import_into(settings, roster, tmp_path / "r")
    assert report.warnings == ()
    counts = counts_of(report)
    assert counts["organisation"] == (3, 0, 0, 0)
    assert counts["person"] == (8, 0, 0, 0)
    assert counts["identifier"] == (24, 0, 0, 0)
    assert counts["enrolment"] == (6, 0, 0, 0)
    assert counts["guardianship"] == (2, 0, 0, 0)
    assert counts["demographics"] == (1, 0, 0, 0)
    before, published = everything(engine), lake.current(settings.home)
    again = import_into(settings, roster, tmp_path / "r")
    assert not again.is_changed
    assert {name: row[3] for name, row in counts_of(again).items()} == {
        name: row[0] for name, row in counts.items()
    }
    assert everything(engine) == before
    assert lake.current(settings.home) == published


def test_what_becomes_of_a_school(engine: Engine, settings: Settings, tmp_path: Path) -> None:
    import_into(settings, small_school(), tmp_path / "r")
    with reading(engine) as connection:
        people = {row.sourced_id: row for row in connection.execute(select(person))}
        assert people["a-a"].role == "aide"
        assert people["st1"].given_name == "Given-st1"
        assert people["st1"].is_generated
        assert people["st3"].school_key == "t:s2"
        schools = {row.school_key: row.parent_school_key for row in connection.execute(select(organisation))}
        assert schools == {"t:d": None, "t:s1": "t:d", "t:s2": "t:d"}
        sections = {row.section_key: row for row in connection.execute(select(section))}
        assert sections["t:c1"].session_key == "t:t1"
        assert sections["t:c2"].session_key == "t:y"  # both terms of one year: the year
        assert sections["t:c1"].iri == f"{HOME_PAGE}/sections/c1"
        roles = {row.person_key: row.role for row in connection.execute(select(role_assignment))}
        assert roles[people["a-a"].person_key] == "assistant"
        assert roles[people["g1"].person_key] == "guardian"
        assert roles[people["p-a"].person_key] == "principal"
        kinds = set(connection.execute(select(identifier.c.kind, identifier.c.value)).tuples())
        assert ("account", f"{HOME_PAGE}\nst1") in kinds
        assert ("mbox", "mailto:st1@school.example") in kinds


def test_the_lake_holds_keys_and_no_names(settings: Settings, tmp_path: Path) -> None:
    import_into(settings, small_school(), tmp_path / "r")
    folder = lake.current(settings.home)
    assert folder is not None
    for name, schema in lake.SCHEMAS.items():
        frame = pl.read_parquet(folder / f"{name}.parquet")
        assert frame.schema == schema
        assert frame.is_empty() == (name in ("override", "preference"))  # nobody has decided anything yet
        text = frame.write_csv()
        for personal in ("Given-", "Family-", "school.example", "female"):
            assert personal not in text
    assert {file.stem for file in folder.iterdir()} == set(lake.SCHEMAS)


def test_generations_are_kept_to_three_and_only_changes_make_one(
    settings: Settings, engine: Engine, tmp_path: Path
) -> None:
    seen = []
    for number in range(5):
        roster = small_school()
        roster.row("orgs", "d")["name"] = f"District {number}"
        import_into(settings, roster, tmp_path / "r")
        seen.append(lake.current(settings.home))
    assert len(set(seen)) == 5
    assert {path for path in settings.home.lake_people.iterdir() if path.is_dir()} == set(seen[-3:])
    assert lake.publish(engine, settings.home) == seen[-1]


def test_a_changed_row_changes_and_a_missing_row_is_revoked_not_deleted(
    engine: Engine, settings: Settings, tmp_path: Path
) -> None:
    roster = small_school()
    import_into(settings, roster, tmp_path / "r")
    roster.row("enrollments", "e4")["endDate"] = "2026-11-01"
    roster.drop("enrollments", "e5")
    roster.row("users", "st3")["familyName"] = "Renamed"
    report = import_into(settings, roster, tmp_path / "r")
    assert counts_of(report)["enrolment"] == (0, 1, 1, 4)
    assert counts_of(report)["person"] == (0, 1, 0, 7)
    with reading(engine) as connection:
        rows = {row.sourced_id: row for row in connection.execute(select(enrolment))}
        assert (rows["e4"].end_date, rows["e4"].is_active) == (
            dt.date(2026, 10, 31),
            True,
        )  # endDate is exclusive
        assert not rows["e5"].is_active
        history = connection.execute(select(enrolment_history).order_by("enrolment_key")).all()
        assert [(row.enrolment_key[-2:], row.end_date, row.is_active) for row in history] == [
            ("e4", None, True),
            ("e5", None, True),
        ]
    roster.files["enrollments"].append(an_enrolment("e5", "c1", "s1", "st2", "student"))
    assert counts_of(import_into(settings, roster, tmp_path / "r"))["enrolment"] == (0, 1, 0, 5)


def test_a_dropped_person_keeps_the_key(engine: Engine, settings: Settings, tmp_path: Path) -> None:
    roster = small_school()
    import_into(settings, roster, tmp_path / "r")
    keys = person_keys(engine)
    gone = small_school()
    for file, ids in {"users": ["st2"], "roles": ["r-st2"], "enrollments": ["e5"]}.items():
        for sourced_id in ids:
            gone.drop(file, sourced_id)
    report = import_into(settings, gone, tmp_path / "r")
    assert counts_of(report)["person"] == (0, 0, 1, 7)
    assert import_into(settings, roster, tmp_path / "r").is_changed
    assert person_keys(engine) == keys


def test_a_row_marked_tobedeleted_is_revoked(engine: Engine, settings: Settings, tmp_path: Path) -> None:
    roster = small_school()
    import_into(settings, roster, tmp_path / "r")
    roster.row("enrollments", "e5")["status"] = "tobedeleted"
    report = import_into(settings, roster, tmp_path / "r")
    assert counts_of(report)["enrolment"] == (0, 0, 1, 5)
    assert not import_into(settings, roster, tmp_path / "r").is_changed


def test_a_delta_changes_what_it_names(engine: Engine, settings: Settings, tmp_path: Path) -> None:
    import_into(settings, small_school(), tmp_path / "r")
    stamp = {"status": "active", "dateLastModified": "2026-11-19T00:00:00.000Z"}
    delta = Roster(
        "1.2",
        {
            "users": [{**row, **stamp, "givenName": "New"} for row in small_school().files["users"][:1]],
            "enrollments": [
                {**an_enrolment("e7", "c2", "s2", "st1", "student"), **stamp},
                {**an_enrolment("e6", "c2", "s2", "st3", "student"), **stamp, "status": "tobedeleted"},
            ],
        },
        {"users": "delta", "enrollments": "delta"},
    )
    report = import_into(settings, delta, tmp_path / "d")
    assert counts_of(report)["enrolment"] == (1, 0, 1, 5)
    assert counts_of(report)["person"] == (0, 1, 0, 7)
    with reading(engine) as connection:
        teacher = connection.execute(select(person).where(person.c.sourced_id == "t-a")).one()
        assert (teacher.given_name, teacher.role, teacher.school_key) == ("New", "teacher", "t:s1")
        assert len(connection.execute(select(guardianship).where(guardianship.c.is_active)).all()) == 2
    assert not import_into(settings, delta, tmp_path / "d").is_changed


def test_a_dry_run_changes_nothing(engine: Engine, settings: Settings, tmp_path: Path) -> None:
    before = everything(engine)
    report = import_into(settings, small_school(), tmp_path / "r", dry_run=True)
    assert report.is_changed
    assert report.is_dry_run
    assert everything(engine) == before
    assert lake.current(settings.home) is None


def test_two_sources_stand_side_by_side(engine: Engine, settings: Settings, tmp_path: Path) -> None:
    import_into(settings, small_school(), tmp_path / "a")
    before = everything(engine)
    other = Roster("1.2", {})
    for file, rows in small_school().files.items():
        other.files[file] = [
            {
                column: ",".join(f"z{part}" for part in value.split(","))
                if column.endswith(("sourcedId", "SourcedId", "SourcedIds"))
                else value
                for column, value in row.items()
            }
            for row in rows
        ]
    for row in other.files["users"]:
        row["email"] = ""
    report = import_into(settings, other, tmp_path / "b", home_page="https://second.example")
    assert counts_of(report)["person"] == (8, 0, 0, 0)
    assert set(before["person"]) < set(everything(engine)["person"])
    assert not import_into(settings, small_school(), tmp_path / "a").is_changed


def test_tenants_with_equal_rosters_stay_apart(engine: Engine, settings: Settings, tmp_path: Path) -> None:
    folder = small_school().write(tmp_path / "r")
    import_roster(settings, "t", folder, home_page=HOME_PAGE)
    before = person_keys(engine)
    import_roster(settings, "u", folder, home_page=HOME_PAGE)
    with reading(engine) as connection:
        both = connection.execute(select(person.c.tenant, person.c.person_key)).all()
        identifiers = connection.execute(select(identifier.c.identifier_key)).scalars().all()
    assert len({row.person_key for row in both}) == 16
    assert len(set(identifiers)) == 48
    assert person_keys(engine) == before


def test_demographics_and_names_stay_in_people_db(engine: Engine, settings: Settings, tmp_path: Path) -> None:
    import_into(settings, small_school(), tmp_path / "r")
    with reading(engine) as connection:
        assert connection.execute(select(demographics.c.sex)).scalars().all() == ["female"]
    roster = small_school()
    roster.files["demographics"] = [{"sourcedId": "st2", "birthDate": "2011-02-03"}]
    assert counts_of(import_into(settings, roster, tmp_path / "r"))["demographics"] == (1, 0, 1, 0)
    with reading(engine) as connection:
        assert connection.execute(select(demographics.c.birth_date)).scalars().all() == [dt.date(2011, 2, 3)]


def test_passwords_of_the_file_are_not_kept(settings: Settings, tmp_path: Path) -> None:
    roster = small_school()
    roster.row("users", "st1")["password"] = "PlainSecret77"
    import_into(settings, roster, tmp_path / "r")
    kept = b"".join(file.read_bytes() for file in settings.home.path.rglob("*") if file.is_file())
    assert b"PlainSecret77" not in kept
    engine = open_people(settings)
    with reading(engine) as connection:  # nor in what is sealed
        opened = [str(row) for table in metadata.sorted_tables for row in connection.execute(table.select())]
    engine.dispose()
    assert any("Given-st1" in row for row in opened)
    assert not any("PlainSecret77" in row for row in opened)


def test_shared_addresses_identify_nobody(engine: Engine, settings: Settings, tmp_path: Path) -> None:
    roster = small_school()
    for child in ("st1", "st3"):
        roster.row("users", child)["email"] = "home@family.example"
    report = import_into(settings, roster, tmp_path / "r")
    assert report.warnings == ("1 e-mail address(es) belong to several users and identify none of them",)
    with reading(engine) as connection:
        assert (
            "mailto:home@family.example" not in connection.execute(select(identifier.c.value)).scalars().all()
        )


def test_agents_who_are_no_guardians_get_no_sight(engine: Engine, settings: Settings, tmp_path: Path) -> None:
    roster = small_school()
    roster.row("users", "st2")["agentSourcedIds"] = "t-a,g1"
    report = import_into(settings, roster, tmp_path / "r")
    assert len(report.warnings) == 1
    assert counts_of(report)["guardianship"] == (3, 0, 0, 0)


def test_a_roster_makes_no_administrator(engine: Engine, settings: Settings, tmp_path: Path) -> None:
    roster = small_school()
    for number, role in enumerate(
        ("siteAdministrator", "systemAdministrator", "districtAdministrator", "counselor")
    ):
        add_user(roster, f"x{number}", role, "s1")
    import_into(settings, roster, tmp_path / "r")
    with reading(engine) as connection:
        held = set(connection.execute(select(role_assignment.c.role)).scalars())
    assert held == {"student", "teacher", "assistant", "guardian", "principal"}


def test_a_generation_made_from_the_one_before_is_the_one_made_anew(
    engine: Engine, settings: Settings, tmp_path: Path
) -> None:
    """Enrolments and identifiers that a change left alone come from the last generation: the outcome must not tell."""
    import_into(settings, small_school(), tmp_path / "r")
    ended, moved, renamed = small_school(), small_school(), small_school()
    ended.row("enrollments", "e4")["endDate"] = "2026-11-01"
    moved.drop("enrollments", "e5")
    moved.files["enrollments"].append(an_enrolment("e8", "c2", "s2", "st2", "student"))
    renamed.row("users", "st3")["email"] = "other@school.example"
    for roster in (ended, moved, renamed, small_school()):
        import_into(settings, roster, tmp_path / "r")
        quick = _published(settings)
        with writing(engine) as connection:
            bump_revision(connection)
        lake.publish(engine, settings.home)
        assert quick == _published(settings)


def _published(settings: Settings) -> dict[str, list[tuple]]:
    folder = lake.current(settings.home)
    assert folder is not None
    return {
        path.stem: sorted(pl.read_parquet(path).rows(), key=repr) for path in sorted(folder.glob("*.parquet"))
    }
