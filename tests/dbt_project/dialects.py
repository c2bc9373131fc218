"""Whole statements as learning systems write them, in the shape of each dialect, and the lake and roster that they end up in.

All are our own: shapes follow Open edX's and Moodle's exporters, BigBlueButton's, cmi5, the video profile and H5P.
"""

from __future__ import annotations

import datetime as dt
import random
import uuid
from collections.abc import Iterable
from typing import Any

import msgspec
import pyarrow as pa

from learnlake.identity import Identifier, identifier_key
from lrs.lake_columns import to_table
from lrs.store.read import Row
from tests.dbt_project import school
from tests.dbt_project.lake import course_iri

SECRET = b"a secret of these tests"
ADL, ADL_TYPE = "http://adlnet.gov/expapi/verbs/", "http://adlnet.gov/expapi/activities/"
TINCAN, TINCAN_TYPE = "http://id.tincanapi.com/verb/", "http://id.tincanapi.com/activitytype/"
ACROSSX = "https://w3id.org/xapi/acrossx/verbs/"
TLA, EDLM = "https://w3id.org/xapi/tla/verbs/", "https://xapi.edlm/profiles/edlm-lms/concepts/"
VIDEO, CMI5 = "https://w3id.org/xapi/video/", "https://w3id.org/xapi/cmi5/"
CLASSROOM = "https://w3id.org/xapi/virtual-classroom/"
DISCUSSION = f"{TINCAN_TYPE}discussion"
EDX, MOODLE, BBB, LMS = (
    "https://edx.example",
    "https://moodle.example",
    "https://bbb.example",
    "https://lms.example",
)
COURSES = {
    "edx": (f"{EDX}/course/course-v1:N+Maths+2026", f"{ADL_TYPE}course"),
    "moodle": (f"{MOODLE}/course/view.php?id=7", f"{CMI5}activitytype/course"),
    "lms": (f"{LMS}/courses/maths", f"{ADL_TYPE}course"),
}


def activity(iri: str, kind: str | None = None, name: str | None = None) -> dict[str, Any]:
    definition: dict[str, Any] = {}
    if kind:
        definition["type"] = kind
    if name:
        definition["name"] = {"en": name}
    return {"objectType": "Activity", "id": iri, **({"definition": definition} if definition else {})}


def statement(
    platform: str,
    who: str,
    verb: str,
    thing: dict[str, Any],
    when: str,
    *,
    result: dict[str, Any] | None = None,
    extensions: dict[str, Any] | None = None,
    registration: str | None = None,
    **relations: list[dict[str, Any]],
) -> dict[str, Any]:
    """One statement; `when` is `2026-09-08 10:00`, `relations` are contextActivities."""
    context: dict[str, Any] = {"contextActivities": relations}
    if extensions:
        context["extensions"] = extensions
    if registration:
        context["registration"] = registration
    return {
        "id": str(uuid.uuid4()),
        "actor": {"objectType": "Agent", "account": {"homePage": platform, "name": who}},
        "verb": {"id": verb},
        "object": thing,
        "context": context,
        "timestamp": dt.datetime.fromisoformat(when).replace(tzinfo=dt.UTC).isoformat(),
        **({"result": result} if result else {}),
    }


def edx(who: str, verb: str, thing: dict[str, Any], when: str, **more: Any) -> dict[str, Any]:
    """Open edX: the course is the parent, a session id among the extensions."""
    extensions = {"https://w3id.org/xapi/openedx/extensions/session-id": "s1", **more.pop("extensions", {})}
    course = activity(*COURSES["edx"], "Maths")
    return statement(EDX, who, verb, thing, when, extensions=extensions, parent=[course], **more)


def moodle(
    who: str, verb: str, thing: dict[str, Any], when: str, *within: dict[str, Any], **more: Any
) -> dict[str, Any]:
    """Moodle: parents from the nearest to the course, the site as category; `within` stands before topic and course."""
    topic = activity(f"{MOODLE}/course/section.php?id=1", f"{TINCAN_TYPE}section", "Topic 1")
    parents = [*within, topic, activity(*COURSES["moodle"], "Maths")]
    site = [activity(MOODLE, f"{TINCAN_TYPE}lms", "Our Moodle")]
    return statement(MOODLE, who, verb, thing, when, parent=parents, category=site, **more)


def lms(who: str, verb: str, thing: dict[str, Any], when: str, **more: Any) -> dict[str, Any]:
    """A system that speaks cmi5, the video or the classroom profile: the course is in grouping."""
    more.setdefault("grouping", [activity(*COURSES["lms"], "Maths")])
    return statement(LMS, who, verb, thing, when, **more)


def cmi5(who: str, verb: str, when: str, *, session: str = "c1", **more: Any) -> dict[str, Any]:
    """One statement about an assignable unit, in registration 1 unless another is named."""
    base = f"{CMI5}context/extensions/"
    more.setdefault("registration", "11111111-1111-4111-8111-111111111111")
    extensions = {f"{base}sessionid": session, **{f"{base}{k}": v for k, v in more.pop("says", {}).items()}}
    unit = activity(f"{LMS}/au/fractions", name="Fractions")
    return lms(who, verb, unit, when, extensions=extensions, **more)


