"""Training in the life of a model: fit, judge against the champion, register with the reason, promote only what is better."""

from __future__ import annotations

import dataclasses
import datetime as dt
import logging
from typing import Any

import polars as pl

from learnlake.errors import ModelError
from learnlake.home import Home
from models import challenge, registry
from models.challenge import FIRST, TRAINED_UNTIL, Read, Verdict

KINDS = ("mastery", "risk", "recommendation")
CHOICES = "choices"
"""What a reader of marts answers the log of choices to (`recommendation.choices.SCHEMA`): it is no mart."""
log = logging.getLogger(__name__)


@dataclasses.dataclass(frozen=True, slots=True)
class Trained:
    """What became of one model: its `version` and whether it scores from now on; in `reason` why, or why there is none."""

    kind: str
    tenant: str
    version: str | None
    metrics: dict[str, float]
    reason: str = ""
    is_promoted: bool = False


def train(
    home: Home, kind: str, tenant: str, read: Read, *, trigger: str, may_promote: bool = True
) -> Trained:
    """Train `kind` on the tenant's marts and keep it as a version; it takes over where it is better than the champion.

    `trigger` says what made us train. ModelError where there is too little to learn from.
    """
    name = registry.model_name(kind, tenant)
    if kind == "recommendation":
        return _policy(home, name, tenant, read, trigger=trigger, may_promote=may_promote)
    model = fit(kind, read)
    verdict = _judged(home, name, kind, read)
    if verdict.is_promoted and not may_promote:
        verdict = dataclasses.replace(
            verdict, is_promoted=False, reason=f"kept by hand; would be {verdict.reason}"
        )
    metrics = {**model.metrics, **verdict.figures}
    card = {**model.card, "trigger": trigger, "promotion": verdict.reason, "fairness": verdict.subgroups}
    version = registry.register(
        home,
        name,
        model,
        metrics=metrics,
        card=card,
        tags={"trigger": trigger, registry.DECISION: verdict.reason},
    )
    if verdict.is_promoted:
        registry.promote(home, name, version, reason=verdict.reason)
    log.info(
        "trained", extra={"model": name, "version": version, "trigger": trigger, "decision": verdict.reason}
    )
    return Trained(kind, tenant, version, metrics, verdict.reason, verdict.is_promoted)


def fit(kind: str, read: Read) -> Any:
    """A model of all of a tenant's marts, its card saying how far it has learned."""
    if kind == "mastery":
        from models import mastery

        attempts = read("fct_attempt")
        model: Any = mastery.train(attempts)
        newest = attempts.drop_nulls(["person_key", "skill_key", "is_correct"])["responded_at"].max()
        model.card[TRAINED_UNTIL] = newest.isoformat()  # type: ignore[union-attr]
        return model
    from models import risk

    outcomes, sessions = read("fct_outcome"), read("dim_academic_session")
    model = risk.train(read("msr_student_week"), outcomes, sessions)
    known = sessions.filter(~pl.col("is_running")).join(
        outcomes.drop_nulls("is_adverse").select("session_key").unique(), on="session_key"
    )
    model.card[TRAINED_UNTIL] = str(known["start_date"].max())
    return model


def _judged(home: Home, name: str, kind: str, read: Read) -> Verdict:
    if registry.champion_version(home, name) is None:
        return FIRST
    try:
        champion = registry.load(home, name)
    except ModelError as error:
        return Verdict(True, f"promoted: the champion cannot score any more ({error.what})")
    if gone := _gone(kind, champion, read):
        return Verdict(
            True, f"promoted: the champion has learned from {gone} whose record may not be used any more"
        )
    return challenge.challenge(kind, champion, read)


def _gone(kind: str, champion: Any, read: Read) -> int:
    """How many people the champion has learned from who were erased since, or refuse predictions now. Its card has their number, not their keys."""
    learned, since = champion.card.get("data", {}).get("students"), champion.card.get(TRAINED_UNTIL)
    if learned is None or since is None:
        return 0
    if kind == "mastery":
        answers = read("fct_attempt").drop_nulls(["person_key", "skill_key", "is_correct"])
        newest: dt.datetime | None = answers["responded_at"].max()  # type: ignore[assignment]
        moment = dt.datetime.fromisoformat(since).replace(tzinfo=newest.tzinfo if newest else None)
        left = answers.filter(pl.col("responded_at") <= moment)["person_key"].n_unique()
    else:
        from models.risk.evaluate import finished_rows

        sessions = read("dim_academic_session").filter(pl.col("start_date") <= dt.date.fromisoformat(since))
        rows = finished_rows(read("msr_student_week"), read("fct_outcome"), sessions)
        left = rows["person_key"].n_unique()
    return max(0, int(learned) - left)


def _policy(home: Home, name: str, tenant: str, read: Read, *, trigger: str, may_promote: bool) -> Trained:
    """Learn a policy from the choices kept; it is let on where its off-line value is better than that of the one in force beyond chance.

    Where the one in force has learned from people who are gone since, it is judged beside the rule, and the rule takes over if it is no better.
    """
    from models.recommendation import RegisteredPolicy, judging
    from models.recommendation.registered import CARD, RULE_CARD

    log = read(CHOICES)
    held = registry.load(home, name) if registry.champion_version(home, name) else RegisteredPolicy()
    gone = _gone_from_choices(held, log)
    found = judging.judge(log, RegisteredPolicy().policy if gone else held.policy)
    if registry.champion_version(home, name) is None:
        rule = registry.register(home, name, RegisteredPolicy(), metrics={}, card=RULE_CARD)
        registry.promote(home, name, rule, reason="the reasoned rule, to which a roll-back leads")
    gain = found.table.filter(policy=found.new.policy_version).row(0, named=True)
    metrics = {
        "doubly_robust": found.new.doubly_robust.value,
        "in_force_doubly_robust": found.old.doubly_robust.value,
        **{f"gain{end}": gain[f"over_the_one_in_force{end}"] for end in ("", "_low", "_high")},
        "choices": float(found.new.decision_count),
        "effective_choices": found.new.effective_count,
    }
    is_let_on = found.verdict.is_let_on and may_promote
    reason = ("promoted: " if is_let_on else "not promoted: ") + found.verdict.reason
    if found.verdict.is_let_on and not may_promote:
        reason = f"kept by hand; would be promoted: {found.verdict.reason}"
    card = {
        **CARD,
        "data": found.data,
        TRAINED_UNTIL: found.data["to"],
        "trigger": trigger,
        "promotion": reason,
    }
    learned = RegisteredPolicy(found.learned, metrics, card)
    tags = {"trigger": trigger, registry.DECISION: reason}
    version = registry.register(home, name, learned, metrics=metrics, card=card, tags=tags)
    if is_let_on:
        registry.promote(home, name, version, reason=reason)
    elif gone:
        rule = min(registry.versions(home, name), key=lambda one: int(one.version)).version
        registry.promote(
            home, name, rule, reason=f"the one before had learned from {gone} who are gone since"
        )
    return Trained("recommendation", tenant, version, metrics, reason, is_let_on)


def _gone_from_choices(held: Any, log: pl.DataFrame) -> int:
    """How many people the policy in force has learned from whose choices are kept no longer."""
    learned, until = held.card.get("data", {}).get("students"), held.card.get(TRAINED_UNTIL)
    if learned is None or until is None:
        return 0
    from models.recommendation import judging

    same = log.filter(
        pl.col("decided_on").is_between(
            dt.date.fromisoformat(held.card["data"]["from"]), dt.date.fromisoformat(until)
        )
    )
    return max(0, int(learned) - judging.explored(same)["person_key"].n_unique())
