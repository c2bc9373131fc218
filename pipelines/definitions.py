"""What Dagster loads: the definitions over the home folder of this process's settings. Nothing else may import this."""

from __future__ import annotations

from learnlake.settings import get_settings
from pipelines.loading import definitions

defs = definitions(get_settings())
