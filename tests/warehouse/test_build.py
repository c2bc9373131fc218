"""From lake to published snapshot: discovery, dbt, predictions, checks; the watermark moves only when all went well."""

from __future__ import annotations

import datetime as dt
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import duckdb
import polars as pl
import pytest
from sqlalchemy import Engine

from data_contracts.sql_checks import check_marts
from learnlake.errors import BusyError, ContractError, PipelineError
from learnlake.identity import Identifier
from learnlake.settings import Settings
from lrs import lake as lrs_lake
from lrs.removal import Selection, remove
from lrs.store import counts
from people.db import open_people
from tests.lrs.served import serving
from tests.warehouse.sealed import ANSWERED, HOME_PAGE, ITEM, VIEWED, activity, seal, statement
from warehouse import dbt_run, snapshot, working_file
from warehouse.build import Working, pending
from warehouse.discover import discover
from warehouse.reconcile import reconcile

DAY = dt.datetime(2026, 11, 2, 12, tzinfo=dt.UTC)
COURSE = "https://lms.test/courses/algebra"


@pytest.fixture
def people(settings: Settings) -> Iterator[Engine]:
    engine = open_people(settings)
    yield engine
    engine.dispose()


def answers(
    actor: str, count: int, *, course: str = COURSE, day: dt.datetime = DAY
) -> list[dict[str, object]]:
    return [
        statement(
            actor,
            ANSWERED,
            activity(f"https://lms.test/items/{n}", ITEM),
            at=day + dt.timedelta(minutes=n),
            course=course,
            course_title="Algebra",
            success=n % 2 == 0,
            skills=["slope"],
        )
        for n in range(count)
    ]


def run(settings: Settings, people: Engine, **options: object) -> snapshot.Build:
    """One whole run, as the pipeline does it."""
    with Working(settings.home, settings, started_by="test", **options) as working:  # type: ignore[arg-type]
        discover(working, people)
        working.transform()
        working.record_checks(check_marts(working.connection, checked_at=dt.datetime.now(dt.UTC)))
        return working.publish()


def published(settings: Settings, query: str, tenant: str = "t") -> list[tuple[object, ...]]:
    with (
        snapshot.holding(settings.home) as held,
        duckdb.connect(str(snapshot.tenant_file(held.folder, tenant)), read_only=True) as file,
    ):
        return file.execute(query).fetchall()


def test_the_whole_way_and_then_nothing_to_do(settings: Settings, people: Engine) -> None:
    home = settings.home
    assert pending(home, settings).reasons == ("nothing has been published yet",)
    seal(home, answers("ada", 4) + answers("ben", 3), stored=DAY + dt.timedelta(hours=1))
    build = run(settings, people)
    assert build.statement_count == 7
    assert published(
        settings, "select count(*), count(distinct person_key), count(distinct section_key) from fct_attempt"
    ) == [(7, 2, 1)]
    assert published(settings, "select title, is_discovered from dim_course") == [("Algebra", True)]
    assert published(settings, "select sealed_seq, statement_count, started_by from qc_build") == [
        (7, 7, "test")
    ]
    failed = "select contract, check_name, message from qc_check where not is_passed and severity = 'block'"
    assert published(settings, failed) == []
    assert published(settings, "select count(*) > 100 from qc_check") == [(True,)]
    assert not pending(home, settings)
    assert pending(home, settings, model_versions={"mastery": "2"}).reasons == ("a model has a new version",)

    later = DAY + dt.timedelta(days=1)
    seal(
        home,
        answers("ada", 2, day=later) + answers("cem", 1, course="https://lms.test/courses/geometry"),
        stored=later + dt.timedelta(hours=1),
    )
    assert pending(home, settings).reasons == ("3 statements sealed since",)
    second = run(settings, people)
    assert second.statement_count == 10
    assert published(settings, "select max(opportunity) from fct_attempt") == [(6,)]
    assert published(settings, "select count(*) from dim_person") == [(3,)]
    assert published(settings, "select count(*), bool_and(is_equal) from qc_reconciliation") == [(2, True)]


