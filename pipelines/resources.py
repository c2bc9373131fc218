"""The working file as a Dagster resource: opened once for a run, shared by its steps, let go when the run ends."""

from collections.abc import Iterator

import dagster as dg

from learnlake.settings import Settings
from pipelines import stages
from warehouse.build import Working

RUN = "working_file"
WAIT_SECONDS = 600.0
"""A run waits this long for `learnlake run` or another holder of the working file."""


def working_file(settings: Settings) -> dg.ResourceDefinition:
    """A resource that holds the working file in the name of the Dagster run, which the published build then names."""

    @dg.resource(description="The working file, held for the whole run.")
    def held(context: dg.InitResourceContext) -> Iterator[Working]:
        with stages.opened(
            settings, run_id=context.run_id or "", started_by="dagster", wait_seconds=WAIT_SECONDS
        ) as working:
            yield working

    return held
