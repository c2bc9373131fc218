"""Responses straight from the files of public data sets, with the columns of `fct_attempt`: for `evaluate mastery --data`.

One row is one response; several skills of a problem are one combination. What is left out is said in `notes`.
"""

from __future__ import annotations

import dataclasses
from pathlib import Path

import polars as pl

from learnlake.errors import InputError
from models.mastery import response_forms as forms

SUFFIXES = (".parquet", ".csv", ".tsv", ".txt")
COMPRESSED = (".gz", ".zst")
MISSING = ["", "NA", "N/A", "nan", "NaN", "NULL", "null"]
RIGHT, WRONG = ("1", "1.0", "true", "correct"), ("0", "0.0", "false", "incorrect", "hint")
"""Spellings of an answer, in lower case; whoever asked for a hint first had no right answer."""


@dataclasses.dataclass(frozen=True)
class ResponseSet:
    """`attempts` as `fct_attempt` rows; where the file has no times `responded_at` is null and the order is the file's."""

    title: str
    form: str
    attempts: pl.DataFrame
    notes: list[str]


def find_sets(path: Path) -> list[Path]:
    """The data sets that `path` names: a file, an EdNet folder, or those in a folder or its folder `kt`, by name."""
    if path.is_file() or forms.is_ednet(path):
        return [path]
    places = [path, path / "kt"]
    files = sorted(file for place in places if place.is_dir() for file in place.iterdir() if _is_table(file))
    found = [file for file in files if forms.form_of(_columns(file))]
    if not found:
        raise InputError(
            "There is no file of responses here",
            where=str(path),
            mend=f"name a file or a folder; {forms.KNOWN}",
        )
    return found


def read_responses(path: Path, *, rows: int | None = None) -> ResponseSet:
    """The responses of one data set (Parquet, CSV or TSV, also compressed), the first `rows` in file order, or all."""
    columns = _columns(path)
    form = forms.form_of(columns)
    if form is None:
        raise InputError(
            "The columns are not those of a file of responses",
            where=f"{path}: {', '.join(columns)}",
            mend=f"rename the columns to user_id, order_id, skill_id, correct and, if known, item_id; {forms.KNOWN}",
        )
    if form is forms.EDNET:
        raw = forms.read_ednet(path, rows=rows)
    else:
        raw = _table(path, form.columns(columns), rows=rows)
        raw = forms.unrolled(raw) if form is forms.PYKT else raw
    return _as_attempts(raw, form, path)


def _is_table(file: Path) -> bool:
    suffixes = [suffix for suffix in file.suffixes if suffix not in COMPRESSED]
    return file.is_file() and bool(suffixes) and suffixes[-1] in SUFFIXES


def _separator(file: Path) -> str:
    return max(
        ",\t",
        key=lambda mark: len(pl.read_csv(file, n_rows=0, separator=mark, encoding="utf8-lossy").columns),
    )


def _columns(file: Path) -> list[str]:
    if file.is_dir():
        return list(forms.EDNET.needs)
    if file.suffix == ".parquet":
        return list(pl.read_parquet_schema(file))
    return pl.read_csv(
        file, n_rows=0, separator=_separator(file), encoding="utf8-lossy", infer_schema=False
    ).columns


def _table(file: Path, columns: list[str], *, rows: int | None) -> pl.DataFrame:
    """`columns` of the file as text: what they are is decided by what they must be, not by their first rows."""
    if file.suffix == ".parquet":
        frame = pl.read_parquet(file, columns=columns, n_rows=rows)
        return frame.with_columns(pl.col(pl.Float64, pl.Float32).fill_nan(None)).cast(pl.String)
    return pl.read_csv(
        file,
        columns=columns,
        n_rows=rows,
        separator=_separator(file),
        encoding="utf8-lossy",
        infer_schema=False,
        null_values=MISSING,
    )


