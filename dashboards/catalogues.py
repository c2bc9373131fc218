"""Keeps the catalogues of translations: takes the texts out of the code, and says what is not translated.

python -m dashboards.catalogues    writes new texts into the .po files, drops those that are gone, lists what is missing
"""

from __future__ import annotations

import ast
import datetime as dt
import functools
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from babel.messages.catalog import Catalog, Message
from babel.messages.extract import extract
from babel.messages.pofile import read_po, write_po

from dashboards import words

HERE = Path(__file__).parent
KEYWORDS = {"t": None, "tn": (1, 2), "mark": None}
_MADE = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)  # no date of today: a catalogue changes when its texts do
TARGETS = tuple(language for language in words.LANGUAGES if language != words.SOURCE)


@functools.cache
def extracted(name: str) -> Catalog:
    """The texts that the code of room `name` has; those that are shared already are left to the shared catalogue."""
    catalog = Catalog(charset="utf-8", fuzzy=False)
    known = extracted(words.SHARED) if name != words.SHARED else Catalog()
    for path in _files(name):
        for message in _in_template(path) if path.suffix == ".html" else _in_code(path):
            if known.get(message if isinstance(message, str) else message[0]) is None:
                catalog.add(message, locations=[(path.relative_to(HERE).as_posix(), 0)])
    return catalog


def _in_template(path: Path) -> Iterator[str | tuple[str, ...]]:
    with path.open("rb") as file:
        for _line, message, _comments, _context in extract(
            "jinja2.ext:babel_extract", file, keywords=KEYWORDS, options={"silent": "false"}
        ):
            yield message


def _in_code(path: Path) -> Iterator[str | tuple[str, ...]]:
    """Babel's own reader of Python sees calls inside f-strings from Python 3.12 on only; the syntax tree always does."""
    for node in ast.walk(ast.parse(path.read_text())):
        if not isinstance(node, ast.Call):
            continue
        name = ast.unparse(node.func).split(".")[-1]
        texts = [a.value for a in node.args if isinstance(a, ast.Constant) and isinstance(a.value, str)]
        if name == "PageSpec":
            yield texts[1]  # its title; the first is its address
        elif name in KEYWORDS and texts:
            yield tuple(texts[:2]) if name == "tn" else texts[0]


def _files(name: str) -> Iterator[Path]:
    if name != words.SHARED:
        yield from sorted((HERE / name).rglob("*.py"))
        return
    yield from sorted(HERE.glob("*.py"))
    yield from sorted((HERE / "components").rglob("*.py"))
    yield from sorted((HERE / "reports").rglob("*.py"))
    yield from sorted((HERE / "templates").glob("*.html"))


def committed(name: str, language: str) -> Catalog:
    """The catalogue as its file has it; an empty one without a file."""
    path = words.FOLDER / language / f"{name}.po"
    if not path.is_file():
        return Catalog(locale=language)
    with path.open("rb") as file:
        return read_po(file, locale=language)


def updated(name: str, language: str) -> Catalog:
    """The catalogue as it should be: the code's texts, each with the translation that it or another room has."""
    found = committed(name, language)
    catalog = Catalog(
        locale=language,
        project="Learnlake",
        version="",
        msgid_bugs_address="",
        header_comment=f"# {words.LANGUAGES[language]} ({name})",
        creation_date=_MADE,
        revision_date=_MADE,
        last_translator="",
        language_team="",
        fuzzy=False,
        charset="utf-8",
    )
    for message in extracted(name):
        if not message.id:
            continue
        known = found.get(_key(message))
        string = known.string if known and is_translated(known) else _elsewhere(message, language)
        catalog.add(message.id, string, locations=sorted(set(message.locations)))
    return catalog


def _elsewhere(message: Message, language: str) -> Any:
    for name in (words.SHARED, *words.ROOMS):
        known = committed(name, language).get(_key(message))
        if known and known.id == message.id and is_translated(known):
            return known.string
    return ("", "") if message.pluralizable else ""


def _key(message: Message) -> str:
    return str(message.id[0] if isinstance(message.id, tuple) else message.id)


def is_translated(message: Message) -> bool:
    """Whether every form has a text."""
    return all(message.string) if isinstance(message.string, tuple) else bool(message.string)


def main() -> int:
    """Write the catalogues anew; exit code 1 when a text lacks a translation."""
    missing = 0
    for language in TARGETS:
        for name in (words.SHARED, *words.ROOMS):
            catalog = updated(name, language)
            path = words.FOLDER / language / f"{name}.po"
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("wb") as file:
                write_po(file, catalog, width=0, sort_output=True, include_lineno=False)
            lacking = [_key(message) for message in catalog if message.id and not is_translated(message)]
            missing += len(lacking)
            for text in lacking:
                sys.stdout.write(f"{path.relative_to(HERE.parent)}: {text!r}\n")
    sys.stdout.write(f"{missing} translations missing\n")
    return 1 if missing else 0


if __name__ == "__main__":
    sys.exit(main())
