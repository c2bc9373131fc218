"""The record of each prediction: with which model, code, parameters and inputs it was made. Its rows are `prd_record`.

Inputs are told by a hash that any copy of the same rows gives, so that a prediction can be made again and the two compared.
"""

from __future__ import annotations

import duckdb
import polars as pl

from warehouse.tables import quoted

TABLE = "prd_record"
UNIT = {"mastery": "person_key", "risk": "section_key"}
"""What one record stands for: a person's skills, or a class, whose ranks come from one model."""
INPUT = {"mastery": "fct_attempt", "risk": "msr_student_week"}
_ORDER = {"mastery": ("response_number",), "risk": ("person_key", "week_index")}
_USABLE = {"mastery": "skill_key is not null and is_correct is not null", "risk": "is_complete"}


def features_hashes(
    connection: duckdb.DuckDBPyConnection, kind: str, tenant: str, units: list[str], columns: tuple[str, ...]
) -> dict[str, str]:
    """By unit the SHA-256 of the rows that its prediction rests on, those of people who refuse predictions left out."""
    unit, order = quoted(UNIT[kind]), ", ".join(map(quoted, _ORDER[kind]))
    values = ", ".join(f"coalesce(cast({quoted(column)} as varchar), '')" for column in columns)
    rows = connection.execute(
        f"select {unit}, sha256(string_agg(concat_ws('|', {values}), chr(10) order by {order}))"
        f" from main.{quoted(INPUT[kind])} where tenant = $tenant and {_USABLE[kind]}"
        f" and {unit} in (select unnest($units)) and person_key not in"
        " (select person_key from main.dim_person where tenant = $tenant and not allows_prediction)"
        " group by 1",
        {"tenant": tenant, "units": units},
    ).fetchall()
    return dict(rows)


def rows(kind: str, units: pl.DataFrame, **shared: object) -> pl.DataFrame:
    """Rows of `prd_record`: `units` has unit_key, features_hash, model_version and arm, `shared` what is alike for all."""
    key = UNIT[kind]
    other = "section_key" if key == "person_key" else "person_key"
    return units.with_columns(
        pl.lit(kind).alias("kind"),
        pl.col("unit_key").alias(key),
        pl.lit(None, dtype=pl.String).alias(other),
        *(pl.lit(value).alias(name) for name, value in shared.items()),
    )
