"""What crosses every room: what is held on one person, and its erasure. A room implements `Room`; `cli` runs over all of them."""

from __future__ import annotations

import dataclasses
import hashlib
import re
from collections.abc import Iterable, Iterator
from typing import Literal, Protocol

from learnlake.identity import Identifier
from learnlake.settings import Settings

Fate = Literal["removed", "rewritten", "kept"]
"""removed: the rows or files go. rewritten: somebody else's record stays and the person's identifier in it goes. kept: it stays, as the law lets it."""


@dataclasses.dataclass(frozen=True, slots=True)
class Subject:
    """The person whose right is exercised, with everything that names this person in `tenant`.

    `person_keys` has the key itself first, then those of unknown actors that were merged into it. `marks` are further
    texts that name this person alone: log-ins, user names, the roster's ids, addresses.
    """

    tenant: str
    person_keys: tuple[str, ...]
    identifiers: tuple[Identifier, ...]
    identifier_keys: tuple[str, ...]
    marks: tuple[str, ...] = ()

    @property
    def person_key(self) -> str:
        return self.person_keys[0]

    @property
    def texts(self) -> tuple[str, ...]:
        """Every identifier and mark that names somebody by itself, wherever it stands; addresses without `mailto:`."""
        values = [one.account_parts[1] if one.kind == "account" else one.value for one in self.identifiers]
        bare = (
            value[7:] if value.lower().startswith("mailto:") else value for value in (*values, *self.marks)
        )
        return tuple(dict.fromkeys(text for text in bare if is_distinctive(text)))


@dataclasses.dataclass(frozen=True, slots=True)
class Finding:
    """How much of one thing a room holds on the person, and what erasing does with it. `what` names no person."""

    what: str
    count: int
    fate: Fate = "removed"
    why: str = ""


@dataclasses.dataclass(frozen=True, slots=True)
class HeldFile:
    """One file of a person's own copy: its `path` in the archive, what it is in plain words, its bytes in pieces."""

    path: str
    what: str
    content: Iterable[bytes]


class Room(Protocol):
    """A room that may hold something on a person.

    `places` are the paths under the home folder that belong to it; everything there belongs to one room.
    `find` is asked before and after: what it counts after an erasure, but for what is kept, must be nothing.
    `erase` may be broken off at any moment and is then called again with the same subject.
    """

    @property
    def name(self) -> str: ...

    @property
    def places(self) -> tuple[str, ...]: ...

    def find(self, settings: Settings, subject: Subject) -> list[Finding]: ...

    def erase(self, settings: Settings, subject: Subject) -> None: ...

    def held(self, settings: Settings, subject: Subject) -> Iterator[HeldFile]: ...


SHORTEST = 6
"""Texts with fewer characters, or of letters only, are words of any language: alone they name nobody."""
SHORTEST_NUMBER = 8
"""Shorter numbers are scores, sizes and fractions of seconds too."""


def is_distinctive(text: str) -> bool:
    """Whether the text by itself names somebody: `student` and `100234` do not, `stu-0042` does."""
    return len(text) >= (SHORTEST_NUMBER if text.isdigit() else SHORTEST) and not text.isalpha()


def standing_alone(text: str) -> re.Pattern[str]:
    """Finds `text` where it is not part of a longer name: `ann-1` is neither in `joann-1` nor in `ann-12`. Letter case is let pass."""
    before = r"(?<![A-Za-z0-9._%+-])" if "@" in text else r"(?<![A-Za-z0-9_-])"
    ends_in_domain = "@" in text or "://" in text
    after = r"(?![A-Za-z0-9_-]|\.[A-Za-z0-9])" if ends_in_domain else r"(?![A-Za-z0-9_-])"
    return re.compile(before + re.escape(text) + after, re.IGNORECASE)


def hashed_address(address: str) -> str:
    """`mbox_sha1sum` of an mbox or a plain e-mail address (xAPI 1.0.3 Data 2.4.2.3): of the whole `mailto:` IRI."""
    iri = address if address.lower().startswith("mailto:") else f"mailto:{address}"
    return hashlib.sha1(iri.encode(), usedforsecurity=False).hexdigest()
