"""Each planted fault goes the whole way (LRS over HTTP, lake, pipeline, snapshot) and is caught by the contract that should catch it,
with a text that says the offending value, what is allowed, and what to do."""

from __future__ import annotations

import dataclasses
import datetime as dt
import json
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import duckdb
import httpx
import pytest
from typer.testing import CliRunner

from cli.lrs import app as lrs_app
from cli.warehouse import app as warehouse_app
from data_contracts import quarantine
from learnlake.clock import utc_now
from learnlake.settings import Settings, get_settings
from lrs import lake as lrs_lake
from people.oneroster import import_roster
from pipelines import stages
from tests.lrs.served import KEY, SECRET, serving
from tests.people.rosters import HOME_PAGE, small_school
from tests.warehouse.sealed import ANSWERED, ITEM, activity, statement
from warehouse import snapshot
from warehouse.watermark import pending

ASSESSMENT = "http://adlnet.gov/expapi/activities/assessment"
COMPLETED = "http://adlnet.gov/expapi/verbs/completed"
NOW = utc_now()
GOOD, DOUBLED = 6, 3


def answer(n: int, **changes: Any) -> dict[str, Any]:
    """An answer of the roster's student st1 that keeps every promise."""
    made = statement(
        "st1",
        ANSWERED,
        activity(f"{HOME_PAGE}/items/{n}", ITEM),
        at=NOW - dt.timedelta(minutes=60 - n),
        course=f"{HOME_PAGE}/courses/math",
        success=True,
        skills=["slope"],
    )
    made["actor"]["account"]["homePage"] = HOME_PAGE
    return made | changes


def handed_in(scaled: float) -> dict[str, Any]:
    result = {"score": {"scaled": scaled}}
    return answer(0, verb={"id": COMPLETED}, object=activity(f"{HOME_PAGE}/quiz", ASSESSMENT), result=result)


def unknown_course() -> dict[str, Any]:
    made = answer(40)
    made["context"]["contextActivities"]["grouping"][0]["id"] = f"{HOME_PAGE}/courses/mth"
    return made


def without_verb() -> dict[str, Any]:
    made = answer(41)
    del made["verb"]
    return made


@dataclasses.dataclass
class Outcome:
    """What the LRS answered to the planted statements, and what the published snapshot then says."""

    settings: Settings
    sent: dict[str, dict[str, Any]]
    answers: dict[str, httpx.Response]
    doubled: list[str] = dataclasses.field(default_factory=list)
    imported: str = ""
    rejects: str = ""

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        with snapshot.holding(self.settings.home) as held:
            file = snapshot.tenant_file(held.folder, "default")
            with duckdb.connect(str(file), read_only=True) as connection:
                return connection.execute(query).fetchall()

    def check(self, contract: str, name: str) -> tuple[Any, ...]:
        """(is_passed, failing_count, severity, message) of one check."""
        found = self.rows(
            "select is_passed, failing_count, severity, message from qc_check"
            f" where contract = '{contract}' and check_name = '{name}'"
        )
        assert len(found) == 1, found
        return found[0]

    def quarantined(self, name: str) -> dict[str, Any]:
        """The quarantine's row about the planted statement `name`."""
        columns = ("source", "rule", "found", "allowed", "mend", "is_excluded")
        found = self.rows(
            f"select {', '.join(columns)} from qc_quarantine where statement_id = '{self.sent[name]['id']}'"
        )
        assert len(found) == 1, found
        return dict(zip(columns, found[0], strict=True))


def school(settings: Settings, folder: Path) -> None:
    """The roster's school, with a session that runs today."""
    roster = small_school()
    for session in roster.files["academicSessions"]:
        session["startDate"] = str(NOW.date() - dt.timedelta(days=60))
        session["endDate"] = str(NOW.date() + dt.timedelta(days=60))
    import_roster(settings, "default", roster.write(folder), home_page=HOME_PAGE)


def run(settings: Settings) -> None:
    lrs_lake.seal_once(settings)
    assert stages.incremental(settings, run_id=str(uuid.uuid4()), started_by="test").build is not None


