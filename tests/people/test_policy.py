"""The one policy as a table: role, mart, answer; and for any roster at all, no row outside the scope."""

from __future__ import annotations

import dataclasses
import datetime as dt
import re
from pathlib import Path

import pytest
from sqlalchemy import Engine, event, update

from learnlake.errors import AccessError
from learnlake.settings import Settings, get_settings
from people import policy, policy_rules
from people.db import open_people, writing
from people.oneroster import import_roster
from people.roles import ROLES, grant_role
from people.sessions import Viewer
from people.tables import (
    academic_session,
    enrolment,
    person,
    role_assignment,
)
from tests.people.imports import import_into
from tests.people.rosters import HOME_PAGE, small_school

ARCHITECTURE = Path(__file__).resolve().parents[2] / "docs" / "architecture.md"
DOCUMENTATION = Path(__file__).resolve().parents[2] / "docs" / "people.md"

# One letter a role, in the order of ROLES: teacher, assistant, principal, guardian, student, administrator, analyst.
# t the tenant's rows, h those of the own schools, s of the own sections, p of the own persons, - none
TABLE = {
    "dim_organisation": "ttttttt",
    "dim_academic_session": "ttttttt",
    "dim_course": "ttttttt",
    "dim_class": "sshsstt",
    "dim_person": "pphpp-t",
    "dim_calendar": "ttttttt",
    "dim_content": "ttttt-t",
    "dim_activity": "ttttt-t",
    "dim_skill": "ttttt-t",
    "brg_skill_prerequisite": "ttttt-t",
    "brg_activity_skill": "ttttt-t",
    "dim_career": "ttttt-t",
    "brg_career_skill": "ttttt-t",
    "brg_enrolment": "sshpp-t",
    "fct_statement": "ss--p-t",
    "fct_attempt": "ss--p-t",
    "fct_session": "ss--p-t",
    "fct_resource_use": "ss-pp-t",
    "fct_video_segment": "ss--p-t",
    "fct_forum_activity": "ss--p-t",
    "fct_content_attempt": "sshpp-t",
    "fct_virtual_attendance": "sshpp-t",
    "fct_assessment_result": "sshpp-t",
    "fct_task": "sshpp-t",
    "fct_attendance": "sshpp-t",
    "fct_outcome": "sshpp-t",
    "msr_student_week": "sshpp-t",
    "msr_student": "sshpp-t",
    "msr_attendance": "pphpp-t",
    "msr_streak": "pphpp-t",
    "msr_badge": "pphpp-t",
    "msr_class_week": "ssh---t",
    "msr_school_week": "--h---t",
    "msr_subgroup": "--h---t",
    "msr_growth": "--h---t",
    "msr_skill": "ssh---t",
    "msr_item": "ttt---t",
    "msr_item_response": "ttt---t",
    "msr_resource_effect": "ttt---t",
    "msr_career": "---pp-t",
    "prd_mastery": "sshpp-t",
    "prd_risk": "ssh---t",
    "prd_next_activity": "ss-pp-t",
    "prd_resource": "ss-pp-t",
    "prd_choice": "-----tt",
    "prd_record": "-----tt",
    "qc_build": "ttttttt",
    "qc_freshness": "ttttttt",
    "qc_reconciliation": "-----tt",
    "qc_check": "-----tt",
    "qc_unmapped": "-----tt",
    "qc_orphan": "-----tt",
    "qc_unknown_actor": "-----tt",
    "qc_unknown_activity": "-----tt",
    "qc_quarantine": "-----tt",
    "qc_drift": "-----tt",
}
# e: may take it away as a file, - may not
EXPORT_TABLE = {
    mart: "".join("-" if letter == "-" or n == 1 else "e" for n, letter in enumerate(row))
    for mart, row in TABLE.items()
}
EXPORT_TABLE["page"] = "e-eeeee"
# s in sections of one's own, d there and only where it was delegated, t in the whole tenant
ACTION_TABLE = {
    "grade": "sd-----",
    "message": "sd-----",
    "restructure": "sd-----",
    "override": "s------",
    "note": "sd-----",
    "intervene": "s------",
    "assign-teacher": "-----t-",
    "delegate": "-----t-",
    "manage-accounts": "-----t-",
    "manage-consent": "-----t-",
    "manage-credentials": "-----t-",
    "manage-identities": "-----t-",
    "read-audit": "-----t-",
    "export-person": "-----t-",
    "erase-person": "-----t-",
    "import-roster": "-----t-",
    "run-sql": "------t",
    "compliance-report": "--t----",
}
RECORD_TABLE = {
    "note": "ss-----",
    "message": "ss-pp--",
    "intervention": "ss-----",
    "intervention-outcome": "ssh----",
    "journal": "----p--",
}
LETTERS = {"t": (), "h": ("school_key",), "s": ("section_key",), "p": ("person_key",)}


