"""No table of people.db and no place in the home folder is forgotten by the rights of a person."""

from __future__ import annotations

import pytest
from sqlalchemy import Engine, Table, insert

from cli.rights.rooms import rooms
from learnlake.errors import InputError
from learnlake.identity import Identifier
from learnlake.settings import Settings
from people import accounts, disclosures
from people.db import now, writing
from people.discovery import Found, FoundActor, register_discovered
from people.rights import (
    ACCOUNT_COLUMN,
    IMPERSONAL,
    LINK_COLUMNS,
    PERSON_COLUMNS,
    PeopleRoom,
    personal_tables,
)
from people.subject import find_subject
from people.tables import consent, login_failure, person

RULED = {*PERSON_COLUMNS, ACCOUNT_COLUMN, *LINK_COLUMNS}
ADDRESS = "ann@school.example"


@pytest.mark.parametrize("table", personal_tables(), ids=lambda table: table.name)
def test_every_table_says_whose_its_rows_are(table: Table) -> None:
    """A new table has a column that names a person in the usual way, or is in IMPERSONAL because it is about nobody."""
    assert table is login_failure or RULED & set(table.columns.keys())


def test_what_is_about_nobody_names_nobody() -> None:
    from people.tables import metadata

    for name in IMPERSONAL:
        assert not RULED & set(metadata.tables[name].columns.keys()), name


def test_every_place_of_the_home_belongs_to_one_room(settings: Settings) -> None:
    """A new place in the home folder needs a room that looks after it."""
    home = settings.home
    named = {
        value.relative_to(home.path)
        for name, value in (
            (name, getattr(home, name))
            for name, kind in vars(type(home)).items()
            if isinstance(kind, property)
        )
        if name != "path"
    }
    claimed = [place for room in rooms() for place in room.places]
    assert len(claimed) == len(set(claimed))
    for place in sorted(map(str, named)):
        owners = [one for one in claimed if place == one or place.startswith(f"{one}/")]
        assert len(owners) == 1, place


def found_by(engine: Engine, named: str, **how: str) -> str:
    return find_subject(engine, named, **how).person_key  # type: ignore[arg-type]


def test_a_person_is_found_in_each_way_and_the_ambiguous_one_is_refused(
    engine: Engine, settings: Settings
) -> None:
    made = accounts.create(
        engine, tenant="t", login="ann", password="a long password", role_names=["student"], given_name="Ann"
    )
    assert made.person_key
    for tenant in ("t", "u"):
        known = Identifier("mbox", f"mailto:{ADDRESS}")
        account = Identifier.account("https://lms.example", "ann-7")
        register_discovered(
            engine, settings.home, Found(actors=[FoundActor(tenant, known), FoundActor(tenant, account)])
        )
    assert found_by(engine, "ann", by="login") == found_by(engine, "ann") == made.person_key
    in_t = found_by(engine, ADDRESS.upper(), tenant="t")
    assert (
        in_t
        == found_by(engine, f"mailto:{ADDRESS}", by="identifier", tenant="t")
        != found_by(engine, ADDRESS, tenant="u")
    )
    assert found_by(engine, "https://lms.example|ann-7", tenant="t") != in_t
    with pytest.raises(InputError, match="2 people are meant") as refused:
        find_subject(engine, ADDRESS)
    assert in_t in str(refused.value)
    assert ADDRESS not in str(refused.value)
    with pytest.raises(InputError, match="Nobody is known"):
        find_subject(engine, "ann", by="sis-id")
    with pytest.raises(InputError, match="is no way to name a person"):
        find_subject(engine, "ann", by="name")


def test_rows_about_others_stay_and_lose_the_key(engine: Engine, settings: Settings) -> None:
    keys = {"t": "p_a" * 8, "c": "p_c" * 8}
    with writing(engine) as connection:
        for key in keys.values():
            connection.execute(
                insert(person).values(
                    tenant="t", person_key=key, source="test", kind="rostered", role="student"
                )
            )
        common = {
            "tenant": "t",
            "purpose": "research",
            "decision": "given",
            "on_date": now().date(),
            "recorded_at": now(),
        }
        connection.execute(
            insert(consent).values(**common, person_key=keys["c"], given_by="guardian", giver_key=keys["t"])
        )
    given = {"purpose": "research", "what": "records", "actor_key": "operator:1"}
    for recipient, whose in (("University", [keys["t"]]), ("Removed LRS", None), ("Serving LRS", None)):
        disclosures.record(engine, "t", recipient=recipient, person_keys=whose, **given)
    disclosures.end(engine, "t", recipient="Removed LRS", what="records", actor_key="operator:1")
    subject = find_subject(engine, keys["t"])
    room = PeopleRoom()
    told = [one.what for one in room.find(settings, subject) if one.what.startswith("disclosure")]
    assert told == ["disclosure 1 to University", "disclosure 2 to Removed LRS"]
    found = {one.what: one for one in room.find(settings, subject)}
    assert (found["people.db consent"].count, found["people.db consent giver_key"].count) == (0, 1)
    room.erase(settings, subject)
    assert not [one for one in room.find(settings, subject) if one.count and one.fate != "kept"]
    with engine.connect() as connection:
        assert connection.execute(consent.select()).one().giver_key == "erased"
    room.erase(settings, subject)  # again changes nothing
