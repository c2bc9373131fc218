"""OneRoster import: taken whole and once, or refused whole with every fault named."""

from __future__ import annotations

import datetime as dt
import signal
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest
from sqlalchemy import Engine, select

from learnlake.errors import InputError, RosterError
from learnlake.settings import Settings
from people import lake
from people.db import open_people, read_revision, reading
from people.oneroster import RosterReport, import_roster
from people.oneroster.binding import FILES
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
from tests.people.rosters import HOME_PAGE, Roster, add_user, large_school, small_school
from tests.people.rosters import enrolment as an_enrolment
from tests.scale import scaled


def _import(settings: Settings, roster: Roster, folder: Path, **options) -> RosterReport:
    options = {"home_page": HOME_PAGE, **options}
    return import_roster(settings, "t", roster.write(folder), **options)


def _counts(report: RosterReport) -> dict[str, tuple[int, int, int, int]]:
    return {row.table: (row.added, row.changed, row.revoked, row.unchanged) for row in report.tables}


def _everything(engine: Engine) -> dict[str, list[tuple]]:
    with reading(engine) as connection:
        return {name: sorted(map(repr, connection.execute(select(t)))) for name, t in metadata.tables.items()}


@pytest.mark.parametrize("version", ["1.1", "1.2"])
def test_a_school_is_taken_and_taking_it_again_changes_nothing(
    engine: Engine, settings: Settings, tmp_path: Path, version: str
) -> None:
    roster = small_school(version)
    report = _import(settings, roster, tmp_path / "r")
    assert report.warnings == ()
    counts = _counts(report)
    assert counts["organisation"] == (3, 0, 0, 0)
    assert counts["person"] == (8, 0, 0, 0)
    assert counts["identifier"] == (16, 0, 0, 0)
    assert counts["enrolment"] == (6, 0, 0, 0)
    assert counts["guardianship"] == (2, 0, 0, 0)
    assert counts["demographics"] == (1, 0, 0, 0)
    before, published = _everything(engine), lake.current(settings.home)
    again = _import(settings, roster, tmp_path / "r")
    assert not again.is_changed
    assert {name: row[3] for name, row in _counts(again).items()} == {
        name: row[0] for name, row in counts.items()
    }
    assert _everything(engine) == before
    assert lake.current(settings.home) == published


def test_what_becomes_of_a_school(engine: Engine, settings: Settings, tmp_path: Path) -> None:
    _import(settings, small_school(), tmp_path / "r")
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
    _import(settings, small_school(), tmp_path / "r")
    folder = lake.current(settings.home)
    assert folder is not None
    for name, schema in lake.SCHEMAS.items():
        frame = pl.read_parquet(folder / f"{name}.parquet")
        assert frame.schema == schema
        assert not frame.is_empty()
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
        _import(settings, roster, tmp_path / "r")
        seen.append(lake.current(settings.home))
    assert len(set(seen)) == 5
    assert {path for path in settings.home.lake_people.iterdir() if path.is_dir()} == set(seen[-3:])
    assert lake.publish(engine, settings.home) == seen[-1]


def test_a_changed_row_changes_and_a_missing_row_is_revoked_not_deleted(
    engine: Engine, settings: Settings, tmp_path: Path
) -> None:
    roster = small_school()
    _import(settings, roster, tmp_path / "r")
    roster.row("enrollments", "e4")["endDate"] = "2026-11-01"
    roster.drop("enrollments", "e5")
    roster.row("users", "st3")["familyName"] = "Renamed"
    report = _import(settings, roster, tmp_path / "r")
    assert _counts(report)["enrolment"] == (0, 1, 1, 4)
    assert _counts(report)["person"] == (0, 1, 0, 7)
    with reading(engine) as connection:
        rows = {row.sourced_id: row for row in connection.execute(select(enrolment))}
        assert (rows["e4"].end_date, rows["e4"].is_active) == (dt.date(2026, 11, 1), True)
        assert not rows["e5"].is_active
        history = connection.execute(select(enrolment_history).order_by("enrolment_key")).all()
        assert [(row.enrolment_key[-2:], row.end_date, row.is_active) for row in history] == [
            ("e4", None, True),
            ("e5", None, True),
        ]
    roster.files["enrollments"].append(an_enrolment("e5", "c1", "s1", "st2", "student"))
    assert _counts(_import(settings, roster, tmp_path / "r"))["enrolment"] == (0, 1, 0, 5)


