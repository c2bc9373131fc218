"""Contributions of features to one student's risk, in words for a teacher. Grouped: attendance, engagement, results, pace."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from models.risk.features import FEATURES, GROUPS, RECENT_WEEKS

REASONS_GIVEN = 3
LEAST_CONTRIBUTION = 0.05
"""Log-odds that a group must add to the risk before it is a reason: about one percentage point at a risk of one half."""
LATELY = f"in the last {RECENT_WEEKS} weeks"


@dataclasses.dataclass(frozen=True)
class Wording:
    """`text` takes the value (times `scale`) where the student is on the worse side of the class; `missing` where it is null."""

    text: str
    is_high_bad: bool = False
    scale: float = 1.0
    missing: str | None = None


WORDINGS: Mapping[str, Wording] = {
    "active_days_per_week": Wording("active on {:.1f} days a week"),
    "active_days_recent": Wording(f"active on {{:.0f}} days {LATELY}"),
    "days_since_active": Wording("no activity for {:.0f} days", is_high_bad=True, missing="no activity yet"),
    "logins_recent": Wording(f"{{:.0f}} log-ins {LATELY}"),
    "absent_share": Wording("absent on {:.0f} % of the lesson days so far", is_high_bad=True, scale=100),
    "absent_recent": Wording(
        f"absent on {{:.0f}} % of the lesson days {LATELY}", is_high_bad=True, scale=100
    ),
    "late_arrival_share": Wording("late on {:.0f} % of the lesson days", is_high_bad=True, scale=100),
    "active_days_rank": Wording("active on fewer days than most of the class"),
    "clicks_before_start": Wording("{:.0f} pages opened before the start"),
    "clicks_before_start_rank": Wording("opened less than most of the class before the start"),
    "clicks_per_week": Wording("{:.0f} pages opened a week"),
    "clicks_recent": Wording(f"{{:.0f}} pages opened {LATELY}"),
    "clicks_trend": Wording("opens {:.0f} % of the usual number of pages lately", scale=100),
    "clicks_rank": Wording("opened less than most of the class"),
    "events_recent": Wording(f"{{:.0f}} activities {LATELY}"),
    "events_rank": Wording(f"fewer activities than most of the class {LATELY}"),
    "minutes_per_week": Wording("{:.0f} minutes of work a week"),
    "minutes_recent": Wording(f"{{:.0f}} minutes of work {LATELY}"),
    "minutes_trend": Wording("works {:.0f} % of the usual time lately", scale=100),
    "views_recent": Wording(f"{{:.0f}} lessons and pages viewed {LATELY}"),
    "videos_recent": Wording(f"{{:.0f}} video events {LATELY}"),
    "attempts_per_week": Wording("{:.1f} questions answered a week"),
    "attempts_recent": Wording(f"{{:.0f}} questions answered {LATELY}"),
    "skills_recent": Wording(f"few skills practised {LATELY}"),
    "mean_score": Wording("mean score {:.0f} %", scale=100, missing="no graded work yet"),
    "weighted_mean_score": Wording("weighted mean score {:.0f} %", scale=100, missing="no graded work yet"),
    "last_score": Wording("last score {:.0f} %", scale=100, missing="no graded work yet"),
    "score_sum": Wording("fewer points than most of the class"),
    "score_trend": Wording("last score below the own mean", missing="no graded work yet"),
    "points_share": Wording("{:.0f} % of the points so far", scale=100),
    "points_rank": Wording("fewer points than most of the class"),
    "score_rank": Wording("lower scores than most of the class", missing="no graded work yet"),
    "correct_share": Wording("{:.0f} % of the answers right", scale=100, missing="no answers yet"),
    "correct_recent": Wording(
        f"{{:.0f}} % of the answers right {LATELY}", scale=100, missing=f"no answers {LATELY}"
    ),
    "correct_rank": Wording("fewer right answers than most of the class", missing="no answers yet"),
    "handed_in_count": Wording("{:.0f} pieces of work handed in"),
    "handed_in_share": Wording("{:.0f} % of the due work handed in", scale=100),
    "on_time_share": Wording("{:.0f} % of the due work handed in on time", scale=100),
    "missed_count": Wording("{:.0f} pieces of due work missing on their day", is_high_bad=True),
    "missed_recent": Wording(f"{{:.0f}} pieces of due work missed {LATELY}", is_high_bad=True),
    "last_due_on_time": Wording("the last due work was not handed in on time"),
    "late_share": Wording(
        "{:.0f} % of the work handed in late", is_high_bad=True, scale=100, missing="nothing handed in yet"
    ),
    "days_early_mean": Wording("hands in closer to the deadline than most", missing="nothing handed in yet"),
    "last_days_early": Wording(
        "last work handed in closer to the deadline than most", missing="nothing handed in yet"
    ),
    "weeks_since_handed_in": Wording(
        "nothing handed in for {:.0f} weeks", is_high_bad=True, missing="nothing handed in yet"
    ),
    "ahead_count": Wording("behind the work that is due"),
    "handed_in_rank": Wording("handed in less than most of the class"),
}
"""One entry per feature outside `background`."""

_FALLBACK = "unusual beside classmates"
_SINGULAR = {
    "log-ins": "log-in",
    "pages": "page",
    "activities": "activity",
    "minutes": "minute",
    "lessons": "lesson",
    "pieces": "piece",
    "questions": "question",
}


def grouped(contributions: NDArray[np.float32]) -> dict[str, NDArray[np.float64]]:
    """Sum of each group's contributions, per row. contributions: [row, feature] in the order of FEATURES, log-odds."""
    position = {name: index for index, name in enumerate(FEATURES)}
    return {
        group: contributions[:, [position[name] for name in names]].sum(axis=1, dtype=np.float64)
        for group, names in GROUPS.items()
    }


