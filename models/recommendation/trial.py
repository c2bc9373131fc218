"""Recommenders tried on the simulator: what students know after a term under each, and whether off-policy estimates find the truth."""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import polars as pl

from models.mastery import MasteryModel, SkillParameters
from models.mastery.bkt import fit
from models.recommendation import simulator as sim
from models.recommendation.learned import LearnedPolicy
from models.recommendation.off_policy import advantage, value, verdict
from models.recommendation.policy import Policy, Ranked, Uniform, WeakestFirst
from models.recommendation.recommend import recommend

DAYS_BETWEEN = 2
TEST_AFTER_DAYS = 21
"""The test comes three weeks after the last session: what was crammed is gone by then."""
EXPLORE = 0.3
CHANCE, WEAKEST, RANKED = "any skill by chance", "weakest skill first", "ranked"
Choose = Callable[["Term", int], np.ndarray]


@dataclasses.dataclass(frozen=True)
class Size:
    """How large a trial is. Each course is a world of its own; intervals are over courses."""

    courses: int = 16
    students_per_course: int = 30
    skills: int = 16
    sessions: int = 36
    answers: int = 4


class Term:
    """One term of one class: hidden state, mastery as the model sees it, and the answers so far."""

    def __init__(self, world: sim.World, tracing: MasteryModel, size: Size, *, seed: int) -> None:
        self.world, self.tracing, self.size = world, tracing, size
        self.pupils = sim.enrol(world, students_per_course=size.students_per_course, seed=seed)
        self.frames = sim.catalogue(world, self.pupils)
        self.dice = np.random.default_rng([world.seed, seed, 7])
        self.attempts: list[pl.DataFrame] = []
        keys = [[world.skill_key(c, k) for k in range(world.skills)] for c in range(world.courses)]
        table = np.array([[tracing.parameters(key) for key in row] for row in keys])
        self.parameters = table[self.pupils.course]  # student, skill, (prior, learn, forget, guess, slip)
        self.mastery = self.parameters[:, :, 0].copy()
        self.count = np.zeros(self.mastery.shape, dtype=np.int64)

    def work(self, skill: np.ndarray, *, day: int) -> None:
        """Everybody practises the given skill, and the model sees the answers."""
        right = sim.practise(
            self.world, self.pupils, skill, day=day, answers=self.size.answers, dice=self.dice
        )
        self.mastery = self.after(skill, right)
        who = np.flatnonzero(skill >= 0)
        self.count[who, skill[who]] += self.size.answers
        self.attempts.append(self._answers(who, skill, right, day))

    def after(self, skill: np.ndarray, right: np.ndarray) -> np.ndarray:
        """Mastery by the model once it has seen `right`."""
        who = np.flatnonzero(skill >= 0)
        new = self.mastery.copy()
        _, learn, _, guess, slip = self.parameters[who, skill[who]].T
        level = new[who, skill[who]]
        for n in range(right.shape[1]):
            is_right = right[who, n]
            by_knowing = level * np.where(is_right, 1 - slip, slip)
            known = by_knowing / (by_knowing + (1 - level) * np.where(is_right, guess, 1 - guess))
            level = known + (1 - known) * learn
        new[who, skill[who]] = level
        return new

    def recommended(self, policy: Policy, day: int, *, reviews: bool, explore: float = 0.0) -> Any:
        practised = np.argwhere(self.count > 0)
        course = self.pupils.course
        rows = [("sim", sim.person_key(s), self.world.skill_key(course[s], k)) for s, k in practised]
        known = pl.DataFrame(
            rows, schema=dict.fromkeys(("tenant", "person_key", "skill_key"), pl.String), orient="row"
        )
        held = tuple(practised.T)
        last = [
            dt.datetime.combine(sim.date_of(int(d)), dt.time(9), dt.UTC) for d in self.pupils.last_day[held]
        ]
        known = known.with_columns(
            mastery=pl.Series(self.mastery[held], dtype=pl.Float64),
            opportunity_count=pl.Series(self.count[held], dtype=pl.Int64),
            last_attempt_at=pl.Series(last, dtype=pl.Datetime("us", "UTC")),
        )
        answers = pl.concat(self.attempts) if reviews and self.attempts else None
        return recommend(
            known,
            **self.frames,
            attempts=answers,
            tracing=self.tracing,
            as_of=sim.date_of(day),
            policy=policy,
            explore=explore,
        )

    def first(self, found: pl.DataFrame) -> np.ndarray:
        """The skill of each student's first suggestion, -1 where there is none."""
        top = found.sort("rank").unique("person_key", keep="first")
        skill = np.full(len(self.pupils.course), -1)
        for person, key in top.select("person_key", "skill_key").iter_rows():
            skill[int(person[1:])] = int(key[-2:])
        return skill

    def _answers(self, who: np.ndarray, skill: np.ndarray, right: np.ndarray, day: int) -> pl.DataFrame:
        count = right.shape[1]
        start = dt.datetime.combine(sim.date_of(day), dt.time(9), dt.UTC)
        course = self.pupils.course[who]
        keys = [self.world.skill_key(c, k) for c, k in zip(course, skill[who], strict=True)]
        before = len(self.attempts) * count
        return pl.DataFrame(
            {
                "tenant": "sim",
                "person_key": np.repeat([sim.person_key(s) for s in who], count),
                "school_key": "school",
                "section_key": np.repeat([f"class{c:02}" for c in course], count),
                "course_key": np.repeat([f"course{c:02}" for c in course], count),
                "skill_key": np.repeat(keys, count),
                "activity_key": pl.Series([None] * (len(who) * count), dtype=pl.String),
                "is_correct": right[who].ravel(),
                "responded_at": [start + dt.timedelta(minutes=n) for _ in who for n in range(count)],
                "response_number": [before + n + 1 for _ in who for n in range(count)],
            }
        )