def test_a_dropped_person_keeps_the_key(engine: Engine, settings: Settings, tmp_path: Path) -> None:
    roster = small_school()
    _import(settings, roster, tmp_path / "r")
    keys = _keys(engine)
    gone = small_school()
    for file, ids in {"users": ["st2"], "roles": ["r-st2"], "enrollments": ["e5"]}.items():
        for sourced_id in ids:
            gone.drop(file, sourced_id)
    report = _import(settings, gone, tmp_path / "r")
    assert _counts(report)["person"] == (0, 0, 1, 7)
    assert _import(settings, roster, tmp_path / "r").is_changed
    assert _keys(engine) == keys


def test_a_row_marked_tobedeleted_is_revoked(engine: Engine, settings: Settings, tmp_path: Path) -> None:
    roster = small_school()
    _import(settings, roster, tmp_path / "r")
    roster.row("enrollments", "e5")["status"] = "tobedeleted"
    report = _import(settings, roster, tmp_path / "r")
    assert _counts(report)["enrolment"] == (0, 0, 1, 5)
    assert not _import(settings, roster, tmp_path / "r").is_changed


def test_a_delta_changes_what_it_names(engine: Engine, settings: Settings, tmp_path: Path) -> None:
    _import(settings, small_school(), tmp_path / "r")
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
    report = _import(settings, delta, tmp_path / "d")
    assert _counts(report)["enrolment"] == (1, 0, 1, 5)
    assert _counts(report)["person"] == (0, 1, 0, 7)
    with reading(engine) as connection:
        teacher = connection.execute(select(person).where(person.c.sourced_id == "t-a")).one()
        assert (teacher.given_name, teacher.role, teacher.school_key) == ("New", "teacher", "t:s1")
        assert len(connection.execute(select(guardianship).where(guardianship.c.is_active)).all()) == 2
    assert not _import(settings, delta, tmp_path / "d").is_changed


def test_a_dry_run_changes_nothing(engine: Engine, settings: Settings, tmp_path: Path) -> None:
    before = _everything(engine)
    report = _import(settings, small_school(), tmp_path / "r", dry_run=True)
    assert report.is_changed
    assert report.is_dry_run
    assert _everything(engine) == before
    assert lake.current(settings.home) is None


def test_two_sources_stand_side_by_side(engine: Engine, settings: Settings, tmp_path: Path) -> None:
    _import(settings, small_school(), tmp_path / "a")
    before = _everything(engine)
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
    report = _import(settings, other, tmp_path / "b", home_page="https://second.example")
    assert _counts(report)["person"] == (8, 0, 0, 0)
    assert set(before["person"]) < set(_everything(engine)["person"])
    assert not _import(settings, small_school(), tmp_path / "a").is_changed


def test_ids_of_another_source_are_refused(settings: Settings, tmp_path: Path) -> None:
    _import(settings, small_school(), tmp_path / "a")
    with pytest.raises(
        RosterError, match=r"orgs.csv, line 2, sourcedId: 'd' is already used by the roster of"
    ):
        _import(settings, small_school(), tmp_path / "b", home_page="https://second.example")


def test_tenants_with_equal_rosters_stay_apart(engine: Engine, settings: Settings, tmp_path: Path) -> None:
    folder = small_school().write(tmp_path / "r")
    import_roster(settings, "t", folder, home_page=HOME_PAGE)
    before = _keys(engine)
    import_roster(settings, "u", folder, home_page=HOME_PAGE)
    with reading(engine) as connection:
        both = connection.execute(select(person.c.tenant, person.c.person_key)).all()
        identifiers = connection.execute(select(identifier.c.identifier_key)).scalars().all()
    assert len({row.person_key for row in both}) == 16
    assert len(set(identifiers)) == 32
    assert _keys(engine) == before


def test_shared_addresses_identify_nobody(engine: Engine, settings: Settings, tmp_path: Path) -> None:
    roster = small_school()
    for child in ("st1", "st3"):
        roster.row("users", child)["email"] = "home@family.example"
    report = _import(settings, roster, tmp_path / "r")
    assert report.warnings == ("1 e-mail address(es) belong to several users and identify none of them",)
    with reading(engine) as connection:
        assert (
            "mailto:home@family.example" not in connection.execute(select(identifier.c.value)).scalars().all()
        )


def test_agents_who_are_no_guardians_get_no_sight(engine: Engine, settings: Settings, tmp_path: Path) -> None:
    roster = small_school()
    roster.row("users", "st2")["agentSourcedIds"] = "t-a,g1"
    report = _import(settings, roster, tmp_path / "r")
    assert len(report.warnings) == 1
    assert _counts(report)["guardianship"] == (3, 0, 0, 0)


