"""Mastery per student and skill by Bayesian knowledge tracing: `train`, `MasteryModel`, `evaluate`, `bkt_core`.

Combinations of skills are one skill (`skill_key` of `fct_attempt`). The compiled core is loaded when it is first needed.
"""

from models.mastery.bkt import MasteryModel, SkillParameters, train
from models.mastery.core import BktCore, bkt_core
from models.mastery.evaluate import FOLDS, evaluate, fold_of

__all__ = [
    "FOLDS",
    "BktCore",
    "MasteryModel",
    "SkillParameters",
    "bkt_core",
    "evaluate",
    "fold_of",
    "train",
]
