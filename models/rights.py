"""The models' part in a person's rights: which trained versions may have learnt from the person. No version holds a person's rows."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator

from learnlake.protocols import Finding, HeldFile, Subject
from learnlake.settings import Settings
from models import registry
from models.retraining import KINDS

_WHY = (
    "its parameters are sums over many learners and hold no row of any; the next training (monthly, on drift, or `learnlake train`) "
    "learns without the person and takes this one's place"
)


class ModelsRoom:
    """The registry. `first_stored` answers since when the marts have held anything of the person."""

    name = "models"
    places = ("mlflow",)

    def __init__(self, first_stored: Callable[[Settings, Subject], dt.datetime | None]) -> None:
        self._first_stored = first_stored

    def find(self, settings: Settings, subject: Subject) -> list[Finding]:
        """One finding per version that was made while the person's statements were in the marts."""
        return [
            Finding(f"model {version.name} version {version.version}{crown}", 1, "kept", _WHY)
            for version in self._trained_on(settings, subject)
            for crown in [", the one in force" if version.is_champion else ""]
        ]

    def erase(self, settings: Settings, subject: Subject) -> None:
        """Nothing: predictions are rows of the marts, features are made from them for each run."""

    def held(self, settings: Settings, subject: Subject) -> Iterator[HeldFile]:
        lines = [
            f"{version.name} version {version.version}\n" for version in self._trained_on(settings, subject)
        ]
        if lines:
            what = "models that may have learnt from this person's answers, among everybody's"
            yield HeldFile("models/trained-on.txt", what, ["".join(lines).encode()])

    def _trained_on(self, settings: Settings, subject: Subject) -> list[registry.Version]:
        since = self._first_stored(settings, subject)
        if since is None or not (settings.home.mlflow / "mlflow.db").exists():
            return []
        return [
            version
            for kind in KINDS
            for version in registry.versions(settings.home, registry.model_name(kind, subject.tenant))
            if version.created_at_ms >= since.timestamp() * 1000
        ]
