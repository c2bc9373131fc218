"""Second factor, password rules, reset links, sessions: codes work once, guesses are counted, nothing readable is kept."""

from __future__ import annotations

import datetime as dt
import sqlite3

import pyotp
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Engine, select, update

from learnlake.errors import AccessError, InputError, StoreError
from learnlake.settings import Settings
from people import accounts, attempts, passwords, resets, second_factor, sessions
from people.db import now, open_people, reading, writing
from people.tables import account, login_challenge, login_failure, login_session, password_reset
from people.tables import second_factor as table

PASSWORD = "correct horse battery"
HERE = "127.0.0.1"


@pytest.fixture
def teacher(engine: Engine) -> accounts.Account:
    return accounts.create(engine, tenant="t", login="ada", password=PASSWORD, role_names=["teacher"])


@pytest.fixture
def app(engine: Engine, teacher: accounts.Account) -> pyotp.TOTP:
    """The authenticator app of the teacher, who has set up a second factor."""
    app = pyotp.TOTP(second_factor.begin(engine, teacher).secret)
    second_factor.confirm(engine, teacher, app.now(), source=HERE)
    _forget_the_last_code(engine)
    return app


def test_codes_are_those_of_rfc_6238() -> None:
    secret = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"  # appendix B's key, with the last six of its eight digits
    for seconds, code in ((59, "287082"), (1111111109, "081804"), (20000000000, "353130")):
        assert pyotp.TOTP(secret).at(seconds) == code


def test_a_password_alone_opens_nothing_once_a_second_factor_is_set_up(
    engine: Engine, settings: Settings, app: pyotp.TOTP
) -> None:
    admission = sessions.begin(engine, "ada", PASSWORD, HERE)
    assert admission.stage == "second-factor"
    assert sessions.viewer(engine, admission.token) is None
    with pytest.raises(AccessError, match="second factor"):
        sessions.log_in(engine, "ada", PASSWORD, HERE)
    token = sessions.pass_second_factor(engine, admission.token, app.now(), HERE)
    known = sessions.viewer(engine, token)
    assert known is not None and known.login == "ada"
    with pytest.raises(AccessError, match="too long"):
        sessions.pass_second_factor(engine, admission.token, app.now(), HERE)
    assert _audited(settings)[-2:] == [("second-factor", "allowed"), ("log-in", "allowed")]


def test_a_code_is_taken_once(engine: Engine, teacher: accounts.Account, app: pyotp.TOTP) -> None:
    code = app.now()
    second_factor.check(engine, teacher, code, source=HERE)
    with pytest.raises(AccessError, match="not right"):
        second_factor.check(engine, teacher, code, source=HERE)


def test_the_code_that_set_it_up_does_not_log_in(engine: Engine, teacher: accounts.Account) -> None:
    code = pyotp.TOTP(second_factor.begin(engine, teacher).secret).now()
    second_factor.confirm(engine, teacher, code, source=HERE)
    with pytest.raises(AccessError, match="not right"):
        second_factor.check(engine, teacher, code, source=HERE)


@pytest.mark.parametrize(("steps", "is_taken"), [(-2, False), (-1, True), (0, True), (1, True), (3, False)])
def test_clocks_may_differ_by_one_step(
    engine: Engine, teacher: accounts.Account, app: pyotp.TOTP, steps: int, is_taken: bool
) -> None:
    code = app.at(dt.datetime.now(), counter_offset=steps)
    if is_taken:
        second_factor.check(engine, teacher, code, source=HERE)
    else:
        with pytest.raises(AccessError):
            second_factor.check(engine, teacher, code, source=HERE)


def test_recovery_codes_work_once_in_any_spelling(engine: Engine, teacher: accounts.Account) -> None:
    app = pyotp.TOTP(second_factor.begin(engine, teacher).secret)
    codes = second_factor.confirm(engine, teacher, app.now(), source=HERE)
    assert len(set(codes)) == second_factor.RECOVERY_CODES
    second_factor.check(engine, teacher, codes[0].lower().replace("-", " "), source=HERE)
    assert second_factor.recovery_codes_left(engine, teacher.account_id) == len(codes) - 1
    with pytest.raises(AccessError):
        second_factor.check(engine, teacher, codes[0], source=HERE)
    fresh = second_factor.new_recovery_codes(engine, teacher, source=HERE)
    with pytest.raises(AccessError):
        second_factor.check(engine, teacher, codes[1], source=HERE)
    second_factor.check(engine, teacher, fresh[1], source=HERE)


