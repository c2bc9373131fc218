"""The catalogue of marts: what one row is, what each column means, how many rows there are. Meanings come from the contracts."""

from __future__ import annotations

import html

import polars as pl
import streamlit as st

from dashboards.components import filters, page, tables
from dashboards.visit import Visit
from data_contracts.load import mart


def render(visit: Visit) -> None:
    """The page: chooser of the mart, its grain and columns, its first rows."""
    page.header(
        visit, "Catalogue", "Find the table that answers your question; each column says what it means."
    )
    names = visit.door.marts()
    chosen = filters.choose("Table", {name: name for name in names}, param="mart")
    count = visit.rows(f'select count(*) as n from "{chosen}"')["n"][0]
    contract = mart(chosen)
    page.section(f"{chosen}: {page.count(count, 'row', 'rows')}")
    st.html(f"<p>{html.escape(contract.description)}</p>")
    st.html(f'<p class="ll-small">Key: {html.escape(", ".join(contract.key))}</p>')
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
        {"name": "Column", "type": "Type", "meaning": "Meaning", "values": "Values"},
        file_name=f"columns-of-{chosen}",
        config={"Meaning": st.column_config.TextColumn(width="large")},
        alt=f"Columns of {chosen} and what they mean",
    )
    page.section("First rows", "Ten of them, to see the shape.")
    first = visit.rows(f'from "{chosen}" limit 10')
    first = first.with_columns(
        pl.col(name).cast(pl.String) for name, kind in first.schema.items() if kind.is_nested()
    )
    tables.table(first, {name: name for name in first.columns}, file_name=f"first-rows-of-{chosen}")
