"""A policy as the registry keeps it. Its first version is the reasoned rule, so that rolling back from a learned one leads to it."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any, ClassVar

from models.recommendation.learned import LearnedPolicy, RewardModel
from models.recommendation.policy import Policy, Ranked

_USE = {
    "intended_use": "Which of the permitted activities a student is shown first. Prerequisites, teachers' rules and overrides have been settled before.",
    "sensitive_attributes": "None. It reads the learner's work on the skill and the place of the skill in the catalogue, and nothing that says who it is.",
}
RULE_CARD: dict[str, Any] = {
    **_USE,
    "title": "Next activity: the reasoned rule",
    "limits": "Its weights are reasoned, not measured.",
    "data": {"learned from": "nothing"},
    "evaluation": "`learnlake evaluate next-activity` tries it on simulated students.",
}
CARD: dict[str, Any] = {
    **_USE,
    "title": "Next activity: a policy learned from explored choices",
    "limits": "The reward is the rise of estimated mastery in the course in the days after a choice, not what is learned for good; choices of one student follow "
    "each other closely and share their outcomes.",
    "evaluation": "Off-line, on logged choices with known propensities: doubly robust, on people whom it had not learned from, clustered by person.",
}


@dataclasses.dataclass
class RegisteredPolicy:
    """`reward` is None for the rule."""

    kind: ClassVar[str] = "recommendation"

    reward: RewardModel | None = None
    metrics: dict[str, float] = dataclasses.field(default_factory=dict)
    card: dict[str, Any] = dataclasses.field(default_factory=dict)
    name: str = "recommendation"
    version: str = "unregistered"

    @property
    def policy(self) -> Policy:
        """What ranks; its version tells rows of the rule from those of each learned version."""
        return Ranked() if self.reward is None else LearnedPolicy(self.reward, f"learned-{self.version}")

    def save(self, folder: Path) -> None:
        reward = None if self.reward is None else dataclasses.asdict(self.reward)
        content = {"reward": reward, "metrics": self.metrics, "card": self.card}
        (folder / "policy.json").write_text(json.dumps(content))

    @classmethod
    def load(cls, folder: Path) -> RegisteredPolicy:
        content = json.loads((folder / "policy.json").read_text())
        reward = content.pop("reward")
        return cls(None if reward is None else RewardModel(**reward), **content)
