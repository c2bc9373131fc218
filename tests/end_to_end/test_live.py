"""A statement posted over HTTP reaches the teacher's open page by itself, in a run of Dagster's that the page names."""

from __future__ import annotations

import time

import duckdb
import pytest

from sources.live import LiveSchool
from sources.school import generate
from tests.dashboards.browser import browser, log_in, new_context
from tests.end_to_end.conftest import STUDENTS, TODAY, Demo
from warehouse.snapshot import current, holding, read_build, tenant_file

PATIENCE_SECONDS = 240.0
"""The promise is a minute on two idle cores, and the figure is printed; a machine that does other things is waited for."""


def runs_of_dagster(demo: Demo) -> set[str]:
    """Ids of the runs that Dagster has recorded."""
    import httpx

    query = "{ runsOrError(limit: 50) { ... on Runs { results { runId status } } } }"
    address = f"http://127.0.0.1:{demo.settings.dagster_port}/graphql"
    answer = httpx.post(address, json={"query": query}, trust_env=False, timeout=30).json()
    return {run["runId"] for run in answer["data"]["runsOrError"]["results"]}


def settled(demo: Demo) -> None:
    """Wait until the pipeline has taken in everything that is there."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while "nothing" not in demo.learnlake("status").stdout.partition("waiting")[2].partition("\n")[0]:
        assert time.monotonic() < deadline, "the pipeline does not come to rest"
        time.sleep(1)


@pytest.mark.browser
def test_a_posted_statement_shows_on_the_teachers_page_without_anyone_pressing_run(demo: Demo) -> None:
    settled(demo)
    school = generate(today=TODAY, seed=demo.record["seed"], students=STUDENTS)
    people = school.people_for_demo()
    live = LiveSchool(school, demo.settings.lrs_url, demo.record["key"], demo.record["secret"])
    section = next(s for s in live.sections(people.student) if s.teacher_id == people.teacher)
    before = demo.build()
    count_before = sum(before["statement_counts"].values())
    with browser() as chromium, new_context(chromium) as context:
        page = log_in(context, demo.dashboards, *demo.login("teacher"))
        page.goto(f"{demo.dashboards}/?class=default:{section.sourced_id}")
        page.wait_for_selector(f"text={count_before:,} statements", timeout=60_000)
        posted = live.answer(people.student, section=section, item=1)
        began = time.monotonic()
        page.wait_for_selector(f"text={count_before + 1:,} statements", timeout=PATIENCE_SECONDS * 1000)
        took = time.monotonic() - began
        note = page.locator("[role=contentinfo]").inner_text()
    print(f"from the answer to the page: {took:.1f} s")
    build = demo.build()
    assert build["started_by"] == "dagster"
    assert build["run_id"] in note
    assert build["run_id"] in runs_of_dagster(demo)
    with holding(demo.settings.home) as held:
        file = tenant_file(held.folder, "default")
        with duckdb.connect(str(file), read_only=True) as connection:
            row = connection.execute(
                "select is_correct, responded_at::date from fct_attempt where statement_id = ?", [posted]
            ).fetchone()
    assert row == (False, TODAY)


def test_nothing_new_starts_no_run_and_publishes_nothing(demo: Demo) -> None:
    settled(demo)
    folder, runs = current(demo.settings.home), runs_of_dagster(demo)
    ran = demo.learnlake("run")
    assert ran.returncode == 0, ran.stderr
    assert "Nothing is new" in ran.stdout
    time.sleep(3 * demo.settings.sensor_interval_seconds)
    assert current(demo.settings.home) == folder
    assert runs_of_dagster(demo) == runs
    assert folder and read_build(folder).statement_count
