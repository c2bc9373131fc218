"""What OneRoster's CSV bindings 1.1 and 1.2 say about files, columns, types and enumerations. Data only.

Sources: 1EdTech OneRoster 1.1 CSV tables (2017) and OneRoster 1.2.1 CSV binding (2023).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Final, Literal

Kind = Literal[
    "text",
    "date",
    "datetime",
    "boolean",
    "year",
    "integer",
    "float",
    "enum",
    "enums",
    "reference",
    "references",
]

VERSIONS: Final = ("1.1", "1.2")
MODES: Final = ("absent", "bulk", "delta")


@dataclasses.dataclass(frozen=True, slots=True)
class Field:
    """One column. `values` are an enumeration's tokens, which `is_extensible` lets anybody add to with `ext:`;
    `file` is where a reference's sourcedId must be found."""

    name: str
    kind: Kind = "text"
    is_required: bool = False
    values: tuple[str, ...] = ()
    file: str = ""
    is_extensible: bool = False


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


def _enum(name: str, *values: str, required: bool = True, extensible: bool = False) -> Field:
    return Field(name, "enum", required, values, is_extensible=extensible)


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
        _enum("type", "department", "school", "district", "local", "state", "national", extensible=True),
        _text("identifier"),
        _one("parentSourcedId", "orgs"),
    ),
)
_SESSIONS = File(
    "academicSessions",
    (
        *_BASE,
        _text("title", required=True),
        _enum("type", "gradingPeriod", "semester", "schoolYear", "term", extensible=True),
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
        _enum("classType", "homeroom", "scheduled", extensible=True),
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
        # `aide` is an addition of ours to the binding
        _enum("role", "administrator", "aide", "proctor", "student", "teacher", extensible=True),
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
        _many("resourceSourcedIds", "resources"),
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
            extensible=True,
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
            _enum("sex", *sexes, required=False, extensible=True),
            *(Field(name, "boolean") for name in _RACES),
            *(_text(name) for name in _PLACES),
        ),
    )


_CATEGORIES_1_1 = File("categories", (*_BASE, _text("title", required=True)))
_CATEGORIES_1_2 = File("categories", (*_CATEGORIES_1_1.fields, Field("weight", "integer")))
_LINE_ITEM_START = (
    *_BASE,
    _text("title", required=True),
    _text("description"),
    _date("assignDate", required=True),
    _date("dueDate", required=True),
    _one("classSourcedId", "classes", required=True),
    _one("categorySourcedId", "categories", required=True),
)
_LINE_ITEMS_1_1 = File(
    "lineItems",
    (
        *_LINE_ITEM_START,
        _one("gradingPeriodSourcedId", "academicSessions", required=True),
        Field("resultValueMin", "float", True),
        Field("resultValueMax", "float", True),
    ),
)
_LINE_ITEMS_1_2 = File(
    "lineItems",
    (
        *_LINE_ITEM_START,
        _one("academicSessionSourcedId", "academicSessions", required=True),
        Field("resultValueMin", "float"),
        Field("resultValueMax", "float"),
        _one("schoolSourcedId", "orgs", required=True),
    ),
)


def _results(*further: Field, score_required: bool) -> File:
    return File(
        "results",
        (
            *_BASE,
            _one("lineItemSourcedId", "lineItems", required=True),
            _one("studentSourcedId", "users", required=True),
            _enum(
                "scoreStatus",
                *("exempt", "fully graded", "not submitted", "partially graded", "submitted"),
                extensible=True,
            ),
            Field("score", "float", score_required),
            _date("scoreDate", required=True),
            _text("comment"),
            *further,
        ),
    )


_RESULTS_1_1 = _results(score_required=True)
_RESULTS_1_2 = _results(
    _text("textScore"),
    _one("classSourcedId", "classes"),
    *(Field(name, "boolean") for name in ("inProgress", "incomplete", "late", "missing")),
    score_required=False,
)
_RESOURCES = File(
    "resources",
    (
        *_BASE,
        _text("vendorResourceId", required=True),
        _text("title"),
        Field(
            "roles",
            "enums",
            values=(
                *("administrator", "aide", "guardian", "parent"),
                *("proctor", "relative", "student", "teacher"),
            ),
            is_extensible=True,
        ),
        _enum("importance", "primary", "secondary", required=False),
        _text("vendorId"),
        _text("applicationId"),
    ),
)


