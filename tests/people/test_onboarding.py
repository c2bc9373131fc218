"""Accounts in bulk: all rows or none, invitations instead of passwords, sessions that end with the account."""

from __future__ import annotations

import csv
import sqlite3
import stat
from pathlib import Path

import pytest
from sqlalchemy import Engine, select
from typer.testing import CliRunner

from cli.people import user_app
from learnlake.errors import AccessError, InputError, RosterError
from learnlake.settings import Settings
from people import accounts, onboarding, resets, sessions
from people.db import reading
from people.tables import account, metadata, password_reset
from tests.people.imports import import_into, person_keys
from tests.people.rosters import HOME_PAGE, small_school

PASSWORD = "correct horse battery"
GOOD = f"""action,login,roles,school,sourced_id,home_page,given_name,family_name
add,ann@school.example,,,t-a,{HOME_PAGE},,
add,pia,principal;analyst,s2,,,,
add,new,teacher,,,,Nia,New
change,old,analyst,,,,,
revoke,gone,,,,,,
restore,back,,,,,,
"""


@pytest.fixture
def school(engine: Engine, settings: Settings, tmp_path: Path) -> Engine:
    """The small school, and accounts `old` (administrator), `gone` and `back` (disabled)."""
    import_into(settings, small_school(), tmp_path / "r")
    for login in ("old", "gone", "back"):
        accounts.create(engine, tenant="t", login=login, password=PASSWORD, role_names=["administrator"])
    accounts.disable(engine, "back")
    return engine


def _run(*arguments: str):
    return CliRunner(env={"COLUMNS": "300"}).invoke(user_app, ["import", *arguments, "--tenant", "t"])


def _everything(engine: Engine) -> dict[str, list[str]]:
    with reading(engine) as connection:
        return {n: sorted(map(repr, connection.execute(select(t)))) for n, t in metadata.tables.items()}


