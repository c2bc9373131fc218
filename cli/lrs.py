"""`learnlake lrs` and `learnlake lake`: commands of the Learning Record Store and of the lake it feeds."""

from __future__ import annotations

import datetime as dt
import signal
import threading
import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from cli import filters
from cli.forward import app as forward_app
from cli.progress import StageBars
from learnlake.errors import InputError
from learnlake.log import configure_logging
from learnlake.settings import get_settings, settings_with

if TYPE_CHECKING:
    from lrs.removal import Plan

app = typer.Typer(help="The Learning Record Store.", no_args_is_help=True)
credential_app = typer.Typer(help="Keys of LMSs and other sources.", no_args_is_help=True)
lake_app = typer.Typer(help="The Parquet lake of statements.", no_args_is_help=True)
app.add_typer(credential_app, name="credential")
app.add_typer(forward_app, name="forward")
console = Console()

FILES = "JSON lines or CSV (.jsonl, .csv, both also .gz and .zst) or .parquet"
EXIT_INCOMPLETE = 1
"""Exit code when some statements were refused, or store and lake differ."""


@app.command()
def serve(
    host: Annotated[str | None, typer.Option(help="Address to listen on; default LEARNLAKE_HOST.")] = None,
    port: Annotated[int | None, typer.Option(help="Port; default LEARNLAKE_LRS_PORT.")] = None,
    database: Annotated[
        str | None, typer.Option(help="sqlite:///PATH or postgresql://...; default LEARNLAKE_DATABASE_URL.")
    ] = None,
    workers: Annotated[int, typer.Option(min=1, help="Processes; more than one needs PostgreSQL.")] = 1,
    tls_certificate: Annotated[
        Path | None, typer.Option(help="Serve by TLS with this PEM file; default LEARNLAKE_TLS_CERTIFICATE.")
    ] = None,
    tls_key: Annotated[
        Path | None, typer.Option(help="Its private key, PEM; default LEARNLAKE_TLS_KEY.")
    ] = None,
) -> None:
    """Serve xAPI at /xapi and /xapi/2.0 until stopped."""
    from lrs.server import serve as serve_lrs

    settings = settings_with(database_url=database, tls_certificate=tls_certificate, tls_key=tls_key)
    configure_logging(settings)
    serve_lrs(settings, host=host, port=port, workers=workers)


@credential_app.command("create")
def credential_create(
    name: Annotated[str, typer.Option(help="Who uses it; becomes part of the authority.")],
    tenant: Annotated[str, typer.Option(help="Whose statements it writes and reads.")] = "default",
    scope: Annotated[
        list[str] | None, typer.Option(help="What it may do; may be given several times.")
    ] = None,
    key: Annotated[str | None, typer.Option(help="A key of your own; otherwise one is made.")] = None,
    secret: Annotated[str | None, typer.Option(help="A secret of your own; otherwise one is made.")] = None,
    rate: Annotated[
        float | None,
        typer.Option(help="Requests a second; 0: no limit; default LEARNLAKE_RATE_LIMIT_PER_SECOND."),
    ] = None,
    burst: Annotated[int | None, typer.Option(help="Requests at once; default: two seconds' worth.")] = None,
) -> None:
    """Make a credential. The secret is shown once and kept only as a hash."""
    from lrs import credentials

    settings = get_settings()
    settings.home.create()
    made = credentials.create(
        settings,
        name=name,
        tenant=tenant,
        scopes=scope or ["all"],
        key=key,
        secret=secret,
        rate=rate,
        burst=burst,
    )
    _note(made.tenant, "create-credential", f"credential:{made.key}")
    console.print(
        f"key     {made.key}\nsecret  {made.secret}\ntenant  {made.tenant}\nscopes  {', '.join(made.scopes)}",
        highlight=False,
    )


@credential_app.command("list")
def credential_list() -> None:
    """All credentials, without secrets; also those that bearer tokens brought: their scopes are in each token."""
    from lrs import credentials

    table = Table("key", "name", "tenant", "scopes", "rate", "issuer", "state")
    for item in credentials.list_(get_settings()):
        state = "revoked" if item.is_revoked else "in force"
        table.add_row(
            item.key,
            item.name,
            item.tenant,
            ", ".join(item.scopes),
            "" if item.rate is None else f"{item.rate:g}/s",
            item.issuer or "",
            state,
        )
    console.print(table)


