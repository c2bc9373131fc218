"""The contracts as Python sees them: YAML files of the Open Data Contract Standard (v3.1), read strictly.

`marts/` promises what the published tables hold, `sources/` what an LMS sends. Enforcing is `sql_checks`' and `suites`' work.
"""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from learnlake.errors import InputError

FOLDER = Path(__file__).parent
Severity = Literal["block", "exclude", "flag"]
"""block: nothing is published; exclude: the statement counts in no mart; flag: it counts and is shown."""


class _Part(BaseModel):
    """Part of a contract: no key that the standard or this reader doesn't know."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)


class RuleProperty(_Part):
    """What quarantine shows of a broken rule: `found` an SQL expression of the row, `allowed` and `mend` words."""

    property: Literal["found", "allowed", "mend"]
    value: str


class Rule(_Part):
    """A quality rule: `implementation` is an SQL condition that is true for a bad row; `description` says what is wrong.

    Rules of marts say in `description` how to mend, too; those of sources in the custom property `mend`.
    """

    name: str
    description: str
    type: Literal["custom"]
    engine: Literal["learnlake"]
    implementation: str
    severity: Severity | None = None
    dimension: str | None = None
    custom_properties: tuple[RuleProperty, ...] = Field((), alias="customProperties")

    def shown(self, name: str) -> str:
        """The custom property `name`, empty where the rule has none."""
        return next((p.value for p in self.custom_properties if p.property == name), "")


class ValidValues(_Part):
    """The standard's library metric `invalidValues`: no value but these, or none that doesn't match `pattern`."""

    metric: Literal["invalidValues"]
    arguments: dict[Literal["validValues", "pattern"], Any]
    must_be: Literal[0] = Field(alias="mustBe")


class Relationship(_Part):
    """`to` is TABLE.COLUMN; tenants always match too."""

    to: str


class TypeOptions(_Part):
    """Limits of a number, both inclusive."""

    minimum: float | None = None
    maximum: float | None = None


class Column(_Part):
    """One column: types, meaning, and what its values must be."""

    name: str
    logical_type: Literal[
        "string", "date", "timestamp", "number", "integer", "array", "boolean", "object"
    ] = Field(alias="logicalType")
    physical_type: str = Field(alias="physicalType")
    description: str
    is_required: bool = Field(False, alias="required")
    is_key: bool = Field(False, alias="primaryKey")
    key_position: int = Field(-1, alias="primaryKeyPosition")
    options: TypeOptions = Field(TypeOptions(), alias="logicalTypeOptions")
    quality: tuple[ValidValues, ...] = ()
    relationships: tuple[Relationship, ...] = ()
    examples: tuple[Any, ...] = ()
    items: dict[str, Any] | None = None

    @property
    def valid_values(self) -> tuple[Any, ...] | None:
        """The only values that may occur, or None."""
        return next(
            (tuple(q.arguments["validValues"]) for q in self.quality if "validValues" in q.arguments), None
        )

    @property
    def pattern(self) -> str | None:
        """Regular expression that each value must match whole, or None."""
        return next((str(q.arguments["pattern"]) for q in self.quality if "pattern" in q.arguments), None)


class CustomProperty(_Part):
    """A property that the standard has no word for. `appliesTo`: SQL condition that picks the rows of a shared table."""

    property: Literal["appliesTo"]
    value: str


class Table(_Part):
    """One table: `grain` opens with "One row per"."""

    name: str
    physical_type: Literal["table", "file"] = Field("table", alias="physicalType")
    description: str
    grain: str = Field(alias="dataGranularityDescription")
    columns: tuple[Column, ...] = Field(alias="properties")
    rules: tuple[Rule, ...] = Field((), alias="quality")
    custom_properties: tuple[CustomProperty, ...] = Field((), alias="customProperties")

    @property
    def applies_to(self) -> str:
        """SQL condition on the rows that this contract is about."""
        return next((c.value for c in self.custom_properties), "true")

    @property
    def key(self) -> tuple[str, ...]:
        """Names of the key's columns, in order."""
        keys = [c for c in self.columns if c.is_key]
        return tuple(c.name for c in sorted(keys, key=lambda c: c.key_position))


class Purpose(_Part):
    """What the data is for, how to use it, what it cannot say."""

    purpose: str
    usage: str | None = None
    limitations: str | None = None


class ServiceLevel(_Part):
    """A promise on the whole contract, such as freshness."""

    property: str
    value: str | int | float
    unit: str | None = None
    description: str | None = None


class Team(_Part):
    """Who answers for the data."""

    name: str


class Contract(_Part):
    """One contract. `severity` of its rules, unless a rule says otherwise: `block` for marts, `flag` for sources."""

    kind: Literal["DataContract"]
    api_version: Literal["v3.1.0"] = Field(alias="apiVersion")
    id: str
    name: str
    version: str
    status: Literal["active", "draft", "deprecated"]
    domain: str
    description: Purpose
    tables: tuple[Table, ...] = Field(alias="schema")
    team: Team
    service_levels: tuple[ServiceLevel, ...] = Field((), alias="slaProperties")

    @property
    def severity(self) -> Severity:
        return "block" if self.domain == "marts" else "flag"


def read(path: Path) -> Contract:
    """The contract in `path`. Raises InputError naming the file and each key that is wrong."""
    try:
        contract = Contract.model_validate(yaml.safe_load(path.read_text()))
    except yaml.YAMLError as error:
        raise InputError(
            "A contract is not YAML.", where=f"{path}: {error}", mend="correct the file"
        ) from error
    except ValidationError as error:
        lines = [f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors()]
        raise InputError(
            f"{len(lines)} thing(s) in a contract are not as the standard or this reader has them.",
            where=f"{path}: " + "; ".join(lines),
            mend="docs/data-contracts.md lists the keys",
        ) from error
    _check(contract, path)
    return contract


def _check(contract: Contract, path: Path) -> None:
    wrong = []
    for table in contract.tables:
        names = [c.name for c in table.columns]
        if not table.grain.startswith("One row per"):
            wrong.append(f"{table.name}: the grain must begin with 'One row per'")
        if not table.key:
            wrong.append(f"{table.name}: no column is a primary key")
        wrong += [f"{table.name}.{n}: twice" for n in sorted({n for n in names if names.count(n) > 1})]
        wrong += [
            f"{table.name}.{c.name}: {r.to} is not TABLE.COLUMN"
            for c in table.columns
            for r in c.relationships
            if r.to.count(".") != 1
        ]
    if wrong:
        raise InputError(
            "A contract contradicts itself.", where=f"{path}: " + "; ".join(wrong), mend="correct the file"
        )


@functools.lru_cache(maxsize=1)
def mart_contracts() -> tuple[Contract, ...]:
    """One contract per mart, by name."""
    return tuple(read(path) for path in sorted((FOLDER / "marts").glob("*.odcs.yaml")))


@functools.lru_cache(maxsize=1)
def source_contracts() -> tuple[Contract, ...]:
    """One contract per kind of source, by name."""
    return tuple(read(path) for path in sorted((FOLDER / "sources").glob("*.odcs.yaml")))


def mart(name: str) -> Table:
    """The table of the mart `name`. Raises InputError for a mart without a contract."""
    for contract in mart_contracts():
        for table in contract.tables:
            if table.name == name:
                return table
    raise InputError(
        "There is no contract for this table.", where=name, mend="`learnlake sql` lists the tables"
    )