def reasons(
    values: NDArray[np.float32], medians: NDArray[np.float32], contributions: NDArray[np.float32]
) -> list[list[str | None]]:
    """Up to REASONS_GIVEN reasons per row, the weightiest first, then None.

    values, medians (of the section in the same week), contributions: [row, feature] in the order of FEATURES.
    """
    position = {name: index for index, name in enumerate(FEATURES)}
    sums = grouped(contributions)
    shown = [group for group in GROUPS if group != "background"]
    weights = np.column_stack([sums[group] for group in shown])
    found: list[list[str | None]] = []
    for row, order in enumerate(np.argsort(-weights, axis=1, kind="stable")):
        texts: list[str | None] = []
        for index in order[:REASONS_GIVEN]:
            if weights[row, index] < LEAST_CONTRIBUTION:
                break
            group = shown[index]
            names = sorted(GROUPS[group], key=lambda name: -contributions[row, position[name]])
            said = (
                _say(name, float(values[row, position[name]]), float(medians[row, position[name]]))
                for name in names
                if contributions[row, position[name]] > 0
            )
            words = next((text for text in said if text), _FALLBACK)
            texts.append(f"{group.capitalize()}: {words}")
        found.append([*texts, *[None] * (REASONS_GIVEN - len(texts))])
    return found


def changes(
    now: NDArray[np.float32],
    before: NDArray[np.float32],
    contributions: NDArray[np.float32],
    contributions_before: NDArray[np.float32],
) -> list[str | None]:
    """Per row what moved the risk most since the week before, in the direction in which it went; None where nothing moved by LEAST_CONTRIBUTION.

    All [row, feature] in the order of FEATURES: values and contributions of this week and of the week before. What belongs to the calendar and the class
    moves everybody and is not told.
    """
    position = {name: index for index, name in enumerate(FEATURES)}
    shown = [group for group in GROUPS if group != "background"]
    sums, sums_before = grouped(contributions), grouped(contributions_before)
    moved = np.column_stack([sums[group] - sums_before[group] for group in shown])
    found: list[str | None] = []
    for row, moves in enumerate(moved):
        way = 1.0 if moves.sum() >= 0 else -1.0
        index = int(np.argmax(way * moves))
        if way * moves[index] < LEAST_CONTRIBUTION:
            found.append(None)
            continue
        group = shown[index]
        by_feature = contributions[row] - contributions_before[row]
        names = sorted(GROUPS[group], key=lambda name: -way * by_feature[position[name]])
        said = (
            _moved(name, float(now[row, position[name]]), float(before[row, position[name]]))
            for name in names
            if way * by_feature[position[name]] > 0
        )
        words = next(
            (text for text in said if text),
            "better than the week before" if way < 0 else "worse than the week before",
        )
        found.append(f"{'Up' if way > 0 else 'Down'} through {group}: {words}")
    return found


def _moved(name: str, now: float, before: float) -> str | None:
    """A feature's words now and the week before; None where they say the same, or stand for a comparison without a figure."""
    wording = WORDINGS[name]
    if np.isnan(now) or "{" not in wording.text:
        return None
    said = _one(wording.text.format(now * wording.scale))
    if np.isnan(before):
        return f"{said}; the week before: {wording.missing}" if wording.missing else None
    earlier = _one(wording.text.format(before * wording.scale))
    return None if said == earlier else f"{said}; the week before: {earlier}"


def _say(name: str, value: float, median: float) -> str | None:
    """The words for a feature, or None where the student is not on the worse side of the class."""
    wording = WORDINGS[name]
    if np.isnan(value):
        return wording.missing
    is_worse = np.isnan(median) or (value > median if wording.is_high_bad else value < median)
    return _one(wording.text.format(value * wording.scale)) if is_worse else None


def _one(text: str) -> str:
    """`text` with the noun after a leading 1 in the singular."""
    return re.sub(r"^1 (\w+(?:-\w+)?)", lambda found: f"1 {_SINGULAR.get(found[1], found[1])}", text)