def test_a_roster_makes_no_administrator(engine: Engine, settings: Settings, tmp_path: Path) -> None:
    roster = small_school()
    for number, role in enumerate(
        ("siteAdministrator", "systemAdministrator", "districtAdministrator", "counselor")
    ):
        add_user(roster, f"x{number}", role, "s1")
    _import(settings, roster, tmp_path / "r")
    with reading(engine) as connection:
        held = set(connection.execute(select(role_assignment.c.role)).scalars())
    assert held == {"student", "teacher", "assistant", "guardian", "principal"}


def test_demographics_and_names_stay_in_people_db(engine: Engine, settings: Settings, tmp_path: Path) -> None:
    _import(settings, small_school(), tmp_path / "r")
    with reading(engine) as connection:
        assert connection.execute(select(demographics.c.sex)).scalars().all() == ["female"]
    roster = small_school()
    roster.files["demographics"] = [{"sourcedId": "st2", "birthDate": "2011-02-03"}]
    assert _counts(_import(settings, roster, tmp_path / "r"))["demographics"] == (1, 0, 1, 0)
    with reading(engine) as connection:
        assert connection.execute(select(demographics.c.birth_date)).scalars().all() == [dt.date(2011, 2, 3)]


def test_passwords_of_the_file_are_not_kept(settings: Settings, tmp_path: Path) -> None:
    roster = small_school()
    roster.row("users", "st1")["password"] = "PlainSecret77"
    _import(settings, roster, tmp_path / "r")
    kept = b"".join(file.read_bytes() for file in settings.home.path.rglob("*") if file.is_file())
    assert b"PlainSecret77" not in kept
    assert b"Given-st1" in kept


@pytest.mark.parametrize(
    "shape", ["top", "in a folder", "byte order mark", "windows lines", "other column order"]
)
def test_packages_come_in_many_shapes(settings: Settings, tmp_path: Path, shape: str) -> None:
    folder = small_school().write(tmp_path / "r")
    path = folder
    if shape in ("top", "in a folder"):
        path = tmp_path / "r.zip"
        with zipfile.ZipFile(path, "w") as archive:
            for file in folder.iterdir():
                archive.write(file, f"roster/{file.name}" if shape == "in a folder" else file.name)
    for file in folder.iterdir():
        if shape == "byte order mark":
            file.write_bytes(b"\xef\xbb\xbf" + file.read_bytes())
        elif shape == "windows lines":
            file.write_bytes(file.read_bytes().replace(b"\r\n", b"\n").replace(b"\n", b"\r\n") + b"\r\n\r\n")
        elif shape == "other column order":
            frame = pl.read_csv(file, infer_schema=False)
            frame.select(reversed(frame.columns)).write_csv(file)
    assert _counts(import_roster(settings, "t", path, home_page=HOME_PAGE))["person"] == (8, 0, 0, 0)


def test_an_unread_manifest_or_nothing_at_all_is_refused(settings: Settings, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="neither a folder nor a zip"):
        import_roster(settings, "t", tmp_path / "none", home_page=HOME_PAGE)
    (tmp_path / "empty").mkdir()
    with pytest.raises(RosterError, match="manifest"):
        import_roster(settings, "t", tmp_path / "empty", home_page=HOME_PAGE)
    with pytest.raises(InputError, match="not an address"):
        _import(settings, small_school(), tmp_path / "r", home_page="no address")
    with pytest.raises(InputError, match="tenant"):
        import_roster(settings, "No Tenant", tmp_path / "r", home_page=HOME_PAGE)


def _set(file: str, sourced_id: str, column: str, value: str) -> Callable[[Roster], None]:
    return lambda roster: roster.row(file, sourced_id).__setitem__(column, value)


