"""One import from end to end: roster and catalogue written and handed to whoever loads them, statements sent over HTTP.

Loading is the caller's, who may know `people` and `warehouse`; this module knows only files and the LRS's address.
"""

from __future__ import annotations

import dataclasses
import tempfile
from collections.abc import Callable
from pathlib import Path

import httpx

from learnlake.errors import DeliveryError, InputError
from learnlake.sender import Sender, SendReport
from learnlake.settings import Settings
from sources.source import Source

NAMES = ("assistments", "oulad")
_FOLDERS = {"assistments": "kt", "oulad": "oulad"}
"""Where a collection of public data sets keeps each of them."""

Loader = Callable[[Source, Path, Path], None]
"""Takes the source, its OneRoster folder and its catalogue folder; both folders are gone afterwards."""


@dataclasses.dataclass(frozen=True, slots=True)
class ImportReport:
    """`expected` statements were to be sent; `sending` says what became of them."""

    name: str
    expected: int
    sending: SendReport

    @property
    def held(self) -> int:
        """Statements of this import that the LRS holds now: stored now, or there before unchanged."""
        return self.sending.stored + self.sending.duplicates

    @property
    def is_complete(self) -> bool:
        """Every statement was sent and the LRS holds every one."""
        return self.expected == self.sending.sent == self.held


def open_source(name: str, path: Path, *, limit: int | None = None) -> Source:
    """The data set `name` (see NAMES) at `path`. Raises InputError when it isn't there or can't be used."""
    if not path.exists():
        raise InputError(
            "There is nothing at this path",
            where=str(path),
            mend="name the folder that holds the data set's files",
        )
    if limit is not None and limit < 1:
        raise InputError(f"A limit of {limit} rows leaves nothing to import", where="--limit")
    if name not in NAMES:
        raise InputError(
            f"{name!r} is no data set that can be imported", mend=f"choose from {', '.join(NAMES)}"
        )
    inner = path / _FOLDERS[name]
    path = inner if inner.is_dir() else path
    if name == "oulad":
        from sources.oulad import Oulad

        return Oulad(path, limit=limit)
    from sources.assistments import Assistments

    return Assistments(path, limit=limit)


def run_import(
    settings: Settings,
    name: str,
    path: Path,
    *,
    load: Loader,
    key: str,
    secret: str,
    url: str | None = None,
    limit: int | None = None,
    progress: Callable[[SendReport], None] | None = None,
) -> ImportReport:
    """Import the data set `name` into the tenant of the credential (`key`, `secret`).

    `load` brings roster and catalogue in before the first statement is sent to `url` (default: the LRS of `settings`).
    Importing again, after a kill or for no reason, stores nothing twice: ids derive from the source's rows.
    """
    source = open_source(name, path, limit=limit)
    return send_source(settings, name, source, load=load, key=key, secret=secret, url=url, progress=progress)


def send_source(
    settings: Settings,
    name: str,
    source: Source,
    *,
    load: Loader,
    key: str,
    secret: str,
    url: str | None = None,
    progress: Callable[[SendReport], None] | None = None,
) -> ImportReport:
    """`run_import` for a source that is open already, such as the sample school."""
    url = url or settings.lrs_url
    _require_lrs(url)
    with tempfile.TemporaryDirectory(prefix="learnlake-import-") as scratch:
        folder = Path(scratch)
        load(source, source.write_roster(folder / "roster"), source.write_catalogue(folder / "catalogue"))
    with Sender(url, key, secret) as sender:
        sending = sender.send(source.statements(), progress=progress)
    return ImportReport(name, source.statement_count, sending)


def _require_lrs(url: str) -> None:
    """Nothing is loaded for statements that cannot be sent: the LRS must answer first."""
    try:
        httpx.get(f"{url.rstrip('/')}/about", trust_env=False, timeout=10).raise_for_status()
    except httpx.HTTPError as error:
        raise DeliveryError(
            f"No LRS answers: {error}",
            where=url,
            mend="start it with `learnlake up` or `learnlake lrs serve`",
        ) from error
