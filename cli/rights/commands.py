"""`learnlake erase` and `learnlake portability`: a person's rights at the command line."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.table import Table
from typer.core import TyperGroup

from cli.engine import people_engine
from learnlake.audit import operator_key
from learnlake.settings import Settings, get_settings

if TYPE_CHECKING:
    from learnlake.protocols import Finding, Subject

console = Console(soft_wrap=True, markup=False, emoji=False, highlight=False)

EXIT_LEFT = 1
"""Exit code when something of the person is left that nobody decided to keep."""


class _PersonByDefault(TyperGroup):
    """`learnlake erase PERSON`: what is no sub-command's name is a person."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        if args and args[0] not in self.commands and args[0] != "--help":
            args = ["person", *args]
        return super().parse_args(ctx, args)


erase_app = typer.Typer(
    cls=_PersonByDefault, help="Erase a person from every room, with a signed receipt.", no_args_is_help=True
)
app = typer.Typer(add_completion=False)

Person = Annotated[
    str,
    typer.Argument(
        help="person_key, log-in, the roster's id or user name, an e-mail address or HOMEPAGE|NAME."
    ),
]
By = Annotated[str | None, typer.Option(help="What PERSON is: key, login, sis-id or identifier.")]
Tenant = Annotated[str | None, typer.Option(help="Whose person; needed where two schools know the name.")]


@erase_app.callback()
def _erase() -> None:
    """Erase a person from every room, with a signed receipt."""


@erase_app.command("person")
def erase_person(
    person: Person,
    by: By = None,
    tenant: Tenant = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would go, change nothing.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Remove a person: statements, documents, roster, log-in, marts, predictions, logs. Cannot be undone."""
    from cli.rights import erasure

    settings = get_settings()
    settings.home.create()
    subject = _subject(settings, person, by, tenant)
    if dry_run or not yes:
        found = erasure.plan(settings, subject)
        _print_plan(subject, found)
        if dry_run:
            return
        typer.confirm("Erase this person for good?", abort=True)
    from cli.progress import StageBars

    with StageBars(console) as bars:
        path = erasure.erase(settings, subject, requested_by=operator_key(), progress=bars)
    _print_receipt(settings, path)


@erase_app.command("resume")
def erase_resume() -> None:
    """Finish an erasure that was broken off."""
    from cli.progress import StageBars
    from cli.rights import erasure

    settings = get_settings()
    with StageBars(console) as bars:
        path = erasure.resume(settings, progress=bars)
    _print_receipt(settings, path)


@erase_app.command("scan")
def erase_scan(person: Person, by: By = None, tenant: Tenant = None) -> None:
    """Read every file in the home folder by its format and show where the person's identifiers stand."""
    from cli.rights.scan import scan

    settings = get_settings()
    found = scan(settings, _subject(settings, person, by, tenant))
    table = Table("file", "place", "rows", "what")
    for hit in found.hits:
        table.add_row(hit.path, hit.place, f"{hit.count:,}", ", ".join(hit.labels))
    console.print(table)
    for problem in found.unread:
        console.print(f"not read: {problem}")
    console.print(f"{found.files:,} files, {found.bytes:,} bytes, {found.seconds:.1f} s")


@erase_app.command("verify-receipt")
def erase_verify_receipt(
    file: Annotated[Path, typer.Argument(help="The receipt, a JSON file.")],
    key: Annotated[
        str | None, typer.Option(help="Public key (hex) of the installation that should have signed it.")
    ] = None,
) -> None:
    """Check that a receipt is this installation's and as it was signed."""
    from cli.rights import receipt

    contents = receipt.verify(get_settings().home, file, public_key=key)
    state = "complete" if contents["is_complete"] else "something was left"
    console.print(f"The signature is right. Erasure {contents['erasure_id']}: {state}.")


@app.command()
def portability(
    person: Person,
    out: Annotated[Path, typer.Argument(help="The zip to write; there must be none yet.")],
    by: By = None,
    tenant: Tenant = None,
    recipient: Annotated[
        str | None,
        typer.Option(help="Institution that gets the copy, if not the family: noted as a disclosure."),
    ] = None,
) -> None:
    """Write everything held on a person into one zip: JSON, CSV, the statements, a README in plain words."""
    from cli.rights.portability import export_person

    settings = get_settings()
    settings.home.create()
    listing = export_person(
        settings,
        _subject(settings, person, by, tenant),
        out,
        requested_by=operator_key(),
        recipient=recipient,
    )
    console.print(f"{len(listing) + 1} files written to {out}")


def _subject(settings: Settings, person: str, by: str | None, tenant: str | None) -> Subject:
    """The person meant; one whose erasure was broken off is found even where the roster has forgotten the name."""
    from cli.rights.journal import Journal
    from learnlake.errors import InputError
    from people.subject import find_subject

    try:
        with people_engine(settings) as engine:
            return find_subject(engine, person, by=by, tenant=tenant)
    except InputError:
        journal = Journal.read(settings.home)
        if journal and person in journal.subject.person_keys:
            return journal.subject
        raise


def _print_plan(subject: Subject, rooms: dict[str, list[Finding]]) -> None:
    table = Table(
        "room", "what", "count", "what happens", title=f"{subject.person_key}, tenant {subject.tenant}"
    )
    for room, found in rooms.items():
        for one in found:
            if one.count:
                fate = f"{one.fate}: {one.why}" if one.why else one.fate
                table.add_row(room, one.what, f"{one.count:,}", fate)
    console.print(table)


def _print_receipt(settings: Settings, path: Path) -> None:
    from cli.rights import receipt

    contents = receipt.verify(settings.home, path)
    for row in contents["rooms"]:
        if row["left"] and row["fate"] != "kept":
            console.print(f"left: {row['room']}, {row['what']}: {row['left']:,}")
    for hit in contents["scan"]["hits"]:
        console.print(f"left: {hit['path']}, {hit['place']}")
    for problem in contents["scan"]["unread"]:
        console.print(f"not read: {problem}")
    console.print(f"receipt    {path}")
    if not contents["is_complete"]:
        console.print(
            "Something is left. Does a source still send statements of this person? Stop it, and erase again; "
            "`learnlake erase scan` shows the places."
        )
        raise typer.Exit(EXIT_LEFT)
    console.print("Nothing of the person is left but what the receipt names as kept.")
