"""What the sample school's students do, week by week, and why: the simulation. Vectors in, vectors out; no statement here.

The causes, which a model can find again from the events but which no statement carries:

- ability and effort: two correlated traits, the first decides how fast a skill is learnt, the second how much is done;
- knowledge: each skill is known or not (as in Bayesian Knowledge Tracing). It is learnt in the unit that teaches it, more
  likely by who attends, reads and watches, and far less likely by who lacks what the skill builds on;
- drifting away: in each term some students, most of them with little effort or after a bad term, come less and less:
  log-ins fall, absences rise, deadlines pass. Some come back; some withdraw; most of the others fail.
"""

from __future__ import annotations

import dataclasses

import numpy as np
import polars as pl

from sources.school.cast import Cast
from sources.school.curriculum import (
    ASSESSMENTS,
    ASSIGNMENT_WEEK,
    COURSES,
    EXAM_WEEK,
    ITEMS_PER_QUIZ,
    PREREQUISITES,
    QUIZ_WEEKS,
    TERM_WEEKS,
    TERMS,
    UNIT_WEEKS,
    UNITS_PER_TERM,
    has_video,
)

DAY = 86_400
_LAST_DAY = 7 * TERM_WEEKS - 1
_NEVER = 10_000
_SKILLS = len(PREREQUISITES)
_PASS, _DISTINCTION = 0.45, 0.82
_MEETING_DAYS = np.array([{"Mathematics": 0, "English": 1}.get(course.subject, 3) for course in COURSES])

Columns = dict[str, np.ndarray]


@dataclasses.dataclass(frozen=True)
class History:
    """What happened. `events`: per kind a frame with `term`, `enrolment` (log-ins: `student`) and `second` since the
    term's first midnight. `drift`: how far a student has drifted away, 0..1 (terms x students x weeks)."""

    events: dict[str, pl.DataFrame]
    drift: np.ndarray


def simulate(rng: np.random.Generator, cast: Cast) -> History:
    """Three whole terms of everyone."""
    school = _School(rng, cast)
    for term in range(TERMS):
        school.live_through(term)
    events = {kind: pl.concat([pl.DataFrame(part) for part in parts]) for kind, parts in school.found.items()}
    return History(events, np.stack(school.drift))


def _sigmoid(x: np.ndarray | float) -> np.ndarray:
    return 1 / (1 + np.exp(-np.asarray(x)))


@dataclasses.dataclass(frozen=True)
class _Term:
    """One term's circumstances: `drift` of each student (students x weeks), `level` (the same per enrolment), `engaged`
    (enrolments x weeks, 0..1), `begin` and `left` (first and last day of each enrolment, counted from the term's start)."""

    number: int
    drift: np.ndarray
    level: np.ndarray
    engaged: np.ndarray
    begin: np.ndarray
    left: np.ndarray


