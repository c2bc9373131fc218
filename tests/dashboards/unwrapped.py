"""Finds texts that a reader of the pages would see in English whatever the own language: literals that no `t` holds."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

WRAPPERS = {"t", "tn", "mark", "retold"}
_SQL = re.compile(r"\s*(select|with|from|where|left join|join|and|or|order by|coalesce|case)\b", re.I)
_TAG = re.compile(r"<[^<>]*>", re.S)
_SPOKEN = re.compile(r"""\b(?:aria-label|title|alt|placeholder)=["']([^"']*)["']""")
_VALUE = "\x00"
_WORDS = re.compile(r"[A-Za-z]{2,}[’']?[a-z]*[,.:;!?]?[  ]+[A-Za-z(]|^[A-Z][a-z]{2,}[.!?…]?$")
"""Two words, or one with a capital: keys, addresses, class names and formats have neither."""
_NO_PAGE = {"catalogues.py", "design.py", "guard.py", "recording.py", "words.py"}
"""Modules without a text for readers: a developer's tool, styles, headers, what goes to the LRS, the names of languages."""
_NO_TEXT = {"Learnlake", "ddd D MMM", "D MMM YYYY", "dd MMM y"}
_HEADERS = ("default-src", "sandbox ", "attachment; ", "text/html; ")


def find(path: Path) -> list[str]:
    """The file's texts for readers outside `t`, as `line: text`."""
    if path.name in _NO_PAGE:
        return []
    tree = ast.parse(path.read_text())
    parents = {child: node for node in ast.walk(tree) for child in ast.iter_child_nodes(node)}
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr | ast.Constant) and not _is_let_pass(node, parents):
            found += [f"{node.lineno}: {text}" for text in _texts(node)]
    return found


def _texts(node: ast.JoinedStr | ast.Constant) -> Iterator[str]:
    if isinstance(node, ast.JoinedStr):
        whole = "".join(str(part.value) if isinstance(part, ast.Constant) else _VALUE for part in node.values)
    elif isinstance(node.value, str):
        whole = node.value
    else:
        return
    if _SQL.match(whole) or whole in _NO_TEXT or whole.startswith((":material/", "http", *_HEADERS)):
        return
    for text in [*_SPOKEN.findall(whole), *_TAG.split(whole)]:
        shown = text.replace(_VALUE, " ").replace("**", "").strip()
        if _WORDS.search(shown):
            yield text.replace(_VALUE, "{}").strip()


def _is_let_pass(node: ast.AST, parents: dict[ast.AST, ast.AST]) -> bool:
    """Docstrings, what is wrapped, keys, comparisons, what goes to the log or into an exception."""
    inner, outer = node, parents.get(node)
    if isinstance(outer, ast.JoinedStr | ast.FormattedValue):
        return True
    if isinstance(outer, ast.Expr | ast.Compare | ast.Subscript | ast.Raise | ast.keyword) and (
        not isinstance(outer, ast.keyword)
        or outer.arg in {"key", "param", "file_name", "width", "description"}
    ):
        return True
    while outer is not None and not isinstance(outer, ast.stmt):
        if isinstance(outer, ast.Call):
            name = ast.unparse(outer.func)
            if name.split(".")[-1] in WRAPPERS or name.startswith(("_log.", "re.", "pl.col", "Literal")):
                return True
            if name.endswith(("Error", "PageSpec")) and inner is not outer.func:
                return True
        if isinstance(outer, ast.Dict) and inner in outer.keys and isinstance(node, ast.Constant):
            return not _WORDS.search(str(node.value))
        inner, outer = outer, parents.get(outer)
    return isinstance(outer, ast.Raise)