def test_guessing_codes_is_locked_out_and_the_right_password_does_not_help(
    engine: Engine, app: pyotp.TOTP
) -> None:
    for _ in range(attempts.FREE_FAILURES):
        admission = sessions.begin(engine, "ada", PASSWORD, HERE)
        with pytest.raises(AccessError, match="not right"):
            sessions.pass_second_factor(engine, admission.token, "000000", HERE)
    admission = sessions.begin(engine, "ada", PASSWORD, HERE)
    with pytest.raises(AccessError, match="Too many wrong codes"):
        sessions.pass_second_factor(engine, admission.token, app.now(), HERE)
    with writing(engine) as connection:
        connection.execute(update(login_failure).values(locked_until=now() - dt.timedelta(seconds=1)))
    assert sessions.pass_second_factor(engine, admission.token, app.now(), HERE)


@given(st.text(max_size=12))
def test_odd_codes_are_wrong_codes(code: str) -> None:
    secret = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"
    right = {pyotp.TOTP(secret).at(dt.datetime.now(), counter_offset=n) for n in range(-3, 4)}
    assert second_factor._step_of(secret, code) is None or "".join(code.split()) in right


def test_secret_and_recovery_codes_are_not_readable(
    engine: Engine, settings: Settings, teacher: accounts.Account
) -> None:
    secret = second_factor.begin(engine, teacher).secret
    codes = second_factor.confirm(engine, teacher, pyotp.TOTP(secret).now(), source=HERE)
    kept = b"".join(path.read_bytes() for path in settings.home.path.glob("*.db*"))
    for word in (secret, *codes, *(code.replace("-", "") for code in codes)):
        assert word.encode() not in kept
    other = accounts.create(engine, tenant="t", login="eve", password=PASSWORD, role_names=["analyst"])
    with writing(engine) as connection:  # a sealed secret belongs to its account: copied, it opens nothing
        sealed = connection.scalar(select(table.c.secret))
        connection.execute(table.insert().values(account_id=other.account_id, secret=sealed, last_step=0))
    with pytest.raises(StoreError):
        second_factor.check(engine, other, "123456", source=HERE)


def test_a_role_that_owes_a_second_factor_gets_in_by_setting_one_up(
    settings: Settings, engine: Engine, teacher: accounts.Account
) -> None:
    strict = open_people(settings.model_copy(update={"second_factor_roles": ("teacher",)}))
    admission = sessions.begin(strict, "ada", PASSWORD, HERE)
    assert admission.stage == "enrolment"
    with pytest.raises(AccessError):
        sessions.pass_second_factor(strict, admission.token, "000000", HERE)
    with pytest.raises(AccessError, match="second factor"):
        sessions.log_in(strict, "ada", PASSWORD, HERE)
    secret = second_factor.begin(strict, teacher).secret
    token, codes = sessions.pass_enrolment(strict, admission.token, pyotp.TOTP(secret).now(), HERE)
    assert sessions.viewer(strict, token) is not None and len(codes) == second_factor.RECOVERY_CODES
    assert sessions.owes_second_factor(strict, teacher) and not sessions.owes_second_factor(engine, teacher)
    strict.dispose()


def test_a_waiting_log_in_ends_by_time_and_by_disabling(engine: Engine, app: pyotp.TOTP) -> None:
    admission = sessions.begin(engine, "ada", PASSWORD, HERE)
    with writing(engine) as connection:
        connection.execute(update(login_challenge).values(expires_at=now()))
    with pytest.raises(AccessError, match="too long"):
        sessions.pass_second_factor(engine, admission.token, app.now(), HERE)
    admission = sessions.begin(engine, "ada", PASSWORD, HERE)
    accounts.disable(engine, "ada")
    accounts.disable(engine, "ada", is_disabled=False)
    with pytest.raises(AccessError, match="too long"):
        sessions.pass_second_factor(engine, admission.token, app.now(), HERE)