def _scope(role: str, *grants: policy.Grant) -> policy.Scope:
    return policy.Scope("t", "p_viewer", role, grants, False)


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("mart", TABLE)
def test_each_role_sees_of_each_mart_what_the_table_says(role: str, mart: str) -> None:
    letter = TABLE[mart][ROLES.index(role)]
    if letter == "-":
        with pytest.raises(AccessError):
            policy.filter_for(_scope(role), mart)
        return
    allowed = policy.filter_for(_scope(role), mart)
    assert allowed.columns == LETTERS[letter]
    row = {"tenant": "t", "school_key": "h", "section_key": "s", "person_key": "p"}
    assert allowed.admits(row) == (letter == "t")  # without a grant only open marts show a row
    assert not allowed.admits({**row, "tenant": "another"})


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("what", EXPORT_TABLE)
def test_each_role_exports_what_the_table_says(role: str, what: str) -> None:
    if EXPORT_TABLE[what][ROLES.index(role)] == "-":
        with pytest.raises(AccessError):
            policy.check_export(role, what)
    else:
        policy.check_export(role, what)


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("action", ACTION_TABLE)
def test_each_role_does_what_the_table_says(role: str, action: str) -> None:
    letter = ACTION_TABLE[action][ROLES.index(role)]
    own = policy.Grant(section_key="s")
    nothing, taught = _scope(role), _scope(role, own)
    trusted = dataclasses.replace(taught, delegated=frozenset({("s", action)}))
    elsewhere = dataclasses.replace(taught, delegated=frozenset({("other", action)}))
    # whether nobody's section, an own section, an own section with the action delegated there, or elsewhere, is enough
    expected = {"-": "----", "t": "yyyy", "s": "-yyy", "d": "--y-"}[letter]
    for scope, answer in zip((nothing, taught, trusted, elsewhere), expected, strict=True):
        if answer == "y":
            policy.check_action(scope, action, section_key="s")
        else:
            with pytest.raises(AccessError):
                policy.check_action(scope, action, section_key="s")
    if letter in "sd":
        with pytest.raises(AccessError):
            policy.check_action(trusted, action, section_key="another")
        with pytest.raises(AccessError):
            policy.check_action(trusted, action)


@pytest.mark.parametrize("role", (*ROLES, "headmaster"))
@pytest.mark.parametrize("record", (*RECORD_TABLE, "diary"))
def test_each_role_reads_of_each_record_what_the_table_says(role: str, record: str) -> None:
    letter = RECORD_TABLE[record][ROLES.index(role)] if role in ROLES and record in RECORD_TABLE else "-"
    keys = {"school_key": "h", "section_key": "s", "person_key": "p"}
    own = _scope(role, *(policy.Grant(**{column: key}) for column, key in keys.items()))
    if letter == "-":
        with pytest.raises(AccessError):
            policy.check_record(own, record, **keys)
        return
    policy.check_record(own, record, **keys)
    (column,) = LETTERS[letter]
    with pytest.raises(AccessError):
        policy.check_record(own, record, **{**keys, column: "another"})
    with pytest.raises(AccessError):
        policy.check_record(_scope(role), record, **keys)


