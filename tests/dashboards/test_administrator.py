"""The administrator's pages: what they find, what they do, that each look and each deed is in the audit trail."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Callable

import pytest
from streamlit.testing.v1 import AppTest

from cli.operations import HereOperations
from dashboards.administrator import acting, erasure
from learnlake import operations
from learnlake.protocols import Finding
from learnlake.settings import Settings
from people import accounts, attempts, disclosures, second_factor, sessions, trail
from tests.dashboards import school as schools
from tests.dashboards.test_pages import text

Open = Callable[..., AppTest]


def press(app: AppTest, label: str) -> AppTest:
    """Press the one button called `label` (forms' and popovers' too)."""
    [button] = [button for button in app.button if button.label == label]
    return button.click().run()


def told(school: schools.School, action: str) -> list[trail.Entry]:
    return trail.search(school.settings.home, action=action)


@pytest.fixture
def administrator(own_school: schools.School) -> str:
    known = accounts.get(own_school.engine, "administrator")
    return known.key


class TestPeople:
    def test_a_name_finds_the_card_and_the_look_is_audited(
        self, own_school: schools.School, open_page: Open, administrator: str
    ) -> None:
        student = own_school.students[schools.CLASSES[0]][0]
        app = open_page(own_school, "administrator", "administrator-people")
        assert "Nobody is locked out" in text(app) and "Nobody is chosen yet" in text(app)
        app.text_input(key="find_person").set_value(own_school.names[student].lower()).run()
        assert own_school.names[student] in text(app)
        assert app.query_params["person"] == student
        assert "Algebra I, group 1" in set(app.dataframe[1].value["Class"])
        [entry] = told(own_school, "view administrator-people")
        assert (entry.actor_key, entry.resource) == (administrator, f"person:{student}")

    def test_several_are_offered_and_what_was_typed_stays_out_of_the_address(
        self, own_school: schools.School, open_page: Open
    ) -> None:
        app = open_page(own_school, "administrator", "administrator-people")
        app.text_input(key="find_person").set_value("abara").run()
        assert len(app.selectbox(key="choose_person").options) > 1
        assert "person" not in app.query_params and not told(own_school, "view administrator-people")
        app.selectbox(key="choose_person").select_index(0).run()
        assert re.fullmatch(r"p_\w+", app.query_params["person"])
        assert "abara" not in str(app.query_params).lower()

    def test_roles_are_given_and_withdrawn_but_not_to_oneself(
        self, own_school: schools.School, open_page: Open, administrator: str
    ) -> None:
        app = open_page(own_school, "administrator", "administrator-people", person="p_teacher")
        app.selectbox(key="change_role_name").set_value("analyst")
        press(app, "Give")
        assert "teacher is analyst" in app.success[0].value
        assert accounts.held_roles(own_school.engine, "teacher") == ("teacher", "analyst")
        [entry] = [one for one in told(own_school, "grant-role-analyst") if one.resource == "p_teacher"]
        assert entry.actor_key == administrator and entry.source.startswith("dashboards ")
        app.selectbox(key="change_role_name").set_value("analyst")
        press(app, "Withdraw")
        assert accounts.held_roles(own_school.engine, "teacher") == ("teacher",)
        own = open_page(own_school, "administrator", "administrator-people", person=administrator)
        own.selectbox(key="change_role_name").set_value("analyst")
        press(own, "Give")
        assert "Nobody does this to the own account" in own.error[0].value
        assert accounts.held_roles(own_school.engine, "administrator") == ("administrator",)

    def test_a_principal_needs_a_school(self, own_school: schools.School, open_page: Open) -> None:
        app = open_page(own_school, "administrator", "administrator-people", person="p_teacher")
        app.selectbox(key="change_role_name").set_value("principal")
        press(app, "Give")
        assert "A principal leads a school" in app.error[0].value
        app.selectbox(key="change_role_name").set_value("principal")
        app.selectbox(key="change_role_school").set_value(schools.SCHOOL)
        press(app, "Give")
        assert accounts.held_roles(own_school.engine, "teacher") == ("teacher", "principal")

    def test_somebody_locked_out_is_let_in_again(self, own_school: schools.School, open_page: Open) -> None:
        for _ in range(attempts.FREE_FAILURES):
            attempts.count(own_school.engine, "teacher")
        sessions.log_in(own_school.engine, "guardian", schools.PASSWORD, "test")
        app = open_page(own_school, "administrator", "administrator-people")
        assert "1 account is locked after wrong passwords" in text(app)
        press(app, "Open")
        assert app.query_params["person"] == "p_teacher"
        press(app, "Unlock")
        assert sessions.log_in(own_school.engine, "teacher", schools.PASSWORD, "test")
        assert "Nobody is locked out" in text(app)

    def test_sessions_second_factor_and_account_are_ended(
        self, own_school: schools.School, open_page: Open, administrator: str
    ) -> None:
        engine = own_school.engine
        token = sessions.log_in(engine, "guardian", schools.PASSWORD, "test")
        app = open_page(own_school, "administrator", "administrator-people", person="p_guardian")
        press(app, "End sessions")
        assert sessions.viewer(engine, token) is None
        known = accounts.get(engine, "guardian")
        _enrol(own_school, known)
        app.run()
        press(app, "Yes, reset second factor")
        assert not second_factor.is_enrolled(engine, known.account_id)
        press(app, "Yes, shut the account")
        assert accounts.get(engine, "guardian").is_disabled
        press(app, "Open the account")
        assert not accounts.get(engine, "guardian").is_disabled
        for action in ("revoke-sessions", "remove-second-factor", "disable-account", "enable-account"):
            assert {entry.actor_key for entry in told(own_school, action)} == {administrator}, action

    def test_a_new_account_begins_with_a_link_shown_once(
        self, own_school: schools.School, open_page: Open
    ) -> None:
        app = open_page(own_school, "administrator", "administrator-people")
        app.text_input(key="new_login").set_value("nora")
        app.multiselect(key="new_roles").set_value(["teacher"])
        app.text_input(key="new_given").set_value("Nora")
        press(app, "Make the account")
        assert "nora has an account" in app.success[0].value
        assert re.search(r"/login/reset\?token=[\w-]{40,}", app.code[0].value)
        app.run()
        assert not app.code
        assert accounts.held_roles(own_school.engine, "nora") == ("teacher",)
        app.text_input(key="new_login").set_value("nora")
        press(app, "Make the account")
        assert "is taken" in app.error[0].value

    def test_a_role_withdrawn_meanwhile_does_nothing_more(
        self, own_school: schools.School, open_page: Open
    ) -> None:
        accounts.create(
            own_school.engine,
            tenant=schools.TENANT,
            login="second",
            password=schools.PASSWORD,
            role_names=["administrator"],
        )
        app = open_page(own_school, "administrator", "administrator-people", person="p_teacher")
        accounts.change_roles(own_school.engine, "administrator", add=["analyst"], remove=["administrator"])
        app.selectbox(key="change_role_name").set_value("analyst")
        press(app, "Give")
        assert accounts.held_roles(own_school.engine, "teacher") == ("teacher",)


class TestAudit:
    def test_filters_find_and_the_look_is_an_entry(
        self, own_school: schools.School, open_page: Open, administrator: str
    ) -> None:
        student = own_school.students[schools.CLASSES[0]][2]
        open_page(own_school, "teacher", "teacher-student", person=student)
        app = open_page(own_school, "administrator", "administrator-audit", person=student, days="")
        shown = app.dataframe[0].value
        assert list(shown["Did what"]) == ["view teacher-student"]
        assert list(shown["Whose record"]) == [own_school.names[student]]
        assert list(shown["Who"]) == [own_school.names["p_teacher"]]
        assert "given to nobody outside" in text(app)
        assert told(own_school, "search-audit")[0].resource == f"person:{student}"
        assert told(own_school, "list-disclosures")[0].actor_key == administrator
        app.run()
        asked = [one for one in told(own_school, "search-audit") if student in one.resource]
        assert len(asked) == 1, "the same question is noted once"
        app.text_input(key="find_actor").set_value("operator:999").run()
        assert "No entry fits" in text(app) and app.query_params["actor"] == "operator:999"

    def test_one_button_proves_the_trail_or_names_the_fault(
        self, own_school: schools.School, open_page: Open
    ) -> None:
        app = open_page(own_school, "administrator", "administrator-audit")
        press(app, "Check every entry")
        assert "entries are there, unchanged and in their order" in app.success[0].value
        assert re.fullmatch(r"\d+:[0-9a-f]{64}", app.code[0].value)
        with sqlite3.connect(own_school.settings.home.audit_db) as trail_db:
            trail_db.execute("update entry set result = 'allowed!' where number = 2")
        press(app, "Check every entry")
        assert "The trail has 1 fault" in app.error[0].value and "2" in app.error[0].value
        assert not app.success
        assert [entry.result for entry in told(own_school, "verify-audit")] == ["fault", "whole"]

    def test_disclosures_reach_the_page(self, own_school: schools.School, open_page: Open) -> None:
        disclosures.record(
            own_school.engine,
            schools.TENANT,
            recipient="University of Test",
            purpose="research",
            what="fct_attempt",
            person_keys=["p_guardian"],
            actor_key="operator:0",
        )
        app = open_page(own_school, "administrator", "administrator-audit", person="p_guardian")
        assert list(app.dataframe[-1].value["To whom"]) == ["University of Test"]


class TestRights:
    def test_a_consent_is_recorded_and_changes_what_may_be_used(
        self, own_school: schools.School, open_page: Open, administrator: str
    ) -> None:
        student = own_school.students[schools.CLASSES[0]][0]
        app = open_page(own_school, "administrator", "administrator-rights", person=student)
        assert "No request waits for an answer" in text(app) and "prediction: may be used" in text(app)
        app.selectbox(key="consent_purpose").set_value("prediction")
        app.radio(key="consent_decision").set_value("withdrawn")
        app.selectbox(key="consent_giver").set_value("p_guardian")
        press(app, "Record")
        assert "prediction: withdrawn" in app.success[0].value and "prediction: left out" in text(app)
        purposes = app.dataframe[-1].value.set_index("Purpose")
        assert purposes.loc["prediction", "Left out"] == 1 and purposes.loc["prediction", "Used"] == 42
        [entry] = told(own_school, "consent-withdrawn")
        assert (entry.actor_key, entry.resource) == (administrator, f"person:{student} purpose:prediction")

    def test_a_request_waits_with_its_day_until_it_is_answered(
        self, own_school: schools.School, open_page: Open
    ) -> None:
        app = open_page(own_school, "administrator", "administrator-rights", person="p_teacher2")
        app.radio(key="request_kind").set_value("copy")
        press(app, "Note the request")
        assert "Answer 1 request: the first is due on" in text(app)
        press(app, "Yes, leave it out")
        assert "No request waits for an answer" in text(app)
        assert not app.error

    def test_an_erasure_takes_two_steps_and_is_ordered_once_the_name_is_typed(
        self, own_school: schools.School, open_page: Open, administrator: str
    ) -> None:
        ordered = Ordered()
        operations.provide(ordered)
        key = own_school.students[schools.CLASSES[0]][7]
        app = open_page(own_school, "administrator", "administrator-rights", person=key)
        assert "Nobody has been erased yet" in text(app)
        press(app, "Note the request")
        assert not [button for button in app.button if button.label == "Erase for good"]
        press(app, "Show what would go")
        plan = next(one.value for one in app.dataframe if "What happens" in one.value.columns)
        assert "people.db person" in set(plan["What"])
        for typed in ("Somebody Else", own_school.names[key]):
            app.text_input(key="erase_typed").set_value(typed)
            press(app, "Erase for good")
            assert bool(app.error) == (typed == "Somebody Else")
        assert ordered.erasures == [(schools.TENANT, key, administrator)]
        assert "The erasure has begun" in app.success[0].value
        assert told(own_school, "order-erasure")[0].resource == f"person:{key}"

    def test_without_what_crosses_the_rooms_the_page_says_how_to_start_it(
        self, school: schools.School, open_page: Open, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(operations, "_provided", [])
        app = open_page(school, "administrator", "administrator-rights")
        assert "learnlake dashboards serve" in app.warning[0].value


class TestSources:
    def test_a_broken_rule_is_told_by_example_and_how_to_mend_it(
        self, school: schools.School, open_page: Open
    ) -> None:
        app = open_page(school, "administrator", "administrator-sources")
        said = text(app)
        assert (
            "2 rules are broken; 3 statements count in no figure until it is mended. Begin with moodle"
            in said
        )
        value, allowed, mend = (said.index(one) for one in ("&lt;b&gt;7.5", "-1..1", "Send result.score.raw"))
        assert value < allowed < mend and "<b>7.5" not in said
        assert "since 18 Nov 2026, last on 20 Nov 2026" in said
        assert "may name somebody and is not shown" in said
        assert list(app.dataframe[0].value["Statements"]) == [3, 5]
        app.selectbox(key="choose_source").set_value("open-edx").run()
        assert app.query_params["source"] == "open-edx"
        assert list(app.dataframe[0].value["Source"]) == ["open-edx"]


class TestSystem:
    def test_a_key_is_made_once_shown_once_and_closed(
        self, own_school: schools.School, open_page: Open, administrator: str
    ) -> None:
        operations.provide(HereOperations())
        app = open_page(own_school, "administrator", "administrator-credentials")
        assert "No system can send statements yet" in text(app)
        press(app, "Make the key")
        assert "which system" in app.warning[0].value
        app.text_input(key="credential_name").set_value("The LMS")
        press(app, "Make the key")
        secret = re.search(r"Secret +(\S{40,})", app.code[0].value)
        assert secret and "1 key is in force, none of them may do everything" in text(app)
        app.run()
        assert not app.code and secret[1] not in str(app.dataframe[0].value)
        [known] = HereOperations().credentials(own_school.settings, schools.TENANT)
        assert known.scopes == ("statements/write", "state")
        app.selectbox(key="credential_revoked").set_value(known.key)
        press(app, "Close the key")
        assert "tick the box" in app.warning[0].value
        app.checkbox(key="credential_sure").set_value(True)
        press(app, "Close the key")
        assert list(app.dataframe[0].value["State"]) == ["closed"]
        for action in ("create-credential", "revoke-credential"):
            [entry] = told(own_school, action)
            assert (entry.actor_key, entry.resource) == (administrator, f"credential:{known.key}")

    def test_counts_use_and_settings_are_shown_and_no_secret(
        self, own_school: schools.School, open_page: Open
    ) -> None:
        operations.provide(HereOperations())
        app = open_page(own_school, "administrator", "administrator-system")
        assert "20 days disagree between the store, the lake and the marts" in text(app)
        by_heading = {next(iter(one.value.columns)): one.value for one in app.dataframe}
        assert list(by_heading["Built (UTC)"]["State"]) == ["shown now"]
        everybody = {entry.actor_key for entry in told(own_school, "log-in") if entry.result == "allowed"}
        assert sum(by_heading["Day"]["People"]) == len(everybody) > 0
        known = by_heading["Setting"].set_index("Setting")
        assert known.loc["LEARNLAKE_HOME", "Value"] == str(own_school.settings.home.path)
        assert known.loc["LEARNLAKE_HOME", "State"] == "changed"
        app.toggle(key="settings_changed").set_value(True).run()
        assert app.query_params["changed"] == "1" and len(app.dataframe[-1].value) < len(known)


class Ordered(HereOperations):
    """Everything as it is, but that rights are noted only: tests/cli/test_operations.py carries them out."""

    def __init__(self) -> None:
        super().__init__()
        self.erasures: list[tuple[str, str, str]] = []

    def plan(self, settings: Settings, tenant: str, person_key: str) -> dict[str, list[Finding]]:
        return {"people": [Finding("people.db person", 1), Finding("audit entries", 2, "kept", "the law")]}

    def start_erasure(self, settings: Settings, tenant: str, person_key: str, *, requested_by: str) -> None:
        self.erasures.append((tenant, person_key, requested_by))


def _enrol(school: schools.School, known: accounts.Account) -> None:
    import pyotp

    begun = second_factor.begin(school.engine, known)
    second_factor.confirm(school.engine, known, pyotp.TOTP(begun.secret).now(), source="test")


@pytest.mark.parametrize(
    ("typed", "is_key"),
    [("p_123", True), ("account:3", True), ("operator:0", True), ("Ann", False), ("p 1", False)],
)
def test_keys_are_known_from_names(typed: str, is_key: bool) -> None:
    assert bool(acting._KEY.fullmatch(typed)) == is_key


def test_an_erasure_s_step_is_said_once() -> None:
    assert erasure.step_label("plan", "what is held") == "Finding what is held"
    assert erasure.step_label("scan", "lake") == "Reading every file by its format, for what may be left"
    assert erasure.step_label("lake", "12 files") == "Room lake 12 files"
