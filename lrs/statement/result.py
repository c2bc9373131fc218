"""The result and its score (xAPI 1.0.3 Data 2.4.5)."""

from __future__ import annotations

from typing import Any

from lrs.statement.flaw import Flaw, check_boolean, check_keys, check_string, wrong_type
from lrs.statement.formats import check_duration, check_extensions

SECTION_RESULT = "xAPI 1.0.3 Data 2.4.5; 2.0 4.2.2.4"
SECTION_SCORE = "xAPI 1.0.3 Data 2.4.5.1; 2.0 4.2.2.4"

_RESULT_KEYS = frozenset({"score", "success", "completion", "response", "duration", "extensions"})
_SCORE_KEYS = frozenset({"scaled", "raw", "min", "max"})


def check_result(result: Any) -> None:
    check_keys(result, _RESULT_KEYS, SECTION_RESULT)
    if "score" in result:
        try:
            _check_score(result["score"])
        except Flaw as flaw:
            raise flaw.under("score") from None
    if "success" in result:
        check_boolean(result["success"], SECTION_RESULT, "success")
    if "completion" in result:
        check_boolean(result["completion"], SECTION_RESULT, "completion")
    if "response" in result:
        check_string(result["response"], SECTION_RESULT, "response")
    if "duration" in result:
        check_duration(result["duration"], "duration")
    if "extensions" in result:
        check_extensions(result["extensions"], "extensions")


def _check_score(score: Any) -> None:
    check_keys(score, _SCORE_KEYS, SECTION_SCORE)
    for key, value in score.items():
        if type(value) is not float and type(value) is not int:
            raise wrong_type("a number", value, SECTION_SCORE, key)
    if "scaled" in score and not -1 <= score["scaled"] <= 1:
        raise Flaw("must be between -1 and 1", SECTION_SCORE, "scaled")
    low, high = score.get("min"), score.get("max")
    if low is not None and high is not None and low >= high:
        raise Flaw("must be less than max", SECTION_SCORE, "min")
    raw = score.get("raw")
    if raw is not None and ((low is not None and raw < low) or (high is not None and raw > high)):
        raise Flaw("must be between min and max", SECTION_SCORE, "raw")