@pytest.fixture(scope="module")
def planted(tmp_path_factory: pytest.TempPathFactory, free_port: Callable[[], int]) -> Iterator[Outcome]:
    """Good statements and one of each fault, sent over HTTP, sealed, built and published once."""
    folder = tmp_path_factory.mktemp("faults")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LEARNLAKE_HOME", str(folder / "home"))
        patch.setenv("LEARNLAKE_CONFIG", str(folder / "none.toml"))
        get_settings.cache_clear()
        settings = get_settings()
        settings.home.create()
        school(settings, folder / "roster")
        sent = {
            "no verb": without_verb(),
            "impossible score": handed_in(-0.5),
            "score that xAPI itself forbids": handed_in(7),
            "future": answer(42, timestamp=(NOW + dt.timedelta(days=400)).isoformat()),
            "unknown course": unknown_course(),
        }
        with serving(settings, free_port()) as lrs, lrs.client() as client:
            client.post("/statements", json=[answer(n) for n in range(GOOD)]).raise_for_status()
            batch = [answer(50 + n) for n in range(DOUBLED)]
            for one in batch:
                del one[
                    "id"
                ]  # a source that gives no ids: the LRS cannot know the second batch from new ones
            client.post("/statements", json=batch).raise_for_status()
            run(settings)  # the first batch is in the marts before the second one comes
            outcome = Outcome(settings, sent, {})
            outcome.doubled = client.post("/statements", json=batch).raise_for_status().json()
            for name, made in sent.items():
                outcome.answers[name] = client.post("/statements", json=made)
            file = folder / "statements.jsonl"
            file.write_text("\n".join(json.dumps(one) for one in (answer(60), without_verb())))
            options = [
                "--key",
                KEY,
                "--secret",
                SECRET,
                "--url",
                lrs.url,
                "--rejects",
                str(folder / "rejects"),
            ]
            outcome.imported = CliRunner().invoke(lrs_app, ["import", str(file), *options]).output
            outcome.rejects = (folder / "rejects").read_text()
            run(settings)
        yield outcome
    get_settings.cache_clear()


def test_a_missing_verb_is_refused_by_the_lrs_with_what_to_do(planted: Outcome) -> None:
    refused = planted.answers["no verb"]
    assert refused.status_code == 400
    assert "verb" in refused.text
    assert planted.answers["score that xAPI itself forbids"].status_code == 400
    assert planted.rows("select count(*) from fct_statement") == [(GOOD + 2 * DOUBLED + 4,)]


def test_a_missing_verb_in_an_import_is_set_aside_with_the_reason(planted: Outcome) -> None:
    assert "1" in planted.imported
    assert "verb" in planted.rejects
    assert planted.rejects.count("\n") == 1


def test_an_impossible_score_is_quarantined_and_counts_nowhere(planted: Outcome) -> None:
    row = planted.quarantined("impossible score")
    assert (row["source"], row["rule"]) == ("learnlake-profile", "score_scaled_in_range")
    assert (row["found"], row["allowed"], row["is_excluded"]) == ("-0.5", "0 to 1", True)
    assert planted.rows("select count(*) from fct_assessment_result") == [(0,)]
    passed, count, severity, message = planted.check("learnlake-profile", "score_scaled_in_range")
    assert (passed, count, severity) == (False, 1, "flag")
    assert message.startswith("-0.5 (allowed: 0 to 1). 1 statement(s): ")
    assert "void what was sent and send it again" in message
    assert planted.sent["impossible score"]["id"] in message


def test_a_time_in_the_future_is_quarantined_and_counts_nowhere(planted: Outcome) -> None:
    row = planted.quarantined("future")
    assert (row["source"], row["rule"], row["is_excluded"]) == ("xapi", "time_not_in_the_future", True)
    assert row["found"] == f"{NOW + dt.timedelta(days=400):%Y-%m-%dT%H:%M:%SZ}"
    seen = planted.rows("select max(responded_at) from fct_attempt")[0][0]
    assert seen.replace(tzinfo=dt.UTC) < NOW + dt.timedelta(hours=1)
    event = f"select event from fct_statement where statement_id = '{planted.sent['future']['id']}'"
    assert planted.rows(event) == [(None,)]
    assert planted.rows("from qc_unmapped") == []
    assert planted.check("fct_statement", "event_is_known")[0]
    passed, count, _, message = planted.check("xapi", "time_not_in_the_future")
    assert (passed, count) == (False, 1)
    assert "Set the clock" in message


