"""The contracts as pages for people: a list with what fails, and per contract what is promised and how it was kept. No scripts, nothing from outside."""

from __future__ import annotations

import html
from pathlib import Path

import polars as pl

from data_contracts.load import Column, Contract, Table, mart_contracts, source_contracts

FOLDER = "contracts"
"""The contracts' own pages lie in this folder beside the list."""
_RESULT = ("tenant", "contract", "check_name", "severity", "failing_count", "message")
_STYLE = """
:root{color-scheme:light dark;--ink:#1b1f24;--ground:#fff;--line:#d0d7de;--bad:#fff1f0;--link:#0a58ca}
@media(prefers-color-scheme:dark){:root{--ink:#e6e8ea;--ground:#15181c;--line:#3a4149;--bad:#3d1f1e;--link:#8ab8ff}}
body{font:16px/1.5 system-ui,sans-serif;margin:0;color:var(--ink);background:var(--ground)}main{max-width:72rem;margin:auto;padding:1rem}
a{color:var(--link)}.wide{overflow-x:auto}table{border-collapse:collapse;width:100%}
th,td{text-align:left;padding:.3rem .6rem;border-bottom:1px solid var(--line);vertical-align:top}
td{overflow-wrap:anywhere;min-width:6rem}.failed{background:var(--bad)}
"""


def write(results: pl.DataFrame, path: Path) -> None:
    """Write the list to `path` and a page per contract into the folder `contracts` beside it. `results` are rows of `qc_check`."""
    own = path.parent / FOLDER
    own.mkdir(parents=True, exist_ok=True)
    known = (*source_contracts(), *mart_contracts())
    for contract in known:
        rows = results.filter(pl.col("contract") == contract.name)
        (own / f"{contract.name}.html").write_text(_contract_page(contract, rows, back=path.name), "utf-8")
    path.write_text(_list(known, results), "utf-8")


def _list(contracts: tuple[Contract, ...], results: pl.DataFrame) -> str:
    failed = results.filter(~pl.col("is_passed")).sort("severity", "tenant", "contract")
    judged = set(results["contract"])
    parts = [f"<p>Checks: {results.height}, failing: {failed.height}.</p>"]
    if not failed.is_empty():
        parts += ["<h2>Failing</h2>", _results(failed)]
    for domain, title in (("sources", "What sources promise"), ("marts", "What the tables promise")):
        rows = []
        for contract in (c for c in contracts if c.domain == domain):
            failing = failed.filter(pl.col("contract") == contract.name).height
            link = f'<a href="{FOLDER}/{html.escape(contract.name)}.html">{html.escape(contract.name)}</a>'
            is_judged = contract.name in judged
            state = f"{failing} failing" if failing else "kept" if is_judged else "nothing to judge"
            rows.append(
                [link, html.escape(contract.version), html.escape(contract.description.purpose), state]
            )
        parts += [f"<h2>{title}</h2>", _grid(("contract", "version", "for", "state"), rows)]
    return _page("Data contracts", parts)


def _contract_page(contract: Contract, results: pl.DataFrame, *, back: str) -> str:
    table, about = contract.tables[0], contract.description
    parts = [
        f'<p><a href="../{html.escape(back)}">All contracts</a></p>',
        f"<p>{html.escape(about.purpose)}</p>",
    ]
    parts += [f"<p>{html.escape(text)}</p>" for text in (about.usage, about.limitations) if text]
    facts = [
        f"Version {contract.version}, {contract.status}. Answers for it: {contract.team.name}.",
        table.grain,
    ]
    facts += [
        f"{level.property}: {level.value} {level.unit or ''}. {level.description or ''}"
        for level in contract.service_levels
    ]
    parts += [f"<p>{html.escape(fact)}</p>" for fact in facts]
    failed = results.filter(~pl.col("is_passed"))
    if not failed.is_empty():
        parts += ["<h2>Not kept</h2>", _results(failed)]
    parts += ["<h2>Columns</h2>", _columns(table)]
    if table.rules:
        rules = [
            [
                html.escape(rule.name),
                html.escape(f"{rule.description} {rule.shown('mend')}".strip()),
                html.escape(rule.shown("allowed")),
                html.escape(rule.severity or contract.severity),
            ]
            for rule in table.rules
        ]
        parts += [
            "<h2>Rules</h2>",
            _grid(("rule", "what it means and what to do", "allowed", "severity"), rules),
        ]
    return _page(contract.name, parts)


def _columns(table: Table) -> str:
    rows = [
        [
            html.escape(c.name),
            html.escape(c.physical_type),
            html.escape(c.description),
            html.escape(_promise(c, table)),
        ]
        for c in table.columns
    ]
    return _grid(("column", "type", "meaning", "promise"), rows)


def _promise(column: Column, table: Table) -> str:
    said = ["part of the key"] if column.name in table.key else []
    said += ["always there"] if column.is_required else []
    low, high = column.options.minimum, column.options.maximum
    said += [f"at least {low:g}"] if low is not None else []
    said += [f"at most {high:g}"] if high is not None else []
    said += [f"one of {', '.join(map(str, column.valid_values))}"] if column.valid_values else []
    said += [f"looks like {column.pattern}"] if column.pattern else []
    said += [f"is in {relation.to}" for relation in column.relationships]
    return "; ".join(said)


def _results(rows: pl.DataFrame) -> str:
    cells = [[html.escape(str(row[name])) for name in _RESULT] for row in rows.iter_rows(named=True)]
    return _grid(_RESULT, cells, kind="failed")


def _grid(names: tuple[str, ...], rows: list[list[str]], *, kind: str = "") -> str:
    head = "".join(f"<th scope=col>{html.escape(name.replace('_', ' '))}" for name in names)
    body = "".join(f"<tr class='{kind}'>" + "".join(f"<td>{cell}" for cell in row) for row in rows)
    return f"<div class=wide><table><thead><tr>{head}<tbody>{body}</table></div>"


def _page(title: str, parts: list[str]) -> str:
    head = [
        "<!doctype html><html lang=en><meta charset=utf-8>",
        '<meta name=viewport content="width=device-width, initial-scale=1">',
        f"<title>{html.escape(title)}</title><style>{_STYLE}</style><main><h1>{html.escape(title)}</h1>",
    ]
    return "\n".join([*head, *parts, "</main></html>\n"])