def any_skill(term: Term, day: int) -> np.ndarray:
    """Any skill of the course, by chance."""
    return term.dice.integers(0, term.world.skills, len(term.pupils.course))


def weakest_skill(term: Term, day: int) -> np.ndarray:
    """The lowest mastery, prerequisites or not."""
    return np.asarray(term.mastery.argmin(axis=1))


def suggested(policy: Policy, *, reviews: bool) -> Choose:
    def choose(term: Term, day: int) -> np.ndarray:
        return term.first(term.recommended(policy, day, reviews=reviews).rows)

    return choose


def pilot(world: sim.World, size: Size, *, seed: int) -> MasteryModel:
    """A mastery model fitted on a term of other students who practised by chance, or what came along."""
    blank = MasteryModel({}, usual(), "sim")
    term = Term(world, blank, size, seed=seed)
    for session in range(size.sessions):
        step = session * world.skills // size.sessions
        near = np.clip(step + term.dice.integers(-3, 4, len(term.pupils.course)), 0, world.skills - 1)
        term.work(near, day=session * DAYS_BETWEEN)
    return fit(pl.concat(term.attempts), tenant="sim")


def usual() -> SkillParameters:
    """What a skill is like before anything is known about it."""
    return SkillParameters(0.3, 0.15, 0.0, 0.2, 0.1)


def ways(*, seed: int = 0, learned: Policy | None = None) -> dict[str, Choose]:
    """The recommenders that are compared."""
    known = {
        CHANCE: any_skill,
        WEAKEST: weakest_skill,
        "ready skill by chance": suggested(Uniform(seed), reviews=False),
        "weakest ready skill first": suggested(WeakestFirst(), reviews=False),
        "ranked, no review": suggested(Ranked(), reviews=False),
        RANKED: suggested(Ranked(), reviews=True),
    }
    return known if learned is None else {**known, "learned": suggested(learned, reviews=True)}


def compare(size: Size, tried: Mapping[str, Choose], *, seed: int = 0) -> pl.DataFrame:
    """Per recommender what students remember in the test, and how much more that is than under chance and under the weakest skill first.

    `tried` holds at least CHANCE and WEAKEST of `ways`. Intervals (95 %) are over courses, all of which every recommender teaches.
    """
    world = sim.draw_world(courses=size.courses, skills=size.skills, seed=seed)
    tracing = pilot(world, size, seed=1)
    shown = {name: _taught(world, tracing, size, choose) for name, choose in tried.items()}
    rows = []
    for name, result in shown.items():
        row: dict[str, Any] = {"recommender": name, "remembered": result.mean()}
        for label, other in (("over_chance", CHANCE), ("over_weakest", WEAKEST)):
            row[label], row[f"{label}_low"], row[f"{label}_high"] = _interval(result - shown[other])
        rows.append(row)
    return pl.DataFrame(rows)


def _taught(world: sim.World, tracing: MasteryModel, size: Size, choose: Choose) -> np.ndarray:
    """What each course's students remember in the test after a term, on average."""
    term = Term(world, tracing, size, seed=2)
    for session in range(size.sessions):
        day = session * DAYS_BETWEEN
        term.work(choose(term, day), day=day)
    shown = sim.remembered(term.pupils, day=(size.sessions - 1) * DAYS_BETWEEN + TEST_AFTER_DAYS)
    return np.bincount(term.pupils.course, weights=shown) / np.bincount(term.pupils.course)


