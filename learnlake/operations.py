"""What pages may order and only the top of the house can do, because it crosses rooms: a person's rights, the LRS's credentials, counts.

`cli` implements `Operations` and provides it when it serves; whoever orders has asked the policy first.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Protocol

from learnlake.errors import LearnlakeError, SettingsError
from learnlake.protocols import Finding
from learnlake.settings import Settings


@dataclasses.dataclass(frozen=True, slots=True)
class Receipt:
    """A signed receipt in the home. `content` is the file; `is_genuine` says that this installation signed it and nobody changed it."""

    erasure_id: str
    finished_at: str
    requested_by: str
    is_complete: bool
    is_genuine: bool
    content: bytes


@dataclasses.dataclass(frozen=True, slots=True)
class Work:
    """An erasure at work or ended: `steps` are (name, done, of how many, what); `error` is why it stopped."""

    tenant: str
    person_key: str
    steps: tuple[tuple[str, int, int, str], ...]
    is_running: bool
    receipt_id: str | None = None
    error: LearnlakeError | None = None


@dataclasses.dataclass(frozen=True, slots=True)
class Credential:
    """A key of the LRS as an administrator sees it. `secret` is there only where it has just been made."""

    key: str
    name: str
    scopes: tuple[str, ...]
    is_revoked: bool
    issuer: str | None = None
    secret: str | None = dataclasses.field(default=None, repr=False)


class Operations(Protocol):
    """Everything here is of one tenant, but for `resume_erasure`: an erasure broken off keeps all others waiting."""

    def plan(self, settings: Settings, tenant: str, person_key: str) -> dict[str, list[Finding]]:
        """What every room holds on the person. InputError for somebody unknown."""
        ...

    def start_erasure(
        self, settings: Settings, tenant: str, person_key: str, *, requested_by: str
    ) -> None: ...

    def resume_erasure(self, settings: Settings) -> None: ...

    def erasure(self, settings: Settings) -> Work | None:
        """The erasure that this process has started last."""
        ...

    def broken_off(self, settings: Settings) -> str | None:
        """When the erasure began that was broken off; None without one."""
        ...

    def receipts(self, settings: Settings, tenant: str) -> list[Receipt]:
        """The newest first."""
        ...

    def export_person(
        self, settings: Settings, tenant: str, person_key: str, *, requested_by: str, recipient: str | None
    ) -> bytes:
        """One zip of everything held on the person; a `recipient` outside the family is noted as a disclosure."""
        ...

    def credential_scopes(self) -> Sequence[str]: ...

    def credentials(self, settings: Settings, tenant: str) -> list[Credential]: ...

    def create_credential(
        self, settings: Settings, tenant: str, *, name: str, scopes: Sequence[str]
    ) -> Credential: ...

    def revoke_credential(self, settings: Settings, tenant: str, key: str) -> None: ...

    def stored_by_day(self, settings: Settings, tenant: str) -> Mapping[dt.date, int]:
        """Statements in the LRS's store by the UTC day on which they were stored."""
        ...


_provided: list[Operations] = []


def provide(operations: Operations) -> None:
    """Let `operations` do what pages of this process order."""
    _provided[:] = [operations]


def operations() -> Operations:
    """What `cli` has provided. SettingsError where the pages were started without it."""
    if not _provided:
        raise SettingsError(
            "This server was started without what crosses the rooms",
            mend="start the pages with `learnlake up` or `learnlake dashboards serve`",
        )
    return _provided[0]