FAULTS: list[tuple[Callable[[Roster], None], str]] = [
    (_set("orgs", "d", "name", ""), "orgs.csv, line 2, name: is required"),
    (_set("orgs", "s1", "type", "School"), "orgs.csv, line 3, type: 'School' is not one of department, school"),
    (_set("orgs", "s2", "parentSourcedId", "nil"), "orgs.csv, line 4, parentSourcedId: 'nil' is not a sourcedId of orgs.csv"),
    (_set("academicSessions", "y", "startDate", "2026-02-30"), "academicSessions.csv, line 2, startDate: '2026-02-30' is not a date"),
    (_set("academicSessions", "t1", "endDate", "2020-01-01"), "academicSessions.csv, line 3, endDate: '2020-01-01' is before startDate"),
    (_set("academicSessions", "t2", "schoolYear", "26/27"), "academicSessions.csv, line 4, schoolYear: '26/27' is not a year"),
    (_set("academicSessions", "t2", "parentSourcedId", "t2"), "academicSessions.csv, line 4, parentSourcedId: 't2' leads round in a circle"),
    (_set("courses", "math", "title", " "), "courses.csv, line 2, title: is required"),
    (_set("classes", "c1", "termSourcedIds", "t1, t9"), "classes.csv, line 2, termSourcedIds: 't9' is not a sourcedId of academicSessions.csv"),
    (_set("classes", "c2", "classType", "lab"), "classes.csv, line 3, classType: 'lab' is not one of homeroom, scheduled"),
    (_set("classes", "c2", "dateLastModified", "yesterday"), "classes.csv, line 3, dateLastModified: 'yesterday' is not a date and time"),
    (_set("users", "t-a", "enabledUser", "yes"), "users.csv, line 2, enabledUser: 'yes' is not true or false"),
    (_set("users", "t-b", "familyName", ""), "users.csv, line 3, familyName: is required"),
    (_set("users", "a-a", "status", "inactive"), "users.csv, line 4, status: 'inactive' is not one of active, tobedeleted"),
    (_set("users", "p-a", "userIds", "LDAP:12"), "users.csv, line 5, userIds: 'LDAP:12' is not a list of"),
    (_set("users", "g1", "agentSourcedIds", "st1,st8"), "users.csv, line 9, agentSourcedIds: 'st8' is not a sourcedId of users.csv"),
    (_set("roles", "r-st1", "role", "pupil"), "roles.csv, line 6, role: 'pupil' is not one of aide"),
    (_set("roles", "r-st2", "orgSourcedId", ""), "roles.csv, line 7, orgSourcedId: is required"),
    (_set("enrollments", "e1", "userSourcedId", "st9"), "enrollments.csv, line 2, userSourcedId: 'st9' is not a sourcedId of users.csv"),
    (_set("enrollments", "e2", "classSourcedId", "c9"), "enrollments.csv, line 3, classSourcedId: 'c9' is not a sourcedId of classes.csv"),
    (_set("enrollments", "e4", "beginDate", "01.09.2026"), "enrollments.csv, line 5, beginDate: '01.09.2026' is not a date"),
    (_set("enrollments", "e5", "sourcedId", "e6"), "enrollments.csv, line 7, sourcedId: 'e6' is there twice"),
    (_set("enrollments", "e3", "role", "tutor"), "enrollments.csv, line 4, role: 'tutor' is not one of administrator"),
    (_set("demographics", "st1", "sex", "f"), "demographics.csv, line 2, sex: 'f' is not one of male, female"),
    (_set("demographics", "st1", "asian", "no"), "demographics.csv, line 2, asian: 'no' is not true or false"),
]  # fmt: skip


@pytest.mark.parametrize(("plant", "named"), FAULTS, ids=[named for _, named in FAULTS])
def test_a_planted_fault_is_named_and_nothing_changes(
    engine: Engine, settings: Settings, tmp_path: Path, plant: Callable[[Roster], None], named: str
) -> None:
    roster = small_school()
    plant(roster)
    before = _everything(engine)
    with pytest.raises(RosterError) as caught:
        _import(settings, roster, tmp_path / "r")
    assert any(problem.startswith(named) for problem in caught.value.problems), caught.value.problems
    assert _everything(engine) == before
    assert lake.current(settings.home) is None


def test_all_planted_faults_are_named_at_once(settings: Settings, tmp_path: Path) -> None:
    roster = small_school()
    for plant, _ in FAULTS[:-4]:
        plant(roster)
    with pytest.raises(RosterError) as caught:
        _import(settings, roster, tmp_path / "r")
    for _, named in FAULTS[:-4]:
        assert any(problem.startswith(named) for problem in caught.value.problems), named


