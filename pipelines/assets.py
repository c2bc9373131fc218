"""What the pipeline makes, as Dagster sees it: a few coarse steps whose assets carry the lineage from statement to prediction.

Each step calls one stage of `pipelines.stages`. All steps of a run share one working file and one process: a process per
step would cost half a minute each.
"""

import datetime as dt
from collections.abc import Iterator
from typing import Any

import dagster as dg

from learnlake.settings import Settings
from models.retraining import Trained
from pipelines import checks, contracts, lineage, stages
from pipelines.resources import RUN, WAIT_SECONDS
from pipelines.training import NEEDED
from warehouse.build import Working

Result = dg.MaterializeResult[Any]

DISCOVERED = dg.AssetKey("discovered_people")
SNAPSHOT = dg.AssetKey("snapshot")
BY_DAY = dg.AssetKey("statements_by_day")
QUARANTINE = dg.AssetKey("qc_quarantine")
DRIFT = dg.AssetKey("qc_drift")
VALUE = dg.AssetKey("recommendation_value")
MODELS: dict[str, tuple[str, ...]] = {
    "mastery_model": ("fct_attempt",),
    "risk_model": ("msr_student_week", "fct_outcome", "dim_academic_session"),
}
"""Each model that predictions need, and what it learns from."""
POLICY = dg.AssetKey("recommendation_model")
PREDICTIONS: dict[str, tuple[str, ...]] = {
    "prd_mastery": ("fct_attempt", "dim_skill", "mastery_model"),
    "prd_risk": ("msr_student_week", "brg_enrolment", "risk_model"),
    "prd_next_activity": (
        *("prd_mastery", "mastery_model", "fct_attempt", "fct_statement", "brg_enrolment"),
        *("dim_activity", "dim_skill", "brg_activity_skill", "brg_skill_prerequisite"),
    ),  # and by recommendation_model, which learns from yesterday's choices: Dagster knows no such circle
    "prd_resource": ("fct_resource_use", "msr_resource_effect", "brg_enrolment", "dim_activity"),
    "prd_choice": ("prd_next_activity", "mastery_model", "fct_attempt", "fct_statement"),
    "prd_record": ("prd_mastery", "prd_risk", "fct_attempt", "msr_student_week"),
}
"""Each prediction mart and what it is made from."""
TRIGGER_TAG = "learnlake/trigger"
"""Tag of a training run: what made us train."""
DAYS = dg.DailyPartitionsDefinition(start_date="2010-01-01", timezone="UTC")
"""UTC days on which statements were stored, from before xAPI was."""


def incremental_assets(models: list[dg.AssetSpec]) -> list[dg.AssetsDefinition]:
    """The steps of the incremental job over the dbt `models`."""
    marts = [spec.key for spec in models if spec.group_name == "marts"]
    return [_discovery(), _quarantine(), _transformation(models), _predictions(), _snapshot(marts)]


def _discovery() -> dg.AssetsDefinition:
    @dg.asset(
        key=DISCOVERED,
        deps=[lineage.STATEMENTS],
        group_name="lake",
        required_resource_keys={RUN},
        description="People and courses that statements name and no roster knows, registered and given keys.",
    )
    def discover(context: dg.AssetExecutionContext) -> Result:
        return dg.MaterializeResult(metadata={"new": stages.discover(_working(context))})

    return discover


def _quarantine() -> dg.AssetsDefinition:
    @dg.asset(
        key=QUARANTINE,
        deps=[lineage.STATEMENTS, DISCOVERED],
        group_name="quality",
        required_resource_keys={RUN},
        description="Statements that break what their source promises, with rule, value and mend; the worst count nowhere.",
    )
    def quarantine(context: dg.AssetExecutionContext) -> Result:
        return dg.MaterializeResult(metadata={"new": stages.quarantine(_working(context))})

    return quarantine


def _transformation(models: list[dg.AssetSpec]) -> dg.AssetsDefinition:
    @dg.multi_asset(
        name="transform",
        specs=[_in_order(spec) for spec in models],
        required_resource_keys={RUN},
        description="dbt over the statements that are new.",
    )
    def transform(context: dg.AssetExecutionContext) -> Iterator[Result]:
        seconds = {run.name: run.seconds for run in stages.transform(_working(context))}
        for spec in models:
            took = round(seconds.get(spec.key.path[-1], 0.0), 3)
            yield dg.MaterializeResult(asset_key=spec.key, metadata={"seconds": took})

    return transform


def _in_order(spec: dg.AssetSpec) -> dg.AssetSpec:
    """What reads the roster waits for discovery, which may add to it; what gives statements a meaning for quarantine."""
    reads_people = any(dep.asset_key.path[0] == lineage.PEOPLE for dep in spec.deps)
    gives_meaning = spec.key.path[-1] == "int_statement_change"
    waits_for = [key for key, waits in ((DISCOVERED, reads_people), (QUARANTINE, gives_meaning)) if waits]
    return spec.merge_attributes(deps=waits_for)


def _predictions() -> dg.AssetsDefinition:
    specs = checks.specs_of(contracts.prediction_contracts())

    @dg.multi_asset(
        name="score",
        specs=[
            dg.AssetSpec(name, deps=list(deps), group_name="predictions", kinds={"duckdb"})
            for name, deps in PREDICTIONS.items()
        ],
        required_resource_keys={RUN},
        check_specs=specs,
        description="The champions' predictions for what has changed. Nothing is fitted here.",
    )
    def score(context: dg.AssetExecutionContext) -> Iterator[Result | dg.AssetCheckResult]:
        rows: dict[str, int] = {}
        yield from checks.judged(_working(context), lambda working: rows.update(stages.score(working)), specs)
        for name in PREDICTIONS:
            yield dg.MaterializeResult(asset_key=dg.AssetKey(name), metadata={"rows": rows.get(name, 0)})

    return score