def _link(name: str, *fields: Field) -> File:
    """A file that says which two things belong together."""
    return File(name, (*_BASE, *fields))


_CLASS_RESOURCES = _link(
    "classResources",
    _text("title"),
    _one("classSourcedId", "classes", required=True),
    _one("resourceSourcedId", "resources", required=True),
)
_COURSE_RESOURCES = _link(
    "courseResources",
    _text("title"),
    _one("courseSourcedId", "courses", required=True),
    _one("resourceSourcedId", "resources", required=True),
)
_USER_RESOURCES = _link(
    "userResources",
    _one("userSourcedId", "users", required=True),
    _one("orgSourcedId", "orgs"),
    _one("classSourcedId", "classes"),
    _one("resourceSourcedId", "resources", required=True),
)
_SCORE_SCALES = File(
    "scoreScales",
    (
        *_BASE,
        _text("title", required=True),
        _text("type", required=True),
        _one("orgSourcedId", "orgs", required=True),
        _one("courseSourcedId", "courses", required=True),
        _one("classSourcedId", "classes", required=True),
        _text("scoreScaleValue", required=True),
    ),
)


def _score_scale_link(name: str, column: str, file: str) -> File:
    return _link(
        name,
        _text("title"),
        _one(column, file, required=True),
        _one("scoreScaleSourcedId", "scoreScales", required=True),
    )


def _objectives(name: str, column: str, file: str, *further: Field) -> File:
    return _link(
        name,
        _one(column, file, required=True),
        _enum("source", "case", "unknown", extensible=True),
        _text("learningObjectiveId", required=True),
        *further,
    )


_VERSION_1_1 = (
    *(_ORGS, _SESSIONS, _COURSES, _CLASSES, _USERS_1_1, _ENROLLMENTS),
    _demographics("birthdate", "male", "female"),
    *(_CATEGORIES_1_1, _LINE_ITEMS_1_1, _RESULTS_1_1),
    *(_RESOURCES, _CLASS_RESOURCES, _COURSE_RESOURCES),
)
_VERSION_1_2 = (
    *(_ORGS, _SESSIONS, _COURSES, _CLASSES, _USERS_1_2, _ROLES, _PROFILES, _ENROLLMENTS),
    _demographics("birthDate", "male", "female", "other", "unspecified"),
    *(_CATEGORIES_1_2, _LINE_ITEMS_1_2, _RESULTS_1_2),
    *(_RESOURCES, _CLASS_RESOURCES, _COURSE_RESOURCES, _USER_RESOURCES, _SCORE_SCALES),
    _score_scale_link("lineItemScoreScales", "lineItemSourcedId", "lineItems"),
    _score_scale_link("resultScoreScales", "resultSourcedId", "results"),
    _objectives("lineItemLearningObjectiveIds", "lineItemSourcedId", "lineItems"),
    _objectives(
        "resultLearningObjectiveIds",
        "resultSourcedId",
        "results",
        Field("score", "float"),
        _text("textScore"),
    ),
)

FILES: Final[Mapping[str, Mapping[str, File]]] = {
    "1.1": {file.name: file for file in _VERSION_1_1},
    "1.2": {file.name: file for file in _VERSION_1_2},
}
"""Every file of the binding beside the manifest, by version."""

ROSTER_FILES: Final = frozenset(
    {"orgs", "academicSessions", "courses", "classes", "users", "roles", "enrollments", "demographics"}
)
"""Files whose rows become rows of people.db; all others are checked and not kept."""
NAMED_LATER: Final = frozenset({"orgs", "academicSessions", "courses", "classes", "users"})
"""Files whose sourcedIds a later package may name without bringing the file again."""
