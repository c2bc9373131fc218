"""The `learnlake` command: which commands there are, and how an error reaches the person at the terminal.

What a command does lives in its room's module; none of them is imported before it is called.
"""

from __future__ import annotations

import os
import sys

import typer

from cli.lazy import Entry, lazy_group
from learnlake import __version__
from learnlake.errors import LearnlakeError
from learnlake.settings import TELEMETRY_OFF

EXIT_REFUSED = 2
"""Exit code of a command that ends with one of Learnlake's own errors."""

ENTRIES = (
    Entry("demo", "cli.demo:app/demo", "Start everything with a sample school, print addresses and log-ins."),
    Entry("up", "cli.up:app/up", "Start LRS, API, Dagster and dashboards as one process group."),
    Entry("down", "cli.up:app/down", "Stop what `learnlake up` started."),
    Entry("status", "cli.status:app/status", "What runs, how fresh, how much, what is failing."),
    Entry("settings", "cli.settings:app/settings", "Every setting with its value, default and meaning."),
    Entry("run", "cli.run:app/run", "One pipeline run without a server."),
    Entry("import", "cli.sources:app", "Public data sets and the sample school, sent as an LMS would."),
    Entry("lrs", "cli.lrs:app", "The Learning Record Store: serve, credentials, import, export."),
    Entry("lake", "cli.lrs:lake_app", "The Parquet lake: seal, compact, verify."),
    Entry("roster", "cli.people:roster_app", "OneRoster files: who is who."),
    Entry("user", "cli.people:user_app", "Accounts and roles, and who teaches what was discovered."),
    Entry("identity", "cli.identity:app", "One person under several identifiers: list, join, split."),
    Entry("consent", "cli.consent:app", "Which record may be used for what: consents by purpose."),
    Entry(
        "research-export",
        "cli.research:app/research-export",
        "Records for researchers: consented, k-anonymous.",
    ),
    Entry("keys", "cli.keys:app", "Keys that identities are sealed with: rotate, retire."),
    Entry("audit", "cli.audit:app", "The audit trail: verify, search, purge."),
    Entry("erase", "cli.rights.commands:erase_app", "Erase a person from every room, with a signed receipt."),
    Entry("portability", "cli.rights.commands:app/portability", "Everything held on a person, as one zip."),
    Entry("catalogue", "cli.warehouse:catalogue_app", "Courses, units, lessons, activities, skills."),
    Entry("train", "cli.models:app/train", "Fit, judge, register and crown a model: mastery or risk."),
    Entry("evaluate", "cli.evaluate:app", "Held-out students and later sessions, beside the baselines."),
    Entry("promote", "cli.models:app/promote", "Make a registered version the one that scores."),
    Entry("rollback", "cli.models:app/rollback", "Go back to the version that scored before."),
    Entry("canary", "cli.models:app/canary", "Let a version score some people beside the champion."),
    Entry("models", "cli.models:app/models", "Registered versions of each model."),
    Entry(
        "reproduce", "cli.reproduce:app/reproduce", "Make a published prediction again, to the last digit."
    ),
    Entry("export", "cli.warehouse:app/export", "A whole mart as CSV, JSON or Parquet."),
    Entry("sql", "cli.warehouse:app/sql", "Read-only SQL over the newest snapshot."),
    Entry("reconcile", "cli.warehouse:app/reconcile", "Store = lake = marts, per tenant and day."),
    Entry("api", "cli.api:app", "The HTTP API beside the LRS."),
    Entry("dashboards", "cli.dashboards:app", "The pages that people see."),
)


app = typer.Typer(
    cls=lazy_group(ENTRIES),
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="Learning analytics from xAPI statement to role-scoped dashboard.",
)


@app.callback(invoke_without_command=True)
def _root(
    version: bool = typer.Option(False, "--version", help="Print the version and leave.", is_eager=True),
) -> None:
    if version:
        typer.echo(f"learnlake {__version__}")
        raise typer.Exit


def main() -> None:
    """Run the command line. Learnlake's own errors become a message and exit code 2; others keep their traceback."""
    for name, value in TELEMETRY_OFF.items():
        os.environ.setdefault(name, value)
    try:
        app()
    except LearnlakeError as error:
        sys.stderr.write(f"learnlake: {error}\n")
        sys.exit(EXIT_REFUSED)


if __name__ == "__main__":
    main()
