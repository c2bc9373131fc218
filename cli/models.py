"""`learnlake train`, `evaluate`, `promote`, `rollback` and `models`: what they do lives in `models`; this reads and prints."""

from __future__ import annotations

import contextlib
import datetime as dt
import enum
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table

from learnlake.errors import InputError, ModelError
from learnlake.settings import Settings, get_settings

if TYPE_CHECKING:
    import polars as pl

    from models.risk.evaluate import Evaluation


app = typer.Typer(add_completion=False, no_args_is_help=True)
evaluate_app = typer.Typer(
    help="Held-out students and later sessions, beside the baselines.", no_args_is_help=True
)
app.add_typer(evaluate_app, name="evaluate")
console = Console()
WIDTH_WITHOUT_TERMINAL = 160


class Kind(enum.StrEnum):
    """Models that are trained."""

    mastery = "mastery"
    risk = "risk"


class Origin(enum.StrEnum):
    """Where an evaluation reads."""

    marts = "marts"
    files = "files"


TenantOption = Annotated[
    str | None, typer.Option(help="Which school; may be left out where there is one only.")
]
KindArgument = Annotated[Kind, typer.Argument(help="mastery or risk.")]
DataOption = Annotated[
    Path | None, typer.Option("--data", help="File or folder of the data set; implies --from files.")
]
OriginOption = Annotated[
    Origin | None, typer.Option("--from", help="The published marts, or the data set's own files.")
]


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
    with _marts(settings, tenant) as (name_of_tenant, read):
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
    """Let a version score some people beside the champion, or end that. Who is scored by which is in `prd_record`."""
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
    _show(table)


@evaluate_app.command("mastery")
def evaluate_mastery(
    data: DataOption = None, origin: OriginOption = None, tenant: TenantOption = None
) -> None:
    """Next-response prediction for held-out students: five folds, and the given split where the data has one."""
    import polars as pl

    from models import baselines, mastery
    from models.mastery.assistments_files import read_attempts

    settings = get_settings()
    started = time.perf_counter()
    if _origin(data, origin) is Origin.files:
        attempts = read_attempts(_data(settings, data))
    else:
        with _marts(settings, tenant) as (_, read):
            attempts = read("fct_attempt")
    table = mastery.evaluate(attempts)
    if table["count"].max() == baselines.ASSISTMENTS_2009_RESPONSES:
        known = pl.DataFrame(
            {
                "model": list(baselines.ASSISTMENTS_2009_AUC),
                "split": "five folds",
                "baseline_auc": list(baselines.ASSISTMENTS_2009_AUC.values()),
            }
        )
        table = table.join(known, on=["model", "split"], how="left", maintain_order="left")
    _print(table, f"Next response of held-out students ({time.perf_counter() - started:.1f} s)")


@evaluate_app.command("risk")
def evaluate_risk(
    data: DataOption = None,
    origin: OriginOption = None,
    tenant: TenantOption = None,
    test_from: Annotated[
        dt.datetime | None,
        typer.Option(
            formats=["%Y-%m-%d"], help="Start of the sessions to test on; default: the newest finished."
        ),
    ] = None,
) -> None:
    """Risk by decision week: trained on earlier finished sessions, tested on a later one."""
    from models import baselines, risk
    from models.risk.oulad_files import read_oulad

    settings = get_settings()
    started = time.perf_counter()
    if _origin(data, origin) is Origin.files:
        frames = read_oulad(_data(settings, data))
        weeks, outcomes, sessions = frames.weeks, frames.outcomes, frames.sessions
    else:
        with _marts(settings, tenant) as (_, read):
            weeks, outcomes, sessions = map(read, ("msr_student_week", "fct_outcome", "dim_academic_session"))
    found = risk.evaluate(weeks, outcomes, sessions, test_from=test_from.date() if test_from else None)
    table = found.by_week
    if _is_oulad_protocol(found):
        table = table.join(baselines.OULAD_WITHOUT_DEMOGRAPHICS, on="week", how="left", maintain_order="left")
    _print(
        table,
        f"At risk, sessions from {found.test_start} after training on {', '.join(map(str, found.train_starts))} "
        f"({time.perf_counter() - started:.1f} s)",
    )
    for name in ("auc", "baseline_auc"):
        if name in table.columns:
            console.print(f"mean {name} {table[name].to_numpy().mean():.4f}")


def _note(settings: Settings, action: str, resource: str) -> None:
    """Which model judges people is a rule: the audit trail tells who changed it."""
    from learnlake import audit

    entry = audit.AuditEntry("", audit.operator_key(), action, resource, "command line")
    audit.append(settings.home.audit_db, entry)


def _is_oulad_protocol(found: Evaluation) -> bool:
    """Whether the baselines measured on OULAD's whole 2013B, 2013J and 2014B may stand beside these figures."""
    from models import baselines

    return (
        found.test_start == baselines.OULAD_TEST_START
        and found.train_starts == baselines.OULAD_TRAIN_STARTS
        and found.by_week["count"].max() == baselines.OULAD_TEST_STUDENTS
    )


def _origin(data: Path | None, origin: Origin | None) -> Origin:
    if data is not None and origin is Origin.marts:
        raise InputError("--data names files, --from marts the published marts", mend="give one of the two")
    return origin or (Origin.files if data is not None else Origin.marts)


def _data(settings: Settings, data: Path | None) -> Path:
    place = data or settings.data_dir
    if place is None:
        raise InputError(
            "There is no data set to evaluate on", mend="give --data PATH, or set LEARNLAKE_DATA_DIR"
        )
    return place


@contextlib.contextmanager
def _marts(settings: Settings, tenant: str | None) -> Iterator[tuple[str, Callable[[str], pl.DataFrame]]]:
    """The tenant and a reader of its marts (of those who allow predictions) in the newest snapshot, which stays as it is for as long as the block runs."""
    import duckdb
    import polars as pl

    from models.permitted import permitted
    from warehouse.snapshot import holding, tenant_file
    from warehouse.tables import quoted

    with holding(settings.home) as held:
        chosen = _one_of(sorted(held.build.statement_counts), tenant)
        with duckdb.connect(str(tenant_file(held.folder, chosen)), read_only=True) as connection:

            def read(mart: str) -> pl.DataFrame:
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


def _print(table: pl.DataFrame, title: str) -> None:
    """Each figure, and behind it in brackets the baseline where there is one."""
    baselines = {
        name.removeprefix("baseline_"): name for name in table.columns if name.startswith("baseline_")
    }
    names = [name for name in table.columns if name not in baselines.values()]
    shown = Table(*names, title=title, title_justify="left")
    for row in table.iter_rows(named=True):
        cells = []
        for name in names:
            beside = row[baselines[name]] if name in baselines else None
            cells.append(_figure(row[name]) + (f" ({_figure(beside)})" if beside is not None else ""))
        shown.add_row(*cells)
    _show(shown)


def _show(table: Table) -> None:
    wide = console if console.is_terminal else Console(width=WIDTH_WITHOUT_TERMINAL)
    wide.print(table)


def _figure(value: object) -> str:
    return f"{value:.4f}" if isinstance(value, float) else str(value)
