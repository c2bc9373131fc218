"""The reader's language: every text of the pages in it, and its way of writing numbers and days. No page's own text here.

English stands in the code. `dashboards/locale/LANGUAGE/ROOM.po` has the rest; `python -m dashboards.catalogues` keeps them.
"""

from __future__ import annotations

import contextlib
import contextvars
import datetime as dt
import functools
import gettext
import io
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

import babel
from babel import dates, numbers
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from streamlit.runtime.scriptrunner import get_script_run_ctx

LANGUAGES = {"en": "English", "es": "Español", "de": "Deutsch", "hi": "हिन्दी"}
"""Every language there is, by the name that its speakers call it."""
SOURCE = "en"
HOME = {"en": "en_GB"}
"""The region whose way of writing days and numbers counts where the browser names none."""
COOKIE = "learnlake_language"
"""The cookie that keeps what was chosen on the log-in page."""
FOLDER = Path(__file__).with_name("locale")
ROOMS = ("student", "teacher", "guardian", "principal", "administrator", "analyst")
SHARED = "shared"
Value = str | int | float | dt.date

_KEY = "locale"
_chosen: contextvars.ContextVar[str | None] = contextvars.ContextVar("locale", default=None)


class Translate(Protocol):
    """`t`: `text` in the reader's language, its `{placeholders}` filled."""

    def __call__(self, text: str, /, **values: Value) -> str: ...


class TranslateMany(Protocol):
    """`tn`: `one` or `many` as `count` asks for; `{count}` stands for it."""

    def __call__(self, one: str, many: str, count: int, /, **values: Value) -> str: ...


def room(module: str) -> tuple[Translate, TranslateMany]:
    """`t, tn = words.room(__name__)`: the two functions through which every text of a module goes to its readers.

    Whole sentences with named placeholders, never glued from parts: languages order them differently. Whole numbers and
    days are written the reader's way; shares, scores and HTML are given as text (`page.share`, `html.escape`).
    """
    part = module.split(".")[1] if "." in module else ""
    name = part if part in ROOMS else SHARED

    def t(text: str, /, **values: Value) -> str:
        return _filled(catalogue(name, current().language).gettext(text), values)

    def tn(one: str, many: str, count: int, /, **values: Value) -> str:
        found = catalogue(name, current().language).ngettext(one, many, count)
        return _filled(found, {"count": count, **values})

    return t, tn


def mark(text: str) -> str:
    """`text` as it is. Marks a constant for the catalogues where it stands; `t` translates it where it is shown."""
    return text


def retold(text: str, templates: Sequence[str], t: Translate) -> str:
    """`text`, which another room wrote in English by one of `templates`, in the reader's language; as it is by none."""
    for template in templates:
        found = _pattern(template).fullmatch(text)
        if found:
            return t(template, **found.groupdict())
    return text


@functools.cache
def _pattern(template: str) -> re.Pattern[str]:
    parts = re.split(r"\{(\w+)\}", template)
    return re.compile(
        "".join(f"(?P<{p}>.+?)" if n % 2 else re.escape(p) for n, p in enumerate(parts)), re.DOTALL
    )


@functools.cache
def catalogue(name: str, language: str) -> gettext.NullTranslations:
    """The translations of one room, with the shared ones behind them; the source's own words where there are none."""
    path = FOLDER / language / f"{name}.po"
    if language == SOURCE or not path.is_file():
        found = gettext.NullTranslations()
    else:
        buffer = io.BytesIO()
        with path.open("rb") as file:
            write_mo(buffer, read_po(file, locale=language))
        buffer.seek(0)
        found = gettext.GNUTranslations(buffer)
    if name != SHARED and language != SOURCE:
        found.add_fallback(catalogue(SHARED, language))
    return found


def negotiate(chosen: str | None, accepted: str | None, default: str) -> str:
    """The locale to write in: the language `chosen`, else the browser's first known one, else `default`.

    `accepted` is an Accept-Language header. Its region decides how days and numbers are written (`es-MX`, `en-US`).
    """
    tags = [tag for tag in _by_weight(accepted or "") if tag.split("-")[0].lower() in LANGUAGES]
    if chosen not in LANGUAGES:
        chosen = tags[0].split("-")[0].lower() if tags else default
    for tag in tags:
        with contextlib.suppress(ValueError, babel.UnknownLocaleError):
            known = babel.Locale.parse(tag, sep="-")
            if known.language == chosen and known.territory:
                return str(known)
    return HOME.get(chosen, chosen)


def _by_weight(header: str) -> list[str]:
    weighed = []
    for part in header.split(","):
        tag, _, weight = part.strip().partition(";q=")
        with contextlib.suppress(ValueError):
            weighed.append((-float(weight or 1), tag.strip()))
    return [tag for weight, tag in sorted(weighed, key=lambda pair: pair[0]) if tag and weight < 0]


def use(locale: str) -> None:
    """Write in `locale` from now on: in this request, and in this browser session of the pages."""
    _chosen.set(locale)
    if get_script_run_ctx(suppress_warning=True) is not None:
        import streamlit as st

        st.session_state[_KEY] = locale


def current() -> babel.Locale:
    """The locale that is written in now."""
    found = _chosen.get()
    if (
        found is None and get_script_run_ctx(suppress_warning=True) is not None
    ):  # a fragment's own run, which begins in a new thread
        import streamlit as st

        found = st.session_state.get(_KEY)
    return _locale(found or HOME[SOURCE])


@functools.cache
def _locale(name: str) -> babel.Locale:
    return babel.Locale.parse(name)


def _filled(text: str, values: dict[str, Value]) -> str:
    if not values:
        return text
    return text.format(**{name: _shown(value) for name, value in values.items()})


def _shown(value: Value) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, dt.date):
        return day(value)
    return number(value)


def number(value: float, *, decimals: int = 0) -> str:
    """1,234 or 1.234, with up to `decimals` places."""
    return numbers.format_decimal(round(value, decimals), locale=current())


def fixed(value: float, *, decimals: int, is_signed: bool = False) -> str:
    """1,234.50: with all `decimals` places, and with its sign, + or -, where it tells a change."""
    places = "#,##0." + "0" * decimals
    shape = f"+{places};-{places}" if is_signed else places
    return numbers.format_decimal(round(value, decimals), format=shape, locale=current())


def percent(share: float) -> str:
    """0.874 as 87%."""
    return numbers.format_percent(share, locale=current())


def day(value: dt.date) -> str:
    """20 Nov 2026."""
    return dates.format_date(value, "medium", locale=current())


def long_day(value: dt.date) -> str:
    """Friday 20 November 2026."""
    return dates.format_date(value, "full", locale=current())


def short_day(value: dt.date) -> str:
    """20 Nov."""
    return dates.format_skeleton("MMMd", value, locale=current())


def moment(value: dt.datetime, zone: dt.tzinfo = dt.UTC) -> str:
    """20 Nov 2026, 16:05:00 UTC, in `zone`."""
    aware = value if value.tzinfo else value.replace(tzinfo=dt.UTC)
    return dates.format_datetime(aware.astimezone(zone), "d MMM y, HH:mm:ss z", locale=current())
