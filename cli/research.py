"""`learnlake research-export`: what it does lives in `warehouse.research`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from learnlake import audit
from learnlake.settings import get_settings

app = typer.Typer(add_completion=False)
console = Console(soft_wrap=True, markup=False, emoji=False, highlight=False)


@app.callback()
def _research() -> None:
    """Records for researchers."""


@app.command("research-export")
def research_export(
    folder: Annotated[Path, typer.Argument(help="A new folder to write to.")],
    tenant: Annotated[str, typer.Option(help="Whose students.")],
    recipient: Annotated[str, typer.Option(help="The institution that gets it; families are told.")],
    k: Annotated[
        int | None, typer.Option(help="How many must be alike; default: LEARNLAKE_RESEARCH_K.")
    ] = None,
    form: Annotated[str, typer.Option("--format", help="parquet or csv.")] = "parquet",
) -> None:
    """Write consented records under fresh pseudonyms, k-anonymous, with a report; the disclosure is recorded."""
    from warehouse import research

    settings = get_settings()
    report = research.export(
        settings,
        tenant,
        folder,
        recipient=recipient,
        form=form,
        k=k or settings.research_k,
        actor_key=audit.operator_key(),
    )
    console.print(
        f"{report.persons} students, {report.rows} rows in {folder}; each like at least {report.k_achieved}. "
        f"Left out: {report.suppressed} too rare, {report.without_consent} without consent.\n"
        f"Steps: {'; '.join(report.steps)}"
    )
