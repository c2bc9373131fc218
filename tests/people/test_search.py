"""Finding people by what an administrator knows of them; a card says what holds today and is somebody's of the tenant only."""

from __future__ import annotations

import pytest
from sqlalchemy import Engine, insert, update

from learnlake.errors import AccessError
from people import accounts, attempts, search, trail
from people.db import bump_revision, settings_of, writing
from people.tables import guardianship, person

TENANT = "school"


@pytest.fixture
def engine(engine: Engine) -> Engine:
    common = {"tenant": TENANT, "source": "http://sis", "kind": "rostered", "role": "student"}
    with writing(engine) as connection:
        for key, given, family in (
            ("p_1", "Zoë", "Müller"),
            ("p_2", "Zora", "Miller"),
            ("p_3", "Ann", "Zoll"),
        ):
            row = {**common, "person_key": key, "sourced_id": f"sis-{key}", "given_name": given}
            connection.execute(insert(person).values(**row, family_name=family))
        connection.execute(
            insert(person).values({**common, "tenant": "other", "person_key": "p_9", "given_name": "Zoë"})
        )
        connection.execute(
            insert(guardianship).values(
                tenant=TENANT, guardian_key="p_3", person_key="p_1", source="http://sis"
            )
        )
        bump_revision(connection)
    accounts.create(
        engine, tenant=TENANT, login="head", password=None, role_names=["administrator"], person_key=None
    )
    accounts.create(
        engine, tenant=TENANT, login="zm@school.test", password=None, role_names=["student"], person_key="p_1"
    )
    return engine


@pytest.mark.parametrize(
    ("text", "keys"),
    [
        ("zoe", ["p_1"]),
        ("MULLER zo", ["p_1"]),
        ("zo", ["p_3", "p_1", "p_2"]),
        ("sis-p_2", ["p_2"]),
        ("zm@school", ["p_1"]),
        ("head", ["account:1"]),
        ("nobody", []),
        ("  ", []),
    ],
)
def test_every_word_is_found_case_and_accents_aside(engine: Engine, text: str, keys: list[str]) -> None:
    assert [one.key for one in search.find(engine, TENANT, text)] == keys


def test_what_the_roster_changes_is_found_at_once(engine: Engine) -> None:
    assert search.find(engine, TENANT, "Zora")
    with writing(engine) as connection:
        connection.execute(update(person).where(person.c.person_key == "p_2").values(given_name="Dora"))
        bump_revision(connection)
    assert not search.find(engine, TENANT, "Zora") and search.find(engine, TENANT, "Dora")


def test_holders_of_a_role(engine: Engine) -> None:
    assert [one.key for one in search.find(engine, TENANT, "", role="administrator")] == ["account:1"]
    assert [one.key for one in search.find(engine, TENANT, "", role="student")] == ["p_1"]


def test_a_card_tells_roles_family_and_log_in(engine: Engine) -> None:
    known = search.card(engine, TENANT, "p_1")
    assert known and known.name == "Zoë Müller" and known.guardians == (("p_3", "Ann Zoll"),)
    assert [(one.role, one.is_in_force) for one in known.roles] == [("student", True)]
    [log_in] = known.logins
    assert (log_in.login, log_in.has_password, log_in.open_sessions) == ("zm@school.test", False, 0)
    account = search.card(engine, TENANT, "account:1")
    assert account and account.person_key is None and account.logins[0].roles == ("administrator",)


@pytest.mark.parametrize("key", ["p_9", "account:2", "account:x", "operator:0", ""])
def test_no_card_of_another_tenant_nor_of_an_account_that_is_somebody_s(engine: Engine, key: str) -> None:
    assert search.card(engine, TENANT, key) is None


def test_names_behind_keys(engine: Engine) -> None:
    named = search.names_of(engine, TENANT, ["p_1", "p_9", "account:1", "account:77", "operator:0"])
    assert named == {"p_1": "Zoë Müller", "account:1": "head"}


def test_a_lock_is_shown_and_lifted(engine: Engine) -> None:
    for _ in range(attempts.FREE_FAILURES):
        attempts.count(engine, "head")
    [(key, login, until)] = search.locked_out(engine, TENANT)
    assert (key, login) == ("account:1", "head") and until
    assert search.locked_out(engine, "other") == []
    accounts.unlock(engine, "head", actor_key="p_admin", source="dashboards 10.0.0.1")
    assert search.locked_out(engine, TENANT) == []
    attempts.count(engine, "head")
    entry = trail.search(settings_of(engine).home, action="unlock-account")[0]
    assert (entry.actor_key, entry.resource, entry.source) == ("p_admin", "account:1", "dashboards 10.0.0.1")


def test_nobody_gives_the_own_account_a_role_or_shuts_it(engine: Engine) -> None:
    with pytest.raises(AccessError):
        accounts.change_roles(engine, "head", add=["analyst"], actor_key="account:1")
    with pytest.raises(AccessError):
        accounts.disable(engine, "head", actor_key="account:1")
    assert accounts.held_roles(engine, "head") == ("administrator",)
