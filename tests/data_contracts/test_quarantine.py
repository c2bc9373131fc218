"""Statements that break a source's promise come into quarantine with value, what is allowed and mend; silence and volume by the calendar."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from typing import Any

import duckdb
import pytest

from data_contracts import quarantine
from data_contracts.load import source_contracts
from learnlake.settings import Settings
from tests.warehouse import sealed
from tests.warehouse.sealed import ANSWERED, COURSE, ITEM, activity, seal, statement
from warehouse import lake, working_file

AT = dt.datetime(2026, 11, 20, 12, tzinfo=dt.UTC)
NOON = dt.datetime(2026, 11, 2, 12, tzinfo=dt.UTC)
TODAY = dt.date(2026, 11, 3)


def good() -> dict[str, Any]:
    return statement(
        "ada",
        ANSWERED,
        activity("https://lms.test/items/1", ITEM),
        at=NOON,
        course="https://lms.test/courses/a",
        success=True,
    )


def without(key: str) -> dict[str, Any]:
    changed = good()
    del changed[key]
    return changed


def with_(**changes: Any) -> dict[str, Any]:
    return good() | changes


OUTCOME = "https://w3id.org/learnlake/xapi/extensions/outcome"
SOURCE_FAULTS = [
    (with_(verb={"id": "https://example.test/verbs/frobbed"}), "verb_id_is_known"),
    (with_(timestamp=(NOON + dt.timedelta(days=400)).isoformat()), "time_not_in_the_future"),
    (without("result"), "answer_has_success"),
    (
        with_(object=activity("https://lms.test/quiz", "http://adlnet.gov/expapi/activities/assessment")),
        "answer_is_on_an_item",
    ),
    (with_(context={"contextActivities": {"category": [{"id": sealed.PROFILE}]}}), "course_is_named"),
    (with_(result={"success": True, "score": {"scaled": -0.5}}), "score_scaled_in_range"),
    (with_(actor={"objectType": "Agent", "mbox": "mailto:x@school.test"}), "actor_home_page_is_there"),
    (with_(actor=sealed.account("ada") | {"name": "Ada Byron"}), "actor_has_no_name"),
    (
        with_(
            verb={"id": "http://adlnet.gov/expapi/verbs/attended"},
            object=activity("https://lms.test/m", "http://adlnet.gov/expapi/activities/meeting"),
        ),
        "meeting_names_its_day",
    ),
    (
        with_(
            verb={"id": "https://w3id.org/learnlake/xapi/verbs/concluded"},
            object=activity("https://lms.test/courses/a", COURSE),
            result={"extensions": {OUTCOME: "great"}},
        ),
        "outcome_is_known",
    ),
]


@pytest.fixture
def working(settings: Settings) -> Iterator[duckdb.DuckDBPyConnection]:
    """A working file with the marts that `results` reads, without rows."""
    with working_file.connect(settings.home, settings, settings.home.working_file) as connection:
        connection.execute("create table fct_statement (tenant varchar, seq bigint, is_voided boolean)")
        connection.execute("create table dim_academic_session (tenant varchar, is_running boolean)")
        yield connection


def fill(settings: Settings, working: duckdb.DuckDBPyConnection, *, from_seq: int = 0) -> None:
    held = lake.open_lake(settings.home)
    quarantine.fill(working, held.files_after(from_seq), from_seq=from_seq, to_seq=held.sealed_seq)


def failing(working: duckdb.DuckDBPyConnection, as_of: dt.date = TODAY) -> dict[str, str]:
    """Check -> message, of those that fail."""
    results = quarantine.results(working, as_of=as_of, checked_at=AT)
    return {r["check_name"]: r["message"] for r in results.iter_rows(named=True) if not r["is_passed"]}


@pytest.mark.parametrize(("fault", "check"), SOURCE_FAULTS, ids=[c for _, c in SOURCE_FAULTS])
def test_a_broken_promise_is_quarantined_and_told_with_an_example(
    settings: Settings, working: duckdb.DuckDBPyConnection, fault: dict[str, Any], check: str
) -> None:
    seal(settings.home, [good(), fault, good()], stored=NOON + dt.timedelta(hours=1))
    fill(settings, working)
    assert working.execute(
        "select seq, statement_id from qc_quarantine where rule = ?", [check]
    ).fetchall() == [(2, fault["id"])]
    message = failing(working)[check]
    assert "1 statement(s): " in message
    assert fault["id"] in message
    assert "Let the source" in message or "Set the clock" in message
    fill(settings, working)  # a run that is done again quarantines nothing twice
    assert working.execute("select count(*) from qc_quarantine where rule = ?", [check]).fetchone() == (1,)
    working.execute("insert into fct_statement values ('t', 2, true)")
    assert check not in failing(working), "voided is mended"


def test_no_name_address_or_answer_gets_into_quarantine(
    settings: Settings, working: duckdb.DuckDBPyConnection
) -> None:
    named = with_(actor=sealed.account("ada.byron") | {"name": "Ada Byron"})
    mail = with_(actor={"objectType": "Agent", "mbox": "mailto:ada@school.test"})
    meeting = with_(
        verb={"id": "http://adlnet.gov/expapi/verbs/attended"},
        object=activity("https://lms.test/ada-byron", "http://adlnet.gov/expapi/activities/meeting"),
    )
    seal(settings.home, [named, mail, meeting], stored=NOON)
    fill(settings, working)
    held = str(working.execute("from qc_quarantine").fetchall())
    assert "actor_has_no_name" in held
    assert "ada" not in held.lower()


def test_a_source_that_keeps_its_promise_passes_and_others_are_not_judged(
    settings: Settings, working: duckdb.DuckDBPyConnection
) -> None:
    foreign = statement(
        "x",
        "https://example.test/verb",
        activity("https://x.test", "https://x.test/type"),
        at=NOON,
        follows_profile=False,
    )
    seal(settings.home, [good(), foreign], stored=NOON + dt.timedelta(hours=1))
    fill(settings, working)
    results = quarantine.results(working, as_of=TODAY, checked_at=AT)
    assert results["is_passed"].all()
    assert set(results["contract"]) == {"xapi", "learnlake-profile"}
    assert results.height > 10


def test_a_broken_promise_stays_on_the_page_for_a_month_whatever_comes_after(
    settings: Settings, working: duckdb.DuckDBPyConnection
) -> None:
    seal(settings.home, [without("result")], stored=NOON)
    fill(settings, working)
    seal(settings.home, [good()], stored=NOON + dt.timedelta(days=1))
    fill(settings, working, from_seq=1)
    assert "answer_has_success" in failing(working, dt.date(2026, 11, 20))
    assert "answer_has_success" not in failing(working, dt.date(2026, 12, 20))


@pytest.mark.parametrize(
    ("per_week", "is_low"),
    [
        ((10, 10, 10, 10, 10), False),
        ((0, 20, 20, 20, 20), True),
        ((2, 20, 30, 20, 10), False),
        ((1, 20, 30, 20, 10), True),
        ((1, 20, 30, 20, 0), False),
    ],
    ids=["usual", "nothing", "a tenth", "less than a tenth", "no usual week yet"],
)
def test_a_week_far_below_the_usual_is_told(
    working: duckdb.DuckDBPyConnection, per_week: tuple[int, ...], is_low: bool
) -> None:
    """`per_week` counts backwards from the day before `as_of`; the newest statement is of that day, so that it isn't silent."""
    as_of = dt.date(2026, 11, 20)
    for weeks, count in enumerate(per_week):
        stored = as_of - dt.timedelta(days=1 + 7 * weeks)
        working.execute(
            "insert into run.source_day values ('t', 'learnlake-profile', ?, 1, ?, ?)",
            [stored, count, dt.datetime.combine(stored, dt.time(8))],
        )
    assert ("sends_as_usual" in failing(working, as_of)) == is_low


