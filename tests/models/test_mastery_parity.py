"""The compiled EM against pyBKT's own, from the same starting point, on the same answers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from models.mastery.em import fit_skills
from models.mastery.sequences import Sequences, sequences
from tests.models.attempts import draw_attempts

START = (0.4, 0.12, 0.0, 0.22, 0.11)


def pybkt_data(found: Sequences) -> dict[str, Any]:
    return {
        "data": (found.answers.astype(np.int32) + 1)[None, :],
        "starts": found.starts[:-1] + 1,
        "lengths": np.diff(found.starts),
        "resources": np.ones(len(found.answers), dtype=np.int64),
    }


def pybkt_model(start: tuple[float, ...]) -> dict[str, Any]:
    prior, learn, forget, guess, slip = start
    return {
        "prior": prior,
        "learns": np.array([learn]),
        "forgets": np.array([forget]),
        "guesses": np.array([guess]),
        "slips": np.array([slip]),
        "As": np.array([[[1 - learn, forget], [learn, 1 - forget]]]),
        "pi_0": np.array([[1 - prior], [prior]]),
    }


def ours(found: Sequences, start: tuple[float, ...], *, tolerance: float) -> np.ndarray:
    every = np.array([0, len(found.starts) - 1])
    fitted = fit_skills(
        found.answers, found.starts, every, np.array([start]), np.zeros(10), tolerance, 100, 0.999, False
    )
    return fitted[0][0]


@pytest.mark.parametrize("forget", [0.0, 0.05])
@pytest.mark.parametrize("tolerance", [0.005, -1.0])
def test_em_equals_pybkt(forget: float, tolerance: float) -> None:
    """At the usual stop, and (tolerance below zero: never stop) after all hundred iterations."""
    from pyBKT.fit import EM_fit

    # At least two answers a sequence: pyBKT 1.4.3's pure-Python core drops the emission counts of single ones
    found = sequences(draw_attempts(students=25, shortest=2))
    start = (*START[:2], forget, *START[3:])
    theirs, _ = EM_fit.EM_fit(pybkt_model(start), pybkt_data(found), tolerance, 100, parallel=False)
    expected = [theirs["prior"], *(float(theirs[k][0]) for k in ("learns", "forgets", "guesses", "slips"))]
    assert ours(found, start, tolerance=tolerance) == pytest.approx(expected, abs=1e-9)


def test_predictions_equal_pybkt() -> None:
    from pyBKT.fit import predict_onestep

    from models.mastery.em import filter_sequences

    found = sequences(draw_attempts(students=10))
    parameters = np.tile(np.array(START), (len(found.starts) - 1, 1))
    emission = np.tile(np.array(START[3:]), (len(found.answers), 1))
    predicted, _ = filter_sequences(found.answers, found.starts, parameters, emission)
    expected, _ = predict_onestep.run(pybkt_model(START), pybkt_data(found), parallel=False)
    assert predicted == pytest.approx(expected, abs=1e-12)


def test_single_answers_count() -> None:
    """Where pyBKT's pure-Python core drops them: one answer each, seven of ten right, is a prior and nothing else."""
    answers = np.array([1, 1, 1, 1, 1, 1, 1, 0, 0, 0], dtype=np.uint8)
    fitted = fit_skills(
        answers, np.arange(11), np.array([0, 10]), np.array([START]), np.zeros(10), 0.0, 500, 0.999, False
    )[0][0]
    prior, learn, _, guess, slip = fitted
    assert prior * (1 - slip) + (1 - prior) * guess == pytest.approx(0.7, abs=1e-6)
    assert learn == START[1], "one answer says nothing about learning"


@pytest.mark.parametrize("leaps", [False, True])
def test_guess_and_slip_stay_below_one(leaps: bool) -> None:
    """Students who get worse would be explained best by a swapped pair of states: refused."""
    answers = np.array([1, 1, 0, 0, 0] * 40, dtype=np.uint8)
    starts = np.arange(0, 201, 5)
    begin = np.array([(0.5, 0.3, 0.0, 0.6, 0.35)])
    fitted = fit_skills(answers, starts, np.array([0, 40]), begin, np.zeros(10), 0.001, 200, 0.999, leaps)[0][
        0
    ]
    assert fitted[3] + fitted[4] <= 0.999 + 1e-12


@pytest.mark.parametrize("forget", [0.0, 0.05])
@pytest.mark.parametrize("pooling", [0.0, 5.0])
def test_leaps_reach_the_optimum_of_plain_steps_sooner(forget: float, pooling: float) -> None:
    found = sequences(draw_attempts(students=60))
    start = np.array([(*START[:2], forget, *START[3:])])
    pseudo = np.column_stack([start[0], 1 - start[0]]).ravel() * pooling
    plain, leapt = (
        fit_skills(found.answers, found.starts, found.skill_starts, start, pseudo, 1e-9, 20_000, 0.999, leaps)
        for leaps in (False, True)
    )
    assert leapt[1] == pytest.approx(plain[1], abs=1e-4)
    assert (leapt[1] >= plain[1] - 1e-6).all(), "never a worse optimum"
    assert leapt[2].sum() < 0.75 * plain[2].sum()
