"""`learnlake keys`: the keys that identities are sealed with. What it does lives in `people.key_rotation`."""

from __future__ import annotations

import typer
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from cli.engine import people_engine
from learnlake import audit

app = typer.Typer(help="Keys that names and identifiers in people.db are sealed with.", no_args_is_help=True)
console = Console(soft_wrap=True, markup=False, emoji=False, highlight=False)


@app.command()
def rotate() -> None:
    """Seal every identity under a new key. Broken off, the next one goes on; services may run meanwhile."""
    from people import key_rotation

    with people_engine() as engine, Progress(console=console) as bar:
        task = bar.add_task("sealing", total=None)
        newest, count = key_rotation.rotate(
            engine,
            actor_key=audit.operator_key(),
            progress=lambda done, total: bar.update(task, completed=done, total=total),
        )
    console.print(
        f"{count} rows sealed anew under {newest}. Old keys still open rows: `learnlake keys retire` drops them."
    )


@app.command()
def retire() -> None:
    """Drop old keys once nothing is sealed under them. Wait until services and imports from before the rotation have ended."""
    from people import key_rotation

    with people_engine() as engine:
        dropped = key_rotation.retire(engine, actor_key=audit.operator_key())
    console.print(f"{dropped} old keys dropped.")


@app.command("list")
def list_() -> None:
    """The keys in use, by id, and how many rows each seals."""
    from people import key_rotation

    table = Table("key", "rows")
    with people_engine() as engine:
        for key, count in key_rotation.state(engine):
            table.add_row(key, f"{count:,}")
    console.print(table)
