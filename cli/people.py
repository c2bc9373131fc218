"""`learnlake roster` and `learnlake user`: the people's commands. What they do lives in `people`."""

from __future__ import annotations

import csv
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table

from cli.engine import people_engine
from learnlake.errors import InputError, RosterError
from learnlake.settings import get_settings

if TYPE_CHECKING:
    from people.oneroster import RosterReport

roster_app = typer.Typer(help="OneRoster files: who is who.", no_args_is_help=True)
user_app = typer.Typer(help="Accounts and roles, and who teaches what was discovered.", no_args_is_help=True)
# Titles and keys come from outside: `TENANT:x:HASH` must not turn into an emoji, nor [brackets] into a colour
console = Console(soft_wrap=True, markup=False, emoji=False, highlight=False)

Tenant = Annotated[str, typer.Option(help="Whose people these are.")]
Login = Annotated[str, typer.Argument(help="The log-in.")]
PasswordStdin = Annotated[
    bool,
    typer.Option("--password-stdin", help="Read the password from standard input instead of making one."),
]


@roster_app.callback()
def _roster() -> None:
    """OneRoster files: who is who."""


@roster_app.command("import")
def roster_import(
    path: Annotated[Path, typer.Argument(help="OneRoster 1.1 or 1.2 CSV files: a folder or a zip.")],
    tenant: Tenant,
    home_page: Annotated[
        str,
        typer.Option(help="homePage of the accounts under which the source's statements name its people."),
    ],
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show what would change, change nothing.")
    ] = False,
    lenient: Annotated[
        bool, typer.Option("--lenient", help="Take misspelt headers and odd dates with a warning each.")
    ] = False,
) -> None:
    """Import a roster: whole or not at all, every bad row named. Importing the same again changes nothing."""
    from people.oneroster import import_roster

    settings = get_settings()
    settings.home.create()
    try:
        report = import_roster(settings, tenant, path, home_page=home_page, dry_run=dry_run, lenient=lenient)
    except RosterError as error:
        _print_problems(error)
        raise typer.Exit(2) from error
    _print_report(report)


@roster_app.command("pull")
def roster_pull(
    url: Annotated[str, typer.Argument(help="Address of the OneRoster service, up to /ims/oneroster.")],
    tenant: Tenant,
    home_page: Annotated[
        str,
        typer.Option(help="homePage of the accounts under which the source's statements name its people."),
    ],
    client_id: Annotated[str, typer.Option(help="The client that the service's operator gave you.")],
    token_url: Annotated[str | None, typer.Option(help="Token endpoint; default: URL/token.")] = None,
    since: Annotated[
        str | None, typer.Option(help="Only what changed after this time (2026-11-19T00:00:00.000Z).")
    ] = None,
    demographics: Annotated[bool, typer.Option("--demographics", help="Demographics too.")] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show what would change, change nothing.")
    ] = False,
) -> None:
    """Import a roster from a OneRoster 1.2 service. The client's secret is read from standard input."""
    from people.oneroster.pull import Service, pull_roster

    settings = get_settings()
    settings.home.create()
    secret = _secret()
    service = Service.at(url, client_id, secret, token_url=token_url)
    try:
        report = pull_roster(
            settings,
            tenant,
            service,
            home_page=home_page,
            since=since,
            demographics=demographics,
            dry_run=dry_run,
            progress=_say_page,
        )
    except RosterError as error:
        _print_problems(error)
        raise typer.Exit(2) from error
    _print_report(report)


def _secret() -> str:
    """A secret from standard input; a terminal is asked without echo."""
    if sys.stdin.isatty():
        return str(typer.prompt("Client's secret", hide_input=True, err=True))
    return sys.stdin.readline().rstrip("\n")


def _say_page(collection: str, count: int, total: int | None) -> None:
    of = f" of {total:,}" if total is not None else ""
    typer.echo(f"{collection}: {count:,}{of}", err=True)


@roster_app.command("client")
def roster_client(
    name: Annotated[str, typer.Argument(help="Which system this is for.")],
    tenant: Tenant,
    home_page: Annotated[str, typer.Option(help="The source whose rows it may read.")],
    scope: Annotated[
        list[str] | None,
        typer.Option(
            help="roster-core.readonly (default), roster.readonly, roster-demographics.readonly, accounts."
        ),
    ] = None,
) -> None:
    """Let a system read a roster from this installation's OneRoster service. The secret is shown this once."""
    from people import roster_clients

    with people_engine() as engine:
        made, secret = roster_clients.create(
            engine, tenant=tenant, home_page=home_page, name=name, scopes=scope or ("roster-core.readonly",)
        )
    console.print(f"Client id: {made.client_id}")
    console.print(f"Secret, shown this once: {secret}")


