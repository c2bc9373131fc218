"""A person's own copy: one zip with everything held on him or her, readable without Learnlake."""

from __future__ import annotations

import os
import secrets
import zipfile
from pathlib import Path

from cli.engine import people_engine
from cli.rights.rooms import rooms
from learnlake import audit
from learnlake.clock import utc_now
from learnlake.errors import InputError
from learnlake.protocols import Subject
from learnlake.settings import Settings
from people import disclosures

_README = """What this is

Everything that this installation of Learnlake holds on one person, made on {made_at} UTC.
CSV files open in any spreadsheet. statements.jsonl has one learning record (an xAPI statement) per line, as it was received.
People other than the person are named by keys, and what others did is told by its time and kind only.

What is in it

{listing}
What is not in it

Passwords are kept as one-way hashes only and are left out. So are back-ups that the operator keeps elsewhere: ask the operator.
"""


def export_person(
    settings: Settings, subject: Subject, target: Path, *, requested_by: str, recipient: str | None = None
) -> list[tuple[str, str]]:
    """Write the zip at `target`, which must not exist, readable by its owner only; (file, what it is) of each file in it.

    A `recipient` outside the family is noted as a disclosure before the file stands.
    """
    if target.exists():
        raise InputError(
            "There is a file already", where=str(target), mend="choose another name, or move it away"
        )
    if not target.parent.is_dir():
        raise InputError(
            "There is no such folder", where=str(target.parent), mend="make it, or choose another"
        )
    draft = target.with_name(f".{target.name}.{secrets.token_hex(4)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            listing = _write(settings, subject, file)
            os.fsync(file.fileno())
        audit.append(
            settings.home.audit_db,
            audit.AuditEntry(
                subject.tenant, requested_by, "export-person", subject.person_key, "command line"
            ),
        )
        if recipient is not None:
            _disclose(settings, subject, recipient, requested_by)
        try:
            os.link(draft, target)
        except FileExistsError:
            raise InputError("There is a file already", where=str(target)) from None
    finally:
        draft.unlink(missing_ok=True)
    return listing


def _disclose(settings: Settings, subject: Subject, recipient: str, actor_key: str) -> None:
    with people_engine(settings) as engine:
        disclosures.record(
            engine,
            subject.tenant,
            recipient=recipient,
            purpose="portability",
            what="the whole record",
            person_keys=[subject.person_key],
            actor_key=actor_key,
            source="command line",
        )


def _write(settings: Settings, subject: Subject, file: object) -> list[tuple[str, str]]:
    listing: list[tuple[str, str]] = []
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:  # type: ignore[call-overload]
        for room in rooms():
            for held in room.held(settings, subject):
                with archive.open(held.path, "w", force_zip64=True) as entry:
                    for piece in held.content:
                        entry.write(piece)
                listing.append((held.path, held.what))
        lines = "".join(f"{path}\n    {what}\n" for path, what in listing)
        archive.writestr("README.txt", _README.format(made_at=f"{utc_now():%Y-%m-%d %H:%M}", listing=lines))
    return listing
