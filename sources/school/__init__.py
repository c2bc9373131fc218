"""A generated school: roster, catalogue and a year of statements, the same bytes for the same seed and day.

`generate` makes one, `SampleSchool` hands it out. Nobody in it exists; everything is labelled as generated.
"""

from sources.school.curriculum import HOME_PAGE
from sources.school.sample import DemoPeople, SampleSchool, generate, send

__all__ = ["HOME_PAGE", "DemoPeople", "SampleSchool", "generate", "send"]