@pytest.mark.parametrize(
    ("file", "change", "named"),
    [
        ("users.csv", lambda t: t.replace("givenName", "givenNmae"), "users.csv, line 1, givenNmae: OneRoster has no such column; did you mean givenName"),
        ("users.csv", lambda t: t.replace("givenName", "givenNmae"), "users.csv, line 1, givenName: the required column is missing"),
        ("orgs.csv", lambda t: t.replace("District,", "District,x,y,", 1), "orgs.csv, line 2: has 9 fields, the header has 7"),
        ("orgs.csv", lambda t: t.replace(",school,,d", "", 1), "orgs.csv, line 3: has 4 fields, the header has 7"),
        ("orgs.csv", lambda t: t.replace("North", '"North', 1), "orgs.csv, line 3: cannot be read as CSV"),
        ("orgs.csv", lambda t: t.replace("North", "Nörd", 1).encode("latin-1"), "orgs.csv, line 3: is not UTF-8"),
        ("orgs.csv", lambda t: t.replace("identifier", "name"), "orgs.csv, line 1: the column name is there twice"),
        ("orgs.csv", lambda t: "", "orgs.csv, line 1: the header row is missing"),
        ("orgs.csv", None, "orgs.csv: is missing, but manifest.csv says that it is here (bulk)"),
        ("userprofiles.csv", lambda t: "a,b\n", "userprofiles.csv: OneRoster 1.2 has no such file; did you mean userProfiles.csv?"),
        ("results.csv", lambda t: "a,b\n", "results.csv: is here, but manifest.csv says that it is absent"),
        ("manifest.csv", lambda t: t.replace("oneroster.version,1.2", "oneroster.version,2.0"), "manifest.csv, line 3, oneroster.version: '2.0' is not one of 1.1, 1.2"),
        ("manifest.csv", lambda t: t.replace("file.orgs,bulk", "file.orgs,full"), "manifest.csv, line 4, file.orgs: 'full' is not one of absent, bulk, delta"),
    ],
)  # fmt: skip
def test_a_broken_file_is_named(
    settings: Settings, tmp_path: Path, file: str, change: Callable[[str], str | bytes] | None, named: str
) -> None:
    folder = small_school().write(tmp_path / "r")
    path = folder / file
    if change is None:
        path.unlink()
    else:
        text = change(path.read_bytes().decode() if path.exists() else "")
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(RosterError) as caught:
        import_roster(settings, "t", folder, home_page=HOME_PAGE)
    assert any(problem.startswith(named) for problem in caught.value.problems), caught.value.problems


def test_accounts_that_two_people_claim_are_refused(settings: Settings, tmp_path: Path) -> None:
    roster = small_school()
    for child in ("st1", "st2"):
        roster.row("users", child)["userIds"] = "{https://mooc.example ann}"
    with pytest.raises(
        RosterError, match=r"users.csv, line 7, userIds: the account 'ann' of https://mooc.example"
    ):
        _import(settings, roster, tmp_path / "r")


def test_reasons_never_quote_names_or_addresses(settings: Settings, tmp_path: Path) -> None:
    roster = small_school()
    for row in roster.files["users"]:
        row["enabledUser"] = ""
    with pytest.raises(RosterError) as caught:
        _import(settings, roster, tmp_path / "r")
    assert not any("Given-" in problem or "@" in problem for problem in caught.value.problems)


@pytest.mark.parametrize("version", ["1.1", "1.2"])
def test_every_required_column_is_required(settings: Settings, tmp_path: Path, version: str) -> None:
    roster = small_school(version)
    expected = set()
    for name, file in FILES[version].items():
        for field in file.fields:
            if field.is_required and name in roster.files:
                expected.add(f"{name}.csv, line 1, {field.name}: the required column is missing")
    folder = roster.write(tmp_path / "r")
    for name in roster.files:
        required = [field.name for field in FILES[version][name].fields if field.is_required]
        frame = pl.read_csv(folder / f"{name}.csv", infer_schema=False)
        frame.drop(required).write_csv(folder / f"{name}.csv")
    with pytest.raises(RosterError) as caught:
        import_roster(settings, "t", folder, home_page=HOME_PAGE)
    assert expected <= set(caught.value.problems)


