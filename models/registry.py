"""Which models exist and which one scores: MLflow's registry in the home folder (SQLite, no server), with model cards.

MLflow holds the record: runs, metrics, versions, aliases, who was champion before. Importing it takes seconds, so the
current champion of each model is also named in a small file (`champions/NAME.json`) that scoring reads instead.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import logging
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar, Protocol

from learnlake.clock import utc_now
from learnlake.errors import InputError, ModelError
from learnlake.home import Home
from models.card import write_card
from models.code import code_version

CHAMPION = "champion"
CANARY = "canary"
DECISION = "decision"
"""Tag of a version: whether it was promoted, and why."""
_HISTORY_TAG = "champion_history"
_PATH_TAG = "path"
_KIND_TAG = "kind"


class Model(Protocol):
    """What the registry keeps: a `kind` that says which class loads it, its name and version, and how to save itself."""

    kind: ClassVar[str]
    name: str
    version: str

    def save(self, folder: Path) -> None: ...


@dataclasses.dataclass(frozen=True)
class Version:
    """One registered version. `metrics` are those it was registered with."""

    name: str
    version: str
    is_champion: bool
    created_at_ms: int
    metrics: dict[str, float]
    path: Path
    decision: str = ""
    trigger: str = ""
    is_canary: bool = False


def model_name(kind: str, tenant: str) -> str:
    """The registered name of a tenant's model: `mastery-TENANT`, `risk-TENANT`."""
    return f"{kind}-{tenant}"


@dataclasses.dataclass(frozen=True)
class InForce:
    """The models that score now: the champion, and beside it one on trial for a `share` of people or classes."""

    champion: Any
    canary: Any = None
    experiment: str = ""
    share: float = 0.0

    def arm(self, unit_key: str) -> str:
        """Which of the two scores the person or class `unit_key`: the same one for as long as the experiment lasts."""
        return (
            CANARY
            if self.canary is not None and in_share(self.experiment, unit_key, self.share)
            else CHAMPION
        )

    def of(self, unit_key: str) -> Any:
        """The model that scores `unit_key`."""
        return self.canary if self.arm(unit_key) == CANARY else self.champion

    @property
    def models(self) -> list[Any]:
        return [model for model in (self.champion, self.canary) if model is not None]

    @property
    def versions(self) -> set[str]:
        return {model.version for model in self.models}


def in_share(experiment: str, unit_key: str, share: float) -> bool:
    """Whether `unit_key` is among the `share` of units that try the new thing: a hash, so that nothing has to be kept."""
    digest = hashlib.sha256(f"{experiment}\0{unit_key}".encode()).digest()
    return int.from_bytes(digest[:8], "big") < share * 2**64


def register(
    home: Home,
    name: str,
    model: Model,
    *,
    metrics: Mapping[str, float],
    card: Mapping[str, Any],
    tags: Mapping[str, str] | None = None,
) -> str:
    """Keep `model` as a new version of `name` with its metrics, card and `tags`; answer the version. Does not make it champion."""
    client = _client(home)
    experiment = client.get_experiment_by_name(name)
    experiment_id = (
        experiment.experiment_id
        if experiment
        else client.create_experiment(name, artifact_location=(home.mlflow / "artifacts" / name).as_uri())
    )
    run = client.create_run(experiment_id)
    run_id = run.info.run_id
    for key, value in dict(card.get("parameters", {})).items():
        client.log_param(run_id, key, value)
    for key, value in metrics.items():
        client.log_metric(run_id, key, float(value))
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        model.save(folder)
        text = write_card(
            name=name, facts=card, metrics=metrics, code_version=code_version(), made_at=utc_now()
        )
        (folder / "model-card.md").write_text(text)
        (folder / "model-card.json").write_text(json.dumps({**card, "metrics": dict(metrics)}, default=str))
        client.log_artifacts(run_id, str(folder))
    client.set_terminated(run_id)
    _ensure_registered(client, name)
    path = Path("artifacts") / name / run_id / "artifacts"
    version = client.create_model_version(
        name,
        source=run.info.artifact_uri,
        run_id=run_id,
        tags={
            **(tags or {}),
            _PATH_TAG: str(path),
            _KIND_TAG: model.kind,
            "code_version": code_version(),
        },
    )
    return str(version.version)


