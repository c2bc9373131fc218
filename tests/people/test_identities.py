"""One person, several identifiers: matched on import, joined and split by an administrator, and so it stays."""

from __future__ import annotations

import datetime as dt
import hashlib
import sqlite3
from pathlib import Path

import polars as pl
import pytest
from sqlalchemy import Engine, select
from typer.testing import CliRunner

from cli.identity import app
from learnlake.errors import InputError
from learnlake.identity import Identifier, identifier_key, identity_secret
from learnlake.settings import Settings
from people import assignments, consent, consent_record, identities, lake, takeover
from people.consent import Decision
from people.db import reading
from people.discovery import Found, FoundActor, FoundCourse, FoundMembership, register_discovered
from people.rights import PERSON_COLUMNS
from people.tables import enrolment, identifier, metadata, person
from tests.people.imports import counts_of, import_into, person_keys
from tests.people.rosters import HOME_PAGE, Roster, small_school

SHA1 = hashlib.sha1(b"mailto:st1@school.example", usedforsecurity=False).hexdigest()
KINDS = {
    "account": Identifier.account(HOME_PAGE, "st1"),
    "another account": Identifier.account("https://mooc.example", "ann"),
    "mbox": Identifier("mbox", "mailto:st1@school.example"),
    "mbox_sha1sum": Identifier("mbox_sha1sum", SHA1),
    "openid": Identifier("openid", "https://id.example/ann"),
    "lti_sub": Identifier("lti_sub", f"{HOME_PAGE}\na7"),
    "sis_id": Identifier("sis_id", f"{HOME_PAGE}\n4711"),
}


def known_school() -> Roster:
    """The small school, st1 with identifiers of every kind."""
    roster = small_school()
    roster.row("users", "st1")["userIds"] = (
        f"{{{HOME_PAGE} st1}},{{https://mooc.example ann}},{{OpenID:https://id.example/ann}},{{LTI:a7}},{{SIS:4711}},{{LDAP:x}}"
    )
    return roster


def _published(settings: Settings, known: Identifier) -> str:
    """Whose the pipeline finds `known` to be."""
    folder = lake.current(settings.home)
    assert folder is not None
    key = identifier_key(identity_secret(settings.home), "t", known)
    frame = pl.read_parquet(folder / "identifier.parquet").filter(pl.col("identifier_key") == key)
    return str(frame["person_key"].item())


def _discover(engine: Engine, settings: Settings, known: Identifier) -> str:
    """An actor of a statement whom nobody knows, in a course that nobody knows."""
    iri = "https://mooc.example/courses/x"
    course = FoundCourse("t", "https://mooc.example", iri)
    register_discovered(
        engine, settings.home, Found([FoundActor("t", known)], [course], [FoundMembership("t", known, iri)])
    )
    return _published(settings, known)


@pytest.mark.parametrize("kind", KINDS)
def test_an_unknown_actor_turns_out_to_be_a_user_by_any_identifier(
    engine: Engine, settings: Settings, tmp_path: Path, kind: str
) -> None:
    unknown = _discover(engine, settings, KINDS[kind])
    report = import_into(settings, known_school(), tmp_path / "r")
    assert report.taken_over == 1
    assert person_keys(engine)["st1"] == unknown
    assert {_published(settings, one) for one in KINDS.values()} == {unknown}
    assert assignments.list_unknown_actors(engine, "t") == []
    assert not import_into(settings, known_school(), tmp_path / "r").is_changed


def test_two_people_joined_are_one_through_later_imports(
    engine: Engine, settings: Settings, tmp_path: Path
) -> None:
    import_into(settings, known_school(), tmp_path / "r")
    keys = person_keys(engine)
    keep, other = keys["st1"], keys["st3"]  # one child, entered twice
    moved = identities.join(engine, settings.home, "t", keep, other, actor_key="p_admin")
    assert moved == 3
    assert _published(settings, Identifier.account(HOME_PAGE, "st3")) == keep
    for _ in range(2):
        with reading(engine) as connection:
            sections = connection.execute(
                select(enrolment.c.section_key).where(enrolment.c.person_key == keep)
            ).all()
            assert {row[0] for row in sections} == {"t:c1", "t:c2"}
            assert connection.execute(select(enrolment).where(enrolment.c.person_key == other)).all() == []
        folder = lake.current(settings.home)
        assert folder is not None
        assert other not in pl.read_parquet(folder / "person.parquet")["person_key"].to_list()
        report = import_into(settings, known_school(), tmp_path / "r")
        assert not report.is_changed
    with sqlite3.connect(settings.home.audit_db) as connection:
        assert connection.execute(
            "select actor_key, resource from entry where action = 'join-identity'"
        ).fetchall() == [("p_admin", f"{keep} {other}")]


