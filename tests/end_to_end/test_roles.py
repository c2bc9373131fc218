"""Each role of the running demo: sees its own data in the browser, and through the API its own rows and no others'."""

from __future__ import annotations

from typing import Any

import duckdb
import pytest

from cli.demo_data import ROLES
from tests.dashboards.browser import browser, log_in, new_context, settle
from tests.end_to_end.conftest import Demo
from warehouse.snapshot import holding, tenant_file

REFUSED = None
TABLE: dict[str, dict[str, str | None]] = {
    # mart: role -> SQL for the person_keys (or section_keys) that this role sees; REFUSED: the mart is not open to it
    "fct_attempt": {
        "student": "select person_key from fct_attempt where person_key = $me",
        "teacher": "select person_key from fct_attempt where section_key in (select section_key from taught)",
        "guardian": REFUSED,
        "principal": REFUSED,
        "administrator": REFUSED,
    },
    "msr_student_week": {
        "student": "select person_key from msr_student_week where person_key = $me",
        "teacher": "select person_key from msr_student_week where section_key in (select section_key from taught)",
        "guardian": "select person_key from msr_student_week where person_key in (select person_key from children)",
        "principal": "select person_key from msr_student_week where school_key in (select school_key from led)",
        "administrator": REFUSED,
    },
    "prd_risk": {
        "teacher": "select person_key from prd_risk where section_key in (select section_key from taught)",
        "guardian": REFUSED,
        "student": REFUSED,
        "administrator": REFUSED,
    },
    "qc_reconciliation": {"student": REFUSED, "teacher": REFUSED, "guardian": REFUSED, "principal": REFUSED},
}


@pytest.mark.browser
@pytest.mark.parametrize("role", ROLES)
def test_a_log_in_of_each_role_shows_a_page_with_data(demo: Demo, role: str) -> None:
    with browser() as chromium, new_context(chromium) as context:
        page = log_in(context, demo.dashboards, *demo.login(role))
        settle(page)
        assert page.locator("h1").first.inner_text().strip()
        note = page.locator("[role=contentinfo]").inner_text()
        assert "statements by run" in note
        assert page.locator("[data-testid=stException]").count() == 0
        text = page.locator("[data-testid=stMain]").inner_text()
        assert len(text) > 300, text


@pytest.mark.parametrize(
    ("mart", "role"), [(mart, role) for mart, expected in TABLE.items() for role in expected]
)
def test_through_the_door_a_role_reads_its_own_rows_only(demo: Demo, mart: str, role: str) -> None:
    query = TABLE[mart][role]
    with demo.reads(role) as client:
        answer = client.get(f"/v1/marts/{mart}", params={"limit": 1_000_000})
        if query is REFUSED:
            assert answer.status_code == 403, answer.text[:300]
            return
        assert answer.status_code == 200, answer.text[:300]
        seen = sorted(row["person_key"] for row in answer.json())
    assert seen, "the demo's people should have rows"
    assert seen == expected_rows(demo, role, query)


def expected_rows(demo: Demo, role: str, query: str) -> list[str]:
    """What `query` answers over the whole snapshot, with the relations of the demo's person from people.db."""
    from sqlalchemy import text

    from people.age import age_on, birth_dates
    from people.db import open_people, reading, school_day

    engine = open_people(demo.settings)
    with reading(engine) as people, holding(demo.settings.home) as held:

        def ask(sql: str, **values: Any) -> list[tuple[Any, ...]]:
            return [tuple(row) for row in people.execute(text(sql), values)]

        login, _ = demo.login(role)
        ((me,),) = ask("select person_key from account where login = :login", login=login)
        taught = ask(
            "select section_key from enrolment where person_key = :me and role = 'teacher' and is_active",
            me=me,
        )
        born, today = birth_dates(people, "default", None), school_day(people)
        children = [
            child
            for child in ask(
                "select person_key from guardianship where guardian_key = :me and is_active", me=me
            )
            if age_on(born[child[0]], today) < 18
        ]
        led = ask(
            "select school_key from role_assignment where person_key = :me and role = 'principal'", me=me
        )
        connection = duckdb.connect(str(tenant_file(held.folder, "default")), read_only=True)
        try:
            for name, column, rows in (
                ("taught", "section_key", taught),
                ("children", "person_key", children),
                ("led", "school_key", led),
            ):
                connection.execute(f"create temp table {name} ({column} varchar)")
                if rows:
                    connection.executemany(f"insert into {name} values (?)", [list(row) for row in rows])
            values = {"me": me} if "$me" in query else {}
            found = sorted(row[0] for row in connection.execute(query, values).fetchall())
        finally:
            connection.close()
    engine.dispose()
    return found
