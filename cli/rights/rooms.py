"""Which rooms there are, in the order in which an erasure goes through them: originals first, then what is made from them."""

from __future__ import annotations

import uuid

from cli.rights.leftovers import LeftoversRoom
from learnlake.protocols import Room
from learnlake.settings import Settings
from lrs.rights import LrsRoom
from models.rights import ModelsRoom
from people.rights import PeopleRoom
from warehouse.rights import WAIT_SECONDS, WarehouseRoom, first_stored


def rooms() -> list[Room]:
    """Everything under the home folder is one of these rooms' places; a test holds it."""
    return [
        LrsRoom(),
        PeopleRoom(),
        WarehouseRoom(_rebuild),
        ModelsRoom(first_stored),
        LeftoversRoom(
            "leftovers",
            ("logs", "dagster", "reports", "run", "secrets", "receipts"),
            also=("mlflow", "attachments"),
        ),
    ]


def _rebuild(settings: Settings) -> None:
    """Seal what is committed, then build every mart anew from the whole lake and publish."""
    from cli.run import seal
    from pipelines import stages

    seal(settings)
    stages.incremental(
        settings,
        run_id=f"erasure-{uuid.uuid4()}",
        started_by="learnlake erase",
        full_refresh=True,
        wait_seconds=WAIT_SECONDS,
    )