def test_the_tables_name_every_mart_export_and_action() -> None:
    assert set(policy_rules.RECORDS) == set(RECORD_TABLE)
    assert set(policy.EXPORTS) == set(EXPORT_TABLE)
    assert set(policy.ACTIONS) == set(ACTION_TABLE)
    assert {role: set(names) for role, names in policy.DELEGATED.items()} == {
        "assistant": {action for action, row in ACTION_TABLE.items() if row[1] == "d"}
    }


@pytest.mark.parametrize("what", ["fct_new_and_without_rule", "transcript", "", "PAGE"])
def test_an_export_or_action_without_a_rule_is_refused_to_everybody(what: str) -> None:
    for role in (*ROLES, "headmaster"):
        with pytest.raises(AccessError):
            policy.check_export(role, what)
        scope = dataclasses.replace(
            _scope(role, policy.Grant(section_key="s")), delegated=frozenset({("s", what)})
        )
        with pytest.raises(AccessError):
            policy.check_action(scope, what, section_key="s")


def test_every_mart_of_the_contract_has_a_rule_and_no_other() -> None:
    named = re.findall(
        r"^\| `((?:dim|brg|fct|msr|prd|qc)_\w+)` \|", ARCHITECTURE.read_text(), flags=re.MULTILINE
    )
    assert set(named) == set(policy.MARTS) == set(TABLE)


@pytest.mark.parametrize("mart", ["fct_new_and_without_rule", "person", "stg_statement", "", "DIM_PERSON"])
def test_a_mart_without_a_rule_is_refused_to_everybody(mart: str) -> None:
    with pytest.raises(AccessError):
        policy.rule(mart)
    for role in ROLES:
        with pytest.raises(AccessError):
            policy.filter_for(_scope(role), mart)


def test_a_role_that_does_not_exist_sees_nothing() -> None:
    for mart in policy.MARTS:
        with pytest.raises(AccessError):
            policy.filter_for(_scope("headmaster"), mart)


def test_a_grant_of_several_keys_opens_no_more_than_all_of_them() -> None:
    scope = _scope("student", policy.Grant(section_key="s1", person_key="p1"), policy.Grant(person_key="p1"))
    week = policy.filter_for(scope, "msr_student_week")
    assert week.admits({"tenant": "t", "section_key": "s1", "person_key": "p1"})
    assert not week.admits({"tenant": "t", "section_key": "s1", "person_key": "class mate"})
    assert policy.filter_for(scope, "dim_class").values == (("s1",),)


def test_the_documentation_shows_the_rules() -> None:
    signs = {
        (): "all",
        ("school_key",): "own school",
        ("section_key",): "own sections",
        ("person_key",): "own persons",
    }
    lines = [f"| mart | {' | '.join(ROLES)} |", f"|---|{'---|' * len(ROLES)}"]
    for mart in policy.MARTS:
        by_role = policy.rule(mart).columns_by_role
        cells = [signs[by_role[role]] if role in by_role else "–" for role in ROLES]
        lines.append(f"| `{mart}` | {' | '.join(cells)} |")
    assert "\n".join(lines) in DOCUMENTATION.read_text()
    lines = [f"| action | {' | '.join(ROLES)} |", f"|---|{'---|' * len(ROLES)}"]
    for action, by_role in policy.ACTIONS.items():
        cells = []
        for role in ROLES:
            sign = signs[by_role[role]] if role in by_role else "–"
            cells.append("where delegated" if action in policy.DELEGATED.get(role, ()) else sign)
        lines.append(f"| {action} | {' | '.join(cells)} |")
    assert "\n".join(lines) in DOCUMENTATION.read_text()
    lines = [f"| record | {' | '.join(ROLES)} |", f"|---|{'---|' * len(ROLES)}"]
    for record, by_role in policy_rules.RECORDS.items():
        cells = [signs[by_role[role]] if role in by_role else "–" for role in ROLES]
        lines.append(f"| {record} | {' | '.join(cells)} |")
    assert "\n".join(lines) in DOCUMENTATION.read_text()


