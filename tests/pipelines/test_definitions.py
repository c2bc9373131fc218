"""What Dagster is told: loads without secrets, is light, and holds the jobs, sensor, schedules and lineage that operators rely on."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
import yaml

from learnlake.settings import Settings
from pipelines import assets, contracts, lineage, policies
from pipelines.instance import write_instance, write_workspace
from pipelines.loading import definitions
from tests.test_imports import HEAVY

ROOT = Path(__file__).parents[2]
SNAPSHOT = Path(__file__).with_name("definitions.json")
LINEAGE = {
    # asset: what it must be made from, directly or through others
    "prd_mastery": {"fct_attempt", "stg_statement", "lake/statement", "mastery_model"},
    "prd_risk": {"msr_student_week", "fct_attendance", "lake/statement", "risk_model"},
    "prd_next_activity": {"prd_mastery", "brg_skill_prerequisite", "catalogue/prerequisite"},
    "risk_model": {"msr_student_week", "fct_outcome"},
    "snapshot": {"prd_risk", "qc_reconciliation", "people/enrolment", "discovered_people"},
}


@pytest.fixture(scope="module")
def loaded(tmp_path_factory: pytest.TempPathFactory) -> dg.Definitions:
    """The definitions over an empty home folder."""
    settings = Settings(LEARNLAKE_HOME=tmp_path_factory.mktemp("definitions"))
    return definitions(settings)


def test_they_load(loaded: dg.Definitions) -> None:
    dg.Definitions.validate_loadable(loaded)
    repository = loaded.get_repository_def()
    assert repository.job_names


def described(loaded: dg.Definitions) -> dict[str, Any]:
    """What operators rely on, in plain values. dbt's models and sources are held by docs/architecture.md and the contracts."""
    repository, graph = loaded.get_repository_def(), loaded.resolve_asset_graph()
    jobs = [loaded.resolve_job_def(name) for name in repository.job_names if not name.startswith("__")]
    dbt = {key for key in graph.get_all_asset_keys() if "dbt" in graph.get(key).kinds}
    read = {key for key in graph.get_all_asset_keys() if "parquet" in graph.get(key).kinds}
    nodes = [graph.get(key) for key in sorted(graph.get_all_asset_keys() - dbt - read)]
    return {
        "jobs": {
            job.name: {
                "steps": [node.name for node in job.nodes_in_topological_order],
                "tags": dict(job.run_tags),
                "retries": job.get_retry_policy_for_handle(
                    dg._core.definitions.dependency.NodeHandle(job.nodes_in_topological_order[0].name, None)
                ).max_retries
                if job.name != "incremental"
                else 0,
            }
            for job in sorted(jobs, key=lambda job: job.name)
        },
        "sensors": {
            sensor.name: {
                "every_seconds": sensor.minimum_interval_seconds,
                "is_on": sensor.default_status == dg.DefaultSensorStatus.RUNNING,
                "starts": [target.job_name for target in sensor.targets],
            }
            for sensor in sorted(repository.sensor_defs, key=lambda sensor: sensor.name)
        },
        "schedules": {
            schedule.name: {
                "job": schedule.job_name,
                "cron": schedule.cron_schedule,
                "timezone": schedule.execution_timezone,
                "is_on": schedule.default_status == dg.DefaultScheduleStatus.RUNNING,
            }
            for schedule in sorted(repository.schedule_defs, key=lambda schedule: schedule.name)
        },
        "assets": {
            node.key.to_user_string(): {
                "group": node.group_name,
                "made_from": sorted(key.to_user_string() for key in node.parent_keys - dbt),
                "partitions": type(node.partitions_def).__name__ if node.partitions_def else None,
                "fails_after_hours": _hours(node),
            }
            for node in nodes
        },
        "source_checks": sorted(
            key.name for key in graph.asset_check_keys if key.asset_key == lineage.STATEMENTS
        ),
    }


def _hours(node: Any) -> float | None:
    policy = (
        node.freshness_policy_or_from_metadata if hasattr(node, "freshness_policy_or_from_metadata") else None
    )
    policy = policy or node.freshness_policy
    return policy.fail_window.to_timedelta().total_seconds() / 3600 if policy else None


