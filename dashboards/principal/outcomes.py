"""What was done for students and whether it helped, in numbers by class. No words of a plan and no person; few students are masked."""

from __future__ import annotations

import dataclasses

import polars as pl

from dashboards import words
from dashboards.components import page, tables
from dashboards.visit import Visit, people_of
from people import interventions

t, tn = words.room(__name__)
_NUMBERS = ("student_count", "under_way", "overdue", "helped", "partly", "not_helped")
_SCHEMA = {"section_key": pl.String, **dict.fromkeys(_NUMBERS, pl.Int64)}


def show(visit: Visit, groups: pl.DataFrame) -> None:
    """The section with its table; nothing while no class of the term has an intervention. `groups` is `measures.groups`."""
    tallies = interventions.tally(people_of(visit.settings), visit.viewer)
    classes = groups.filter(pl.col("level") == "class").select("group_key", "title", "is_masked")
    size = visit.settings.small_group_size
    rows = pl.DataFrame([dataclasses.asdict(one) for one in tallies], schema=_SCHEMA)
    found = masked(rows.join(classes, left_on="section_key", right_on="group_key"), size).sort("title")
    if found.is_empty():
        return
    page.section(
        _finding(found),
        t(
            "Interventions by class, in numbers only. Empty cells: plans for fewer than {size} students of the class, or a "
            "class that is masked above.",
            size=size,
        ),
    )
    tables.table(
        found,
        {
            "title": t("Class"),
            "student_count": t("Students"),
            "under_way": t("Under way"),
            "overdue": t("Overdue"),
            "helped": t("It helped"),
            "partly": t("It helped partly"),
            "not_helped": t("It did not help"),
        },
        file_name="interventions",
        alt=t("Interventions by class and outcome"),
    )


def masked(rows: pl.DataFrame, size: int) -> pl.DataFrame:
    """`rows` with the numbers emptied where the class is masked or fewer than `size` students have a plan, however many plans."""
    hidden = pl.col("is_masked") | (pl.col("student_count") < size)
    return rows.with_columns(pl.when(~hidden).then(pl.col(name)).alias(name) for name in _NUMBERS)


def _finding(found: pl.DataFrame) -> str:
    """Over the classes that are shown: a figure of all would give away the others by subtraction."""
    helped, partly, not_helped = (int(found[name].sum()) for name in ("helped", "partly", "not_helped"))
    ended = helped + partly + not_helped
    if not ended:
        return t("What was done for students")
    return tn(
        "{helped} of {count} intervention that ended has helped, {partly} partly",
        "{helped} of {count} interventions that ended have helped, {partly} partly",
        ended,
        helped=helped,
        partly=partly,
    )
