"""`learnlake lrs forward`: where statements go on to, and what became of them there."""

from __future__ import annotations

import contextlib
import datetime as dt
import logging
import os
import signal
import threading
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from cli import filters
from cli.engine import people_engine
from learnlake import audit
from learnlake.errors import InputError
from learnlake.log import configure_logging
from learnlake.settings import Settings, get_settings

app = typer.Typer(help="Statements going on to other LRSs and to webhooks.", no_args_is_help=True)
console = Console()
_FORWARDED = "statements as they are stored"

Name = Annotated[str, typer.Argument(help="The target's name.")]


@app.command("add")
def add(
    name: Name,
    url: Annotated[str, typer.Option(help="xAPI endpoint without /statements, or the webhook's address.")],
    kind: Annotated[str, typer.Option(help="lrs or webhook.")] = "lrs",
    tenant: Annotated[str, typer.Option(help="Whose statements.")] = "default",
    key: Annotated[str, typer.Option(help="The key that the other LRS gave you.")] = "",
    secret_env: Annotated[
        str | None,
        typer.Option(help="Environment variable with the secret, set wherever the forwarder runs."),
    ] = None,
    secret_file: Annotated[Path | None, typer.Option(help="File with the secret.")] = None,
    verb: filters.Verb = None,
    activity: filters.Activity = None,
    agent: filters.Agent = None,
    registration: filters.Registration = None,
    related_activities: filters.RelatedActivities = False,
    related_agents: filters.RelatedAgents = False,
    from_start: Annotated[
        bool, typer.Option("--from-start", help="Send what is stored already, too.")
    ] = False,
    allow_http: Annotated[
        bool, typer.Option("--allow-http", help="Send unencrypted to another machine.")
    ] = False,
) -> None:
    """Add a target. Without --secret-env and --secret-file the secret is asked for and kept in the home's secrets folder."""
    from lrs.forwarding import targets

    settings = get_settings()
    settings.home.create()
    chosen = {
        "verb": verb,
        "activity": activity,
        "agent": agent,
        "registration": registration,
        "related_activities": related_activities,
        "related_agents": related_agents,
    }
    if secret_env:
        secret = f"env:{secret_env}"
    elif secret_file:
        secret = f"file:{secret_file.resolve()}"
    else:
        secret = f"file:{_keep_secret(settings, name)}"
    with _disclosed(settings, tenant, name):
        targets.add(
            settings,
            name=name,
            url=url,
            kind=kind,
            tenant=tenant,
            login=key,
            secret=secret,
            filters=chosen,
            is_from_start=from_start,
            allows_http=allow_http,
        )
    _note(settings, tenant, "forward-add", name)
    console.print(f"statements of {tenant} go to {name} from now on", highlight=False)


@app.command("list")
def list_() -> None:
    """All targets: how far each is behind, what was sent, what lies dead, what the last failure was."""
    from lrs.forwarding import targets
    from lrs.store import targets as store

    table = Table("name", "tenant", "to", "filters", "secret", "behind", "sent", "dead", "state")
    with targets.changing(get_settings()) as connection:
        figures = {item.name: item for item in store.standings(connection)}
        for target in store.targets(connection):
            state = "paused" if target.is_paused else "in force"
            if target.failures:
                state = f"failed {target.failures} times: {target.last_error}"
            table.add_row(
                target.name,
                target.tenant,
                f"{target.kind} {target.url.partition('?')[0]}",
                ", ".join(f"{name} {value}" for name, value in target.filters.items()),
                target.secret,
                str(figures[target.name].lag),
                str(target.sent),
                str(figures[target.name].dead),
                state,
            )
    console.print(table)


@app.command("pause")
def pause(name: Name) -> None:
    """Send nothing more for now; what is stored meanwhile is sent after `resume`."""
    _set_paused(name, is_paused=True)


@app.command("resume")
def resume(name: Name) -> None:
    """Go on where it was, at once, also after failures."""
    _set_paused(name, is_paused=False)


@app.command("remove")
def remove(name: Name) -> None:
    """Forget a target and its dead letters. What it has received stays there."""
    from lrs.forwarding import targets
    from lrs.store import targets as store

    settings = get_settings()
    with targets.changing(settings) as connection:
        target = targets.find(connection, name)
        store.remove(connection, target.number)
    _kept_secret(settings, name).unlink(missing_ok=True)
    _end_disclosure(settings, target.tenant, name)
    _note(settings, target.tenant, "forward-remove", name)
    console.print(f"removed {name}", highlight=False)


