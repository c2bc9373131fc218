"""Where choices are kept: a Parquet file per tenant and day under `lake/choices`, replaced by one rename. What a choice is, `models` says.

They are the one thing of the warehouse that cannot be worked out again, so they outlive the working file. What a run wants to keep waits beside the
working file until that run has published: what nobody was shown is no choice.
"""

from __future__ import annotations

import datetime as dt
import os
import secrets
from collections.abc import Collection
from contextlib import AbstractContextManager
from pathlib import Path

import polars as pl

from learnlake.home import Home
from learnlake.locks import waiting_for

_DAY = "decided_on"
_KEY = "choice_id"
_JUDGED = "judged_on"


def propose(home: Home, run_id: str, frame: pl.DataFrame) -> None:
    """Put aside what the run `run_id` is about to publish, in place of what it has put aside before."""
    _replace(_pending(home) / f"{run_id}.parquet", frame)


def settle(home: Home, *, published_run_id: str) -> int:
    """Keep what the run that has published put aside, drop what others did; answer how many choices were new.

    Safe to be called again, whenever a process died: a choice has one id.
    """
    added = 0
    for path in sorted(_pending(home).glob("*.parquet")):
        if path.stem == published_run_id:
            added += _keep(home, pl.read_parquet(path))
        path.unlink()
    return added


def read(home: Home, tenant: str, schema: pl.Schema) -> pl.DataFrame:
    """Every choice kept of `tenant`, oldest day first."""
    found = [pl.read_parquet(path) for path in _files(home, tenant)]
    return pl.concat([pl.DataFrame(schema=schema), *(part.select(list(schema)) for part in found)])


def open_days(home: Home, tenant: str, *, until: dt.date) -> list[dt.date]:
    """The days up to `until` that have a choice without an outcome."""
    found = [path for path in _files(home, tenant) if dt.date.fromisoformat(path.stem) <= until]
    return [
        dt.date.fromisoformat(path.stem)
        for path in found
        if pl.read_parquet(path, columns=[_JUDGED])[_JUDGED].null_count()
    ]


def read_day(home: Home, tenant: str, day: dt.date) -> pl.DataFrame:
    """The choices of one day that is kept."""
    return pl.read_parquet(_file(home, tenant, day))


def replace_day(home: Home, tenant: str, day: dt.date, frame: pl.DataFrame) -> None:
    """Put `frame` in the place of the day's choices that have the same ids; the others stay."""
    with _writing(home):
        path = _file(home, tenant, day)
        held = pl.read_parquet(path)
        rest = held.join(frame.select(_KEY), on=_KEY, how="anti")
        _replace(path, pl.concat([rest, frame.select(held.columns)]).sort(_KEY))


def expire(home: Home, tenant: str, *, before: dt.date) -> int:
    """Drop the days before `before`; answer how many."""
    with _writing(home):
        old = [path for path in _files(home, tenant) if dt.date.fromisoformat(path.stem) < before]
        for path in old:
            path.unlink()
    return len(old)


def count(home: Home, tenant: str, person_keys: Collection[str]) -> int:
    """How many choices are kept of these people."""
    parts = [pl.read_parquet(path, columns=["person_key"]) for path in _files(home, tenant)]
    return sum(len(part.filter(pl.col("person_key").is_in(list(person_keys)))) for part in parts)


def of_people(home: Home, tenant: str, person_keys: Collection[str]) -> pl.DataFrame:
    """All that is kept of these people; an empty frame without columns where there is nothing."""
    mine = pl.col("person_key").is_in(list(person_keys))
    parts = [part for path in _files(home, tenant) if len(part := pl.read_parquet(path).filter(mine))]
    return pl.concat(parts) if parts else pl.DataFrame()


def forget(home: Home, tenant: str, person_keys: Collection[str]) -> int:
    """Write every file that holds these people anew without them, those put aside too; answer how many choices went."""
    gone = 0
    mine = pl.col("person_key").is_in(list(person_keys)) & (pl.col("tenant") == tenant)
    with _writing(home):
        for path in (*_files(home, tenant), *sorted(_pending(home).glob("*.parquet"))):
            held = pl.read_parquet(path)
            rest = held.filter(~mine)
            gone += len(held) - len(rest)
            if len(rest) < len(held):
                _replace(path, rest)
    return gone


def _keep(home: Home, frame: pl.DataFrame) -> int:
    added = 0
    with _writing(home):
        for (tenant, day), new in frame.group_by("tenant", _DAY):
            assert isinstance(day, dt.date)
            path = _file(home, str(tenant), day)
            held = pl.read_parquet(path) if path.exists() else new.clear()
            fresh = new.unique(_KEY, keep="first").join(held.select(_KEY), on=_KEY, how="anti")
            if len(fresh):
                _replace(path, pl.concat([held, fresh.select(held.columns)]).sort(_KEY))
            added += len(fresh)
    return added


def _replace(path: Path, frame: pl.DataFrame) -> None:
    """`frame` in `path` by one durable rename; no file where there is no row. Drafts of processes that died go."""
    path.parent.mkdir(parents=True, exist_ok=True)
    for stale in path.parent.glob(f".{path.name}.*"):
        stale.unlink(missing_ok=True)
    if frame.is_empty():
        path.unlink(missing_ok=True)
        return
    draft = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
    frame.write_parquet(draft, compression="zstd")
    with draft.open("rb") as file:
        os.fsync(file.fileno())
    draft.replace(path)


def _files(home: Home, tenant: str) -> list[Path]:
    return sorted((home.lake_choices / f"tenant={tenant}").glob("[!.]*.parquet"))


def _file(home: Home, tenant: str, day: dt.date) -> Path:
    return home.lake_choices / f"tenant={tenant}" / f"{day.isoformat()}.parquet"


def _pending(home: Home) -> Path:
    return home.warehouse / "choices"


def _writing(home: Home) -> AbstractContextManager[None]:
    return waiting_for(home.lake_choices / ".lock")
