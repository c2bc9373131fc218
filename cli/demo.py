"""`learnlake demo`: all services, a sample school sent over HTTP as an LMS would, log-ins for six roles; stays in front."""

from __future__ import annotations

import os

import typer

from cli import demo_data
from cli.demo_data import Record
from cli.group import ProcessGroup, Stopped
from cli.services import INGEST, environment, services
from cli.up import show_ready
from learnlake.settings import Settings, get_settings

app = typer.Typer(add_completion=False)

STUDENTS = 304


@app.command()
def demo(
    today: str | None = typer.Option(
        None, help="The day (YYYY-MM-DD) that counts as today; default: the real one."
    ),
    seed: int = typer.Option(7, help="Another seed makes another school."),
    students: int = typer.Option(STUDENTS, min=40, help="Students of the school."),
) -> None:
    """Start everything with a sample school, print addresses and log-ins, stay in front. Ctrl-C stops all.

    On a home folder that has a demo already it goes on with that one.
    """
    if today:
        os.environ["LEARNLAKE_TODAY"] = today
        get_settings.cache_clear()
    settings = get_settings()
    record = demo_data.settled(settings, seed=seed, students=students)
    settings = settings.model_copy(update={"today": record.today})
    try:
        with ProcessGroup(settings.home, services(settings), environment(settings)) as group:
            _fill(settings, record, group)
            _show(settings, record, group)
            group.watch()
            typer.echo("Stopping ...")
    except Stopped:
        typer.echo("Stopped. `learnlake demo` goes on from here.")


def _fill(settings: Settings, record: Record, group: ProcessGroup) -> None:
    """From an empty home to data on the pages; the MOOC's courses after that, through the running pipeline."""
    from cli.progress import StageBars
    from cli.run import build_and_show

    group.start(INGEST, on_ready=show_ready)
    with group.working():
        demo_data.make_credential(settings, record)
        with StageBars() as bars:
            bars("school", 0, 1, "roster and catalogue")
            school = demo_data.load_school(settings, record)
            demo_data.make_logins(settings, record, school)
            bars("school", 1, 1, "roster and catalogue")
            demo_data.send_school(
                settings,
                record,
                school,
                lambda sent, total: bars("send", sent, total, "statements over HTTP"),
            )
        build_and_show(settings)
    group.start(on_ready=show_ready)
    mooc = demo_data.mooc_file(settings)
    if mooc:
        with group.working(), StageBars() as bars:
            demo_data.send_mooc(
                settings, record, mooc, lambda sent, total: bars("MOOC", sent, total, "statements over HTTP")
            )
            count = demo_data.assign_teacher(settings, record)
            typer.echo(f"The demo teacher has been assigned to {count} courses that the statements named.")


def _show(settings: Settings, record: Record, group: ProcessGroup) -> None:
    """Where to go and with which log-ins."""
    from rich.console import Console
    from rich.table import Table

    console = Console(highlight=False)
    logins = Table("role", "log-in", "password", title=f"http://{settings.host}:{settings.dashboards_port}")
    for role, login in record.logins.items():
        logins.add_row(role, login["login"], login["password"])
    console.print(logins)
    rest = Table("what", "where")
    for service in group.services.values():
        if service.address:
            rest.add_row(service.name, service.address)
    rest.add_row("credential", f"{record.key} : {record.secret}")
    console.print(rest)
    console.print("All people and statements of the school are generated. Ctrl-C stops everything.")
