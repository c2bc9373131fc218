"""Resources that others used: what leads to what, never by few, never what is used or does worse, and nobody named."""

from __future__ import annotations

import datetime as dt
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from learnlake.errors import ModelError
from models import resources
from models.resources.evaluate import LATELY, LIKE, POPULAR

AS_OF = dt.date(2026, 11, 20)
TITLES = {key: f"Page {key}" for key in "abcdef"}


def used(*told: tuple[str, str, int]) -> pl.DataFrame:
    """(person, resource, days ago) each, in one course."""
    return pl.DataFrame(
        [("t", person, "c", key, AS_OF - dt.timedelta(days=ago)) for person, key, ago in told],
        schema={name: pl.Date if name == "used_date" else pl.String for name in resources.USES},
        orient="row",
    )


def members(*people: str) -> pl.DataFrame:
    return pl.DataFrame(
        {"tenant": "t", "person_key": people, "school_key": "s", "section_key": "x", "course_key": "c"}
    )


def suggest(uses: pl.DataFrame, *people: str, **more: Any) -> pl.DataFrame:
    return resources.suggest(uses, members=members(*people), as_of=AS_OF, titles=TITLES, **more)


FIVE = [(f"p{n}", key, 1) for n in range(5) for key in "ab"]


def test_what_five_others_used_is_suggested_and_what_four_did_is_not() -> None:
    found = suggest(used(*FIVE, ("me", "a", 0)), "me", "p0")
    [row] = found.rows(named=True)
    assert (row["person_key"], row["activity_key"], row["because_activity_key"]) == ("me", "b", "a")
    assert (row["rank"], row["support_count"], row["section_key"], row["as_of"]) == (1, 5, "x", AS_OF)
    assert row["why"] == "5 others in your course who worked with \u201cPage a\u201d also used this."
    assert suggest(used(*FIVE[:-1], ("me", "a", 0)), "me").is_empty()
    assert suggest(used(*FIVE), "nobody").is_empty()


def test_what_people_turn_to_now_comes_before_what_they_used_long_ago() -> None:
    uses = used(*FIVE, *((f"p{n}", "c", 40) for n in range(5)), ("me", "a", 0))
    assert suggest(uses, "me")["activity_key"].to_list() == ["b", "c"]


def test_what_does_worse_or_has_no_title_is_left_out() -> None:
    uses = used(*FIVE, *((f"p{n}", key, 2) for n in range(5) for key in "cz"), ("me", "a", 0))
    assert suggest(uses, "me")["activity_key"].to_list() == ["b", "c"]
    worse = pl.DataFrame({"tenant": "t", "course_key": "c", "activity_key": ["b"]})
    assert suggest(uses, "me", worse=worse)["activity_key"].to_list() == ["c"]


USE = st.tuples(st.sampled_from([f"p{n}" for n in range(9)]), st.sampled_from("abcdef"), st.integers(-3, 60))


@settings(max_examples=60, deadline=None)
@given(told=st.lists(USE, max_size=50), least=st.integers(2, 5))
def test_no_suggestion_rests_on_few_or_on_what_comes_later(
    told: list[tuple[str, str, int]], least: int
) -> None:
    found = suggest(used(*told), *(f"p{n}" for n in range(9)), min_people=least)
    had: dict[str, set[str]] = {}
    for person, key, ago in told:
        if ago >= 0:
            had.setdefault(person, set()).add(key)
    for row in found.iter_rows(named=True):
        mine = had[row["person_key"]]
        assert row["activity_key"] not in mine and row["because_activity_key"] in mine
        both = sum({row["activity_key"], row["because_activity_key"]} <= keys for keys in had.values())
        assert row["support_count"] == both >= least
        assert not any(f"p{n}" in row["why"] for n in range(9))
    assert found.group_by("person_key").len()["len"].max() in (None, 1, 2, 3)


def test_it_foretells_what_a_group_uses_next_where_popularity_cannot() -> None:
    """Two groups of twenty go through resources of their own, one a day; a few are slower than the others."""
    dice = np.random.default_rng(0)
    rows = [
        (
            "t",
            f"{group}{n}",
            "c",
            f"{group}{day:02}",
            AS_OF + dt.timedelta(days=day + int(dice.integers(0, 6))),
        )
        for group in "xy"
        for n in range(20)
        for day in range(30)
    ]
    uses = pl.DataFrame(rows, schema=list(resources.USES), orient="row")
    found = resources.evaluate(uses)
    table = {row["way"]: row for row in found.table.iter_rows(named=True)}
    assert found.students == 40
    assert table[LIKE]["ndcg_at_10"] > table[LATELY]["ndcg_at_10"] > table[POPULAR]["ndcg_at_10"]
    assert table[LATELY]["ndcg_gain_of_others_low"] > 0
    with pytest.raises(ModelError, match="something new"):
        resources.evaluate(uses.head(1))
