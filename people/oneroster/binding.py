"""What OneRoster's CSV bindings 1.1 and 1.2 say about files, columns, types and enumerations. Data only.

Sources: 1EdTech OneRoster 1.1 CSV tables (2017) and OneRoster 1.2.1 CSV binding (2023).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Final, Literal

Kind = Literal["text", "date", "datetime", "boolean", "year", "enum", "reference", "references"]

VERSIONS: Final = ("1.1", "1.2")
MODES: Final = ("absent", "bulk", "delta")


@dataclasses.dataclass(frozen=True, slots=True)
class Field:
    """One column. `values` are an enumeration's tokens; `file` is where a reference's sourcedId must be found."""

    name: str
    kind: Kind = "text"
    is_required: bool = False
    values: tuple[str, ...] = ()
    file: str = ""


@dataclasses.dataclass(frozen=True, slots=True)
class File:
    """One CSV file of the binding."""

    name: str
    fields: tuple[Field, ...]

    @property
    def columns(self) -> tuple[str, ...]:
        return tuple(field.name for field in self.fields)


def _text(name: str, *, required: bool = False) -> Field:
    return Field(name, is_required=required)


def _enum(name: str, *values: str, required: bool = True) -> Field:
    return Field(name, "enum", required, values)


def _date(name: str, *, required: bool = False) -> Field:
    return Field(name, "date", required)


def _one(name: str, file: str, *, required: bool = False) -> Field:
    return Field(name, "reference", required, file=file)


def _many(name: str, file: str, *, required: bool = False) -> Field:
    return Field(name, "references", required, file=file)


_BASE = (
    _text("sourcedId", required=True),
    _enum("status", "active", "tobedeleted", required=False),
    Field("dateLastModified", "datetime"),
)

_ORGS = File(
    "orgs",
    (
        *_BASE,
        _text("name", required=True),
        _enum("type", "department", "school", "district", "local", "state", "national"),
        _text("identifier"),
        _one("parentSourcedId", "orgs"),
    ),
)
_SESSIONS = File(
    "academicSessions",
    (
        *_BASE,
        _text("title", required=True),
        _enum("type", "gradingPeriod", "semester", "schoolYear", "term"),
        _date("startDate", required=True),
        _date("endDate", required=True),
        _one("parentSourcedId", "academicSessions"),
        Field("schoolYear", "year", True),
    ),
)
_COURSES = File(
    "courses",
    (
        *_BASE,
        _one("schoolYearSourcedId", "academicSessions"),
        _text("title", required=True),
        _text("courseCode"),
        _text("grades"),
        _one("orgSourcedId", "orgs", required=True),
        _text("subjects"),
        _text("subjectCodes"),
    ),
)
_CLASSES = File(
    "classes",
    (
        *_BASE,
        _text("title", required=True),
        _text("grades"),
        _one("courseSourcedId", "courses", required=True),
        _text("classCode"),
        _enum("classType", "homeroom", "scheduled"),
        _text("location"),
        _one("schoolSourcedId", "orgs", required=True),
        _many("termSourcedIds", "academicSessions", required=True),
        _text("subjects"),
        _text("subjectCodes"),
        _text("periods"),
    ),
)
_ENROLLMENTS = File(
    "enrollments",
    (
        *_BASE,
        _one("classSourcedId", "classes", required=True),
        _one("schoolSourcedId", "orgs", required=True),
        _one("userSourcedId", "users", required=True),
        _enum("role", "administrator", "aide", "proctor", "student", "teacher"),
        Field("primary", "boolean"),
        _date("beginDate"),
        _date("endDate"),
    ),
)
_USER_START = (*_BASE, Field("enabledUser", "boolean", True))
_USER_MIDDLE = (
    _text("username", required=True),
    _text("userIds"),
    _text("givenName", required=True),
    _text("familyName", required=True),
    _text("middleName"),
    _text("identifier"),
    _text("email"),
    _text("sms"),
    _text("phone"),
    _many("agentSourcedIds", "users"),
    _text("grades"),
    _text("password"),
)
_USERS_1_1 = File(
    "users",
    (
        *_USER_START,
        _many("orgSourcedIds", "orgs", required=True),
        _enum(
            "role",
            *("administrator", "aide", "guardian", "parent", "proctor", "relative", "student", "teacher"),
        ),
        *_USER_MIDDLE,
    ),
)
_USERS_1_2 = File(
    "users",
    (
        *_USER_START,
        *_USER_MIDDLE,
        _text("userMasterIdentifier"),
        _text("preferredGivenName"),
        _text("preferredMiddleName"),
        _text("preferredFamilyName"),
        _one("primaryOrgSourcedId", "orgs"),
        _text("pronouns"),
    ),
)
_ROLES = File(
    "roles",
    (
        *_BASE,
        _one("userSourcedId", "users", required=True),
        _enum("roleType", "primary", "secondary"),
        _enum(
            "role",
            *("aide", "counselor", "districtAdministrator", "guardian", "parent", "principal", "proctor"),
            *("relative", "siteAdministrator", "student", "systemAdministrator", "teacher"),
        ),
        _date("beginDate"),
        _date("endDate"),
        _one("orgSourcedId", "orgs", required=True),
        _one("userProfileSourcedId", "userProfiles"),
    ),
)
_PROFILES = File(
    "userProfiles",
    (
        *_BASE,
        _one("userSourcedId", "users", required=True),
        _text("profileType", required=True),
        _text("vendorId", required=True),
        _text("applicationId"),
        _text("description"),
        _text("credentialType", required=True),
        _text("username", required=True),
        _text("password"),
    ),
)
_RACES = (
    *(
        "americanIndianOrAlaskaNative",
        "asian",
        "blackOrAfricanAmerican",
        "nativeHawaiianOrOtherPacificIslander",
    ),
    *("white", "demographicRaceTwoOrMoreRaces", "hispanicOrLatinoEthnicity"),
)
_PLACES = ("countryOfBirthCode", "stateOfBirthAbbreviation", "cityOfBirth", "publicSchoolResidenceStatus")
DEMOGRAPHIC_DETAILS: Final = (*_RACES, *_PLACES)


def _demographics(birth_date: str, *sexes: str) -> File:
    """1.1 writes `birthdate`, 1.2 `birthDate`; 1.2 knows more sexes. The sourcedId is the user's."""
    return File(
        "demographics",
        (
            _one("sourcedId", "users", required=True),
            *_BASE[1:],
            _date(birth_date),
            _enum("sex", *sexes, required=False),
            *(Field(name, "boolean") for name in _RACES),
            *(_text(name) for name in _PLACES),
        ),
    )


FILES: Final[Mapping[str, Mapping[str, File]]] = {
    "1.1": {
        file.name: file
        for file in (
            *(_ORGS, _SESSIONS, _COURSES, _CLASSES, _USERS_1_1, _ENROLLMENTS),
            _demographics("birthdate", "male", "female"),
        )
    },
    "1.2": {
        file.name: file
        for file in (
            *(_ORGS, _SESSIONS, _COURSES, _CLASSES, _USERS_1_2, _ROLES, _PROFILES, _ENROLLMENTS),
            _demographics("birthDate", "male", "female", "other", "unspecified"),
        )
    },
}
"""The files that are read, by version."""

_GRADEBOOK_1_1 = ("categories", "classResources", "courseResources", "lineItems", "resources", "results")
OTHER_FILES: Final[Mapping[str, tuple[str, ...]]] = {
    "1.1": _GRADEBOOK_1_1,
    "1.2": (
        *_GRADEBOOK_1_1,
        *("lineItemLearningObjectiveIds", "lineItemScoreScales", "resultLearningObjectiveIds"),
        *("resultScoreScales", "scoreScales", "userResources"),
    ),
}
"""Files of the binding that hold no roster (resources and grade book): named in the report, not read."""
