"""Dagster's own set-up for a home folder: where it keeps its runs, how many run at once. No assets, no jobs.

Imports nothing of Dagster, so that the command line can write it before it starts Dagster.
"""

from __future__ import annotations

from pathlib import Path

import yaml

from learnlake.home import Home

CODE_LOCATION = "learnlake"


def write_instance(home: Home) -> Path:
    """Write `dagster.yaml` and answer its path. One run at a time: the working file has one writer."""
    home.dagster.mkdir(parents=True, exist_ok=True)
    settings = {
        "telemetry": {"enabled": False},
        "nux": {"enabled": False},
        "storage": {"sqlite": {"base_dir": str(home.dagster / "storage")}},
        "run_coordinator": {
            "module": "dagster.core.run_coordinator",
            "class": "QueuedRunCoordinator",
            "config": {"max_concurrent_runs": 1, "dequeue_interval_seconds": 1},
        },
        # what a run prints is in the code server's log; capturing it per step costs a process each
        "compute_logs": {
            "module": "dagster.core.storage.noop_compute_log_manager",
            "class": "NoOpComputeLogManager",
        },
        "retention": {
            "sensor": {"purge_after_days": {"skipped": 1, "failure": 30, "success": 30}},
            "schedule": {"purge_after_days": 90},
        },
    }
    target = home.dagster / "dagster.yaml"
    target.write_text(yaml.safe_dump(settings, sort_keys=False))
    return target


def write_workspace(home: Home, *, port: int) -> Path:
    """Write the workspace that names the one running code server, and answer its path."""
    home.dagster.mkdir(parents=True, exist_ok=True)
    server = {"host": "127.0.0.1", "port": port, "location_name": CODE_LOCATION}
    target = home.dagster / "workspace.yaml"
    target.write_text(yaml.safe_dump({"load_from": [{"grpc_server": server}]}, sort_keys=False))
    return target
