"""Every text of the pages in every language: wrapped, translated whole, in the language that its reader chose."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
from babel.messages.catalog import Message

from dashboards import catalogues, words
from tests.dashboards import school as schools
from tests.dashboards import unwrapped

DASHBOARDS = Path(words.__file__).parent
ROOMS = (words.SHARED, *words.ROOMS)
_HOLES = re.compile(r"\{\w+\}|<[^<>]*>|\*\*|`[^`]*`")


def test_every_text_for_readers_is_wrapped() -> None:
    waiting = set(Path(__file__).with_name("unwrapped.txt").read_text().split())
    found = {
        path.relative_to(DASHBOARDS).as_posix(): texts
        for path in sorted(DASHBOARDS.rglob("*.py"))
        if (texts := unwrapped.find(path))
    }
    new = {name: texts for name, texts in found.items() if name not in waiting}
    assert not new, f"texts outside t(...), which stay English: {new}"
    assert waiting == set(found), "these are wrapped now: take them out of tests/dashboards/unwrapped.txt"


@pytest.mark.parametrize("language", catalogues.TARGETS)
@pytest.mark.parametrize("room", ROOMS)
def test_catalogues_hold_what_the_code_says(room: str, language: str) -> None:
    kept = {_id(m) for m in catalogues.committed(room, language)}
    assert kept == {_id(m) for m in catalogues.extracted(room)}, "run python -m dashboards.catalogues"


@pytest.mark.parametrize("language", catalogues.TARGETS)
@pytest.mark.parametrize("room", ROOMS)
def test_every_text_is_translated_with_its_placeholders_and_marks(room: str, language: str) -> None:
    for message in catalogues.committed(room, language):
        if not message.id:
            continue
        assert catalogues.is_translated(message) and not message.fuzzy, message.id
        sources = message.id if isinstance(message.id, tuple) else (message.id,)
        given = message.string if isinstance(message.string, tuple | list) else (message.string,)
        for number, text in enumerate(given):
            wanted, has = _holes(sources[min(number, len(sources) - 1)]), _holes(text)
            if number == 0 and len(sources) > 1:  # "one" may be a word, or the number
                wanted, has = wanted - {"{count}"}, has - {"{count}"}
            assert has == wanted, f"{message.id} -> {text}"


def _id(message: Message) -> tuple[str, ...]:
    return message.id if isinstance(message.id, tuple) else (str(message.id),)


def _holes(text: str) -> set[str]:
    return set(_HOLES.findall(text))


@pytest.mark.parametrize(
    ("chosen", "accepted", "expected"),
    [
        ("de", "es-MX,es;q=0.9", "de"),
        ("es", "en-GB,es-MX;q=0.5", "es_MX"),
        (None, "fr-FR, de;q=0.8, en;q=0.9", "en_GB"),
        (None, "fr, de-AT;q=0.8, en;q=0.1", "de_AT"),
        (None, "en-US,en", "en_US"),
        (None, "de;q=0, fr", "hi"),
        (None, None, "hi"),
        ("xx", "nonsense;;q=, zz-ZZ-u-ca", "hi"),
    ],
)
def test_language_is_the_chosen_one_or_the_browsers_or_the_settings(
    chosen: str | None, accepted: str | None, expected: str
) -> None:
    assert words.negotiate(chosen, accepted, "hi") == expected


def test_numbers_days_and_plurals_are_written_the_readers_way() -> None:
    _, tn = words.room("dashboards.learner")
    day = dt.date(2026, 11, 20)
    shown = {}
    for locale in ("en_GB", "en_US", "de", "hi"):
        words.use(locale)
        late = [tn("{count} day late", "{count} days late", n) for n in (1, 1234)]
        shown[locale] = (words.day(day), words.number(1234567.25, decimals=1), words.percent(0.874), *late)
    words.use("en_GB")
    assert shown["en_GB"] == ("20 Nov 2026", "1,234,567.2", "87%", "1 day late", "1,234 days late")
    assert shown["en_US"][0] == "Nov 20, 2026"
    assert shown["de"] == ("20.11.2026", "1.234.567,2", "87\xa0%", "1 Tag zu spät", "1.234 Tage zu spät")
    assert shown["hi"][1] == "12,34,567.2"


def test_error_of_another_room_is_retold() -> None:
    t, _ = words.room("dashboards.forms")
    templates = (words.mark("wait {seconds} s, then try again"),)
    words.use("de")
    said = words.retold("wait 30 s, then try again", templates, t)
    assert said == "warten Sie 30 s und versuchen Sie es dann erneut"
    assert words.retold("something else", templates, t) == "something else"
    words.use("en_GB")


def test_login_page_speaks_the_browsers_language_or_the_one_chosen_on_it(address: str) -> None:
    with httpx.Client(
        base_url=address, follow_redirects=True, headers={"Accept-Language": "de-DE"}
    ) as browser:
        first = browser.get("/login").text
        assert '<html lang="de">' in first and "Benutzername" in first
        chosen = browser.get("/login/language", params={"code": "hi", "next": "/teacher?class=a"})
        assert '<html lang="hi">' in chosen.text and str(chosen.url).endswith("next=%2Fteacher%3Fclass%3Da")
        assert '<html lang="hi">' in browser.get("/login").text
        assert '<html lang="hi">' in browser.get("/login/language", params={"code": "xx"}).text


def test_language_chosen_in_the_menu_is_the_persons_from_then_on(
    own_school: schools.School, open_page: Callable
) -> None:
    app = open_page(own_school, "teacher", "student")
    assert "This page is not for you" in app.title[0].value
    app.selectbox(key="language").set_value("de").run()
    assert app.title[0].value == "Diese Seite ist nicht für Sie"
    again = open_page(own_school, "teacher", "student")
    assert again.title[0].value == "Diese Seite ist nicht für Sie"
    assert again.selectbox(key="language").value == "de"
