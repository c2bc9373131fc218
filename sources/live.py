"""One new event of the sample school at a time, sent with tincan as a customer's LMS would: for demonstrations and tests."""

from __future__ import annotations

import datetime as dt
import uuid
from typing import Any

import msgspec
from tincan import RemoteLRS, Statement

from learnlake.clock import utc_now
from learnlake.errors import AccessError, DeliveryError, InputError
from sources import profile
from sources.school import HOME_PAGE, SampleSchool
from sources.school.cast import Section, section_id
from sources.school.curriculum import ASSESSMENTS, COURSES, QUIZ_WEEKS, TERMS, item_title
from sources.school.roster import SCHOOL_TITLE


class LiveSchool:
    """Posts events of `school` that happen now. `endpoint`: the xAPI endpoint, with or without a trailing slash."""

    def __init__(self, school: SampleSchool, endpoint: str, key: str, secret: str) -> None:
        self._school = school
        self._lrs = RemoteLRS(
            endpoint=endpoint.rstrip("/") + "/", version="1.0.3", username=key, password=secret
        )

    def sections(self, student: str) -> list[Section]:
        """The running classes of the student with this sourcedId."""
        ids = [person.sourced_id for person in self._school.cast.students]
        if student not in ids:
            raise InputError(f"{student!r} is no student of the sample school", mend=f"try {ids[0]}")
        entries = self._school.cast.enrolments
        running = {section.sourced_id: section for section in self._school.cast.sections}
        return [
            running[section_id(COURSES[entries.course[index]], TERMS - 1, int(entries.number[index]))]
            for index in range(len(entries))
            if ids[entries.student[index]] == student
        ]

    def answer(
        self, student: str, *, section: Section | None = None, item: int = 0, is_correct: bool = False
    ) -> str:
        """The student answers an item of the newest quiz, wrongly unless told otherwise; answers the statement's id."""
        section = section or self.sections(student)[0]
        course = section.course
        week = (self._school.today - self._school.starts[-1]).days // 7 + 1
        quiz = max(number for number, due in enumerate(QUIZ_WEEKS, 1) if due <= week)
        assessment = next(found for found in ASSESSMENTS if found.slot == f"q{quiz}")
        thing = profile.activity(
            profile.activity_iri(HOME_PAGE, course.item_id(TERMS - 1, quiz, item)),
            profile.ITEM,
            item_title(course, TERMS - 1, quiz, item),
        )
        parent = profile.activity(
            profile.activity_iri(HOME_PAGE, section.assessment_id(assessment)), profile.ASSESSMENT
        )
        skills = [course.skill_id(skill) for skill in course.item_skills(TERMS - 1, quiz, item)]
        result = {"success": is_correct, "score": {"scaled": float(is_correct)}, "duration": "PT41S"}
        return self._post(student, section, profile.ANSWERED, thing, result, parent, {profile.SKILLS: skills})

    def absence(self, student: str, *, section: Section | None = None, is_excused: bool = False) -> str:
        """The student misses today's meeting; answers the statement's id."""
        section = section or self.sections(student)[0]
        day = self._now().date().isoformat()
        iri = f"{profile.section_iri(HOME_PAGE, section.sourced_id)}/meetings/{day}"
        thing = profile.activity(iri, profile.MEETING, f"{section.title}, {day}")
        result = {"extensions": {profile.IS_EXCUSED: is_excused}}
        return self._post(student, section, profile.MISSED, thing, result, None, {})

    def _now(self) -> dt.datetime:
        """This time of day on the school's today."""
        return dt.datetime.combine(self._school.today, utc_now().timetz())

    def _post(
        self,
        student: str,
        section: Section,
        verb: tuple[str, str],
        thing: dict[str, Any],
        result: dict[str, Any],
        parent: dict[str, Any] | None,
        extensions: dict[str, Any],
    ) -> str:
        activities = profile.context_activities(
            course=section.course.iri,
            section=profile.section_iri(HOME_PAGE, section.sourced_id),
            parent=parent,
        )
        body = {
            "id": str(uuid.uuid4()),
            "actor": profile.actor(HOME_PAGE, student),
            "verb": profile.verb(verb),
            "object": thing,
            "result": result,
            "context": {
                "contextActivities": activities,
                "platform": SCHOOL_TITLE,
                "extensions": {profile.IS_GENERATED: True, **extensions},
            },
            "timestamp": profile.timestamp(self._now().timestamp()),
        }
        response = self._lrs.save_statement(Statement.from_json(msgspec.json.encode(body).decode()))
        if not response.success:
            status = response.response.status
            error = AccessError if status in (401, 403) else DeliveryError
            raise error(f"The LRS answered {status}: {response.data}", where=self._lrs.endpoint)
        return str(response.content.id)
