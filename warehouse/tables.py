"""Which tables are marts, and the declarations of those that no SQL model makes: predictions and quality records.

Definitions of the other marts live in `dbt_project`; what each column means lives in `data_contracts`.
"""

from __future__ import annotations

MART_PREFIXES = ("dim_", "brg_", "fct_", "msr_", "prd_", "qc_")
"""A table of schema `main` whose name starts with one of these is a mart: it is published, and nothing else is."""

_MODEL = "model_name varchar, model_version varchar, as_of date"

FILLED: dict[str, str] = {
    "prd_mastery": f"""
        tenant varchar not null, person_key varchar not null, school_key varchar, section_key varchar,
        course_key varchar, skill_key varchar not null, mastery double, is_mastered boolean,
        opportunity_count bigint, correct_count bigint, last_attempt_at timestamp, {_MODEL}""",
    "prd_risk": f"""
        tenant varchar not null, person_key varchar not null, school_key varchar, section_key varchar not null,
        course_key varchar, session_key varchar, week_index integer, risk double, risk_previous double,
        risk_rank bigint, is_at_risk boolean, reason_1 varchar, reason_2 varchar, reason_3 varchar, change_reason varchar,
        {_MODEL}""",
    "prd_next_activity": """
        tenant varchar not null, person_key varchar not null, school_key varchar, section_key varchar,
        course_key varchar, skill_key varchar, activity_key varchar, rank integer not null, kind varchar,
        why varchar, mastery double, chance double, recall double, propensity double, policy_version varchar,
        model_version varchar, as_of date""",
    "prd_resource": """
        tenant varchar not null, person_key varchar not null, school_key varchar, section_key varchar, course_key varchar not null,
        activity_key varchar not null, rank integer not null, score double, support_count integer,
        because_activity_key varchar, why varchar, as_of date""",
    "prd_choice": """
        tenant varchar not null, choice_id varchar not null, person_key varchar not null, school_key varchar, section_key varchar,
        course_key varchar, skill_key varchar, activity_key varchar, rank integer, kind varchar, propensity double,
        explore_share double, candidate_count integer, candidates_hash varchar, arm varchar, experiment varchar,
        policy_version varchar, model_version varchar, decided_on date, judged_on date, is_attempted boolean,
        answer_count integer, right_count integer, mastery_rise double""",
    "prd_record": f"""
        tenant varchar not null, kind varchar not null, unit_key varchar not null, person_key varchar, section_key varchar,
        arm varchar, experiment varchar, {_MODEL}, code_version varchar, parameters varchar, features_hash varchar,
        run_id varchar, sealed_seq bigint, made_at timestamp""",
    "qc_build": """
        tenant varchar not null, build_id varchar not null, run_id varchar, built_at timestamp, as_of date,
        sealed_seq bigint, statement_count bigint, started_by varchar""",
    "qc_check": """
        tenant varchar not null, contract varchar not null, check_name varchar not null, severity varchar,
        failing_count bigint, is_passed boolean, message varchar, checked_at timestamp""",
    "qc_quarantine": """
        tenant varchar not null, seq bigint not null, source varchar not null, rule varchar not null, found varchar,
        allowed varchar, reason varchar, mend varchar, is_excluded boolean, statement_id varchar, platform varchar,
        stored_date date""",
    "qc_drift": """
        tenant varchar not null, scope varchar, kind varchar, feature varchar not null, cause varchar,
        reference_window varchar, current_window varchar,
        statistic_name varchar, statistic double, threshold double, has_drifted boolean, checked_at timestamp""",
}
"""Tables that the later stages fill, and their columns as DuckDB declares them."""


def is_mart(table: str) -> bool:
    """Whether a table called `table` is published."""
    return table.startswith(MART_PREFIXES)


def quoted(identifier: str) -> str:
    """`identifier` as SQL writes it."""
    return '"' + identifier.replace('"', '""') + '"'


def literal(text: str) -> str:
    """`text` as an SQL string, where a statement takes no parameter."""
    return "'" + text.replace("'", "''") + "'"
