"""What an erasure that was broken off needs in order to go on: whose it is, what was found before, which rooms are done."""

from __future__ import annotations

import dataclasses
import json
import os
import secrets
from typing import Any

from cli.rights.scan import JOURNAL
from learnlake.home import Home
from learnlake.identity import Identifier
from learnlake.protocols import Finding, Subject


@dataclasses.dataclass
class Journal:
    """Holds the person's identifiers until the end, readable by the owner of the home only."""

    erasure_id: str
    started_at: str
    requested_by: str
    subject: Subject
    before: dict[str, list[Finding]]
    done: list[str] = dataclasses.field(default_factory=list)

    @classmethod
    def read(cls, home: Home) -> Journal | None:
        try:
            kept: dict[str, Any] = json.loads((home.secrets / JOURNAL).read_text())
        except FileNotFoundError:
            return None
        person: dict[str, Any] = kept.pop("subject")
        identifiers = tuple(Identifier(**one) for one in person.pop("identifiers"))
        subject = Subject(
            tenant=person["tenant"],
            person_keys=tuple(person["person_keys"]),
            identifiers=identifiers,
            identifier_keys=tuple(person["identifier_keys"]),
            marks=tuple(person["marks"]),
        )
        before = {room: [Finding(**one) for one in found] for room, found in kept.pop("before").items()}
        return cls(subject=subject, before=before, **kept)

    def write(self, home: Home) -> None:
        """Durable once this returns."""
        draft = home.secrets / f".{JOURNAL}.{secrets.token_hex(4)}"
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as file:
            json.dump(dataclasses.asdict(self), file)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(home.secrets / JOURNAL)

    @staticmethod
    def forget(home: Home) -> None:
        """Overwrite and remove it, and the drafts of writers that were killed."""
        for path in [*home.secrets.glob(f".{JOURNAL}.*"), home.secrets / JOURNAL]:
            if path.exists():
                with path.open("r+b") as file:
                    file.write(b"\0" * path.stat().st_size)
                    file.flush()
                    os.fsync(file.fileno())
                path.unlink()
