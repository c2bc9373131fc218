"""Where an audit trail was tampered with: which entries were changed, are missing, were put in, moved or swapped."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Sequence
from typing import Protocol

from learnlake.audit import Head

_SEARCHED = 300
"""Places tried for each entry that doesn't fit where it stands, beside those near it."""


@dataclasses.dataclass(frozen=True, slots=True)
class Problem:
    """One fault: the number where it stands (None: the trail as a whole) and what is wrong."""

    number: int | None
    what: str

    def __str__(self) -> str:
        return self.what


class Placed(Protocol):
    """An entry as the walk sees it."""

    @property
    def number(self) -> int: ...
    @property
    def previous(self) -> str: ...
    @property
    def hash(self) -> str: ...
    def is_genuine(self, secret: bytes, *, number: int | None = None) -> bool: ...


class Walk:
    """Takes entries in order, remembers where they don't fit, and in the end says what happened to them."""

    def __init__(self, secret: bytes, start: Head, heads: Sequence[Head]) -> None:
        """`start` is what the first entry follows, `heads` say what the trail had at some time."""
        self.count = 0
        self._secret = secret
        self._last = start  # the last genuine entry
        self._holes: list[tuple[int, int]] = []  # numbers without a genuine entry, first and last
        self._strangers: list[Placed] = []
        self._breaks: list[Problem] = []
        self._heads = heads
        self._rewritten = {head.number for head in heads if head.number == start.number and head != start}

    def take(self, entry: Placed) -> None:
        """The next entry by number."""
        self.count += 1
        if entry.number <= self._last.number or not entry.is_genuine(self._secret):
            self._strangers.append(entry)
            return
        if entry.number > self._last.number + 1:
            self._holes.append((self._last.number + 1, entry.number - 1))
        elif entry.previous != self._last.hash:
            what = f"entry {entry.number} does not follow entry {self._last.number}: the trail forks here"
            self._breaks.append(Problem(entry.number, what))
        self._last = Head(entry.number, entry.hash)
        self._rewritten |= {h.number for h in self._heads if h.number == entry.number and h != self._last}

    def conclude(self) -> list[Problem]:
        """Every problem, by number."""
        end = max([self._last.number, *(head.number for head in self._heads)])
        at_end = (self._last.number + 1, end)
        holes = [*self._holes, at_end] if end > self._last.number else list(self._holes)
        moved = self._find_moved(holes)
        missing = _without(holes, moved.values())
        changed = {e.number for e in self._strangers if e.number not in moved and _inside(e.number, missing)}
        put_in = {e.number for e in self._strangers} - set(moved) - changed
        missing = _without(missing, changed)
        newest = max([self._last.number, *moved.values()])
        found = [*self._breaks]
        found += [
            Problem(number, f"entry {number} is not the one that the head names: the trail was written anew")
            for number in sorted(self._rewritten)
        ]
        found += [Problem(a, f"{_entries(a, b)} changed") for a, b in _runs(changed)]
        found += [
            Problem(a, f"{_entries(a, b)} put in, or changed since the head was noted")
            if a > end
            else Problem(a, f"{_entries(a, b)} put in")
            for a, b in _runs(put_in)
        ]
        found += [
            Problem(a, f"{_entries(a, b)} removed{' at the end' if a > newest else ''}") for a, b in missing
        ]
        found += _told_moves(moved)
        return sorted(found, key=lambda problem: problem.number or 0)

    def _find_moved(self, holes: Sequence[tuple[int, int]]) -> dict[int, int]:
        """Number where an entry stands -> number that it was written at, for strangers that fit somewhere else."""
        elsewhere = [n for a, b in holes for n in range(a, min(b, a + _SEARCHED) + 1)][:_SEARCHED]
        moved: dict[int, int] = {}
        offset = 0
        for entry in self._strangers:
            near = (entry.number + offset, entry.number - 1, entry.number + 1)
            for place in (*near, *elsewhere):
                if place != entry.number and entry.is_genuine(self._secret, number=place):
                    moved[entry.number], offset = place, place - entry.number
                    break
        return moved


def _told_moves(moved: dict[int, int]) -> list[Problem]:
    found: list[Problem] = []
    told: set[int] = set()
    for stands, belongs in moved.items():
        if stands in told:
            continue
        if moved.get(belongs) == stands:
            found.append(Problem(stands, f"entries {stands} and {belongs} were swapped"))
            told |= {stands, belongs}
            continue
        last, offset = stands, belongs - stands
        told.add(last)
        while moved.get(last + 1) == last + 1 + offset:
            last += 1
            told.add(last)
        if last == stands:
            found.append(Problem(stands, f"entry {belongs} was moved to number {stands}"))
        else:
            what = f"entries {belongs} to {last + offset} were moved to numbers {stands} to {last}"
            found.append(Problem(stands, what))
    return found


def _entries(first: int, last: int) -> str:
    return f"entry {first} was" if first == last else f"entries {first} to {last} were"


def _inside(number: int, ranges: Iterable[tuple[int, int]]) -> bool:
    return any(first <= number <= last for first, last in ranges)


def _runs(numbers: Iterable[int]) -> list[tuple[int, int]]:
    runs: list[tuple[int, int]] = []
    for number in sorted(numbers):
        if runs and runs[-1][1] == number - 1:
            runs[-1] = (runs[-1][0], number)
        else:
            runs.append((number, number))
    return runs


def _without(ranges: Iterable[tuple[int, int]], points: Iterable[int]) -> list[tuple[int, int]]:
    """`ranges` less single `points`."""
    left: list[tuple[int, int]] = []
    gone = sorted(set(points))
    for first, last in ranges:
        begin = first
        for point in gone:
            if begin <= point <= last:
                if point > begin:
                    left.append((begin, point - 1))
                begin = point + 1
        if begin <= last:
            left.append((begin, last))
    return left
