"""`learnlake identity`: who is one person, as an administrator knows it. What the commands do lives in `people.identities`."""

from __future__ import annotations

from typing import Annotated

import typer

from cli.engine import people_engine
from cli.people import Tenant, console, note, table_of
from learnlake.errors import InputError
from learnlake.settings import get_settings

app = typer.Typer(help="One person under several identifiers: list, join, split.", no_args_is_help=True)


@app.callback()
def _identity() -> None:
    """One person under several identifiers: list, join, split."""


@app.command("list")
def identity_list(
    tenant: Tenant,
    person: Annotated[str | None, typer.Option(help="What this person (person_key) is known by.")] = None,
    unknown: Annotated[bool, typer.Option("--unknown", help="Actors whom no roster knows.")] = False,
    limit: Annotated[int, typer.Option(help="How many to show.")] = 50,
) -> None:
    """A person's identifiers, or the actors of statements whom no roster knows."""
    from people import assignments, identities

    if unknown == (person is not None):
        raise InputError("Say whose identifiers you want", mend="give either --person KEY or --unknown")
    note(tenant, "list-identifiers", f"person:{person}" if person else "unknown actors")
    with people_engine() as engine:
        if person is not None:
            table = table_of("identifier_key", "kind", "identifier", "from")
            for known in identities.list_identifiers(engine, tenant, person):
                table.add_row(known.identifier_key, known.kind, known.value.replace("\n", " "), known.source)
            console.print(table)
            return
        found = assignments.list_unknown_actors(engine, tenant)
    table = table_of("person_key", "kind", "identifier", "sections")
    for row in found[:limit]:
        table.add_row(row.person_key, row.kind, row.value.replace("\n", " "), str(row.section_count))
    console.print(table)
    console.print(f"{len(found)} unknown actor(s).")


@app.command("join")
def identity_join(
    keep: Annotated[str, typer.Argument(help="The person_key that stays.")],
    other: Annotated[str, typer.Argument(help="The person_key that turns out to be the same person.")],
    tenant: Tenant,
) -> None:
    """Make two persons one; statements, enrolments and roles of both are the first one's from now on."""
    from people import identities

    with people_engine() as engine:
        moved = identities.join(engine, get_settings().home, tenant, keep, other)
    console.print(f"{other} is one person with {keep} now; {moved} identifier(s) moved.")


@app.command("split")
def identity_split(
    person: Annotated[str, typer.Argument(help="The person_key that has the identifier now.")],
    identifier: Annotated[str, typer.Argument(help="identifier_key, as `identity list --person` shows it.")],
    tenant: Tenant,
) -> None:
    """Take an identifier off a person, and the statements made under it; an unknown person has them from now on."""
    from people import identities

    with people_engine() as engine:
        unknown = identities.split(engine, get_settings().home, tenant, person, identifier)
    console.print(
        f"{unknown} is known by it now, as an unknown actor; `identity join` gives it to somebody else."
    )
