"""The champions' predictions into the working file: whose rows go to which model, and where its answer goes. Nothing is fitted.

Only people and sections whose facts this run computed anew are scored again, unless the roster, the day or a model changed.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import polars as pl

from learnlake.clock import utc_now
from models import recommendation, registry, resources
from models.code import code_version
from models.mastery.sequences import ATTEMPT_COLUMNS
from pipelines import choosing
from pipelines.progress import Progress
from warehouse import generations, records
from warehouse.build import Working
from warehouse.tables import quoted

MASTERY = "prd_mastery"
RISK = "prd_risk"
NEXT_ACTIVITY = "prd_next_activity"
RESOURCE = "prd_resource"
_PERSON = ("tenant", "person_key")
_SECTION = ("tenant", "section_key")
_REFUSED = "select tenant, person_key from main.dim_person where not allows_prediction"


def score(working: Working, *, progress: Progress) -> dict[str, int]:
    """Predict for every tenant; answer the rows written by table."""
    choosing.recover(working)
    chosen: list[pl.DataFrame] = []
    steps: dict[str, Callable[[Working, str], int]] = {
        MASTERY: _mastery,
        RISK: _risk,
        NEXT_ACTIVITY: lambda working, tenant: _next_activity(working, tenant, chosen),
        choosing.CHOICE: _choices,
        RESOURCE: _resources,
    }
    written = dict.fromkeys(steps, 0)
    work = [(tenant, table) for tenant in tenants(working) for table in steps]
    for done, (tenant, table) in enumerate(work):
        progress("score", done, len(work), table)
        written[table] += steps[table](working, tenant)
    choosing.propose(working, chosen)
    _drop_refused(working)
    progress("score", len(work), len(work), f"{sum(written.values()):,} predictions")
    return written


def tenants(working: Working) -> list[str]:
    """The tenants that have anybody in the marts."""
    return list(working.frame("select distinct tenant from main.dim_person order by 1")["tenant"])


def _drop_refused(working: Working) -> None:
    """Take away what was predicted about people before they refused, those who have left their sections included."""
    refused = working.frame(_REFUSED)
    for table in (MASTERY, RISK, NEXT_ACTIVITY, RESOURCE, choosing.CHOICE, records.TABLE):
        none = working.frame(f"from main.{quoted(table)} where false")
        working.replace_rows(table, none, _PERSON, scope=refused)
    if working.window.is_people_changed:
        choosing.forget(working, refused)


def _mastery(working: Working, tenant: str) -> int:
    people = _people_to_score(working, tenant, MASTERY)
    force = _in_force(working, "mastery", tenant) if len(people) else None
    if force is None:
        return 0
    threshold = working.settings.mastery_threshold

    def scored(model: Any, attempts: pl.DataFrame) -> pl.DataFrame:
        rows: pl.DataFrame = model.score(attempts, working.window.as_of, mastery_threshold=threshold)
        return rows

    rows = _by_arm(force, _rows(working, "fct_attempt", people, _PERSON), "person_key", scored)
    working.replace_rows(MASTERY, rows, _PERSON, scope=people)
    _record(working, "mastery", tenant, force, people, rows, {"mastery_threshold": threshold})
    return len(rows)


def _risk(working: Working, tenant: str) -> int:
    is_all = _is_all(working, tenant, RISK)
    source = "main.msr_student_week" if is_all else "intermediate.int_touched_week"
    sections = working.frame(
        f"select distinct tenant, section_key from {source} where tenant = $tenant", {"tenant": tenant}
    )
    force = _in_force(working, "risk", tenant) if len(sections) else None
    if force is None:
        return 0
    enrolments = _rows(working, "brg_enrolment", sections, _SECTION)
    share = working.settings.at_risk_share

    def scored(model: Any, weeks: pl.DataFrame) -> pl.DataFrame:
        rows: pl.DataFrame = model.score(
            weeks, working.window.as_of, at_risk_share=share, enrolments=enrolments
        )
        return rows

    rows = _by_arm(force, _rows(working, "msr_student_week", sections, _SECTION), "section_key", scored)
    working.replace_rows(RISK, rows, _SECTION, scope=sections)
    _record(working, "risk", tenant, force, sections, rows, {"at_risk_share": share})
    return len(rows)


def _by_arm(
    force: registry.InForce,
    inputs: pl.DataFrame,
    key: str,
    scored: Callable[[Any, pl.DataFrame], pl.DataFrame],
) -> pl.DataFrame:
    """`inputs` scored by the champion and, during a trial, the other model's share by that one."""
    if force.canary is None:
        return scored(force.champion, inputs)
    units = inputs[key].unique().to_list()
    in_trial = pl.col(key).is_in([unit for unit in units if force.arm(unit) == registry.CANARY])
    return pl.concat(
        [scored(force.champion, inputs.filter(~in_trial)), scored(force.canary, inputs.filter(in_trial))]
    )


