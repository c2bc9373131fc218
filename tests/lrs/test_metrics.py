"""What /metrics tells an operator: commits, the queue, and how far the lake is behind."""

from __future__ import annotations

import time

import httpx
from prometheus_client.parser import text_string_to_metric_families

from lrs import lake
from tests.lrs.served import Lrs, statement


def figures(lrs: Lrs) -> dict[str, float]:
    """Every sample without labels."""
    text = httpx.get(f"{lrs.root}/metrics").text
    return {
        sample.name: sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if not sample.labels
    }


def wait_until(lrs: Lrs, name: str, value: float) -> dict[str, float]:
    """The lake's log is looked at once a second at most."""
    deadline = time.monotonic() + 60
    while (found := figures(lrs))[name] != value:
        assert time.monotonic() < deadline, found
        time.sleep(0.2)
    return found


def test_commits_queue_and_seal_lag(each_lrs: Lrs) -> None:
    assert figures(each_lrs)["lrs_seal_lag_statements"] == 0
    with each_lrs.client() as client:
        for size in (1, 30):
            client.post("/statements", json=[statement() for _ in range(size)]).raise_for_status()
    found = wait_until(each_lrs, "lrs_seal_lag_statements", 31)
    assert found["lrs_seal_lag_seconds"] > 0
    assert found["lrs_queue_statements"] == 0
    assert found["lrs_statements_stored_total"] == 31
    assert (found["lrs_commit_statements_count"], found["lrs_commit_statements_sum"]) == (2, 31)
    assert found["lrs_commit_seconds_count"] == 2 and found["lrs_commit_seconds_sum"] > 0
    lake.seal_once(each_lrs.settings)
    with each_lrs.client() as client:
        client.post("/statements", json=[statement() for _ in range(5)]).raise_for_status()
    assert wait_until(each_lrs, "lrs_seal_lag_statements", 5)["lrs_seal_lag_seconds"] > 0
    lake.seal_once(each_lrs.settings)
    assert wait_until(each_lrs, "lrs_seal_lag_statements", 0)["lrs_seal_lag_seconds"] == 0