@roster_app.command("clients")
def roster_clients_list(
    tenant: Annotated[str | None, typer.Option(help="Only this tenant's.")] = None,
    revoke: Annotated[
        str | None, typer.Option(help="End this client (its id) and its tokens at once.")
    ] = None,
) -> None:
    """Systems that may read rosters; or end one."""
    from people import roster_clients

    table = table_of("client id", "name", "tenant", "source", "scopes")
    with people_engine() as engine:
        if revoke is not None:
            roster_clients.revoke(engine, revoke)
        for known in roster_clients.list_clients(engine, tenant=tenant):
            table.add_row(
                known.client_id, known.name, known.tenant, known.source, " ".join(known.short_scopes)
            )
    console.print(table)


def _print_problems(error: RosterError) -> None:
    """All of them, where the error itself shows the first fifty."""
    errors = Console(stderr=True, soft_wrap=True, markup=False, emoji=False, highlight=False)
    errors.print(f"learnlake: {error.what}")
    for problem in error.problems:
        errors.print(f"  {problem}")
    if error.mend:
        errors.print(f"  mend:  {error.mend}")


def _print_report(report: RosterReport) -> None:
    title = f"OneRoster {report.version} roster of {report.tenant}"
    table = Table("table", title=f"{title} (nothing written)" if report.is_dry_run else title)
    for heading in ("added", "changed", "revoked", "unchanged"):
        table.add_column(heading, justify="right")
    for row in report.tables:
        table.add_row(row.table, *(f"{n:,}" for n in (row.added, row.changed, row.revoked, row.unchanged)))
    console.print(table)
    if report.taken_over:
        console.print(f"{report.taken_over} unknown actor(s) turned out to be people of this roster.")
    for warning in report.warnings:
        console.print(f"warning: {warning}")
    if not report.is_changed:
        console.print("Nothing has changed.")


@user_app.command("create")
def user_create(
    login: Login,
    tenant: Tenant,
    role: Annotated[
        list[str] | None, typer.Option(help="A role to hold, beside the roster's; may be repeated.")
    ] = None,
    sourced_id: Annotated[str | None, typer.Option(help="The account of this user of a roster.")] = None,
    home_page: Annotated[
        str | None, typer.Option(help="The --home-page that roster was imported with.")
    ] = None,
    person: Annotated[str | None, typer.Option(help="The account of this person (person_key).")] = None,
    school: Annotated[
        str | None, typer.Option(help="The school that a principal leads (school_key).")
    ] = None,
    given_name: Annotated[str | None, typer.Option(help="For a person whom no roster knows.")] = None,
    family_name: Annotated[str | None, typer.Option(help="For a person whom no roster knows.")] = None,
    password_stdin: PasswordStdin = False,
    no_password: Annotated[
        bool, typer.Option("--no-password", help="For somebody who logs in by OIDC or a directory only.")
    ] = False,
) -> None:
    """Make an account. Without --password-stdin a password is made and shown this once."""
    from people import accounts

    with people_engine() as engine:
        if sourced_id is not None:
            if home_page is None:
                raise InputError("A sourcedId alone names nobody", mend="give --home-page too")
            person = accounts.find_person(engine, tenant=tenant, home_page=home_page, sourced_id=sourced_id)
        password = None if no_password else _password(password_stdin)
        accounts.create(
            engine,
            tenant=tenant,
            login=login,
            password=password,
            role_names=role or (),
            person_key=person,
            school_key=school,
            given_name=given_name,
            family_name=family_name,
        )
        held = ", ".join(accounts.held_roles(engine, login))
    console.print(f"Made {login}; roles: {held}")
    if password is not None:
        _show_password(password, password_stdin)


