"""`learnlake catalogue`: the warehouse's commands. What they do lives in `warehouse`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from learnlake.settings import get_settings

catalogue_app = typer.Typer(help="Courses, units, lessons, activities, skills.", no_args_is_help=True)
console = Console()


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