def _snapshot(marts: list[dg.AssetKey]) -> dg.AssetsDefinition:
    @dg.asset(
        key=SNAPSHOT,
        deps=[*marts, *(dg.AssetKey(name) for name in PREDICTIONS)],
        group_name="published",
        required_resource_keys={RUN},
        description="The marts as every page, query and export reads them: appears whole or not at all.",
    )
    def publish(context: dg.AssetExecutionContext) -> Result:
        build = stages.publish(_working(context))
        facts: dict[str, Any] = {
            "build_id": build.build_id,
            "sealed_seq": build.sealed_seq,
            "statements": build.statement_count,
            "as_of": build.as_of.isoformat(),
        }
        return dg.MaterializeResult(metadata=facts)

    return publish


def training(settings: Settings) -> dg.AssetsDefinition:
    """Fitting on what the newest run left, registering, and promoting what is better."""

    @dg.multi_asset(
        name="train",
        specs=[
            dg.AssetSpec(name, deps=list(deps), group_name="models", kinds={"mlflow"})
            for name, deps in MODELS.items()
        ],
        can_subset=False,
        description="Fits, evaluates on held-out students, registers; the better model becomes champion.",
    )
    def train(context: dg.AssetExecutionContext) -> Iterator[Result]:
        trained = stages.train(settings, trigger=_trigger(context), kinds=NEEDED)
        for name in MODELS:
            found = [one for one in trained if f"{one.kind}_model" == name]
            yield dg.MaterializeResult(asset_key=dg.AssetKey(name), metadata=_told(found))

    return train


def policy_training(settings: Settings) -> dg.AssetsDefinition:
    """A step of its own: it learns from what the predictions led to."""

    @dg.asset(
        key=POLICY,
        deps=["prd_choice"],
        group_name="models",
        kinds={"mlflow"},
        description="Learns a policy from explored choices; it is let on where its off-line value is better beyond chance.",
    )
    def train_policy(context: dg.AssetExecutionContext) -> Result:
        trained = stages.train(settings, trigger=_trigger(context), kinds=("recommendation",))
        return dg.MaterializeResult(metadata=_told(trained))

    return train_policy


def _trigger(context: dg.AssetExecutionContext) -> str:
    return context.run.tags.get(TRIGGER_TAG, "monthly")


def _told(trained: list[Trained]) -> dict[str, Any]:
    facts: dict[str, Any] = {}
    for one in trained:
        facts[f"{one.tenant} version"] = one.version or "none"
        facts[f"{one.tenant} decision"] = one.reason
        facts |= {f"{one.tenant} {metric}": value for metric, value in one.metrics.items()}
    return facts


def drift(settings: Settings) -> dg.AssetsDefinition:
    """Whether what the models read has moved since they learned."""

    @dg.asset(
        key=DRIFT,
        deps=["prd_risk", "msr_student_week", "dim_academic_session"],
        group_name="quality",
        description="Distribution of each feature in the running session against the session before.",
    )
    def measure(context: dg.AssetExecutionContext) -> Result:
        rows = stages.drift(settings, run_id=context.run_id, started_by="dagster", wait_seconds=WAIT_SECONDS)
        drifted = rows.filter(rows["has_drifted"])["feature"].to_list()
        return dg.MaterializeResult(metadata={"features": len(rows), "drifted": ", ".join(drifted) or "none"})

    return measure


def policy_value(settings: Settings) -> dg.AssetsDefinition:
    """What the recommender's policies are worth on the choices kept."""

    @dg.asset(
        key=VALUE,
        deps=["prd_choice", "recommendation_model"],
        group_name="quality",
        description="Off-line value of each policy on explored choices with their outcomes, and whether a learned one would be let on.",
    )
    def measure(context: dg.AssetExecutionContext) -> Result:
        facts: dict[str, Any] = {}
        for tenant, told in stages.policy_values(settings).items():
            facts |= {f"{tenant} {name}": value for name, value in told.items()}
        return dg.MaterializeResult(metadata=facts)

    return measure


def by_day(settings: Settings) -> dg.AssetsDefinition:
    """Back-fills: the statements stored on some days are taken from the lake once more."""

    @dg.asset(
        key=BY_DAY,
        deps=[lineage.STATEMENTS],
        partitions_def=DAYS,
        backfill_policy=dg.BackfillPolicy.single_run(),
        group_name="lake",
        description="Takes the statements of the chosen days, and of all later ones, from the lake into the marts again.",
    )
    def retake(context: dg.AssetExecutionContext) -> Result:
        first = min(dt.date.fromisoformat(key) for key in context.partition_keys)
        outcome = stages.incremental(
            settings,
            run_id=context.run_id,
            started_by="dagster",
            retake_from=first,
            wait_seconds=WAIT_SECONDS,
        )
        facts = {"build_id": outcome.build.build_id} if outcome.build else {}
        return dg.MaterializeResult(metadata={"from": first.isoformat(), **facts})

    return retake


def _working(context: dg.AssetExecutionContext) -> Working:
    held: Working = getattr(context.resources, RUN)
    return held
