"""The compiled core of Bayesian knowledge tracing: EM over all skills, and the forward filter. Arrays in, arrays out.

Two hidden states (not known, known) and per skill five parameters: prior, learn, forget, guess, slip (Corbett and
Anderson 1995); guess and slip by item where items are told apart. No frames, no files, no choice of starting values here.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from models.compiled import njit

PRIOR, LEARN, FORGET, GUESS, SLIP = range(5)
MAX_GUESS_PLUS_SLIP = 0.999
"""Below 1, a right answer always speaks for knowing (van de Sande 2013)."""

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]


@njit(cache=True)
def _expectation(answers, items, starts, first, last, parameters, emission, counts, item_counts, filtered):
    """Add the expected counts of sequences first..last-1; answer their log-likelihood.

    parameters: prior, learn, forget. emission: guess and slip of each item. counts: known/unknown at the start,
    unknown->known, unknown->unknown, known->unknown, known->known. item_counts: right/wrong while unknown, wrong/right
    while known, of each item.
    """
    prior, learn, forget = parameters[0], parameters[1], parameters[2]
    log_likelihood = 0.0
    likelihood = 1.0
    for sequence in range(first, last):
        begin, end = starts[sequence], starts[sequence + 1]
        known = prior
        for t in range(begin, end):
            guess, slip = emission[items[t], 0], emission[items[t], 1]
            if answers[t]:
                of_known, of_unknown = known * (1.0 - slip), (1.0 - known) * guess
            else:
                of_known, of_unknown = known * slip, (1.0 - known) * (1.0 - guess)
            norm = of_known + of_unknown
            if norm < 1e-300:
                norm, of_known = 1e-300, 0.5e-300
            likelihood *= norm
            if likelihood < 1e-200:
                log_likelihood += np.log(likelihood)
                likelihood = 1.0
            filtered[t] = of_known / norm
            known = filtered[t] * (1.0 - forget) + (1.0 - filtered[t]) * learn
        smoothed = filtered[end - 1]
        for t in range(end - 1, begin - 1, -1):
            if t < end - 1:
                f = filtered[t]
                next_known = f * (1.0 - forget) + (1.0 - f) * learn
                to_known = smoothed / next_known if next_known > 0.0 else 0.0
                to_unknown = (1.0 - smoothed) / (1.0 - next_known) if next_known < 1.0 else 0.0
                known_known = f * (1.0 - forget) * to_known
                known_unknown = f * forget * to_unknown
                counts[2] += (1.0 - f) * learn * to_known
                counts[3] += (1.0 - f) * (1.0 - learn) * to_unknown
                counts[4] += known_unknown
                counts[5] += known_known
                smoothed = known_known + known_unknown
            if answers[t]:
                item_counts[items[t], 0] += 1.0 - smoothed
                item_counts[items[t], 3] += smoothed
            else:
                item_counts[items[t], 1] += 1.0 - smoothed
                item_counts[items[t], 2] += smoothed
        counts[0] += smoothed
        counts[1] += 1.0 - smoothed
    return log_likelihood + np.log(likelihood)


@njit(cache=True)
def _maximisation(counts, pseudo, parameters, max_guess_plus_slip):
    """Set `parameters` to the maximum of the expected log-posterior; one without counts keeps its value."""
    for parameter in range(5):
        hit = counts[2 * parameter] + pseudo[2 * parameter]
        total = hit + counts[2 * parameter + 1] + pseudo[2 * parameter + 1]
        if total > 0.0:
            parameters[parameter] = hit / total
    if parameters[3] + parameters[4] > max_guess_plus_slip:
        # On the bound both states answer alike but for the margin: the best point is the overall rate of right answers
        right = counts[6] + pseudo[6] + counts[9] + pseudo[9]
        total = right + counts[7] + pseudo[7] + counts[8] + pseudo[8]
        parameters[3] = right / total * max_guess_plus_slip
        parameters[4] = max_guess_plus_slip - parameters[3]


@njit(cache=True)
def _log_prior(pseudo, parameters):
    total = 0.0
    for parameter in range(5):
        if pseudo[2 * parameter] > 0.0:
            total += pseudo[2 * parameter] * np.log(max(parameters[parameter], 1e-300))
        if pseudo[2 * parameter + 1] > 0.0:
            total += pseudo[2 * parameter + 1] * np.log(max(1.0 - parameters[parameter], 1e-300))
    return total


@njit(cache=True)
def _leap(path, parameters, max_guess_plus_slip):
    """Where two steps of EM, path[0] to path[1] to `parameters`, seem to lead: SQUAREM (Varadhan and Roland 2008, scheme S3).

    Writes into `parameters`; one that would leave (0, 1) stays where the steps have brought it.
    """
    first = path[1] - path[0]
    bend = parameters - path[1] - first
    curve = np.sqrt((bend**2).sum())
    reach = np.sqrt((first**2).sum()) / curve if curve > 0.0 else 1.0
    if reach <= 1.0:
        return
    for parameter in range(5):
        there = path[0, parameter] + 2.0 * reach * first[parameter] + reach**2 * bend[parameter]
        if 0.0 < there < 1.0:
            parameters[parameter] = there
    excess = (parameters[3] + parameters[4]) / max_guess_plus_slip
    if excess > 1.0:
        parameters[3:] /= excess


@njit(cache=True)
def fit_skills(
    answers, starts, skill_starts, initial, pseudo, tolerance, max_iterations, max_guess_plus_slip, leaps
):
    """EM for every skill from every start, all items of a skill alike.

    answers: uint8, rows sorted by skill, person, order. starts: int64, first row of each sequence, and the end.
    skill_starts: int64, first sequence of each skill, and the end. initial: [start, 5]. pseudo: [10], counts added to
    every skill's (zeros: plain maximum likelihood). Stops when a step moves the log-posterior by `tolerance` or less.
    leaps: after every second step try a leap, taken back where it loses; the same optimum in a third of the iterations.
    Answers the best parameters [skill, 5], their log-posterior [skill] and the iterations used [skill].
    """
    skills = len(skill_starts) - 1
    best = np.empty((skills, 5))
    objective = np.full(skills, -np.inf)
    iterations = np.zeros(skills, np.int64)
    filtered = np.empty(len(answers))
    counts = np.empty(10)
    one_item = np.zeros(len(answers), np.uint8)
    item_counts = np.empty((1, 4))
    path = np.empty((2, 5))
    stepped = np.empty(5)
    for skill in range(skills):
        for start in range(len(initial)):
            parameters = initial[start].copy()
            before = -np.inf
            now = -np.inf
            used = 0
            steps = 0  # plain steps since the last leap
            has_leapt = False
            for iteration in range(max_iterations):
                counts[:] = 0.0
                item_counts[:] = 0.0
                now = _expectation(
                    answers,
                    one_item,
                    starts,
                    skill_starts[skill],
                    skill_starts[skill + 1],
                    parameters,
                    parameters[3:].reshape(1, 2),
                    counts,
                    item_counts,
                    filtered,
                )
                counts[6:] = item_counts[0]
                now += _log_prior(pseudo, parameters)
                used = iteration + 1
                if has_leapt and now < before:
                    parameters[:] = stepped
                    has_leapt = False
                    continue
                if iteration > 1 and not has_leapt and abs(now - before) <= tolerance:
                    break
                before = now
                has_leapt = False
                if steps < 2:
                    path[steps] = parameters
                _maximisation(counts, pseudo, parameters, max_guess_plus_slip)
                steps += 1
                if leaps and steps == 2:
                    stepped[:] = parameters
                    _leap(path, parameters, max_guess_plus_slip)
                    has_leapt = True
                    steps = 0
            if now > objective[skill]:
                best[skill], objective[skill], iterations[skill] = parameters, now, used
    return best, objective, iterations


@njit(cache=True)
def fit_items(
    answers,
    items,
    starts,
    skill_starts,
    item_starts,
    fitted,
    pseudo,
    shrinkage,
    tolerance,
    max_iterations,
    max_guess_plus_slip,
):
    """Go on from `fitted` [skill, 5] with a guess and a slip for each item (KT-IDEM, Pardos and Heffernan 2011).

    items: int64 per row, numbered by skill; item_starts: first item of each skill, and the end. An item's guess and slip are
    drawn towards its skill's with the weight of `shrinkage` [item] answers in that state (infinite: the skill's own).
    Answers the parameters [skill, 5] and the emission [item, 2]: guess, slip.
    """
    parameters = fitted.copy()
    emission = np.empty((item_starts[-1], 2))
    item_counts = np.empty((item_starts[-1], 4))
    filtered = np.empty(len(answers))
    counts = np.empty(10)
    for skill in range(len(skill_starts) - 1):
        own = slice(item_starts[skill], item_starts[skill + 1])
        emission[own] = parameters[skill, 3:]
        before = -np.inf
        for iteration in range(max_iterations):
            counts[:] = 0.0
            item_counts[own] = 0.0
            now = _expectation(
                answers,
                items,
                starts,
                skill_starts[skill],
                skill_starts[skill + 1],
                parameters[skill],
                emission,
                counts,
                item_counts,
                filtered,
            )
            if iteration > 1 and abs(now - before) <= tolerance:
                break
            before = now
            for item in range(item_starts[skill], item_starts[skill + 1]):
                counts[6:] += item_counts[item]
            _maximisation(counts, pseudo, parameters[skill], max_guess_plus_slip)
            guess, slip = parameters[skill, 3], parameters[skill, 4]
            for item in range(item_starts[skill], item_starts[skill + 1]):
                emission[item, 0] = _drawn(item_counts[item, 0], item_counts[item, 1], guess, shrinkage[item])
                emission[item, 1] = _drawn(item_counts[item, 2], item_counts[item, 3], slip, shrinkage[item])
                excess = emission[item].sum() / max_guess_plus_slip
                if excess > 1.0:
                    emission[item] /= excess
    return parameters, emission


@njit(cache=True)
def _drawn(hits, misses, towards, shrinkage):
    """The rate of `hits`, drawn towards a rate with the weight of `shrinkage` answers."""
    weight = (hits + misses) / (hits + misses + shrinkage)
    return weight * hits / (hits + misses) + (1.0 - weight) * towards if weight > 0.0 else towards


@njit(cache=True)
def filter_sequences(answers, starts, parameters, emission):
    """The probability of a right answer before each response, and mastery after each sequence's last one.

    parameters: [sequence, 3 or more], prior, learn, forget. emission: [row, 2], guess and slip. Answers float64 [row] and
    float64 [sequence]; a row's prediction reads earlier rows only.
    """
    predicted = np.empty(len(answers))
    mastery = np.empty(len(starts) - 1)
    for sequence in range(len(starts) - 1):
        known, learn, forget = parameters[sequence, 0], parameters[sequence, 1], parameters[sequence, 2]
        for t in range(starts[sequence], starts[sequence + 1]):
            guess, slip = emission[t, 0], emission[t, 1]
            right = known * (1.0 - slip) + (1.0 - known) * guess
            predicted[t] = right
            if answers[t]:
                known = known * (1.0 - slip) / right if right > 0.0 else known
            else:
                known = known * slip / (1.0 - right) if right < 1.0 else known
            known = min(1.0, known * (1.0 - forget) + (1.0 - known) * learn)  # rounding may pass 1 by an ulp
        mastery[sequence] = known
    return predicted, mastery