@pytest.fixture
def school(engine: Engine, settings: Settings, tmp_path: Path) -> dict[str, str]:
    """The small school; answers sourcedId -> person_key."""
    import_roster(settings, "t", small_school().write(tmp_path / "r"), home_page=HOME_PAGE)
    with engine.connect() as connection:
        rows = connection.execute(person.select())
        return {row.sourced_id: row.person_key for row in rows}


def _viewer(school: dict[str, str], who: str, role: str) -> Viewer:
    return Viewer(1, school[who], "t", role, (role,), who)


def _sees(engine: Engine, viewer: Viewer, mart: str) -> set[str]:
    return {value[0] for value in policy.filter_for(policy.scope(engine, viewer), mart).values}


def test_scopes_of_a_real_roster(engine: Engine, school: dict[str, str]) -> None:
    def sees(who: str, role: str, mart: str) -> set[str]:
        return _sees(engine, _viewer(school, who, role), mart)

    keys = {name: {school[name]} for name in school}
    assert sees("t-a", "teacher", "msr_student_week") == {"t:c1"}
    assert sees("t-a", "teacher", "dim_person") == {school[n] for n in ("t-a", "a-a", "st1", "st2")}
    assert sees("a-a", "assistant", "fct_attempt") == {"t:c1"}
    assert sees("st1", "student", "msr_student_week") == keys["st1"]
    assert sees("st1", "student", "dim_class") == {"t:c1"}
    assert sees("g1", "guardian", "prd_mastery") == keys["st1"] | keys["st3"]
    assert sees("g1", "guardian", "dim_class") == {"t:c1", "t:c2"}
    assert sees("p-a", "principal", "msr_class_week") == {"t:s1"}


def test_a_principal_of_a_district_leads_all_its_schools(engine: Engine, school: dict[str, str]) -> None:
    with writing(engine) as connection:
        grant_role(connection, tenant="t", role="principal", person_key=school["p-a"], school_key="t:d")
    assert _sees(engine, _viewer(school, "p-a", "principal"), "dim_class") == {"t:d", "t:s1", "t:s2"}


def test_only_those_who_may_see_names_are_shown_them(engine: Engine, school: dict[str, str]) -> None:
    people = {"teacher": "t-a", "assistant": "a-a", "guardian": "g1", "student": "st1", "principal": "p-a"}
    shown = {
        role: policy.scope(engine, _viewer(school, who, role)).shows_names for role, who in people.items()
    }
    assert shown == {
        "teacher": True,
        "assistant": True,
        "guardian": True,
        "student": True,
        "principal": False,
    }
    assert not policy.SHOWS_NAMES & {"administrator", "analyst"}


def test_nobody_acts_in_a_role_that_he_does_not_hold(engine: Engine, school: dict[str, str]) -> None:
    for role in set(ROLES) - {"student"}:
        with pytest.raises(AccessError):
            policy.scope(engine, _viewer(school, "st1", role))
    elsewhere = Viewer(1, school["t-a"], "another", "teacher", ("teacher",), "t-a")
    with pytest.raises(AccessError):
        policy.scope(engine, elsewhere)


@pytest.mark.parametrize(
    ("change", "sees"),
    [
        ({}, True),
        ({"is_active": False}, False),
        ({"end_date": dt.date(2026, 11, 1)}, False),  # left in the middle of a running session
        ({"end_date": dt.date(2026, 12, 31)}, True),
        ({"begin_date": dt.date(2026, 12, 1)}, False),
        ({"begin_date": dt.date(2026, 8, 1), "end_date": dt.date(2026, 11, 20)}, True),
    ],
)
def test_a_teachers_sight_ends_with_the_enrolment(
    engine: Engine, school: dict[str, str], monkeypatch: pytest.MonkeyPatch, change: dict, sees: bool
) -> None:
    with writing(engine) as connection:
        connection.execute(
            update(enrolment)
            .where(enrolment.c.person_key == school["t-a"])
            .values({"begin_date": None, "end_date": None, **change})
        )
    assert _on_day(dt.date(2026, 11, 20), school, monkeypatch) == ({"t:c1"} if sees else set())


