"""Next best activity: `recommend`, and what it takes and answers. Candidates, policies, reviews and overrides are modules of their own."""

from models.recommendation import choices, judging
from models.recommendation.candidates import students
from models.recommendation.graph import cycles
from models.recommendation.overrides import OVERRIDE_SCHEMA, PREFERENCE_SCHEMA
from models.recommendation.recommend import SUGGESTIONS, TO_LEARN, TO_PRACTISE, Recommendation, recommend
from models.recommendation.registered import RegisteredPolicy

__all__ = [
    "OVERRIDE_SCHEMA",
    "PREFERENCE_SCHEMA",
    "SUGGESTIONS",
    "TO_LEARN",
    "TO_PRACTISE",
    "Recommendation",
    "RegisteredPolicy",
    "choices",
    "cycles",
    "judging",
    "recommend",
    "students",
]