def test_they_are_as_the_snapshot_says(loaded: dg.Definitions) -> None:
    """A change is meant or a mistake: `LEARNLAKE_RENEW=1` writes the snapshot anew, and the diff shows which."""
    found = json.loads(json.dumps(described(loaded)))
    if os.environ.get("LEARNLAKE_RENEW"):
        SNAPSHOT.write_text(json.dumps(found, indent=1, sort_keys=True) + "\n")
    assert found == json.loads(SNAPSHOT.read_text())


def test_every_asset_has_the_freshness_policy_of_its_group(loaded: dg.Definitions) -> None:
    graph = loaded.resolve_asset_graph()
    for node in (graph.get(key) for key in graph.get_all_asset_keys()):
        assert node.group_name in policies.FRESHNESS.keys() | policies.NO_POLICY, node.key
        assert (_hours(node) is None) == (node.group_name in policies.NO_POLICY), node.key


def test_the_incremental_job_is_few_coarse_steps_in_one_process(loaded: dg.Definitions) -> None:
    job = loaded.resolve_job_def("incremental")
    assert [node.name for node in job.nodes_in_topological_order] == [
        "discovered_people",
        "qc_quarantine",
        "transform",
        "contracts",
        "score",
        "snapshot",
    ]
    assert job.executor_def is dg.in_process_executor


def test_statements_and_roster_are_looked_for_as_often_as_the_settings_say(loaded: dg.Definitions) -> None:
    for name in ("new_statements", "new_roster"):
        assert loaded.resolve_sensor_def(name).minimum_interval_seconds == Settings().sensor_interval_seconds


@pytest.mark.parametrize("asset", LINEAGE)
def test_lineage_goes_from_statement_to_prediction(loaded: dg.Definitions, asset: str) -> None:
    graph = loaded.resolve_asset_graph()
    above = {key.to_user_string() for key in graph.get_ancestor_asset_keys(dg.AssetKey(asset))}
    assert LINEAGE[asset] <= above


def test_every_mart_contract_that_a_run_can_break_is_a_blocking_check(loaded: dg.Definitions) -> None:
    graph = loaded.resolve_asset_graph()
    checked = {key.asset_key.path[-1] for key in graph.asset_check_keys if key.name == "contract"}
    promised = {c.name for c in (*contracts.built_contracts(), *contracts.prediction_contracts())}
    assert checked == promised
    assert {"fct_statement", "msr_student_week", "prd_risk"} <= promised
    assert all(graph.get_check_spec(key).blocking for key in graph.asset_check_keys if key.name == "contract")


def test_back_fills_are_by_day(loaded: dg.Definitions) -> None:
    graph = loaded.resolve_asset_graph()
    assert graph.get(assets.BY_DAY).partitions_def == assets.DAYS


def test_loading_them_imports_no_trainer_and_no_suite(settings: Settings) -> None:
    code = "import sys, pipelines.definitions; print(' '.join({n.partition('.')[0] for n in sys.modules}))"
    result = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code], capture_output=True, text=True, check=True, cwd=ROOT
    )
    assert not set(result.stdout.split()) & (set(HEAVY) - {"dagster"})


def test_the_workspace_names_the_definitions() -> None:
    workspace = yaml.safe_load((ROOT / "workspace.yaml").read_text())
    assert workspace["load_from"][0]["python_module"]["module_name"] == "pipelines.definitions"


def test_the_instance_runs_one_at_a_time_and_tells_nobody(settings: Settings) -> None:
    write_workspace(settings.home, port=4242)
    written = yaml.safe_load(write_instance(settings.home).read_text())
    assert written["telemetry"] == {"enabled": False}
    with dg.DagsterInstance.from_config(str(settings.home.dagster)) as instance:
        assert instance.run_coordinator.get_run_queue_config().max_concurrent_runs == 1
        assert instance.storage_directory().startswith(str(settings.home.dagster))