def promote(home: Home, name: str, version: str, *, reason: str = "promoted by hand") -> None:
    """Make `version` the champion of `name`, for the `reason` that is kept with it. The one before is remembered for `rollback`."""
    client = _client(home)
    record = _version_record(client, name, version)
    client.set_model_version_tag(name, record.version, DECISION, reason)
    history = _history(client, name)
    if not history or history[-1] != str(version):
        history.append(str(version))
    _crown(home, client, record, history)


def rollback(home: Home, name: str) -> str:
    """Make the champion before this one champion again; answer its version. ModelError where there was none."""
    client = _client(home)
    history = _history(client, name)
    if len(history) < 2:
        raise ModelError(
            f"{name} has no earlier champion to go back to", mend="see `learnlake models` for its versions"
        )
    left = history.pop()
    client.set_model_version_tag(name, left, DECISION, f"rolled back by hand to version {history[-1]}")
    _crown(home, client, _version_record(client, name, history[-1]), history)
    return history[-1]


def load(home: Home, name: str, alias: str = CHAMPION) -> Any:
    """The model behind `alias` (`champion`, or a version number), its `name` and `version` set.

    The champion is found without importing MLflow. ModelError where there is none.
    """
    if alias == CHAMPION:
        pointer = _pointer(home, name)
        if pointer is None:
            raise ModelError(f"{name} has no champion yet", mend="run `learnlake train` first")
        entry = pointer
    else:
        record = _version_record(_client(home), name, alias)
        entry = _entry(record)
    return _loaded(home, name, entry)


def _loaded(home: Home, name: str, entry: Mapping[str, Any]) -> Any:
    model = _class_of(entry["kind"]).load(home.mlflow / entry["path"])
    model.name, model.version = name, entry["version"]
    return model


def start_canary(home: Home, name: str, version: str, *, share: float) -> str:
    """Let `version` score a `share` of people (classes, for risk) from the next run on; answer the experiment's name.

    Promoting or rolling back ends it. ModelError where there is no champion, or `version` is the champion.
    """
    if not 0 < share <= 0.5:
        raise InputError(f"A share of {share} is no trial", mend="give one above 0, at most 0.5")
    champion = champion_version(home, name)
    if champion is None or champion == str(version):
        raise ModelError(
            f"{name} has no champion beside which version {version} could be tried",
            mend="choose a version that is not the champion: `learnlake models` lists them",
        )
    client = _client(home)
    record = _version_record(client, name, version)
    experiment = f"{name} {version} beside {champion}, begun {utc_now():%Y-%m-%dT%H:%M:%SZ}"
    client.set_registered_model_alias(name, CANARY, record.version)
    client.set_model_version_tag(name, record.version, "experiment", f"{experiment}, share {share:g}")
    _replace_text(
        _pointer_file(home, name, CANARY),
        json.dumps({**_entry(record), "experiment": experiment, "share": share}),
    )
    return experiment


def stop_canary(home: Home, name: str) -> bool:
    """End the trial; False where there was none."""
    pointer = _pointer_file(home, name, CANARY)
    if not pointer.exists():
        return False
    pointer.unlink()
    _client(home).delete_registered_model_alias(name, CANARY)
    return True


def in_force(home: Home, name: str) -> InForce:
    """The models that score now, loaded. ModelError before the first promotion."""
    champion, trial = load(home, name), _pointer(home, name, CANARY)
    if trial is None:
        return InForce(champion)
    return InForce(champion, _loaded(home, name, trial), trial["experiment"], float(trial["share"]))


def pointers(home: Home, name: str) -> list[Path]:
    """The small files that say what is in force: replaced, never written in place, so that a reader sees each change by their stamps."""
    return [_pointer_file(home, name, alias) for alias in (CHAMPION, CANARY)]


def champion_version(home: Home, name: str) -> str | None:
    """The champion's version, or None before the first promotion. Reads one small file."""
    pointer = _pointer(home, name)
    return pointer["version"] if pointer else None


def versions_in_force(home: Home, name: str) -> set[str]:
    """The versions that score now: the champion's and, during a trial, the other's. Reads small files only."""
    found = (_pointer(home, name, alias) for alias in (CHAMPION, CANARY))
    return {str(entry["version"]) for entry in found if entry is not None}


