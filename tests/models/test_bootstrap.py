"""Intervals by drawing students again, and the count of looks at held-out data."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models import looks
from models.bootstrap import Ranking, auc_interval
from models.metrics import auc


@settings(deadline=None)  # the first example imports scikit-learn
@given(
    st.lists(st.tuples(st.booleans(), st.integers(0, 5), st.integers(0, 4), st.integers(0, 3)), min_size=1)
)
def test_the_area_is_that_of_the_rows_written_out(rows: list[tuple[bool, int, int, int]]) -> None:
    """Counting a student n times is having the student's rows n times."""
    truth, predicted, who = (np.array(column, dtype=float) for column in list(zip(*rows, strict=True))[:3])
    times = np.array([{row[2]: row[3] for row in rows}[key] for key in np.unique(who)], dtype=float)
    repeat = times[np.unique(who, return_inverse=True)[1]].astype(int)
    found = Ranking(truth, predicted, who).auc(times)
    written = np.repeat(truth, repeat), np.repeat(predicted, repeat)
    if len(written[0]):
        assert found == pytest.approx(auc(*written), nan_ok=True)


def test_the_interval_holds_the_truth_as_often_as_it_says() -> None:
    """Normal scores one standard deviation apart: the true area is .7602."""
    draw = np.random.default_rng(11)
    held = 0
    for _ in range(60):
        truth = (draw.random(300) < 0.5).astype(float)
        low, high = auc_interval(
            [Ranking(truth, truth + draw.normal(size=300), np.arange(300))], replicates=200
        )
        held += low <= 0.7602 <= high
    assert 50 <= held <= 60


def test_rows_of_one_student_count_as_one() -> None:
    draw = np.random.default_rng(2)
    truth = (draw.random(200) < 0.5).astype(float)
    predicted, who = truth + draw.normal(size=200), np.arange(200)
    alone = auc_interval([Ranking(truth, predicted, who)])
    copied = auc_interval([Ranking(np.tile(truth, 5), np.tile(predicted, 5), np.tile(who, 5))])
    assert copied == pytest.approx(alone), "copying each student's rows makes nothing surer"


def test_looks_are_counted_by_what_was_held_out(tmp_path: Path) -> None:
    file = tmp_path / "mlflow" / "looks.jsonl"
    rows = pl.DataFrame({"person_key": ["a", "b"], "is_correct": [True, False]})
    mark = looks.fingerprint(rows)
    assert looks.fingerprint(rows.reverse()) == mark
    assert looks.fingerprint(rows.with_columns(is_correct=~pl.col("is_correct"))) != mark
    assert "not looked at before" in looks.in_words(looks.earlier_looks(file, mark))
    for _ in range(2):
        looks.note_look(file, mark)
    assert "looked at 2 times before" in looks.in_words(looks.earlier_looks(file, mark))
    assert not looks.earlier_looks(file, "another")
    assert "a" not in {line.strip('"') for line in file.read_text().split()}
