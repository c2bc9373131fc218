"""`learnlake audit`: the trail verified, searched, purged. What it does lives in `people.trail`."""

from __future__ import annotations

import csv
import datetime as dt
import sys
from collections.abc import Sequence
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from cli.engine import people_engine
from learnlake.clock import utc_now
from learnlake.errors import InputError
from learnlake.settings import get_settings

app = typer.Typer(help="The audit trail: who did what to whose record.", no_args_is_help=True)
console = Console(soft_wrap=True, markup=False, emoji=False, highlight=False)

EXIT_FAULT = 1
"""Exit code when the trail isn't whole."""
_SHOWN = ("number", "at", "tenant", "actor_key", "action", "resource", "source", "result")


@app.command()
def verify(
    head: Annotated[
        str | None,
        typer.Option(help="A head noted elsewhere before: finds a trail put back to an earlier state too."),
    ] = None,
) -> None:
    """Check every entry, their order and their end; each fault is named with its place. Exit code 1 with one."""
    from people import trail

    noted = trail.parse_head(head) if head else None
    found = trail.verify(get_settings().home, noted=noted)
    for problem in found.problems:
        console.print(f"fault: {problem}")
    if found.problems:
        raise typer.Exit(EXIT_FAULT)
    purged = f", after {found.purged} purged ones" if found.purged else ""
    console.print(f"{found.count} entries{purged}, each in its place. Head: {found.head or 'none yet'}")


@app.command()
def head() -> None:
    """Print the trail's head, to be noted where whoever can write to this machine can't: a ticket, another host's log."""
    from learnlake import audit

    known = audit.read_head(get_settings().home)
    if known is None:
        raise InputError(
            "There is no audit trail yet, or its head is gone", mend="run `learnlake audit verify`"
        )
    console.print(str(known))


@app.command()
def search(
    tenant: Annotated[str | None, typer.Option(help="Only this tenant's.")] = None,
    actor: Annotated[
        str | None, typer.Option(help="Who acted: a person_key, operator:UID or account:ID.")
    ] = None,
    person: Annotated[
        str | None, typer.Option(help="Who acted or whose record it was: a person_key.")
    ] = None,
    action: Annotated[
        str | None, typer.Option(help="Beginning of an action, such as `view` or `log-in`.")
    ] = None,
    result: Annotated[str | None, typer.Option(help="allowed, refused or failed.")] = None,
    since: Annotated[str | None, typer.Option(help="From this day or time (UTC) on.")] = None,
    until: Annotated[str | None, typer.Option(help="Up to this day or time (UTC).")] = None,
    limit: Annotated[int, typer.Option(min=1, help="Most entries, the newest.")] = 100,
    as_csv: Annotated[bool, typer.Option("--csv", help="CSV to standard output.")] = False,
) -> None:
    """Entries that fit, newest first. Searching is an entry too."""
    from learnlake import audit
    from people import trail

    home = get_settings().home
    found = trail.search(
        home,
        tenant=tenant,
        actor=actor,
        person=person,
        action=action,
        result=result,
        since=since,
        until=until,
        limit=limit,
    )
    resource = f"person:{person}" if person else "audit"
    entry = audit.AuditEntry(tenant or "", audit.operator_key(), "search-audit", resource, "command line")
    audit.append(home.audit_db, entry)
    rows = [[str(getattr(entry, name)) for name in _SHOWN] for entry in found]
    more = ", perhaps more: see --limit" if len(found) == limit else ""
    _show(_SHOWN, rows, f"{len(found)} entries{more}", as_csv=as_csv)


@app.command()
def purge(
    before: Annotated[
        str | None,
        typer.Option(
            help="Remove entries from before this day (UTC); default: older than LEARNLAKE_AUDIT_RETENTION_DAYS."
        ),
    ] = None,
) -> None:
    """Remove old entries for good. A sealed stub stays, so that the rest still verifies."""
    from learnlake import audit
    from people import trail

    settings = get_settings()
    day = _day(before) if before else utc_now().date() - dt.timedelta(days=settings.audit_retention_days)
    count = trail.purge(settings.home, before=day, actor_key=audit.operator_key())
    console.print(f"{count} entries from before {day} removed.")


@app.command()
def disclosures(
    person: Annotated[str, typer.Argument(help="Whose record: a person_key.")],
    tenant: Annotated[str, typer.Option(help="The person's tenant.")],
    as_csv: Annotated[bool, typer.Option("--csv", help="CSV to standard output.")] = False,
) -> None:
    """To whom outside the school a person's record was given, for the family to see."""
    from learnlake import audit
    from people import disclosures as told

    with people_engine() as engine:
        found = told.of_person(engine, tenant, person)
    entry = audit.AuditEntry(
        tenant, audit.operator_key(), "list-disclosures", f"person:{person}", "command line"
    )
    audit.append(get_settings().home.audit_db, entry)
    heading = ("at", "recipient", "purpose", "what", "until")
    rows = [
        (
            f"{one.at:%Y-%m-%dT%H:%M:%SZ}",
            one.recipient,
            one.purpose,
            one.what,
            (f"{one.ended_at:%Y-%m-%dT%H:%M:%SZ}" if one.ended_at else "still")
            if one.is_everyone
            else "once",
        )
        for one in found
    ]
    _show(heading, rows, f"{len(rows)} disclosures outside the school.", as_csv=as_csv)


def _show(heading: Sequence[str], rows: Sequence[Sequence[str]], summary: str, *, as_csv: bool) -> None:
    """A table and a line below it, or bare CSV."""
    if as_csv:
        writer = csv.writer(sys.stdout)
        writer.writerow(heading)
        writer.writerows(rows)
        return
    table = Table(*heading)
    for row in rows:
        table.add_row(*row)
    console.print(table)
    console.print(summary)


def _day(text: str) -> dt.date:
    try:
        return dt.date.fromisoformat(text)
    except ValueError as error:
        raise InputError(f"{text!r} is not a day", where="--before", mend="write 2026-11-20") from error
