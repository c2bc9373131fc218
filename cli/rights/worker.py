"""A person's rights in a process of their own, for whoever serves pages: one order as JSON on standard input, progress and the answer as lines.

In a server's own process DuckDB would refuse to open a snapshot that its pages are reading.
"""

from __future__ import annotations

import dataclasses
import json
import sys
from pathlib import Path
from typing import Any

from cli.rights import erasure
from cli.rights.portability import export_person
from learnlake.errors import LearnlakeError
from learnlake.log import configure_logging
from learnlake.protocols import Subject
from learnlake.settings import Settings, get_settings
from people.db import open_people
from people.subject import find_subject


def main() -> int:
    """Exit code 1 when the order was refused or failed on purpose; the last line says why."""
    order = json.load(sys.stdin)
    settings = get_settings()
    configure_logging(settings)
    try:
        answer = _work(settings, order)
    except LearnlakeError as error:
        _say(error={"what": error.what, "where": error.where, "mend": error.mend})
        return 1
    _say(answer=answer)
    return 0


def _work(settings: Settings, order: dict[str, Any]) -> Any:
    if order["work"] == "resume":
        return erasure.resume(settings, progress=_progress).name
    subject = _subject(settings, order)
    if order["work"] == "plan":
        found = erasure.plan(settings, subject)
        return {room: [dataclasses.asdict(one) for one in held] for room, held in found.items()}
    if order["work"] == "erase":
        path = erasure.erase(settings, subject, requested_by=order["requested_by"], progress=_progress)
        return path.name
    listing = export_person(
        settings,
        subject,
        Path(order["target"]),
        requested_by=order["requested_by"],
        recipient=order["recipient"],
    )
    return len(listing)


def _subject(settings: Settings, order: dict[str, Any]) -> Subject:
    engine = open_people(settings)
    try:
        return find_subject(engine, order["person_key"], by="key", tenant=order["tenant"])
    finally:
        engine.dispose()


def _progress(step: str, done: int, total: int, what: str) -> None:
    _say(step=[step, done, total, what])


def _say(**what: Any) -> None:
    sys.stdout.write(json.dumps(what) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
