"""`learnlake consent`: recorded, withdrawn, listed, imported. What it does lives in `people.consent`."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from cli.engine import people_engine
from learnlake import audit
from learnlake.errors import InputError
from learnlake.settings import get_settings

app = typer.Typer(help="Which record may be used for what.", no_args_is_help=True)
console = Console(soft_wrap=True, markup=False, emoji=False, highlight=False)

Person = Annotated[str, typer.Argument(help="Whose record: a person_key.")]
PurposeName = Annotated[str, typer.Argument(help="prediction, leaderboard, research or guardian-access.")]
Tenant = Annotated[str, typer.Option(help="Whose people these are.")]
By = Annotated[str, typer.Option(help="Who says so: student, guardian or school.")]
Giver = Annotated[
    str | None, typer.Option(help="The guardian's person_key; left out for somebody unknown to the roster.")
]
On = Annotated[str | None, typer.Option(help="The day it was said on; default: today.")]


@app.command("record")
def record_(
    person: Person,
    purpose: PurposeName,
    tenant: Tenant,
    by: By,
    giver: Giver = None,
    on: On = None,
    until: Annotated[
        str | None, typer.Option(help="The last day it holds; default: until withdrawn.")
    ] = None,
) -> None:
    """Record a consent. It counts from the next pipeline run on."""
    _keep(person, purpose, tenant, "given", by, giver, on, until)
    console.print(f"{purpose}: consent of {person} recorded.")


@app.command()
def withdraw(
    person: Person,
    purpose: PurposeName,
    tenant: Tenant,
    by: By,
    giver: Giver = None,
    on: On = None,
) -> None:
    """Record that a consent is withdrawn, or a use objected to. The next pipeline run stops it."""
    _keep(person, purpose, tenant, "withdrawn", by, giver, on, None)
    console.print(f"{purpose}: {person} is left out from the next run on.")


@app.command("list")
def list_(person: Person, tenant: Tenant) -> None:
    """Everything said about one person's record, and what holds today."""
    from people import consent
    from people.purposes import PURPOSES

    with people_engine() as engine:
        said = consent.history(engine, tenant, person)
        allowed = [consent.allows(engine, tenant, person, purpose) for purpose in PURPOSES]
    table = Table("purpose", "said", "by", "guardian", "on", "until")
    for one in said:
        until = one.until_date.isoformat() if one.until_date else ""
        table.add_row(
            one.purpose, one.decision, one.given_by, one.giver_key or "", one.on_date.isoformat(), until
        )
    console.print(table)
    for purpose, is_allowed in zip(PURPOSES, allowed, strict=True):
        console.print(f"today {purpose}: {'allowed' if is_allowed else 'not allowed'}")
    home = get_settings().home
    entry = audit.AuditEntry(
        tenant, audit.operator_key(), "list-consents", f"person:{person}", "command line"
    )
    audit.append(home.audit_db, entry)


@app.command()
def purposes() -> None:
    """Every purpose: what families are told, what it rests on, and whether it waits for consent."""
    from people.consent import purposes_of

    table = Table("purpose", "what families are told", "legal basis", "without an answer")
    for name, text, basis, waits in purposes_of(get_settings()):
        table.add_row(name, text, basis, "not used" if waits else "used")
    console.print(table)


@app.command("import")
def import_(
    file: Annotated[
        Path,
        typer.Argument(
            help="CSV with person_key or sourced_id, purpose, decision, given_by, giver_key, on, until."
        ),
    ],
    tenant: Tenant,
    home_page: Annotated[
        str | None, typer.Option(help="The --home-page of the roster that a sourced_id column is from.")
    ] = None,
) -> None:
    """Record the consents of a file: all, or none with every bad line named."""
    from people import consent_file, consent_record

    with people_engine() as engine:
        decisions = consent_file.read(engine, tenant, file, home_page=home_page)
        consent_record.record(
            engine, tenant, decisions, actor_key=audit.operator_key(), source="command line"
        )
    console.print(f"{len(decisions)} decisions recorded.")


def _keep(
    person: str,
    purpose: str,
    tenant: str,
    decision: str,
    by: str,
    giver: str | None,
    on: str | None,
    until: str | None,
) -> None:
    from people import consent_record
    from people.consent import Decision
    from people.db import school_day

    with people_engine() as engine:
        day = _day(on, "--on") or school_day(engine)
        said = Decision(person, purpose, decision, by, day, giver, _day(until, "--until"))
        consent_record.record(engine, tenant, [said], actor_key=audit.operator_key(), source="command line")


def _day(text: str | None, option: str) -> dt.date | None:
    try:
        return dt.date.fromisoformat(text) if text else None
    except ValueError as error:
        raise InputError(f"{text!r} is not a day", where=option, mend="write 2026-11-20") from error
