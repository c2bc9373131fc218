"""Dagster's daemon for one home folder: clears what an earlier, killed daemon left behind, then runs Dagster's own.

A run that was in progress when everything was killed would count as running for ever and, with one run at a time,
keep every later one waiting.
"""

from __future__ import annotations

import sys

from dagster import DagsterInstance, DagsterRunStatus, RunsFilter

UNFINISHED = [
    DagsterRunStatus.QUEUED,
    DagsterRunStatus.NOT_STARTED,
    DagsterRunStatus.MANAGED,
    DagsterRunStatus.STARTING,
    DagsterRunStatus.STARTED,
    DagsterRunStatus.CANCELING,
]


def end_lost_runs(instance: DagsterInstance) -> int:
    """Mark every run that no process works on any more as failed; answer how many. Call before any daemon runs."""
    lost = instance.get_runs(filters=RunsFilter(statuses=UNFINISHED))
    for run in lost:
        instance.report_run_failed(
            run, message="The services were stopped while this run was waiting or at work."
        )
    return len(lost)


def main() -> None:
    """`python -m pipelines.daemon -w WORKSPACE`: arguments are those of `dagster-daemon run`."""
    from dagster._daemon.cli import cli

    with DagsterInstance.get() as instance:
        end_lost_runs(instance)
    cli(["run", *sys.argv[1:]])


if __name__ == "__main__":
    main()
