"""A roster with faults is refused whole, each fault named with file, line, field and reason."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import Engine

from learnlake.errors import RosterError
from learnlake.settings import Settings
from people import lake
from tests.people.imports import everything, import_into, set_value
from tests.people.rosters import Roster, full_school, small_school

FAULTS: list[tuple[Callable[[Roster], None], str]] = [
    (set_value("orgs", "d", "name", ""), "orgs.csv, line 2, name: is required"),
    (set_value("orgs", "s1", "type", "School"), "orgs.csv, line 3, type: 'School' is not one of department, school"),
    (set_value("orgs", "s2", "parentSourcedId", "nil"), "orgs.csv, line 4, parentSourcedId: 'nil' is not a sourcedId of orgs.csv"),
    (set_value("academicSessions", "y", "startDate", "2026-02-30"), "academicSessions.csv, line 2, startDate: '2026-02-30' is not a date"),
    (set_value("academicSessions", "t1", "endDate", "2020-01-01"), "academicSessions.csv, line 3, endDate: '2020-01-01' is before startDate"),
    (set_value("academicSessions", "t2", "schoolYear", "26/27"), "academicSessions.csv, line 4, schoolYear: '26/27' is not a year"),
    (set_value("academicSessions", "t2", "parentSourcedId", "t2"), "academicSessions.csv, line 4, parentSourcedId: 't2' leads round in a circle"),
    (set_value("courses", "math", "title", " "), "courses.csv, line 2, title: is required"),
    (set_value("classes", "c1", "termSourcedIds", "t1, t9"), "classes.csv, line 2, termSourcedIds: 't9' is not a sourcedId of academicSessions.csv"),
    (set_value("classes", "c2", "classType", "lab"), "classes.csv, line 3, classType: 'lab' is not one of homeroom, scheduled"),
    (set_value("classes", "c2", "dateLastModified", "yesterday"), "classes.csv, line 3, dateLastModified: 'yesterday' is not a date and time"),
    (set_value("users", "t-a", "enabledUser", "yes"), "users.csv, line 2, enabledUser: 'yes' is not true or false"),
    (set_value("users", "t-b", "familyName", ""), "users.csv, line 3, familyName: is required"),
    (set_value("users", "a-a", "status", "inactive"), "users.csv, line 4, status: 'inactive' is not one of active, tobedeleted"),
    (set_value("users", "p-a", "userIds", "LDAP:12"), "users.csv, line 5, userIds: 'LDAP:12' is not a list of"),
    (set_value("users", "g1", "agentSourcedIds", "st1,st8"), "users.csv, line 9, agentSourcedIds: 'st8' is not a sourcedId of users.csv"),
    (set_value("roles", "r-st1", "role", "pupil"), "roles.csv, line 6, role: 'pupil' is not one of aide"),
    (set_value("roles", "r-st2", "orgSourcedId", ""), "roles.csv, line 7, orgSourcedId: is required"),
    (set_value("enrollments", "e1", "userSourcedId", "st9"), "enrollments.csv, line 2, userSourcedId: 'st9' is not a sourcedId of users.csv"),
    (set_value("enrollments", "e2", "classSourcedId", "c9"), "enrollments.csv, line 3, classSourcedId: 'c9' is not a sourcedId of classes.csv"),
    (set_value("enrollments", "e4", "beginDate", "01.09.2026"), "enrollments.csv, line 5, beginDate: '01.09.2026' is not a date"),
    (set_value("enrollments", "e3", "role", "tutor"), "enrollments.csv, line 4, role: 'tutor' is not one of administrator"),
    (set_value("demographics", "st1", "sex", "f"), "demographics.csv, line 2, sex: 'f' is not one of male, female"),
    (set_value("demographics", "st1", "asian", "no"), "demographics.csv, line 2, asian: 'no' is not true or false"),
    (set_value("academicSessions", "t1", "parentSourcedId", "zz"), "academicSessions.csv, line 3, parentSourcedId: 'zz' is not a sourcedId of academicSessions.csv"),
    (set_value("courses", "math", "orgSourcedId", "x9"), "courses.csv, line 2, orgSourcedId: 'x9' is not a sourcedId of orgs.csv"),
    (set_value("courses", "math", "schoolYearSourcedId", "y9"), "courses.csv, line 2, schoolYearSourcedId: 'y9' is not a sourcedId of academicSessions.csv"),
    (set_value("classes", "c1", "courseSourcedId", ""), "classes.csv, line 2, courseSourcedId: is required"),
    (set_value("classes", "c2", "schoolSourcedId", "s9"), "classes.csv, line 3, schoolSourcedId: 's9' is not a sourcedId of orgs.csv"),
    (set_value("users", "st1", "username", ""), "users.csv, line 6, username: is required"),
    (set_value("users", "st2", "givenName", ""), "users.csv, line 7, givenName: is required"),
    (set_value("users", "st3", "primaryOrgSourcedId", "s9"), "users.csv, line 8, primaryOrgSourcedId: 's9' is not a sourcedId of orgs.csv"),
    (set_value("users", "st3", "dateLastModified", "2026"), "users.csv, line 8, dateLastModified: '2026' is not a date and time"),
    (set_value("roles", "r-t-a", "roleType", "ext:main"), "roles.csv, line 2, roleType: 'ext:main' is not one of primary, secondary"),
    (set_value("roles", "r-t-b", "beginDate", "2026-13-01"), "roles.csv, line 3, beginDate: '2026-13-01' is not a date"),
    (set_value("roles", "r-st3", "userProfileSourcedId", "up9"), "roles.csv, line 8, userProfileSourcedId: 'up9' is not a sourcedId of userProfiles.csv"),
    (set_value("enrollments", "e6", "primary", "perhaps"), "enrollments.csv, line 7, primary: 'perhaps' is not true or false"),
    (set_value("enrollments", "e6", "schoolSourcedId", "s9"), "enrollments.csv, line 7, schoolSourcedId: 's9' is not a sourcedId of orgs.csv"),
    (set_value("categories", "hw", "title", ""), "categories.csv, line 2, title: is required"),
    (set_value("lineItems", "li1", "dueDate", "soon"), "lineItems.csv, line 2, dueDate: 'soon' is not a date"),
    (set_value("lineItems", "li1", "resultValueMax", "ten"), "lineItems.csv, line 2, resultValueMax: 'ten' is not a number"),
    (set_value("lineItems", "li1", "categorySourcedId", "zz"), "lineItems.csv, line 2, categorySourcedId: 'zz' is not a sourcedId of categories.csv"),
    (set_value("results", "re1", "scoreStatus", "done"), "results.csv, line 2, scoreStatus: 'done' is not one of exempt, fully graded"),
    (set_value("results", "re1", "score", "A"), "results.csv, line 2, score: 'A' is not a number"),
    (set_value("results", "re1", "late", "perhaps"), "results.csv, line 2, late: 'perhaps' is not true or false"),
    (set_value("resources", "book", "roles", "student,pupil"), "resources.csv, line 2, roles: 'student,pupil' is not a list of administrator"),
    (set_value("resources", "book", "vendorResourceId", ""), "resources.csv, line 2, vendorResourceId: is required"),
    (set_value("scoreScales", "sc1", "scoreScaleValue", ""), "scoreScales.csv, line 2, scoreScaleValue: is required"),
    (set_value("lineItemLearningObjectiveIds", "lo1", "source", "bloom"), "lineItemLearningObjectiveIds.csv, line 2, source: 'bloom' is not one of case, unknown"),
    # last: from here on two rows are called e6
    (set_value("enrollments", "e5", "sourcedId", "e6"), "enrollments.csv, line 7, sourcedId: 'e6' is there twice"),
]  # fmt: skip


@pytest.mark.parametrize(("plant", "named"), FAULTS, ids=[named for _, named in FAULTS])
def test_a_planted_fault_is_named_and_nothing_changes(
    engine: Engine, settings: Settings, tmp_path: Path, plant: Callable[[Roster], None], named: str
) -> None:
    roster = full_school()
    plant(roster)
    before = everything(engine)
    with pytest.raises(RosterError) as caught:
        import_into(settings, roster, tmp_path / "r")
    assert any(problem.startswith(named) for problem in caught.value.problems), caught.value.problems
    assert everything(engine) == before
    assert lake.current(settings.home) is None


def test_fifty_planted_faults_are_named_at_once_and_nothing_else_is(
    engine: Engine, settings: Settings, tmp_path: Path
) -> None:
    roster = full_school()
    for plant, _ in FAULTS:
        plant(roster)
    before = everything(engine)
    with pytest.raises(RosterError, match=r"refused whole: 50 problem") as caught:
        import_into(settings, roster, tmp_path / "r")
    assert len(FAULTS) == len(caught.value.problems) == 50
    for _, named in FAULTS:
        assert any(problem.startswith(named) for problem in caught.value.problems), named
    assert everything(engine) == before
    assert lake.current(settings.home) is None


def test_ids_of_another_source_are_refused(settings: Settings, tmp_path: Path) -> None:
    import_into(settings, small_school(), tmp_path / "a")
    with pytest.raises(
        RosterError, match=r"orgs.csv, line 2, sourcedId: 'd' is already used by the roster of"
    ):
        import_into(settings, small_school(), tmp_path / "b", home_page="https://second.example")


def test_accounts_that_two_people_claim_are_refused(settings: Settings, tmp_path: Path) -> None:
    roster = small_school()
    for child in ("st1", "st2"):
        roster.row("users", child)["userIds"] = "{https://mooc.example ann}"
    with pytest.raises(
        RosterError, match=r"users.csv, line 7, userIds: the account ann of https://mooc.example"
    ):
        import_into(settings, roster, tmp_path / "r")


def test_reasons_never_quote_names_or_addresses(settings: Settings, tmp_path: Path) -> None:
    roster = small_school()
    for row in roster.files["users"]:
        row["enabledUser"] = ""
    with pytest.raises(RosterError) as caught:
        import_into(settings, roster, tmp_path / "r")
    assert not any("Given-" in problem or "@" in problem for problem in caught.value.problems)
