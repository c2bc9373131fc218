"""`learnlake run`: one pipeline run in this process, with progress; the same stages as Dagster's incremental job."""

from __future__ import annotations

import time
import uuid

import typer

from learnlake.errors import BusyError
from learnlake.settings import Settings, get_settings

app = typer.Typer(add_completion=False)

WAIT_SECONDS = 600.0
"""How long a run waits for another one, and for a sealer that is behind."""


@app.command()
def run(
    full_refresh: bool = typer.Option(
        False, "--full-refresh", help="Build every mart anew from the whole lake."
    ),
) -> None:
    """Seal what is committed, then discover, quarantine, transform, check, score and publish. A blocking check ends it with code 2.

    Models that are missing are trained first where there is enough to learn from.
    """
    settings = get_settings()
    settings.home.create()
    build_and_show(settings, full_refresh=full_refresh)


def seal(settings: Settings) -> int:
    """Bring everything committed so far into the lake, or wait until the sealer at work has; answer the lake's last `seq`."""
    from lrs import lake
    from lrs.store import read, reading

    with reading(settings) as connection:
        target, _ = read.last_position(connection)
    deadline = time.monotonic() + WAIT_SECONDS
    while (sealed := lake.sealed_seq(settings.home)) < target:
        try:
            return lake.seal_once(settings).last_seq
        except BusyError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.2)
    return sealed


def build_and_show(settings: Settings, *, full_refresh: bool = False) -> None:
    """The whole run with a progress bar per stage and a last line that says what came of it."""
    from cli.progress import StageBars
    from pipelines import stages

    with StageBars() as bars:
        bars("seal", 0, 1, "")
        sealed = seal(settings)
        bars("seal", 1, 1, f"the lake holds everything up to {sealed:,}")
        outcome = stages.incremental(
            settings,
            run_id=f"cli-{uuid.uuid4()}",
            started_by="learnlake run",
            full_refresh=full_refresh,
            trains_missing=True,
            wait_seconds=WAIT_SECONDS,
            progress=bars,
        )
    if outcome.build is None:
        typer.echo("Nothing is new; the published build has everything.")
        return
    build = outcome.build
    typer.echo(f"Published {build.build_id}: {build.statement_count:,} statements, as of {build.as_of}.")
    typer.echo(f"Because: {'; '.join(outcome.reasons) or 'a full refresh was asked for'}.")
