"""`learnlake import`: brings a public data set, or the sample school, in over HTTP as an LMS would send it."""

from __future__ import annotations

import contextlib
import datetime as dt
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from learnlake.clock import today as today_of
from learnlake.errors import InputError
from learnlake.sender import SendReport
from learnlake.settings import Settings, get_settings
from sources import Source
from sources.importing import ImportReport, Loader, open_source, send_source

app = typer.Typer(help="Public data sets and the sample school, sent as an LMS would.", no_args_is_help=True)
console = Console()

EXIT_INCOMPLETE = 1
"""Exit code when the LRS does not hold every statement of the import."""

TenantOption = Annotated[str, typer.Option(help="Whose roster, catalogue and statements these become.")]
LimitOption = Annotated[int | None, typer.Option(min=1, help="Only the first rows of each table of events.")]
UrlOption = Annotated[str | None, typer.Option(help="xAPI endpoint; default: the LRS of these settings.")]
KeyOption = Annotated[
    str | None,
    typer.Option(envvar="LEARNLAKE_LRS_KEY", help="Credential to send with; default: one for this import."),
]
SecretOption = Annotated[str | None, typer.Option(envvar="LEARNLAKE_LRS_SECRET", help="Its secret.")]


@app.command()
def assistments(
    path: Annotated[
        Path, typer.Argument(help="Folder with the responses and the q-matrix, or ASSISTments' own CSV.")
    ],
    tenant: TenantOption,
    limit: LimitOption = None,
    url: UrlOption = None,
    key: KeyOption = None,
    secret: SecretOption = None,
) -> None:
    """ASSISTments 2009-2010: responses to mathematics items."""
    import_source(
        "assistments", open_source("assistments", path, limit=limit), tenant, url=url, key=key, secret=secret
    )


@app.command()
def oulad(
    path: Annotated[Path, typer.Argument(help="Folder with OULAD's tables, as CSV or Parquet.")],
    tenant: TenantOption,
    limit: LimitOption = None,
    url: UrlOption = None,
    key: KeyOption = None,
    secret: SecretOption = None,
) -> None:
    """The Open University Learning Analytics Dataset."""
    import_source("oulad", open_source("oulad", path, limit=limit), tenant, url=url, key=key, secret=secret)


@app.command("sample-school")
def sample_school(
    tenant: TenantOption,
    today: Annotated[
        dt.datetime | None, typer.Option(formats=["%Y-%m-%d"], help="A day of the third term's week 8.")
    ] = None,
    seed: Annotated[int | None, typer.Option(help="Another seed gives another school.")] = None,
    url: UrlOption = None,
    key: KeyOption = None,
    secret: SecretOption = None,
) -> None:
    """A generated school with a year of statements; nobody in it exists."""
    from sources.school import generate
    from sources.school.sample import DEFAULT_SEED

    day = today.date() if today else today_of(get_settings())
    school = generate(today=day, seed=DEFAULT_SEED if seed is None else seed)
    import_source("sample-school", school, tenant, url=url, key=key, secret=secret)


def import_source(
    name: str,
    source: Source,
    tenant: str,
    *,
    url: str | None = None,
    key: str | None = None,
    secret: str | None = None,
) -> ImportReport:
    """Load roster and catalogue, send the statements with a progress bar, print what was sent and what is stored."""
    settings = get_settings()
    settings.home.create()
    with credential(settings, name, tenant, key, secret) as (key, secret), _bar() as bar:
        task = bar.add_task(name, total=source.statement_count)

        def show(report: SendReport) -> None:
            bar.update(task, completed=report.sent)

        report = send_source(
            settings,
            name,
            source,
            load=loader(settings, tenant),
            key=key,
            secret=secret,
            url=url,
            progress=show,
        )
    _print(report)
    if not report.is_complete:
        raise typer.Exit(EXIT_INCOMPLETE)
    console.print(
        "next       `learnlake run` brings them into the marts, `learnlake reconcile` compares all counts"
    )
    return report


def loader(settings: Settings, tenant: str) -> Loader:
    """Brings a source's roster and catalogue into `tenant`."""

    def load(source: Source, roster: Path, catalogue: Path) -> None:
        from people.oneroster import import_roster
        from warehouse.catalogue import import_folder

        people = import_roster(settings, tenant, roster, home_page=source.home_page)
        rows = {count.table: count.added + count.changed + count.unchanged for count in people.tables}
        console.print(f"roster     {rows.get('person', 0):,} people, {rows.get('section', 0):,} classes")
        courses = import_folder(settings.home, tenant, catalogue)
        held = {table.table: table.rows for table in courses.tables}
        console.print(f"catalogue  {held['activity']:,} activities, {held['skill']:,} skills")

    return load


@contextlib.contextmanager
def credential(
    settings: Settings, name: str, tenant: str, key: str | None, secret: str | None
) -> Iterator[tuple[str, str]]:
    """The credential that was given, or one made for this import and closed when it ends."""
    if key and secret:
        yield key, secret
        return
    if key or secret:
        raise InputError("A key needs its secret and a secret its key", where="--key, --secret")
    from lrs import credentials

    made = credentials.create(settings, name=f"import {name}", tenant=tenant, scopes=["statements/write"])
    assert made.secret is not None
    try:
        yield made.key, made.secret
    finally:
        credentials.revoke(settings, made.key)


def _bar() -> Progress:
    return Progress(
        TextColumn("[bold]{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        console=console,
    )


def _print(report: ImportReport) -> None:
    sending = report.sending
    console.print(
        f"statements {report.expected:,} in the source, {sending.sent:,} sent, {report.held:,} stored "
        f"({sending.stored:,} now, {sending.duplicates:,} already there)",
        highlight=False,
        soft_wrap=True,
    )
    for refusal in sending.refused[:10]:
        console.print(f"refused    {refusal.statement_id}: {refusal.status} {refusal.reason}", style="red")
    if len(sending.refused) > 10:
        console.print(f"refused    {len(sending.refused) - 10:,} more", style="red")
