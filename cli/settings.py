"""`learnlake settings`: every setting with its value, its default and what it means."""

from __future__ import annotations

import json

import typer

from learnlake.settings import describe_settings, get_settings

app = typer.Typer(add_completion=False)


@app.command()
def settings(
    as_json: bool = typer.Option(False, "--json", help="One JSON array instead of a table."),
) -> None:
    """Every setting with its value, its default and its meaning.

    Set them in the environment or, without the prefix and in lower case, in learnlake.toml.
    """
    rows = describe_settings(get_settings())
    if as_json:
        typer.echo(json.dumps(rows, default=str, indent=2))
        return
    from rich.console import Console
    from rich.table import Table

    table = Table(show_lines=False, highlight=False)
    for heading in ("setting", "value", "default", "meaning"):
        table.add_column(heading, overflow="fold")
    for row in rows:
        style = None if row["value"] == row["default"] else "bold"
        table.add_row(*(_shown(row[key]) for key in ("variable", "value", "default", "meaning")), style=style)
    Console().print(table)


def _shown(value: object) -> str:
    return "" if value is None else str(value)
