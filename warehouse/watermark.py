"""How far the last run that ended well had come, and whether there is anything to do since. No building here."""

from __future__ import annotations

import dataclasses
import datetime as dt
import functools
import hashlib
import json
from collections.abc import Mapping
from pathlib import Path

from learnlake.clock import today
from learnlake.home import Home
from learnlake.settings import Settings
from warehouse import generations, lake, snapshot

DBT_PROJECT = Path(__file__).resolve().parents[1] / "dbt_project"
SOURCE_CONTRACTS = Path(__file__).resolve().parents[1] / "data_contracts" / "sources"
FIRST_BUILD = "first_build"
"""Stands for the watermark's fields where nothing has been published yet."""
THRESHOLDS = (
    "mastery_threshold",
    "inactive_days",
    "chronic_absence_rate",
    "chronic_absence_min_days",
    "completion_share",
    "session_gap_minutes",
    "at_risk_share",
    "small_group_size",
    "effect_min_people",
    "item_min_people",
    "item_rival_share",
)
"""Settings that the marts' definitions read; a change of one rebuilds them."""


@dataclasses.dataclass(frozen=True)
class Watermark:
    """Everything a build depends on. Two equal watermarks mean two equal builds."""

    sealed_seq: int = 0
    removal: int = 0
    people_generation: str = ""
    catalogue_generation: str = ""
    as_of: str = ""
    definitions: str = ""
    model_versions: dict[str, str] = dataclasses.field(default_factory=dict)

    def to_json(self) -> str:
        return json.dumps(dataclasses.asdict(self), sort_keys=True)

    @classmethod
    def from_json(cls, text: str) -> Watermark:
        return cls(**json.loads(text))

    @property
    def as_of_date(self) -> dt.date | None:
        return dt.date.fromisoformat(self.as_of) if self.as_of else None


@dataclasses.dataclass(frozen=True)
class Pending:
    """What has changed since the published build: a phrase for each field of the watermark; falsy when nothing has."""

    changed: dict[str, str]
    sealed_seq: int

    @property
    def fields(self) -> tuple[str, ...]:
        """Names of the watermark's fields that differ, or FIRST_BUILD."""
        return tuple(self.changed)

    @property
    def reasons(self) -> tuple[str, ...]:
        """Why a run is due, for people."""
        return tuple(self.changed.values())

    def __bool__(self) -> bool:
        return bool(self.changed)


def pending(home: Home, settings: Settings, *, model_versions: Mapping[str, str] | None = None) -> Pending:
    """What a run would do now. Takes no lock and opens no database: for sensors and for runs with nothing to do.

    `model_versions` are the versions in force (model name -> version); None: those of the published build.
    """
    seen = observe(home, settings, model_versions or {})
    folder = snapshot.current(home)
    try:
        published = Watermark(**snapshot.read_build(folder).watermark) if folder else None
    except FileNotFoundError:
        published = None
    if published is None:
        return Pending({FIRST_BUILD: "nothing has been published yet"}, seen.sealed_seq)
    if model_versions is None:
        seen = dataclasses.replace(seen, model_versions=published.model_versions)
    return Pending(differences(published, seen), seen.sealed_seq)


def observe(home: Home, settings: Settings, model_versions: Mapping[str, str]) -> Watermark:
    """The watermark that a run which starts now would end with."""
    people, catalogue = (generations.current(root) for root in (home.lake_people, home.lake_catalogue))
    sealed_seq, removal = lake.position(home)
    return Watermark(
        sealed_seq=sealed_seq,
        removal=removal,
        people_generation=people.name if people else "",
        catalogue_generation=catalogue.name if catalogue else "",
        as_of=today(settings).isoformat(),
        definitions=definitions(settings),
        model_versions=dict(model_versions),
    )


def differences(before: Watermark, after: Watermark) -> dict[str, str]:
    """The fields in which two watermarks differ, each in words for a log line."""
    phrases = {
        "sealed_seq": f"{after.sealed_seq - before.sealed_seq} statements sealed since",
        "removal": "statements were removed from the lake",
        "people_generation": "the roster has changed",
        "catalogue_generation": "the catalogue has changed",
        "as_of": f"a new day: {after.as_of}",
        "definitions": "definitions or thresholds have changed",
        "model_versions": "a model has a new version",
    }
    return {name: words for name, words in phrases.items() if getattr(after, name) != getattr(before, name)}


def definitions(settings: Settings) -> str:
    """A hash of the dbt project, the sources' contracts and the thresholds: another one means that the marts must be built anew."""
    thresholds = json.dumps({name: getattr(settings, name) for name in THRESHOLDS}, sort_keys=True)
    return hashlib.sha256(f"{_project_hash()}{thresholds}".encode()).hexdigest()[:16]


@functools.lru_cache(maxsize=1)
def _project_hash() -> str:
    digest = hashlib.sha256()
    for path in sorted(DBT_PROJECT.rglob("*")):
        inside = path.relative_to(DBT_PROJECT)
        is_definition = path.suffix in {".sql", ".csv"} or inside.name == "dbt_project.yml"
        if is_definition and inside.parts[0] not in {"target", "logs", "tests"}:
            digest.update(f"{inside}\0".encode() + path.read_bytes())
    for path in sorted(SOURCE_CONTRACTS.glob("*.yaml")):  # they say which statements may not count
        digest.update(f"{path.name}\0".encode() + path.read_bytes())
    return digest.hexdigest()
