"""Birth dates and ages. Birth dates stay in people.db: no mart, page or export has them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection

from sqlalchemy import Connection, select

from people.tables import demographics


def age_on(born: dt.date, day: dt.date) -> int:
    """Whole years lived on `day`. Who was born on 29 February is a year older on 1 March of common years."""
    return day.year - born.year - ((day.month, day.day) < (born.month, born.day))


def birth_dates(
    connection: Connection, tenant: str | None, person_keys: Collection[str] | None
) -> dict[str, dt.date]:
    """person_key -> birth date, for those whose roster tells it; None stands for everybody."""
    told = demographics.c
    query = select(told.person_key, told.birth_date).where(told.birth_date.is_not(None))
    if tenant is not None:
        query = query.where(told.tenant == tenant)
    if person_keys is not None and len(person_keys) <= 100:
        query = query.where(told.person_key.in_(person_keys))
    wanted = None if person_keys is None else set(person_keys)
    return {row[0]: row[1] for row in connection.execute(query) if wanted is None or row[0] in wanted}
