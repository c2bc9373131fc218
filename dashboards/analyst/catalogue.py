"""The catalogue of marts: what one row is, what each column means, how many rows there are."""

from __future__ import annotations

import polars as pl

from dashboards.components import filters, page, tables
from dashboards.visit import Visit


def render(visit: Visit) -> None:
    """The page: chooser of the mart, its columns, its first rows."""
    page.header(
        visit, "Catalogue", "Find the table that answers your question; each column says what it means."
    )
    marts = visit.door.marts()
    chosen = filters.choose("Table", {mart: mart for mart in marts}, param="mart")
    count = visit.rows(f'select count(*) as n from "{chosen}"')["n"][0]
    page.section(f"{chosen}: {count:,} rows")
    columns = visit.rows(f'select column_name, column_type from (describe "{chosen}")')
    tables.table(
        columns,
        {"column_name": "Column", "column_type": "Type"},
        file_name=f"columns-of-{chosen}",
        alt=f"Columns of {chosen}",
    )
    page.section("First rows", "Ten of them, to see the shape.")
    first = visit.rows(f'from "{chosen}" limit 10')
    first = first.with_columns(
        pl.col(name).cast(pl.String) for name, kind in first.schema.items() if kind.is_nested()
    )
    tables.table(first, {name: name for name in first.columns}, file_name=f"first-rows-of-{chosen}")
