"""What learning systems really send is understood: each dialect's statement becomes its event, about the right thing, in the right place."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.dbt_project.build import Warehouse
from tests.dbt_project.dialects import (
    ACROSSX,
    ADL,
    ADL_TYPE,
    BBB,
    CLASSROOM,
    COURSES,
    DISCUSSION,
    EDLM,
    EDX,
    LMS,
    MOODLE,
    TINCAN,
    TINCAN_TYPE,
    TLA,
    activity,
    cmi5,
    edx,
    lake_table,
    lms,
    moodle,
    people,
    statement,
    video,
)

QUIZ = activity(f"{MOODLE}/mod/quiz/view.php?id=4", f"{ADL_TYPE}assessment", "Quiz 4")
SITTING = activity(
    f"{MOODLE}/mod/quiz/attempt.php?attempt=9&cmid=4", f"{ADL_TYPE}attempt", "Quiz 4 Attempt 9"
)
QUESTION = activity(f"{MOODLE}/question/question.php?cmid=4&id=2", f"{ADL_TYPE}cmi.interaction", "Question 2")
TASK = activity(f"{MOODLE}/mod/assign/view.php?id=5", f"{EDLM}activity-types/assignment", "Essay")
HAND_IN = activity(
    f"{MOODLE}/mod/assign/view.php?id=5#submission", f"{EDLM}activity-types/submission", "Essay Submission"
)
FORUM = activity(f"{MOODLE}/mod/forum/view.php?id=3", f"{EDLM}activity-types/forum", "News")
TALK = activity(f"{MOODLE}/mod/forum/discuss.php?d=1", DISCUSSION, "Hello")
REPLY = activity(f"{MOODLE}/mod/forum/discuss.php?d=1#p2", f"{TINCAN_TYPE}forum-reply")
ROOM = activity(f"{MOODLE}/mod/bigbluebuttonbn/view.php?id=6", f"{ADL_TYPE}meeting", "Room")
SCORM = activity(f"{MOODLE}/mod/scorm/view.php?id=8", f"{ADL_TYPE}module", "Package")
SCO = activity(f"{MOODLE}/mod/scorm/view.php?id=8#sco", f"{EDLM}activity-types/scorm-content-object")
THREAD = activity(f"{EDX}/api/discussion/v1/threads/1", DISCUSSION, "Help")
COMMENT = activity(f"{EDX}/api/discussion/v1/comments/2", DISCUSSION)
PROBLEM = activity(f"{EDX}/xblock/block-v1:N+Maths+2026+type@problem+block@1", f"{ADL_TYPE}cmi.interaction")
CLASS = activity(f"{BBB}/xapi/activities/room-1", f"{CLASSROOM}activity-types/virtual-classroom", "Class")
DAY = "2026-09-08 10:00"
RIGHT = {"success": True, "score": {"scaled": 1.0}, "response": "b"}

Case = tuple[str, dict[str, Any], str, str]
"""Name, statement, event, IRI of what it is about."""


def cases() -> list[Case]:
    made: list[Case] = []

    def case(name: str, sent: dict[str, Any], event: str, about: dict[str, Any] | None = None) -> None:
        made.append((name, sent, event, (about or sent["object"])["id"]))

    # Open edX
    case("edx answer", edx("ada", f"{ACROSSX}evaluated", PROBLEM, DAY, result=RIGHT), "answered")
    case("edx answer, the browser's", edx("ada", f"{ADL}attempted", PROBLEM, DAY), "answer_sent")
    case("edx thread", edx("ada", f"{ACROSSX}posted", THREAD, DAY), "forum_posted")
    case("edx comment", edx("ada", f"{ACROSSX}posted", COMMENT, DAY, grouping=[THREAD]), "forum_replied")
    case("edx vote", edx("ada", "https://w3id.org/xapi/openedx/verb/voted", THREAD, DAY), "forum_voted")
    case("edx read", edx("ada", f"{TINCAN}viewed", THREAD, DAY), "forum_read")
    for kind in ("practice", "proctored", "timed"):
        exam = activity(f"{EDX}/exam/{kind}", f"https://w3id.org/xapi/openedx/activity/{kind}-assessment")
        case(f"edx {kind} exam begun", edx("ada", f"{ADL}initialized", exam, DAY), "started")
        case(f"edx {kind} exam", edx("ada", f"{ADL}terminated", exam, DAY), "submitted")
    subsection = activity(f"{EDX}/xblock/s1", f"{TINCAN_TYPE}resource")
    case(
        "edx grade",
        edx("ada", f"{TINCAN}earned", subsection, DAY, result={"score": {"scaled": 0.5}}),
        "graded",
    )
    case(
        "edx step", edx("ada", "https://w3id.org/xapi/dod-isd/verbs/navigated", subsection, DAY), "navigated"
    )
    course = activity(*COURSES["edx"])
    case("edx course", statement(EDX, "ada", f"{ADL}passed", course, DAY), "course_passed")
    case("edx leaves", statement(EDX, "ada", f"{TINCAN}unregistered", course, DAY), "unregistered")
    # Moodle
    site = activity(MOODLE, f"{TINCAN_TYPE}lms")
    case("moodle login", statement(MOODLE, "ada", f"{EDLM}verbs/login", site, DAY), "logged_in")
    case(
        "moodle sitting",
        moodle("ada", "http://activitystrea.ms/schema/1.0/start", SITTING, DAY, QUIZ),
        "started",
        QUIZ,
    )
    handed_in = {"score": {"raw": 30, "max": 40}, "completion": True}
    case(
        "moodle quiz",
        moodle("ada", f"{ADL}completed", SITTING, DAY, QUIZ, result=handed_in),
        "submitted",
        QUIZ,
    )
    case(
        "moodle answer",
        moodle("ada", f"{ADL}answered", QUESTION, DAY, SITTING, QUIZ, result=RIGHT),
        "answered",
    )
    case(
        "moodle hand-in",
        moodle("ada", "http://activitystrea.ms/schema/1.0/submit", HAND_IN, DAY, TASK),
        "submitted",
        TASK,
    )
    case(
        "moodle mark",
        moodle("ada", f"{TLA}scored", HAND_IN, DAY, TASK, result={"score": {"scaled": 0.9}}),
        "graded",
        TASK,
    )
    case("moodle thread", moodle("ada", "http://activitystrea.ms/create", TALK, DAY, FORUM), "forum_posted")
    case("moodle reply", moodle("ada", f"{TINCAN}replied", REPLY, DAY, TALK, FORUM), "forum_replied")
    case("moodle forum", moodle("ada", f"{TINCAN}viewed", FORUM, DAY), "forum_read")
    case("moodle room", moodle("ada", "http://activitystrea.ms/schema/1.0/join", ROOM, DAY), "meeting_joined")
    case("moodle room ends", moodle("teach", f"{TINCAN}adjourned", ROOM, DAY), "meeting_ended")
    case("moodle SCORM", moodle("ada", f"{ADL}launched", SCO, DAY, SCORM), "launched", SCORM)
    face = activity(
        f"{MOODLE}/mod/facetoface/view.php?id=1",
        "https://w3id.org/xapi/acrossx/activities/face-to-face-discussion",
    )
    case("moodle attendance", moodle("ada", f"{ADL}attended", face, DAY), "attended")
    case("moodle booking", moodle("ada", f"{ADL}registered", face, DAY), "booked")
    enrolled = statement(MOODLE, "ada", f"{EDLM}verbs/enrolled", activity(*COURSES["moodle"]), DAY)
    case("moodle enrolment", enrolled, "registered")
    badge = activity(f"{MOODLE}/badges/1", f"{EDLM}activity-types/badge")
    case("moodle badge", moodle("ada", f"{TLA}achieved", badge, DAY), "badge_earned")
    # cmi5
    for verb in ("launched", "initialized", "completed", "passed", "failed", "terminated"):
        case(f"cmi5 {verb}", cmi5("ada", f"{ADL}{verb}", DAY), verb)
    for verb in ("abandoned", "waived", "satisfied"):
        case(f"cmi5 {verb}", cmi5("ada", f"https://w3id.org/xapi/adl/verbs/{verb}", DAY), verb)
    # a virtual classroom
    join, leave = "http://activitystrea.ms/join", "http://activitystrea.ms/leave"
    case("classroom opens", statement(BBB, "teach", f"{ADL}initialized", CLASS, DAY), "meeting_started")
    case("classroom join", statement(BBB, "ada", join, CLASS, DAY), "meeting_joined")
    case("classroom leave", statement(BBB, "ada", leave, CLASS, DAY), "meeting_left")
    case("classroom ends", statement(BBB, "teach", f"{ADL}terminated", CLASS, DAY), "meeting_ended")
    camera = activity(f"{BBB}/xapi/activities/cam-1", f"{CLASSROOM}activity-types/camera")
    case(
        "classroom camera",
        statement(BBB, "ada", "http://activitystrea.ms/start", camera, DAY, parent=[CLASS]),
        "media_started",
    )
    # video, H5P
    for verb in ("played", "paused", "seeked", "initialized", "completed", "terminated", "interacted"):
        case(f"video {verb}", video("ada", verb, DAY), f"video_{verb}")
    content = activity(f"{LMS}/h5p/1")
    case("H5P opened", lms("ada", f"{ADL}attempted", content, DAY), "attempted")
    case(
        "H5P done",
        lms("ada", f"{ADL}completed", content, DAY, result={"score": {"raw": 3, "max": 4}}),
        "completed",
    )
    return made


CASES = cases()


@pytest.fixture(scope="module")
def built(module_warehouse: Callable[[], Warehouse]) -> Warehouse:
    warehouse = module_warehouse()
    warehouse.people_dir = warehouse.lake.write("people", people("ada", "teach"))
    warehouse.catalogue_dir = None
    warehouse.lake.append_table(lake_table([sent for _, sent, _, _ in CASES], first=0))
    warehouse.build()
    return warehouse


def test_every_statement_becomes_its_event_about_the_right_thing(built: Warehouse) -> None:
    found = {
        row[0]: row[1:]
        for row in built.rows(
            "select statement_id, event, iri from fct_statement left join dim_activity using (tenant, activity_key)"
        )
    }
    assert {name: found[sent["id"]] for name, sent, _, _ in CASES} == {
        name: (event, about) for name, _, event, about in CASES
    }
    assert built.rows("from qc_unmapped") == []


def test_every_statement_of_a_course_has_a_person_and_a_section(built: Warehouse) -> None:
    lost = "select distinct platform from fct_statement where person_key is null or section_key is null order by 1"
    # a classroom names no course; nor does a log-in
    assert built.rows(lost) == [(BBB,), (MOODLE,)]
    assert built.rows(
        f"select event from fct_statement where platform = '{MOODLE}' and section_key is null"
    ) == [("logged_in",)]


def test_an_attempt_belongs_to_its_assessment_and_not_to_the_sitting_or_the_topic(built: Warehouse) -> None:
    titles = """select assessment.title from fct_attempt
        left join dim_activity as assessment on assessment.activity_key = fct_attempt.assessment_key order by 1"""
    assert built.rows(titles) == [("Quiz 4",), (None,)]
    assert built.rows("select count(*) from dim_activity where iri like '%attempt=%' or iri like '%#s%'") == [
        (0,)
    ]
    assert built.rows("select title from dim_activity where iri like '%quiz/view%'") == [("Quiz 4",)]


def test_a_score_without_its_share_is_one_of_what_could_be_reached(built: Warehouse) -> None:
    scores = "select distinct event, score_scaled from fct_statement where event in ('submitted', 'completed') and score_scaled is not null"
    assert sorted(built.rows(scores)) == [("completed", 0.75), ("submitted", 0.75)]


def test_an_event_is_activity_or_it_is_not(built: Warehouse) -> None:
    """Measures ask by event, so that no event may be both; nor may a row of a seed stand twice."""
    both = "select event from staging.event_map group by 1 having count(distinct is_activity) > 1"
    assert built.rows(both) == []
    assert built.rows("select field, position from staging.field_map group by all having count(*) > 1") == []
    assert built.rows("select activity_type from staging.activity_type group by 1 having count(*) > 1") == []


def test_a_clock_that_is_wrong_counts_at_the_time_of_storing(warehouse: Warehouse) -> None:
    ahead, lost, near = (
        cmi5("ada", f"{ADL}passed", when) for when in ("2027-01-01", "1970-01-01", "2026-09-08 10:04")
    )
    stored = {made["id"]: "2026-09-08 10:00" for made in (ahead, lost, near)}
    warehouse.lake.append_table(lake_table([ahead, lost, near], first=0, stored=stored))
    warehouse.dbt("build", "--select", "+stg_statement", "--exclude-resource-type", "test")
    times = [
        row[0].isoformat(" ", "minutes")
        for row in warehouse.rows("select occurred_at from staging.stg_statement order by seq")
    ]
    assert times == ["2026-09-08 10:00", "2026-09-08 10:00", "2026-09-08 10:04"]
