"""Where statements come from when no LMS is connected: the sample school and the public data sets. Over HTTP only."""

from sources.importing import NAMES, ImportReport, open_source, run_import
from sources.source import Source

__all__ = ["NAMES", "ImportReport", "Source", "open_source", "run_import"]
