"""One run of a page: who looks, in which role, through which door, at which build. No queries of a page's own here."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal

import polars as pl
from sqlalchemy import Engine

from dashboards.words import mark
from learnlake.errors import AccessError
from learnlake.settings import Settings
from people.db import open_people
from people.sessions import Viewer, viewer
from warehouse import snapshot
from warehouse.door import Door
from warehouse.snapshot import Build

Generated = Literal["all", "some", "none"]
_GENERATED = """
select count(*) as of_all, count_if(is_generated) as made
from dim_person
where $section is null or person_key in (
    select person_key from brg_enrolment where section_key = $section and role = 'student'
)
"""
ROLE_NAMES = {
    "student": mark("Student"),
    "teacher": mark("Teacher"),
    "assistant": mark("Teaching assistant"),
    "guardian": mark("Guardian"),
    "principal": mark("Principal"),
    "administrator": mark("Administrator"),
    "analyst": mark("Analyst"),
}
COOKIE = "learnlake_session"
"""The cookie that holds a session's token: HttpOnly, SameSite=Lax."""


@functools.lru_cache(maxsize=4)
def engine_of(home: str, settings: Settings) -> Engine:
    """The process's one engine on the people.db of `home`."""
    return open_people(settings)


def people_of(settings: Settings) -> Engine:
    """The process's one engine on people.db of these settings."""
    return engine_of(str(settings.home.path), settings)


def viewer_of(settings: Settings, token: str | None, *, is_use: bool = True) -> Viewer | None:
    """Who holds `token` at this moment; None once the session has ended or was revoked.

    `is_use` is false for what a page does by itself: an open page that nobody looks at becomes idle.
    """
    return viewer(people_of(settings), token, is_use=is_use) if token else None


def newest_build(settings: Settings) -> str | None:
    """The newest published snapshot's id, or None before the first: one small file read."""
    folder = snapshot.current(settings.home)
    return folder.name if folder else None


@dataclasses.dataclass(frozen=True)
class Visit:
    """A viewer in one role at one build. Rows come from `rows` and `named` only."""

    settings: Settings
    viewer: Viewer
    token: str
    door: Door
    build: Build

    @property
    def me(self) -> str:
        """The viewer's own person_key. AccessError for an account without a person."""
        if self.viewer.person_key is None:
            raise AccessError("This account belongs to no person", mend="ask an administrator")
        return self.viewer.person_key

    def rows(self, query: str, params: Mapping[str, Any] | None = None) -> pl.DataFrame:
        """The answer to `query` over the marts, holding the viewer's rows only."""
        return _frame(self.door.sql(query, params))

    def named(self, query: str, params: Mapping[str, Any] | None = None) -> pl.DataFrame:
        """Like `rows`, with `display_name`: the name where the policy shows names, elsewhere the pseudonym's beginning."""
        frame = _frame(self.door.with_names(self.door.sql(query, params)))
        key, name = pl.col("person_key"), pl.col("display_name")
        return frame.with_columns(
            pl.when(name == key).then(key.str.slice(0, 10)).otherwise(name).alias("display_name")
        )

    def audit_view(self, person_key: str, page: str) -> None:
        """Record that the viewer opened this person's record on `page`; once per session."""
        self.door.audit_view([person_key], page)

    def audit_views(self, person_keys: Sequence[str], page: str) -> None:
        """The same for several persons who are shown by name at once."""
        self.door.audit_view(person_keys, page)

    def celebrated(self, frame: pl.DataFrame) -> pl.DataFrame:
        """The rows of `frame` of those who agree today to be shown by name beside others, with `display_name`."""
        names = self.door.celebrated_names(frame["person_key"].to_list())
        found = pl.DataFrame(
            {"person_key": list(names), "display_name": list(names.values())},
            schema={"person_key": pl.String, "display_name": pl.String},
        )
        return frame.join(found, on="person_key")

    def generated(self, section_key: str | None = None) -> Generated:
        """Whether all, some or none of the people that this viewer sees (in one section) are generated.

        Roles that see no people are told by the organisations' titles.
        """
        if "dim_person" not in self.door.marts():
            found = self.rows(
                "select count(*) as of_all, count_if(title ilike '%generated%') as made from dim_organisation"
            )
        else:
            found = self.rows(_GENERATED, {"section": section_key})
        of_all, made = found.row(0)
        if not made:
            return "none"
        return "all" if made == of_all else "some"


def _frame(table: Any) -> pl.DataFrame:
    frame = pl.from_arrow(table)
    assert isinstance(frame, pl.DataFrame)
    return frame


@contextlib.contextmanager
def visiting(settings: Settings, door: Door, viewer: Viewer, token: str) -> Iterator[Visit]:
    """A visit during which all queries read one and the same build: the newest one at its start."""
    door.build()  # moves a door that was kept from an earlier run on to the newest build, before it is pinned there
    with door.pinned():
        yield Visit(settings, viewer, token, door, door.build())
