"""Item-to-item collaborative filtering over who has used what in a course: of those who lately used this, how many also used that. Counts, nothing is fitted.

A resource leads to another only where enough people used both, so that a suggestion says nothing about one or two classmates.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections.abc import Mapping
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy import sparse

from models.frames import as_frame

SUGGESTIONS = 3
HALF_LIFE_DAYS = 7.0
"""A first use counts half as much after a week: a course moves on, and what leads on is what its people turn to now."""
SHRINKAGE = 5.0
"""Uses of today by which a share is drawn towards nothing: of few it is half chance."""
USES = ("tenant", "person_key", "course_key", "activity_key", "used_date")
_COURSE = ("tenant", "course_key")


@dataclasses.dataclass(frozen=True)
class Likeness:
    """Of one course: `used` [person, resource] by how fresh the first use is, by pair of resources how many used `both`, and the share that one `leads` to another."""

    people: list[str]
    resources: list[str]
    used: sparse.csr_matrix
    both: sparse.csr_matrix
    leads: sparse.csc_matrix

    @classmethod
    def of(cls, uses: pl.DataFrame, *, as_of: dt.date, min_people: int) -> Likeness:
        """From the uses of one course (person_key, activity_key, used_date) up to `as_of`; of several by one person the first counts."""
        first = (
            uses.filter(pl.col("used_date") <= as_of)
            .group_by("person_key", "activity_key")
            .agg(age=(pl.lit(as_of) - pl.col("used_date").min()).dt.total_days())
        )
        people, resources = (first[name].unique().sort() for name in ("person_key", "activity_key"))
        row, column = (
            first[name].replace_strict(keys, np.arange(len(keys)), return_dtype=pl.Int64).to_numpy()
            for name, keys in (("person_key", people), ("activity_key", resources))
        )
        shape, square = (len(people), len(resources)), (len(resources), len(resources))
        fresh = 0.5 ** (first["age"].to_numpy() / HALF_LIFE_DAYS)
        used = sparse.csr_matrix((fresh, (row, column)), shape=shape)
        ever = sparse.csr_matrix((np.ones(len(first)), (row, column)), shape=shape)
        both = (ever.T @ ever).tocoo()
        held = (both.row != both.col) & (both.data >= min_people)
        counted = sparse.csr_matrix((both.data[held], (both.row[held], both.col[held])), shape=square)
        users = np.asarray(used.multiply(used).sum(axis=0)).ravel()
        leads = sparse.diags(1 / (users + SHRINKAGE)) @ (used.T @ used).multiply(counted > 0)
        return cls(people.to_list(), resources.to_list(), used, counted, leads.tocsc())

    def scores(self, people: list[int] | None = None) -> NDArray[np.float64]:
        """How much speaks for each resource, for each of `people` (default: all): none for what the person has used."""
        given = self.used if people is None else self.used[people]
        found = np.asarray((given @ self.leads).todense())
        found[given.nonzero()] = 0.0
        return found

    def leading_to(self, resource: int) -> NDArray[np.float64]:
        """How much each resource leads to this one: one column of `leads`, by its own storage (slicing a sparse matrix costs a thousand times more)."""
        here = slice(self.leads.indptr[resource], self.leads.indptr[resource + 1])
        column = np.zeros(len(self.resources))
        column[self.leads.indices[here]] = self.leads.data[here]
        return column


def suggest(
    uses: Any,
    *,
    members: pl.DataFrame,
    as_of: dt.date,
    titles: Mapping[str, str],
    worse: pl.DataFrame | None = None,
    for_people: pl.DataFrame | None = None,
    min_people: int = 5,
) -> pl.DataFrame:
    """Up to SUGGESTIONS unused resources per active student and course, best first, with the why in words that name nobody.

    uses: rows of `fct_resource_use`. members: tenant, person_key, school_key, section_key, course_key of active students. titles: of the resources that may be
    suggested, by activity_key. worse: tenant, course_key, activity_key of resources whose users do worse beyond chance (`msr_resource_effect`): they are
    not suggested. for_people: tenant, person_key of those wanted (default: all). `support_count`: how many used the suggestion and what it rests on.
    """
    frame = as_frame(uses, USES, name="fct_resource_use").drop_nulls(USES)
    frame = frame.filter(pl.col("activity_key").is_in(list(titles)))
    students = members.drop_nulls("course_key").unique(
        [*_COURSE, "person_key"], keep="first", maintain_order=True
    )
    if for_people is not None:
        students = students.join(for_people, on=["tenant", "person_key"], how="semi")
    barred: set[tuple[str, str, str]] = (
        set() if worse is None else set(worse.select(*_COURSE, "activity_key").iter_rows())
    )
    found: list[tuple[Any, ...]] = []
    for (tenant, course), wanted in students.group_by(_COURSE, maintain_order=True):
        course_uses = frame.filter(pl.col("tenant") == tenant, pl.col("course_key") == course)
        if course_uses.is_empty():
            continue
        like = Likeness.of(course_uses, as_of=as_of, min_people=min_people)
        allowed = np.array([(tenant, course, key) not in barred for key in like.resources])
        place = {key: n for n, key in enumerate(like.people)}
        mine = [n for key in wanted["person_key"] if (n := place.get(key)) is not None]
        scores = like.scores(mine) * allowed
        guard = {row["person_key"]: row for row in wanted.iter_rows(named=True)}
        for n, row in zip(mine, scores, strict=True):
            found += [(*told, as_of) for told in _of_person(guard[like.people[n]], like, n, row, titles)]
    return pl.DataFrame(found, schema=SCHEMA, orient="row")


SCHEMA = pl.Schema(
    {
        **dict.fromkeys(
            ("tenant", "person_key", "school_key", "section_key", "course_key", "activity_key"), pl.String
        ),
        "rank": pl.Int32,
        "score": pl.Float64,
        "support_count": pl.Int32,
        "because_activity_key": pl.String,
        "why": pl.String,
        "as_of": pl.Date,
    }
)


def _of_person(
    row: Mapping[str, Any],
    like: Likeness,
    person: int,
    scores: NDArray[np.float64],
    titles: Mapping[str, str],
) -> list[tuple[Any, ...]]:
    best = np.argsort(-scores, kind="stable")[:SUGGESTIONS]
    mine = slice(like.used.indptr[person], like.used.indptr[person + 1])
    used, fresh = like.used.indices[mine], like.used.data[mine]
    guards = tuple(row[name] for name in ("tenant", "person_key", "school_key", "section_key", "course_key"))
    rows: list[tuple[Any, ...]] = []
    for one in best[scores[best] > 0]:
        because = int(used[np.argmax(fresh * like.leading_to(one)[used])])
        support = int(like.both[because, one])
        why = f"{support} others in your course who worked with \u201c{titles[like.resources[because]]}\u201d also used this."
        key = like.resources[int(one)]
        rows.append((*guards, key, len(rows) + 1, float(scores[one]), support, like.resources[because], why))
    return rows
