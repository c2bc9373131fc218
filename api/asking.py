"""Who asks for predictions and whose may be told: sessions, tokens and systems' credentials; the policy's answer kept until people.db changes.

Nothing kept here outlives a commit to people.db, or SIGHT_SECONDS: a session, a role or a credential that was withdrawn opens nothing.
"""

from __future__ import annotations

import asyncio
import dataclasses
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from sqlalchemy import Engine
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request

from learnlake import audit
from learnlake.errors import AccessError
from learnlake.home import Home
from people import policy, prediction_clients, roster_clients
from people.db import change_number, school_day
from people.prediction_clients import Asked
from people.roster_clients import ANSWERS, PREDICTIONS, Client
from people.sessions import Viewer

SIGHT_SECONDS = 5.0
"""A session's end by time is noticed after this at the latest; its revocation at once."""
VIEW_SECONDS = 600.0
"""Who asks for the same kind of prediction of the same person again within this is in the audit trail once."""
_KEPT_MAX = 100_000

FindViewer = Callable[[Request], Awaitable[Viewer | None]]


@dataclasses.dataclass(frozen=True, slots=True)
class Sight:
    """What one caller may see of one mart: rows of `tenant` whose `columns` have one of `values`; none: all."""

    tenant: str
    caller_key: str
    columns: tuple[str, ...]
    values: frozenset[tuple[str, ...]]
    client: Client | None = None

    def admits(self, row: Mapping[str, Any]) -> bool:
        """Whether one row may be told. A null key matches nothing."""
        return not self.columns or tuple([row[column] for column in self.columns]) in self.values


class Asking:
    """One per application. Used on the event loop; what reads people.db goes to a thread."""

    def __init__(self, engine: Engine, find_viewer: FindViewer) -> None:
        self._engine, self._find_viewer = engine, find_viewer
        self._number = -1
        self._sights: dict[tuple[str, str], tuple[float, Sight]] = {}
        self._clients: dict[str, tuple[float, Client]] = {}
        self._people: dict[tuple[str, str], Asked | None] = {}
        self._day, self._day_until = school_day(engine), 0.0

    async def sight(self, request: Request, mart: str) -> Sight | None:
        """What whoever sends `request` may see of `mart`; None for nobody known. AccessError where the role or scope opens nothing."""
        self._refresh()
        token = request.headers.get("authorization", "")
        held = self._sights.get((token, mart))
        if held is not None and held[0] > time.monotonic():
            return held[1]
        number = self._number
        found = await self._find_sight(request, mart)
        if found is not None and number == change_number(self._engine):
            _make_room(self._sights)
            self._sights[token, mart] = time.monotonic() + SIGHT_SECONDS, found
        return found

    async def client(self, request: Request, scope: str) -> Client | None:
        """The system that sends `request`; None for nobody known. AccessError where its token lacks `scope`."""
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer":
            return None
        self._refresh()
        held = self._clients.get(token)
        if held is not None and held[0] > time.monotonic():
            found: Client | None = held[1]
        else:
            number = self._number
            found = await run_in_threadpool(roster_clients.client_of, self._engine, token.strip())
            if found is not None and number == change_number(self._engine):
                self._clients[token] = time.monotonic() + SIGHT_SECONDS, found
        if found is not None and scope not in found.scopes:
            raise AccessError(f"The token lacks the scope {scope}")
        return found

    async def may_be_told(self, sight: Sight, person_key: str) -> bool:
        """Whether there is such a person, predictions about whom are allowed, and of the source that a system's credential names."""
        self._refresh()
        place = sight.tenant, person_key
        if place not in self._people:
            number = self._number
            found = await run_in_threadpool(prediction_clients.asked, self._engine, *place)
            if number == change_number(self._engine):
                _make_room(self._people)
                self._people[place] = found
        else:
            found = self._people[place]
        if found is None or not found.allows_prediction:
            return False
        return sight.client is None or sight.client.source == found.source

    async def _find_sight(self, request: Request, mart: str) -> Sight | None:
        viewer = await self._find_viewer(request)
        if viewer is not None:
            return await run_in_threadpool(self._of_viewer, viewer, mart)
        client = await self.client(request, PREDICTIONS)
        return None if client is None else Sight(client.tenant, client.key, (), frozenset(), client)

    def _of_viewer(self, viewer: Viewer, mart: str) -> Sight:
        allowed = policy.filter_for(policy.scope(self._engine, viewer), mart)
        return Sight(allowed.tenant, viewer.viewer_key, allowed.columns, frozenset(allowed.values))

    def _refresh(self) -> None:
        """Forget everything once people.db or the day has changed."""
        number, day = change_number(self._engine), self._day
        if time.monotonic() > self._day_until:
            day, self._day_until = school_day(self._engine), time.monotonic() + 1.0
        if (number, day) != (self._number, self._day):
            self._number, self._day = number, day
            for kept in (self._sights, self._clients, self._people):
                kept.clear()


class Trail:
    """Views noted in the audit trail before they are answered; those that come at once share one transaction."""

    def __init__(self, home: Home) -> None:
        self._home = home
        self._noted: dict[tuple[str, str, str, str], float] = {}
        self._waiting: list[tuple[audit.AuditEntry, asyncio.Future[None]]] = []
        self._writer: asyncio.Task[None] | None = None

    async def viewed(self, sight: Sight, kind: str, person_key: str, source: str) -> None:
        """Note that the caller was told the person's `kind`; once in VIEW_SECONDS."""
        key = (sight.tenant, sight.caller_key, kind, person_key)
        if self._noted.get(key, 0.0) > time.monotonic():
            return
        await self.note(sight, f"view {kind}", person_key, source)
        _make_room(self._noted)
        self._noted[key] = time.monotonic() + VIEW_SECONDS

    async def note(
        self, sight: Sight, action: str, person_key: str, source: str, result: str = "allowed"
    ) -> None:
        """Note one action, durably."""
        entry = audit.AuditEntry(
            sight.tenant, sight.caller_key, action, f"person:{person_key}", source, result
        )
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((entry, done))
        if self._writer is None or self._writer.done():
            self._writer = asyncio.create_task(self._write())
        await done

    async def _write(self) -> None:
        while self._waiting:
            batch, self._waiting = self._waiting, []
            try:
                await run_in_threadpool(self._append, [entry for entry, _ in batch])
            except Exception as error:  # whoever waits is told: nothing is shown that is not in the trail
                for done in (done for _, done in batch if not done.done()):
                    done.set_exception(error)
            else:
                for done in (done for _, done in batch if not done.done()):
                    done.set_result(None)

    def _append(self, entries: list[audit.AuditEntry]) -> None:
        with audit.writing(self._home) as connection:
            heads = [audit.insert(self._home, connection, entry) for entry in entries]
        audit.note_head(self._home, heads[-1])


def _make_room(kept: dict[Any, Any]) -> None:
    """Forget everything rather than grow without end."""
    if len(kept) >= _KEPT_MAX:
        kept.clear()


__all__ = ["ANSWERS", "Asking", "Sight", "Trail"]
