"""Are the marts of two working files the same? Keys, counts, text and dates equal, doubles within 1e-9."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import duckdb


def differences(left: Path, right: Path) -> dict[str, list[Any]]:
    """Rows of schema `main` that differ, by table (at most five of each side); empty when the files agree."""
    with duckdb.connect() as connection:
        connection.execute(f"attach '{left}' as l (read_only); attach '{right}' as r (read_only)")
        found: dict[str, list[Any]] = {}
        for table in _tables(connection):
            rows = [_rows(connection, f"{side}.main.{table}") for side in "lr"]
            if len(rows[0]) != len(rows[1]) or not all(map(_same, *rows)):
                found[table] = [
                    [row for row in rows[0] if row not in rows[1]][:5],
                    [row for row in rows[1] if row not in rows[0]][:5],
                ]
        return found


def _tables(connection: duckdb.DuckDBPyConnection) -> list[str]:
    query = "select table_name from information_schema.tables where table_catalog = '{}' and table_schema = 'main' order by 1"
    names = [[row[0] for row in connection.execute(query.format(side)).fetchall()] for side in "lr"]
    assert names[0] == names[1] and names[0], names
    return names[0]


def _rows(connection: duckdb.DuckDBPyConnection, table: str) -> list[tuple[Any, ...]]:
    columns = connection.execute(
        "select column_name, data_type from duckdb_columns() where database_name = ? and schema_name = 'main' and table_name = ?",
        [table[0], table.split(".")[2]],
    ).fetchall()
    keys = ", ".join(f'"{name}"' for name, kind in columns if kind != "DOUBLE")
    return connection.execute(f"select * from {table} order by {keys}").fetchall()


def _same(left: tuple[Any, ...], right: tuple[Any, ...]) -> bool:
    return all(
        math.isclose(a, b, rel_tol=0, abs_tol=1e-9)
        if isinstance(a, float) and isinstance(b, float)
        else a == b
        for a, b in zip(left, right, strict=True)
    )