def test_a_run_that_fails_anywhere_is_done_again_and_ends_as_if_it_had_not(
    settings: Settings, people: Engine
) -> None:
    home = settings.home
    seal(home, answers("ada", 4), stored=DAY + dt.timedelta(hours=1))
    run(settings, people)
    seal(home, answers("ben", 5), stored=DAY + dt.timedelta(hours=2))
    bad = pl.DataFrame(
        {
            "tenant": ["t"],
            "contract": ["c"],
            "check_name": ["k"],
            "severity": ["block"],
            "failing_count": [1],
            "is_passed": [False],
            "message": ["m"],
            "checked_at": [DAY],
        }
    )
    for last_step in ("discover", "check"):
        with pytest.raises((RuntimeError, ContractError)), Working(home, settings) as working:
            discover(working, people)
            if last_step == "check":
                working.transform()
                working.record_checks(bad)
            raise RuntimeError("a crash")
        assert published(settings, "select count(*) from fct_statement") == [(4,)]
        assert pending(home, settings)
        with Working(home, settings) as working:
            assert (working.look().from_seq, working.window.to_seq) == (4, 9)
    build = run(settings, people)
    assert build.statement_count == 9
    counts = "select count(*), count(distinct seq), max(opportunity) from fct_attempt join fct_statement using (tenant, statement_id)"
    assert published(settings, counts) == [(9, 9, 5)]


KILLED = """
import os, sys
from learnlake.settings import get_settings
from people.db import open_people
from warehouse.build import Working
from warehouse.discover import discover
from warehouse.reconcile import reconcile
settings = get_settings()
with Working(settings.home, settings) as working:
    discover(working, open_people(settings))
    def die(name, done, total):
        if done * 2 > total:
            os._exit(9)
    working.transform(on_progress=die)
"""


def test_a_run_killed_in_the_middle_of_dbt_or_a_broken_file_leaves_nothing_in_the_way(
    settings: Settings, people: Engine
) -> None:
    home = settings.home
    seal(home, answers("ada", 4), stored=DAY + dt.timedelta(hours=1))
    run(settings, people)
    seal(home, answers("ben", 5), stored=DAY + dt.timedelta(hours=2))
    root = Path(__file__).resolve().parents[2]
    killed = subprocess.run([sys.executable, "-c", KILLED], cwd=root, capture_output=True, timeout=300)
    assert killed.returncode == 9, killed.stderr.decode()[-2000:]
    assert run(settings, people).statement_count == 9
    whole = "select count(*), count(distinct statement_id) from fct_attempt"
    assert published(settings, whole) == [(9, 9)]
    home.working_file.write_bytes(b"not a database" * 1000)  # as a failing disk leaves it: built anew
    assert run(settings, people).statement_count == 9
    assert published(settings, whole) == [(9, 9)]


def test_what_was_deleted_leaves_lake_and_marts_and_all_three_agree(
    settings: Settings, people: Engine, free_port: Callable[[], int]
) -> None:
    """The whole way: LRS over HTTP, sealed, built, deleted, built again."""
    home = settings.home
    with serving(settings, free_port()) as lrs, lrs.client() as client:

        def store(*actors: str) -> None:
            for actor in actors:
                client.post("/statements", json=answers(actor, 4)).raise_for_status()
            lrs_lake.seal_once(settings)

        def days_that_differ() -> int:
            return reconcile(home, counts(settings)).filter(~pl.col("is_equal")).height

        store("ada", "ben")
        run(settings, people)
        ada = published(settings, "select person_key from fct_statement where seq = 1", "default")[0][0]
        with Working(home, settings) as working:
            working.connection.execute(
                "insert into main.prd_mastery by name"
                " select 'default' as tenant, ? as person_key, 's' as skill_key",
                [ada],
            )
        assert days_that_differ() == 0
        removed = remove(settings, Selection("default", agents=[Identifier.account(HOME_PAGE, "ada")]))
        assert (removed.statements, removed.lake_rows) == (4, 4)
        assert pending(home, settings).reasons == ("statements were removed from the lake",)
        assert days_that_differ() == 1
        store("eve")
        run(settings, people)
        assert days_that_differ() == 0
        assert published(settings, "select count(*) from fct_statement where seq <= 4", "default") == [(0,)]
        assert published(settings, "select count(*) from prd_mastery", "default") == [(0,)]
        assert not pending(home, settings)
        store("eve")
        with Working(home, settings) as working:
            assert not working.look().is_full_refresh


