"""ASSISTments 2009-2010 (responses to mathematics items) as roster, catalogue and statements. docs/sources.md says how.

Takes the edition of Gervet et al. (2020) with its q-matrix, or ASSISTments' own skill-builder file of 30 columns.
Feng M., Heffernan N., Koedinger K. (2009), Addressing the assessment challenge with an online system that tutors as it
assesses, UMUAI 19(3). Research use with citation; do not re-identify.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import functools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import polars as pl

from learnlake.errors import InputError
from sources import folders, profile
from sources.tables import Schema, column_names, find_table, read_table, require_table

HOME_PAGE = "https://www.assistments.org"
PLATFORM = "ASSISTments"
_ORGANISATION_ID, _COURSE_ID, _SECTION_ID, _SESSION_ID = (
    "assistments",
    "mathematics",
    "mathematics-2009",
    "2009-2010",
)
_FIRST_DAY, _LAST_DAY = dt.date(2009, 9, 1), dt.date(2010, 6, 30)
_RESPONSES_PER_DAY = 20

_GERVET: Schema = {
    "user_id": pl.Int32,
    "order_id": pl.Int32,
    "item_id": pl.Int32,
    "skill_id": pl.Int32,
    "correct": pl.Int32,
}
_QMATRIX: Schema = {"item_id": pl.Int32, "skill": pl.Int32}
_SKILL_BUILDER: Schema = {
    "order_id": pl.Int64,
    "user_id": pl.Int32,
    "problem_id": pl.Int32,
    "correct": pl.Int32,
    "skill_id": pl.Int32,
    "skill_name": pl.String,
    "ms_first_response": pl.Int64,
    "answer_text": pl.String,
    "assignment_id": pl.Int64,
    "assistment_id": pl.Int64,
    "attempt_count": pl.Int32,
    "hint_count": pl.Int32,
    "hint_total": pl.Int32,
    "template_id": pl.Int64,
    "tutor_mode": pl.String,
    "answer_type": pl.String,
    "original": pl.Int32,
}


@dataclasses.dataclass(frozen=True)
class _Responses:
    """`frame`: user_id, order_id, item_id, correct, skills (list of text), and what goes into source-row as `source_*`.

    Optional: duration_seconds, response. `skill_titles`: skill id to title. `file`: the name that statement ids carry.
    """

    file: str
    frame: pl.DataFrame
    skill_titles: dict[str, str]


class Assistments:
    """The responses in `path` (a folder or the file itself). `limit`: only the first rows.

    There are no wall-clock times in the public editions. Each person's responses are given invented ones, in `order_id`
    order: twenty a day, a minute apart, from the first day of the school year on, all labelled as invented.
    """

    home_page = HOME_PAGE

    def __init__(self, path: Path, *, limit: int | None = None) -> None:
        self._responses = _read(path, limit)
        _require_binary(self._responses.frame, path)
        place = (pl.col("order_id").rank("ordinal").over("user_id") - 1).cast(pl.Int64)
        key = ("user_id", "order_id", "item_id")
        self._frame = self._responses.frame.with_columns(
            place.alias("place"), (pl.col("item_id").cum_count().over(key) - 1).alias("occurrence")
        )

    @property
    def statement_count(self) -> int:
        return len(self._frame)

    def write_roster(self, folder: Path) -> Path:
        """One organisation, one course, one class with everybody in it. People are named by their number."""
        users = self._frame.select(pl.col("user_id").unique().sort().cast(pl.String).alias("sourcedId"))
        return folders.write_roster(
            folder, _roster(users), system_name="ASSISTments 2009-2010", system_code="ASSISTments"
        )

    def write_catalogue(self, folder: Path) -> Path:
        """Items with their skills. Titles are made of ids where the data has none."""
        return folders.write_catalogue(folder, _catalogue(self._frame, self._responses.skill_titles))

    def statements(self) -> Iterator[bytes]:
        """One `answered` per row, in the file's order."""
        midnight = int(dt.datetime.combine(_FIRST_DAY, dt.time(), dt.UTC).timestamp())
        verb = profile.verb(profile.ANSWERED)
        activities = profile.context_activities(
            course=profile.course_iri(HOME_PAGE, _COURSE_ID),
            section=profile.section_iri(HOME_PAGE, _SECTION_ID),
        )
        for row in self._frame.iter_rows(named=True):
            day, minute = divmod(row["place"], _RESPONSES_PER_DAY)
            extensions = {
                profile.SKILLS: row["skills"],
                profile.IS_TIME_INVENTED: True,
                profile.SEQUENCE: row["order_id"],
                profile.SOURCE_ROW: _source_row(row),
            }
            key = f"{row['user_id']},{row['order_id']},{row['item_id']}"
            yield msgspec.json.encode(
                {
                    "id": profile.statement_id(f"{self._responses.file}|{key}|{row['occurrence']}"),
                    "actor": _actor(row["user_id"]),
                    "verb": verb,
                    "object": _item(row["item_id"]),
                    "result": _result(row),
                    "context": {
                        "contextActivities": activities,
                        "platform": PLATFORM,
                        "extensions": extensions,
                    },
                    "timestamp": profile.timestamp(midnight + day * 86_400 + 15 * 3600 + minute * 60),
                }
            )


