"""The one clock (DESIGN decision 11). No model, mart or page asks for the time of day by itself."""

from __future__ import annotations

import datetime as dt
import zoneinfo

from learnlake.settings import Settings


def today(settings: Settings) -> dt.date:
    """The day that counts as today: `LEARNLAKE_TODAY` where it is set, otherwise the day in UTC."""
    return settings.today or dt.datetime.now(dt.UTC).date()


def school_day(settings: Settings) -> dt.date:
    """The day that counts as today where the schools are: for ages and consents, which law counts by the local calendar."""
    return settings.today or dt.datetime.now(zoneinfo.ZoneInfo(settings.time_zone)).date()


def utc_now() -> dt.datetime:
    """The time in UTC: for `stored`, log lines and audit entries, never for a definition."""
    return dt.datetime.now(dt.UTC)
