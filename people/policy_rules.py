"""The policy's data: for every mart, export, action and written record, which roles may and by which keys. No code that reads people.db.

`TENANT` opens every row of the tenant; a role that a mart or action doesn't name is refused; a mart or action that isn't here is refused to all.
`docs/people.md` shows these tables, and a test keeps them equal.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

TENANT: Final[tuple[str, ...]] = ()
SCHOOL: Final = ("school_key",)
SECTION: Final = ("section_key",)
PERSON: Final = ("person_key",)

Rules = Mapping[str, Mapping[str, tuple[str, ...]]]

_EVERYONE = ("student", "teacher", "assistant", "guardian", "principal", "administrator", "analyst")
_OPEN = dict.fromkeys(_EVERYONE, TENANT)
_CONTENT = {role: TENANT for role in _EVERYONE if role != "administrator"}
_OPERATIONS = {"administrator": TENANT, "analyst": TENANT}

_CLASSES = {
    "student": SECTION,
    "teacher": SECTION,
    "assistant": SECTION,
    "guardian": SECTION,
    "principal": SCHOOL,
    "administrator": TENANT,
    "analyst": TENANT,
}
# A learner's own record: the learner, those who teach the section, the family, and the school as pseudonyms
_RECORD = {
    "student": PERSON,
    "teacher": SECTION,
    "assistant": SECTION,
    "guardian": PERSON,
    "principal": SCHOOL,
    "analyst": TENANT,
}
# The same where the row belongs to no section: a teacher's persons are those enrolled in the teacher's sections
_RECORD_OF_PERSON = {**_RECORD, "teacher": PERSON, "assistant": PERSON}
# Every click and answer: not for the family, who would read over the learner's shoulder, nor for the principal
_EVENTS = {"student": PERSON, "teacher": SECTION, "assistant": SECTION, "analyst": TENANT}
# Of groups, such as classes: those who teach them and those who lead the school
_GROUPS = {"teacher": SECTION, "assistant": SECTION, "principal": SCHOOL, "analyst": TENANT}
# Of a school as a whole
_SCHOOL = {"principal": SCHOOL, "analyst": TENANT}
# Of items and resources over everybody who used them, groups under five left out: for those who write and choose them
_ITEMS = dict.fromkeys(("teacher", "assistant", "principal", "analyst"), TENANT)
# A prediction about a person, which isn't a record of what the person did: those who can help
_JUDGEMENT = {"teacher": SECTION, "assistant": SECTION, "principal": SCHOOL, "analyst": TENANT}

RULES: Final[Rules] = {
    "dim_organisation": _OPEN,
    "dim_academic_session": _OPEN,
    "dim_course": _OPEN,
    "dim_class": _CLASSES,
    "dim_person": _RECORD_OF_PERSON,
    "dim_calendar": _OPEN,
    "dim_content": _CONTENT,
    "dim_activity": _CONTENT,
    "dim_skill": _CONTENT,
    "brg_skill_prerequisite": _CONTENT,
    "brg_activity_skill": _CONTENT,
    "dim_career": _CONTENT,
    "brg_career_skill": _CONTENT,
    "brg_enrolment": _RECORD,
    "fct_statement": _EVENTS,
    "fct_attempt": _EVENTS,
    "fct_session": _EVENTS,
    "fct_resource_use": _EVENTS
    | {"guardian": PERSON},  # what was opened on which day: no answers, no clicks in order
    "fct_video_segment": _EVENTS,
    "fct_forum_activity": _EVENTS,
    "fct_content_attempt": _RECORD,
    "fct_virtual_attendance": _RECORD,
    "fct_assessment_result": _RECORD,
    "fct_task": _RECORD,
    "fct_attendance": _RECORD,
    "fct_outcome": _RECORD,
    "msr_student_week": _RECORD,
    "msr_student": _RECORD,
    "msr_attendance": _RECORD_OF_PERSON,
    "msr_streak": _RECORD_OF_PERSON,
    "msr_badge": _RECORD_OF_PERSON,
    "msr_class_week": _GROUPS,
    "msr_school_week": _SCHOOL,
    "msr_subgroup": _SCHOOL,
    "msr_growth": _SCHOOL,
    "msr_skill": _GROUPS,
    "msr_item": _ITEMS,
    "msr_item_response": _ITEMS,
    "msr_resource_effect": _ITEMS,
    "msr_career": {"student": PERSON, "guardian": PERSON, "analyst": TENANT},
    "prd_mastery": _RECORD,
    "prd_risk": _JUDGEMENT,
    "prd_next_activity": {
        "student": PERSON,
        "teacher": SECTION,
        "assistant": SECTION,
        "guardian": PERSON,
        "analyst": TENANT,
    },
    "prd_resource": {
        "student": PERSON,
        "teacher": SECTION,
        "assistant": SECTION,
        "guardian": PERSON,
        "analyst": TENANT,
    },
    "prd_choice": _OPERATIONS,
    "prd_record": _OPERATIONS,
    "qc_build": _OPEN,
    "qc_freshness": _OPEN,
    "qc_reconciliation": _OPERATIONS,
    "qc_check": _OPERATIONS,
    "qc_unmapped": _OPERATIONS,
    "qc_orphan": _OPERATIONS,
    "qc_unknown_actor": _OPERATIONS,
    "qc_unknown_activity": _OPERATIONS,
    "qc_quarantine": _OPERATIONS,
    "qc_drift": _OPERATIONS,
}

SHOWS_NAMES: Final = frozenset({"student", "teacher", "assistant", "guardian"})
"""Roles that see display names, of the rows they may see. All others see pseudonyms."""

CELEBRATES: Final = SHOWS_NAMES - {"guardian"} | {"principal"}
"""Roles that see the names of those, among the people they may see, who agreed to be shown beside others (purpose `leaderboard`)."""

EXPORTS: Final[Mapping[str, frozenset[str]]] = {
    **{mart: frozenset(roles) - {"assistant"} for mart, roles in RULES.items()},
    "page": frozenset(_EVERYONE) - {"assistant"},
}
"""Who may take the rows of a mart, or of a page's table, away as a file: of those that they see. Assistants look at records, they don't
carry them off."""

ACTIONS: Final[Rules] = {
    # In a section: teachers in their own, assistants where an administrator has delegated it
    "grade": {"teacher": SECTION, "assistant": SECTION},
    "message": {"teacher": SECTION, "assistant": SECTION},
    "restructure": {"teacher": SECTION, "assistant": SECTION},
    "override": {"teacher": SECTION},
    "note": {"teacher": SECTION, "assistant": SECTION},
    "intervene": {"teacher": SECTION},
    # In the whole tenant
    "assign-teacher": {"administrator": TENANT},
    "delegate": {"administrator": TENANT},
    "manage-accounts": {"administrator": TENANT},
    "manage-consent": {"administrator": TENANT},
    "manage-credentials": {"administrator": TENANT},
    "manage-identities": {"administrator": TENANT},
    "read-audit": {"administrator": TENANT},
    "export-person": {"administrator": TENANT},
    "erase-person": {"administrator": TENANT},
    "import-roster": {"administrator": TENANT},
    "run-sql": {"analyst": TENANT},
    # Numbers about the learners of the schools that one leads
    "compliance-report": {"principal": TENANT},
}
"""What somebody may do beside looking. `SECTION` actions are done in one section."""

RECORDS: Final[Rules] = {
    "note": {"teacher": SECTION, "assistant": SECTION},
    "message": {"teacher": SECTION, "assistant": SECTION, "guardian": PERSON, "student": PERSON},
    "intervention": {"teacher": SECTION, "assistant": SECTION},
    "intervention-outcome": {"teacher": SECTION, "assistant": SECTION, "principal": SCHOOL},
    "journal": {"student": PERSON},
}
"""Who may read what people write here: kept in people.db, in no mart, and out of reach of SQL. A message is read by whom it is addressed to."""

DELEGATED: Final[Mapping[str, frozenset[str]]] = {
    "assistant": frozenset({"grade", "message", "note", "restructure"})
}
"""Actions that a role may do only where they were delegated to the person, section by section."""
