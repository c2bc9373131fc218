"""Through real pipeline runs: what was published is kept once, is judged when its days are over, outlives the working file, and goes with the person."""

from __future__ import annotations

import datetime as dt
import json

import duckdb
import polars as pl
import pytest

from learnlake.protocols import Subject
from learnlake.settings import Settings
from models import registry, retraining
from models.card import REQUIRED_FACTS
from models.mastery import MasteryModel, SkillParameters
from models.recommendation import RegisteredPolicy
from models.recommendation.choices import SCHEMA
from models.recommendation.learned import RewardModel
from models.recommendation.policy import FEATURES
from models.recommendation.recommend import LESSON
from models.recommendation.registered import CARD, RULE_CARD
from pipelines import choosing, stages, training
from tests.warehouse.sealed import ANSWERED, ITEM, VIEWED, activity, seal, statement
from warehouse import choices, snapshot
from warehouse.rights import WarehouseRoom

FIRST = dt.date(2026, 11, 2)
LEARNERS = 8
NAME = registry.model_name("recommendation", "t")


def answers(actor: str, day: dt.date) -> list[dict[str, object]]:
    """Three questions on each of three skills."""
    return [
        statement(
            actor,
            ANSWERED,
            activity(f"https://lms.test/items/{skill}-{number}", ITEM),
            at=dt.datetime.combine(day, dt.time(9, number), dt.UTC),
            course="https://lms.test/courses/algebra",
            course_title="Algebra",
            success=(number + len(skill) + len(actor)) % 3 > 1,
            skills=[skill],
        )
        for skill in ("slope", "area", "ratio")
        for number in range(3)
    ]


def views(actor: str, day: dt.date, *pages: str) -> list[dict[str, object]]:
    return [
        statement(
            actor,
            VIEWED,
            activity(f"https://lms.test/pages/{page}", LESSON, f"Page {page}"),
            at=dt.datetime.combine(day, dt.time(10), dt.UTC),
            course="https://lms.test/courses/algebra",
        )
        for page in pages
    ]


def send(settings: Settings, day: dt.date) -> None:
    """Everybody answers and reads the first page; five read the second."""
    made = [one for n in range(LEARNERS) for one in answers("a" * (n + 1), day)]
    made += [one for n in range(LEARNERS) for one in views("a" * (n + 1), day, *("1", "2")[: 1 + (n < 5)])]
    seal(settings.home, made, stored=dt.datetime.combine(day, dt.time(12), dt.UTC))


def run(settings: Settings, day: dt.date, run_id: str, *, explore: float = 0.5) -> None:
    asked = settings.model_copy(update={"today": day, "recommendation_explore_share": explore})
    stages.incremental(asked, run_id=run_id, started_by="test")


def log(settings: Settings) -> pl.DataFrame:
    return choices.read(settings.home, "t", SCHEMA)


def published(settings: Settings, query: str) -> list[tuple[object, ...]]:
    with (
        snapshot.holding(settings.home) as held,
        duckdb.connect(str(snapshot.tenant_file(held.folder, "t")), read_only=True) as file,
    ):
        return file.execute(query).fetchall()


def prepare(settings: Settings) -> None:
    """A mastery model by which nobody knows everything at once."""
    name = registry.model_name("mastery", "t")
    model = MasteryModel({}, SkillParameters(0.3, 0.05, 0.0, 0.3, 0.2), "t")
    card = dict.fromkeys(REQUIRED_FACTS, "for a test") | {"data": {}}
    registry.promote(
        settings.home, name, registry.register(settings.home, name, model, metrics={}, card=card)
    )


