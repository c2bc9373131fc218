"""OULAD as a source: one statement per row of its event tables, encoded a presentation at a time."""

from __future__ import annotations

import datetime as dt
import functools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import polars as pl

from sources import folders as folder_writer
from sources import profile
from sources.oulad import folders
from sources.oulad.dataset import HOME_PAGE, Dataset, open_dataset

PLATFORM = "OULAD"
_DAY = 86_400
_MORNING, _NOON, _EVENING = 9 * 3600, 12 * 3600, 18 * 3600


class Oulad:
    """The data set in `folder`. `limit`: only the first rows of each table of events, and the people whom these name.

    OULAD knows days, not times of day: registrations are written at 09:00, outcomes at 18:00, everything else at 12:00 UTC.
    """

    def __init__(self, folder: Path, *, limit: int | None = None) -> None:
        self.data: Dataset = open_dataset(folder, limit=limit)
        self._places = {
            (module, presentation): _Place(module, presentation, start, end)
            for module, presentation, start, end in self.data.presentations.select(
                "code_module", "code_presentation", "start", "end"
            ).iter_rows()
        }

    @property
    def home_page(self) -> str:
        return HOME_PAGE

    @property
    def statement_count(self) -> int:
        data = self.data
        small = len(data.registrations) + len(data.results) + len(data.infos)
        precourse = 0 if data.precourse is None else len(data.precourse)
        return small + precourse + int(data.clicks_per_presentation["rows"].sum())

    def write_roster(self, folder: Path) -> Path:
        return folder_writer.write_roster(
            folder,
            folders.roster(self.data),
            system_name="Open University Learning Analytics Dataset",
            system_code="OULAD",
        )

    def write_catalogue(self, folder: Path) -> Path:
        return folder_writer.write_catalogue(folder, folders.catalogue(self.data))

    def statements(self) -> Iterator[bytes]:
        """Registrations, pre-course totals, clicks, results, outcomes, each in its file's order."""
        yield from self._registered()
        yield from self._precourse()
        yield from self._viewed()
        yield from self._submitted()
        yield from self._concluded()

    def _registered(self) -> Iterator[bytes]:
        for row in _rows(self.data.registrations):
            place = self._places[row["code_module"], row["code_presentation"]]
            extensions = {
                profile.PRIOR_ATTEMPTS: row["num_of_prev_attempts"],
                profile.STUDIED_CREDITS: row["studied_credits"],
            }
            yield _encode(
                f"studentRegistration|{_key(row)}|0",
                row["id_student"],
                _REGISTERED,
                place.course,
                place.context({"date_registration": row["date_registration"]}),
                place.time(row["date_registration"] or 0, _MORNING),
                {"extensions": {name: value for name, value in extensions.items() if value is not None}},
            )

    def _precourse(self) -> Iterator[bytes]:
        """The total of clicks before the start, on the day before it.

        Where the click log is here, those clicks are there one by one: the row then becomes `summarised`, which counts
        nowhere. The totals themselves are in source-row either way.
        """
        if self.data.precourse is None:
            return
        logged = set(self.data.clicks_per_presentation.select("code_module", "code_presentation").iter_rows())
        for row in _rows(self.data.precourse):
            is_logged = (row["code_module"], row["code_presentation"]) in logged
            place = self._places[row["code_module"], row["code_presentation"]]
            columns = {name: row[name] for name in ("pre_course_clicks", "pre_course_interaction_rows")}
            yield _encode(
                f"derived_precourse_clicks|{_key(row)}|0",
                row["id_student"],
                _SUMMARISED if is_logged else _VIEWED,
                place.course,
                place.context(columns),
                place.time(-1, _NOON),
                None if is_logged else {"extensions": {profile.CLICKS: row["pre_course_clicks"]}},
            )

    def _viewed(self) -> Iterator[bytes]:
        """The click log. Rows repeat there, keys and whole rows: the occurrence number keeps them all apart."""
        for module, presentation in self.data.clicks_per_presentation.select(
            "code_module", "code_presentation"
        ).iter_rows():
            place = self._places[module, presentation]
            sites = self._sites(module, presentation)
            context = place.context(None)
            key = f"studentVle|{module},{presentation}"
            for student, site, day, clicks, occurrence in (
                self.data.clicks(module, presentation)
                .select("id_student", "id_site", "date", "sum_click", "occurrence")
                .iter_rows()
            ):
                yield _encode(
                    f"{key},{student},{site},{day}|{occurrence}",
                    student,
                    _VIEWED,
                    sites[site],
                    context,
                    place.time(day, _NOON),
                    {"extensions": {profile.CLICKS: clicks}},
                )

    def _submitted(self) -> Iterator[bytes]:
        things = {
            row["id_assessment"]: _activity(row["activity_id"], profile.ASSESSMENT, row["title"])
            for row in _rows(
                self.data.assessments.select(
                    "id_assessment",
                    folders.activity_id("assessment").alias("activity_id"),
                    folders.assessment_title().alias("title"),
                )
            )
        }
        for row in _rows(self.data.results):
            place = self._places[row["code_module"], row["code_presentation"]]
            result: dict[str, Any] = {"extensions": {profile.IS_BANKED: row["is_banked"] == 1}}
            if row["score"] is not None:
                result["score"] = {
                    "scaled": round(row["score"] / 100, 4),
                    "raw": row["score"],
                    "min": 0,
                    "max": 100,
                }
            yield _encode(
                f"studentAssessment|{row['id_assessment']},{row['id_student']}|0",
                row["id_student"],
                _SUBMITTED,
                things[row["id_assessment"]],
                place.context({"date_submitted": row["date_submitted"]}),
                place.time(row["date_submitted"], _NOON),
                result,
            )

    def _concluded(self) -> Iterator[bytes]:
        for row in _rows(self.data.infos):
            place = self._places[row["code_module"], row["code_presentation"]]
            extensions = {profile.OUTCOME: row["outcome"]}
            if row["date_unregistration"] is not None:
                left = place.start + dt.timedelta(days=row["date_unregistration"])
                extensions[profile.UNREGISTERED_ON] = left.isoformat()
            yield _encode(
                f"studentInfo|{_key(row)}|0",
                row["id_student"],
                _CONCLUDED,
                place.course,
                place.context(None),
                place.time((place.end - place.start).days, _EVENING),
                {"extensions": extensions},
            )

    def _sites(self, module: str, presentation: str) -> dict[int, msgspec.Raw]:
        sites = self.data.sites.filter(
            (pl.col("code_module") == module) & (pl.col("code_presentation") == presentation)
        ).select(
            "id_site", folders.activity_id("site").alias("activity_id"), folders.site_title().alias("title")
        )
        return {
            site: _activity(activity_id, profile.RESOURCE, title)
            for site, activity_id, title in sites.iter_rows()
        }