def _record(
    working: Working,
    kind: str,
    tenant: str,
    force: registry.InForce,
    scope: pl.DataFrame,
    rows: pl.DataFrame,
    parameters: dict[str, Any],
) -> None:
    """Keep with what each of `rows` was made, so that it can be made again."""
    unit = records.UNIT[kind]
    units = rows[unit].unique().sort().to_list()
    hashes = records.features_hashes(working.connection, kind, tenant, units, inputs_of(kind))
    made = pl.DataFrame(
        {
            "unit_key": units,
            "features_hash": [hashes[key] for key in units],
            "model_version": [force.of(key).version for key in units],
            "arm": [force.arm(key) for key in units],
        },
        schema=dict.fromkeys(("unit_key", "features_hash", "model_version", "arm"), pl.String),
    )
    frame = records.rows(
        kind,
        made,
        tenant=tenant,
        experiment=force.experiment or None,
        model_name=force.champion.name,
        as_of=working.window.as_of,
        code_version=code_version(),
        parameters=json.dumps(parameters, sort_keys=True),
        run_id=working.run_id,
        sealed_seq=working.window.to_seq,
        made_at=utc_now().replace(tzinfo=None),
    )
    gone = scope.select("tenant", unit_key=unit, kind=pl.lit(kind))
    working.replace_rows(records.TABLE, frame, ("tenant", "unit_key", "kind"), scope=gone)


def inputs_of(kind: str) -> tuple[str, ...]:
    """Columns that a prediction of `kind` is made from."""
    if kind == "mastery":
        return tuple(c for c in ATTEMPT_COLUMNS if c != "tenant")
    from models.risk.columns import WEEK_COLUMNS

    return tuple(c for c in WEEK_COLUMNS if c != "tenant")


def _next_activity(working: Working, tenant: str, chosen: list[pl.DataFrame]) -> int:
    """Suggestions rest on the mastery that was predicted just before. What is to be kept of them is added to `chosen`."""
    people = _people_to_score(working, tenant, NEXT_ACTIVITY)
    force = _in_force(working, "mastery", tenant) if len(people) else None
    if force is None:
        return 0
    policies = _policies(working, tenant)
    enrolments = _rows(working, "brg_enrolment", people, _PERSON)
    opened = "distinct person_key, activity_key, occurred_date"
    shared = {
        "attempts": _rows(working, "fct_attempt", people, _PERSON),
        "seen": _rows(working, "fct_statement", people, _PERSON, columns=opened),
        "overrides": _told(working, tenant, "override"),
        "preferences": _told(working, tenant, "preference"),
        "as_of": working.window.as_of,
        "activities": _all_rows(working, "dim_activity", tenant),
        "activity_skills": _all_rows(working, "brg_activity_skill", tenant),
        "skills": _all_rows(working, "dim_skill", tenant),
        "prerequisites": _all_rows(working, "brg_skill_prerequisite", tenant),
        "tracing": force.champion,
        "mastery_threshold": working.settings.mastery_threshold,
        "explore": working.settings.recommendation_explore_share,
    }
    mastery = _rows(working, MASTERY, people, _PERSON)
    written = []
    for arm, members in _arms(policies, enrolments):
        policy = policies.canary if arm == registry.CANARY else policies.champion
        found = recommendation.recommend(mastery, enrolments=members, policy=policy.policy, **shared)
        written.append(found.rows)
        chosen.append(choosing.logged(found, working, arm=arm, experiment=policies.experiment or None))
    rows = pl.concat(written)
    working.replace_rows(NEXT_ACTIVITY, rows, _PERSON, scope=people)
    return len(rows)


def _policies(working: Working, tenant: str) -> registry.InForce:
    """The policies that rank: the rule until a learned one has been let on."""
    return _in_force(working, "recommendation", tenant) or registry.InForce(recommendation.RegisteredPolicy())


def _arms(force: registry.InForce, enrolments: pl.DataFrame) -> list[tuple[str, pl.DataFrame]]:
    """The people of each arm. During no trial all are the champion's."""
    if force.canary is None:
        return [(registry.CHAMPION, enrolments)]
    people = enrolments["person_key"].unique().to_list()
    in_trial = pl.col("person_key").is_in([key for key in people if force.arm(key) == registry.CANARY])
    return [(registry.CHAMPION, enrolments.filter(~in_trial)), (registry.CANARY, enrolments.filter(in_trial))]


