"""Every combination of filters on random statements, held against a plain reading of the standard: sound and complete."""

from __future__ import annotations

import itertools
import json
import random
import uuid
from collections.abc import Iterator
from typing import Any

import httpx
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lrs.credentials import AUTHORITY_HOME_PAGE
from tests.lrs.served import Lrs
from tests.lrs.test_statements_find import find
from tests.scale import FULL, scaled

VOIDED = "http://adlnet.gov/expapi/verbs/voided"
PLACE = "UNIVERSE"
"""Stands in every name of the drawn statements, and becomes unique to the example."""

AGENTS: list[dict[str, Any]] = [
    {"mbox": f"mailto:{PLACE}@x.example"},
    {"account": {"homePage": "https://x.example", "name": PLACE}},
    {"openid": f"https://x.example/{PLACE}"},
]
GROUP = {"objectType": "Group", "account": {"homePage": "https://groups.example", "name": PLACE}}
WHO = [*AGENTS, GROUP]
AUTHORITY = {"objectType": "Agent", "account": {"homePage": AUTHORITY_HOME_PAGE, "name": "default:lms"}}
VERBS = [f"https://x.example/{PLACE}/verb-{n}" for n in range(2)]
ACTIVITIES = [f"https://x.example/{PLACE}/activity-{n}" for n in range(3)]
REGISTRATIONS = [0, 1]
MOST = 12

agents = st.sampled_from(AGENTS)
members = st.lists(agents, max_size=2)
groups = st.builds(lambda m: {"objectType": "Group", "member": m}, members) | st.builds(
    lambda m: {**GROUP, "member": m}, members
)
actors = agents | groups
activities = st.sampled_from(ACTIVITIES).map(lambda iri: {"objectType": "Activity", "id": iri})
things = activities | agents.map(lambda a: {"objectType": "Agent", **a}) | groups
contexts = st.fixed_dictionaries(
    {},
    optional={
        "registration": st.sampled_from(REGISTRATIONS),
        "instructor": actors,
        "team": groups,
        "contextActivities": st.dictionaries(
            st.sampled_from(["parent", "grouping", "category", "other"]),
            st.lists(activities, min_size=1, max_size=2),
            max_size=2,
        ),
        "contextAgents": st.lists(
            agents.map(lambda a: {"objectType": "contextAgent", "agent": a}), min_size=1, max_size=2
        ),
        "contextGroups": st.lists(
            groups.map(lambda g: {"objectType": "contextGroup", "group": g}), min_size=1, max_size=1
        ),
    },
)
verbs = st.sampled_from(VERBS).map(lambda iri: {"id": iri})
subs = st.fixed_dictionaries(
    {"objectType": st.just("SubStatement"), "actor": actors, "verb": verbs, "object": things},
    optional={"context": contexts.map(lambda c: {k: v for k, v in c.items() if k != "registration"})},
)
# A reference names its target by position, also one that comes later or never (beyond the last).
references = st.integers(0, MOST).map(lambda n: {"objectType": "StatementRef", "id": n})
plain = st.fixed_dictionaries(
    {"actor": actors, "verb": verbs, "object": things | subs | references}, optional={"context": contexts}
)
voiding = st.fixed_dictionaries({"actor": actors, "verb": st.just({"id": VOIDED}), "object": references})
drawn = st.lists(plain | plain | plain | voiding, min_size=4, max_size=MOST)


class Model:
    """The statements as they were sent, in the order of `stored`, searched by reading each one."""

    def __init__(self, statements: list[dict[str, Any]]) -> None:
        self.statements = statements
        self.by_id = {s["id"]: s for s in statements}
        self.voided = {s["object"]["id"] for s in statements if s["verb"]["id"] == VOIDED} - {
            s["id"] for s in statements if s["verb"]["id"] == VOIDED
        }

    def find(self, filters: dict[str, str]) -> list[str]:
        """Ids, newest first. A statement is also found by what the statements that it refers to hold, at any distance."""
        return [
            s["id"]
            for s in reversed(self.statements)
            if s["id"] not in self.voided
            and all(
                any(meets(seen, filters, name) for seen in self.with_targets(s))
                for name in ("agent", "verb", "activity", "registration")
                if name in filters
            )
        ]

    def with_targets(self, statement: dict[str, Any]) -> Iterator[dict[str, Any]]:
        seen: set[str] = set()
        current: dict[str, Any] | None = statement
        while current is not None and current["id"] not in seen:
            seen.add(current["id"])
            yield current
            thing = current["object"]
            current = self.by_id.get(thing["id"]) if thing.get("objectType") == "StatementRef" else None


