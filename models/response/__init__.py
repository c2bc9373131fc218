"""The best prediction of the next response: trees boosted on a student's history, item difficulty and tracing. `fit`, `ResponseModel`.

Not shown to people as mastery (that stays in `models/mastery`, which can be explained); it may choose among activities.
"""

from models.response.model import ResponseModel, fit

__all__ = ["ResponseModel", "fit"]