def try_another(settings: Settings) -> str:
    """A learned policy on trial for half of the people, beside the rule; the name of the experiment."""
    rule = registry.register(settings.home, NAME, RegisteredPolicy(), metrics={}, card=RULE_CARD)
    registry.promote(settings.home, NAME, rule)
    count = len(FEATURES)
    reward = RewardModel([0.0] * count, [1.0] * count, [1.0] * (count + count * (count + 1) // 2), 0.0)
    card = {**CARD, "data": {}}
    learned = registry.register(
        settings.home, NAME, RegisteredPolicy(reward, card=card), metrics={}, card=card
    )
    return registry.start_canary(settings.home, NAME, learned, share=0.5)


def test_the_life_of_a_choice(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """Published by a process that dies before it is kept; kept by the next run, judged and shown by it, beside a trial; gone with the person."""
    prepare(settings)
    send(settings, FIRST)
    with monkeypatch.context() as broken:
        broken.setattr(choosing, "keep", _die)
        with pytest.raises(KeyboardInterrupt):
            run(settings, FIRST, "one")
    shown = published(settings, "select person_key, activity_key, rank from prd_next_activity order by 1, 3")
    assert shown and log(settings).is_empty()

    over = FIRST + dt.timedelta(days=14)
    experiment = try_another(settings)
    send(settings, over)
    run(settings, over, "two")
    first = log(settings).filter(decided_on=FIRST).sort("person_key", "rank")
    assert first.select("person_key", "activity_key", "rank").rows() == shown
    assert set(first["run_id"]) == {"one"} and set(first["arm"]) == {"champion"}
    chosen = first.drop_nulls("decision_id")
    assert chosen["person_key"].n_unique() > LEARNERS / 2, "three skills each: there was a choice"
    assert (chosen["propensity"] > 0).all() and (chosen["explore_share"] == 0.5).all()
    assert first["judged_on"].null_count() == 0
    assert first["is_attempted"].all() and first["right_count"].sum() > 0
    counts = "select count(*), count(judged_on), count(mastery_rise), count(distinct policy_version) from prd_choice"
    assert published(settings, counts) == [(len(chosen), len(chosen), len(chosen), 1)], "as the day began"
    _check_arms(settings, experiment, over)
    others = published(settings, "select person_key, support_count, why from prd_resource")
    assert len({person for person, _, _ in others}) == len(others) == LEARNERS - 5
    told = "5 others in your course who worked with \u201cPage 1\u201d also used this."
    assert {(count, why) for _, count, why in others} == {(5, told)}
    _check_rights(settings, str(chosen["person_key"].max()))


def _die(*_: object) -> None:
    raise KeyboardInterrupt


def _check_arms(settings: Settings, experiment: str, day: dt.date) -> None:
    """Whom the other policy ranks follows from the person's key, and each choice says which it was."""
    arms = log(settings).filter(decided_on=day)
    assert arms["person_key"].n_unique() > LEARNERS / 2
    for row in arms.iter_rows(named=True):
        is_tried = registry.in_share(experiment, row["person_key"], 0.5)
        expected = ("canary", "learned-2") if is_tried else ("champion", "ranked-1")
        assert (row["arm"], row["policy_version"], row["experiment"]) == (*expected, experiment)
    with (
        snapshot.holding(settings.home) as held,
        training.from_snapshot(settings.home, held.folder, "t") as read,
    ):
        assert len(read(retraining.CHOICES)) == len(log(settings))
    [told] = stages.policy_values(settings).values()
    assert str(told["verdict"]).endswith("500 are needed to value a policy")


def _check_rights(settings: Settings, person_key: str) -> None:
    subject = Subject("t", (person_key,), (), ())
    room = WarehouseRoom(lambda _: None)
    before = log(settings)
    [found] = [f for f in room.find(settings, subject) if f.what.startswith("choices of the recommender")]
    assert found.count == len(before.filter(person_key=person_key)) > 0
    [file] = [held for held in room.held(settings, subject) if held.path == "choices.json"]
    told = json.loads(b"".join(file.content))
    assert {row["person_key"] for row in told} == {person_key}
    room.erase(settings, subject)
    assert set(log(settings)["person_key"]) == set(before["person_key"]) - {person_key}
