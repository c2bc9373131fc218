"""Accounts and sessions: the right password opens, revocation ends, guessing is slowed down, nothing tells who exists."""

from __future__ import annotations

import datetime as dt
import sqlite3

import pytest
from sqlalchemy import Engine, select, update

from learnlake.errors import AccessError, InputError
from learnlake.settings import Settings
from people import accounts, attempts, sessions
from people.db import now, reading, writing
from people.names import display_names
from people.tables import account, login_failure, login_session, person

PASSWORD = "correct horse battery"


@pytest.fixture
def teacher(engine: Engine) -> accounts.Account:
    return accounts.create(
        engine,
        tenant="t",
        login="ada",
        password=PASSWORD,
        role_names=["teacher", "analyst"],
        given_name="Ada",
        family_name="Byron",
    )


def _audited(settings: Settings) -> list[tuple[str, ...]]:
    with sqlite3.connect(settings.home.audit_db) as connection:
        return connection.execute(
            "select actor_key, action, result, source from entry order by number"
        ).fetchall()


def test_log_in_answers_who_is_there_and_log_out_ends_it(
    engine: Engine, settings: Settings, teacher: accounts.Account
) -> None:
    token = sessions.log_in(engine, "ada", PASSWORD, "127.0.0.1")
    known = sessions.viewer(engine, token)
    assert known is not None
    assert (known.tenant, known.role, known.roles) == ("t", "teacher", ("teacher", "analyst"))
    assert known.person_key == teacher.person_key
    sessions.log_out(engine, token)
    assert sessions.viewer(engine, token) is None
    assert [entry[1] for entry in _audited(settings)] == [
        "create-account",
        "grant-role-teacher",
        "grant-role-analyst",
        "log-in",
        "log-out",
    ]


def test_neither_password_nor_token_is_kept(
    engine: Engine, settings: Settings, teacher: accounts.Account
) -> None:
    token = sessions.log_in(engine, "ada", PASSWORD, "127.0.0.1")
    with reading(engine) as connection:
        assert connection.scalar(select(account.c.password_hash)).startswith("$argon2id$")
        assert connection.scalar(select(login_session.c.token_hash)) != token
    kept = b"".join(path.read_bytes() for path in settings.home.path.glob("*.db*"))
    assert PASSWORD.encode() not in kept
    assert token.encode() not in kept


def test_wrong_password_and_unknown_log_in_get_the_same_answer(
    engine: Engine, settings: Settings, teacher: accounts.Account
) -> None:
    answers = set()
    for login, password in (("ada", "wrong password"), ("nobody", PASSWORD)):
        with pytest.raises(AccessError) as caught:
            sessions.log_in(engine, login, password, "127.0.0.1")
        answers.add(str(caught.value))
    assert len(answers) == 1
    tried = [entry[:3] for entry in _audited(settings) if entry[1] == "log-in"]
    assert tried == [(teacher.person_key, "log-in", "refused"), ("unknown", "log-in", "refused")]


@pytest.mark.parametrize("login", ["ada", "nobody"])
def test_guessing_is_locked_out_with_back_off(engine: Engine, teacher: accounts.Account, login: str) -> None:
    for _ in range(attempts.FREE_FAILURES):
        with pytest.raises(AccessError, match="not right"):
            accounts.verify(engine, login, "a wrong password")
    with pytest.raises(AccessError, match="Too many"):
        accounts.verify(engine, login, PASSWORD)
    first = _lock_seconds(engine)
    _let_the_lock_pass(engine)
    with pytest.raises(AccessError, match="not right"):
        accounts.verify(engine, login, "a wrong password")
    assert _lock_seconds(engine) > first


def test_the_right_password_after_the_lock_clears_the_count(
    engine: Engine, teacher: accounts.Account
) -> None:
    for _ in range(attempts.FREE_FAILURES):
        with pytest.raises(AccessError):
            accounts.verify(engine, "ada", "a wrong password")
    _let_the_lock_pass(engine)
    assert accounts.verify(engine, "ada", PASSWORD).login == "ada"
    with reading(engine) as connection:
        assert connection.execute(select(login_failure)).all() == []


