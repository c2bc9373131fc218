"""A table of rows written out as CSV, JSON or Parquet. Which rows somebody may have is the door's business."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Literal, get_args

import polars as pl
import pyarrow as pa

from learnlake import audit
from learnlake.errors import InputError
from learnlake.settings import Settings
from warehouse import reader
from warehouse.tables import is_mart, quoted

Format = Literal["csv", "json", "parquet"]
FORMATS: tuple[str, ...] = get_args(Format)
MEDIA_TYPES = {
    "csv": "text/csv; charset=utf-8",
    "json": "application/json",
    "parquet": "application/vnd.apache.parquet",
}


def encode(table: pa.Table, form: str) -> bytes:
    """`table` as one file: CSV with a header and ISO dates, a JSON array of objects, or Parquet.

    Lists become text joined by spaces in CSV, which has none. Raises InputError for another form.
    """
    frame = pl.from_arrow(table)
    assert isinstance(frame, pl.DataFrame)
    out = io.BytesIO()
    if form == "csv":
        lists = [name for name, kind in frame.schema.items() if isinstance(kind, pl.List)]
        frame.with_columns(pl.col(name).cast(pl.List(pl.String)).list.join(" ") for name in lists).write_csv(
            out
        )
    elif form == "json":
        frame.write_json(out)
    elif form == "parquet":
        frame.write_parquet(out, compression="zstd")
    else:
        raise InputError(f"{form!r} is not a format.", mend=f"use one of {', '.join(FORMATS)}")
    return out.getvalue()


def export_mart(settings: Settings, tenant: str, mart: str, form: str, path: Path, *, actor_key: str) -> int:
    """Write a tenant's whole mart from the newest snapshot to `path` and answer its rows; audited under `actor_key`.

    For whoever holds the home folder. People who log in export through the door.
    """
    instance = reader.newest(settings, tenant)
    known = [name for name in instance.columns if is_mart(name)]
    if mart not in known:
        raise InputError(
            "There is no such table in the snapshot.", where=mart, mend=f"one of {', '.join(sorted(known))}"
        )
    with instance.connect() as connection:
        table = connection.sql(f"from {instance.alias}.main.{quoted(mart)}").to_arrow_table()
    content = encode(table, form)
    audit.append(settings.home.audit_db, audit.AuditEntry(tenant, actor_key, "export", mart, "command line"))
    path.write_bytes(content)
    return int(table.num_rows)