def _as_attempts(raw: pl.DataFrame, form: forms.Form, path: Path) -> ResponseSet:
    skill = next((name for name in raw.columns if form.is_skill(name)), form.skill)
    named = raw.with_row_index("row").select(
        "row",
        student=pl.col(form.student),
        answer=pl.col(form.correct).str.to_lowercase().str.strip_chars(),
        skill=pl.col(skill),
        item=forms.item_of(raw, form),
        split=pl.col("split") if "split" in raw.columns else pl.lit(None, dtype=pl.String),
        **{f"order_{n}": _sortable(raw[name]) for n, name in enumerate(form.order) if name in raw.columns},
    )
    complete = named.drop_nulls(["student", "answer"])
    judged, notes = _judged(complete, path)
    if len(complete) < len(named):
        notes.append(f"{len(named) - len(complete):,} rows without a student or an answer left out")
    merged = _one_row_per_response(judged, form)
    if len(merged) < len(judged):
        notes.append(
            f"{len(judged):,} rows are {len(merged):,} responses: several skills of one are a combination"
        )
    without = merged["skill"].null_count()
    if without:
        notes.append(f"{without:,} responses without a skill left out")
    title = path.name.split(".")[0]
    return ResponseSet(title, form.name, _with_keys(merged.drop_nulls("skill"), title), notes)


def _judged(rows: pl.DataFrame, path: Path) -> tuple[pl.DataFrame, list[str]]:
    """`rows` with `is_correct`, without partial credit. InputError for an answer that is neither right nor wrong."""
    share = pl.col("answer").cast(pl.Float64, strict=False)
    judged = rows.with_columns(
        is_correct=pl.when(pl.col("answer").is_in(RIGHT))
        .then(True)
        .when(pl.col("answer").is_in(WRONG))
        .then(False),
        is_partial=((share > 0) & (share < 1)).fill_null(False),
    )
    strange = judged.filter(pl.col("is_correct").is_null() & ~pl.col("is_partial"))
    if len(strange):
        raise InputError(
            f"{len(strange):,} rows have an answer that is neither right nor wrong, such as {strange['answer'][0]!r}",
            where=f"{path}, first in row {strange['row'][0] + 1}",
            mend=f"write one of {', '.join((*RIGHT, *WRONG))}, or a share between 0 and 1 for partial credit",
        )
    partial = int(judged["is_partial"].sum())
    notes = [f"{partial:,} rows with partial credit left out"] if partial else []
    return judged.filter(~pl.col("is_partial")).drop("is_partial", "answer"), notes


def _one_row_per_response(rows: pl.DataFrame, form: forms.Form) -> pl.DataFrame:
    """In order; rows of one student that share the response's number are one, with the skills' combination."""
    order = [name for name in rows.columns if name.startswith("order_")]
    if form.is_one_response_per_order and order and rows.select("student", *order).is_duplicated().any():
        first = pl.exclude("skill", "student", *order).first()
        skills = pl.col("skill").drop_nulls().unique().sort()
        rows = rows.group_by("student", *order, maintain_order=True).agg(
            first, skill=pl.when(skills.len() > 0).then(skills.str.join("+"))
        )
    return rows.sort("student", *order, "row")


def _sortable(values: pl.Series) -> pl.Series:
    """Numbers where all are numbers, else the text: ISO times sort as they stand."""
    numbers = values.cast(pl.Float64, strict=False)
    return numbers if numbers.null_count() == values.null_count() else values


def _with_keys(rows: pl.DataFrame, title: str) -> pl.DataFrame:
    has_split = rows["split"].null_count() < len(rows)
    return rows.select(
        tenant=pl.lit(title),
        person_key=pl.format("student-{}", "student"),
        school_key=pl.lit(title),
        section_key=pl.lit(title),
        course_key=pl.lit(title),
        skill_key=pl.format("skill-{}", "skill"),
        activity_key=pl.format("item-{}", "item"),
        is_correct="is_correct",
        responded_at=pl.lit(None, dtype=pl.Datetime("us", "UTC")),
        response_number=pl.int_range(1, pl.len() + 1).over("student"),
        **({"split": pl.col("split")} if has_split else {}),
    )