def meets(statement: dict[str, Any], filters: dict[str, str], name: str) -> bool:
    """One filter on one statement, as xAPI 1.0.3 Communication 2.1.3 words it."""
    thing, context = statement["object"], statement.get("context", {})
    if name == "verb":
        return bool(statement["verb"]["id"] == filters["verb"])
    if name == "registration":
        return bool(context.get("registration") == filters["registration"])
    parts = [statement, thing] if thing.get("objectType") == "SubStatement" else [statement]
    if name == "activity":
        wanted = filters["activity"]
        if filters.get("related_activities") != "true":
            return thing.get("objectType") == "Activity" and thing["id"] == wanted
        found = [part["object"] for part in parts]
        for part in parts:
            found += itertools.chain(*part.get("context", {}).get("contextActivities", {}).values())
        return any(a.get("objectType") == "Activity" and a["id"] == wanted for a in found)
    wanted_agent = json.loads(filters["agent"])
    is_related = filters.get("related_agents") == "true"
    found = [AUTHORITY] if is_related else []
    for part in parts if is_related else [statement]:
        found += [part["actor"], part["object"]]
        if is_related:
            context = part.get("context", {})
            found += [context[key] for key in ("instructor", "team") if key in context]
            found += [role["agent"] for role in context.get("contextAgents", ())]
            found += [role["group"] for role in context.get("contextGroups", ())]
    found += [member for one in found for member in one.get("member", ())]
    return any(same_agent(one, wanted_agent) for one in found)


def same_agent(one: dict[str, Any], other: dict[str, Any]) -> bool:
    return any(key in one and one[key] == other.get(key) for key in ("mbox", "account", "openid"))


def settled(statements: list[dict[str, Any]], universe: str) -> list[dict[str, Any]]:
    """The drawn statements with names of their own, and ids in place of positions."""
    ids = [str(uuid.uuid4()) for _ in range(MOST + 1)]
    registrations = [str(uuid.uuid4()) for _ in REGISTRATIONS]
    own: list[dict[str, Any]] = json.loads(json.dumps(statements).replace(PLACE, universe))
    for number, statement in enumerate(own):
        statement["id"] = ids[number]
        if statement["object"].get("objectType") == "StatementRef":
            statement["object"]["id"] = ids[statement["object"]["id"]]
        context = statement.get("context", {})
        if "registration" in context:
            context["registration"] = registrations[context["registration"]]
    return own


def combinations(statements: list[dict[str, Any]], universe: str) -> list[dict[str, str]]:
    """Every filter in every value that the statements know, and absent, in every combination."""
    registrations = {
        s["context"]["registration"] for s in statements if "registration" in s.get("context", {})
    }
    broadly = ("true", "false")
    choices: list[list[dict[str, str]]] = [
        [{"agent": json.dumps(who), "related_agents": r} for who in [*WHO, AUTHORITY] for r in broadly],
        [{"verb": verb} for verb in (*VERBS, VOIDED)],
        [{"activity": activity, "related_activities": r} for activity in ACTIVITIES for r in broadly],
        [{"registration": registration} for registration in sorted(registrations)],
    ]
    return [
        {key: value.replace(PLACE, universe) for part in chosen for key, value in part.items()}
        for chosen in itertools.product(*([{}, *values] for values in choices))
    ]


def send(client: httpx.Client, statements: list[dict[str, Any]], draw: random.Random) -> list[str]:
    """In batches of any size; the `stored` of each."""
    start = 0
    while start < len(statements):
        end = start + draw.randint(1, 4)
        client.post("/statements", json=statements[start:end]).raise_for_status()
        start = end
    parameters: dict[str, Any] = {"limit": len(statements)}
    found = {s["id"]: s["stored"] for s in client.get("/statements", params=parameters).json()["statements"]}
    missing = [s["id"] for s in statements if s["id"] not in found]
    for statement_id in missing:
        voided = client.get("/statements", params={"voidedStatementId": statement_id})
        found[statement_id] = voided.raise_for_status().json()["stored"]
    return [found[s["id"]] for s in statements]


@given(drawn, st.randoms(use_true_random=False))
@settings(
    max_examples=scaled(8, 300),
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
def test_every_combination_of_filters_finds_what_the_standard_says(
    shared_lrs: Lrs, drawn: list[dict[str, Any]], draw: random.Random
) -> None:
    universe = uuid.uuid4().hex
    sent = settled(drawn, universe)
    with shared_lrs.client(version="2.0.0") as client:
        before = client.get("/about").headers["X-Experience-API-Consistent-Through"]
        times = send(client, sent, draw)
        model = Model(sent)
        everything = combinations(sent, universe)
        for filters in everything if FULL else draw.sample(everything, 40):
            expected = model.find(filters)
            limit = draw.choice([1, 3, 100])
            found = find(client, **filters, since=before, limit=limit)
            assert found == expected, filters
            first, last = draw.choice([before, *times]), draw.choice(times)
            between = {s["id"] for s, time in zip(sent, times, strict=True) if first < time <= last}
            found = find(client, **filters, since=first, until=last, ascending="true", limit=limit)
            assert found == [i for i in reversed(expected) if i in between], (filters, first, last)
