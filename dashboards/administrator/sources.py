"""What each source sends against its contract: an example value, what is allowed, how many, since when, and how to mend it."""

from __future__ import annotations

import html

import polars as pl
import streamlit as st

from dashboards import words
from dashboards.components import filters, notes, page, states, tables
from dashboards.visit import Visit
from data_contracts.load import source_contracts

t, tn = words.room(__name__)
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
            visit,
            t("Sources"),
            t("Wait for the next build: this one knows nothing yet of sources' contracts."),
        )
        states.empty(t("Nothing is checked yet"), t("`learnlake run` begins a build now."))
        return
    every = visit.rows(_BROKEN)
    page.header(visit, t("Sources"), _lead(every))
    if every.is_empty():
        states.empty(
            t("Every statement keeps what its source promises"),
            t("What breaks a contract appears here with an example, and how to mend it."),
        )
    else:
        names = {"": t("All sources")} | {one: one for one in every["source"].unique(maintain_order=True)}
        chosen = filters.choose(t("Source"), names, param="source")
        broken = every.filter(pl.col("source") == chosen) if chosen else every
        for row in broken.head(MOST).iter_rows(named=True):
            _rule(row)
        _all(broken)
    _promises(visit, every)


def _lead(broken: pl.DataFrame) -> str:
    if broken.is_empty():
        return t("Nothing to mend: every statement keeps what its source promises.")
    first = broken.row(0, named=True)
    left_out = int(broken["excluded_count"].sum())
    counts = (
        tn(
            "{count} statement counts in no figure until it is mended",
            "{count} statements count in no figure until it is mended",
            left_out,
        )
        if left_out
        else t("all of them count all the same")
    )
    return tn(
        "{count} rule is broken; {consequence}. Begin with {source}, {rule}.",
        "{count} rules are broken; {consequence}. Begin with {source}, {rule}.",
        broken.height,
        consequence=counts,
        source=first["source"],
        rule=first["rule"].replace("_", " "),
    )


def _rule(row: dict) -> None:
    """One broken rule: the value first, then what is allowed, then how to mend it."""
    value = html.escape(row["example"]) if row["example"] is not None else None
    shown = f"<code>{value}</code>" if value else t("a value that may name somebody and is not shown")
    chips = page.chip(tn("{count} statement", "{count} statements", row["broken_count"]), "neutral")
    if row["excluded_count"]:
        chips += " " + page.chip(t("counts nowhere"), "attention")
    lines = [t("<b>Found</b>: {value}", value=shown)]
    if row["allowed"]:
        lines.append(t("<b>Allowed</b>: {values}", values=html.escape(row["allowed"])))
    lines.append(t("<b>Why</b>: {reason}", reason=html.escape(row["reason"])))
    lines.append(t("<b>Mend</b>: {how}", how=html.escape(row["mend"])))
    items = "".join(f"<li>{line}</li>" for line in lines)
    origin = t(
        "From {platform}, since {since}, last on {last}. One of them: <code>{statement}</code>",
        platform=html.escape(row["platform"] or t("an unnamed platform")),
        since=row["since_date"],
        last=row["last_date"],
        statement=html.escape(row["statement_id"]),
    )
    with st.container(border=True):
        st.html(
            f'<div class="ll-body"><span class="ll-name">{html.escape(row["source"])}: {html.escape(row["rule"].replace("_", " "))}</span>{chips}'
            f'<ul class="ll-why">{items}</ul><p class="ll-small">{origin}</p></div>'
        )


def _all(broken: pl.DataFrame) -> None:
    page.section(t("Every broken rule"), t("Those whose statements count nowhere first, then by how many."))
    tables.table(
        broken,
        {
            "source": t("Source"),
            "rule": t("Rule"),
            "example": t("Found, for example"),
            "allowed": t("Allowed"),
            "broken_count": t("Statements"),
            "excluded_count": t("Count nowhere"),
            "since_date": t("Since"),
            "last_date": t("Last"),
            "platform": t("Platform"),
            "mend": t("How to mend it"),
            "statement_id": t("One of them"),
        },
        file_name="broken-rules",
        alt=t("Rules of sources' contracts that statements break"),
    )
    page.how_worked_out(
        notes.definitions(
            **{
                t("Found"): "qc_quarantine.found",
                t("Count nowhere"): "qc_quarantine.is_excluded",
                t("Platform"): "qc_quarantine.platform",
            }
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
        t("Promises on a source as a whole")
        if not rows
        else tn("{count} promise is not kept", "{count} promises are not kept", len(rows)),
        t("How often a source sends while a session runs, how much of a usual week, and its other checks."),
    )
    if not rows:
        states.empty(
            t("Every source keeps its promises"),
            t("A source that falls silent is named here, and on Health."),
        )
        return
    tables.table(
        pl.DataFrame(rows),
        {
            "contract": t("Source"),
            "check_name": t("Promise"),
            "failing_count": t("Times"),
            "message": t("What to do"),
        },
        file_name="source-promises",
        alt=t("Promises of sources that are not kept"),
    )
