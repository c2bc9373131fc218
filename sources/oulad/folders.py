"""OULAD as OneRoster tables and as a catalogue. Background of people goes into demographics, outcomes go nowhere here."""

from __future__ import annotations

import polars as pl

from sources import profile
from sources.oulad.dataset import HOME_PAGE, Dataset

ORGANISATION_ID = "open-university"
_TYPES = {"TMA": "Tutor-marked assessment", "CMA": "Computer-marked assessment", "Exam": "Final exam"}
_MONTHS = {"B": "February", "J": "October"}
_DEMOGRAPHICS = ("region", "highest_education", "imd_band", "age_band", "disability")

_SECTION_ID = pl.concat_str("code_module", "code_presentation", separator="-")
_SESSION_ID = pl.concat_str("code_presentation", "module_presentation_length", separator="-")
_STUDENT_ID = pl.col("id_student").cast(pl.String)
_DAY_AFTER = pl.col("end").dt.offset_by("1d").cast(pl.String)
"""OneRoster's endDate is exclusive."""


def roster(data: Dataset) -> dict[str, pl.DataFrame]:
    """One organisation, a course per module, a class per presentation, a session per presentation code and length."""
    return {
        "orgs": pl.DataFrame(
            {"sourcedId": [ORGANISATION_ID], "name": ["Open University (OULAD)"], "type": ["school"]}
        ),
        "academicSessions": _sessions(data),
        "courses": _courses(data),
        "classes": _classes(data),
        **_users(data),
        "enrollments": _enrollments(data),
    }


def _sessions(data: Dataset) -> pl.DataFrame:
    year, letter = pl.col("code_presentation").str.slice(0, 4), pl.col("code_presentation").str.slice(4)
    title = pl.format(
        "{} {} ({} days)",
        letter.replace_strict(_MONTHS, return_dtype=pl.String),
        year,
        pl.col("module_presentation_length"),
    )
    return data.presentations.unique(
        ["code_presentation", "module_presentation_length"], maintain_order=True
    ).select(
        _SESSION_ID.alias("sourcedId"),
        title.alias("title"),
        pl.lit("term").alias("type"),
        pl.col("start").cast(pl.String).alias("startDate"),
        _DAY_AFTER.alias("endDate"),
        pl.col("end").dt.year().cast(pl.String).alias("schoolYear"),
    )


def _courses(data: Dataset) -> pl.DataFrame:
    return (
        data.presentations.select("code_module")
        .unique()
        .sort("code_module")
        .select(
            pl.col("code_module").alias("sourcedId"),
            pl.format("Module {}", "code_module").alias("title"),
            pl.col("code_module").alias("courseCode"),
            pl.lit(ORGANISATION_ID).alias("orgSourcedId"),
        )
    )


def _classes(data: Dataset) -> pl.DataFrame:
    return data.presentations.select(
        _SECTION_ID.alias("sourcedId"),
        pl.concat_str("code_module", "code_presentation", separator=" ").alias("title"),
        pl.col("code_module").alias("courseSourcedId"),
        _SECTION_ID.alias("classCode"),
        pl.lit("scheduled").alias("classType"),
        pl.lit(ORGANISATION_ID).alias("schoolSourcedId"),
        _SESSION_ID.alias("termSourcedIds"),
    )


def _users(data: Dataset) -> dict[str, pl.DataFrame]:
    """People are named by their number. Of somebody in several presentations the latest background counts."""
    latest = data.people.join(
        data.presentations.select("code_module", "code_presentation", "start"),
        on=["code_module", "code_presentation"],
        maintain_order="left",
    ).sort("start", maintain_order=True)
    people = latest.unique("id_student", keep="last", maintain_order=True).sort("id_student")
    return {
        "users": people.select(
            _STUDENT_ID.alias("sourcedId"),
            pl.lit("true").alias("enabledUser"),
            pl.format("oulad-{}", "id_student").alias("username"),
            pl.lit("Student").alias("givenName"),
            _STUDENT_ID.alias("familyName"),
            _STUDENT_ID.alias("identifier"),
            pl.lit(ORGANISATION_ID).alias("primaryOrgSourcedId"),
        ),
        "roles": people.select(
            pl.format("role-{}", "id_student").alias("sourcedId"),
            _STUDENT_ID.alias("userSourcedId"),
            pl.lit("primary").alias("roleType"),
            pl.lit("student").alias("role"),
            pl.lit(ORGANISATION_ID).alias("orgSourcedId"),
        ),
        "demographics": people.select(
            _STUDENT_ID.alias("sourcedId"),
            pl.col("gender")
            .replace_strict({"M": "male", "F": "female"}, default="unspecified", return_dtype=pl.String)
            .alias("sex"),
            *(pl.col(column).alias(f"metadata.{column}") for column in _DEMOGRAPHICS),
        ),
    }