def test_an_unknown_course_is_kept_and_flagged_beside_the_roster(planted: Outcome) -> None:
    passed, count, severity, message = planted.check("dim_course", "course_is_in_the_roster")
    assert (passed, count, severity) == (False, 1, "flag")
    assert "Import the roster that holds it" in message
    there = f"select course_key is not null, event from fct_statement where statement_id = '{planted.sent['unknown course']['id']}'"
    assert planted.rows(there) == [(True, "answered")]


def test_a_batch_that_came_twice_is_flagged_statement_by_statement(planted: Outcome) -> None:
    found = planted.rows(
        "select statement_id, is_excluded from qc_quarantine where rule = 'statement_sent_once' order by 1"
    )
    assert found == [(one, False) for one in sorted(planted.doubled)]
    passed, count, _, message = planted.check("xapi", "statement_sent_once")
    assert (passed, count) == (False, DOUBLED)
    assert "a batch was sent twice" in message
    assert "give each statement an id" in message


def test_what_kept_its_promises_is_in_the_marts_and_not_in_quarantine(planted: Outcome) -> None:
    assert planted.rows("select count(*) from fct_attempt") == [(GOOD + 2 * DOUBLED + 2,)]
    assert planted.rows("select count(distinct statement_id) from qc_quarantine") == [(2 + DOUBLED,)]
    assert planted.check("learnlake-profile", "still_sends")[0]
    blocked = planted.rows(
        "select contract, check_name, message from qc_check where not is_passed and severity = 'block'"
    )
    assert blocked == []


def test_a_source_that_went_quiet_is_found_by_the_calendar_and_a_full_refresh_quarantines_the_same(
    planted: Outcome,
) -> None:
    """Nothing new is sent; only the day is another one, which starts a run by itself."""
    held = "select * exclude (tenant) from qc_quarantine order by all"
    kept = planted.rows(held)
    later = planted.settings.model_copy(update={"today": NOW.date() + dt.timedelta(days=6)})
    assert any(reason.startswith("a new day") for reason in pending(later.home, later).reasons)
    stages.incremental(later, run_id="quiet", started_by="test", full_refresh=True)
    passed, _, severity, message = planted.check("learnlake-profile", "still_sends")
    assert (passed, severity) == (False, "flag")
    assert message.startswith(f"Silent since {NOW:%d %B %Y} (6 days; promised: something within 4 days).")
    assert "learnlake lrs credential list" in message
    assert planted.rows(held) == kept
    with duckdb.connect(str(later.home.working_file)) as connection:
        connection.execute("update main.dim_academic_session set is_running = false")
        on_holiday = quarantine.results(connection, as_of=later.today, checked_at=NOW)
    assert "still_sends" not in on_holiday["check_name"].to_list()


def test_what_was_lost_from_lake_and_marts_is_repaired_from_the_store(planted: Outcome) -> None:
    """A file of the lake is deleted, rows of the published mart too: --repair makes all three agree, and again what it was."""
    home = planted.settings.home
    everything = "select * exclude (tenant) from qc_quarantine order by all"
    kept, statements = planted.rows(everything), planted.rows("select count(*) from fct_statement")
    assert CliRunner().invoke(warehouse_app, ["reconcile"]).exit_code == 0
    next(home.lake_statements.rglob("*.parquet")).unlink()
    with snapshot.holding(home) as held:
        for path in (home.working_file, snapshot.tenant_file(held.folder, "default")):
            with duckdb.connect(str(path)) as connection:
                connection.execute("delete from main.fct_statement where seq % 2 = 0")
    assert CliRunner().invoke(warehouse_app, ["reconcile"]).exit_code == 1
    repaired = CliRunner().invoke(warehouse_app, ["reconcile", "--repair"])
    assert repaired.exit_code == 0, repaired.output
    assert "unreadable, now" in repaired.output
    assert "Marts: built anew from" in repaired.output
    assert planted.rows("select count(*) from fct_statement") == statements
    assert planted.rows(everything) == kept
    assert [check.is_equal for check in lrs_lake.verify(planted.settings)] == [True]
    again = CliRunner().invoke(warehouse_app, ["reconcile", "--repair"])
    assert again.exit_code == 0
    assert "Marts" not in again.output
