"""The model card that travels with every version: intended use, limits, data, metrics. Facts in, Markdown out."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any

REQUIRED_FACTS = ("title", "intended_use", "limits", "data", "evaluation", "sensitive_attributes")


def write_card(
    *,
    name: str,
    facts: Mapping[str, Any],
    metrics: Mapping[str, float],
    code_version: str,
    made_at: dt.datetime,
) -> str:
    """The card as Markdown. `facts` holds REQUIRED_FACTS and optionally `parameters`; KeyError names a missing one."""
    lines = [
        f"# {facts['title']}",
        "",
        f"Model `{name}`, made {made_at:%Y-%m-%d %H:%M} UTC by Learnlake {code_version}.",
        "",
        "## Intended use",
        str(facts["intended_use"]),
        "",
        "## Limits",
        str(facts["limits"]),
        "",
        "## Data",
        *_table(facts["data"]),
        "",
        "## Sensitive attributes",
        str(facts["sensitive_attributes"]),
        "",
        "## Evaluation",
        str(facts["evaluation"]),
        "",
        *(_table(metrics) if metrics else ["No students could be held out, so nothing was measured."]),
        "",
        "## Parameters",
        *_table(facts.get("parameters", {})),
    ]
    return "\n".join(lines) + "\n"


def _table(values: Mapping[str, Any]) -> list[str]:
    def shown(value: Any) -> str:
        return f"{value:.4f}" if isinstance(value, float) else str(value)

    return ["| | |", "|---|---|", *(f"| {key} | {shown(value)} |" for key, value in values.items())]