@user_app.command("import")
def user_import(
    path: Annotated[
        Path, typer.Argument(help="CSV: action, login, roles, school, sourced_id, home_page, ...")
    ],
    tenant: Tenant,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show what would happen, change nothing.")
    ] = False,
    invitations: Annotated[
        Path | None,
        typer.Option(
            help="Write the new accounts' one-time links here (readable by you only), not to the screen."
        ),
    ] = None,
) -> None:
    """Add, change, revoke or restore many accounts: all of the file's rows or none."""
    from learnlake.audit import operator_key
    from people import onboarding

    settings = get_settings()
    if invitations is not None and invitations.exists():
        raise InputError(
            "The file for the invitations is there already", where=str(invitations), mend="name a new one"
        )
    orders = onboarding.read_orders(path)
    with people_engine() as engine:
        try:
            done = onboarding.carry_out(engine, tenant, orders, actor_key=operator_key(), dry_run=dry_run)
        except RosterError as error:
            _print_problems(error)
            raise typer.Exit(2) from error
    table = table_of("log-in", "action", "changed")
    for one in done:
        table.add_row(one.order.login, one.order.action, "yes" if one.is_changed else "no")
    console.print(table)
    if dry_run:
        console.print("Nothing was written.")
        return
    base = settings.public_url or f"http://{settings.host}:{settings.dashboards_port}"
    links = {
        one.order.login: f"{base.rstrip('/')}/login/reset?token={one.token}" for one in done if one.token
    }
    if links:
        _hand_over(links, invitations, settings.reset_link_hours)


def _hand_over(links: dict[str, str], path: Path | None, hours: float) -> None:
    said = f"work once, for {hours} hours; give each to its person only"
    if path is None:
        for login, link in links.items():
            console.print(f"{login}: {link}")
        console.print(f"The links above {said}.")
        return
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(("login", "link"))
        writer.writerows(links.items())
    console.print(f"{len(links)} invitation(s) are in {path}; they {said}.")


@user_app.command("list")
def user_list(tenant: Annotated[str | None, typer.Option(help="Only this tenant's.")] = None) -> None:
    """All accounts with their roles."""
    from people import accounts

    table = table_of("person", "log-in", "tenant", "roles", "state")
    with people_engine() as engine:
        for known in accounts.list_accounts(engine, tenant=tenant):
            held = ", ".join(accounts.held_roles(engine, known.login))
            state = "disabled" if known.is_disabled else "open"
            table.add_row(known.person_key or "", known.login, known.tenant, held, state)
    console.print(table)


@user_app.command("disable")
def user_disable(
    login: Login,
    undo: Annotated[bool, typer.Option("--undo", help="Open the account again.")] = False,
) -> None:
    """Shut an account and end its sessions at once."""
    from people import accounts

    with people_engine() as engine:
        accounts.disable(engine, login, is_disabled=not undo)
    console.print(f"{login} is {'open again' if undo else 'disabled; its sessions have ended'}.")


@user_app.command("reset")
def user_reset(
    login: Login,
    password_stdin: PasswordStdin = False,
    link: Annotated[
        bool, typer.Option("--link", help="Make a link with which the person sets a password, once.")
    ] = False,
) -> None:
    """Set a new password, end all sessions, lift a lock-out; or make a link for the person to do so."""
    from people import accounts, resets

    settings = get_settings()
    if link:
        with people_engine() as engine:
            token = resets.make(engine, login)
        base = settings.public_url or f"http://{settings.host}:{settings.dashboards_port}"
        console.print(f"Works once, for {settings.reset_link_hours} hours; give it to the person only:")
        console.print(f"{base.rstrip('/')}/login/reset?token={token}")
        return
    password = _password(password_stdin)
    with people_engine() as engine:
        accounts.reset_password(engine, login, password)
    console.print(f"{login} has a new password; its sessions have ended.")
    _show_password(password, password_stdin)


@user_app.command("second-factor")
def user_second_factor(
    login: Login,
    remove: Annotated[
        bool, typer.Option("--remove", help="Take it off: device and recovery codes are lost.")
    ] = False,
) -> None:
    """Show whether an account has a second factor, or take it off; its sessions end then."""
    from learnlake import audit
    from people import accounts, second_factor, sessions

    with people_engine() as engine:
        known = accounts.get(engine, login)
        if remove and second_factor.remove(engine, known, source="people", actor_key=audit.operator_key()):
            sessions.revoke(engine, login)
            console.print(f"{login} has no second factor any more; its sessions have ended.")
        elif second_factor.is_enrolled(engine, known.account_id):
            left = second_factor.recovery_codes_left(engine, known.account_id)
            console.print(f"{login} has a second factor; {left} recovery code(s) left.")
        else:
            console.print(f"{login} has no second factor.")


@user_app.command("check-directory")
def user_check_directory() -> None:
    """Ask the directory about everybody who is logged in with it; end the sessions of those it has shut out."""
    from people import directory

    with people_engine() as engine:
        asked, ended = directory.check_sessions(engine)
    console.print(f"{asked} account(s) asked about; {ended} session(s) ended.")