class _School:
    def __init__(self, rng: np.random.Generator, cast: Cast) -> None:
        self.rng = rng
        self.cast = cast
        entries = cast.enrolments
        self.size = len(entries)
        self.student = entries.student
        self.ability = cast.ability[self.student]
        self.effort = cast.effort[self.student]
        self.affinity = rng.normal(scale=0.45, size=self.size)
        self.difficulty = rng.normal(scale=0.7, size=(len(COURSES), TERMS, len(QUIZ_WEEKS), ITEMS_PER_QUIZ))
        self.known = self._known_at_first()
        self.struggled = np.zeros(len(cast.students))
        self.drift: list[np.ndarray] = []
        self.found: dict[str, list[Columns]] = {}

    def record(
        self, kind: str, term: _Term, who: np.ndarray, second: np.ndarray, **columns: np.ndarray
    ) -> None:
        """Keep events of the enrolments `who` that were there on the day."""
        day = second // DAY
        there = (day >= term.begin[who]) & (day <= term.left[who]) & (day <= _LAST_DAY)
        rows: Columns = {"enrolment": who[there], "second": second[there].astype(np.int64)}
        rows |= {name: values[there] for name, values in columns.items()}
        rows["term"] = np.full(int(there.sum()), term.number)
        self.found.setdefault(kind, []).append(rows)

    def live_through(self, number: int) -> None:
        term = self._begin_term(number)
        self._enrol(term)
        scores = np.full((self.size, len(ASSESSMENTS)), np.nan)
        self._log_in(term)
        for week in range(1, TERM_WEEKS + 1):
            attended = self._meet(term, week)
            read, watched = self._study(term, week)
            self._learn(term, week, attended, read, watched)
            if week in QUIZ_WEEKS:
                self._take_quiz(term, week, scores)
            if week == ASSIGNMENT_WEEK:
                self._hand_in(term, "assignment", week, scores)
            if week == EXAM_WEEK:
                self._hand_in(term, "exam", week, scores)
        self._conclude(term, scores)

    def _known_at_first(self) -> np.ndarray:
        """Skills that students bring along (enrolments x skills). What the year before taught decides the first."""
        known = np.zeros((self.size, _SKILLS), dtype=bool)
        has_basis = self.rng.random(self.size) < _sigmoid(0.9 + 0.9 * self.ability)
        for skill, before in enumerate(PREREQUISITES):
            ready = known[:, list(before)].all(axis=1) if before else has_basis
            chance = _sigmoid(-1.6 + 0.9 * self.ability) * np.where(ready, 1.0, 0.3)
            known[:, skill] = self.rng.random(self.size) < chance
        self.has_basis = has_basis
        return known

    def _begin_term(self, number: int) -> _Term:
        """Draw who drifts away from which week on, and who withdraws."""
        rng, count = self.rng, len(self.cast.students)
        chance = _sigmoid(-2.3 - 0.85 * self.cast.effort - 0.3 * self.cast.ability + 1.3 * self.struggled)
        drifts = rng.random(count) < chance
        onset = rng.integers(2, 9, size=count)
        depth = rng.uniform(0.5, 1.0, size=count)
        weeks = np.arange(1, TERM_WEEKS + 1)
        drift = np.clip((weeks - onset[:, None] + 1) / 3, 0, 1) * depth[:, None] * drifts[:, None]
        back = np.where(rng.random(count) < 0.25, onset + rng.integers(3, 6, size=count), _NEVER)
        drift = np.where(weeks >= back[:, None], 0.15 * drift, drift)
        self.drift.append(drift)
        level = np.clip(drift[self.student] * rng.uniform(0.6, 1.15, size=(self.size, 1)), 0, 1)
        noise = rng.normal(scale=0.35, size=level.shape)
        mood = 0.9 + 0.75 * self.effort + self.affinity
        engaged = _sigmoid(mood[:, None] + noise) * (1 - 0.85 * level)

        gives_up = (rng.random(level.shape) < 0.10 * (level > 0.45)) | (rng.random(level.shape) < 0.0012)
        gives_up[:, :3] = False
        gives_up[:, -2:] = False
        first = np.where(gives_up.any(axis=1), gives_up.argmax(axis=1), -1)
        left = np.where(first >= 0, 7 * first + rng.integers(0, 5, size=self.size), _NEVER)
        return _Term(number, drift, level, engaged, self.cast.enrolments.begin_day[number], left)

    def _enrol(self, term: _Term) -> None:
        who = np.arange(self.size)
        repeats = self.cast.prior_attempts[self.student]
        second = term.begin * DAY + 8 * 3600 + self.rng.integers(0, 7 * 3600, size=self.size)
        self.record("registered", term, who, second, prior_attempts=repeats)

    def _log_in(self, term: _Term) -> None:
        """Log-ins are the student's, not a class's: as often as the most engaged of the student's classes asks for."""
        rng = self.rng
        count = len(self.cast.students)
        engaged = np.zeros((count, TERM_WEEKS))
        np.maximum.at(engaged, self.student, term.engaged)
        times = rng.poisson(0.15 + 1.2 * engaged)
        student, week = (index.repeat(times.ravel()) for index in map(np.ravel, np.indices(times.shape)))
        day = 7 * week + rng.choice(7, p=[0.19, 0.18, 0.17, 0.17, 0.13, 0.06, 0.10], size=len(week))
        by_student = np.lexsort((term.left, self.student))
        stays_longest = by_student[
            np.searchsorted(self.student[by_student], np.arange(count), side="right") - 1
        ]
        self.record(
            "logged_in",
            term,
            stays_longest[student],
            day * DAY + self._time_of_day(len(day)),
            student=student,
        )

    def _time_of_day(self, size: int) -> np.ndarray:
        """Seconds since midnight: afternoons and evenings."""
        hours = np.clip(self.rng.normal(17.2, 2.4, size=size), 6.5, 22.5)
        return (hours * 3600).astype(np.int64)

    def _meet(self, term: _Term, week: int) -> np.ndarray:
        """The weekly class meeting; answers who attended."""
        rng, level = self.rng, term.level[:, week - 1]
        absent = rng.random(self.size) < np.clip(0.035 + 0.42 * level - 0.012 * self.effort, 0.008, 0.9)
        excused = absent & (rng.random(self.size) < np.where(level > 0.3, 0.15, 0.5))
        late = ~absent & (
            rng.random(self.size) < np.clip(0.04 + 0.15 * level - 0.015 * self.effort, 0.005, 0.5)
        )
        status = np.select([excused, absent, late], [3, 2, 1], default=0)
        entries = self.cast.enrolments
        grade = np.array([course.grade for course in COURSES])[entries.course]
        day = 7 * (week - 1) + _MEETING_DAYS[entries.course]
        second = day * DAY + (8 + entries.number + grade % 2) * 3600
        self.record("meeting", term, np.arange(self.size), second, status=status)
        there = (day >= term.begin) & (day <= term.left)
        return ~absent & there

    def _study(self, term: _Term, week: int) -> tuple[np.ndarray, np.ndarray]:
        """The week's lesson and video; answers who read and who watched."""
        rng, engaged = self.rng, term.engaged[:, week - 1]
        days = 7 * (week - 1) + rng.integers(0, 7, size=self.size)
        read = rng.random(self.size) < 0.5 * engaged
        who = np.flatnonzero(read)
        second = days[who] * DAY + self._time_of_day(len(who))
        seconds = np.clip(rng.lognormal(6.4, 0.6, size=len(who)), 30, 5400)
        self.record(
            "viewed", term, who, second, week=np.full(len(who), week), duration_seconds=seconds.round(1)
        )
        watched = (rng.random(self.size) < 0.26 * engaged) & has_video(week)
        who = np.flatnonzero(watched)
        share = np.where(
            rng.random(len(who)) < 0.35 + 0.6 * engaged[who], 1.0, rng.uniform(0.05, 0.85, len(who))
        )
        second = days[who] * DAY + self._time_of_day(len(who)) + 1800
        self.record("watched", term, who, second, week=np.full(len(who), week), share=share.round(3))
        return read, watched

    def _ready(self, skill: int) -> np.ndarray:
        before = list(PREREQUISITES[skill])
        return np.asarray(self.known[:, before].all(axis=1)) if before else self.has_basis

    def _learn(
        self, term: _Term, week: int, attended: np.ndarray, read: np.ndarray, watched: np.ndarray
    ) -> None:
        skill = term.number * UNITS_PER_TERM + (week - 1) // UNIT_WEEKS
        chance = _sigmoid(-2.1 + 0.75 * self.ability + 0.9 * attended + 0.9 * read + 0.6 * watched)
        chance *= np.where(self._ready(skill), 1.0, 0.3) * (1 - 0.7 * term.level[:, week - 1])
        self.known[:, skill] |= self.rng.random(self.size) < chance

    def _handed_in(self, term: _Term, week: int, slack: float) -> tuple[np.ndarray, np.ndarray]:
        """(who hands in, on which day of the term). Late ones up to five days after Friday, early ones from Monday."""
        rng, level = self.rng, term.level[:, week - 1]
        does = rng.random(self.size) < _sigmoid(slack + 0.6 * self.effort + 0.3 * self.affinity - 4.6 * level)
        late = rng.random(self.size) < _sigmoid(-2.5 - 0.6 * self.effort + 2.2 * level)
        early = np.minimum(rng.poisson(np.exp(0.1 + 0.35 * self.effort), size=self.size), 4)
        day = 7 * (week - 1) + 4 + np.where(late, rng.integers(1, 6, size=self.size), -early)
        does &= (day >= term.begin) & (day <= term.left) & (day <= _LAST_DAY)
        return np.flatnonzero(does), day

    def _take_quiz(self, term: _Term, week: int, scores: np.ndarray) -> None:
        rng, quiz = self.rng, QUIZ_WEEKS.index(week) + 1
        who, day = self._handed_in(term, week, 3.0)
        course = self.cast.enrolments.course[who]
        clock = day[who] * DAY + np.minimum(self._time_of_day(len(who)), 22 * 3600)
        correct_total = np.zeros(len(who))
        for item in range(ITEMS_PER_QUIZ):
            wanted = [COURSES[c].item_skills(term.number, quiz, item) for c in course]
            knows = np.array(
                [self.known[w, list(skills)].all() for w, skills in zip(who, wanted, strict=True)]
            )
            hard = self.difficulty[course, term.number, quiz - 1, item]
            slip = _sigmoid(-2.3 + 0.8 * hard - 0.35 * self.ability[who])
            guess = _sigmoid(-1.3 - 0.8 * hard + 0.35 * self.ability[who])
            correct = rng.random(len(who)) < np.where(knows, 1 - slip, guess)
            seconds = np.clip(rng.lognormal(3.6 + 0.25 * hard + 0.2 * ~knows, 0.45, size=len(who)), 4, 600)
            clock = clock + seconds.astype(np.int64) + 3
            self.record(
                "answered",
                term,
                who,
                clock,
                quiz=np.full(len(who), quiz),
                item=np.full(len(who), item),
                is_correct=correct,
                choice=np.where(correct, 0, rng.choice([1, 2, 3], p=[0.55, 0.3, 0.15], size=len(who))),
                duration_seconds=seconds.round(1),
            )
            correct_total += correct
            practised = rng.random(len(who)) < 0.10
            for position in np.flatnonzero(practised):
                self.known[who[position], wanted[position][-1]] = True
        self._mark(term, f"q{quiz}", who, clock + 20, correct_total / ITEMS_PER_QUIZ, scores)

    def _hand_in(self, term: _Term, slot: str, week: int, scores: np.ndarray) -> None:
        """Marked work: by what is known of the term's skills so far, ability, effort and luck."""
        who, day = self._handed_in(term, week, 2.6 if slot == "assignment" else 3.6)
        first = term.number * UNITS_PER_TERM
        taught = first + max(1, (week - 1) // UNIT_WEEKS)
        knows = self.known[who, first : max(taught, first + 1) + (slot == "exam")].mean(axis=1)
        score = 0.38 + 0.42 * knows + 0.05 * self.ability[who] + 0.05 * self.effort[who]
        score = np.clip(score + self.rng.normal(scale=0.10, size=len(who)), 0, 1).round(2)
        self._mark(term, slot, who, day[who] * DAY + self._time_of_day(len(who)), score, scores)

    def _mark(
        self,
        term: _Term,
        slot: str,
        who: np.ndarray,
        second: np.ndarray,
        score: np.ndarray,
        scores: np.ndarray,
    ) -> None:
        index = next(i for i, assessment in enumerate(ASSESSMENTS) if assessment.slot == slot)
        scores[who, index] = score
        self.record("submitted", term, who, second, slot=np.full(len(who), index), score=score)

    def _conclude(self, term: _Term, scores: np.ndarray) -> None:
        """The outcome on the term's last evening. What was not handed in counts nothing, unless it was due before one came."""
        due_day = np.array([7 * (assessment.week - 1) + 4 for assessment in ASSESSMENTS])
        weight = np.array([assessment.weight for assessment in ASSESSMENTS]) * (
            due_day >= term.begin[:, None]
        )
        mark = (np.nan_to_num(scores) * weight).sum(axis=1) / weight.sum(axis=1)
        withdrawn = term.left < _NEVER
        outcome = np.select([withdrawn, mark < _PASS, mark < _DISTINCTION], [0, 1, 2], default=3)
        second = np.full(self.size, _LAST_DAY * DAY + 18 * 3600)
        everyone = dataclasses.replace(term, left=np.full(self.size, _NEVER))
        self.record("concluded", everyone, np.arange(self.size), second, outcome=outcome, left_day=term.left)
        share = np.zeros(len(self.cast.students))
        np.add.at(share, self.student, (outcome <= 1) / 3)
        self.struggled = (share > 0.5).astype(float)