def _choices(working: Working, tenant: str) -> int:
    """Once a day, and where all is made anew: outcomes of what was chosen, and the mart of it."""
    if not _is_all(working, tenant, NEXT_ACTIVITY):
        return 0
    force = _in_force(working, "mastery", tenant)
    if force is None:
        return 0

    def rows(mart: str, people: pl.DataFrame) -> pl.DataFrame:
        columns = "person_key, activity_key, occurred_date" if mart == "fct_statement" else "*"
        return _rows(working, mart, people, _PERSON, columns=columns)

    choosing.judge(working, tenant, force.champion, rows)
    return choosing.show(working, tenant)


def _resources(working: Working, tenant: str) -> int:
    """Resources that others used, for who has used one since; for all once a day and after a change."""
    window = working.window
    is_all = window.is_people_changed or window.is_catalogue_changed or window.as_of != window.previous_as_of
    source = (
        "main.brg_enrolment where tenant = $tenant and role = 'student'"
        if is_all
        else "intermediate.int_touched where tenant = $tenant and event in ('viewed', 'navigated', 'downloaded')"
    )
    people = working.frame(f"select distinct tenant, person_key from {source}", {"tenant": tenant})
    if people.is_empty():
        return 0
    members = recommendation.students(_rows(working, "brg_enrolment", people, _PERSON))
    courses = members.select("tenant", "course_key").unique()
    activities = _all_rows(working, "dim_activity", tenant).drop_nulls("title")
    effects = _all_rows(working, "msr_resource_effect", tenant)
    found = resources.suggest(
        _rows(
            working, "fct_resource_use", courses, ("tenant", "course_key"), columns=", ".join(resources.USES)
        ),
        members=members,
        as_of=window.as_of,
        titles=dict(activities.select("activity_key", "title").iter_rows()),
        worse=effects.filter(pl.col("difference_high") < 0),
        min_people=working.settings.small_group_size,
    )
    working.replace_rows(RESOURCE, found, _PERSON, scope=people)
    return len(found)


def _people_to_score(working: Working, tenant: str, table: str) -> pl.DataFrame:
    """tenant, person_key of those who answered something that this run took in; of all students after a change."""
    source = (
        "main.brg_enrolment where tenant = $tenant and role = 'student'"
        if _is_all(working, tenant, table)
        else "intermediate.int_touched where tenant = $tenant and event = 'answered'"
    )
    return working.frame(f"select distinct tenant, person_key from {source}", {"tenant": tenant})


def _is_all(working: Working, tenant: str, table: str) -> bool:
    """Whether a change reaches everybody: another roster, catalogue, day or model than the rows of `table` were made with."""
    window = working.window
    if window.is_full_refresh or window.is_people_changed or window.is_catalogue_changed:
        return True
    if window.as_of != window.previous_as_of:
        return True
    versions = working.frame(
        f"select distinct model_version from main.{quoted(table)} where tenant = $tenant", {"tenant": tenant}
    )
    name = registry.model_name("risk" if table == RISK else "mastery", tenant)
    in_force = registry.versions_in_force(working.home, name)
    if table == NEXT_ACTIVITY:  # what has no answer yet begins as the champion says, in a trial too
        in_force = {registry.champion_version(working.home, name) or ""}
        ranking = {model.policy.version for model in _policies(working, tenant).models}
        ranked = working.frame(
            f"select distinct policy_version from main.{quoted(table)} where tenant = $tenant",
            {"tenant": tenant},
        )
        if set(ranked["policy_version"]) != ranking:
            return True
    return set(versions["model_version"]) != in_force


def _rows(
    working: Working, mart: str, wanted: pl.DataFrame, keys: tuple[str, ...], *, columns: str = "*"
) -> pl.DataFrame:
    """`columns` of the rows of `mart` whose `keys` are in `wanted`, but for people who refused predictions."""
    shared = ", ".join(map(quoted, keys))
    working.connection.register("wanted", wanted.to_arrow())
    try:
        return working.frame(
            f"select {columns} from main.{quoted(mart)} semi join wanted using ({shared})"
            f" anti join ({_REFUSED}) as refused using (tenant, person_key)"
        )
    finally:
        working.connection.unregister("wanted")


def _all_rows(working: Working, mart: str, tenant: str) -> pl.DataFrame:
    return working.frame(f"from main.{quoted(mart)} where tenant = $tenant", {"tenant": tenant})


def _told(working: Working, tenant: str, table: str) -> pl.DataFrame | None:
    """The tenant's rows of a table that `people` has written beside the roster; None before the roster was."""
    folder = generations.current(working.home.lake_people)
    return None if folder is None else pl.read_parquet(folder / f"{table}.parquet").filter(tenant=tenant)


def _in_force(working: Working, kind: str, tenant: str) -> registry.InForce | None:
    """The models in force, None where there was never enough to learn from."""
    name = registry.model_name(kind, tenant)
    if registry.champion_version(working.home, name) is None:
        return None
    return registry.in_force(working.home, name)