def _read(path: Path, limit: int | None) -> _Responses:
    if path.is_file():
        if "problem_id" in column_names(path):
            return _read_skill_builder(path, limit)
        return _read_gervet([path], path.parent, limit)
    one = find_table(path, "assistments2009_gervet")
    two = [path / f"preprocessed_data_{split}.csv" for split in ("train", "test")]
    if one or all(part.is_file() for part in two):
        return _read_gervet([one] if one else two, path, limit)
    own = require_table(path, "skill_builder_data", "skill_builder_data_corrected_collapsed")
    return _read_skill_builder(own, limit)


def _read_gervet(files: list[Path], folder: Path, limit: int | None) -> _Responses:
    """The edition of Gervet et al.: one table with `split`, or its two tab-separated files; skills by the q-matrix."""
    parts = []
    for file in files:
        if file.stem.startswith("preprocessed_data_"):
            split = file.stem.removeprefix("preprocessed_data_")
            part = read_table(file, _GERVET, separator="\t").with_columns(pl.lit(split).alias("split"))
        else:
            part = read_table(file, {**_GERVET, "split": pl.String})
        parts.append(part)
    frame = pl.concat(parts) if limit is None else pl.concat(parts).head(limit)
    qmatrix = _read_qmatrix(folder)
    skills = qmatrix.group_by("item_id").agg(pl.col("skill").sort().cast(pl.String).alias("skills"))
    joined = frame.join(skills, on="item_id", how="left", maintain_order="left")
    lacking = joined.filter(pl.col("skills").is_null())
    if len(lacking):
        raise InputError(
            f"The q-matrix lacks {lacking['item_id'].n_unique()} items, such as {lacking['item_id'][0]}",
            where=str(folder),
            mend="use the q-matrix that belongs to the responses",
        )
    titles = {str(skill): f"Skill {skill}" for skill in sorted(qmatrix["skill"].unique())}
    renamed = joined.rename({"skill_id": "source_skill_id", "split": "source_split"})
    return _Responses("assistments2009_gervet", renamed, titles)


def _read_qmatrix(folder: Path) -> pl.DataFrame:
    """Which item exercises which skills: a table, or the edition's own q_mat.npz (a compressed sparse row matrix)."""
    packed = folder / "q_mat.npz"
    table = find_table(folder, "assistments2009_gervet_qmatrix")
    if table is None and packed.is_file():
        with np.load(packed) as matrix:
            items = np.repeat(np.arange(len(matrix["indptr"]) - 1), np.diff(matrix["indptr"]))
            skills = matrix["indices"][: len(items)]
            is_set = matrix["data"][: len(items)] != 0
        return pl.DataFrame({"item_id": items[is_set], "skill": skills[is_set]}).cast(pl.Int32)
    return read_table(table or require_table(folder, "assistments2009_gervet_qmatrix"), _QMATRIX)


def _read_skill_builder(path: Path, limit: int | None) -> _Responses:
    """ASSISTments' own file. It repeats a response once per skill of the item: those rows become one statement."""
    table = read_table(path, _SKILL_BUILDER, limit=limit)
    skill = pl.col("skill_id").drop_nulls().unique().sort().cast(pl.String)
    others = [
        column for column in table.columns if column not in ("order_id", "user_id", "skill_id", "skill_name")
    ]
    frame = table.group_by("user_id", "order_id", maintain_order=True).agg(
        skill.alias("skills"), *(pl.col(column).first() for column in others)
    )
    titles = dict(
        table.filter(pl.col("skill_id").is_not_null())
        .unique("skill_id", maintain_order=True)
        .select(pl.col("skill_id").cast(pl.String), pl.col("skill_name").fill_null("Skill"))
        .iter_rows()
    )
    plain = ("problem_id", "correct", "ms_first_response", "answer_text")
    return _Responses(
        "skill_builder_data",
        frame.with_columns(
            (pl.col("ms_first_response").clip(lower_bound=0) / 1000).alias("duration_seconds"),
            pl.col("answer_text").alias("response"),
            pl.col("problem_id").alias("item_id"),
        )
        .rename({column: f"source_{column}" for column in others if column not in plain})
        .drop("problem_id", "ms_first_response", "answer_text"),
        titles,
    )


def _require_binary(frame: pl.DataFrame, path: Path) -> None:
    wrong = frame.filter(~pl.col("correct").is_in([0, 1]) | pl.col("correct").is_null())
    if len(wrong):
        raise InputError(
            f"`correct` must be 0 or 1; {len(wrong)} rows have something else, such as order_id {wrong['order_id'][0]}",
            where=str(path),
        )


