"""Mastery per student and skill by Bayesian knowledge tracing: `train`, `MasteryModel`, `evaluate`, `bkt_core`.

Combinations of skills are one skill (`skill_key` of `fct_attempt`). The compiled core is loaded when it is first needed.
"""

from models.mastery.bkt import Emission, MasteryModel, SkillParameters
from models.mastery.core import BktCore, bkt_core
from models.mastery.evaluate import evaluate
from models.mastery.folds import FOLDS, fold_of
from models.mastery.train import train

__all__ = [
    "FOLDS",
    "BktCore",
    "Emission",
    "MasteryModel",
    "SkillParameters",
    "bkt_core",
    "evaluate",
    "fold_of",
    "train",
]
