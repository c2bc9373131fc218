"""OULAD's tables: where they are, their columns, and which rows are read under a limit. Makes nothing of them."""

from __future__ import annotations

import dataclasses
import datetime as dt
from pathlib import Path

import polars as pl

from learnlake.errors import InputError
from sources.tables import Schema, collect, find_table, read_table, require_table, scan_table

HOME_PAGE = "https://analyse.kmi.open.ac.uk/open_dataset"

PRESENTATION = ("code_module", "code_presentation")
_PRESENTATION: Schema = dict.fromkeys(PRESENTATION, pl.String)
_PERSON: Schema = {**_PRESENTATION, "id_student": pl.Int32}
_COURSES: Schema = {**_PRESENTATION, "module_presentation_length": pl.Int32}
_ASSESSMENTS: Schema = {
    **_PRESENTATION,
    "id_assessment": pl.Int32,
    "assessment_type": pl.String,
    "date": pl.Int32,
    "weight": pl.Float64,
}
_SITES: Schema = {
    "id_site": pl.Int32,
    **_PRESENTATION,
    "activity_type": pl.String,
    "week_from": pl.Int32,
    "week_to": pl.Int32,
}
_INFO: Schema = {
    **_PERSON,
    "gender": pl.String,
    "region": pl.String,
    "highest_education": pl.String,
    "imd_band": pl.String,
    "age_band": pl.String,
    "num_of_prev_attempts": pl.Int32,
    "studied_credits": pl.Int32,
    "disability": pl.String,
    "final_result": pl.String,
}
_REGISTRATION: Schema = {**_PERSON, "date_registration": pl.Int32, "date_unregistration": pl.Int32}
_RESULTS: Schema = {
    "id_assessment": pl.Int32,
    "id_student": pl.Int32,
    "date_submitted": pl.Int32,
    "is_banked": pl.Int32,
    "score": pl.Float64,
}
_CLICKS: Schema = {**_PERSON, "id_site": pl.Int32, "date": pl.Int32, "sum_click": pl.Int32}
_PRECOURSE: Schema = {
    **_PERSON,
    "pre_course_clicks": pl.Int32,
    "pre_course_interaction_rows": pl.Int32,
}
_OUTCOMES = {"Distinction": "distinction", "Pass": "pass", "Fail": "fail", "Withdrawn": "withdrawn"}


@dataclasses.dataclass(frozen=True)
class Dataset:
    """OULAD's small tables in memory; the click log stays on disk and is read one presentation at a time.

    `presentations`: those that somebody of `registrations` is in, with `start` and `end` (dates). `registrations` has
    studentInfo's columns joined and `row`, its place in the file. Under a limit, each table of events is cut to its first
    rows, and `people` holds whom these rows name.
    """

    folder: Path
    limit: int | None
    presentations: pl.DataFrame
    assessments: pl.DataFrame
    sites: pl.DataFrame
    people: pl.DataFrame
    registrations: pl.DataFrame
    infos: pl.DataFrame
    results: pl.DataFrame
    precourse: pl.DataFrame | None
    clicks_path: Path
    clicks_per_presentation: pl.DataFrame

    def clicks(self, code_module: str, code_presentation: str) -> pl.DataFrame:
        """The click log of one presentation in the file's order, with `occurrence`: equal keys counted from 0."""
        wanted = (pl.col("code_module") == code_module) & (pl.col("code_presentation") == code_presentation)
        key = ("id_student", "id_site", "date")
        frame = scan_table(self.clicks_path, _CLICKS, limit=self.limit).filter(wanted)
        return collect(frame, self.clicks_path).with_columns(
            (pl.col("id_site").cum_count().over(key) - 1).alias("occurrence")
        )


def start_of(code_presentation: str) -> dt.date:
    """First day (day 0) of a presentation: B starts in February, J in October. The data set gives the month only."""
    months = {"B": 2, "J": 10}
    year, letter = code_presentation[:4], code_presentation[4:]
    if not year.isdigit() or letter not in months:
        raise InputError(
            f"code_presentation {code_presentation!r} is no year followed by B or J",
            mend="use the tables as their publisher released them",
        )
    return dt.date(int(year), months[letter], 1)