def _interval(values: np.ndarray) -> tuple[float, float, float]:
    from scipy.stats import t

    mean = float(values.mean())
    spread = float(t.ppf(0.975, len(values) - 1) * values.std(ddof=1) / np.sqrt(len(values)))
    return mean, mean - spread, mean + spread


@dataclasses.dataclass(frozen=True)
class Logged:
    """Explored choices, their rewards, and by policy the true value of what it would have chosen on the same states."""

    decisions: pl.DataFrame
    rewards: pl.DataFrame
    truth: dict[str, float]


def log_term(
    world: sim.World, tracing: MasteryModel, size: Size, policies: Mapping[str, Policy], *, seed: int
) -> Logged:
    """A term in which EXPLORE of the choices are by chance. Reward: the rise of mastery, as the model sees it, by the session."""
    term = Term(world, tracing, size, seed=seed)
    decisions, rewards, sums, count = [], [], dict.fromkeys(policies, 0.0), 0
    for session in range(size.sessions):
        day = session * DAYS_BETWEEN
        found = term.recommended(Ranked(), day, reviews=False, explore=EXPLORE)
        choices = found.decisions
        student = {key: int(key[1:]) for key in choices["person_key"].unique()}
        for name, policy in policies.items():
            sums[name] += _true_gain(term, choices, policy, day, student)
        chosen, before = term.first(found.rows), term.mastery.sum(axis=1)
        term.work(chosen, day=day)
        gain = term.mastery.sum(axis=1) - before
        taken = choices.filter("is_chosen")
        decisions.append(choices)
        rewards.append(
            taken.select(
                "decision_id",
                reward=pl.Series([gain[student[p]] for p in taken["person_key"]], dtype=pl.Float64),
            )
        )
        count += len(taken)
    truth = {name: total / count for name, total in sums.items()}
    return Logged(pl.concat(decisions), pl.concat(rewards), truth)


def _true_gain(
    term: Term, choices: pl.DataFrame, policy: Policy, day: int, student: Mapping[str, int], *, draws: int = 4
) -> float:
    """The gain that `policy` would have brought on these states, summed over the choices; the term itself doesn't move."""
    scores = choices.with_columns(policy.scores(choices).alias("target_score"))
    best = scores.sort("target_score", "skill_key", descending=[True, False]).unique(
        "decision_id", keep="first"
    )
    skill = np.full(len(term.pupils.course), -1)
    for person, key in best.select("person_key", "skill_key").iter_rows():
        skill[student[person]] = int(key[-2:])
    dice = np.random.default_rng([day, 99])
    total = 0.0
    for _ in range(draws):
        pupils = term.pupils.copy()
        right = sim.practise(term.world, pupils, skill, day=day, answers=term.size.answers, dice=dice)
        total += float((term.after(skill, right) - term.mastery).sum())
    return total / draws


def off_policy(size: Size, *, seed: int = 0) -> tuple[pl.DataFrame, LearnedPolicy, str]:
    """Each policy's value per choice by every estimator beside the simulator's truth; the policy learnt on other students; its verdict."""
    world = sim.draw_world(courses=size.courses, skills=size.skills, seed=seed)
    tracing = pilot(world, size, seed=1)
    earlier = log_term(world, tracing, size, {}, seed=3)
    learned = LearnedPolicy.fit(earlier.decisions, earlier.rewards)
    policies: dict[str, Policy] = {
        "ranked": Ranked(),
        "weakest ready first": WeakestFirst(),
        "learned": learned,
    }
    later = log_term(world, tracing, size, policies, seed=4)
    valued = {name: value(later.decisions, later.rewards, policy) for name, policy in policies.items()}
    rows = []
    for name, found in valued.items():
        gain = advantage(found, valued["ranked"])
        row: dict[str, Any] = {"policy": name, "truth": later.truth[name]}
        for label in ("ips", "self_normalised", "doubly_robust"):
            estimate = getattr(found, label)
            row[label] = estimate.value
            row[f"{label}_low"], row[f"{label}_high"] = estimate.low, estimate.high
        row |= {"over_ranked": gain.value, "over_ranked_low": gain.low, "over_ranked_high": gain.high}
        row |= {"choices": found.decision_count, "effective": round(found.effective_count)}
        rows.append(row)
    return pl.DataFrame(rows), learned, verdict(valued["learned"], valued["ranked"]).reason
