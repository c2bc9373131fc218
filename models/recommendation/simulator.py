"""A school whose truth is known: latent skills with prerequisites, learning, guessing, slips and forgetting. For judging recommenders.

Its laws are not those of the models that are judged: learning needs prerequisites and ability, memory fades with time and grows with spaced use.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from models.recommendation.recommend import ITEM, LESSON

FIRST_DAY = dt.date(2026, 1, 5)
Floats = NDArray[np.float64]


@dataclasses.dataclass(frozen=True)
class World:
    """Courses of `skills` skills each; arrays are by course and skill. `needs[c, k, j]`: in course c, skill k builds on j."""

    needs: NDArray[np.bool_]
    learn: Floats
    guess: Floats
    slip: Floats
    seed: int

    @property
    def courses(self) -> int:
        return self.learn.shape[0]

    @property
    def skills(self) -> int:
        return self.learn.shape[1]

    def skill_key(self, course: int, skill: int) -> str:
        return f"c{course:02}-k{skill:02}"


def draw_world(*, courses: int, skills: int = 20, seed: int = 0) -> World:
    """Each skill after the first few builds on one or two of the four before it; the rates differ by skill."""
    dice = np.random.default_rng(seed)
    needs = np.zeros((courses, skills, skills), dtype=bool)
    for course in range(courses):
        for skill in range(2, skills):
            before = np.arange(max(0, skill - 4), skill)
            for one in dice.choice(before, size=min(len(before), int(dice.integers(0, 3))), replace=False):
                needs[course, skill, one] = True
    shape = (courses, skills)
    return World(
        needs,
        dice.uniform(0.06, 0.35, shape),
        dice.uniform(0.1, 0.3, shape),
        dice.uniform(0.04, 0.12, shape),
        seed,
    )


@dataclasses.dataclass
class Class:
    """Students' hidden state, by student and skill: known, how many days memory lasts, the day of the last practice."""

    course: NDArray[np.int64]
    ability: Floats
    known: NDArray[np.bool_]
    strength_days: Floats
    last_day: Floats

    def copy(self) -> Class:
        return dataclasses.replace(
            self,
            known=self.known.copy(),
            strength_days=self.strength_days.copy(),
            last_day=self.last_day.copy(),
        )


def enrol(world: World, *, students_per_course: int, seed: int) -> Class:
    """Students who know some of the first skills."""
    dice = np.random.default_rng([world.seed, seed])
    course = np.repeat(np.arange(world.courses), students_per_course)
    shape = (len(course), world.skills)
    chance = 0.5 * np.exp(-np.arange(world.skills) / 3.0)
    return Class(
        course,
        dice.lognormal(0.0, 0.35, len(course)),
        dice.random(shape) < chance,
        np.full(shape, 20.0),
        np.zeros(shape),
    )


def practise(
    world: World,
    pupils: Class,
    skill: NDArray[np.int64],
    *,
    day: int,
    answers: int,
    dice: np.random.Generator,
) -> NDArray[np.bool_]:
    """Every student answers `answers` questions on her `skill` (-1: none) on `day`; `pupils` changes. Answers right or wrong, by student."""
    who = np.flatnonzero(skill >= 0)
    right = np.zeros((len(skill), answers), dtype=bool)
    course, chosen = pupils.course[who], skill[who]
    needed = world.needs[course, chosen]
    ready = np.where(needed, pupils.known[who], True).all(axis=1)
    pace = world.learn[course, chosen] * pupils.ability[who] * np.where(ready, 1.0, 0.15)
    known = pupils.known[who, chosen]
    gap = day - pupils.last_day[who, chosen]
    strength = pupils.strength_days[who, chosen]
    recalled = known & (dice.random(len(who)) < np.exp(-gap / strength))
    strength = np.where(recalled, strength * (1 + np.minimum(1.0, gap / strength)), strength)
    has = recalled.copy()
    for n in range(answers):
        right[who, n] = dice.random(len(who)) < np.where(
            has, 1 - world.slip[course, chosen], world.guess[course, chosen]
        )
        rate = np.where(known, 0.6, np.minimum(pace, 0.9))
        has |= dice.random(len(who)) < rate
    pupils.known[who, chosen] = known | has
    pupils.strength_days[who, chosen] = strength
    pupils.last_day[who, chosen] = day
    return right


def remembered(pupils: Class, *, day: int) -> Floats:
    """Share of the course's skills that each student would show in a test on `day`."""
    chance = np.exp(-(day - pupils.last_day) / pupils.strength_days)
    return np.asarray((pupils.known * chance).mean(axis=1))


def person_key(student: int) -> str:
    return f"p{student:05}"


def catalogue(world: World, pupils: Class) -> dict[str, Any]:
    """The frames that `recommend` takes beside mastery: a lesson and two questions for each skill, a class per course."""
    skills = [(c, k) for c in range(world.courses) for k in range(world.skills)]
    offered = [
        (f"{kind[-6:]}{n}-{world.skill_key(c, k)}", kind, f"course{c:02}", world.skill_key(c, k))
        for c, k in skills
        for n, kind in enumerate((LESSON, ITEM, ITEM))
    ]
    edges = [
        ("sim", world.skill_key(int(c), int(k)), world.skill_key(int(c), int(j)))
        for c, k, j in np.argwhere(world.needs)
    ]
    text = pl.String
    return {
        "enrolments": pl.DataFrame(
            {
                "tenant": "sim",
                "person_key": [person_key(n) for n in range(len(pupils.course))],
                "school_key": "school",
                "section_key": [f"class{c:02}" for c in pupils.course],
                "course_key": [f"course{c:02}" for c in pupils.course],
                "role": "student",
                "is_active": True,
            }
        ),
        "activities": pl.DataFrame(
            [("sim", key, kind, course, None) for key, kind, course, _ in offered],
            schema=dict.fromkeys(("tenant", "activity_key", "type", "course_key"), text)
            | {"due_date": pl.Date},
            orient="row",
        ),
        "activity_skills": pl.DataFrame(
            [("sim", key, skill) for key, _, _, skill in offered],
            schema=dict.fromkeys(("tenant", "activity_key", "skill_key"), text),
            orient="row",
        ),
        "skills": pl.DataFrame(
            [("sim", key, key, [key]) for key in (world.skill_key(c, k) for c, k in skills)],
            schema=dict.fromkeys(("tenant", "skill_key", "title"), text)
            | {"component_skill_keys": pl.List(text)},
            orient="row",
        ),
        "prerequisites": pl.DataFrame(
            edges, schema=dict.fromkeys(("tenant", "skill_key", "prerequisite_skill_key"), text), orient="row"
        ),
    }


def date_of(day: int) -> dt.date:
    return FIRST_DAY + dt.timedelta(days=day)
