"""Who is in the sample school: students with their families, staff, sections and who is enrolled in them. Invented people.

Knows no events. What makes a student succeed or fail (ability, effort, earlier repeats) is drawn here and never leaves
this package: no statement and no roster row carries it.
"""

from __future__ import annotations

import dataclasses
import datetime as dt

import numpy as np

from sources.school import names
from sources.school.curriculum import COURSES, GRADES, SUBJECTS, TERM_WEEKS, TERMS, Assessment, Course

_SECTIONS = {"Mathematics": 3, "English": 3, "Biology": 2, "History": 2}
_TEACHERS = {"Mathematics": 3, "English": 3, "Biology": 2, "History": 2}
_SIBLING_SHARE = 0.125
_SECOND_GUARDIAN_SHARE = 0.6
_LATE_JOINER_SHARE = 0.04
_REPEATER_SHARE = 0.05


@dataclasses.dataclass(frozen=True, slots=True)
class Person:
    """A user of the roster. `role`: OneRoster's; `agents`: sourcedIds of guardians (of a student) or children."""

    sourced_id: str
    role: str
    given_name: str
    family_name: str
    sex: str
    grade: int | None = None
    birth_date: dt.date | None = None
    agents: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True, slots=True)
class Section:
    """One class of one term."""

    sourced_id: str
    course: Course
    term: int
    number: int
    teacher_id: str

    @property
    def title(self) -> str:
        return f"{self.course.title}, class {self.number}"

    def assessment_id(self, assessment: Assessment) -> str:
        return f"{self.sourced_id}-{assessment.slot}"

    def assessment_title(self, assessment: Assessment) -> str:
        return f"{self.course.title}, term {self.term + 1}: {assessment.title}"


@dataclasses.dataclass(frozen=True, slots=True)
class Enrolments:
    """Students in courses for the whole year, one entry per (student, course); arrays of the same length.

    `student`: index into the cast's students; `course`: index into COURSES; `number`: class number within the course;
    `begin_day`: per term, days from the term's start to the enrolment's begin (shape: terms x enrolments).
    """

    student: np.ndarray
    course: np.ndarray
    number: np.ndarray
    begin_day: np.ndarray

    def __len__(self) -> int:
        return len(self.student)


@dataclasses.dataclass(frozen=True)
class Cast:
    """Everyone, and the hidden traits of the students (arrays in the students' order, about standard normal)."""

    students: list[Person]
    guardians: list[Person]
    staff: list[Person]
    sections: list[Section]
    enrolments: Enrolments
    ability: np.ndarray
    effort: np.ndarray
    prior_attempts: np.ndarray


def section_id(course: Course, term: int, number: int) -> str:
    return f"{course.course_id}-T{term + 1}-C{number}"


def cast(rng: np.random.Generator, *, students: int, school_year_start: dt.date) -> Cast:
    """Draw everyone for `students` students, spread evenly over the grades."""
    pool = _NamePool(rng)
    grades = np.sort(np.resize(GRADES, students))
    pupils, guardians = _families(rng, pool, grades, school_year_start)
    ability = rng.normal(size=students)
    effort = 0.35 * ability + np.sqrt(1 - 0.35**2) * rng.normal(size=students)
    repeats = (rng.random(students) < _REPEATER_SHARE * np.exp(-0.8 * ability)).astype(int)
    staff = _staff(pool)
    return Cast(
        students=pupils,
        guardians=guardians,
        staff=staff,
        sections=_sections(),
        enrolments=_enrolments(rng, grades),
        ability=ability - 0.5 * repeats,
        effort=effort,
        prior_attempts=repeats,
    )


class _NamePool:
    """Gives names, no full name twice."""

    def __init__(self, rng: np.random.Generator) -> None:
        self._rng = rng
        self._taken: set[tuple[str, str]] = set()

    def family(self) -> str:
        return str(self._rng.choice(names.FAMILY))

    def person(self, family_name: str) -> tuple[str, str]:
        """(given name, sex) for a new member of the family."""
        while True:
            sex = "female" if self._rng.random() < 0.5 else "male"
            given = str(self._rng.choice(names.GIVEN_FEMALE if sex == "female" else names.GIVEN_MALE))
            if (given, family_name) not in self._taken:
                self._taken.add((given, family_name))
                return given, sex


