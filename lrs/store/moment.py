"""Times of the store: microseconds since 1970 in UTC, and how `stored` is written in a statement."""

from __future__ import annotations

import datetime as dt
import functools

DAY_MICROSECONDS = 86_400_000_000


@functools.lru_cache(maxsize=4)
def _second_text(second: int) -> str:
    return dt.datetime.fromtimestamp(second, dt.UTC).strftime("%Y-%m-%dT%H:%M:%S")


def stored_text(microseconds: int) -> bytes:
    """RFC 3339 in UTC with six decimals."""
    second, fraction = divmod(microseconds, 1_000_000)
    return f"{_second_text(second)}.{fraction:06d}Z".encode()


def microseconds_of(moment: dt.datetime) -> int:
    """An aware time as microseconds since 1970."""
    delta = moment - dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
    return (delta.days * 86_400 + delta.seconds) * 1_000_000 + delta.microseconds


def stored_date(microseconds: int) -> dt.date:
    """The UTC day of `stored`."""
    return dt.date(1970, 1, 1) + dt.timedelta(days=microseconds // DAY_MICROSECONDS)
