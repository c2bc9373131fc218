"""Writes OneRoster 1.2 CSV folders and catalogue folders from Polars frames. Knows the columns, not what is in them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import polars as pl

ROSTER_COLUMNS = {
    "academicSessions": "title type startDate endDate parentSourcedId schoolYear",
    "classes": "title grades courseSourcedId classCode classType location schoolSourcedId termSourcedIds subjects subjectCodes periods",
    "courses": "schoolYearSourcedId title courseCode grades orgSourcedId subjects subjectCodes",
    "demographics": "birthDate sex americanIndianOrAlaskaNative asian blackOrAfricanAmerican nativeHawaiianOrOtherPacificIslander white demographicRaceTwoOrMoreRaces hispanicOrLatinoEthnicity countryOfBirthCode stateOfBirthAbbreviation cityOfBirth publicSchoolResidenceStatus",
    "enrollments": "classSourcedId schoolSourcedId userSourcedId role primary beginDate endDate",
    "orgs": "name type identifier parentSourcedId",
    "roles": "userSourcedId roleType role beginDate endDate orgSourcedId userProfileSourcedId",
    "users": "enabledUser username userIds givenName familyName middleName identifier email sms phone agentSourcedIds grades password userMasterIdentifier preferredGivenName preferredMiddleName preferredFamilyName primaryOrgSourcedId pronouns",
}
"""Columns of OneRoster 1.2's CSV binding, after `sourcedId,status,dateLastModified`."""

_OTHER_ROSTER_FILES = [
    "categories",
    "classResources",
    "courseResources",
    "lineItemLearningObjectiveIds",
    "lineItems",
    "lineItemScoreScales",
    "resources",
    "resultLearningObjectiveIds",
    "results",
    "resultScoreScales",
    "scoreScales",
    "userProfiles",
    "userResources",
]

CATALOGUE_COLUMNS = {
    "courses": "course_id title iri subject grade standards",
    "units": "unit_id course_id title position",
    "lessons": "lesson_id unit_id title position iri",
    "activities": "activity_id iri title type course_id section_id lesson_id parent_iri due_date weight duration_minutes week",
    "skills": "skill_id title subject course_id standard",
    "prerequisites": "skill_id prerequisite_skill_id",
    "activity_skills": "activity_iri skill_id",
}
"""Columns of the catalogue's files (docs/xapi-profile.md)."""


def write_roster(
    folder: Path, tables: Mapping[str, pl.DataFrame], *, system_name: str, system_code: str
) -> Path:
    """Write `tables` (name of the file without .csv to frame) as a OneRoster 1.2 bulk export and answer `folder`.

    Columns that a frame lacks are written empty (`status` and `dateLastModified` are, in bulk files); `metadata.*`
    columns follow the standard's own.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for name, frame in tables.items():
        columns = ["sourcedId", "status", "dateLastModified", *ROSTER_COLUMNS[name].split()]
        metadata = [column for column in frame.columns if column.startswith("metadata.")]
        _write(folder / f"{name}.csv", frame, [*columns, *metadata])
    modes = {name: "bulk" if name in tables else "absent" for name in [*ROSTER_COLUMNS, *_OTHER_ROSTER_FILES]}
    rows = {"manifest.version": "1.0", "oneroster.version": "1.2"}
    rows |= {f"file.{name}": modes[name] for name in sorted(modes, key=str.lower)}
    rows |= {"source.systemName": system_name, "source.systemCode": system_code}
    manifest = pl.DataFrame({"propertyName": list(rows), "value": list(rows.values())})
    manifest.write_csv(folder / "manifest.csv")
    return folder


def write_catalogue(folder: Path, tables: Mapping[str, pl.DataFrame]) -> Path:
    """Write `tables` as a catalogue folder and answer `folder`; tables that a source lacks are left out."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, frame in tables.items():
        _write(folder / f"{name}.csv", frame, CATALOGUE_COLUMNS[name].split())
    return folder


def _write(path: Path, frame: pl.DataFrame, columns: list[str]) -> None:
    unknown = set(frame.columns) - set(columns)
    if unknown:
        raise ValueError(f"{path.name} has no column {', '.join(sorted(unknown))}")
    missing = [
        pl.lit(None, dtype=pl.String).alias(column) for column in columns if column not in frame.columns
    ]
    frame.with_columns(missing).select(columns).write_csv(path)
