"""Erasing a person from every room: plan, erase, scan, receipt. Broken off at any moment, it goes on when called again."""

from __future__ import annotations

import contextlib
import uuid
from collections.abc import Callable
from pathlib import Path

from cli.rights import receipt
from cli.rights.journal import Journal
from cli.rights.rooms import rooms
from cli.rights.scan import ScanReport, scan
from learnlake import audit
from learnlake.clock import utc_now
from learnlake.errors import BusyError, InputError
from learnlake.home import Home
from learnlake.locks import alone
from learnlake.protocols import Finding, Room, Subject
from learnlake.settings import Settings
from learnlake.sqlite import settle, vacuum
from warehouse.rights import pipeline_stopped

Progress = Callable[[str, int, int, str], None]
"""(step, done, of how many, what)."""

_READ_BY_PIPELINE = frozenset({"lrs", "people"})
"""Rooms whose files a pipeline run reads by name: none may be at work while they change."""


def plan(settings: Settings, subject: Subject) -> dict[str, list[Finding]]:
    """What every room holds on the person. Changes nothing."""
    return {room.name: room.find(settings, subject) for room in rooms()}


def erase(settings: Settings, subject: Subject, *, requested_by: str, progress: Progress) -> Path:
    """Erase the person and answer the receipt's path. BusyError while another erasure is at work or unfinished."""
    with _alone(settings.home):
        journal = Journal.read(settings.home)
        if journal is None:
            journal = _begin(settings, subject, requested_by, progress)
        elif (journal.subject.tenant, journal.subject.person_key) != (subject.tenant, subject.person_key):
            raise BusyError(
                "The erasure of another person was broken off",
                where=f"begun {journal.started_at}",
                mend="`learnlake erase resume` finishes it; then call this again",
            )
        return _go_on(settings, journal, progress)


def resume(settings: Settings, *, progress: Progress) -> Path:
    """Finish the erasure that was broken off. InputError when there is none."""
    with _alone(settings.home):
        journal = Journal.read(settings.home)
        if journal is None:
            raise InputError("No erasure was broken off", mend="`learnlake erase PERSON` begins one")
        return _go_on(settings, journal, progress)


def _begin(settings: Settings, subject: Subject, requested_by: str, progress: Progress) -> Journal:
    progress("plan", 0, 1, "what is held")
    begun = utc_now()
    journal = Journal(
        f"{begun:%Y%m%dT%H%M%S}-{uuid.uuid4().hex[:8]}",
        begun.isoformat(timespec="seconds"),
        requested_by,
        subject,
        plan(settings, subject),
    )
    journal.write(settings.home)
    _audit(settings, journal, "erase-begin", "begun")
    total = sum(one.count for found in journal.before.values() for one in found if one.fate != "kept")
    progress("plan", 1, 1, f"{total:,} rows and files")
    return journal


def _go_on(settings: Settings, journal: Journal, progress: Progress) -> Path:
    for room in rooms():
        if room.name not in journal.done:
            progress(room.name, 0, 1, "")
            _erase_room(settings, room, journal.subject)
            journal.done.append(room.name)
            journal.write(settings.home)
        progress(room.name, 1, 1, "")
    progress("scan", 0, 1, "every format")
    scanned = _scan(settings, journal.subject)
    progress("scan", 1, 1, f"{scanned.files:,} files, {len(scanned.hits)} hits")
    contents = receipt.compose(settings.home, journal, plan(settings, journal.subject), scanned)
    path = receipt.sign(settings.home, contents)
    _audit(settings, journal, "erase", "complete" if contents["is_complete"] else "something is left")
    Journal.forget(settings.home)
    return path


def _erase_room(settings: Settings, room: Room, subject: Subject) -> None:
    with contextlib.ExitStack() as held:
        if room.name in _READ_BY_PIPELINE:
            held.enter_context(pipeline_stopped(settings))
        room.erase(settings, subject)


def _scan(settings: Settings, subject: Subject) -> ScanReport:
    """Look; where only free space of a database still has something, write that database anew and look again."""
    for path in _databases(settings.home):
        settle(path)
    with pipeline_stopped(settings):
        found = scan(settings, subject)
    left = sorted({hit.path for hit in found.hits if hit.is_left})
    vacuumed = [
        path for path in _databases(settings.home) if str(path.relative_to(settings.home.path)) in left
    ]
    if not vacuumed:
        return found
    for path in vacuumed:
        vacuum(path)
    with pipeline_stopped(settings):
        return scan(settings, subject)


def _databases(home: Home) -> list[Path]:
    """Every SQLite file of the home."""
    return [path for path in sorted(home.path.rglob("*.db")) if path.is_file()]


def _alone(home: Home) -> contextlib.AbstractContextManager[None]:
    return alone(
        home.run / "erasure.lock",
        "Another erasure is at work on this home folder",
        mend="wait until it has ended",
    )


def _audit(settings: Settings, journal: Journal, action: str, result: str) -> None:
    entry = audit.AuditEntry(
        journal.subject.tenant,
        journal.requested_by,
        action,
        f"{journal.subject.person_key} receipt {journal.erasure_id}",
        "command line",
        result,
    )
    audit.append(settings.home.audit_db, entry)