@credential_app.command("revoke")
def credential_revoke(key: Annotated[str, typer.Argument(help="The key, as `list` shows it.")]) -> None:
    """Close a credential. What it has stored stays."""
    from lrs import credentials

    credentials.revoke(get_settings(), key)
    _note("", "revoke-credential", f"credential:{key}")
    console.print(f"revoked {key}", highlight=False)


@app.command("import")
def import_(
    file: Annotated[Path, typer.Argument(help=f"{FILES}.")],
    key: Annotated[str, typer.Option(envvar="LEARNLAKE_LRS_KEY", help="Key of the credential to send with.")],
    secret: Annotated[str, typer.Option(envvar="LEARNLAKE_LRS_SECRET", help="Its secret.")],
    url: Annotated[
        str | None, typer.Option(help="xAPI endpoint; default: the LRS of these settings.")
    ] = None,
    version: Annotated[str, typer.Option(help="xAPI version to send in.")] = "1.0.3",
    batch_size: Annotated[int, typer.Option(min=1, max=5000, help="Statements per request.")] = 250,
    connections: Annotated[int, typer.Option(min=1, max=64, help="Requests at a time.")] = 4,
    rejects: Annotated[
        Path | None, typer.Option(help="Where refused statements go; default FILE.rejects.jsonl here.")
    ] = None,
) -> None:
    """Send a file of statements to an LRS over HTTP. Broken off, it goes on where it was; refused lines are named."""
    from learnlake.sender import Sender
    from lrs.importing import ImportReport, import_file

    settings = get_settings()
    rejects = rejects or Path(f"{file.name}.rejects.jsonl")
    bar = Progress(
        TextColumn("[bold]{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=console,
    )
    with (
        bar,
        Sender(
            url or settings.lrs_url,
            key,
            secret,
            version=version,
            batch_size=batch_size,
            connections=connections,
        ) as sender,
    ):
        task = bar.add_task("sending", total=None)

        def show(report: ImportReport) -> None:
            bar.update(task, completed=report.lines)

        report = import_file(settings.home.create(), sender, file, rejects=rejects, progress=show)
        bar.update(task, completed=report.lines, total=report.lines)
    console.print(
        f"{report.lines} statements: {report.stored} stored, {report.duplicates} there already, {report.refused} refused"
        + (f", {report.skipped} settled by an earlier run" if report.skipped else ""),
        highlight=False,
    )
    if report.refused:
        console.print(f"[red]refused statements, with line and reason, are in {rejects}")
        raise typer.Exit(EXIT_INCOMPLETE)


@app.command("export")
def export(
    file: Annotated[Path, typer.Argument(help=f"{FILES}.")],
    tenant: Annotated[str, typer.Option(help="Whose statements.")] = "default",
    since: Annotated[str | None, typer.Option(help="Only those stored after this time (ISO 8601).")] = None,
    until: Annotated[str | None, typer.Option(help="Only those stored up to this time (ISO 8601).")] = None,
    verb: filters.Verb = None,
    activity: filters.Activity = None,
    agent: filters.Agent = None,
    registration: filters.Registration = None,
    related_activities: filters.RelatedActivities = False,
    related_agents: filters.RelatedAgents = False,
    credential: Annotated[str | None, typer.Option(help="Only what this key has stored.")] = None,
) -> None:
    """Write a tenant's statements to a file, in the order they were stored. Broken off, it goes on where it was."""
    from lrs.exporting import export_file
    from lrs.filters import read_filter

    with StageBars(console) as bars:
        count = export_file(
            get_settings(),
            file,
            tenant=tenant,
            since=_microseconds(since, "--since"),
            until=_microseconds(until, "--until"),
            filter=read_filter(
                verb=verb,
                activity=activity,
                agent=agent,
                registration=registration,
                related_activities=related_activities,
                related_agents=related_agents,
            ),
            credential=credential,
            progress=lambda written, reached, last: bars("export", reached, last, f"{written} statements"),
        )
    console.print(f"{count} statements written to {file}", highlight=False)
    _note(tenant, "export", f"statements:{count}")


def _note(tenant: str, action: str, resource: str) -> None:
    """Tell the audit trail what the operator did."""
    from learnlake import audit

    entry = audit.AuditEntry(tenant, audit.operator_key(), action, resource, "command line")
    audit.append(get_settings().home.audit_db, entry)


@app.command("delete")
def delete(
    tenant: Annotated[str, typer.Option(help="Whose statements.")] = "default",
    statement_id: Annotated[
        list[str] | None, typer.Option("--id", help="A statement's id; may be given several times.")
    ] = None,
    credential: Annotated[str | None, typer.Option(help="Only what this key has stored.")] = None,
    since: Annotated[str | None, typer.Option(help="Only those stored after this time (ISO 8601).")] = None,
    until: Annotated[str | None, typer.Option(help="Only those stored up to this time (ISO 8601).")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Count only; change nothing.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Don't ask.")] = False,
) -> None:
    """Delete statements for good, from store and lake: those that meet every condition given."""
    from lrs import removal

    settings = get_settings()
    selection = removal.Selection(
        tenant,
        ids=None if statement_id is None else [_uuid(text) for text in statement_id],
        credential=credential,
        since=_microseconds(since, "--since"),
        until=_microseconds(until, "--until"),
    )
    planned = removal.plan(settings, selection)
    _show_plan(planned)
    if dry_run or not planned.statements:
        return
    if not yes:
        typer.confirm(f"Delete {planned.statements} statements of {tenant} for good?", abort=True)
    with StageBars(console) as bars:
        removed = removal.remove(
            settings, selection, progress=lambda step, done, of: bars(step, done, of, "statements")
        )
    _note(tenant, "delete", f"removal:{removed.number}:statements:{removed.statements}")
    console.print(
        f"removal {removed.number}: {removed.statements} statements, {removed.attachments} attachments"
        f" and {removed.lake_rows} rows of the lake are gone; the next pipeline run builds the marts without them",
        highlight=False,
    )


def _show_plan(planned: Plan) -> None:
    table = Table("stored on (UTC)", "statements")
    for day, count in planned.days.items():
        table.add_row(str(day), str(count))
    console.print(table)
    console.print(
        f"{planned.statements} statements, of which {planned.partners} go along as the other half of a voided pair;"
        f" {planned.attachments} attachments that no other statement has; {planned.referring} statements stay"
        " and refer to one that goes.",
        highlight=False,
    )


@lake_app.command()
def seal(
    follow: Annotated[bool, typer.Option("--follow", help="Keep sealing until stopped.")] = False,
) -> None:
    """Seal committed statements into the lake, each exactly once."""
    from lrs import lake

    settings = get_settings()
    settings.home.create()
    configure_logging(settings)
    if follow:
        stop = threading.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: stop.set())
        lake.seal_forever(settings, stop=stop)
        return
    report = lake.seal_once(settings)
    console.print(
        f"sealed {report.count} statements; the lake holds everything up to {report.last_seq}",
        highlight=False,
    )


@lake_app.command()
def compact() -> None:
    """Join small files into large ones while readers go on."""
    from lrs import lake

    result = lake.compact(get_settings())
    console.print(
        ", ".join(f"{name.replace('_', ' ')}: {count}" for name, count in result.items()), highlight=False
    )


@lake_app.command()
def verify() -> None:
    """Prove that the lake holds what the store holds, by count and hash per tenant and day."""
    from lrs import lake

    checks = lake.verify(get_settings())
    table = Table("tenant", "stored on", "store", "lake", "equal")
    for check in checks:
        table.add_row(
            check.tenant,
            str(check.stored_date),
            str(check.store_count),
            str(check.lake_count),
            "yes" if check.is_equal else "[red]no",
        )
    console.print(table)
    for check in checks:
        for difference in check.differences:
            console.print(f"{check.tenant} {check.stored_date}: {difference}", highlight=False)
    if not all(check.is_equal for check in checks):
        raise typer.Exit(EXIT_INCOMPLETE)


def _uuid(text: str) -> uuid.UUID:
    try:
        return uuid.UUID(text)
    except ValueError:
        raise InputError(f"{text!r} is no statement id", where="--id", mend="give a UUID") from None


def _microseconds(text: str | None, option: str) -> int | None:
    if text is None:
        return None
    from lrs.store.moment import microseconds_of

    try:
        moment = dt.datetime.fromisoformat(text)
    except ValueError:
        raise InputError(
            f"{text!r} is no time", where=option, mend="write 2026-01-31 or 2026-01-31T09:30:00Z"
        ) from None
    return microseconds_of(moment if moment.tzinfo else moment.replace(tzinfo=dt.UTC))
