"""What Dagster is told: loads without secrets, is light, and holds the jobs, sensor, schedules and lineage that operators rely on."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import dagster as dg
import pytest
import yaml

from learnlake.settings import Settings
from pipelines import assets, contracts
from pipelines.instance import write_instance, write_workspace
from pipelines.loading import definitions
from tests.test_imports import HEAVY

ROOT = Path(__file__).parents[2]
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
    jobs = {name for name in repository.job_names if not name.startswith("__")}
    assert jobs == {"incremental", "training", "drift", "suites", "backfill"}
    assert {sensor.name for sensor in repository.sensor_defs} == {"new_statements"}
    assert {schedule.name for schedule in repository.schedule_defs} == {
        "nightly_suites",
        "nightly_drift",
        "nightly_training",
    }


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


def test_the_sensor_looks_as_often_as_the_settings_say_and_is_on(loaded: dg.Definitions) -> None:
    sensor = loaded.resolve_sensor_def("new_statements")
    assert sensor.minimum_interval_seconds == Settings().sensor_interval_seconds
    assert sensor.default_status == dg.DefaultSensorStatus.RUNNING


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
