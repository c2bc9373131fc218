"""The Open University Learning Analytics Dataset as roster, catalogue and statements (docs/sources.md says how).

Kuzilek J., Hlosta M., Zdrahal Z. (2017), Open University Learning Analytics dataset, Scientific Data 4:170171, CC BY 4.0.
"""

from sources.oulad.dataset import HOME_PAGE
from sources.oulad.source import Oulad

__all__ = ["HOME_PAGE", "Oulad"]
