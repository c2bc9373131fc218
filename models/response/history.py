"""What a student's earlier responses say before each response: one compiled pass, each row in constant time. No fitting."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from models.compiled import njit

HISTORY = (
    # of the student
    *("responses", "right_share", "residual_mean", "streak", "last_five", "skills_met"),
    *("right_recent_1", "right_recent_4", "right_recent_9", "right_recent_32"),
    *("residual_recent_1", "residual_recent_4", "residual_recent_9", "residual_recent_32"),
    # of the student on the skill
    *("skill_responses", "skill_right_share", "skill_residual_mean", "skill_streak", "skill_last_four"),
    *("skill_recent_1", "skill_recent_4", "skill_recent_9", "skill_gap", "is_other_skill", "run_on_skill"),
    # of the student on the item
    *("item_responses", "item_last", "item_gap"),
    # ability by a running Rasch filter
    *("ability", "ability_variance", "skill_ability", "skill_ability_variance", "ability_prediction"),
)
"""Names of the columns of `histories`. Residuals are answers less what the item's difficulty lets expect; `recent_n` forgets
with a mean age of n responses; gaps and runs count the student's own responses; NaN where nothing came before."""

_DECAYS = np.array([1 / 2, 4 / 5, 9 / 10, 32 / 33])
_DRIFT, _SKILL_DRIFT = 0.001, 0.02
"""Variance that ability regains with each response: the student learns."""


class Responses(NamedTuple):
    """Rows sorted by student and order. items, skills: codes from 0; an item of -1 is not known."""

    starts: NDArray[np.int64]
    answers: NDArray[np.int64]
    items: NDArray[np.int64]
    skills: NDArray[np.int64]
    log_odds: NDArray[np.float64]
    """Of a right answer to the row's item by an average student."""


def histories(responses: Responses) -> NDArray[np.float32]:
    """[row, HISTORY]; a row reads the same student's earlier rows only."""
    items = int(responses.items.max(initial=-1)) + 1
    skills = int(responses.skills.max(initial=-1)) + 1
    out = np.full((len(responses.answers), len(HISTORY)), np.nan, dtype=np.float32)
    _walk(*responses, items, skills, out)
    return out


@njit(cache=True)
def _walk(starts, answers, items, skills, log_odds, item_count, skill_count, out):
    # What is known of a skill or an item belongs to the student who touched it last: `owner` says who that was.
    item_owner = np.full(item_count, -1, np.int64)
    item_seen = np.zeros(item_count)
    item_last = np.zeros(item_count)
    item_at = np.zeros(item_count, np.int64)
    skill_owner = np.full(skill_count, -1, np.int64)
    # seen, right, residual, streak, ability, variance, then right and weight of three windows
    of_skill = np.zeros((skill_count, 12))
    skill_bits = np.zeros(skill_count, np.int64)
    skill_at = np.zeros(skill_count, np.int64)
    recent = np.zeros((4, 3))
    for student in range(len(starts) - 1):
        seen = right = residual = streak = ability = run = met = 0.0
        variance = 1.0
        bits = 0
        previous = -1
        recent[:] = 0.0
        for t in range(starts[student], starts[student + 1]):
            skill, item = skills[t], items[t]
            own = of_skill[skill]
            if skill_owner[skill] != student:
                skill_owner[skill] = student
                own[:] = 0.0
                own[5] = 1.0
                skill_bits[skill] = 0
                met += 1.0
            row = out[t]
            expected = 1.0 / (1.0 + np.exp(-log_odds[t]))
            both = variance + own[5]
            z = (log_odds[t] + ability + own[4]) / np.sqrt(1.0 + 0.39 * both)  # logistic-normal (MacKay 1992)
            predicted = 1.0 / (1.0 + np.exp(-z))
            row[0], row[3], row[4], row[5] = seen, streak, bits, met
            if seen > 0.0:
                row[1], row[2] = right / seen, residual / seen
                for window in range(4):
                    row[6 + window] = recent[window, 0] / recent[window, 2]
                    row[10 + window] = recent[window, 1] / recent[window, 2]
            row[14], row[17], row[18] = own[0], own[3], skill_bits[skill]
            if own[0] > 0.0:
                row[15], row[16] = own[1] / own[0], own[2] / own[0]
                for window in range(3):
                    row[19 + window] = own[6 + 2 * window] / own[7 + 2 * window]
                row[22] = t - skill_at[skill]
            row[23], row[24] = 1.0 if skill != previous else 0.0, run
            if item >= 0:
                is_known = item_owner[item] == student
                row[25] = item_seen[item] if is_known else 0.0
                if is_known:
                    row[26], row[27] = item_last[item], t - item_at[item]
            row[28], row[29], row[30], row[31], row[32] = ability, variance, own[4], own[5], predicted

            answer = float(answers[t])
            beyond = answer - expected
            seen += 1.0
            right += answer
            residual += beyond
            streak = _longer(streak, answer)
            bits = (bits * 2 + answers[t]) % 32
            for window in range(4):
                recent[window] *= _DECAYS[window]
                recent[window, 0] += answer
                recent[window, 1] += beyond
                recent[window, 2] += 1.0
            own[0] += 1.0
            own[1] += answer
            own[2] += beyond
            own[3] = _longer(own[3], answer)
            for window in range(3):
                own[6 + 2 * window] = own[6 + 2 * window] * _DECAYS[window] + answer
                own[7 + 2 * window] = own[7 + 2 * window] * _DECAYS[window] + 1.0
            skill_bits[skill] = (skill_bits[skill] * 2 + answers[t]) % 16
            skill_at[skill] = t
            if item >= 0:
                item_seen[item] = item_seen[item] + 1.0 if item_owner[item] == student else 1.0
                item_owner[item], item_last[item], item_at[item] = student, answer, t
            run = run + 1.0 if skill == previous else 1.0
            previous = skill
            # One step of an extended Kalman filter on both abilities
            information = predicted * (1.0 - predicted) + 1e-9
            gain = (answer - predicted) / information / (1.0 / information + both)
            share = 1.0 / (1.0 / information + both)
            ability += variance * gain
            own[4] += own[5] * gain
            variance += _DRIFT - variance * variance * share
            own[5] += _SKILL_DRIFT - own[5] * own[5] * share


@njit(cache=True)
def _longer(streak, answer):
    """Right answers in a row count up from 1, wrong ones down from -1."""
    if answer > 0.0:
        return streak + 1.0 if streak > 0.0 else 1.0
    return streak - 1.0 if streak < 0.0 else -1.0