def test_a_file_adds_changes_and_revokes(school: Engine, settings: Settings, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(GOOD)
    token = sessions.log_in(school, "gone", PASSWORD, "127.0.0.1")
    assert sessions.viewer(school, token)
    before = _everything(school)
    done = _run(str(tmp_path / "a.csv"), "--dry-run")
    assert done.exit_code == 0, (done.output, done.exception)
    assert "Nothing was written" in done.output
    assert "token=" not in done.output
    assert _everything(school) == before

    out = tmp_path / "links.csv"
    done = _run(str(tmp_path / "a.csv"), "--invitations", str(out))
    assert done.exit_code == 0, (done.output, done.exception)
    assert "token=" not in done.output
    assert stat.S_IMODE(out.stat().st_mode) == 0o600
    assert sessions.viewer(school, token) is None
    with pytest.raises(AccessError):
        sessions.log_in(school, "gone", PASSWORD, "127.0.0.1")
    sessions.log_in(school, "back", PASSWORD, "127.0.0.1")
    assert accounts.get(school, "ann@school.example").person_key == person_keys(school)["t-a"]
    assert accounts.held_roles(school, "ann@school.example") == ("teacher",)
    assert accounts.held_roles(school, "pia") == ("principal", "analyst")
    assert accounts.held_roles(school, "new") == ("teacher",)
    assert accounts.held_roles(school, "old") == ("analyst",)

    links = {row["login"]: row["link"] for row in csv.DictReader(out.open(newline=""))}
    assert set(links) == {"ann@school.example", "pia", "new"}
    invitation = links["pia"].partition("token=")[2]
    resets.use(school, invitation, PASSWORD, source="127.0.0.1")
    sessions.log_in(school, "pia", PASSWORD, "127.0.0.1")
    with pytest.raises(AccessError):
        resets.use(school, invitation, PASSWORD, source="127.0.0.1")
    with sqlite3.connect(settings.home.audit_db) as connection:
        trail = connection.execute(
            "select action, resource from entry where action in ('disable-account', 'change-roles')"
        ).fetchall()
    assert ("disable-account", accounts.get(school, "gone").key) in trail
    assert ("change-roles", accounts.get(school, "old").key) in trail


def test_the_same_changes_again_change_nothing(school: Engine) -> None:
    orders = [
        onboarding.Order(2, "change", "old", ("analyst",)),
        onboarding.Order(3, "revoke", "gone"),
        onboarding.Order(4, "restore", "back"),
    ]
    first = onboarding.carry_out(school, "t", orders, actor_key="p_admin")
    again = onboarding.carry_out(school, "t", orders, actor_key="p_admin")
    assert [one.is_changed for one in first] == [True] * 3
    assert [one.is_changed for one in again] == [False] * 3


@pytest.mark.parametrize(
    ("row", "named"),
    [
        ("add,old,analyst,,,,,", "line 3, old: The log-in 'old' is taken"),
        ("add,x,,,,,,", "line 3, x: This account would hold no role"),
        ("add,x,headmaster,,,,,", "line 3, x: 'headmaster' is not a role"),
        ("add,x,principal,nowhere,,,,", "line 3, x: There is no school 'nowhere'"),
        ("add,x,,,st9,https://lms.example.org,,", "line 3, x: There is no user 'st9'"),
        ("add,x,,,st1,,,", "line 3, x: A sourced_id alone"),
        ("change,nobody,analyst,,,,,", "line 3, nobody: There is no account 'nobody'"),
        ("change,old,teacher,,,,,", "line 3, old: This is nobody's account"),
        ("remove,old,,,,,,", "line 3, old: 'remove' is not one of add, change, revoke, restore"),
        ("revoke,fine,,,,,,", "line 3, login: is in line 2 already"),
        ("revoke,old", "line 3: has 2 fields, the header has 8"),
    ],
)
def test_one_bad_row_refuses_the_file_whole(school: Engine, tmp_path: Path, row: str, named: str) -> None:
    header = GOOD.splitlines()[0]
    (tmp_path / "a.csv").write_text(f"{header}\nadd,fine,analyst,,,,,\n{row}\n")
    before = _everything(school)
    for further in ((), ("--dry-run",)):
        done = _run(str(tmp_path / "a.csv"), *further)
        assert (done.exit_code, isinstance(done.exception, RosterError)) in ((2, False), (1, True))
        told = done.output + done.stderr + str(done.exception)
        assert named in told
    assert _everything(school) == before


def test_all_bad_rows_are_named(school: Engine) -> None:
    orders = [onboarding.Order(n, "revoke", f"nobody-{n}") for n in range(2, 60)]
    with pytest.raises(RosterError) as caught:
        onboarding.carry_out(school, "t", [onboarding.Order(1, "revoke", "gone"), *orders], actor_key="p")
    assert len(caught.value.problems) == 58
    assert not accounts.get(school, "gone").is_disabled


def test_another_tenants_accounts_are_out_of_reach(school: Engine) -> None:
    with pytest.raises(RosterError, match="1 problem"):
        onboarding.carry_out(school, "u", [onboarding.Order(2, "revoke", "old")], actor_key="p")
    assert not accounts.get(school, "old").is_disabled


@pytest.mark.parametrize(
    "text", ["", "login\nx\n", "action,login,pets\nadd,x,cat\n", 'action,login\nadd,"x\n']
)
def test_a_file_that_is_none_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "a.csv").write_text(text)
    with pytest.raises(InputError):
        onboarding.read_orders(tmp_path / "a.csv")


def test_invitations_never_overwrite_a_file(school: Engine, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(GOOD)
    (tmp_path / "links.csv").write_text("mine")
    done = _run(str(tmp_path / "a.csv"), "--invitations", str(tmp_path / "links.csv"))
    assert isinstance(done.exception, InputError)
    with reading(school) as connection:
        assert connection.execute(select(password_reset)).all() == []
        assert connection.scalar(select(account.c.login).where(account.c.login == "pia")) is None
