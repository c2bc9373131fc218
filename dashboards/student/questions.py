"""A question from an activity's definition (xAPI interaction components), and whether an answer to it is right. Asks nobody and sends nothing.

xAPI 1.0.3 Data 2.4.4.1 and appendix C: `choice`, `true-false`, `fill-in`, `numeric`. Others are said to be not askable here.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

KINDS: Final = ("choice", "true-false", "fill-in", "numeric")
_PARAMETER: Final = re.compile(r"\{(case_matters|order_matters|lang)=([^}]*)\}")
_BOTH: Final = "[,]"
_RANGE: Final = "[:]"


@dataclasses.dataclass(frozen=True, slots=True)
class Question:
    """One question. `choices` are id to text, empty where the answer is typed; `patterns` are the right answers as xAPI writes them."""

    kind: str
    text: str
    choices: Mapping[str, str]
    patterns: tuple[str, ...]

    @property
    def takes_several(self) -> bool:
        """Whether several choices together are right."""
        return self.kind == "choice" and all(_BOTH in pattern for pattern in self.patterns)

    def is_right(self, answer: Sequence[str]) -> bool:
        """Whether `answer` (ids chosen, or the one text typed) is one of the right ones."""
        return any(_matches(self.kind, pattern, answer) for pattern in self.patterns)

    def response(self, answer: Sequence[str]) -> str:
        """`answer` as a statement's `result.response`."""
        return _BOTH.join(answer)

    @property
    def solution(self) -> str:
        """The first right answer as a reader understands it."""
        pattern = _PARAMETER.sub("", self.patterns[0])
        if self.choices:
            return ", ".join(self.choices.get(part, part) for part in pattern.split(_BOTH))
        low, found, high = pattern.partition(_RANGE)
        if self.kind == "numeric" and found:
            return low if low == high else f"{low}–{high}"
        return pattern.replace(_BOTH, ", ")


def question(definition: Mapping[str, Any] | None, languages: Sequence[str]) -> Question | None:
    """What `definition` asks, in the first of `languages` that it has; None where question, choices or right answer are missing."""
    if not definition or definition.get("interactionType") not in KINDS:
        return None
    kind = definition["interactionType"]
    text = _in_words(definition.get("description"), languages)
    patterns = tuple(one for one in definition.get("correctResponsesPattern") or () if one)
    if not text or not patterns:
        return None
    if kind == "true-false":
        return Question(kind, text, {"true": "true", "false": "false"}, patterns)
    if kind != "choice":
        return Question(kind, text, {}, patterns)
    choices = {
        one["id"]: words
        for one in definition.get("choices") or ()
        if (words := _in_words(one.get("description"), languages))
    }
    known = {part for pattern in patterns for part in pattern.split(_BOTH)}
    if len(choices) < 2 or not known <= set(choices):
        return None
    return Question(kind, text, choices, patterns)


def _in_words(texts: Mapping[str, str] | None, languages: Sequence[str]) -> str:
    """The text of a language map: of the first language wanted, else the first there is."""
    if not texts:
        return ""
    for wanted in languages:
        for tag, text in texts.items():
            if tag.split("-")[0].lower() == wanted:
                return text.strip()
    return next(iter(texts.values())).strip()


def _matches(kind: str, pattern: str, answer: Sequence[str]) -> bool:
    if kind == "numeric":
        return len(answer) == 1 and _in_range(pattern, answer[0])
    if kind == "fill-in":
        return _same_texts(pattern, answer)
    return set(pattern.split(_BOTH)) == set(answer)


def _same_texts(pattern: str, answer: Sequence[str]) -> bool:
    settings = dict(_PARAMETER.findall(pattern))
    wanted = _PARAMETER.sub("", pattern).split(_BOTH)
    given = [" ".join(part.split()) for text in answer for part in text.split(_BOTH)]
    if settings.get("case_matters") != "true":
        wanted, given = [one.casefold() for one in wanted], [one.casefold() for one in given]
    if settings.get("order_matters") == "false":
        wanted, given = sorted(wanted), sorted(given)
    return wanted == given


def _in_range(pattern: str, text: str) -> bool:
    low, found, high = pattern.partition(_RANGE)
    try:
        given = float(text.strip().replace(",", "."))
        return (float(low) if low else given) <= given <= (float(high or "inf") if found else float(low))
    except ValueError:
        return False
