"""Log-in with a real directory (slapd): TLS, search and bind, injection, disabled people, groups, sessions checked, server down."""

from __future__ import annotations

import itertools
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from pydantic import ValidationError
from sqlalchemy import Engine, insert

from learnlake.errors import AccessError, SettingsError, UnreachableError
from learnlake.settings import LdapDirectory, Settings
from people import accounts, attempts, sessions
from people import directory as asked
from people.db import open_people, writing
from people.tables import person
from tests.ldap_server import ADMINS, PASSWORD, PEOPLE, READER, SUFFIX, Directory, directory
from tests.scale import scaled

HERE = "127.0.0.1"
HOME_PAGE = "https://sis.test"
_numbers = itertools.count()


@pytest.fixture(scope="module")
def ldap(tmp_path_factory: pytest.TempPathFactory, free_port: Callable[[], int]) -> Iterator[Directory]:
    with directory(tmp_path_factory.mktemp("ldap"), free_port(), free_port()) as running:
        yield running


@pytest.fixture
def known(ldap: Directory) -> LdapDirectory:
    return LdapDirectory(
        name="school",
        url=ldap.url,
        ca_file=ldap.ca_file,
        bind_dn=READER,
        bind_password=PASSWORD,
        search_base=PEOPLE,
        disabled_filter="(employeeType=disabled)",
        tenant="t",
        group_roles={ADMINS: "administrator"},
    )


@pytest.fixture
def open_with(settings: Settings) -> Iterator[Callable[[LdapDirectory], Engine]]:
    """people.db of this test, asked with these settings of the directory."""
    opened: list[Engine] = []

    def open_it(known: LdapDirectory) -> Engine:
        opened.append(open_people(settings.model_copy(update={"ldap": known})))
        return opened[-1]

    yield open_it
    for engine in opened:
        engine.dispose()


@pytest.fixture
def engine(open_with: Callable[[LdapDirectory], Engine], known: LdapDirectory) -> Engine:
    return open_with(known)


@pytest.fixture
def ada(engine: Engine, ldap: Directory) -> tuple[str, str]:
    """(log-in, DN) of a teacher with an account and no password here."""
    login = f"ada{next(_numbers)}"
    accounts.create(engine, tenant="t", login=login, password=None, role_names=["teacher"])
    return login, ldap.add_person(login, mail=f"{login}@school.test", employeeNumber=f"sis-{login}")


def test_the_directory_s_password_opens_the_account(engine: Engine, ada: tuple[str, str]) -> None:
    admission = sessions.begin(engine, ada[0], PASSWORD, HERE)
    viewer = sessions.viewer(engine, admission.token)
    assert viewer is not None and viewer.login == ada[0]
    assert [one.method for one in sessions.open_sessions(engine, admission.token)] == ["ldap:school"]


@pytest.mark.parametrize("password", ["wrong words entirely", "", "\0", f"{PASSWORD}\0"])
def test_wrong_and_empty_passwords_open_nothing(engine: Engine, ada: tuple[str, str], password: str) -> None:
    with pytest.raises(AccessError, match="not right"):
        sessions.begin(engine, ada[0], password, HERE)


def test_start_tls_and_a_name_from_a_template_work_too(
    open_with: Callable[[LdapDirectory], Engine], known: LdapDirectory, ldap: Directory, ada: tuple[str, str]
) -> None:
    changes = {"url": ldap.start_tls_url, "user_dn": f"uid={{login}},{PEOPLE}", "bind_dn": None}
    engine = open_with(known.model_copy(update={**changes, "group_roles": {}}))
    with pytest.raises(AccessError):
        sessions.begin(engine, ada[0], "wrong words entirely", HERE)
    assert sessions.begin(engine, ada[0], PASSWORD, HERE).stage == "session"
    assert asked.check_sessions(engine) == (0, 0)  # nobody to ask as