def test_a_reset_link_works_once_and_ends_sessions(engine: Engine, teacher: accounts.Account) -> None:
    session = sessions.log_in(engine, "ada", PASSWORD, HERE)
    first = resets.make(engine, "ada")
    link = resets.make(engine, "ada")
    with pytest.raises(AccessError, match="used"):
        resets.account_of(engine, first)
    with pytest.raises(InputError, match="shorter"):
        resets.use(engine, link, "short", source=HERE)
    resets.use(engine, link, "a new and better one", source=HERE)
    assert sessions.viewer(engine, session) is None
    with pytest.raises(AccessError, match="used"):
        resets.use(engine, link, "a third and better one", source=HERE)
    assert accounts.verify(engine, "ada", "a new and better one").login == "ada"


def test_a_reset_link_expires_and_ends_with_its_account(engine: Engine, teacher: accounts.Account) -> None:
    link = resets.make(engine, "ada")
    accounts.disable(engine, "ada")
    with pytest.raises(AccessError):
        resets.account_of(engine, link)
    accounts.disable(engine, "ada", is_disabled=False)
    with writing(engine) as connection:
        connection.execute(update(password_reset).values(expires_at=now()))
    with pytest.raises(AccessError):
        resets.account_of(engine, link)


@pytest.mark.parametrize(
    ("password", "reason"),
    [
        ("short", "shorter"),
        ("x" * 257, "longer"),
        ("passwordpassword", "guess"),
        ("aaaaaaaaaaaaaaaa", "guess"),
        ("1234567890", "guess"),
        ("qwertyuiop", "guess"),
        ("LearnLake1", "guess"),
        ("ada.byron.1", "guess"),
    ],
)
def test_weak_passwords_are_refused_with_the_reason(settings: Settings, password: str, reason: str) -> None:
    with pytest.raises(InputError, match=reason):
        passwords.check(password, settings, about=("ada.byron", "Ada", "Byron"))


@pytest.mark.parametrize(
    "password", ["only small letters here", "пароль из трёх слов", "9f2c 1b77 e01d", "🦊" * 3 + "lives here"]
)
def test_good_passwords_need_no_capitals_digits_or_signs(settings: Settings, password: str) -> None:
    passwords.check(password, settings)


def test_a_password_is_the_same_from_any_keyboard() -> None:
    assert passwords.is_right(passwords.hash_of("caf\u00e9 au lait"), "cafe\u0301 au lait")


def test_an_account_without_a_password_refuses_every_password(engine: Engine) -> None:
    accounts.create(engine, tenant="t", login="eve", password=None, role_names=["analyst"])
    for password in ("", passwords.NONE, PASSWORD):
        with pytest.raises(AccessError, match="not right"):
            accounts.verify(engine, "eve", password)


def test_an_idle_session_ends_and_one_in_use_does_not(
    engine: Engine, settings: Settings, teacher: accounts.Account
) -> None:
    token = sessions.log_in(engine, "ada", PASSWORD, HERE)
    almost = dt.timedelta(minutes=settings.session_idle_minutes - 1)
    _last_seen(engine, almost)
    assert sessions.viewer(engine, token, is_use=False) is not None  # looking by itself keeps nothing alive
    assert _idle(engine) >= almost
    assert sessions.viewer(engine, token) is not None
    assert _idle(engine) < dt.timedelta(minutes=1)
    _last_seen(engine, dt.timedelta(minutes=settings.session_idle_minutes))
    assert sessions.viewer(engine, token) is None


def test_noting_use_does_not_wait_for_a_writer(engine: Engine, teacher: accounts.Account) -> None:
    token = sessions.log_in(engine, "ada", PASSWORD, HERE)
    _last_seen(engine, dt.timedelta(minutes=5))
    with writing(engine):
        assert sessions.viewer(engine, token) is not None
    assert _idle(engine) >= dt.timedelta(minutes=5)


