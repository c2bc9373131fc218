"""Tables as a reader sees them, each with a download that holds exactly what is shown."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import polars as pl
import streamlit as st

from dashboards import words

t, _tn = words.room(__name__)
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def table(
    frame: pl.DataFrame,
    columns: Mapping[str, str],
    *,
    file_name: str,
    config: Mapping[str, Any] | None = None,
    alt: str | None = None,
) -> None:
    """Show `frame`'s `columns` (name to heading) and offer the same rows and headings as a CSV file.

    `config` gives Streamlit column settings by heading. `file_name` goes without its ending and holds no person's name.
    """
    shown = frame.select([pl.col(name).alias(heading) for name, heading in columns.items()])
    st.dataframe(shown, hide_index=True, column_config={**_by_type(shown), **(config or {})}, alt=alt)
    download(shown, file_name=file_name)


def _by_type(frame: pl.DataFrame) -> dict[str, Any]:
    formats: dict[str, Any] = {}
    for name, kind in frame.schema.items():
        if kind == pl.Date:
            formats[name] = st.column_config.DateColumn(format=day_format(), width=115)
        elif isinstance(kind, pl.Datetime):
            formats[name] = st.column_config.DatetimeColumn(format=f"{day_format()}, HH:mm")
        elif kind.is_float():
            formats[name] = st.column_config.NumberColumn(format="%.0f", width="small")
        elif kind.is_integer():
            formats[name] = st.column_config.NumberColumn(format="localized", width="small")
    return formats


def day_format(*, has_weekday: bool = False) -> str:
    """How a column of days is written, in Streamlit's signs; it knows the names of months in English only."""
    if words.current().language != words.SOURCE:
        return "DD.MM.YYYY" if words.current().language == "de" else "DD/MM/YYYY"
    return "ddd D MMM" if has_weekday else "D MMM YYYY"


def download(frame: pl.DataFrame, *, file_name: str) -> None:
    """A button that downloads `frame` as CSV (UTF-8 with a byte order mark, so that spreadsheets read it), for roles that may export."""
    if not st.session_state.get("may_export"):
        return
    st.download_button(
        t("Download as CSV"),
        csv_bytes(frame),
        file_name=f"{file_name}.csv",
        mime="text/csv",
        icon=":material/download:",
        type="tertiary",
        on_click=_note,
        args=(file_name,),
        key=f"download_{file_name}",
    )


def _note(file_name: str) -> None:
    """The audit trail learns of the file when the button is pressed; `dashboards.session` says how."""
    st.session_state["audit_export"](f"page-table:{file_name}")


def csv_bytes(frame: pl.DataFrame) -> bytes:
    """`frame` as CSV. Text that a spreadsheet would run as a formula is quoted by an apostrophe (OWASP, CSV injection)."""
    texts = [name for name, kind in frame.schema.items() if kind == pl.String]
    safe = frame.with_columns(
        pl.when(pl.col(name).str.slice(0, 1).is_in(_FORMULA))
        .then(pl.concat_str(pl.lit("'"), pl.col(name)))
        .otherwise(pl.col(name))
        .alias(name)
        for name in texts
    )
    lists = [name for name, kind in frame.schema.items() if kind == pl.List]
    safe = safe.with_columns(pl.col(name).cast(pl.List(pl.String)).list.join(" ") for name in lists)
    return b"\xef\xbb\xbf" + safe.write_csv().encode()
