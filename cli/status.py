"""`learnlake status`: what runs, how fresh, how much, what is failing, which models and which core. Changes nothing."""

from __future__ import annotations

import json
from typing import Any

import typer

from cli.group import running
from learnlake.settings import Settings, get_settings

app = typer.Typer(add_completion=False)


@app.command()
def status(
    as_json: bool = typer.Option(False, "--json", help="One JSON object instead of tables."),
) -> None:
    """What runs, how fresh, how much, what is failing. Exit code 1 when a blocking check fails."""
    settings = get_settings()
    facts: dict[str, Any] = {
        "home": str(settings.home.path),
        "services": running(settings.home),
        "counts": _counts(settings),
        "build": _build(settings),
        "failing": _failing(settings),
        "models": _models(settings),
    }
    if as_json:
        typer.echo(json.dumps(facts, default=str, indent=1))
    else:
        _show(facts)
    if any(check["severity"] == "block" for check in facts["failing"]):
        raise typer.Exit(1)


def _counts(settings: Settings) -> dict[str, int | None]:
    """Statements in the store, sealed into the lake, and in the published fct_statement."""
    from lrs.store import counts
    from warehouse import snapshot
    from warehouse.lake import open_lake

    folder = snapshot.current(settings.home)
    return {
        "store": sum(count for _tenant, _day, count in counts(settings)),
        "lake": int(open_lake(settings.home).files["lake_count"].sum()),
        "marts": snapshot.read_build(folder).statement_count if folder else None,
    }


def _build(settings: Settings) -> dict[str, Any] | None:
    """The published build and what has come since."""
    from models.registry import champions
    from warehouse import snapshot
    from warehouse.watermark import pending

    folder = snapshot.current(settings.home)
    if folder is None:
        return None
    build = snapshot.read_build(folder)
    waiting = pending(settings.home, settings, model_versions=champions(settings.home))
    return {
        "build_id": build.build_id,
        "run_id": build.run_id,
        "started_by": build.started_by,
        "built_at": build.built_at.isoformat(timespec="seconds"),
        "as_of": build.as_of.isoformat(),
        "waiting": list(waiting.reasons),
    }


def _failing(settings: Settings) -> list[dict[str, Any]]:
    """Failing contract checks of every tenant's published snapshot."""
    from warehouse import snapshot

    if snapshot.current(settings.home) is None:
        return []
    found: list[dict[str, Any]] = []
    with snapshot.holding(settings.home) as held:
        for tenant in sorted(held.build.statement_counts):
            found += _failing_of(snapshot.tenant_file(held.folder, tenant))
    return found


def _failing_of(file: Any) -> list[dict[str, Any]]:
    import duckdb

    with duckdb.connect(str(file), read_only=True) as connection:
        columns = ("tenant", "contract", "check_name", "severity", "failing_count", "message")
        rows = connection.execute(
            f"select {', '.join(columns)} from qc_check where not is_passed order by severity, contract, check_name"
        ).fetchall()
    return [dict(zip(columns, row, strict=True)) for row in rows]


def _models(settings: Settings) -> dict[str, Any]:
    from models.mastery.core import bkt_core
    from models.registry import champions

    return {"versions": champions(settings.home), "bkt_core": str(bkt_core())}


def _show(facts: dict[str, Any]) -> None:
    from rich.console import Console
    from rich.table import Table

    console = Console(highlight=False)
    console.print(f"home       {facts['home']}")
    services = facts["services"]
    if services is None:
        console.print("services   none; `learnlake up` starts them")
    else:
        state = "ready" if services["is_ready"] else "starting or stopping"
        console.print(f"services   {state} (process {services['pid']})")
        for service in services["services"]:
            console.print(f"             {service['name']:<15} {service['address'] or 'running'}")
    counts = facts["counts"]
    console.print(
        "statements "
        + ", ".join(
            f"{'none' if n is None else format(n, ',')} in the {place}" for place, n in counts.items()
        )
    )
    build = facts["build"]
    if build is None:
        console.print("build      nothing published yet; `learnlake run` builds and publishes")
    else:
        console.print(
            f"build      {build['build_id']} by {build['started_by']} at {build['built_at']}, as of {build['as_of']}"
        )
        console.print(f"waiting    {'; '.join(build['waiting']) or 'nothing'}")
    models = facts["models"]
    versions = ", ".join(f"{name} {version}" for name, version in models["versions"].items())
    console.print(f"models     {versions or 'none trained yet'}; mastery is fitted by {models['bkt_core']}")
    if not facts["failing"]:
        console.print("checks     none is failing")
        return
    table = Table("severity", "tenant", "contract", "check", "rows", "what to do")
    for check in facts["failing"]:
        table.add_row(
            *(
                str(check[key])
                for key in ("severity", "tenant", "contract", "check_name", "failing_count", "message")
            )
        )
    console.print(table)
