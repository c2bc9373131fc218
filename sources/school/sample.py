"""The sample school as a whole: made from a seed and a day, written as folders, handed out as statements, sent to an LRS."""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from learnlake.errors import InputError
from learnlake.sender import Sender, SendReport
from sources import folders
from sources.school import behaviour, catalogue, curriculum, roster
from sources.school.cast import Cast, cast
from sources.school.curriculum import COURSES, HOME_PAGE
from sources.school.statements import StatementWriter

DEFAULT_SEED = 7
DEFAULT_STUDENTS = 304
MIN_STUDENTS = 16
"""Four in each grade: enough for families with two children and a student in most classes."""


@dataclasses.dataclass(frozen=True, slots=True)
class DemoPeople:
    """sourcedIds of one interesting person per role, for demonstrations.

    The teacher's running class has students who are drifting away and also the student, who works well; the guardian has
    two children.
    """

    student: str
    teacher: str
    guardian: str
    principal: str
    administrator: str
    analyst: str


@dataclasses.dataclass(frozen=True)
class SampleSchool:
    """A generated school in week 8 of its third term. Iterate `statements()` for the year's events up to yesterday."""

    today: dt.date
    seed: int
    starts: tuple[dt.date, ...]
    cast: Cast
    history: behaviour.History
    home_page: str = HOME_PAGE

    def statements(self) -> Iterator[bytes]:
        """Statements as JSON in the order of time, none later than the midnight (UTC) that began `today`."""
        return iter(StatementWriter(self.cast, self.history, self.starts, self.today))

    @property
    def statement_count(self) -> int:
        return len(StatementWriter(self.cast, self.history, self.starts, self.today))

    def write_roster(self, folder: Path) -> Path:
        """Write a OneRoster 1.2 CSV folder; import it with `home_page=school.home_page`."""
        return folders.write_roster(
            folder,
            roster.roster(self.cast, self.starts),
            system_name="Learnlake sample school (generated)",
            system_code=f"seed-{self.seed}",
        )

    def write_catalogue(self, folder: Path) -> Path:
        return folders.write_catalogue(folder, catalogue.catalogue(self.cast.sections, self.starts))

    def write(self, folder: Path) -> Path:
        """Write `roster/`, `catalogue/` and `statements.jsonl` into `folder`."""
        self.write_roster(folder / "roster")
        self.write_catalogue(folder / "catalogue")
        with (folder / "statements.jsonl").open("wb") as file:
            file.writelines(statement + b"\n" for statement in self.statements())
        return folder

    def people_for_demo(self) -> DemoPeople:
        """Who to log in as: chosen by what is going on in the running term."""
        student, teacher = self._student_and_teacher()
        return DemoPeople(
            student=student,
            teacher=teacher,
            guardian=self._guardian(),
            principal=next(p.sourced_id for p in self.cast.staff if p.role == "principal"),
            administrator=next(p.sourced_id for p in self.cast.staff if p.role == "siteAdministrator"),
            analyst=next(p.sourced_id for p in self.cast.staff if p.role == "ext:analyst"),
        )

    def _drifting(self) -> np.ndarray:
        """How far each student has drifted away last week."""
        week = min((self.today - self.starts[-1]).days // 7, curriculum.TERM_WEEKS) - 1
        return self.history.drift[-1][:, week]

    def _student_and_teacher(self) -> tuple[str, str]:
        """The running class with most drifting students, and its busiest student."""
        entries = self.cast.enrolments
        answered = self.history.events["answered"].group_by("enrolment").len()
        attempts = np.zeros(len(entries))
        attempts[answered["enrolment"].to_numpy()] = answered["len"].to_numpy()
        drift = self._drifting()[entries.student]
        best = (-1.0, "", "")
        for section in self.cast.sections:
            if section.term != curriculum.TERMS - 1:
                continue
            members = np.flatnonzero(
                (entries.course == COURSES.index(section.course)) & (entries.number == section.number)
            )
            drifting = float((drift[members] > 0.4).sum())
            if drifting > best[0]:
                steady = members[drift[members] < 0.1]
                if not len(steady):
                    continue
                busiest = steady[np.argmax(attempts[steady])]
                student = self.cast.students[entries.student[busiest]].sourced_id
                best = (drifting, student, section.teacher_id)
        return best[1], best[2]

    def _guardian(self) -> str:
        """One with two children, of whom one is drifting away, if there is such a family."""
        index = {student.sourced_id: i for i, student in enumerate(self.cast.students)}
        drift = self._drifting()

        def interest(children: tuple[str, ...]) -> float:
            levels = [drift[index[child]] for child in children]
            return max(levels) - min(levels)

        families = [guardian for guardian in self.cast.guardians if len(guardian.agents) == 2]
        return max(families, key=lambda guardian: interest(guardian.agents)).sourced_id


def generate(*, today: dt.date, seed: int = DEFAULT_SEED, students: int = DEFAULT_STUDENTS) -> SampleSchool:
    """Make the school as it stands on the morning of `today`, in week 8 of its third term.

    The same seed, day and number of students give the same bytes; on another day of the same week the school is the same
    and only its newest days are missing or added. InputError for fewer than MIN_STUDENTS.
    """
    if students < MIN_STUDENTS:
        raise InputError(f"{students} students make no school", mend=f"ask for {MIN_STUDENTS} or more")
    people, life = np.random.default_rng(seed).spawn(2)
    starts = curriculum.term_starts(today)
    everyone = cast(people, students=students, school_year_start=starts[0])
    return SampleSchool(today, seed, starts, everyone, behaviour.simulate(life, everyone))


def send(
    school: SampleSchool, sender: Sender, *, progress: Callable[[SendReport], None] | None = None
) -> SendReport:
    """Send the year's statements in the order of time, as an LMS would have."""
    return sender.send(school.statements(), progress=progress)
