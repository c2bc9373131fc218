"""Whether the contracts still keep what they promised when `baseline.json` was written, and who would notice if they don't.

`python -m data_contracts.compatibility` writes the baseline anew; it refuses while somebody still uses what is gone.
"""

from __future__ import annotations

import dataclasses
import json
import re
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from data_contracts.load import FOLDER, Contract, Table, mart_contracts, source_contracts
from learnlake.errors import ContractError

BASELINE = FOLDER / "baseline.json"
ROOT = FOLDER.parent
READERS = ("dashboards", "api", "models", "warehouse", "pipelines", "cli", "docs/analysts.md")
"""Where the marts are read."""
SENDERS = ("sources", "docs/xapi-profile.md", "docs/sources.md")
"""Where what sources promise is written down or sent."""

Promises = dict[str, dict[str, Any]]


@dataclasses.dataclass(frozen=True)
class Break:
    """A promise that no longer holds: `words` are the names by which a file that relies on it can be told."""

    contract: str
    what: str
    words: tuple[str, ...]
    is_source: bool

    def consumers(self) -> list[str]:
        """Files that name all of `words`."""
        found = []
        for place in SENDERS if self.is_source else READERS:
            for path in _files(ROOT / place):
                text = path.read_text(encoding="utf-8")
                if all(re.search(rf"(?<!\w){re.escape(word)}(?!\w)", text) for word in self.words):
                    found.append(str(path.relative_to(ROOT)))
        return found

    def __str__(self) -> str:
        users = self.consumers()
        relied = f"relied on by {', '.join(users)}" if users else "no file in this repository relies on it"
        return f"{self.contract}: {self.what}; {relied}"


def promises(contracts: Iterable[Contract] | None = None) -> Promises:
    """What is promised, in plain values: per contract its version, keys, columns' types, values and limits, and rules."""
    chosen = (*mart_contracts(), *source_contracts()) if contracts is None else contracts
    return {contract.name: _promise(contract, contract.tables[0]) for contract in chosen}


def _promise(contract: Contract, table: Table) -> dict[str, Any]:
    return {
        "is_source": contract.domain == "sources",
        "version": contract.version,
        "key": list(table.key),
        "columns": {
            column.name: {
                "type": column.physical_type,
                "is_required": column.is_required,
                "values": sorted(map(str, column.valid_values)) if column.valid_values is not None else None,
                "limits": [column.options.minimum, column.options.maximum],
            }
            for column in table.columns
        },
        "rules": sorted(rule.name for rule in table.rules),
    }


def breaks(before: Promises, now: Promises) -> list[Break]:
    """What of `before` does not hold `now`. Whatever has been added is no break."""
    found: list[Break] = []
    for name, held in before.items():
        if name not in now:
            found.append(Break(name, "the contract is gone", (name,), held["is_source"]))
        else:
            found += _breaks(name, held, now[name])
    return found


def _breaks(name: str, held: dict[str, Any], now: dict[str, Any]) -> Iterator[Break]:
    is_source = held["is_source"]

    def gone(what: str, *words: str) -> Break:
        return Break(name, what, words if is_source and words else (name, *words), is_source)

    if held["key"] != now["key"]:
        yield gone(f"the key was {', '.join(held['key'])} and is {', '.join(now['key'])}")
    for column, was in held["columns"].items():
        here = now["columns"].get(column)
        if here is None:
            yield gone(f"column {column} is gone", column)
            continue
        if here["type"] != was["type"]:
            yield gone(f"column {column} was {was['type']} and is {here['type']}", column)
        if was["is_required"] and not here["is_required"] and not is_source:
            yield gone(f"column {column} may now be null", column)
        if here["is_required"] and not was["is_required"] and is_source:
            yield gone(f"{column} is now required", column)
        yield from (
            gone(
                f"column {column} no longer has the value {value!r}", *((value,) if is_source else (column,))
            )
            for value in _lost(was["values"], here["values"])
        )
        if was["limits"] != here["limits"] and _is_narrower(was["limits"], here["limits"]):
            yield gone(f"column {column} had the limits {was['limits']} and has {here['limits']}", column)


def _lost(was: list[str] | None, here: list[str] | None) -> list[str]:
    """Values that were allowed and no longer are; a list where every value was allowed loses those not told."""
    if here is None:
        return []
    return ["any other"] if was is None else sorted(set(was) - set(here))


def _is_narrower(was: list[float | None], here: list[float | None]) -> bool:
    low, high = here
    return (low is not None and (was[0] is None or low > was[0])) or (
        high is not None and (was[1] is None or high < was[1])
    )


def _files(place: Path) -> list[Path]:
    return [place] if place.is_file() else sorted(place.rglob("*.py"))


def baseline() -> Promises:
    """The promises as they were last accepted."""
    held: Promises = json.loads(BASELINE.read_text())
    return held


def accept() -> list[Break]:
    """Make what is promised now the baseline; answer what was given up. ContractError while a file relies on any of it."""
    now = promises()
    given_up = breaks(baseline(), now) if BASELINE.exists() else []
    in_use = [str(one) for one in given_up if one.consumers()]
    if in_use:
        raise ContractError(
            f"{len(in_use)} promise(s) are broken that are still relied on.",
            where="\n         ".join(in_use),
            mend="change those files first, or keep the promise (a new column beside the old one breaks nobody)",
        )
    BASELINE.write_text(json.dumps(now, indent=1, sort_keys=True) + "\n")
    return given_up


if __name__ == "__main__":
    sys.stderr.writelines(f"given up: {one}\n" for one in accept())
