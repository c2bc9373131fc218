"""What the OneRoster CSV bindings say of each file's columns, copied from the specifications' tables by hand, not from our code.

1.2: CSV Binding 1.2 (tables of section 3 and the list of vocabularies that may be extended). 1.1: the same tables less what section
"Changes Between OR 1.1 and 1.2" names. `!` marks a required column; `...` a vocabulary that may be extended; `sourcedId`, `status` and
`dateLastModified` begin every file.
"""

from __future__ import annotations

import dataclasses

OURS = {("enrollments", "role"): {"aide"}}
"""Tokens that we take beside the standard's."""

V1_2 = """
academicSessions
  title! text
  type! enum gradingPeriod | semester | schoolYear | term ...
  startDate! date
  endDate! date
  parentSourcedId reference
  schoolYear! year
categories
  title! text
  weight integer
classes
  title! text
  grades text
  courseSourcedId! reference
  classCode text
  classType! enum homeroom | scheduled ...
  location text
  schoolSourcedId! reference
  termSourcedIds! references
  subjects text
  subjectCodes text
  periods text
classResources
  title text
  classSourcedId! reference
  resourceSourcedId! reference
courseResources
  title text
  courseSourcedId! reference
  resourceSourcedId! reference
courses
  schoolYearSourcedId reference
  title! text
  courseCode text
  grades text
  orgSourcedId! reference
  subjects text
  subjectCodes text
demographics
  birthDate date
  sex enum male | female | unspecified | other ...
  americanIndianOrAlaskaNative boolean
  asian boolean
  blackOrAfricanAmerican boolean
  nativeHawaiianOrOtherPacificIslander boolean
  white boolean
  demographicRaceTwoOrMoreRaces boolean
  hispanicOrLatinoEthnicity boolean
  countryOfBirthCode text
  stateOfBirthAbbreviation text
  cityOfBirth text
  publicSchoolResidenceStatus text
enrollments
  classSourcedId! reference
  schoolSourcedId! reference
  userSourcedId! reference
  role! enum administrator | proctor | student | teacher ...
  primary boolean
  beginDate date
  endDate date
lineItemLearningObjectiveIds
  lineItemSourcedId! reference
  source! enum case | unknown ...
  learningObjectiveId! text
lineItems
  title! text
  description text
  assignDate! date
  dueDate! date
  classSourcedId! reference
  categorySourcedId! reference
  academicSessionSourcedId! reference
  resultValueMin float
  resultValueMax float
  schoolSourcedId! reference
lineItemScoreScales
  title text
  lineItemSourcedId! reference
  scoreScaleSourcedId! reference
orgs
  name! text
  type! enum department | school | district | local | state | national ...
  identifier text
  parentSourcedId reference
resources
  vendorResourceId! text
  title text
  roles enums administrator | aide | guardian | parent | proctor | relative | student | teacher ...
  importance enum primary | secondary
  vendorId text
  applicationId text
resultLearningObjectiveIds
  resultSourcedId! reference
  source! enum case | unknown ...
  learningObjectiveId! text
  score float
  textScore text
results
  lineItemSourcedId! reference
  studentSourcedId! reference
  scoreStatus! enum exempt | fully graded | not submitted | partially graded | submitted ...
  score float
  scoreDate! date
  comment text
  textScore text
  classSourcedId reference
  inProgress boolean
  incomplete boolean
  late boolean
  missing boolean
resultScoreScales
  title text
  resultSourcedId! reference
  scoreScaleSourcedId! reference
roles
  userSourcedId! reference
  roleType! enum primary | secondary
  role! enum aide | counselor | districtAdministrator | guardian | parent | principal | proctor | relative | siteAdministrator | student | systemAdministrator | teacher ...
  beginDate date
  endDate date
  orgSourcedId! reference
  userProfileSourcedId reference
scoreScales
  title! text
  type! text
  orgSourcedId! reference
  courseSourcedId! reference
  classSourcedId! reference
  scoreScaleValue! text
userProfiles
  userSourcedId! text
  profileType! text
  vendorId! text
  applicationId text
  description text
  credentialType! text
  username! text
  password text
userResources
  userSourcedId! reference
  orgSourcedId reference
  classSourcedId reference
  resourceSourcedId! reference
users
  enabledUser! boolean
  username! text
  userIds text
  givenName! text
  familyName! text
  middleName text
  identifier text
  email text
  sms text
  phone text
  agentSourcedIds references
  grades text
  password text
  userMasterIdentifier text
  resourceSourcedIds references
  preferredGivenName text
  preferredMiddleName text
  preferredFamilyName text
  primaryOrgSourcedId reference
  pronouns text
"""

NEW_IN_1_2 = (
    *("roles", "userProfiles", "userResources", "scoreScales", "lineItemScoreScales"),
    *("resultScoreScales", "lineItemLearningObjectiveIds", "resultLearningObjectiveIds"),
)

V1_1_DIFFERENT = """
categories
  title! text
demographics
  birthdate date
  sex enum male | female
  americanIndianOrAlaskaNative boolean
  asian boolean
  blackOrAfricanAmerican boolean
  nativeHawaiianOrOtherPacificIslander boolean
  white boolean
  demographicRaceTwoOrMoreRaces boolean
  hispanicOrLatinoEthnicity boolean
  countryOfBirthCode text
  stateOfBirthAbbreviation text
  cityOfBirth text
  publicSchoolResidenceStatus text
lineItems
  title! text
  description text
  assignDate! date
  dueDate! date
  classSourcedId! reference
  categorySourcedId! reference
  gradingPeriodSourcedId! reference
  resultValueMin! float
  resultValueMax! float
results
  lineItemSourcedId! reference
  studentSourcedId! reference
  scoreStatus! enum exempt | fully graded | not submitted | partially graded | submitted
  score! float
  scoreDate! date
  comment text
users
  enabledUser! boolean
  orgSourcedIds! references
  role! enum administrator | aide | guardian | parent | proctor | relative | student | teacher
  username! text
  userIds text
  givenName! text
  familyName! text
  middleName text
  identifier text
  email text
  sms text
  phone text
  agentSourcedIds references
  grades text
  password text
"""


@dataclasses.dataclass(frozen=True)
class Column:
    name: str
    is_required: bool
    kind: str
    tokens: frozenset[str]
    is_extensible: bool


def _parse(text: str) -> dict[str, list[Column]]:
    files: dict[str, list[Column]] = {}
    for line in text.strip().splitlines():
        if not line.startswith(" "):
            files[line] = columns = []
            continue
        name, kind, *rest = line.split(maxsplit=2)
        tokens = rest[0] if rest else ""
        columns.append(
            Column(
                name.removesuffix("!"),
                name.endswith("!"),
                kind,
                frozenset(t.strip() for t in tokens.removesuffix("...").split("|") if t.strip()),
                tokens.endswith("..."),
            )
        )
    return files


_1_2 = _parse(V1_2)
# In 1.1 no vocabulary may be extended
_SAME = {
    name: [dataclasses.replace(column, is_extensible=False) for column in columns]
    for name, columns in _1_2.items()
    if name not in NEW_IN_1_2
}
SPECIFIED = {"1.1": {**_SAME, **_parse(V1_1_DIFFERENT)}, "1.2": _1_2}