def _enrollments(data: Dataset) -> pl.DataFrame:
    """From the day of registration to the presentation's end. Unregistering is an outcome and stays out of the roster."""
    begin = pl.col("start") + pl.duration(days=pl.col("date_registration").fill_null(0))
    return data.people.join(
        data.presentations, on=["code_module", "code_presentation"], maintain_order="left"
    ).select(
        pl.format("{}-{}", _SECTION_ID, "id_student").alias("sourcedId"),
        _SECTION_ID.alias("classSourcedId"),
        pl.lit(ORGANISATION_ID).alias("schoolSourcedId"),
        _STUDENT_ID.alias("userSourcedId"),
        pl.lit("student").alias("role"),
        pl.lit("false").alias("primary"),
        begin.cast(pl.String).alias("beginDate"),
        _DAY_AFTER.alias("endDate"),
    )


def catalogue(data: Dataset) -> dict[str, pl.DataFrame]:
    """Modules as courses; assessments with due date and weight, and click targets, as activities."""
    course_iri = pl.format("{}/courses/{}", pl.lit(HOME_PAGE), "code_module")
    modules = data.presentations.select("code_module").unique().sort("code_module")
    return {
        "courses": modules.select(
            pl.col("code_module").alias("course_id"),
            pl.format("Module {}", "code_module").alias("title"),
            course_iri.alias("iri"),
        ),
        "activities": pl.concat([_assessments(data), _sites(data)], how="diagonal"),
    }


def activity_id(kind: str) -> pl.Expr:
    """`kind`: assessment or site. The catalogue's id and the last part of the IRI."""
    return pl.format("{}-{}", pl.lit(kind), pl.col(f"id_{kind}"))


def _activity_iri(kind: str) -> pl.Expr:
    return pl.format("{}/activities/{}", pl.lit(HOME_PAGE), activity_id(kind))


def assessment_title() -> pl.Expr:
    kind = pl.col("assessment_type").replace_strict(_TYPES, default="Assessment", return_dtype=pl.String)
    return pl.format("{} {}", kind, "id_assessment")


def site_title() -> pl.Expr:
    return pl.format("{} {}", "activity_type", "id_site")


def _assessments(data: Dataset) -> pl.DataFrame:
    """Without a date (the final exam of most modules) the due date is the presentation's end."""
    due = pl.coalesce(pl.col("start") + pl.duration(days=pl.col("date")), pl.col("end"))
    return data.assessments.select(
        activity_id("assessment").alias("activity_id"),
        _activity_iri("assessment").alias("iri"),
        assessment_title().alias("title"),
        pl.lit(profile.ASSESSMENT).alias("type"),
        pl.col("code_module").alias("course_id"),
        _SECTION_ID.alias("section_id"),
        due.cast(pl.String).alias("due_date"),
        pl.col("weight"),
        ((due - pl.col("start")).dt.total_days() // 7 + 1).alias("week"),
    )


def _sites(data: Dataset) -> pl.DataFrame:
    return data.sites.select(
        activity_id("site").alias("activity_id"),
        _activity_iri("site").alias("iri"),
        site_title().alias("title"),
        pl.lit(profile.RESOURCE).alias("type"),
        pl.col("code_module").alias("course_id"),
        _SECTION_ID.alias("section_id"),
        pl.col("week_from").cast(pl.Int64).alias("week"),
    )
