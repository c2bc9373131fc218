"""A report as data, and the PDF made of it: tagged for screen readers (PDF/UA-1), with fonts of its own. No queries here."""

from __future__ import annotations

import dataclasses
import datetime as dt
import functools
import json
import re
from collections.abc import Collection
from pathlib import Path
from typing import Any

import polars as pl

from dashboards import words
from learnlake.errors import InputError

TEMPLATE = Path(__file__).with_name("report.typ")
_DEVANAGARI = re.compile("[\u0900-\u097f]")
_HAS_DEVANAGARI = re.compile(
    "devanagari|mangal|nirmala|kohinoor|aparajita|utsaah|kokila|sanskrit|lohit hindi|freesans|freeserif", re.I
)
"""Families with Devanagari of the systems that schools have; on Debian fonts-noto-core or fonts-lohit-deva bring one."""
_WIDE = 2.4
"""How much wider a column of text is than one of numbers."""


@dataclasses.dataclass(frozen=True)
class Bar:
    """One bar: `share` (0..1) is its length, `value` is written beside it."""

    label: str
    share: float
    value: str


@dataclasses.dataclass(frozen=True)
class Section:
    """A part under its heading: bars with their text alternative, a table, or both. `table` holds text and numbers as shown."""

    title: str
    note: str | None = None
    bars: tuple[Bar, ...] = ()
    bars_text: str = ""
    table: pl.DataFrame | None = None


@dataclasses.dataclass(frozen=True)
class Report:
    """What stands in one PDF. `facts` are label and value; `footer` says when, from which data and in which role it was made."""

    title: str
    subtitle: str
    lead: str
    footer: str
    facts: tuple[tuple[str, str], ...] = ()
    sections: tuple[Section, ...] = ()


def pdf(report: Report, *, made_at: dt.datetime) -> bytes:
    """`report` as a PDF in the reader's language. InputError where no font on this machine has its script."""
    data = json.dumps(_as_data(report), ensure_ascii=False)
    check_letters(data, _families())
    made = _compiler().compile(
        format="pdf",
        sys_inputs={"report": data},
        pdf_standards=["ua-1"],
        timestamp=made_at.replace(microsecond=0),
    )
    assert isinstance(made, bytes)
    return made


def check_letters(text: str, families: Collection[str]) -> None:
    """InputError for Devanagari where none of `families` has it: Typst would draw boxes. Its own fonts have Latin, Greek, Cyrillic."""
    if _DEVANAGARI.search(text) and not any(_HAS_DEVANAGARI.search(family) for family in families):
        raise InputError(
            "No font on this machine has the letters of Devanagari",
            where="report",
            mend="ask your administrator to install one, such as the package fonts-noto-core",
        )


@functools.cache
def _families() -> tuple[str, ...]:
    import typst

    return tuple(typst.Fonts().families())


@functools.cache
def _compiler() -> Any:
    import typst

    return typst.Compiler(TEMPLATE, root=TEMPLATE.parent)


def _as_data(report: Report) -> dict[str, Any]:
    return {
        "language": words.current().language,
        "title": report.title,
        "subtitle": report.subtitle,
        "lead": report.lead,
        "footer": report.footer,
        "facts": [list(fact) for fact in report.facts],
        "sections": [_section(part) for part in report.sections],
    }


def _section(part: Section) -> dict[str, Any]:
    drawn = [dataclasses.asdict(bar) | {"share": min(1.0, max(0.0, bar.share))} for bar in part.bars]
    return {
        "title": part.title,
        "note": part.note,
        "bars": {"text": part.bars_text, "rows": drawn} if drawn else None,
        "table": None if part.table is None or part.table.is_empty() else _table(part.table),
    }


def _table(frame: pl.DataFrame) -> dict[str, Any]:
    numeric = [kind.is_numeric() for kind in frame.dtypes]
    return {
        "headings": frame.columns,
        "numeric": numeric,
        "widths": [1.0 if is_number else _WIDE for is_number in numeric],
        "rows": [[cell(value) for value in row] for row in frame.iter_rows()],
    }


def cell(value: Any) -> str:
    """One value as a reader's table has it: a dash for none, days and numbers in the reader's way."""
    if value is None:
        return "–"
    if isinstance(value, dt.date):
        return words.day(value)
    if isinstance(value, int | float):
        return words.number(value, decimals=1)
    return str(value)
