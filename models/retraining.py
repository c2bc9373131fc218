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

KINDS = ("mastery", "risk")
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
    model = fit(kind, read)
    name = registry.model_name(kind, tenant)
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