def test_a_killed_import_leaves_nothing_half_written(settings: Settings, tmp_path: Path) -> None:
    """Killed with the last table written and nothing committed; then killed after the commit, before the lake."""
    large_school(user_count=300, enrolment_count=600).write(tmp_path / "r")
    engine = open_people(settings)
    for place in ("people.oneroster.importing.bump_revision", "people.lake._replace"):
        program = (
            "import os, signal, sys, importlib\n"
            "from pathlib import Path\n"
            "from learnlake.settings import get_settings\n"
            "module, _, name = sys.argv[1].rpartition('.')\n"
            "from people.oneroster import import_roster\n"
            "setattr(importlib.import_module(module), name, lambda *_: os.kill(os.getpid(), signal.SIGKILL))\n"
            "import_roster(get_settings(), 't', Path(sys.argv[2]), home_page=sys.argv[3])\n"
        )
        done = subprocess.run(
            [sys.executable, "-c", program, place, str(tmp_path / "r"), HOME_PAGE], check=False
        )
        assert done.returncode == -signal.SIGKILL
        assert lake.current(settings.home) is None
        with reading(engine) as connection:
            people = connection.execute(select(person)).all()
            assert len(people) == (0 if "bump" in place else 308)
            assert read_revision(connection)[1] == (0 if "bump" in place else 1)
    report = import_roster(settings, "t", tmp_path / "r", home_page=HOME_PAGE)
    assert not report.is_changed
    folder = lake.current(settings.home)
    assert folder is not None
    assert pl.read_parquet(folder / "person.parquet").height == 308
    assert [path for path in settings.home.lake_people.iterdir() if path.name.startswith(".draft")] == []
    engine.dispose()


def test_imports_of_several_processes_take_turns(engine: Engine, settings: Settings, tmp_path: Path) -> None:
    folder = small_school().write(tmp_path / "r")
    program = (
        "import sys\n"
        "from pathlib import Path\n"
        "from learnlake.settings import get_settings\n"
        "from people.oneroster import import_roster\n"
        "import_roster(get_settings(), 't', Path(sys.argv[1]), home_page=sys.argv[2])\n"
    )
    running = [subprocess.Popen([sys.executable, "-c", program, str(folder), HOME_PAGE]) for _ in range(3)]
    assert [process.wait(timeout=120) for process in running] == [0, 0, 0]
    assert len(_keys(engine)) == 8
    with reading(engine) as connection:
        assert read_revision(connection)[1] == 1
    assert not _import(settings, small_school(), tmp_path / "r").is_changed


def test_a_large_roster(settings: Settings, tmp_path: Path) -> None:
    users, enrolments = scaled(2_000, 100_000), scaled(5_000, 1_200_000)
    large_school(user_count=users, enrolment_count=enrolments).write(tmp_path / "r")
    report = import_roster(settings, "t", tmp_path / "r", home_page=HOME_PAGE)
    assert _counts(report)["enrolment"] == (enrolments + 6, 0, 0, 0)
    assert not import_roster(settings, "t", tmp_path / "r", home_page=HOME_PAGE).is_changed


@pytest.mark.real_data
@pytest.mark.parametrize(
    ("name", "reasons"),
    [
        ("oneroster_test_data.zip", None),
        (
            "Test_full_data_set.zip",
            [
                "orgs.csv, line 2, parentSourcedId: 'org-sch-222-3456' is not a sourcedId of orgs.csv",
                "academicSessions.csv, line 4, status: 'inactive' is not one of",
                "classes.csv, line 2, classType: 'Scheduled' is not one of",
                "classes.csv, line 2, courseSourcedId: 'crs-222-2023-456-12345' is not a sourcedId of courses.csv",
                "users.csv, line 2, dateLastModified: '2023-05-01' is not a date and time",
            ],
        ),
        (
            "v1p2_full_dataset.zip",
            [
                "userprofiles.csv: OneRoster 1.2 has no such file; did you mean userProfiles.csv?",
                "roles.csv, line 1: column 10 has no name",
                "users.csv, line 1, prefferedGivenName: OneRoster has no such column; did you mean preferredGivenName?",
                "users.csv, line 2, dateLastModified: '1/05/2023' is not a date and time",
            ],
        ),
    ],
)
def test_the_published_sets(
    settings: Settings, public_data: Path, name: str, reasons: list[str] | None
) -> None:
    path = public_data / "oneroster" / name
    if reasons is None:
        assert _counts(import_roster(settings, "t", path, home_page=HOME_PAGE))["enrolment"] == (1, 0, 0, 0)
        assert not import_roster(settings, "t", path, home_page=HOME_PAGE).is_changed
        return
    with pytest.raises(RosterError) as caught:
        import_roster(settings, "t", path, home_page=HOME_PAGE)
    for reason in reasons:
        assert any(problem.startswith(reason) for problem in caught.value.problems), reason


def _keys(engine: Engine) -> dict[str, str]:
    with reading(engine) as connection:
        rows = connection.execute(
            select(person.c.sourced_id, person.c.person_key).where(person.c.tenant == "t")
        )
        return {row[0]: row[1] for row in rows}