@app.command("dead")
def dead(
    name: Annotated[str | None, typer.Argument(help="The target's name; all without one.")] = None,
) -> None:
    """Statements that a target refused, each with its reason."""
    from lrs.forwarding import targets
    from lrs.store import targets as store

    table = Table("target", "statement", "refused (UTC)", "status", "reason")
    with targets.changing(get_settings()) as connection:
        if name:
            targets.find(connection, name)
        for letter in store.dead_letters(connection, name):
            moment = dt.datetime.fromtimestamp(letter.refused / 1_000_000, dt.UTC)
            reason = f"(to be sent again) {letter.reason}" if letter.is_resent else letter.reason
            table.add_row(
                letter.target,
                str(letter.statement_id),
                moment.isoformat(timespec="seconds")[:-6],
                str(letter.status),
                reason,
            )
    console.print(table)


@app.command("resend")
def resend(
    name: Name,
    statement_id: Annotated[
        list[str] | None, typer.Option("--id", help="Only this statement; may be given several times.")
    ] = None,
) -> None:
    """Let the forwarder send dead letters once more; those refused again stay, with the new reason."""
    from lrs.forwarding import targets
    from lrs.store import targets as store

    try:
        ids = [uuid.UUID(text) for text in statement_id or ()]
    except ValueError:
        raise InputError(
            "this is no statement id", where="--id", mend="give a UUID, as `dead` shows it"
        ) from None
    with targets.changing(get_settings()) as connection:
        count = store.resend(connection, targets.find(connection, name), ids)
    console.print(f"{count} statements are sent to {name} once more", highlight=False)


@app.command("run")
def run() -> None:
    """Forward until stopped. `learnlake up` runs this too; a second one stands by."""
    from lrs.forwarding.runner import forward_forever

    settings = get_settings()
    settings.home.create()
    configure_logging(settings)
    logging.getLogger("httpx").setLevel(
        logging.WARNING
    )  # it would log each address, some of which hold a token
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    forward_forever(settings, stop=stop)


def _set_paused(name: str, *, is_paused: bool) -> None:
    from lrs.forwarding import targets
    from lrs.store import targets as store

    settings = get_settings()
    with targets.changing(settings) as connection:
        target = targets.find(connection, name)
        store.set_paused(connection, name, is_paused=is_paused)
    _note(settings, target.tenant, "forward-pause" if is_paused else "forward-resume", name)
    console.print(f"{name} is {'paused' if is_paused else 'in force'}", highlight=False)


def _kept_secret(settings: Settings, name: str) -> Path:
    return settings.home.secrets / f"forward-{name}"


def _keep_secret(settings: Settings, name: str) -> Path:
    """Ask for the secret and keep it where the home's other secrets are, readable by its owner only."""
    from lrs.forwarding.targets import check_name

    check_name(name)
    text = typer.prompt("secret", hide_input=True)
    path = _kept_secret(settings, name)
    path.unlink(missing_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
    return path


@contextlib.contextmanager
def _disclosed(settings: Settings, tenant: str, name: str) -> Iterator[None]:
    """Families can read that everybody's statements go to `name`: noted before the first one goes, ended if none will."""
    from people import disclosures

    with people_engine(settings) as engine:
        disclosures.record(
            engine,
            tenant,
            recipient=name,
            purpose="forwarding",
            what=_FORWARDED,
            person_keys=None,
            actor_key=audit.operator_key(),
            source="command line",
        )
    try:
        yield
    except BaseException:
        _end_disclosure(settings, tenant, name)
        raise


def _end_disclosure(settings: Settings, tenant: str, name: str) -> None:
    from people import disclosures

    with people_engine(settings) as engine:
        disclosures.end(engine, tenant, recipient=name, what=_FORWARDED, actor_key=audit.operator_key())


def _note(settings: Settings, tenant: str, action: str, name: str) -> None:
    entry = audit.AuditEntry(tenant, audit.operator_key(), action, f"forward:{name}", "command line")
    audit.append(settings.home.audit_db, entry)
