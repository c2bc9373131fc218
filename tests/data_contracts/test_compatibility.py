"""A contract change that breaks a consumer fails here, naming who relies on what is gone."""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from data_contracts import compatibility, load

Contract = dict[str, Any]


def test_the_contracts_keep_what_they_promised() -> None:
    """A change that is meant: mend the files that are named, raise the contract's first number, `python -m data_contracts.compatibility`."""
    broken = compatibility.breaks(compatibility.baseline(), compatibility.promises())
    assert not broken, "\n".join(map(str, broken))


def column(contract: Contract, name: str) -> Contract:
    return next(c for c in contract["schema"][0]["properties"] if c["name"] == name)


def without(name: str) -> Callable[[Contract], None]:
    def change(contract: Contract) -> None:
        contract["schema"][0]["properties"].remove(column(contract, name))

    return change


def renamed_key(contract: Contract) -> None:
    column(contract, "statement_id")["name"] = "id"


def one_value_less(name: str, value: str) -> Callable[[Contract], None]:
    return lambda contract: column(contract, name)["quality"][0]["arguments"]["validValues"].remove(value)


def added(contract: Contract) -> None:
    new = copy.deepcopy(contract["schema"][0]["properties"][-1])
    contract["schema"][0]["properties"].append(new | {"name": "something_new"})


CASES = [
    # contract, change, what is said, one who relies on it
    ("marts/fct_attempt", without("opportunity"), "column opportunity is gone", "docs/analysts.md"),
    (
        "marts/fct_attempt",
        lambda c: column(c, "is_correct").update(physicalType="VARCHAR"),
        "column is_correct was BOOLEAN and is VARCHAR",
        "models/",
    ),
    ("marts/fct_attempt", renamed_key, "the key was tenant, statement_id and is tenant, id", "models/"),
    (
        "marts/fct_attendance",
        one_value_less("status", "excused"),
        "no longer has the value 'excused'",
        "docs/analysts.md",
    ),
    ("marts/prd_risk", without("risk_rank"), "column risk_rank is gone", "dashboards/"),
    (
        "sources/learnlake-profile",
        one_value_less("verb_id", "http://adlnet.gov/expapi/verbs/attended"),
        "no longer has the value 'http://adlnet.gov/expapi/verbs/attended'",
        "docs/xapi-profile.md",
    ),
]


@pytest.mark.parametrize(
    ("file", "change", "said", "consumer"), CASES, ids=[f"{c[0]}-{n}" for n, c in enumerate(CASES)]
)
def test_a_change_that_breaks_a_consumer_names_it(
    tmp_path: Path, file: str, change: Callable[[Contract], object], said: str, consumer: str
) -> None:
    before, after = _both(tmp_path, file, change)
    broken = compatibility.breaks(before, after)
    assert any(said in one.what for one in broken), [one.what for one in broken]
    told = str(next(one for one in broken if said in one.what))
    assert "relied on by" in told
    assert consumer in told


@pytest.mark.parametrize(
    "change",
    [
        added,
        lambda c: c.update(version="9.0.0"),
        lambda c: column(c, "opportunity").update(description="In other words."),
    ],
    ids=["a column more", "a version", "words"],
)
def test_what_breaks_nobody_passes(tmp_path: Path, change: Callable[[Contract], object]) -> None:
    before, after = _both(tmp_path, "marts/fct_attempt", change)
    assert compatibility.breaks(before, after) == []


def _both(
    folder: Path, file: str, change: Callable[[Contract], object]
) -> tuple[compatibility.Promises, compatibility.Promises]:
    path = load.FOLDER / f"{file}.odcs.yaml"
    contract = yaml.safe_load(path.read_text())
    change(contract)
    changed = folder / path.name
    changed.write_text(yaml.safe_dump(contract))
    return compatibility.promises([load.read(path)]), compatibility.promises([load.read(changed)])