def champions(home: Home) -> dict[str, str]:
    """The version in force of every model, by its name; with a trial beside it, that too. Reads small files only."""
    found = {}
    for pointer in sorted(_pointer_file(home, "", CHAMPION).parent.glob("[!.]*.json")):
        trial = _pointer(home, pointer.stem, CANARY)
        beside = f", {trial['experiment']}, share {trial['share']:g}" if trial else ""
        found[pointer.stem] = str(json.loads(pointer.read_text())["version"]) + beside
    return found


def versions(home: Home, name: str) -> list[Version]:
    """All versions of `name`, newest first; an empty list where none was registered."""
    client = _client(home)
    champion, trial = champion_version(home, name), _pointer(home, name, CANARY)
    found = client.search_model_versions(f"name = '{name}'")
    return [
        Version(
            name=name,
            version=str(record.version),
            is_champion=str(record.version) == champion,
            created_at_ms=record.creation_timestamp,
            metrics=dict(client.get_run(record.run_id).data.metrics),
            path=home.mlflow / record.tags[_PATH_TAG],
            decision=record.tags.get(DECISION, ""),
            trigger=record.tags.get("trigger", ""),
            is_canary=trial is not None and trial["version"] == str(record.version),
        )
        for record in sorted(found, key=lambda v: int(v.version), reverse=True)
    ]


def _class_of(kind: str) -> Any:
    if kind == "mastery":
        from models.mastery import MasteryModel

        return MasteryModel
    if kind == "risk":
        from models.risk import RiskModel

        return RiskModel
    if kind == "recommendation":
        from models.recommendation import RegisteredPolicy

        return RegisteredPolicy
    raise ModelError(f"No model of kind {kind!r} is known", mend="load it with the version that made it")


def _client(home: Home) -> Any:
    """MLflow on the home folder's SQLite file. Creates it at first use."""
    os.environ.setdefault("MLFLOW_LOGGING_LEVEL", "WARNING")
    from mlflow.tracking import MlflowClient

    for quiet in ("mlflow", "alembic"):
        logging.getLogger(quiet).setLevel(logging.WARNING)

    home.mlflow.mkdir(parents=True, exist_ok=True)
    uri = f"sqlite:///{home.mlflow / 'mlflow.db'}"
    return MlflowClient(tracking_uri=uri, registry_uri=uri)


def _ensure_registered(client: Any, name: str) -> None:
    if not client.search_registered_models(f"name = '{name}'"):
        client.create_registered_model(name)


def _version_record(client: Any, name: str, version: str) -> Any:
    found = client.search_model_versions(f"name = '{name}'")
    for record in found:
        if str(record.version) == str(version):
            return record
    known = ", ".join(sorted((str(v.version) for v in found), key=int)) or "none"
    raise ModelError(f"{name} has no version {version}", mend=f"choose one of: {known}")


def _history(client: Any, name: str) -> list[str]:
    found = client.search_registered_models(f"name = '{name}'")
    if not found:
        raise ModelError(f"No model {name} is registered", mend="run `learnlake train` first")
    return list(json.loads(found[0].tags.get(_HISTORY_TAG, "[]")))


def _crown(home: Home, client: Any, record: Any, history: list[str]) -> None:
    stop_canary(home, record.name)
    client.set_registered_model_alias(record.name, CHAMPION, record.version)
    client.set_registered_model_tag(record.name, _HISTORY_TAG, json.dumps(history))
    _replace_text(_pointer_file(home, record.name, CHAMPION), json.dumps(_entry(record)))


def _replace_text(target: Path, text: str) -> None:
    """`text` in `target` by one rename: readers see the old or the new, whole."""
    target.parent.mkdir(parents=True, exist_ok=True)
    draft = target.with_name(f".{target.name}.{os.getpid()}")
    draft.write_text(text)
    draft.replace(target)


def _entry(record: Any) -> dict[str, str]:
    return {
        "version": str(record.version),
        "path": record.tags[_PATH_TAG],
        "kind": record.tags[_KIND_TAG],
    }


def _pointer_file(home: Home, name: str, alias: str) -> Path:
    return home.mlflow / {CHAMPION: "champions", CANARY: "canaries"}[alias] / f"{name}.json"


def _pointer(home: Home, name: str, alias: str = CHAMPION) -> dict[str, Any] | None:
    try:
        return dict(json.loads(_pointer_file(home, name, alias).read_text()))
    except FileNotFoundError:
        return None