@pytest.mark.parametrize(("days", "is_quiet"), [(4, False), (5, True), (120, True), (121, False)])
def test_silence_is_told_after_the_promised_days_until_the_source_counts_as_retired(
    working: duckdb.DuckDBPyConnection, days: int, is_quiet: bool
) -> None:
    working.execute(
        "insert into run.source_day values ('t', 'learnlake-profile', date '2026-03-02', 1, 9, timestamp '2026-03-02 23:59')"
    )
    as_of = dt.date(2026, 3, 2) + dt.timedelta(days=days)
    assert ("still_sends" in failing(working, as_of)) == is_quiet
    working.execute("insert into dim_academic_session values ('t', false)")
    assert "still_sends" not in failing(working, as_of), "a holiday is no silence"


def test_every_rule_of_a_source_says_what_to_do() -> None:
    for contract in source_contracts():
        for rule in contract.tables[0].rules:
            assert rule.shown("mend"), f"{contract.name}: {rule.name}"
            assert rule.shown("allowed"), f"{contract.name}: {rule.name}"


TYPE = "http://id.tincanapi.com/activitytype/"
CMI5 = "https://w3id.org/xapi/cmi5/context/"
ADL = "http://adlnet.gov/expapi/verbs/"
SESSION = {f"{CMI5}extensions/sessionid": "s1"}
CMI5_WITHIN = {"category": [{"id": f"{CMI5}categories/cmi5"}]}
MOODLE_WITHIN = {
    "category": [activity("https://moodle.test", f"{TYPE}lms")],
    "parent": [activity("https://moodle.test/c", COURSE)],
}
EDX = {"https://w3id.org/xapi/openedx/extension/transformer-version": "event-routing-backends@9"}
REGISTRATION = "11111111-1111-4111-8111-111111111111"


