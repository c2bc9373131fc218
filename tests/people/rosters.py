"""OneRoster folders for tests: a small school by default, as large as wanted, with any row changed."""

from __future__ import annotations

import csv
import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path

from people.oneroster.binding import FILES

HOME_PAGE = "https://lms.example.org"
Rows = list[dict[str, str]]


@dataclasses.dataclass
class Roster:
    """The rows of a OneRoster package by file; `write` makes the folder."""

    version: str
    files: dict[str, Rows]
    modes: dict[str, str] = dataclasses.field(default_factory=dict)

    def write(self, folder: Path) -> Path:
        folder.mkdir(parents=True, exist_ok=True)
        manifest = [
            {"propertyName": "manifest.version", "value": "1.0"},
            {"propertyName": "oneroster.version", "value": self.version},
        ]
        for name, file in FILES[self.version].items():
            mode = self.modes.get(name, "bulk") if name in self.files else "absent"
            manifest.append({"propertyName": f"file.{name}", "value": mode})
            if name in self.files:
                further = [
                    c
                    for c in dict.fromkeys(c for row in self.files[name] for c in row)
                    if c not in file.columns
                ]
                write_csv(folder / f"{name}.csv", [*file.columns, *further], self.files[name])
            else:
                (folder / f"{name}.csv").unlink(missing_ok=True)
        write_csv(folder / "manifest.csv", ["propertyName", "value"], manifest)
        return folder

    def row(self, file: str, sourced_id: str) -> dict[str, str]:
        return next(row for row in self.files[file] if row["sourcedId"] == sourced_id)

    def drop(self, file: str, sourced_id: str) -> None:
        self.files[file] = [row for row in self.files[file] if row["sourcedId"] != sourced_id]


def write_csv(path: Path, columns: Sequence[str], rows: Sequence[Mapping[str, str]]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, columns, restval="")
        writer.writeheader()
        writer.writerows(rows)


def small_school(version: str = "1.2") -> Roster:
    """A district with two schools, one course, two classes (c1 in s1, c2 in s2), two teachers, an aide, a principal, three
    students (st1 and st2 in c1, st3 in c2), a guardian of st1 and st3."""
    roster = Roster(version, {})
    roster.files["orgs"] = [
        {"sourcedId": "d", "name": "District", "type": "district"},
        {"sourcedId": "s1", "name": "North School", "type": "school", "parentSourcedId": "d"},
        {"sourcedId": "s2", "name": "South School", "type": "school", "parentSourcedId": "d"},
    ]
    roster.files["academicSessions"] = [
        _session("y", "schoolYear", "2026-08-01", "2027-07-31"),
        _session("t1", "term", "2026-08-01", "2026-12-31", parentSourcedId="y"),
        _session("t2", "term", "2027-01-01", "2027-07-31", parentSourcedId="y"),
    ]
    roster.files["courses"] = [
        {
            "sourcedId": "math",
            "title": "Mathematics",
            "orgSourcedId": "d",
            "grades": "09,10",
            "subjects": "Mathematics",
        }
    ]
    roster.files["classes"] = [
        _class("c1", "s1", "t1"),
        _class("c2", "s2", "t1,t2"),
    ]
    people = (
        *(
            ("t-a", "teacher", "s1"),
            ("t-b", "teacher", "s2"),
            ("a-a", "aide", "s1"),
            ("p-a", "principal", "s1"),
        ),
        *(
            ("st1", "student", "s1"),
            ("st2", "student", "s1"),
            ("st3", "student", "s2"),
            ("g1", "parent", "s1"),
        ),
    )
    roster.files["users"] = []
    roster.files["roles"] = []
    for sourced_id, role, school in people:
        add_user(roster, sourced_id, role, school)
    roster.row("users", "g1")["agentSourcedIds"] = "st1,st3"
    roster.files["enrollments"] = [
        enrolment("e1", "c1", "s1", "t-a", "teacher"),
        enrolment("e2", "c2", "s2", "t-b", "teacher"),
        enrolment("e3", "c1", "s1", "a-a", "aide"),
        enrolment("e4", "c1", "s1", "st1", "student"),
        enrolment("e5", "c1", "s1", "st2", "student"),
        enrolment("e6", "c2", "s2", "st3", "student"),
    ]
    roster.files["demographics"] = [{"sourcedId": "st1", "sex": "female"}]
    if version == "1.1":
        del roster.files["roles"]
    return roster


def add_user(roster: Roster, sourced_id: str, role: str, school: str) -> None:
    """One user with a role at a school, in the version's way."""
    row = {
        "sourcedId": sourced_id,
        "enabledUser": "true",
        "username": sourced_id,
        "givenName": f"Given-{sourced_id}",
        "familyName": f"Family-{sourced_id}",
        "email": f"{sourced_id}@school.example",
        "metadata.is_generated": "true",
    }
    if roster.version == "1.1":
        # 1.1 has no principal
        row |= {"orgSourcedIds": school, "role": "administrator" if role == "principal" else role}
    else:
        roster.files["roles"].append(
            {
                "sourcedId": f"r-{sourced_id}",
                "userSourcedId": sourced_id,
                "roleType": "primary",
                "role": role,
                "orgSourcedId": school,
            }
        )
    roster.files["users"].append(row)