def test_disabling_ends_open_sessions_and_refuses_new_ones(engine: Engine, teacher: accounts.Account) -> None:
    token = sessions.log_in(engine, "ada", PASSWORD, "127.0.0.1")
    accounts.disable(engine, "ada")
    assert sessions.viewer(engine, token) is None
    with pytest.raises(AccessError, match="not right"):
        sessions.log_in(engine, "ada", PASSWORD, "127.0.0.1")
    accounts.disable(engine, "ada", is_disabled=False)
    assert sessions.viewer(engine, token) is None
    sessions.log_in(engine, "ada", PASSWORD, "127.0.0.1")


def test_a_reset_ends_sessions_and_the_old_password(engine: Engine, teacher: accounts.Account) -> None:
    token = sessions.log_in(engine, "ada", PASSWORD, "127.0.0.1")
    accounts.reset_password(engine, "ada", "another good password")
    assert sessions.viewer(engine, token) is None
    with pytest.raises(AccessError):
        accounts.verify(engine, "ada", PASSWORD)
    assert accounts.verify(engine, "ada", "another good password").account_id == teacher.account_id


def test_sessions_expire_and_are_revoked(engine: Engine, teacher: accounts.Account) -> None:
    token = sessions.log_in(engine, "ada", PASSWORD, "127.0.0.1")
    other = sessions.log_in(engine, "ada", PASSWORD, "127.0.0.1")
    assert sessions.revoke(engine, "ada") == 2
    assert sessions.viewer(engine, token) is sessions.viewer(engine, other) is None
    late = sessions.log_in(engine, "ada", PASSWORD, "127.0.0.1")
    with writing(engine) as connection:
        connection.execute(update(login_session).values(expires_at=now()))
    assert sessions.viewer(engine, late) is None


def test_a_session_switches_between_held_roles_only(engine: Engine, teacher: accounts.Account) -> None:
    token = sessions.log_in(engine, "ada", PASSWORD, "127.0.0.1")
    assert sessions.switch_role(engine, token, "analyst").role == "analyst"
    again = sessions.viewer(engine, token)
    assert again is not None
    assert again.role == "analyst"
    with pytest.raises(AccessError):
        sessions.switch_role(engine, token, "administrator")


def test_a_person_whom_the_roster_dropped_holds_no_role(engine: Engine, teacher: accounts.Account) -> None:
    token = sessions.log_in(engine, "ada", PASSWORD, "127.0.0.1")
    with writing(engine) as connection:
        connection.execute(update(person).values(is_active=False))
    assert sessions.viewer(engine, token) is None


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"login": "ada"}, "taken"),
        ({"login": " x"}, "log-in"),
        ({"password": "short"}, "shorter"),
        ({"role_names": ["headmaster"]}, "not a role"),
        ({"role_names": ["principal"]}, "school"),
        ({"person_key": "p_nobody"}, "no person"),
        ({"tenant": "T !"}, "tenant"),
        ({"role_names": []}, "would hold no role"),
    ],
)
def test_an_account_that_cannot_be_is_refused_whole(
    engine: Engine, teacher: accounts.Account, changes: dict, reason: str
) -> None:
    wanted = {"tenant": "t", "login": "new", "password": PASSWORD, "role_names": ["teacher"], **changes}
    with pytest.raises(InputError, match=reason):
        accounts.create(engine, **wanted)
    assert [known.login for known in accounts.list_accounts(engine)] == ["ada"]


def test_display_names_are_those_asked_for(engine: Engine, teacher: accounts.Account) -> None:
    key = teacher.person_key
    assert key is not None
    assert display_names(engine, "t", [key, "p_unknown"]) == {key: "Ada Byron"}
    assert display_names(engine, "other", [key]) == {}


def _lock_seconds(engine: Engine) -> float:
    with reading(engine) as connection:
        row = connection.execute(select(login_failure.c.last_at, login_failure.c.locked_until)).one()
    return (row.locked_until - row.last_at).total_seconds()


def _let_the_lock_pass(engine: Engine) -> None:
    with writing(engine) as connection:
        connection.execute(update(login_failure).values(locked_until=now() - dt.timedelta(seconds=1)))