class _Place:
    """One presentation: its course as an object, the context of its statements, its days as timestamps."""

    def __init__(self, module: str, presentation: str, start: dt.date, end: dt.date) -> None:
        self.start, self.end = start, end
        course_iri = profile.course_iri(HOME_PAGE, module)
        self.course = profile.encoded(profile.activity(course_iri, profile.COURSE, f"Module {module}"))
        self._activities = profile.context_activities(
            course=course_iri, section=profile.section_iri(HOME_PAGE, f"{module}-{presentation}")
        )
        self._midnight = int(dt.datetime.combine(start, dt.time(), dt.UTC).timestamp())
        self.time = functools.cache(self._time)

    def context(self, source_row: dict[str, Any] | None) -> msgspec.Raw:
        context: dict[str, Any] = {"contextActivities": self._activities, "platform": PLATFORM}
        if source_row:
            context["extensions"] = {profile.SOURCE_ROW: source_row}
        return profile.encoded(context)

    def _time(self, day: int, second: int) -> str:
        return profile.timestamp(self._midnight + day * _DAY + second)


def _rows(frame: pl.DataFrame) -> Iterator[dict[str, Any]]:
    return frame.iter_rows(named=True)


def _key(row: dict[str, Any]) -> str:
    return f"{row['code_module']},{row['code_presentation']},{row['id_student']}"


def _activity(activity_id: str, activity_type: str, title: str) -> msgspec.Raw:
    iri = profile.activity_iri(HOME_PAGE, activity_id)
    return profile.encoded(profile.activity(iri, activity_type, title))


@functools.lru_cache(maxsize=65_536)
def _actor(student: int) -> msgspec.Raw:
    return profile.actor(HOME_PAGE, str(student))


_REGISTERED = profile.verb(profile.REGISTERED)
_VIEWED = profile.verb(profile.VIEWED)
_SUMMARISED = profile.verb(profile.SUMMARISED)
_SUBMITTED = profile.verb(profile.SUBMITTED)
_CONCLUDED = profile.verb(profile.CONCLUDED)


def _encode(
    key: str,
    student: int,
    verb: msgspec.Raw,
    thing: msgspec.Raw,
    context: msgspec.Raw,
    timestamp: str,
    result: dict[str, Any] | None,
) -> bytes:
    """A statement as JSON. `key`: FILE|KEY COLUMNS|OCCURRENCE, of which its id is made."""
    statement: dict[str, Any] = {
        "id": profile.statement_id(key),
        "actor": _actor(student),
        "verb": verb,
        "object": thing,
        "context": context,
        "timestamp": timestamp,
    }
    if result is not None:
        statement["result"] = result
    return msgspec.json.encode(statement)