def test_a_second_run_is_told_who_holds_the_working_file(settings: Settings) -> None:
    with (
        Working(settings.home, settings, run_id="the first"),
        pytest.raises(BusyError, match="the first"),
        Working(settings.home, settings),
    ):
        pass
    with Working(settings.home, settings):
        pass


def test_predictions_replace_the_rows_of_their_keys_only(settings: Settings) -> None:
    def rows(*people: str, risk: float) -> pl.DataFrame:
        return pl.DataFrame(
            [{"tenant": "t", "person_key": p, "section_key": "s", "risk": risk} for p in people]
        )

    with Working(settings.home, settings) as working:
        working.replace_rows("prd_risk", rows("a", "b", "c", risk=0.1), ["tenant", "person_key"])
        working.replace_rows(
            "prd_risk",
            rows("b", risk=0.9),
            ["tenant", "person_key"],
            scope=pl.DataFrame({"tenant": ["t", "t"], "person_key": ["b", "c"]}),
        )
        held = "select person_key, risk from prd_risk order by 1"
        assert list(working.frame(held).iter_rows()) == [("a", 0.1), ("b", 0.9)]
        with pytest.raises(PipelineError, match="do not fit"):
            working.replace_rows("prd_risk", pl.DataFrame({"tenant": ["t"], "person_key": [None]}), [])
        assert working.frame(held).height == 2
        with pytest.raises(PipelineError, match="not a table that a stage fills"):
            working.replace_rows("fct_statement", rows("a", risk=0), [])


def test_nothing_is_published_before_anything_was_built(settings: Settings) -> None:
    with (
        Working(settings.home, settings) as working,
        pytest.raises(PipelineError, match="nothing to publish"),
    ):
        working.publish()


def test_a_table_with_an_older_declaration_is_made_anew(settings: Settings) -> None:
    path = settings.home.working_file
    path.parent.mkdir(exist_ok=True)
    with duckdb.connect(str(path)) as old:
        old.execute("create table prd_risk as select 1 as tenant")
    with working_file.connect(settings.home, settings, path) as connection:
        assert connection.execute("select count(*) from prd_risk").fetchone() == (0,)


def test_known_actors_and_courses_are_not_found_again(settings: Settings, people: Engine) -> None:
    seal(settings.home, answers("ada", 4), stored=DAY)
    with Working(settings.home, settings) as working:
        first = discover(working, people)
        assert (first.persons, first.organisations, first.courses, first.enrolments) == (1, 1, 1, 1)
        assert not discover(working, people)
    outside = statement(
        "eve",
        VIEWED,
        activity("https://lms.test/page", "http://id.tincanapi.com/activitytype/resource"),
        at=DAY,
    )
    seal(settings.home, [outside], stored=DAY)
    with Working(settings.home, settings) as working:
        second = discover(working, people)
    assert (second.persons, second.courses, second.enrolments) == (1, 0, 0)


def test_a_checkout_that_has_moved_is_parsed_anew(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    here = dbt_run.target(settings.home)
    monkeypatch.setattr(dbt_run, "DBT_PROJECT", tmp_path / "elsewhere" / "dbt_project")
    assert dbt_run.target(settings.home) != here
