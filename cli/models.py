"""`learnlake train`, `promote`, `rollback` and `models`: what they do lives in `models`; this reads and prints."""

from __future__ import annotations

import contextlib
import datetime as dt
import enum
import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table

from learnlake.errors import InputError, ModelError
from learnlake.settings import Settings, get_settings

if TYPE_CHECKING:
    import polars as pl


app = typer.Typer(add_completion=False, no_args_is_help=True)
console = Console()
WIDTH_WITHOUT_TERMINAL = 160


class Kind(enum.StrEnum):
    """Models that are trained."""

    mastery = "mastery"
    risk = "risk"
    recommendation = "recommendation"


TenantOption = Annotated[
    str | None, typer.Option(help="Which school; may be left out where there is one only.")
]
KindArgument = Annotated[Kind, typer.Argument(help="mastery, risk or recommendation.")]


@app.command()
def train(
    kind: KindArgument,
    tenant: TenantOption = None,
    may_promote: Annotated[
        bool,
        typer.Option("--promote/--no-promote", help="Whether the new version takes over where it is better."),
    ] = True,
) -> None:
    """Fit a model on the published marts, judge it against the champion, register it; what is better takes over."""
    from models import retraining

    settings = get_settings()
    started = time.perf_counter()
    with marts(settings, tenant) as (name_of_tenant, read):
        trained = retraining.train(
            settings.home, kind, name_of_tenant, read, trigger="command line", may_promote=may_promote
        )
    seconds = time.perf_counter() - started
    name = f"{kind}-{name_of_tenant}"
    _note(settings, "train-model", f"model:{name}:{trained.version}")
    crown = ", champion" if trained.is_promoted else ""
    console.print(f"{name} version {trained.version}{crown}; fitted and judged in {seconds:.1f} s")
    console.print(trained.reason, soft_wrap=True)
    for metric, value in trained.metrics.items():
        console.print(f"  {metric:<20} {value:.4f}")


@app.command()
def promote(
    kind: KindArgument,
    version: Annotated[str, typer.Argument(help="Its number; `learnlake models` lists them.")],
    tenant: TenantOption = None,
) -> None:
    """Make a registered version the one that scores."""
    from models import registry

    settings = get_settings()
    name = registry.model_name(kind, _tenant(settings, tenant))
    registry.promote(settings.home, name, version)
    _note(settings, "promote-model", f"model:{name}:{version}")
    console.print(f"{name} version {version} scores from the next run on")


@app.command()
def rollback(kind: KindArgument, tenant: TenantOption = None) -> None:
    """Go back to the version that scored before."""
    from models import registry

    settings = get_settings()
    name = registry.model_name(kind, _tenant(settings, tenant))
    version = registry.rollback(settings.home, name)
    _note(settings, "rollback-model", f"model:{name}:{version}")
    console.print(f"{name} version {version} scores from the next run on")


@app.command()
def canary(
    kind: KindArgument,
    version: Annotated[
        str | None,
        typer.Argument(help="Its number; `learnlake models` lists them. Without it the trial ends."),
    ] = None,
    share: Annotated[
        float | None,
        typer.Option(help="Share of people (classes, for risk); default: LEARNLAKE_CANARY_SHARE."),
    ] = None,
    tenant: TenantOption = None,
) -> None:
    """Let a version score some people beside the champion, or end that. Who is scored by which is in `prd_record`, for suggestions in `prd_choice`."""
    from models import registry

    settings = get_settings()
    name = registry.model_name(kind, _tenant(settings, tenant))
    if version is None:
        was_there = registry.stop_canary(settings.home, name)
        _note(settings, "stop-canary", f"model:{name}")
        console.print(f"{name}: {'the trial has ended' if was_there else 'there was no trial'}")
        return
    experiment = registry.start_canary(
        settings.home, name, version, share=settings.canary_share if share is None else share
    )
    _note(settings, "start-canary", f"model:{name}:{version}")
    console.print(f"from the next run on: {experiment}", soft_wrap=True)


@app.command()
def models(tenant: TenantOption = None) -> None:
    """Registered versions of each model, newest first: which one scores, what was measured, why it was promoted or not."""
    from models import registry

    settings = get_settings()
    table = Table("model", "version", "scores", "made", "auc", "trained because", "decision")
    chosen = _tenant(settings, tenant)
    for kind in Kind:
        for found in registry.versions(settings.home, registry.model_name(kind, chosen)):
            made = dt.datetime.fromtimestamp(found.created_at_ms / 1000, dt.UTC)
            auc = f"{found.metrics['auc']:.4f}" if "auc" in found.metrics else ""
            scores = "champion" if found.is_champion else "canary" if found.is_canary else ""
            table.add_row(
                *(found.name, found.version, scores, f"{made:%Y-%m-%d %H:%M}", auc),
                *(found.trigger, found.decision),
            )
    show(table)


def _note(settings: Settings, action: str, resource: str) -> None:
    """Which model judges people is a rule: the audit trail tells who changed it."""
    from learnlake import audit

    entry = audit.AuditEntry("", audit.operator_key(), action, resource, "command line")
    audit.append(settings.home.audit_db, entry)


@contextlib.contextmanager
def marts(settings: Settings, tenant: str | None) -> Iterator[tuple[str, Callable[[str], pl.DataFrame]]]:
    """The tenant and a reader of its marts (of those who allow predictions) in the newest snapshot, which stays as it is for as long as the block runs."""
    import duckdb
    import polars as pl

    from models.permitted import permitted
    from models.recommendation.choices import SCHEMA
    from models.retraining import CHOICES
    from warehouse import choices
    from warehouse.snapshot import holding, tenant_file
    from warehouse.tables import quoted

    with holding(settings.home) as held:
        chosen = _one_of(sorted(held.build.statement_counts), tenant)
        with duckdb.connect(str(tenant_file(held.folder, chosen)), read_only=True) as connection:

            def read(mart: str) -> pl.DataFrame:
                if mart == CHOICES:
                    return choices.read(settings.home, chosen, SCHEMA)
                frame = pl.from_arrow(connection.sql(f"from main.{quoted(mart)}").to_arrow_table())
                assert isinstance(frame, pl.DataFrame)
                return frame

            yield chosen, permitted(read)


def _tenant(settings: Settings, tenant: str | None) -> str:
    """The tenant meant, among those that have a champion or a published build."""
    from models.registry import champions

    known = {name.partition("-")[2] for name in champions(settings.home)}
    return tenant if tenant is not None else _one_of(sorted(known), None)


def _one_of(known: list[str], tenant: str | None) -> str:
    if tenant is None and len(known) == 1:
        return known[0]
    if tenant in known and tenant is not None:
        return tenant
    if not known:
        raise ModelError("No school has data or a model yet", mend="run `learnlake run` first")
    raise InputError(
        "Several schools are here" if tenant is None else f"There is no school {tenant}",
        mend=f"give --tenant, one of: {', '.join(known)}",
    )


def show(table: Table) -> None:
    """Print it, wide where there is no terminal whose width would count."""
    wide = console if console.is_terminal else Console(width=WIDTH_WITHOUT_TERMINAL)
    wide.print(table)