def open_dataset(folder: Path, *, limit: int | None = None) -> Dataset:
    """Read OULAD from `folder`, as Parquet or as the publisher's CSV files. Raises InputError for what cannot be used."""
    registration_path = require_table(folder, "studentRegistration")
    info_path = require_table(folder, "studentInfo")
    registrations_all = read_table(registration_path, _REGISTRATION)
    infos_all = _checked_outcomes(read_table(info_path, _INFO), info_path)
    registrations = registrations_all.head(limit) if limit is not None else registrations_all
    infos = infos_all.head(limit) if limit is not None else infos_all

    assessments_all = read_table(require_table(folder, "assessments"), _ASSESSMENTS)
    results_path = require_table(folder, "studentAssessment")
    results = read_table(results_path, _RESULTS, limit=limit).join(
        assessments_all.select(*PRESENTATION, "id_assessment"),
        on="id_assessment",
        how="left",
        maintain_order="left",
    )
    if results["code_module"].null_count():
        raise InputError(
            f"{results['code_module'].null_count()} rows of {results_path.name} name an assessment that assessments lacks",
            where=str(results_path),
        )
    precourse_path = find_table(folder, "derived_precourse_clicks")
    precourse = read_table(precourse_path, _PRECOURSE, limit=limit) if precourse_path else None
    clicks_path = require_table(folder, "studentVle", "studentVle_*")
    clicks = scan_table(clicks_path, _CLICKS, limit=limit)
    clicks_per_presentation = collect(
        clicks.group_by(PRESENTATION, maintain_order=True).agg(pl.len().alias("rows")), clicks_path
    )

    people = registrations_all
    if limit is not None:
        tables = [registrations, infos, results, *([] if precourse is None else [precourse])]
        named = [table.select(_PERSON.keys()) for table in tables]
        named.append(collect(clicks.select(_PERSON.keys()).unique(), clicks_path))
        people = registrations_all.join(pl.concat(named).unique(), on=list(_PERSON), how="semi")
    presentations = _presentations(folder, people)
    return Dataset(
        folder=folder,
        limit=limit,
        presentations=presentations,
        assessments=assessments_all.join(presentations, on=PRESENTATION, how="inner", maintain_order="left"),
        sites=read_table(require_table(folder, "vle"), _SITES).join(
            presentations.select(PRESENTATION), on=PRESENTATION, how="semi"
        ),
        people=people.join(infos_all, on=list(_PERSON), how="left", maintain_order="left"),
        registrations=registrations.join(infos_all, on=list(_PERSON), how="left", maintain_order="left"),
        infos=infos.join(registrations_all, on=list(_PERSON), how="left", maintain_order="left"),
        results=results,
        precourse=precourse,
        clicks_path=clicks_path,
        clicks_per_presentation=clicks_per_presentation,
    )


def _checked_outcomes(infos: pl.DataFrame, path: Path) -> pl.DataFrame:
    unknown = set(infos["final_result"].drop_nulls()) - set(_OUTCOMES)
    if unknown or infos["final_result"].null_count():
        raise InputError(
            f"final_result holds {', '.join(sorted(unknown)) or 'nothing'} in some rows",
            where=str(path),
            mend=f"it must be one of {', '.join(_OUTCOMES)}",
        )
    return infos.with_columns(pl.col("final_result").replace_strict(_OUTCOMES).alias("outcome"))


def _presentations(folder: Path, people: pl.DataFrame) -> pl.DataFrame:
    """Presentations with people in them, `start` and `end`: the day numbered length - 1."""
    path = require_table(folder, "courses")
    courses = read_table(path, _COURSES).join(
        people.select(PRESENTATION).unique(), on=PRESENTATION, how="semi"
    )
    starts = {code: start_of(code) for code in courses["code_presentation"].unique()}
    start = pl.col("code_presentation").replace_strict(starts, return_dtype=pl.Date)
    length = pl.col("module_presentation_length")
    frame = courses.with_columns(start.alias("start")).with_columns(
        (pl.col("start") + pl.duration(days=length - 1)).alias("end")
    )
    lacking = people.select(PRESENTATION).unique().join(frame, on=PRESENTATION, how="anti")
    if len(lacking):
        raise InputError(f"courses lacks {lacking.rows()}, which people are registered in", where=str(path))
    return frame.sort("start", *PRESENTATION)
