"""What a figure means, in the words of the data contracts: the one place where a definition is written."""

from __future__ import annotations

from data_contracts.load import mart


def meaning(reference: str) -> str:
    """The contract's description of `MART.COLUMN`, or of `MART` itself."""
    name, _, column = reference.partition(".")
    table = mart(name)
    if not column:
        return table.description
    return next(c.description for c in table.columns if c.name == column)


def definitions(**labels: str) -> str:
    """A list in Markdown: each keyword is a label (underscores are blanks), each value the `MART.COLUMN` that it shows."""
    return "\n".join(
        f"- **{label.replace('_', ' ')}**: {_escaped(meaning(reference))} (`{reference}`)"
        for label, reference in labels.items()
    )


def _escaped(text: str) -> str:
    return text.replace("$", r"\$").replace("~", r"\~")
