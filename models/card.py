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
    """The card as Markdown. `facts` holds REQUIRED_FACTS; KeyError names a missing one.

    Optional are `parameters`, `trained_until`, `trigger`, `promotion` (why it scores or doesn't) and `fairness` (what was found, by subgroup).
    """
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
        *_table(
            {**facts["data"], **{key: facts[key] for key in ("trained_until", "trigger") if key in facts}}
        ),
        "",
        "## Sensitive attributes",
        str(facts["sensitive_attributes"]),
        "",
        "## Evaluation",
        str(facts["evaluation"]),
        "",
        *(_table(metrics) if metrics else ["No students could be held out, so nothing was measured."]),
        "",
        "## Fairness",
        "Beside the champion before it, on students held out; a version that is worse for one of these does not take over.",
        "",
        *(
            _table(facts["fairness"])
            if facts.get("fairness")
            else ["No subgroup had students enough to be compared."]
        ),
        "",
        "## Promotion",
        str(facts.get("promotion", "Not judged.")),
        "",
        "## Parameters",
        *_table(facts.get("parameters", {})),
    ]
    return "\n".join(lines) + "\n"


def _table(values: Mapping[str, Any]) -> list[str]:
    def shown(value: Any) -> str:
        return f"{value:.4f}" if isinstance(value, float) else str(value)

    return ["| | |", "|---|---|", *(f"| {key} | {shown(value)} |" for key, value in values.items())]
