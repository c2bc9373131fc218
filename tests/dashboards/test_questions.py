"""Questions from activities' definitions: what is asked, what is right by xAPI's patterns, what cannot be asked."""

from __future__ import annotations

from typing import Any

import pytest

from dashboards.student.questions import question

CHOICES = [
    {"id": letter, "description": {"en-GB": f"option {letter}", "de": f"Wahl {letter}"}} for letter in "abc"
]


def asked(kind: str, *patterns: str, **more: Any) -> dict[str, Any]:
    return {
        "interactionType": kind,
        "description": {"en-US": "What?", "de": "Was?"},
        "correctResponsesPattern": list(patterns),
        **more,
    }


@pytest.mark.parametrize(
    ("definition", "right", "wrong"),
    [
        (asked("choice", "b", choices=CHOICES), ["b"], ["a"]),
        (asked("choice", "a[,]c", choices=CHOICES), ["c", "a"], ["a"]),
        (asked("choice", "a", "b", choices=CHOICES), ["b"], ["a", "b"]),
        (asked("true-false", "true"), ["true"], ["false"]),
        (asked("fill-in", "Bob's  your uncle".replace("  ", " ")), [" bob's  your UNCLE "], ["Bob"]),
        (asked("fill-in", "{case_matters=true}{lang=en}Paris"), ["Paris"], ["paris"]),
        (asked("fill-in", "{order_matters=false}salt[,]sugar"), ["sugar[,]salt"], ["salt"]),
        (asked("fill-in", "salt[,]sugar"), ["salt[,]sugar"], ["sugar[,]salt"]),
        (asked("numeric", "4[:]5"), ["4,5"], ["5.1"]),
        (asked("numeric", "4[:]"), ["400"], ["3"]),
        (asked("numeric", "12"), ["12.0"], ["twelve"]),
    ],
)
def test_right_is_what_the_patterns_say(
    definition: dict[str, Any], right: list[str], wrong: list[str]
) -> None:
    found = question(definition, ["en"])
    assert found is not None
    assert found.is_right(right) and not found.is_right(wrong) and not found.is_right([])
    assert found.text == "What?" and "{" not in found.solution


def test_a_question_is_asked_in_the_readers_language() -> None:
    found = question(asked("choice", "b", choices=CHOICES), ["de", "en"])
    assert found is not None
    assert (found.text, found.choices["b"], found.solution) == ("Was?", "Wahl b", "Wahl b")


@pytest.mark.parametrize(
    "definition",
    [
        None,
        {},
        asked("likert", "a"),
        asked("choice", "b"),
        asked("choice", "z", choices=CHOICES),
        asked("choice", choices=CHOICES),
        asked("numeric", ""),
        {**asked("fill-in", "x"), "description": {}},
    ],
)
def test_what_lacks_question_choices_or_answer_is_not_asked(definition: dict[str, Any] | None) -> None:
    assert question(definition, ["en"]) is None
