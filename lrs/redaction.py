"""A person taken out of somebody else's statement: the agent becomes a nameless one, the identifier's text a pseudonym."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from learnlake.protocols import standing_alone
from lrs.statement.identity import agent_identifier

HOME_PAGE = "https://w3id.org/learnlake/erased"
"""homePage of the account that stands where an erased person stood."""


class Redactor:
    """Knows one person by `identifiers` (as the store's index writes them) and `texts`, and the `pseudonym` that takes their place."""

    def __init__(self, identifiers: Sequence[str], texts: Sequence[str], pseudonym: str) -> None:
        self._identifiers = frozenset(identifiers)
        self._texts = [standing_alone(text) for text in texts]
        self._pseudonym = pseudonym

    def is_person(self, agent: Mapping[str, Any]) -> bool:
        """Whether the agent is identified as the person."""
        try:
            return agent_identifier(dict(agent)) in self._identifiers
        except (KeyError, TypeError, AttributeError):  # something else that has a property of that name
            return False

    def names(self, value: Any) -> bool:
        """Whether the person is anywhere in the decoded JSON."""
        return bool(self.without(value) != value)

    def without(self, value: Any) -> Any:
        """The decoded JSON without the person: a new value; others' agents, order and numbers stay as they are."""
        if isinstance(value, dict):
            if self.is_person(value):
                kind = {"objectType": value["objectType"]} if "objectType" in value else {}
                return {**kind, "account": {"homePage": HOME_PAGE, "name": self._pseudonym}}
            return {self._text(key): self.without(item) for key, item in value.items()}
        if isinstance(value, list):
            return [self.without(item) for item in value]
        return self._text(value) if isinstance(value, str) else value

    def content(self, content: bytes) -> bytes:
        """A document's bytes without the person: the same bytes where it doesn't name the person or is neither JSON nor text."""
        try:
            value = msgspec.json.decode(content)
        except (msgspec.DecodeError, UnicodeDecodeError):
            with contextlib.suppress(UnicodeDecodeError):
                return self._text(content.decode()).encode()
            return content
        new = self.without(value)
        return content if new == value else msgspec.json.encode(new)

    def _text(self, text: str) -> str:
        for pattern in self._texts:
            text = pattern.sub(self._pseudonym, text)
        return text
