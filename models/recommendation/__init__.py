"""Next best activity: `recommend`, and what it takes and answers. Candidates, policies, reviews and overrides are modules of their own."""

from models.recommendation.graph import cycles
from models.recommendation.overrides import OVERRIDE_SCHEMA, PREFERENCE_SCHEMA
from models.recommendation.recommend import SUGGESTIONS, TO_LEARN, TO_PRACTISE, Recommendation, recommend

__all__ = [
    "OVERRIDE_SCHEMA",
    "PREFERENCE_SCHEMA",
    "SUGGESTIONS",
    "TO_LEARN",
    "TO_PRACTISE",
    "Recommendation",
    "cycles",
    "recommend",
]
