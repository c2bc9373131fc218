"""Turns the sample school's history into xAPI statements in the dialect of docs/xapi-profile.md, in the order of time."""

from __future__ import annotations

import datetime as dt
import functools
from collections.abc import Callable, Iterator
from typing import Any

import msgspec
import numpy as np
import polars as pl

from sources import profile
from sources.school.behaviour import DAY, History
from sources.school.cast import Cast, Section, section_id
from sources.school.curriculum import (
    ASSESSMENTS,
    COURSES,
    HOME_PAGE,
    ITEMS_PER_QUIZ,
    PREREQUISITES,
    VIDEO_SECONDS,
    Course,
    item_title,
)
from sources.school.roster import SCHOOL_TITLE

_OUTCOMES = ("withdrawn", "fail", "pass", "distinction")
_CREDITS = 45
_VIDEO_STEPS = ("video_initialized", "video_played", "video_ended")
_GENERATED = {profile.IS_GENERATED: True}

Row = dict[str, Any]


class StatementWriter:
    """Statements of one history. `starts`: the terms' first days; what happens on or after `today` is left out."""

    def __init__(self, cast: Cast, history: History, starts: tuple[dt.date, ...], today: dt.date) -> None:
        self._cast = cast
        self._starts = starts
        self._midnights = [int(dt.datetime.combine(start, dt.time(), dt.UTC).timestamp()) for start in starts]
        cutoff = dt.datetime.combine(today, dt.time(), dt.UTC).timestamp()
        self._frames = {kind: self._before(frame, cutoff) for kind, frame in _steps(history.events)}
        self._sections = {section.sourced_id: section for section in cast.sections}

    def __len__(self) -> int:
        return sum(map(len, self._frames.values()))

    def _before(self, frame: pl.DataFrame, cutoff: float) -> pl.DataFrame:
        midnight = pl.col("term").replace_strict(dict(enumerate(self._midnights)), return_dtype=pl.Int64)
        return (
            frame.with_columns((midnight + pl.col("second")).alias("at"))
            .filter(pl.col("at") < cutoff)
            .sort("at", maintain_order=True)
        )

    def __iter__(self) -> Iterator[bytes]:
        """Each statement as JSON, in the order of time. The id derives from the content, so that sending again adds nothing."""
        kinds = list(self._frames)
        times = np.concatenate([self._frames[kind]["at"].to_numpy() for kind in kinds])
        owner = np.repeat(np.arange(len(kinds)), [len(self._frames[kind]) for kind in kinds])
        rows = [self._frames[kind].iter_rows(named=True) for kind in kinds]
        builders: list[Callable[[Row], Row]] = [getattr(self, f"_{kind}") for kind in kinds]
        seen: dict[str, int] = {}
        for kind in owner[np.argsort(times, kind="stable")]:
            row = next(rows[kind])
            body = msgspec.json.encode(builders[kind](row))
            text = body.decode()
            statement_id = profile.statement_id(f"sample-school|{text}|0")
            occurrence = seen.get(statement_id, 0)
            seen[statement_id] = occurrence + 1
            if occurrence:
                statement_id = profile.statement_id(f"sample-school|{text}|{occurrence}")
            yield b'{"id":"' + statement_id.encode() + b'",' + body[1:]

    # What every statement has

    def _statement(
        self, row: Row, meaning: tuple[str, str], thing: Any, context: msgspec.Raw, result: Row | None = None
    ) -> Row:
        student = row.get("student")
        if student is None:
            student = int(self._cast.enrolments.student[row["enrolment"]])
        statement: Row = {
            "actor": self._actor(student),
            "verb": _verb(meaning),
            "object": thing,
            "context": context,
            "timestamp": profile.timestamp(row["at"]),
        }
        if result:
            statement["result"] = result
        return statement

    @functools.cache  # noqa: B019  a writer lives as long as one run
    def _actor(self, student: int) -> msgspec.Raw:
        return profile.actor(HOME_PAGE, self._cast.students[student].sourced_id)

    def _place(self, row: Row) -> tuple[Course, Section]:
        entries = self._cast.enrolments
        course = COURSES[entries.course[row["enrolment"]]]
        number = int(entries.number[row["enrolment"]])
        return course, self._sections[section_id(course, row["term"], number)]

    # One method per kind of event

    def _registered(self, row: Row) -> Row:
        course, section = self._place(row)
        extensions = {profile.PRIOR_ATTEMPTS: row["prior_attempts"], profile.STUDIED_CREDITS: _CREDITS}
        return self._statement(
            row, profile.REGISTERED, _course(course), _context(course, section), {"extensions": extensions}
        )

    def _logged_in(self, row: Row) -> Row:
        return self._statement(row, profile.LOGGED_IN, _APPLICATION, _context(None, None))

    def _meeting(self, row: Row) -> Row:
        course, section = self._place(row)
        day = self._starts[row["term"]] + dt.timedelta(days=row["second"] // DAY)
        iri = f"{profile.section_iri(HOME_PAGE, section.sourced_id)}/meetings/{day.isoformat()}"
        thing = profile.activity(iri, profile.MEETING, f"{section.title}, {day.isoformat()}")
        if row["status"] < 2:
            meaning, extensions = profile.ATTENDED, {profile.IS_LATE: row["status"] == 1}
        else:
            meaning, extensions = profile.MISSED, {profile.IS_EXCUSED: row["status"] == 3}
        return self._statement(row, meaning, thing, _context(course, section), {"extensions": extensions})

    def _viewed(self, row: Row) -> Row:
        course, section = self._place(row)
        term, week = row["term"], row["week"]
        thing = _activity(course.lesson_id(term, week), profile.LESSON, course.lesson_title(term, week))
        result = {
            "duration": profile.duration(row["duration_seconds"]),
            "extensions": {profile.CLICKS: 1 + int(row["duration_seconds"] // 240)},
        }
        return self._statement(row, profile.VIEWED, thing, _context(course, section), result)

    def _video(self, row: Row, meaning: tuple[str, str], result: Row | None) -> Row:
        course, section = self._place(row)
        term, week = row["term"], row["week"]
        title = f"{course.lesson_title(term, week)} (video)"
        thing = _activity(course.video_id(term, week), profile.VIDEO, title)
        return self._statement(row, meaning, thing, _context(course, section), result)

    def _video_initialized(self, row: Row) -> Row:
        return self._video(row, profile.VIDEO_INITIALIZED, None)

    def _video_played(self, row: Row) -> Row:
        return self._video(row, profile.VIDEO_PLAYED, {"extensions": {profile.VIDEO_TIME: 0.0}})

    def _video_ended(self, row: Row) -> Row:
        is_completed = row["share"] == 1
        seconds = round(row["share"] * VIDEO_SECONDS, 1)
        extensions = {
            profile.VIDEO_TIME: seconds,
            profile.VIDEO_PROGRESS: row["share"],
            profile.VIDEO_LENGTH: VIDEO_SECONDS,
        }
        result: Row = {"duration": profile.duration(seconds), "extensions": extensions}
        if is_completed:
            result["completion"] = True
        meaning = profile.VIDEO_COMPLETED if is_completed else profile.VIDEO_TERMINATED
        return self._video(row, meaning, result)

    def _answered(self, row: Row) -> Row:
        course, section = self._place(row)
        term, quiz, item = row["term"], row["quiz"], row["item"]
        thing, answers = _item(course, term, quiz, item)
        result = {
            "success": row["is_correct"],
            "response": answers[row["choice"]],
            "score": {"scaled": float(row["is_correct"])},
            "duration": profile.duration(row["duration_seconds"]),
        }
        context = _item_context(course, section, term, quiz, item)
        return self._statement(row, profile.ANSWERED, thing, context, result)

    def _submitted(self, row: Row) -> Row:
        course, section = self._place(row)
        assessment = ASSESSMENTS[row["slot"]]
        title = section.assessment_title(assessment)
        thing = _activity(section.assessment_id(assessment), profile.ASSESSMENT, title)
        result = {"completion": True, "score": {"scaled": round(row["score"], 2)}}
        return self._statement(row, profile.SUBMITTED, thing, _context(course, section), result)

    def _concluded(self, row: Row) -> Row:
        course, section = self._place(row)
        outcome = _OUTCOMES[row["outcome"]]
        extensions: Row = {profile.OUTCOME: outcome}
        if outcome == "withdrawn":
            left = self._starts[row["term"]] + dt.timedelta(days=row["left_day"])
            extensions[profile.UNREGISTERED_ON] = left.isoformat()
        return self._statement(
            row, profile.CONCLUDED, _course(course), _context(course, section), {"extensions": extensions}
        )


def _steps(events: dict[str, pl.DataFrame]) -> Iterator[tuple[str, pl.DataFrame]]:
    """The events by kind; a watched video becomes its three steps."""
    for kind, frame in events.items():
        if kind != "watched":
            yield kind, frame
            continue
        watching = (pl.col("share") * VIDEO_SECONDS).cast(pl.Int64)
        for step, delay in zip(_VIDEO_STEPS, (pl.lit(0), pl.lit(2), 3 + watching), strict=True):
            yield step, frame.with_columns((pl.col("second") + delay).alias("second"))


_verb = functools.cache(profile.verb)
_APPLICATION = profile.encoded(
    profile.activity(f"{HOME_PAGE}/application", profile.APPLICATION, SCHOOL_TITLE)
)


@functools.cache
def _activity(activity_id: str, activity_type: str, title: str) -> msgspec.Raw:
    iri = profile.activity_iri(HOME_PAGE, activity_id)
    return profile.encoded(profile.activity(iri, activity_type, title))


@functools.cache
def _course(course: Course) -> msgspec.Raw:
    return profile.encoded(profile.activity(course.iri, profile.COURSE, course.title))


@functools.cache
def _context(course: Course | None, section: Section | None) -> msgspec.Raw:
    return _with_context(course, section, None, _GENERATED)


@functools.cache
def _item_context(course: Course, section: Section, term: int, quiz: int, item: int) -> msgspec.Raw:
    assessment = next(assessment for assessment in ASSESSMENTS if assessment.slot == f"q{quiz}")
    iri = profile.activity_iri(HOME_PAGE, section.assessment_id(assessment))
    skills = [course.skill_id(skill) for skill in course.item_skills(term, quiz, item)]
    parent = profile.activity(iri, profile.ASSESSMENT, section.assessment_title(assessment))
    return _with_context(course, section, parent, {profile.SKILLS: skills, **_GENERATED})


def _with_context(
    course: Course | None, section: Section | None, parent: Row | None, extensions: Row
) -> msgspec.Raw:
    activities = profile.context_activities(
        course=course.iri if course else None,
        section=profile.section_iri(HOME_PAGE, section.sourced_id) if section else None,
        parent=parent,
    )
    return profile.encoded(
        {"contextActivities": activities, "platform": SCHOOL_TITLE, "extensions": extensions}
    )


@functools.cache
def _item(course: Course, term: int, quiz: int, item: int) -> tuple[msgspec.Raw, tuple[str, str, str, str]]:
    """An item as a statement's object, and its answers: the right one, then the wrong ones, the commonest first.

    Most items are multiple choice; the last one of a Mathematics quiz asks for a number.
    """
    iri = profile.activity_iri(HOME_PAGE, course.item_id(term, quiz, item))
    number = int(profile.statement_id(iri)[:6], 16)
    if course.subject == "Mathematics" and item == ITEMS_PER_QUIZ - 1:
        right = 2 + number % 47
        answers = (str(right), str(-right), str(right + 1), str(2 * right))
        interaction = "numeric"
        question: dict[str, Any] = {
            "description": {"en": f"What is {right + number % 9} minus {number % 9}?"}
        }
    else:
        letters = "abcd"
        shift = number % 4
        turned = letters[shift:] + letters[:shift]
        answers = (turned[0], turned[1], turned[2], turned[3])
        interaction = "choice"
        question = _question(course, course.item_skills(term, quiz, item)[0], letters.index(turned[0]))
    thing = profile.activity(
        iri,
        profile.ITEM,
        item_title(course, term, quiz, item),
        interactionType=interaction,
        correctResponsesPattern=[answers[0]],
        **question,
    )
    return profile.encoded(thing), answers


def _question(course: Course, skill: int, place: int) -> dict[str, Any]:
    """What a multiple-choice item asks: a question on the course's plan that its titles answer, the right one at `place`."""
    count = len(course.skills)
    titles = [course.skills[(skill + step) % count] for step in (2, 4, 6)]
    titles.insert(place, course.skills[skill])
    before = PREREQUISITES[skill]
    asked = (
        f"What in {course.title} builds directly on “{course.skills[before[-1]]}”?"
        if before
        else f"What does {course.title} begin with?"
    )
    return {
        "description": {"en": asked},
        "choices": [
            {"id": letter, "description": {"en": title}} for letter, title in zip("abcd", titles, strict=True)
        ],
    }
