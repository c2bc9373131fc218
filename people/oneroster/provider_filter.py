"""OneRoster's `filter`, `sort` and `orderBy`, taken apart and turned into SQL over a query's own columns.

A filter is one or two conditions (field, predicate, 'value') joined by AND or OR. Values are always bound, never written into the statement.
"""

from __future__ import annotations

import dataclasses
import re
from typing import Final

from sqlalchemy import ColumnElement, Select, String, Subquery, and_, cast, func, or_

from learnlake.errors import InputError

_CONDITION = r"\s*([A-Za-z][\w.]*)\s*(!=|>=|<=|=|>|<|~)\s*'((?:[^'\\]|\\.|'')*)'\s*"
_FILTER: Final = re.compile(rf"{_CONDITION}(?:(AND|OR){_CONDITION})?", re.IGNORECASE)
_SPECIAL: Final = ("extension", "session_keys", "section_key", "person_key", "is_primary")


class FilterError(InputError):
    """The filter, sort or field selection cannot be used; `code` is OneRoster's name for what is wrong."""

    def __init__(self, code: str, what: str) -> None:
        self.code = code
        super().__init__(what)


@dataclasses.dataclass(frozen=True, slots=True)
class One:
    """One condition."""

    field: str
    predicate: str
    value: str


@dataclasses.dataclass(frozen=True, slots=True)
class Condition:
    """One condition, or two joined by AND or OR."""

    parts: tuple[One, ...]
    is_or: bool = False


@dataclasses.dataclass(frozen=True, slots=True)
class Order:
    """The field to sort by."""

    field: str
    is_descending: bool = False


def parse_filter(text: str) -> Condition:
    """`text` taken apart; FilterError when it is no filter."""
    found = _FILTER.fullmatch(text)
    if found is None:
        raise FilterError(
            "invalid_filter_field", "The filter is not of the form field='value' [AND|OR field='value']"
        )
    parts = [One(found[1], found[2], _plain(found[3]))]
    if found[4]:
        parts.append(One(found[5], found[6], _plain(found[7])))
    return Condition(tuple(parts), (found[4] or "").upper() == "OR")


def _plain(value: str) -> str:
    return value.replace("''", "'").replace("\\'", "'")


def apply_filter(query: Select, rows: Subquery, condition: Condition | None) -> Select:
    """`query` over `rows` with the condition."""
    if condition is None:
        return query
    parts = [_part(rows, one) for one in condition.parts]
    return query.where(or_(*parts) if condition.is_or else and_(*parts))


def _part(rows: Subquery, one: One) -> ColumnElement[bool]:
    column = func.lower(cast(_column(rows, one.field, "invalid_filter_field"), String))
    value = one.value.lower()
    match one.predicate:
        case "=":
            return column == value
        case "!=":
            return or_(column != value, column.is_(None))
        case ">":
            return column > value
        case ">=":
            return column >= value
        case "<":
            return column < value
        case "<=":
            return column <= value
        case _:
            return column.contains(value, autoescape=True)


def apply_order(query: Select, rows: Subquery, order: Order | None) -> Select:
    """`query` in the order asked for, ties by sourcedId, so that pages neither repeat nor leave out."""
    if order is None:
        return query.order_by(rows.c.sourcedId)
    column = _column(rows, order.field, "invaliddata")
    return query.order_by(column.desc() if order.is_descending else column, rows.c.sourcedId)


def _column(rows: Subquery, field: str, code: str) -> ColumnElement:
    """A field that may be asked by. Names and contacts may not: they would stand in addresses and logs."""
    if field not in rows.c or field in _SPECIAL or field.startswith("told_"):
        raise FilterError(code, f"{field!r} cannot be asked by here")
    return rows.c[field]
