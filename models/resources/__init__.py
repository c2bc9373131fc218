"""Resources that others in the course used: `suggest`, the likeness of resources that it rests on, and how it is evaluated."""

from models.resources.evaluate import Evaluation, evaluate, read_oulad
from models.resources.suggest import USES, Likeness, suggest

__all__ = ["USES", "Evaluation", "Likeness", "evaluate", "read_oulad", "suggest"]
