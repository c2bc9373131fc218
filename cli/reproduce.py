"""`learnlake reproduce`: a published prediction made again from its record, or why that cannot be."""

from __future__ import annotations

import enum
import json
from typing import Annotated

import typer
from rich.console import Console

from learnlake.errors import InputError
from learnlake.home import Home
from learnlake.settings import get_settings

app = typer.Typer(add_completion=False, no_args_is_help=True)
console = Console(soft_wrap=True)


class Kind(enum.StrEnum):
    """Predictions with a record."""

    mastery = "mastery"
    risk = "risk"


@app.command()
def reproduce(
    kind: Annotated[Kind, typer.Argument(help="mastery of a person, or risk in a class.")],
    unit_key: Annotated[str, typer.Argument(help="person_key, for risk a section_key.")],
    tenant: Annotated[str, typer.Option(help="Which school.")] = "default",
    back: Annotated[int, typer.Option(help="How many builds ago; 0 is the newest.")] = 0,
    build: Annotated[str | None, typer.Option(help="The build by its id, instead.")] = None,
) -> None:
    """Make a published prediction again from its record and compare it to the last digit; exit code 1 where it differs."""
    from pipelines.reproduction import NotThere
    from pipelines.reproduction import reproduce as again

    settings = get_settings()
    try:
        found = again(settings, kind, unit_key, tenant=tenant, back=back, build_id=build)
    except (InputError, NotThere) as error:
        if (day := _erased_on(settings.home, tenant, unit_key)) is not None:
            raise InputError(
                f"{unit_key} was erased on {day}: with the person went every build that held the prediction and what it was made from",
                where="the signed receipt in the home's receipts",
                mend="nothing: that is what an erasure is for",
            ) from error
        raise
    told = {**found.record, "build_id": found.build.build_id, "published_in_run": found.build.run_id}
    for name in sorted(told):
        if told[name] is not None:
            console.print(f"{name:<18} {told[name]}")
    if not found.is_input_same:
        console.print("The inputs in the build are not those of the record: it was made before they changed.")
    if not found.is_code_same:
        console.print("The code has changed since: what differs may differ for that.")
    if not found.is_equal:
        console.print("[bold]differs[/bold]: published, then made again")
        console.print(found.published)
        console.print(found.again)
        raise typer.Exit(1)
    console.print(f"the same to the last digit: {len(found.published)} rows of {kind}")


def _erased_on(home: Home, tenant: str, person_key: str) -> str | None:
    """The day of the erasure whose receipt names this person; None where there is none."""
    from cli.rights.receipt import person_hash
    from learnlake.protocols import Subject

    name = person_hash(home, Subject(tenant, (person_key,), (), (), ()))
    for path in sorted(home.receipts.glob("erasure-*.json")):
        told = json.loads(path.read_text())["receipt"]
        if told["person"] == name:
            return str(told["finished_at"])
    return None
