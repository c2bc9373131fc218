"""The catalogue of marts: what one row is, what each column means, how many rows there are. Meanings come from the contracts."""

from __future__ import annotations

import html

import polars as pl
import streamlit as st

from dashboards import words
from dashboards.components import filters, page, tables
from dashboards.visit import Visit
from data_contracts.load import mart

t, tn = words.room(__name__)


def render(visit: Visit) -> None:
    """The page: chooser of the mart, its grain and columns, its first rows."""
    page.header(
        visit,
        t("Catalogue"),
        t("Find the table that answers your question; each column says what it means."),
    )
    names = visit.door.marts()
    chosen = filters.choose(t("Table"), {name: name for name in names}, param="mart")
    count = visit.rows(f'select count(*) as n from "{chosen}"')["n"][0]
    contract = mart(chosen)
    page.section(tn("{table}: {count} row", "{table}: {count} rows", count, table=chosen))
    st.html(f"<p>{html.escape(contract.description)}</p>")
    st.html(f'<p class="ll-small">{html.escape(t("Key: {columns}", columns=", ".join(contract.key)))}</p>')
    columns = pl.DataFrame(
        {
            "name": [column.name for column in contract.columns],
            "type": [column.physical_type for column in contract.columns],
            "meaning": [" ".join(column.description.split()) for column in contract.columns],
            "values": [", ".join(map(str, column.valid_values or ())) for column in contract.columns],
        }
    )
    tables.table(
        columns,
        {"name": t("Column"), "type": t("Type"), "meaning": t("Meaning"), "values": t("Values")},
        file_name=f"columns-of-{chosen}",
        config={t("Meaning"): st.column_config.TextColumn(width="large")},
        alt=t("Columns of {table} and what they mean", table=chosen),
    )
    page.section(t("First rows"), t("Ten of them, to see the shape."))
    first = visit.rows(f'from "{chosen}" limit 10')
    first = first.with_columns(
        pl.col(name).cast(pl.String) for name, kind in first.schema.items() if kind.is_nested()
    )
    tables.table(first, {name: name for name in first.columns}, file_name=f"first-rows-of-{chosen}")
