"""Finds and reads a data set's tables, as Parquet or as its publisher's CSV, with the types that are asked for."""

from __future__ import annotations

from pathlib import Path

import polars as pl

from learnlake.errors import InputError

Schema = dict[str, pl.DataType | type[pl.DataType]]

_MISSING = ["", "?", "NA"]


def find_table(folder: Path, *names: str) -> Path | None:
    """The file NAME.parquet or NAME.csv of the first of `names` that is there; a name may hold `*`."""
    for name in names:
        found = sorted(folder.glob(f"{name}.parquet")) + sorted(folder.glob(f"{name}.csv"))
        if len(found) > 1:
            raise InputError(
                f"{name} is there more than once: {', '.join(path.name for path in found)}",
                where=str(folder),
                mend="keep one of them in the folder",
            )
        if found:
            return found[0]
    return None


def require_table(folder: Path, *names: str) -> Path:
    """`find_table`, or InputError naming what is missing."""
    found = find_table(folder, *names)
    if found is None:
        raise InputError(
            f"There is no {' or '.join(f'{name}.csv' for name in names)} (or .parquet)",
            where=str(folder),
            mend="give the folder that holds the data set's files under their publisher's names",
        )
    return found


def column_names(path: Path, *, separator: str = ",") -> list[str]:
    """The columns that the file has."""
    return _scan(path, separator).collect_schema().names()


def scan_table(path: Path, schema: Schema, *, limit: int | None = None, separator: str = ",") -> pl.LazyFrame:
    """The columns of `schema`, cast to its types, as a lazy frame; the first `limit` rows only, if given.

    Raises InputError for a column that is missing or a value that doesn't fit its type (when collected with `collect`).
    """
    frame, columns = _scan(path, separator), column_names(path, separator=separator)
    missing = [column for column in schema if column not in columns]
    if missing:
        raise InputError(
            f"{path.name} has no column {', '.join(missing)}",
            where=str(path),
            mend=f"its columns are {', '.join(columns)}; use the file as its publisher released it",
        )
    if limit is not None:
        frame = frame.head(limit)
    return frame.select(_as(column, wanted) for column, wanted in schema.items())


def _scan(path: Path, separator: str) -> pl.LazyFrame:
    if path.suffix == ".parquet":
        return pl.scan_parquet(path)
    return pl.scan_csv(path, separator=separator, infer_schema=False, null_values=_MISSING)


def _as(column: str, wanted: pl.DataType | type[pl.DataType]) -> pl.Expr:
    """Integers may be written as 12.0 (or be floats in Parquet), so they are read as numbers first."""
    if wanted in (pl.Int32, pl.Int64):
        return pl.col(column).cast(pl.Float64).cast(wanted)
    return pl.col(column).cast(wanted)


def read_table(path: Path, schema: Schema, *, limit: int | None = None, separator: str = ",") -> pl.DataFrame:
    """`scan_table`, collected."""
    return collect(scan_table(path, schema, limit=limit, separator=separator), path)


def collect(frame: pl.LazyFrame, path: Path) -> pl.DataFrame:
    """Collect `frame`, saying which file it was when a value does not fit."""
    try:
        return frame.collect()
    except pl.exceptions.PolarsError as error:
        raise InputError(
            f"{path.name} holds a value that its column's type doesn't allow: {error}",
            where=str(path),
            mend="use the file as its publisher released it",
        ) from error