def _families(
    rng: np.random.Generator, pool: _NamePool, grades: np.ndarray, year_start: dt.date
) -> tuple[list[Person], list[Person]]:
    """Students and their guardians. Every eighth family has two children, in different grades."""
    count = len(grades)
    family_of = np.full(count, -1)
    order = rng.permutation(count)
    younger = [i for i in order if grades[i] == GRADES[0] or grades[i] == GRADES[1]]
    older = [i for i in order if grades[i] == GRADES[2] or grades[i] == GRADES[3]]
    pairs = list(zip(younger, older, strict=False))[: int(count * _SIBLING_SHARE)]
    for family, (first, second) in enumerate(pairs):
        family_of[[first, second]] = family
    alone = np.flatnonzero(family_of < 0)
    family_of[alone] = len(pairs) + np.arange(len(alone))

    family_names = [pool.family() for _ in range(family_of.max() + 1)]
    guardians_of: list[tuple[str, ...]] = []
    guardians: list[Person] = []
    for family, family_name in enumerate(family_names):
        children = tuple(f"stu-{i + 1:04d}" for i in np.flatnonzero(family_of == family))
        ids = []
        for _ in range(1 + int(rng.random() < _SECOND_GUARDIAN_SHARE)):
            given, sex = pool.person(family_name)
            ids.append(f"gua-{len(guardians) + 1:04d}")
            guardians.append(Person(ids[-1], "guardian", given, family_name, sex, agents=children))
        guardians_of.append(tuple(ids))

    students = []
    for index, grade in enumerate(grades):
        family = family_of[index]
        given, sex = pool.person(family_names[family])
        born = dt.date(year_start.year - int(grade) - 6, 1, 1) + dt.timedelta(days=int(rng.integers(365)))
        students.append(
            Person(
                f"stu-{index + 1:04d}",
                "student",
                given,
                family_names[family],
                sex,
                int(grade),
                born,
                guardians_of[family],
            )
        )
    return students, guardians


def _staff(pool: _NamePool) -> list[Person]:
    roles = [("principal", "pri-01"), ("siteAdministrator", "adm-01"), ("ext:analyst", "ana-01")]
    roles += [
        ("teacher", teacher_id(subject, number))
        for subject in SUBJECTS
        for number in range(_TEACHERS[subject])
    ]
    staff = []
    for role, sourced_id in roles:
        family_name = pool.family()
        given, sex = pool.person(family_name)
        staff.append(Person(sourced_id, role, given, family_name, sex))
    return staff


def teacher_id(subject: str, number: int) -> str:
    return f"tea-{subject[:3].lower()}-{number + 1}"


def _sections() -> list[Section]:
    """Ten classes per grade and term; a subject's teachers share them in turn."""
    found = []
    for term in range(TERMS):
        turn = dict.fromkeys(SUBJECTS, 0)
        for course in COURSES:
            for number in range(1, _SECTIONS[course.subject] + 1):
                teacher = teacher_id(course.subject, turn[course.subject] % _TEACHERS[course.subject])
                turn[course.subject] += 1
                found.append(Section(section_id(course, term, number), course, term, number, teacher))
    return found


def _enrolments(rng: np.random.Generator, grades: np.ndarray) -> Enrolments:
    """Everyone takes Mathematics and English, and either Biology or History."""
    index = {(course.subject, course.grade): i for i, course in enumerate(COURSES)}
    student, course, number = [], [], []
    for grade in GRADES:
        members = rng.permutation(np.flatnonzero(grades == grade))
        for position, member in enumerate(members):
            for subject in ("Mathematics", "English", "Biology" if position % 2 else "History"):
                rank = position if _SECTIONS[subject] == 3 else position // 2
                student.append(member)
                course.append(index[subject, grade])
                number.append(rank % _SECTIONS[subject] + 1)
    owner = np.array(student)
    begin = -rng.integers(3, 26, size=(TERMS, len(grades)))
    late = rng.random((TERMS, len(grades))) < _LATE_JOINER_SHARE
    late[1:] = False  # who joins late joins the school in the first term
    begin[late] = rng.integers(3, 2 * TERM_WEEKS, size=int(late.sum()))
    return Enrolments(owner, np.array(course), np.array(number), begin[:, owner])