def test_everything_that_names_the_joined_person_names_the_other_from_then_on(
    engine: Engine, settings: Settings, tmp_path: Path
) -> None:
    """A new table that names people and is forgotten in people.takeover fails here."""
    known = {column for column in takeover.COLUMNS if column.table is not person}
    named = {
        column
        for table in metadata.sorted_tables
        for column in table.columns
        if column.name in {*PERSON_COLUMNS, "giver_key"} and table is not person
    }
    assert named == known
    import_into(settings, known_school(), tmp_path / "r")
    keys = person_keys(engine)
    keep, other = keys["st2"], keys["st1"]
    day = dt.date(2026, 11, 1)
    for person_key, decision in ((keep, "given"), (other, "withdrawn")):
        said = Decision(person_key, "prediction", decision, "school", day, None, None)
        consent_record.record(engine, "t", [said], actor_key="p_admin", source="test")
    identities.join(engine, settings.home, "t", keep, other)
    assert not consent.allows(engine, "t", keep, "prediction")
    with reading(engine) as connection:
        for column in named:
            assert connection.execute(select(column).where(column == other)).all() == [], column


def test_an_unknown_actor_is_joined_to_a_person(engine: Engine, settings: Settings, tmp_path: Path) -> None:
    import_into(settings, small_school(), tmp_path / "r")
    handle = Identifier.account("https://game.example", "dragon")
    unknown = _discover(engine, settings, handle)
    assert [actor.person_key for actor in assignments.list_unknown_actors(engine, "t")] == [unknown]
    keep = person_keys(engine)["st2"]
    identities.join(engine, settings.home, "t", keep, unknown)
    assert _published(settings, handle) == keep
    assert assignments.list_unknown_actors(engine, "t") == []
    with pytest.raises(InputError, match="already"):
        identities.join(engine, settings.home, "t", keep, unknown)


def test_a_split_identifier_stays_where_it_was_put(
    engine: Engine, settings: Settings, tmp_path: Path
) -> None:
    import_into(settings, known_school(), tmp_path / "r")
    keys = person_keys(engine)
    mooc = KINDS["another account"]
    key = identifier_key(identity_secret(settings.home), "t", mooc)
    unknown = identities.split(engine, settings.home, "t", keys["st1"], key)
    assert _published(settings, mooc) == unknown
    assert [actor.person_key for actor in assignments.list_unknown_actors(engine, "t")] == [unknown]
    report = import_into(settings, known_school(), tmp_path / "r")
    assert report.warnings == (
        "users.csv, line 6: one of the identifiers was given to another person by an administrator",
    )
    assert _published(settings, mooc) == unknown
    identities.join(engine, settings.home, "t", keys["st2"], unknown)
    import_into(settings, known_school(), tmp_path / "r")
    assert _published(settings, mooc) == keys["st2"]
    kinds = {known.kind for known in identities.list_identifiers(engine, "t", keys["st1"])}
    assert kinds == {"account", "mbox", "mbox_sha1sum", "openid", "lti_sub", "sis_id"}


def test_a_guardian_of_both_guards_one_child_once(engine: Engine, settings: Settings, tmp_path: Path) -> None:
    import_into(settings, small_school(), tmp_path / "r")
    keys = person_keys(engine)
    identities.join(engine, settings.home, "t", keys["st1"], keys["st3"])
    again = import_into(settings, small_school(), tmp_path / "r")
    assert counts_of(again)["guardianship"] == (0, 0, 0, 1)


@pytest.mark.parametrize("other", ["p_nobody", "st1"])
def test_nobody_is_joined_to_nobody_or_oneself(
    engine: Engine, settings: Settings, tmp_path: Path, other: str
) -> None:
    import_into(settings, small_school(), tmp_path / "r")
    keys = person_keys(engine)
    with pytest.raises(InputError):
        identities.join(engine, settings.home, "t", keys["st1"], keys.get(other, other))
    with pytest.raises(InputError, match="isn't known by"):
        identities.split(engine, settings.home, "t", keys["st1"], "0" * 32)
    with reading(engine) as connection:
        assert (
            connection.execute(select(person.c.merged_into).where(person.c.merged_into.is_not(None))).all()
            == []
        )


def test_another_tenants_person_is_out_of_reach(engine: Engine, settings: Settings, tmp_path: Path) -> None:
    import_into(settings, small_school(), tmp_path / "r")
    keys = person_keys(engine)
    with pytest.raises(InputError, match="no person"):
        identities.join(engine, settings.home, "u", keys["st1"], keys["st2"])


def test_the_commands_list_join_and_split(engine: Engine, settings: Settings, tmp_path: Path) -> None:
    import_into(settings, small_school(), tmp_path / "r")
    handle = Identifier.account("https://game.example", "dragon")
    unknown, keep = _discover(engine, settings, handle), person_keys(engine)["st2"]
    runner = CliRunner()

    def run(*arguments: str) -> str:
        done = runner.invoke(app, [*arguments, "--tenant", "t"])
        assert done.exit_code == 0, (done.output, done.exception)
        return done.output

    assert unknown in run("list", "--unknown")
    assert "1 identifier(s) moved" in run("join", keep, unknown)
    assert "dragon" in run("list", "--person", keep)
    with reading(engine) as connection:
        held = connection.execute(select(identifier.c.value, identifier.c.identifier_key))
        key = dict(row.tuple() for row in held)[handle.value]
    assert "unknown actor" in run("split", keep, key)
    assert isinstance(runner.invoke(app, ["list", "--tenant", "t"]).exception, InputError)