def large_school(*, user_count: int, enrolment_count: int) -> Roster:
    """Students of one school, spread over classes of about 25."""
    roster = small_school()
    class_count = max(1, enrolment_count // 25)
    roster.files["classes"] += [_class(f"k{number}", "s1", "t1") for number in range(class_count)]
    for number in range(user_count):
        add_user(roster, f"u{number}", "student", "s1")
    roster.files["enrollments"] += [
        enrolment(f"x{number}", f"k{number % class_count}", "s1", f"u{number % user_count}", "student")
        for number in range(enrolment_count)
    ]
    return roster


def enrolment(
    sourced_id: str, section: str, school: str, user: str, role: str, **further: str
) -> dict[str, str]:
    return {
        "sourcedId": sourced_id,
        "classSourcedId": section,
        "schoolSourcedId": school,
        "userSourcedId": user,
        "role": role,
        **further,
    }


def _session(sourced_id: str, kind: str, start: str, end: str, **further: str) -> dict[str, str]:
    return {
        "sourcedId": sourced_id,
        "title": sourced_id,
        "type": kind,
        "startDate": start,
        "endDate": end,
        "schoolYear": "2027",
        **further,
    }


def _class(sourced_id: str, school: str, terms: str) -> dict[str, str]:
    return {
        "sourcedId": sourced_id,
        "title": f"Class {sourced_id}",
        "grades": "09",
        "courseSourcedId": "math",
        "classType": "scheduled",
        "schoolSourcedId": school,
        "termSourcedIds": terms,
    }


def full_school(version: str = "1.2") -> Roster:
    """The small school with every file of the binding, a row or more in each."""
    roster = small_school(version)
    files = roster.files
    session = "academicSessionSourcedId" if version == "1.2" else "gradingPeriodSourcedId"
    files["categories"] = [{"sourcedId": "hw", "title": "Homework"}]
    files["resources"] = [{"sourcedId": "book", "vendorResourceId": "isbn-1", "roles": "student,teacher"}]
    files["classResources"] = [{"sourcedId": "cr1", "classSourcedId": "c1", "resourceSourcedId": "book"}]
    files["courseResources"] = [{"sourcedId": "or1", "courseSourcedId": "math", "resourceSourcedId": "book"}]
    files["lineItems"] = [
        {
            "sourcedId": "li1",
            "title": "Worksheet 1",
            "assignDate": "2026-09-01",
            "dueDate": "2026-09-08",
            "classSourcedId": "c1",
            "categorySourcedId": "hw",
            session: "t1",
            "resultValueMin": "0",
            "resultValueMax": "10.5",
        }
    ]
    files["results"] = [
        {
            "sourcedId": "re1",
            "lineItemSourcedId": "li1",
            "studentSourcedId": "st1",
            "scoreStatus": "fully graded",
            "score": "7.5",
            "scoreDate": "2026-09-09",
        }
    ]
    if version == "1.2":
        files["lineItems"][0]["schoolSourcedId"] = "s1"
        _add_files_of_1_2(files)
    return roster


def _add_files_of_1_2(files: dict[str, Rows]) -> None:
    files["userProfiles"] = [
        {
            "sourcedId": "up1",
            "userSourcedId": "st1",
            "profileType": "lms",
            "vendorId": "v",
            "credentialType": "password",
            "username": "st1",
        }
    ]
    files["userResources"] = [{"sourcedId": "ur1", "userSourcedId": "st1", "resourceSourcedId": "book"}]
    files["scoreScales"] = [
        {
            "sourcedId": "sc1",
            "title": "Letters",
            "type": "letters",
            "orgSourcedId": "d",
            "courseSourcedId": "math",
            "classSourcedId": "c1",
            "scoreScaleValue": "{A:100},{B:80}",
        }
    ]
    files["lineItemScoreScales"] = [
        {"sourcedId": "ls1", "lineItemSourcedId": "li1", "scoreScaleSourcedId": "sc1"}
    ]
    files["resultScoreScales"] = [
        {"sourcedId": "rs1", "resultSourcedId": "re1", "scoreScaleSourcedId": "sc1"}
    ]
    objective = {"source": "case", "learningObjectiveId": "urn:uuid:f5a9c1d0-0000-4000-8000-000000000001"}
    files["lineItemLearningObjectiveIds"] = [{"sourcedId": "lo1", "lineItemSourcedId": "li1", **objective}]
    files["resultLearningObjectiveIds"] = [{"sourcedId": "ro1", "resultSourcedId": "re1", **objective}]
