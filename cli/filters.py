"""Options that choose statements by xAPI's own filters, for every command that takes them."""

from __future__ import annotations

from typing import Annotated

import typer

Verb = Annotated[str | None, typer.Option(help="Only those with this verb (IRI).")]
Activity = Annotated[str | None, typer.Option(help="Only those about this activity (IRI).")]
Agent = Annotated[str | None, typer.Option(help="Only those of this agent (JSON, as in xAPI).")]
Registration = Annotated[str | None, typer.Option(help="Only those of this registration (UUID).")]
RelatedActivities = Annotated[
    bool, typer.Option("--related-activities", help="The activity may stand in the context too.")
]
RelatedAgents = Annotated[bool, typer.Option("--related-agents", help="The agent may stand anywhere.")]
