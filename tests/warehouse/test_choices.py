"""The log of choices: once each, whole or not at all, and without whoever was forgotten."""

from __future__ import annotations

import datetime as dt

import polars as pl
from hypothesis import given
from hypothesis import settings as with_settings
from hypothesis import strategies as st

from learnlake.home import Home
from learnlake.settings import Settings
from warehouse import choices

DAY = dt.date(2026, 11, 2)
SCHEMA = pl.Schema(
    {
        "tenant": pl.String,
        "choice_id": pl.String,
        "person_key": pl.String,
        "decided_on": pl.Date,
        "judged_on": pl.Date,
        "candidates": pl.List(pl.Struct({"skill_key": pl.String, "mastery": pl.Float64})),
    }
)


def rows(*told: tuple[str, str, str, int]) -> pl.DataFrame:
    """(tenant, choice_id, person_key, day) each."""
    made = [
        (tenant, choice, person, DAY + dt.timedelta(days=day), None, [{"skill_key": "s", "mastery": 0.5}])
        for tenant, choice, person, day in told
    ]
    return pl.DataFrame(made, schema=SCHEMA, orient="row")


def ids(home: Home, tenant: str = "t") -> list[str]:
    return choices.read(home, tenant, SCHEMA)["choice_id"].to_list()


def test_what_was_published_is_kept_once_and_what_was_not_is_dropped(settings: Settings) -> None:
    home = settings.home
    choices.propose(home, "one", rows(("t", "a", "p", 0), ("t", "b", "q", 1), ("u", "a", "p", 0)))
    assert ids(home) == []
    assert choices.settle(home, published_run_id="another") == 0
    assert ids(home) == []
    choices.propose(home, "one", rows(("t", "a", "p", 0), ("t", "b", "q", 1), ("u", "a", "p", 0)))
    assert choices.settle(home, published_run_id="one") == 3
    choices.propose(home, "two", rows(("t", "a", "p", 0), ("t", "c", "q", 1)))
    assert choices.settle(home, published_run_id="two") == 1
    assert (ids(home), ids(home, "u")) == (["a", "b", "c"], ["a"])


def test_a_process_that_dies_between_two_files_loses_and_doubles_nothing(settings: Settings) -> None:
    """The first day's file was written, the second's was not, and what was put aside is still there."""
    home = settings.home
    both = rows(("t", "a", "p", 0), ("t", "b", "q", 1))
    choices.propose(home, "zero", both.head(1))
    choices.settle(home, published_run_id="zero")
    choices.propose(home, "one", both)
    draft = home.lake_choices / "tenant=t" / f".{DAY + dt.timedelta(days=1)}.parquet.1.abcd"
    draft.write_bytes(b"half a file")
    assert choices.settle(home, published_run_id="one") == 1
    assert ids(home) == ["a", "b"]
    assert not draft.exists()


def test_an_outcome_stays_when_the_same_choice_comes_again(settings: Settings) -> None:
    home = settings.home
    choices.propose(home, "one", rows(("t", "a", "p", 0), ("t", "b", "q", 0)))
    choices.settle(home, published_run_id="one")
    judged = choices.read_day(home, "t", DAY).filter(choice_id="a").with_columns(judged_on=pl.lit(DAY))
    choices.replace_day(home, "t", DAY, judged)
    assert choices.open_days(home, "t", until=DAY) == [DAY], "b is open still"
    choices.propose(home, "two", rows(("t", "a", "p", 0)))
    choices.settle(home, published_run_id="two")
    assert choices.read(home, "t", SCHEMA).select("choice_id", "judged_on").rows() == [
        ("a", DAY),
        ("b", None),
    ]
    assert choices.open_days(home, "t", until=DAY - dt.timedelta(days=1)) == []
    assert choices.expire(home, "t", before=DAY + dt.timedelta(days=1)) == 1
    assert ids(home) == []


PEOPLE = st.lists(st.tuples(st.sampled_from("tu"), st.sampled_from("pqr"), st.integers(0, 3)), max_size=12)


@with_settings(max_examples=25, deadline=None)
@given(kept=PEOPLE, waiting=PEOPLE, gone=st.sets(st.sampled_from("pqr")))
def test_forgetting_leaves_no_byte_of_the_person_and_everybody_else(
    tmp_path_factory: object,
    kept: list[tuple[str, str, int]],
    waiting: list[tuple[str, str, int]],
    gone: set[str],
) -> None:
    home = Settings(LEARNLAKE_HOME=tmp_path_factory.mktemp("home")).home  # type: ignore[attr-defined]
    told = [(tenant, f"c{n}", f"p_{person}", day) for n, (tenant, person, day) in enumerate(kept)]
    choices.propose(home, "one", rows(*told))
    choices.settle(home, published_run_id="one")
    later = [(tenant, f"w{n}", f"p_{person}", day) for n, (tenant, person, day) in enumerate(waiting)]
    choices.propose(home, "two", rows(*later))
    keys = {f"p_{person}" for person in gone}
    forgotten = choices.forget(home, "t", keys)
    assert forgotten == sum(tenant == "t" and person in keys for tenant, _, person, _ in told + later)
    choices.settle(home, published_run_id="two")
    assert choices.count(home, "t", keys) == 0
    for tenant in "tu":
        expected = [row for row in told + later if row[0] == tenant and (tenant == "u" or row[2] not in keys)]
        assert sorted(ids(home, tenant)) == sorted(row[1] for row in expected)
    for path in (home.lake_choices / "tenant=t").glob("*"):
        assert not any(key.encode() in path.read_bytes() for key in keys)
