"""Training as a step of the pipeline: the marts of one tenant to the trainer, what comes back to the registry.

What is fitted, how it is judged and what a model is live in `models`.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import duckdb
import polars as pl

from learnlake.errors import ModelError
from learnlake.home import Home
from learnlake.settings import Settings
from models import registry, retraining
from models.permitted import Read, permitted
from models.retraining import CHOICES, Trained
from pipelines.progress import Progress
from warehouse import choices
from warehouse.build import Working
from warehouse.snapshot import holding, tenant_file
from warehouse.tables import quoted

log = logging.getLogger(__name__)
NEEDED = ("mastery", "risk")
"""Without these nothing is predicted; until a policy has been learned the rule ranks."""


def missing(home: Home, tenants: Iterable[str]) -> list[tuple[str, str]]:
    """(kind, tenant) of the models that no one has trained yet."""
    return [
        (kind, tenant)
        for tenant in tenants
        for kind in NEEDED
        if registry.champion_version(home, registry.model_name(kind, tenant)) is None
    ]


def train(
    home: Home,
    wanted: Iterable[tuple[str, str]],
    reader: Callable[[str], Read],
    *,
    trigger: str,
    progress: Progress,
) -> list[Trained]:
    """Train each of `wanted`; a tenant with too little to learn from is named with the reason."""
    wanted = list(wanted)
    done = []
    for number, (kind, tenant) in enumerate(wanted):
        progress("train", number, len(wanted), f"{kind} of {tenant}")
        done.append(_train(home, kind, tenant, reader(tenant), trigger))
    progress("train", len(wanted), len(wanted), f"{sum(t.version is not None for t in done)} models")
    return done


def _train(home: Home, kind: str, tenant: str, read: Read, trigger: str) -> Trained:
    try:
        return retraining.train(home, kind, tenant, read, trigger=trigger)
    except ModelError as error:
        log.info("no model", extra={"kind": kind, "tenant": tenant, "reason": error.what})
        return Trained(kind, tenant, None, {}, error.what)


def from_working(working: Working, tenant: str) -> Read:
    """A tenant's marts as the run at work has left them, of those who allow predictions."""
    return permitted(
        lambda mart: (
            _choices(working.home, tenant)
            if mart == CHOICES
            else working.frame(f"from main.{quoted(mart)} where tenant = $tenant", {"tenant": tenant})
        )
    )


@contextlib.contextmanager
def from_snapshot(home: Home, folder: Path, tenant: str) -> Iterator[Read]:
    """A tenant's marts as published in `folder`, of those who allow predictions."""
    with duckdb.connect(str(tenant_file(folder, tenant)), read_only=True) as connection:
        yield permitted(
            lambda mart: (
                _choices(home, tenant)
                if mart == CHOICES
                else _frame(connection.sql(f"from main.{quoted(mart)}"))
            )
        )


def _choices(home: Home, tenant: str) -> pl.DataFrame:
    from models.recommendation.choices import SCHEMA

    return choices.read(home, tenant, SCHEMA)


def train_published(settings: Settings, *, trigger: str, kinds: tuple[str, ...]) -> list[Trained]:
    """Train the models of `kinds` of every tenant on the published snapshot, which stays as it is meanwhile."""
    done: list[Trained] = []
    with holding(settings.home) as held:
        for tenant in sorted(held.build.statement_counts):
            with from_snapshot(settings.home, held.folder, tenant) as read:
                done += [_train(settings.home, kind, tenant, read, trigger) for kind in kinds]
    return done


def _frame(relation: duckdb.DuckDBPyRelation) -> pl.DataFrame:
    frame = pl.from_arrow(relation.to_arrow_table())
    assert isinstance(frame, pl.DataFrame)
    return frame