def test_logging_in_anew_ends_the_browser_s_old_session(engine: Engine, teacher: accounts.Account) -> None:
    old = sessions.log_in(engine, "ada", PASSWORD, HERE)
    new = sessions.begin(engine, "ada", PASSWORD, HERE, replaces=old).token
    assert sessions.viewer(engine, old) is None and sessions.viewer(engine, new) is not None


def test_the_browser_s_old_session_ends_with_a_code_too(engine: Engine, app: pyotp.TOTP) -> None:
    first = sessions.begin(engine, "ada", PASSWORD, HERE)
    old = sessions.pass_second_factor(engine, first.token, app.now(), HERE)
    _forget_the_last_code(engine)
    second = sessions.begin(engine, "ada", PASSWORD, HERE, replaces=old)
    sessions.pass_second_factor(engine, second.token, app.now(), HERE, replaces=old)
    assert sessions.viewer(engine, old) is None


def test_sessions_are_listed_and_ended_by_their_owner_only(engine: Engine, teacher: accounts.Account) -> None:
    accounts.create(engine, tenant="t", login="eve", password=PASSWORD, role_names=["analyst"])
    mine, other = (sessions.log_in(engine, "ada", PASSWORD, place) for place in ("10.0.0.1", "10.0.0.2"))
    eves = sessions.log_in(engine, "eve", PASSWORD, "10.0.0.3")
    listed = sessions.open_sessions(engine, mine)
    assert {(one.origin, one.is_this) for one in listed} == {("10.0.0.1", True), ("10.0.0.2", False)}
    foreign = sessions.open_sessions(engine, eves)[0].session_id
    assert sessions.end_others(engine, mine, session_id=foreign, source=HERE) == 0
    assert sessions.end_others(engine, mine, source=HERE) == 1
    assert sessions.viewer(engine, other) is None
    assert sessions.viewer(engine, mine) and sessions.viewer(engine, eves)


def test_changing_the_password_needs_the_current_one_and_ends_other_sessions(
    engine: Engine, settings: Settings, teacher: accounts.Account
) -> None:
    mine, other = (sessions.log_in(engine, "ada", PASSWORD, HERE) for _ in range(2))
    with pytest.raises(AccessError, match="current password"):
        sessions.change_password(engine, mine, "not the current", "a new and better one", HERE)
    with pytest.raises(InputError, match="guess"):
        sessions.change_password(engine, mine, PASSWORD, "passwordpassword", HERE)
    renewed = sessions.change_password(engine, mine, PASSWORD, "a new and better one", HERE)
    assert sessions.viewer(engine, mine) is sessions.viewer(engine, other) is None
    assert sessions.viewer(engine, renewed) is not None
    with reading(engine) as connection:
        begun = connection.execute(select(login_session.c.created_at)).scalars().all()
    assert begun[-1] in begun[:2]  # the longest time of a session counts from its log-in
    assert ("change-password", "refused") in _audited(settings)


def test_the_audit_trail_names_keys_only(engine: Engine, settings: Settings, app: pyotp.TOTP) -> None:
    sessions.log_in(engine, "ada", PASSWORD, HERE, code=app.now())
    resets.make(engine, "ada")
    with sqlite3.connect(settings.home.audit_db) as connection:
        whole = "\n".join(map(str, connection.execute("select actor_key, resource, action from entry")))
    assert "ada" not in whole
    with reading(engine) as connection:
        assert connection.scalar(select(account.c.person_key)) in whole


def _audited(settings: Settings) -> list[tuple[str, str]]:
    with sqlite3.connect(settings.home.audit_db) as connection:
        return connection.execute("select action, result from entry order by number").fetchall()


def _forget_the_last_code(engine: Engine) -> None:
    with writing(engine) as connection:
        connection.execute(update(table).values(last_step=0))


def _last_seen(engine: Engine, ago: dt.timedelta) -> None:
    with writing(engine) as connection:
        connection.execute(update(login_session).values(last_seen_at=now() - ago))


def _idle(engine: Engine) -> dt.timedelta:
    with reading(engine) as connection:
        return now() - connection.execute(select(login_session.c.last_seen_at)).scalar_one()