@user_app.command("roles")
def user_roles(
    login: Login,
    add: Annotated[list[str] | None, typer.Option(help="A role to give; may be repeated.")] = None,
    remove: Annotated[list[str] | None, typer.Option(help="A role to take away; may be repeated.")] = None,
    school: Annotated[
        str | None, typer.Option(help="The school that a principal leads (school_key).")
    ] = None,
) -> None:
    """Show an account's roles, or change them."""
    from people import accounts

    with people_engine() as engine:
        if add or remove:
            accounts.change_roles(engine, login, add=add or (), remove=remove or (), school_key=school)
        held = accounts.held_roles(engine, login)
    console.print(", ".join(held) or "no role: no log-in")


@user_app.command("assign-teacher")
def user_assign_teacher(
    who: Annotated[str, typer.Argument(help="A log-in or a person_key.")],
    section: Annotated[str, typer.Argument(help="section_key, as `learnlake user sections` shows it.")],
    tenant: Tenant,
    role: Annotated[str, typer.Option(help="teacher or assistant.")] = "teacher",
    withdraw: Annotated[bool, typer.Option("--withdraw", help="End the assignment instead.")] = False,
) -> None:
    """Let somebody teach a section that no roster knows; only then does a teacher see it."""
    from people import assignments

    home = get_settings().home
    with people_engine() as engine:
        if withdraw:
            ended = assignments.withdraw_teacher(engine, home, tenant, section, who)
            console.print(f"{ended} assignment(s) ended.")
        elif assignments.assign_teacher(engine, home, tenant, section, who, role=role):
            console.print(f"{who} is {role} of {section} now.")
        else:
            console.print("Nothing has changed.")


@user_app.command("delegate")
def user_delegate(
    who: Annotated[str, typer.Argument(help="An assistant's log-in or person_key.")],
    section: Annotated[str, typer.Argument(help="section_key of a section that the person assists in.")],
    action: Annotated[str, typer.Argument(help="grade, message or restructure.")],
    tenant: Tenant,
    withdraw: Annotated[bool, typer.Option("--withdraw", help="End it instead.")] = False,
) -> None:
    """Let an assistant do one thing in one section; without it assistants only look."""
    from people import delegation

    with people_engine() as engine:
        change = delegation.withdraw if withdraw else delegation.delegate
        is_changed = change(engine, tenant, section, who, action)
    said = f"{who} may {'not ' if withdraw else ''}{action} in {section} now."
    console.print(said if is_changed else "Nothing has changed.")


@user_app.command("delegations")
def user_delegations(tenant: Tenant) -> None:
    """What was delegated to assistants."""
    from people import delegation

    table = table_of("person_key", "section_key", "action", "granted by")
    with people_engine() as engine:
        for row in delegation.list_delegations(engine, tenant):
            table.add_row(row.person_key, row.section_key, row.action, row.granted_by)
    console.print(table)


@user_app.command("sections")
def user_sections(tenant: Tenant) -> None:
    """Sections that statements named and no roster knows."""
    from people import assignments

    table = table_of("section_key", "title", "platform", "students", "teachers", "iri")
    with people_engine() as engine:
        for row in assignments.list_discovered_sections(engine, tenant):
            numbers = (str(row.student_count), str(row.teacher_count))
            table.add_row(row.section_key, row.title, row.platform, *numbers, row.iri)
    console.print(table)


@user_app.command("schools")
def user_schools(tenant: Tenant) -> None:
    """Schools and other organisations, for a principal's --school."""
    from people import assignments

    table = table_of("school_key", "type", "title")
    with people_engine() as engine:
        for row in assignments.list_schools(engine, tenant):
            table.add_row(*row)
    console.print(table)


def note(tenant: str, action: str, resource: str) -> None:
    """Tell the audit trail what the operator was shown."""
    from learnlake import audit

    entry = audit.AuditEntry(tenant, audit.operator_key(), action, resource, "command line")
    audit.append(get_settings().home.audit_db, entry)


def table_of(key: str, *others: str) -> Table:
    """A table whose first column is a key to copy: never cut short, however narrow the window."""
    table = Table()
    table.add_column(key, no_wrap=True)
    for heading in others:
        table.add_column(heading, overflow="fold")
    return table


def _password(from_stdin: bool) -> str:
    from people.passwords import new_password

    return sys.stdin.readline().rstrip("\n") if from_stdin else new_password()


def _show_password(password: str, from_stdin: bool) -> None:
    if not from_stdin:
        console.print(f"Password, shown this once: {password}")
