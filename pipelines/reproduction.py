"""A published prediction made once more from its record: the same snapshot, model and parameters have to give the same digits."""

from __future__ import annotations

import dataclasses
import datetime as dt
import fcntl
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import duckdb
import polars as pl

from learnlake.errors import InputError, ModelError
from learnlake.home import Home
from learnlake.settings import Settings
from models import registry
from models.code import code_version
from pipelines.scoring import inputs_of
from warehouse import records, snapshot
from warehouse.tables import quoted

PUBLISHED = {"mastery": "prd_mastery", "risk": "prd_risk"}
_KEY = {"mastery": ["skill_key"], "risk": ["person_key"]}


@dataclasses.dataclass(frozen=True)
class Reproduction:
    """`record` is the row of `prd_record`; `published` and `again` the prediction then and now, in the same order."""

    build: snapshot.Build
    record: dict[str, Any]
    published: pl.DataFrame
    again: pl.DataFrame
    is_input_same: bool
    is_code_same: bool

    @property
    def is_equal(self) -> bool:
        """Whether both are the same to the last digit."""
        return self.published.equals(self.again, null_equal=True)


class NotThere(InputError):
    """Nothing was published about this person or class in this build."""


def reproduce(
    settings: Settings, kind: str, unit_key: str, *, tenant: str, back: int = 0, build_id: str | None = None
) -> Reproduction:
    """Make the prediction of `kind` about a person (mastery) or class (risk) again, as the build `back` builds ago published it.

    InputError where that build is not kept, NotThere where it says nothing about the unit, ModelError where its model is gone.
    """
    with _held(settings, back, build_id) as folder:
        build = snapshot.read_build(folder)
        path = snapshot.tenant_file(folder, tenant)
        if not path.exists():
            raise InputError(f"Build {build.build_id} has no school {tenant}")
        with duckdb.connect(str(path), read_only=True) as connection:
            return _again(settings.home, connection, build, kind, unit_key, tenant)


def kept_builds(home: Home) -> list[str]:
    """Builds whose predictions can be made again, newest first."""
    root = home.snapshots
    folders = root.iterdir() if root.exists() else iter(())
    return sorted((f.name for f in folders if f.is_dir() and not f.name.startswith(".")), reverse=True)


def _again(
    home: Home,
    connection: duckdb.DuckDBPyConnection,
    build: snapshot.Build,
    kind: str,
    unit_key: str,
    tenant: str,
) -> Reproduction:
    def read(query: str, **params: object) -> pl.DataFrame:
        frame = pl.from_arrow(connection.sql(query, params=params or None).to_arrow_table())
        assert isinstance(frame, pl.DataFrame)
        return frame

    unit = quoted(records.UNIT[kind])
    found = read(
        "from main.prd_record where kind = $kind and unit_key = $unit_key", kind=kind, unit_key=unit_key
    )
    if found.is_empty():
        raise NotThere(
            f"Build {build.build_id} holds no {kind} of {unit_key}",
            mend="see prd_record for what it holds",
        )
    record = found.row(0, named=True)
    table = PUBLISHED[kind]
    published = read(f"from main.{quoted(table)} where {unit} = $unit_key", unit_key=unit_key)
    inputs = read(
        f"from main.{quoted(records.INPUT[kind])} where {unit} = $unit_key and person_key not in"
        " (select person_key from main.dim_person where not allows_prediction)",
        unit_key=unit_key,
    )
    enrolments = (
        read("from main.brg_enrolment where section_key = $key", key=unit_key) if kind == "risk" else None
    )
    try:
        model = registry.load(home, record["model_name"], record["model_version"])
    except FileNotFoundError as error:
        raise ModelError(
            f"The files of {record['model_name']} version {record['model_version']} are not there any more",
            where=str(error.filename),
        ) from error
    again = _scored(model, kind, inputs, enrolments, record["as_of"], json.loads(record["parameters"]))
    hashes = records.features_hashes(connection, kind, tenant, [unit_key], inputs_of(kind))
    return Reproduction(
        build,
        record,
        _comparable(published, again.columns, kind),
        _comparable(again, again.columns, kind).cast(_comparable(published, again.columns, kind).schema),
        hashes.get(unit_key) == record["features_hash"],
        code_version() == record["code_version"],
    )


def _scored(
    model: Any,
    kind: str,
    inputs: pl.DataFrame,
    enrolments: pl.DataFrame | None,
    as_of: dt.date,
    parameters: dict[str, Any],
) -> pl.DataFrame:
    rows: pl.DataFrame = (
        model.score(inputs, as_of, **parameters)
        if kind == "mastery"
        else model.score(inputs, as_of, enrolments=enrolments, **parameters)
    )
    return rows


def _comparable(frame: pl.DataFrame, columns: list[str], kind: str) -> pl.DataFrame:
    return frame.select(columns).sort(_KEY[kind])


@contextmanager
def _held(settings: Settings, back: int, build_id: str | None) -> Iterator[Path]:
    """The folder of the build meant, held against being removed."""
    kept = kept_builds(settings.home)
    wanted = build_id or (kept[back] if 0 <= back < len(kept) else None)
    if wanted not in kept:
        raise InputError(
            f"Build {build_id} is not kept"
            if build_id
            else f"There is no build {back} before the newest one",
            where=f"kept: {', '.join(kept) or 'none'}",
            mend=f"the newest {settings.snapshots_kept} builds are kept (LEARNLAKE_SNAPSHOTS_KEPT); an erasure removes all older ones at once",
        )
    folder = settings.home.snapshots / wanted
    with (folder / "in_use").open() as lock:
        fcntl.flock(lock, fcntl.LOCK_SH)
        yield folder
