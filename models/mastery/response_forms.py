"""The forms in which data sets of responses are published: which column holds student, answer, skill, item and order."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path

import polars as pl

from learnlake.errors import InputError


@dataclasses.dataclass(frozen=True)
class Form:
    """`needs` tells the form by its columns. `order` sorts a student's responses; a skill that ends in * is a beginning."""

    name: str
    student: str
    correct: str
    skill: str
    order: tuple[str, ...] = ()
    item: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()
    is_one_response_per_order: bool = False
    """Rows of a student with the same order are one response to a problem with several skills."""

    def is_skill(self, column: str) -> bool:
        return column.startswith(self.skill[:-1]) if self.skill.endswith("*") else column == self.skill

    def fits(self, columns: Sequence[str]) -> bool:
        return set(self.needs) <= set(columns) and any(map(self.is_skill, columns))

    def columns(self, present: Sequence[str]) -> list[str]:
        """Those of `present` that are read."""
        skill = next(name for name in present if self.is_skill(name))
        wanted = {self.student, self.correct, skill, *self.order, *self.item, *self.needs, "split"}
        return [name for name in present if name in wanted]


PLAIN = Form(
    name="plain",
    student="user_id",
    correct="correct",
    skill="skill_id",
    order=("order_id",),
    item=("item_id",),
    needs=("user_id", "order_id", "skill_id", "correct"),
)
PYKT = Form(
    name="pyKT sequences",
    student="uid",
    correct="responses",
    skill="concepts",
    order=("place",),
    item=("questions",),
    needs=("uid", "concepts", "responses"),
)
EDNET = Form(
    name="EdNet KT1",
    student="user",
    correct="is_correct",
    skill="tags",
    order=("timestamp",),
    item=("question_id",),
    needs=("user", "timestamp", "question_id", "is_correct", "tags"),
)
FORMS: tuple[Form, ...] = (
    Form(
        name="ASSISTments 2009 as published",
        student="user_id",
        correct="correct",
        skill="skill_id",
        order=("order_id",),
        item=("problem_id",),
        needs=("user_id", "order_id", "problem_id", "skill_id", "correct"),
        is_one_response_per_order=True,
    ),
    PLAIN,
    Form(
        name="ASSISTments 2012",
        student="user_id",
        correct="correct",
        skill="skill_id",
        order=("start_time", "problem_log_id"),
        item=("problem_id",),
        needs=("user_id", "problem_log_id", "problem_id", "skill_id", "correct"),
        is_one_response_per_order=True,
    ),
    Form(
        name="ASSISTments 2015",
        student="user_id",
        correct="correct",
        skill="sequence_id",
        order=("log_id",),
        needs=("user_id", "log_id", "sequence_id", "correct"),
    ),
    Form(
        name="ASSISTments 2017",
        student="studentId",
        correct="correct",
        skill="skill",
        order=("startTime", "action_num"),
        item=("problemId",),
        needs=("studentId", "skill", "problemId", "startTime", "correct"),
    ),
    Form(
        name="Junyi 2015",
        student="user_id",
        correct="correct",
        skill="exercise",
        order=("time_done",),
        item=("exercise", "problem_type"),
        needs=("user_id", "exercise", "time_done", "correct"),
    ),
    Form(
        name="Junyi 2019",
        student="uuid",
        correct="is_correct",
        skill="ucid",
        order=("timestamp_TW",),
        item=("upid",),
        needs=("uuid", "ucid", "upid", "timestamp_TW", "is_correct"),
    ),
    Form(
        name="KDD Cup 2010",
        student="Anon Student Id",
        correct="Correct First Attempt",
        skill="KC*",
        order=("First Transaction Time", "Row"),
        item=("Problem Name", "Step Name"),
        needs=("Anon Student Id", "Problem Name", "Step Name", "Correct First Attempt"),
    ),
    Form(
        name="DataShop steps",
        student="Anon Student Id",
        correct="First Attempt",
        skill="KC*",
        order=("First Transaction Time", "Row"),
        item=("Problem Name", "Step Name"),
        needs=("Anon Student Id", "Problem Name", "Step Name", "First Attempt"),
    ),
    PYKT,
)
KNOWN = f"known forms: {', '.join(form.name for form in (*FORMS, EDNET))} (docs/models.md)"


def form_of(columns: Sequence[str]) -> Form | None:
    """The first form that the columns fit."""
    return next((form for form in (*FORMS, EDNET) if form.fits(columns)), None)


def item_of(raw: pl.DataFrame, form: Form) -> pl.Expr:
    """The item's columns that are there, joined; null where the form has none."""
    present = [pl.col(name) for name in form.item if name in raw.columns]
    return pl.concat_str(present, separator="/") if present else pl.lit(None, dtype=pl.String)


def unrolled(raw: pl.DataFrame) -> pl.DataFrame:
    """pyKT's sequences, a row each with comma-separated lists, as one row per response; padding (-1) left out.

    A student's sequences follow each other in the file's order.
    """
    lists = [name for name in ("concepts", "responses", "questions") if name in raw.columns]
    return (
        raw.with_columns(pl.col(name).str.split(",") for name in lists)
        .explode(lists)
        .filter(pl.col("responses") != "-1")
        .with_columns(place=pl.int_range(pl.len()).cast(pl.String))
    )


def is_ednet(folder: Path) -> bool:
    return (
        folder.is_dir() and _questions(folder) is not None and next(folder.glob("u*.csv"), None) is not None
    )


def read_ednet(folder: Path, *, rows: int | None) -> pl.DataFrame:
    """EdNet KT1: a file per student (`u123.csv`), right where the answer is the one in `questions.csv`."""
    questions = _questions(folder)
    if questions is None:
        raise InputError(
            "EdNet's answers need its table of questions",
            where=str(folder),
            mend="put questions.csv (question_id, correct_answer, tags) beside the students' files or into contents/",
        )
    key = pl.read_csv(questions, infer_schema=False).select("question_id", "correct_answer", "tags")
    answers = pl.scan_csv(folder / "u*.csv", infer_schema=False, include_file_paths="file")
    limited = (answers if rows is None else answers.head(rows)).select(
        "file", "timestamp", "question_id", "user_answer"
    )
    return (
        limited.collect()
        .join(key, on="question_id", maintain_order="left")
        .select(
            "timestamp",
            "question_id",
            "tags",
            user=pl.col("file").str.extract(r"u([^/\\]*)\.csv$"),
            is_correct=(pl.col("user_answer") == pl.col("correct_answer")).cast(pl.String),
        )
    )


def _questions(folder: Path) -> Path | None:
    places = (folder, folder / "contents", folder.parent / "contents")
    return next((place / "questions.csv" for place in places if (place / "questions.csv").is_file()), None)
