"""`learnlake catalogue`, `sql`, `export` and `reconcile`: what they do lives in `warehouse`."""

from __future__ import annotations

import datetime as dt
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from learnlake.errors import InputError, LearnlakeError
from learnlake.settings import Settings, get_settings

if TYPE_CHECKING:
    import polars as pl

    from warehouse.sandbox import Result

app = typer.Typer(add_completion=False, no_args_is_help=True)
catalogue_app = typer.Typer(help="Courses, units, lessons, activities, skills.", no_args_is_help=True)
app.add_typer(catalogue_app, name="catalogue")
console = Console()

TenantOption = Annotated[
    str | None, typer.Option(help="Which school; may be left out where there is one only.")
]


@catalogue_app.callback()
def _catalogue() -> None:
    """Courses, units, lessons, activities, skills."""


@catalogue_app.command("import")
def catalogue_import(
    folder: Annotated[Path, typer.Argument(help="Folder with courses.csv, activities.csv, skills.csv, ...")],
    tenant: Annotated[str, typer.Option(help="Whose catalogue this is.")],
) -> None:
    """Make the CSV files of FOLDER the catalogue of a tenant: whole or not at all."""
    from warehouse import catalogue

    report = catalogue.import_folder(get_settings().home.create(), tenant, folder)
    table = Table("table", "rows", "added", "changed", "removed", title=f"Catalogue of {tenant}")
    for row in report.tables:
        table.add_row(row.table, str(row.rows), str(row.added), str(row.changed), str(row.removed))
    console.print(table)
    if not report.is_changed:
        console.print("Nothing has changed.")


@app.command()
def sql(
    query: Annotated[
        str | None, typer.Argument(help="One SELECT; without it, a prompt that reads until `;`.")
    ] = None,
    tenant: TenantOption = None,
    rows: Annotated[int, typer.Option(help="Most rows to print.")] = 100,
) -> None:
    """Read-only SQL over the newest snapshot, limited in time and memory."""
    from warehouse.sandbox import run_as_operator

    settings = get_settings()
    chosen = _tenant(settings, tenant)
    if query is not None:
        _show(run_as_operator(settings, chosen, query, row_limit=rows))
        return
    for typed in _typed_queries():
        try:
            _show(run_as_operator(settings, chosen, typed, row_limit=rows))
        except LearnlakeError as error:
            console.print(str(error), style="red", markup=False)


@app.command()
def export(
    table: Annotated[str, typer.Argument(help="A mart, such as msr_student_week.")],
    out: Annotated[Path, typer.Option(help="File to write.")],
    tenant: TenantOption = None,
    form: Annotated[str, typer.Option("--format", help="csv, json or parquet.")] = "csv",
) -> None:
    """Write a whole mart of a tenant to a file. The audit trail notes it."""
    from warehouse.export import export_mart

    settings = get_settings()
    chosen = _tenant(settings, tenant)
    count = export_mart(settings, chosen, table, form, out, actor_key=f"operator:{os.getuid()}")
    console.print(f"{count} rows of {table} written to {out}")


@app.command()
def reconcile(
    repair: Annotated[
        bool, typer.Option("--repair", help="Load lost days again from the store and build their marts anew.")
    ] = False,
) -> None:
    """Compare store, lake and marts, per tenant and day of storing; exit code 1 where they differ.

    With --repair what is not sealed is sealed, days of the lake that differ from the store are written anew from it, and the
    marts are built anew from the first day that differs. Nothing is repaired where nothing differs.
    """
    settings = get_settings()
    different, days = _compared(settings)
    if repair and not different.is_empty():
        _repair(settings, different)
        different, days = _compared(settings)
    if not different.is_empty():
        console.print(
            f"{different.height} of {days} day(s) differ. "
            + (
                "The store itself may be damaged: docs/operators.md, When something fails."
                if repair
                else "Statements not sealed or not built yet? `learnlake run`; if it stays, `learnlake reconcile --repair`."
            ),
            style="red",
        )
        raise typer.Exit(1)


def _compared(settings: Settings) -> tuple[pl.DataFrame, int]:
    """Print the comparison; answer the days that differ and how many days there are."""
    from lrs.store import counts
    from warehouse.reconcile import reconcile as compare

    found = compare(settings.home, counts(settings))
    _print(found, title="Statements by day of storing (UTC)")
    different = found.filter(~found["is_equal"])
    if different.is_empty():
        console.print(f"Equal on all {found.height} day(s): {found['store_count'].sum()} statements.")
    return different, found.height


def _repair(settings: Settings, different: pl.DataFrame) -> None:
    """Seal, load the lake's days again, build the marts anew from the first day that differed."""
    import uuid

    from cli.run import WAIT_SECONDS, seal
    from lrs.lake_repair import repair
    from pipelines import stages

    seal(settings)
    for day in repair(settings):
        before = "unreadable" if day.count_before is None else f"{day.count_before:,} rows"
        console.print(f"Lake: {day.tenant}, {day.stored_date}: {before}, now {day.count:,} from the store.")
    first: dt.date = min(different["stored_date"].to_list())
    outcome = stages.incremental(
        settings,
        run_id=f"repair-{uuid.uuid4()}",
        started_by="learnlake reconcile --repair",
        retake_from=first,
        wait_seconds=WAIT_SECONDS,
    )
    if outcome.build is not None:
        console.print(f"Marts: built anew from {first} on and published as {outcome.build.build_id}.")


def _tenant(settings: Settings, named: str | None) -> str:
    from warehouse.reconcile import tenants

    known = tenants(settings.home)
    if named in known:
        return named
    if named is None and len(known) == 1:
        return known[0]
    what = "Which school?" if named is None else f"Nothing is published for the school {named!r}."
    raise InputError(what, where="--tenant", mend=f"one of {', '.join(known)}")


def _typed_queries() -> Iterator[str]:
    """What is typed, or piped in, up to each `;`."""
    lines: list[str] = []
    if sys.stdin.isatty():
        console.print("Marts of the newest snapshot, read-only. `show tables;` lists them, Ctrl-D leaves.")
    while True:
        try:
            line = (
                console.input("sql> " if not lines else "...> ")
                if sys.stdin.isatty()
                else sys.stdin.readline()
            )
        except (EOFError, KeyboardInterrupt):
            return
        if not line and not sys.stdin.isatty():
            if text := "".join(lines).strip():
                yield text
            return
        lines.append(line + "\n")
        if line.rstrip().endswith(";"):
            yield "".join(lines).strip().rstrip(";")
            lines = []


def _show(result: Result) -> None:
    import polars as pl

    frame = pl.from_arrow(result.table)
    assert isinstance(frame, pl.DataFrame)
    _print(frame)
    console.print(
        f"{frame.height} rows, {result.seconds:.2f} s, build {result.build.build_id}. {result.note}"
    )


def _print(frame: pl.DataFrame, *, title: str | None = None) -> None:
    table = Table(*frame.columns, title=title)
    for row in frame.iter_rows():
        table.add_row(*("" if value is None else Text(str(value)) for value in row))
    console.print(table)