@pytest.mark.parametrize("wrong", ["authority", "name"])
def test_a_certificate_that_does_not_fit_is_refused(
    open_with: Callable[[LdapDirectory], Engine],
    known: LdapDirectory,
    ldap: Directory,
    ada: tuple[str, str],
    wrong: str,
) -> None:
    for url in (ldap.url, ldap.start_tls_url):
        elsewhere = {"url": url.replace("localhost", "127.0.0.1")}
        changes = {"url": url, "ca_file": ldap.other_ca_file} if wrong == "authority" else elsewhere
        with pytest.raises(UnreachableError) as caught:
            sessions.begin(open_with(known.model_copy(update=changes)), ada[0], PASSWORD, HERE)
        assert "certificate" in str(caught.value.__cause__).lower()


@hypothesis_settings(
    max_examples=scaled(25, 400), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.text(st.sampled_from('*()\\|&=!,;<>+" #aduin0\0\n'), max_size=12))
@example("*")
@example("ada*")
@example("*)(uid=*")
@example("*)(|(uid=*))")
@example("\\2a")
@example(f"reader,{SUFFIX}")
def test_no_name_changes_the_filter(
    ldap: Directory, known: LdapDirectory, ada: tuple[str, str], login: str
) -> None:
    for way in (known, known.model_copy(update={"user_dn": f"uid={{login}},{PEOPLE}"})):
        assert asked._authenticate(way, login, PASSWORD) is None


def test_a_name_with_signs_of_its_own_logs_in(engine: Engine, ldap: Directory) -> None:
    login = "o'neil (b), *jr\\"
    accounts.create(engine, tenant="t", login=login, password=None, role_names=["teacher"])
    ldap.add_person(login)
    assert sessions.begin(engine, login, PASSWORD, HERE).stage == "session"


def test_disabled_people_are_refused_and_their_sessions_end_at_the_next_check(
    engine: Engine, settings: Settings, ldap: Directory, ada: tuple[str, str]
) -> None:
    login, dn = ada
    token = sessions.begin(engine, login, PASSWORD, HERE).token
    assert asked.check_sessions(engine) == (1, 0)
    assert sessions.viewer(engine, token) is not None
    ldap.change(dn, employeeType=["disabled"])
    with pytest.raises(AccessError, match="not right"):
        sessions.begin(engine, login, PASSWORD, HERE)
    assert asked.check_sessions(engine) == (1, 1)
    assert sessions.viewer(engine, token) is None
    with sqlite3.connect(settings.home.audit_db) as connection:
        last = connection.execute("select actor_key, action from entry order by number desc").fetchone()
    assert last == ("directory", "end-session")
    ldap.change(dn, employeeType=[])
    token = sessions.begin(engine, login, PASSWORD, HERE).token
    ldap.remove(dn)
    assert asked.check_sessions(engine) == (1, 1)
    assert sessions.viewer(engine, token) is None


def test_groups_give_roles_and_take_them_away_at_the_next_check(
    engine: Engine, ldap: Directory, ada: tuple[str, str]
) -> None:
    login, dn = ada
    accounts.change_roles(engine, login, add=["analyst"])
    ldap.change(ADMINS, member=[READER, dn])
    token = sessions.begin(engine, login, PASSWORD, HERE).token
    viewer = sessions.viewer(engine, token)
    assert viewer is not None and viewer.roles == ("teacher", "administrator", "analyst")
    ldap.change(ADMINS, member=[READER])
    assert asked.check_sessions(engine) == (1, 0)
    viewer = sessions.viewer(engine, token)
    assert viewer is not None and viewer.roles == ("teacher", "analyst")


def test_a_server_that_is_down_leaves_local_accounts_and_open_sessions(
    engine: Engine, ldap: Directory, ada: tuple[str, str]
) -> None:
    accounts.create(
        engine, tenant="t", login="local", password="grey heron by the weir", role_names=["analyst"]
    )
    token = sessions.begin(engine, ada[0], PASSWORD, HERE).token
    ldap.stop()
    try:
        for _ in range(attempts.FREE_FAILURES + 2):  # what nobody could judge is not counted as wrong
            with pytest.raises(UnreachableError, match="does not answer"):
                sessions.begin(engine, ada[0], PASSWORD, HERE)
        with pytest.raises(UnreachableError):
            asked.check_sessions(engine)
        assert sessions.viewer(engine, token) is not None
        assert sessions.begin(engine, "local", "grey heron by the weir", HERE).stage == "session"
    finally:
        ldap.start()
    assert sessions.begin(engine, ada[0], PASSWORD, HERE).stage == "session"


