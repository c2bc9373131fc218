"""Risk of failing or leaving, per student, section and week: `features`, `train`, `RiskModel`, `evaluate`.

Outcomes are labels and population in training and evaluation, never features. XGBoost is imported when it is needed.
"""

from models.risk.evaluate import PROTOCOL_WEEKS, evaluate, evaluate_weeks, labelled, train
from models.risk.features import FEATURES, GROUPS, features
from models.risk.model import RiskModel, fit

__all__ = [
    "FEATURES",
    "GROUPS",
    "PROTOCOL_WEEKS",
    "RiskModel",
    "evaluate",
    "evaluate_weeks",
    "features",
    "fit",
    "labelled",
    "train",
]
