"""The contracts as Great Expectations suites over a published snapshot: the nightly run.

Great Expectations takes seconds to import, so it is imported when a suite runs; the incremental run uses `sql_checks`.
"""

from __future__ import annotations

import datetime as dt
import functools
import os
from collections.abc import Iterable
from typing import Any

import duckdb
import polars as pl

from data_contracts.load import Contract, Table, mart_contracts
from data_contracts.sql_checks import RESULT_SCHEMA, relationship_checks, row_checks, unique_check

_CHECK = "check"
"""Key of an expectation's `meta` under which the check's name stands."""


def validate(
    connection: duckdb.DuckDBPyConnection,
    *,
    tenant: str,
    checked_at: dt.datetime,
    contracts: Iterable[Contract] | None = None,
) -> pl.DataFrame:
    """Run each mart's suite over `connection`, a tenant's snapshot file; one row per check (`sql_checks.RESULT_SCHEMA`)."""
    present = {name for (name,) in connection.execute("select table_name from duckdb_tables()").fetchall()}
    rows: list[dict[str, Any]] = []
    for contract in mart_contracts() if contracts is None else contracts:
        for table in contract.tables:
            mends = _mends(table, contract, present)
            if table.name not in present:
                found = [("columns", 1)]
            else:
                found = _run(connection, contract, table, present)
            rows += [_row(tenant, contract, name, count, mends, checked_at) for name, count in found]
    return pl.DataFrame(rows, schema=RESULT_SCHEMA)


def suite_of(contract: Contract, table: Table, present: Iterable[str]) -> Any:
    """The `great_expectations.ExpectationSuite` of a table whose rules are in columns, as `_frame` makes them."""
    _context()  # a suite can only be made while there is one
    import great_expectations as gx
    import great_expectations.expectations as gxe

    suite = gx.ExpectationSuite(name=contract.name)
    names = [column.name for column in table.columns]
    rules = [name for name, _ in _computed(contract, table, set(present))]
    columns = gxe.ExpectTableColumnsToMatchSet(
        column_set=[*names, *rules], exact_match=True, meta={_CHECK: "columns"}
    )
    unique = gxe.ExpectCompoundColumnsToBeUnique(
        column_list=list(table.key), ignore_row_if="never", meta={_CHECK: "key_is_unique"}
    )
    expectations: list[Any] = [columns, unique]
    for column in table.columns:
        options = column.options
        if column.is_required:
            meta = {_CHECK: f"{column.name}_is_there"}
            expectations.append(gxe.ExpectColumnValuesToNotBeNull(column=column.name, meta=meta))
        if options.minimum is not None or options.maximum is not None:
            expectations.append(
                gxe.ExpectColumnValuesToBeBetween(
                    column=column.name,
                    min_value=options.minimum,
                    max_value=options.maximum,
                    meta={_CHECK: f"{column.name}_in_range"},
                )
            )
        if column.valid_values is not None:
            meta = {_CHECK: f"{column.name}_is_known"}
            expectations.append(
                gxe.ExpectColumnValuesToBeInSet(
                    column=column.name, value_set=list(column.valid_values), meta=meta
                )
            )
        if column.pattern is not None:
            meta = {_CHECK: f"{column.name}_has_its_form"}
            expectations.append(
                gxe.ExpectColumnValuesToMatchRegex(
                    column=column.name, regex=f"^(?:{column.pattern})$", meta=meta
                )
            )
    for rule in rules:
        expectations.append(
            gxe.ExpectColumnValuesToBeInSet(column=rule, value_set=[True], meta={_CHECK: rule})
        )
    for expectation in expectations:
        suite.add_expectation(expectation)
    return suite


@functools.lru_cache(maxsize=1)
def _context() -> Any:
    """Great Expectations' context of this process: in memory, without telemetry and progress bars."""
    os.environ.setdefault("GX_ANALYTICS_ENABLED", "false")
    import great_expectations as gx

    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = {"globally": False}
    return context


def _computed(contract: Contract, table: Table, present: set[str]) -> list[tuple[str, str]]:
    """(name, SQL that is true for a good row) for rules that no expectation has a word for: conditions and relationships."""
    rules = [(rule.name, f"({rule.implementation}) is not true") for rule in table.rules]
    for check, column, other, other_column in relationship_checks(table, contract.severity, present):
        held = f'select (tenant, "{other_column}") from main."{other}" where "{other_column}" is not null'
        rules.append((check.name, f'"{column}" is null or (t.tenant, t."{column}") in ({held})'))
    return rules


def _run(
    connection: duckdb.DuckDBPyConnection, contract: Contract, table: Table, present: set[str]
) -> list[tuple[str, int]]:
    suite = suite_of(contract, table, present)
    source = _context().data_sources.add_or_update_pandas("snapshot")
    asset = source.add_dataframe_asset(contract.name)
    rules = "".join(f', ({good}) as "{name}"' for name, good in _computed(contract, table, present))
    frame = connection.sql(f'select t.*{rules} from main."{table.name}" t').df()
    batch = asset.add_batch_definition_whole_dataframe("whole").get_batch({"dataframe": frame})
    found = []
    for result in batch.validate(suite).results:
        count = 0 if result.success else int(result.result.get("unexpected_count") or 1)
        found.append((str(result.expectation_config.meta[_CHECK]), count))
    return sorted(found)


def _mends(table: Table, contract: Contract, present: set[str]) -> dict[str, tuple[str, str]]:
    """Check's name -> (severity, what it means and how to mend it)."""
    checks = [*row_checks(table, contract.severity), unique_check(table, contract.severity)]
    checks += [check for check, *_ in relationship_checks(table, contract.severity, present)]
    shape = (
        f"{table.name} is missing or has other columns than its contract. Change the model or the contract."
    )
    return {"columns": (contract.severity, shape)} | {c.name: (c.severity, c.text) for c in checks}


def _row(
    tenant: str,
    contract: Contract,
    name: str,
    failing_count: int,
    mends: dict[str, tuple[str, str]],
    checked_at: dt.datetime,
) -> dict[str, Any]:
    severity, mend = mends[name]
    return {
        "tenant": tenant,
        "contract": contract.name,
        "check_name": name,
        "severity": severity,
        "failing_count": failing_count,
        "is_passed": failing_count == 0,
        "message": f"{failing_count} row(s): {mend}" if failing_count else "",
        "checked_at": checked_at,
    }