def sent(
    verb: str, within: dict[str, Any], result: dict[str, Any] | None = None, **context: Any
) -> dict[str, Any]:
    made = good() | {"verb": {"id": verb}, "context": {"contextActivities": within, **context}}
    return {k: v for k, v in (made | {"result": result}).items() if v is not None}


DIALECTS = [
    # contract, a statement that keeps it, one that doesn't, the rule that it breaks, whether it may still count
    (
        "open-edx",
        sent(
            "https://w3id.org/xapi/acrossx/verbs/evaluated",
            {"parent": [activity("https://edx.test/c", COURSE)]},
            {"success": True},
            extensions=EDX,
        ),
        sent(
            "https://w3id.org/xapi/acrossx/verbs/evaluated",
            {"parent": [activity("https://edx.test/c", COURSE)]},
            extensions=EDX,
        ),
        "evaluated_has_success",
        True,
    ),
    (
        "moodle",
        sent(f"{ADL}answered", MOODLE_WITHIN, {"success": True, "score": {"scaled": 1.0}}),
        sent(f"{ADL}answered", MOODLE_WITHIN, {"success": True, "score": {"scaled": -0.2}}),
        "score_scaled_in_range",
        False,
    ),
    (
        "cmi5",
        sent(f"{ADL}initialized", CMI5_WITHIN, extensions=SESSION, registration=REGISTRATION),
        sent(f"{ADL}initialized", CMI5_WITHIN, registration=REGISTRATION),
        "session_is_named",
        True,
    ),
    (
        "scorm",
        sent(
            f"{ADL}passed",
            {"category": [{"id": "https://w3id.org/xapi/scorm"}]},
            {"success": True},
            registration=REGISTRATION,
        ),
        sent(
            f"{ADL}passed",
            {"category": [{"id": "https://w3id.org/xapi/scorm"}]},
            {"success": False},
            registration=REGISTRATION,
        ),
        "verdict_agrees_with_verb",
        False,
    ),
]


@pytest.mark.parametrize(
    ("source", "kept", "broken", "rule", "may_count"), DIALECTS, ids=[d[0] for d in DIALECTS]
)
def test_each_lms_has_a_contract_of_its_own(
    settings: Settings,
    working: duckdb.DuckDBPyConnection,
    source: str,
    kept: dict[str, Any],
    broken: dict[str, Any],
    rule: str,
    may_count: bool,
) -> None:
    seal(settings.home, [kept, broken | {"id": "00000000-0000-4000-8000-00000000000b"}], stored=NOON)
    fill(settings, working)
    heard = working.execute(
        "select contract, sum(statement_count) from run.source_day group by 1 order by 1"
    ).fetchall()
    assert heard == sorted([(source, 2), ("xapi", 2)])
    found = working.execute("select seq, source, rule, is_excluded from qc_quarantine").fetchall()
    assert found == [(2, source, rule, not may_count)]