def _source_row(row: dict[str, Any]) -> dict[str, Any]:
    columns = {
        name.removeprefix("source_"): value
        for name, value in row.items()
        if name.startswith("source_") and value is not None
    }
    return {"user_id": row["user_id"], "item_id": row["item_id"], **columns}


def _result(row: dict[str, Any]) -> dict[str, Any]:
    result: dict[str, Any] = {"success": row["correct"] == 1}
    if row.get("response") is not None:
        result["response"] = row["response"]
    if row.get("duration_seconds") is not None:
        result["duration"] = profile.duration(row["duration_seconds"])
    return result


@functools.lru_cache(maxsize=65_536)
def _actor(user: int) -> msgspec.Raw:
    return profile.actor(HOME_PAGE, str(user))


@functools.lru_cache(maxsize=65_536)
def _item(item: int) -> msgspec.Raw:
    return profile.encoded(profile.activity(_item_iri(item), profile.ITEM, f"Item {item}"))


def _item_iri(item: int) -> str:
    return profile.activity_iri(HOME_PAGE, f"item-{item}")


def _roster(users: pl.DataFrame) -> dict[str, pl.DataFrame]:
    user = pl.col("sourcedId")
    begin, end = _FIRST_DAY.isoformat(), (_LAST_DAY + dt.timedelta(days=1)).isoformat()
    return {
        "orgs": pl.DataFrame({"sourcedId": [_ORGANISATION_ID], "name": ["ASSISTments"], "type": ["school"]}),
        "academicSessions": pl.DataFrame(
            {
                "sourcedId": [_SESSION_ID],
                "title": ["School year 2009-2010"],
                "type": ["term"],
                "startDate": [begin],
                "endDate": [end],
                "schoolYear": [str(_LAST_DAY.year)],
            }
        ),
        "courses": pl.DataFrame(
            {
                "sourcedId": [_COURSE_ID],
                "title": ["Mathematics (ASSISTments)"],
                "courseCode": ["MATH"],
                "orgSourcedId": [_ORGANISATION_ID],
                "subjects": ["Mathematics"],
            }
        ),
        "classes": pl.DataFrame(
            {
                "sourcedId": [_SECTION_ID],
                "title": ["Mathematics 2009-2010"],
                "courseSourcedId": [_COURSE_ID],
                "classCode": [_SECTION_ID],
                "classType": ["scheduled"],
                "schoolSourcedId": [_ORGANISATION_ID],
                "termSourcedIds": [_SESSION_ID],
                "subjects": ["Mathematics"],
            }
        ),
        "users": users.select(
            user,
            pl.lit("true").alias("enabledUser"),
            pl.format("assistments-{}", user).alias("username"),
            pl.lit("Student").alias("givenName"),
            user.alias("familyName"),
            user.alias("identifier"),
            pl.lit(_ORGANISATION_ID).alias("primaryOrgSourcedId"),
        ),
        "roles": users.select(
            pl.format("role-{}", user).alias("sourcedId"),
            user.alias("userSourcedId"),
            pl.lit("primary").alias("roleType"),
            pl.lit("student").alias("role"),
            pl.lit(_ORGANISATION_ID).alias("orgSourcedId"),
        ),
        "enrollments": users.select(
            pl.format("enr-{}", user).alias("sourcedId"),
            pl.lit(_SECTION_ID).alias("classSourcedId"),
            pl.lit(_ORGANISATION_ID).alias("schoolSourcedId"),
            user.alias("userSourcedId"),
            pl.lit("student").alias("role"),
            pl.lit("false").alias("primary"),
            pl.lit(begin).alias("beginDate"),
            pl.lit(end).alias("endDate"),
        ),
    }


def _catalogue(frame: pl.DataFrame, skill_titles: dict[str, str]) -> dict[str, pl.DataFrame]:
    items = frame.select("item_id", "skills").unique("item_id").sort("item_id")
    iri = pl.format("{}/activities/item-{}", pl.lit(HOME_PAGE), "item_id")
    return {
        "courses": pl.DataFrame(
            {
                "course_id": [_COURSE_ID],
                "title": ["Mathematics (ASSISTments)"],
                "iri": [profile.course_iri(HOME_PAGE, _COURSE_ID)],
                "subject": ["Mathematics"],
            }
        ),
        "activities": items.select(
            pl.format("item-{}", "item_id").alias("activity_id"),
            iri.alias("iri"),
            pl.format("Item {}", "item_id").alias("title"),
            pl.lit(profile.ITEM).alias("type"),
            pl.lit(_COURSE_ID).alias("course_id"),
        ),
        "skills": pl.DataFrame(
            {"skill_id": list(skill_titles), "title": list(skill_titles.values())},
            schema={"skill_id": pl.String, "title": pl.String},
        ).with_columns(pl.lit("Mathematics").alias("subject"), pl.lit(_COURSE_ID).alias("course_id")),
        "activity_skills": items.with_columns(iri.alias("activity_iri"))
        .explode("skills")
        .drop_nulls("skills")
        .select("activity_iri", pl.col("skills").alias("skill_id")),
    }
