"""What each source sends against its contract: an example value, what is allowed, how many, since when, and how to mend it."""

from __future__ import annotations

import html

import polars as pl
import streamlit as st

from dashboards.components import filters, notes, page, states, tables
from dashboards.visit import Visit
from data_contracts.load import source_contracts

_BROKEN = """
select
    source, rule, platform, count(*) as broken_count, count(*) filter (where is_excluded) as excluded_count,
    mode(found) as example, any_value(allowed) as allowed, any_value(reason) as reason, any_value(mend) as mend,
    min(stored_date) as since_date, max(stored_date) as last_date, arg_max(statement_id, seq) as statement_id
from qc_quarantine
group by source, rule, platform
order by excluded_count desc, broken_count desc, source, rule, platform
"""
_FAILING = """
select contract, check_name, failing_count, message
from qc_check
where not is_passed and list_contains($sources, contract)
order by failing_count desc, contract, check_name
"""
MOST = 8
"""So many broken rules are told in full; the table has all of them."""


def render(visit: Visit) -> None:
    """The page: the rules that are broken, the worst first, then all of them, then promises on a source as a whole."""
    if "qc_quarantine" not in visit.door.marts():
        page.header(
            visit, "Sources", "Wait for the next build: this one knows nothing yet of sources' contracts."
        )
        states.empty("Nothing is checked yet", "`learnlake run` begins a build now.")
        return
    every = visit.rows(_BROKEN)
    page.header(visit, "Sources", _lead(every))
    if every.is_empty():
        states.empty(
            "Every statement keeps what its source promises",
            "What breaks a contract appears here with an example, and how to mend it.",
        )
    else:
        names = {"": "All sources"} | {one: one for one in every["source"].unique(maintain_order=True)}
        chosen = filters.choose("Source", names, param="source")
        broken = every.filter(pl.col("source") == chosen) if chosen else every
        for row in broken.head(MOST).iter_rows(named=True):
            _rule(row)
        _all(broken)
    _promises(visit, every)


def _lead(broken: pl.DataFrame) -> str:
    if broken.is_empty():
        return "Nothing to mend: every statement keeps what its source promises."
    first = broken.row(0, named=True)
    rules = page.count(broken.height, "rule is", "rules are")
    left_out = int(broken["excluded_count"].sum())
    counts = (
        f"{page.count(left_out, 'statement counts', 'statements count')} in no figure until it is mended"
        if left_out
        else "all of them count all the same"
    )
    return f"{rules} broken; {counts}. Begin with {first['source']}, {first['rule'].replace('_', ' ')}."


def _rule(row: dict) -> None:
    """One broken rule: the value first, then what is allowed, then how to mend it."""
    value = html.escape(row["example"]) if row["example"] is not None else None
    shown = f"<code>{value}</code>" if value else "a value that may name somebody and is not shown"
    chips = page.chip(page.count(row["broken_count"], "statement", "statements"), "neutral")
    if row["excluded_count"]:
        chips += " " + page.chip("counts nowhere", "attention")
    allowed = f"<li><b>Allowed</b>: {html.escape(row['allowed'])}</li>" if row["allowed"] else ""
    with st.container(border=True):
        st.html(
            f'<div class="ll-body"><span class="ll-name">{html.escape(row["source"])}: {html.escape(row["rule"].replace("_", " "))}</span>{chips}'
            f'<ul class="ll-why"><li><b>Found</b>: {shown}</li>{allowed}<li><b>Why</b>: {html.escape(row["reason"])}</li>'
            f"<li><b>Mend</b>: {html.escape(row['mend'])}</li></ul>"
            f'<p class="ll-small">From {html.escape(row["platform"] or "an unnamed platform")}, since {page.full_day(row["since_date"])}, last on '
            f"{page.full_day(row['last_date'])}. One of them: <code>{html.escape(row['statement_id'])}</code></p></div>"
        )


def _all(broken: pl.DataFrame) -> None:
    page.section("Every broken rule", "Those whose statements count nowhere first, then by how many.")
    tables.table(
        broken,
        {
            "source": "Source",
            "rule": "Rule",
            "example": "Found, for example",
            "allowed": "Allowed",
            "broken_count": "Statements",
            "excluded_count": "Count nowhere",
            "since_date": "Since",
            "last_date": "Last",
            "platform": "Platform",
            "mend": "How to mend it",
            "statement_id": "One of them",
        },
        file_name="broken-rules",
        alt="Rules of sources' contracts that statements break",
    )
    page.how_worked_out(
        notes.definitions(
            Found="qc_quarantine.found",
            Count_nowhere="qc_quarantine.is_excluded",
            Platform="qc_quarantine.platform",
        )
    )


def _promises(visit: Visit, broken: pl.DataFrame) -> None:
    """What a source promises as a whole: how often it sends, and how much."""
    promised = {
        (contract.name, level.property): level
        for contract in source_contracts()
        for level in contract.service_levels
    }
    failing = visit.rows(_FAILING, {"sources": sorted({name for name, _ in promised})})
    rules = set(zip(broken["source"], broken["rule"], strict=True))
    rows = [row for row in failing.iter_rows(named=True) if (row["contract"], row["check_name"]) not in rules]
    page.section(
        "Promises on a source as a whole"
        if not rows
        else f"{page.count(len(rows), 'promise is', 'promises are')} not kept",
        "How often a source sends while a session runs, how much of a usual week, and its other checks.",
    )
    if not rows:
        states.empty(
            "Every source keeps its promises", "A source that falls silent is named here, and on Health."
        )
        return
    tables.table(
        pl.DataFrame(rows),
        {
            "contract": "Source",
            "check_name": "Promise",
            "failing_count": "Times",
            "message": "What to do",
        },
        file_name="source-promises",
        alt="Promises of sources that are not kept",
    )