@pytest.mark.parametrize(("end_date", "sees"), [("2026-11-20", False), ("2026-11-21", True)])
def test_the_end_date_of_a_roster_is_the_first_day_without_sight(
    engine: Engine,
    school: dict[str, str],
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    end_date: str,
    sees: bool,
) -> None:
    """OneRoster's endDate is exclusive."""
    roster = small_school()
    for row in roster.files["enrollments"]:
        if row["userSourcedId"] == "t-a":
            row["endDate"] = end_date
    import_into(settings, roster, tmp_path / "ended")
    assert _on_day(dt.date(2026, 11, 20), school, monkeypatch) == ({"t:c1"} if sees else set())


def test_who_taught_to_the_end_still_sees_the_finished_section(
    engine: Engine, school: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with writing(engine) as connection:
        connection.execute(update(enrolment).values(end_date=dt.date(2026, 12, 31)))
        connection.execute(update(academic_session).values(end_date=dt.date(2026, 12, 31)))
    assert _on_day(dt.date(2027, 6, 1), school, monkeypatch) == {"t:c1"}


def _on_day(day: dt.date, school: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """What the teacher of c1 sees when today is `day`."""
    monkeypatch.setenv("LEARNLAKE_TODAY", day.isoformat())
    get_settings.cache_clear()
    engine = open_people(get_settings())
    try:
        return _sees(engine, _viewer(school, "t-a", "teacher"), "msr_student_week")
    finally:
        engine.dispose()


def test_a_revoked_guardianship_shows_nothing_any_more(
    engine: Engine, settings: Settings, school: dict[str, str], tmp_path: Path
) -> None:
    roster = small_school()
    roster.row("users", "g1")["agentSourcedIds"] = "st3"
    import_roster(settings, "t", roster.write(tmp_path / "r"), home_page=HOME_PAGE)
    assert _sees(engine, _viewer(school, "g1", "guardian"), "prd_mastery") == {school["st3"]}


def test_a_scope_is_kept_only_until_the_next_commit(
    engine: Engine, settings: Settings, school: dict[str, str]
) -> None:
    viewer = _viewer(school, "t-a", "teacher")
    first = policy.scope(engine, viewer)
    assert policy.scope(engine, viewer) is first
    other = open_people(settings)  # as another process would
    with writing(other) as connection:
        connection.execute(
            update(enrolment).where(enrolment.c.person_key == school["st1"]).values(section_key="t:c2")
        )
    other.dispose()
    second = policy.scope(engine, viewer)
    assert policy.Grant(section_key="t:c1", person_key=school["st1"]) in set(first.grants) - set(
        second.grants
    )
    with writing(engine) as connection:
        connection.execute(update(role_assignment).values(is_active=False))
    with pytest.raises(AccessError):
        policy.scope(engine, viewer)


@pytest.mark.parametrize(
    ("who", "role"),
    [("t-a", "teacher"), ("a-a", "assistant"), ("st1", "student"), ("g1", "guardian"), ("p-a", "principal")],
)
def test_scopes_are_found_by_index_however_large_the_tenant(
    engine: Engine, school: dict[str, str], who: str, role: str
) -> None:
    """SQLite without statistics takes `tenant = ?` for selective; a scope must not read a tenant's every enrolment."""
    plans: list[str] = []

    def explain(connection, _cursor, statement, parameters, _context, _many) -> None:
        rows = connection.connection.driver_connection.execute(f"explain query plan {statement}", parameters)
        plans.extend(row[3] for row in rows)

    event.listen(engine, "before_cursor_execute", explain)
    try:
        policy.scope(engine, _viewer(school, who, role))
    finally:
        event.remove(engine, "before_cursor_execute", explain)
    steps = [
        step
        for step in plans
        if re.search(r"\b(enrolment|role_assignment|person|section|guardianship)\b", step)
    ]
    assert steps
    assert [step for step in steps if step.endswith("(tenant=?)") or step.startswith("SCAN")] == []