def test_the_directory_never_judges_an_account_with_a_password_here(engine: Engine, ldap: Directory) -> None:
    accounts.create(
        engine, tenant="t", login="both", password="grey heron by the weir", role_names=["administrator"]
    )
    ldap.add_person("both")
    with pytest.raises(AccessError, match="not right"):
        sessions.begin(engine, "both", PASSWORD, HERE)
    assert sessions.begin(engine, "both", "grey heron by the weir", HERE).stage == "session"


def test_guessing_is_locked_out_before_the_directory_is_asked(engine: Engine, ada: tuple[str, str]) -> None:
    for _ in range(attempts.FREE_FAILURES):
        with pytest.raises(AccessError, match="not right"):
            sessions.begin(engine, ada[0], "wrong words entirely", HERE)
    with pytest.raises(AccessError, match="Too many"):
        sessions.begin(engine, ada[0], PASSWORD, HERE)


def test_somebody_whom_only_the_directory_knows_gets_no_account(engine: Engine, ldap: Directory) -> None:
    ldap.add_person("stranger", mail="stranger@school.test")
    with pytest.raises(AccessError, match="known"):
        sessions.begin(engine, "stranger", PASSWORD, HERE)
    assert accounts.find(engine, "stranger") is None


def test_a_person_of_the_roster_gets_an_account_where_told_to(
    open_with: Callable[[LdapDirectory], Engine], known: LdapDirectory, ldap: Directory
) -> None:
    ways = {"link_by": "sourced_id", "link_attribute": "employeeNumber", "home_page": HOME_PAGE}
    engine = open_with(known.model_copy(update={**ways, "create_accounts": True}))
    giver = accounts.create(engine, tenant="t", login="giver", password=None, role_names=["teacher"])
    with writing(engine) as connection:
        row = {
            "tenant": "t",
            "person_key": "p_new",
            "source": HOME_PAGE,
            "sourced_id": "sis-9",
            "kind": "rostered",
        }
        connection.execute(insert(person).values(**row, is_generated=False, is_active=True))
        from people import roles

        roles.grant_role(connection, tenant="t", role="student", person_key="p_new")
    ldap.add_person("newcomer", employeeNumber="sis-9")
    viewer = sessions.viewer(engine, sessions.begin(engine, "newcomer", PASSWORD, HERE).token)
    assert viewer is not None and (viewer.person_key, viewer.roles) == ("p_new", ("student",))
    assert giver.person_key != "p_new"


def test_a_second_factor_is_asked_for_after_the_directory_s_password(
    settings: Settings, known: LdapDirectory, engine: Engine, ada: tuple[str, str]
) -> None:
    strict = settings.model_copy(update={"ldap": known, "second_factor_roles": ("teacher",)})
    other = open_people(strict)
    assert sessions.begin(other, ada[0], PASSWORD, HERE).stage == "enrolment"
    other.dispose()


@pytest.mark.parametrize(
    "wrong",
    [
        {"url": "http://localhost"},
        {"search_filter": "(uid=ada)"},
        {"group_roles": {ADMINS: "teacher"}},
        {"link_by": "sourced_id"},
    ],
)
def test_settings_that_cannot_be_are_refused(known: LdapDirectory, wrong: dict) -> None:
    with pytest.raises(ValidationError):
        LdapDirectory(**{**known.model_dump(), **wrong})


def test_a_secret_file_is_read_and_never_shown(known: LdapDirectory, tmp_path: Path) -> None:
    file = tmp_path / "secret"
    file.write_text("in a file\n")
    assert known.model_copy(update={"bind_password_file": file}).secret == "in a file"
    assert PASSWORD not in repr(known)
    with pytest.raises(SettingsError, match="cannot be read"):
        _ = known.model_copy(update={"bind_password_file": tmp_path / "none"}).secret
