"""Contracts as SQL: each mart read once for all row rules, then keys and relationships. Sources' rules run in `quarantine`.

Light enough for each incremental run: DuckDB only. The same rules for the nightly run are in `suites`.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections.abc import Container, Iterable, Iterator
from typing import Any

import duckdb
import polars as pl

from data_contracts.load import Column, Contract, Table, mart_contracts

RESULT_SCHEMA: dict[str, Any] = {
    "tenant": pl.String,
    "contract": pl.String,
    "check_name": pl.String,
    "severity": pl.String,
    "failing_count": pl.Int64,
    "is_passed": pl.Boolean,
    "message": pl.String,
    "checked_at": pl.Datetime("us", "UTC"),
}
"""Columns of a result: those of the mart `qc_check`."""


@dataclasses.dataclass(frozen=True)
class RowCheck:
    """`bad` is an SQL condition on one row; `reason` says what it means, `mend` what to do where `reason` doesn't.

    `found` is SQL for the value that a person may be shown, empty where it may be personal; `allowed` what it should be.
    """

    name: str
    bad: str
    reason: str
    severity: str
    mend: str = ""
    found: str = ""
    allowed: str = ""

    @property
    def text(self) -> str:
        """Reason and mend as one text."""
        return f"{self.reason} {self.mend}".strip()


@dataclasses.dataclass(frozen=True)
class _Finding:
    tenant: str
    contract: str
    check: RowCheck
    failing_count: int


def check_marts(
    connection: duckdb.DuckDBPyConnection,
    *,
    checked_at: dt.datetime,
    contracts: Iterable[Contract] | None = None,
) -> pl.DataFrame:
    """Check every mart of schema `main`; one row per tenant and check, passed ones too (`RESULT_SCHEMA`)."""
    chosen = mart_contracts() if contracts is None else tuple(contracts)
    present = _columns(connection)
    known = [t for c in chosen for t in c.tables if t.name in present and "tenant" in present[t.name]]
    tenants = _tenants(connection, [t.name for t in known])
    findings: list[_Finding] = []
    for contract in chosen:
        for table in contract.tables:
            findings += _check_table(connection, contract, table, present, tenants)
    return _frame(findings, checked_at)


def row_checks(table: Table, severity: str) -> list[RowCheck]:
    """Every rule of `table` that can be told from one row."""
    checks = [check for column in table.columns for check in _column_checks(column, severity)]
    for rule in table.rules:
        shown = {name: rule.shown(name) for name in ("mend", "found", "allowed")}
        checks.append(
            RowCheck(rule.name, rule.implementation, rule.description, rule.severity or severity, **shown)
        )
    return checks


SHOWN = frozenset(
    {"verb_id", "object_type", "object_activity_type", "score_scaled", "duration_seconds", "timestamp"}
)
"""Columns of a statement whose values name nobody. All others are not shown: an actor's page or an object's address may."""


def _column_checks(column: Column, severity: str) -> Iterator[RowCheck]:
    name, what = _quoted(column.name), column.description
    found = name if column.name in SHOWN else ""
    if column.is_required:
        yield RowCheck(
            f"{column.name}_is_there",
            f"{name} is null",
            f"{column.name} is missing. {what}",
            severity,
            found="'nothing'",
            allowed="a value",
        )
    low, high = column.options.minimum, column.options.maximum
    if low is not None or high is not None:
        limits = [
            f"{name} < {low:g}" if low is not None else "",
            f"{name} > {high:g}" if high is not None else "",
        ]
        span = f"{'' if low is None else f'{low:g}'}..{'' if high is None else f'{high:g}'}"
        bad = f"({' or '.join(filter(None, limits))} or isnan({name}::double))"
        reason = f"{column.name} lies outside {span}. {what}"
        yield RowCheck(f"{column.name}_in_range", bad, reason, severity, found=found, allowed=span)
    if column.valid_values is not None:
        allowed = ", ".join(_literal(v) for v in column.valid_values)
        shown = ", ".join(str(v) for v in column.valid_values[:6]) + (
            ", ..." if len(column.valid_values) > 6 else ""
        )
        bad, reason = f"{name} not in ({allowed})", f"{column.name} is none of {shown}. {what}"
        yield RowCheck(f"{column.name}_is_known", bad, reason, severity, found=found, allowed=shown)
    if column.pattern is not None:
        bad = f"not regexp_full_match({name}, {_literal(column.pattern)})"
        reason = f"{column.name} doesn't look like {column.pattern}. {what}"
        yield RowCheck(
            f"{column.name}_has_its_form", bad, reason, severity, found=found, allowed=column.pattern
        )


def _check_table(
    connection: duckdb.DuckDBPyConnection,
    contract: Contract,
    table: Table,
    present: dict[str, dict[str, str]],
    tenants: list[str],
) -> list[_Finding]:
    severity = contract.severity
    shape = RowCheck("columns", "", _shape_problem(table, present.get(table.name)), severity)
    bad_shape = bool(shape.reason)
    findings = [_Finding(tenant, contract.name, shape, int(bad_shape)) for tenant in tenants]
    if bad_shape:
        return findings
    checks = row_checks(table, severity)
    counts = _counted(connection, f"main.{_quoted(table.name)}", checks)
    for tenant in tenants:
        found = counts.get(tenant, (0,) * len(checks))
        findings += [_Finding(tenant, contract.name, c, n) for c, n in zip(checks, found, strict=True)]
    for check, query in _table_queries(table, severity, present):
        per_tenant: dict[str, int] = dict(connection.execute(query).fetchall())
        findings += [_Finding(t, contract.name, check, per_tenant.get(t, 0)) for t in tenants]
    return findings


def _counted(
    connection: duckdb.DuckDBPyConnection, source: str, checks: list[RowCheck]
) -> dict[str, tuple[int, ...]]:
    sums = "".join(f", count(*) filter (where {check.bad})" for check in checks)
    rows = connection.execute(
        f"select tenant{sums} from {source} where tenant is not null group by tenant"
    ).fetchall()
    return {row[0]: tuple(row[1:]) for row in rows}


def _table_queries(
    table: Table, severity: str, present: dict[str, dict[str, str]]
) -> Iterator[tuple[RowCheck, str]]:
    keys = ", ".join(_quoted(k) for k in table.key)
    name = f"main.{_quoted(table.name)}"
    query = (
        f"select tenant, sum(n - 1)::bigint from (select tenant, count(*) as n from {name}"
        f" group by tenant, {keys} having count(*) > 1) group by tenant"
    )
    yield unique_check(table, severity), query
    for check, column, other, other_column in relationship_checks(table, severity, present):
        query = (
            f"select t.tenant, count(*) from {name} t anti join main.{_quoted(other)} o"
            f" on o.tenant = t.tenant and o.{_quoted(other_column)} = t.{_quoted(column)}"
            f" where t.{_quoted(column)} is not null group by t.tenant"
        )
        yield check, query


def unique_check(table: Table, severity: str) -> RowCheck:
    """That no two rows of `table` have the same key; `bad` is empty, since one row cannot tell."""
    text = f"Several rows have the same {', '.join(table.key)}: {table.grain} A batch was taken twice, or a join multiplied it."
    return RowCheck("key_is_unique", "", text, severity)


def relationship_checks(
    table: Table, severity: str, present: Container[str]
) -> Iterator[tuple[RowCheck, str, str, str]]:
    """(check, column, other table, its column) for each promised relationship to a table that is `present`."""
    for column in table.columns:
        for relationship in column.relationships:
            other, _, other_column = relationship.to.partition(".")
            if other in present:
                text = f"{column.name} names something that is not in {other}. Import the roster or catalogue that holds it."
                yield (
                    RowCheck(f"{column.name}_is_in_{other}", "", text, severity),
                    column.name,
                    other,
                    other_column,
                )


def _shape_problem(table: Table, columns: dict[str, str] | None) -> str:
    if columns is None:
        return f"The table {table.name} is not there; run the transform stage."
    promised = {c.name: c.physical_type for c in table.columns}
    missing = [n for n in promised if n not in columns]
    extra = [n for n in columns if n not in promised]
    other = [f"{n} is {columns[n]}, not {t}" for n, t in promised.items() if n in columns and columns[n] != t]
    parts = []
    if missing:
        parts.append(f"without {', '.join(missing)}")
    if extra:
        parts.append(f"with {', '.join(extra)} that no contract promises")
    if other:
        parts.append("; ".join(other))
    return f"{table.name} comes {'; '.join(parts)}. Change the model or the contract." if parts else ""


def _columns(connection: duckdb.DuckDBPyConnection) -> dict[str, dict[str, str]]:
    rows = connection.execute(
        "select table_name, column_name, data_type from duckdb_columns()"
        " where schema_name = 'main' and database_name = current_database() order by table_name, column_index"
    ).fetchall()
    found: dict[str, dict[str, str]] = {}
    for table, column, kind in rows:
        found.setdefault(table, {})[column] = kind
    return found


def _tenants(connection: duckdb.DuckDBPyConnection, tables: list[str]) -> list[str]:
    if not tables:
        return [""]
    union = " union ".join(f"select tenant from main.{_quoted(t)}" for t in tables)
    return sorted(t for (t,) in connection.execute(union).fetchall() if t is not None) or [""]


def _frame(findings: list[_Finding], checked_at: dt.datetime) -> pl.DataFrame:
    rows = [
        {
            "tenant": f.tenant,
            "contract": f.contract,
            "check_name": f.check.name,
            "severity": f.check.severity,
            "failing_count": f.failing_count,
            "is_passed": f.failing_count == 0,
            "message": _message(f),
            "checked_at": checked_at,
        }
        for f in findings
    ]
    return pl.DataFrame(rows, schema=RESULT_SCHEMA)


def _message(finding: _Finding) -> str:
    if finding.failing_count == 0:
        return ""
    return f"{finding.failing_count} row(s): {finding.check.text}"


def _quoted(identifier: str) -> str:
    return '"' + identifier.replace('"', '""') + '"'


def _literal(value: object) -> str:
    return str(value) if isinstance(value, int | float) else "'" + str(value).replace("'", "''") + "'"