def video(
    who: str,
    verb: str,
    when: str,
    *,
    session: str | None = "v1",
    place: dict[str, Any] | None = None,
    **times: Any,
) -> dict[str, Any]:
    """`verb` of the video profile; `times` are its result extensions, `_` for `-`."""
    own = verb in ("played", "paused", "seeked")
    extensions: dict[str, Any] = {f"{VIDEO}extensions/length": 120.0}
    if session:
        extensions[f"{VIDEO}extensions/session-id"] = session
    result = {"extensions": {f"{VIDEO}extensions/{k.replace('_', '-')}": v for k, v in times.items()}}
    thing = activity(f"{LMS}/videos/1", f"{VIDEO}activity-type/video", "A video")
    return lms(
        who,
        f"{VIDEO}verbs/{verb}" if own else f"{ADL}{verb}",
        thing,
        when,
        extensions=extensions,
        result=result,
    )


def key(platform: str, who: str) -> str:
    return identifier_key(SECRET, school.T, Identifier.account(platform, who))


def lake_table(
    statements: Iterable[dict[str, Any]], *, first: int, stored: dict[str, str] | None = None
) -> pa.Table:
    """As the sealer writes them, numbered from `first`; `stored` (id -> time) where that isn't the timestamp's own."""
    rows = []
    for seq, made in enumerate(statements, first):
        when = dt.datetime.fromisoformat((stored or {}).get(made["id"], made["timestamp"]))
        micros = int(when.replace(tzinfo=when.tzinfo or dt.UTC).timestamp() * 1e6)
        rows.append(Row(seq, school.T, uuid.UUID(made["id"]).bytes, micros, msgspec.json.encode(made)))
    return to_table(rows, secret=SECRET)


def anything(chance: random.Random, who: str, when: str) -> dict[str, Any]:
    """A row of the lake by actor_key `who`: any of what these dialects send, about few things, in maths or in no course."""
    place: dict[str, Any] = {
        "grouping": chance.choice([[activity(course_iri("c1"), f"{ADL_TYPE}course")], []])
    }
    seconds = float(chance.randrange(120))
    thread = activity(f"{LMS}/threads/{chance.randrange(2)}", DISCUSSION, f"Thread {seconds}")
    room = activity(f"{LMS}/room", f"{CLASSROOM}activity-types/virtual-classroom")
    task, hand_in = (activity(f"{LMS}/task{part}") for part in ("", "#submission"))
    task["definition"], hand_in["definition"] = (
        {"type": f"{EDLM}activity-types/{k}"} for k in ("assignment", "submission")
    )
    register = chance.choice([None, str(uuid.UUID(int=chance.randrange(1, 3)))])
    verb = chance.choice(["played", "paused", "seeked", "completed", "terminated", "initialized"])
    says = {"moveon": chance.choice(["Passed", "Completed"]), "masteryscore": 0.8}
    unit = chance.choice(["launched", "initialized", "passed", "failed", "completed", "terminated"])
    score = {"score": {"scaled": chance.randrange(10) / 10}, "duration": "PT5M"}
    times = chance.choice(
        [{"time": seconds}, {"time_from": seconds, "time_to": 60.0}, {"played_segments": f"0[.]{seconds}"}]
    )
    kind = chance.randrange(6)
    if kind <= 1:
        made = video(who, verb, when, session=chance.choice(["v1", "v2", None]), place=place, **times)
    elif kind == 2:
        made = cmi5(
            who,
            f"{ADL}{unit}",
            when,
            session=chance.choice("ab"),
            registration=register,
            says=says,
            result=score,
            **place,
        )
    elif kind == 3:
        verb = chance.choice([f"{ACROSSX}posted", f"{TINCAN}viewed", f"{TINCAN}replied"])
        made = lms(who, verb, thread, when, **place)
    elif kind == 4:
        verb = chance.choice(
            ["http://activitystrea.ms/join", "http://activitystrea.ms/leave", f"{ADL}terminated"]
        )
        made = lms(who, verb, room, when, **place)
    else:
        verb = chance.choice([f"{TLA}scored", "http://activitystrea.ms/schema/1.0/submit"])
        made = lms(who, verb, hand_in, when, result=score, parent=[task], **place)
    row = lake_table([made], first=0).to_pylist()[0]
    del row["seq"]
    return {**row, "actor_key": who}


def people(*who: str) -> dict[str, list[dict[str, Any]]]:
    """`who` are students of all three courses, known to every platform by the same name; p_NAME is their key."""
    course = {"tenant": school.T, "school_key": f"{school.T}:s1", "is_discovered": False}
    return school.people(
        person=[school.person(f"p_{name}") for name in who],
        identifier=[
            school.identifier(key(place, name), f"p_{name}")
            for name in who
            for place in (EDX, MOODLE, BBB, LMS)
        ],
        course=[
            {**course, "course_key": f"{school.T}:{name}", "title": name, "iri": iri}
            for name, (iri, _) in COURSES.items()
        ],
        section=[school.section(name, "t1", course=name, iri=None) for name in COURSES],
        enrolment=[school.enrolment(f"p_{person}", name) for person in who for name in COURSES],
    )
