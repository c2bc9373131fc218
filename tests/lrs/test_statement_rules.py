"""The statement's rules, seen from outside: a 400 that names path, rule and section, in both versions."""

from __future__ import annotations

import copy
import json
import uuid
from typing import Any

import httpx
import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lrs.statement import Flaw, Version, check_statement
from lrs.statement.decode import decode_json
from lrs.statement.known import KnownParts
from lrs.statement.prepare import KeyMaker, Part, prepare
from lrs.statement.verb import VOIDED
from tests.lrs.served import Lrs, statement
from tests.scale import scaled

DEFINITION = {
    "name": {"en": "Item"},
    "type": "http://adlnet.gov/expapi/activities/cmi.interaction",
    "interactionType": "choice",
}
ATTACHMENT = {
    "usageType": "http://x.example/usage",
    "display": {"en": "file"},
    "contentType": "text/plain",
    "length": 4,
    "sha2": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    "fileUrl": "https://x.example/file",
}
FULL: dict[str, Any] = statement(
    actor={
        "objectType": "Group",
        "name": "g",
        "mbox": "mailto:g@x.example",
        "member": [{"openid": "https://x.example/p"}],
    },
    verb={"id": "http://v.example/x", "display": {"en-US": "x", "zh-Hant-TW": "x", "x-own": "x"}},
    object={
        "id": "https://x.example/i",
        "definition": {**DEFINITION, "choices": [{"id": "a"}], "correctResponsesPattern": ["a"]},
    },
    result={
        "score": {"scaled": 1.0, "raw": 5, "min": 0, "max": 10},
        "success": True,
        "duration": "PT1.5S",
        "response": "",
    },
    context={
        "registration": "12345678-1234-1234-1234-123456789ABC",
        "instructor": {"account": {"homePage": "https://x.example", "name": "t"}},
        "team": {"objectType": "Group", "member": []},
        "contextActivities": {
            "parent": [{"id": "https://x.example/p"}],
            "category": {"id": "https://x.example/c"},
        },
        "platform": "p",
        "language": "de-CH-1901",
        "statement": {"objectType": "StatementRef", "id": "12345678-1234-1234-1234-123456789abc"},
        "extensions": {"https://x.example/e": None},
    },
    timestamp="2026-01-31T09:30:00.123456789+01:00",
    attachments=[ATTACHMENT],
)
BROKEN: list[tuple[str, Any, str]] = [
    ("actor", "DELETE", "$.actor"),
    ("actor.objectType", "agent", "$.actor.objectType"),
    ("actor.mbox", "g@x.example", "$.actor.mbox"),
    ("actor.mbox", None, "$.actor.mbox"),
    ("actor.openid", "https://x.example/two", "$.actor"),
    ("actor.mbox_sha1sum", "abc", "$.actor.mbox_sha1sum"),
    ("actor.account", {"homePage": "https://x.example"}, "$.actor.account.name"),
    ("actor.member.0.openid", "not a uri", "$.actor.member[0].openid"),
    ("actor.member.0.objectType", "Group", "$.actor.member[0].objectType"),
    ("actor.Name", "x", "$.actor.Name"),
    ("verb.id", "x", "$.verb.id"),
    ("verb.id", "http://v.example/%zz", "$.verb.id"),
    ("verb.display.en_US", "x", "$.verb.display.en_US"),
    ("verb.display.en", 1, "$.verb.display.en"),
    ("object.id", "DELETE", "$.object.id"),
    ("object.objectType", "activity", "$.object.objectType"),
    ("object.definition.interactionType", "Choice", "$.object.definition.interactionType"),
    ("object.definition.scale", [{"id": "a"}], "$.object.definition.scale"),
    ("object.definition.choices", [{"id": "a"}, {"id": "a"}], "$.object.definition.choices[1].id"),
    ("object.definition.moreInfo", "x", "$.object.definition.moreInfo"),
    ("object.definition.extensions", {"x": 1}, "$.object.definition.extensions.x"),
    ("result.score.scaled", 1.01, "$.result.score.scaled"),
    ("result.score.raw", 11, "$.result.score.raw"),
    ("result.score.min", 10, "$.result.score.min"),
    ("result.score.raw", "5", "$.result.score.raw"),
    ("result.score.raw", True, "$.result.score.raw"),
    ("result.success", "true", "$.result.success"),
    ("result.duration", "P4W1D", "$.result.duration"),
    ("result.duration", "PT", "$.result.duration"),
    ("result.response", 1, "$.result.response"),
    ("context.registration", "{12345678-1234-1234-1234-123456789abc}", "$.context.registration"),
    ("context.team", {"mbox": "mailto:a@x.example"}, "$.context.team.objectType"),
    ("context.contextActivities.Parent", [], "$.context.contextActivities.Parent"),
    ("context.contextActivities.parent.0.id", 1, "$.context.contextActivities.parent[0].id"),
    ("context.language", "english language", "$.context.language"),
    ("context.statement.objectType", "DELETE", "$.context.statement.objectType"),
    ("context.extensions", [], "$.context.extensions"),
    ("timestamp", "2026-01-31T09:30:00-00:00", "$.timestamp"),
    ("timestamp", "2026-02-30T09:30:00Z", "$.timestamp"),
    ("timestamp", "31.01.2026", "$.timestamp"),
    ("attachments", {}, "$.attachments"),
    ("attachments.0.sha2", "DELETE", "$.attachments[0].sha2"),
    ("attachments.0.length", 4.5, "$.attachments[0].length"),
    ("attachments.0.contentType", "text", "$.attachments[0].contentType"),
    ("id", "123", "$.id"),
    ("version", "1.1.0", "$.version"),
    ("authority", {"objectType": "Group", "member": [{"mbox": "mailto:a@x.example"}]}, "$.authority"),
    ("extra", 1, "$.extra"),
]


def changed(path: str, value: Any) -> dict[str, Any]:
    whole = copy.deepcopy(FULL)
    *steps, last = path.split(".")
    place: Any = whole
    for step in steps:
        place = place[int(step)] if isinstance(place, list) else place[step]
    if value == "DELETE":
        del place[last]
    else:
        place[last] = value
    return whole


@pytest.mark.parametrize("version", Version)
def test_the_full_statement_keeps_every_rule(version: Version) -> None:
    check_statement(FULL, version)


@pytest.mark.parametrize("version", Version)
@pytest.mark.parametrize(("path", "value", "named"), BROKEN, ids=[f"{p}={v}"[:60] for p, v, _ in BROKEN])
def test_broken_rules_are_named(version: Version, path: str, value: Any, named: str) -> None:
    with pytest.raises(Flaw) as caught:
        check_statement(changed(path, value), version)
    assert caught.value.path == named
    assert "2.0" in caught.value.section


SUB_KEYS = ("actor", "verb", "object", "result", "context", "attachments")
BROKEN_INSIDE = [row for row in BROKEN if row[0].split(".")[0] in SUB_KEYS and "." in row[0]]


@pytest.mark.parametrize("version", Version)
@pytest.mark.parametrize(
    ("path", "value", "named"), BROKEN_INSIDE, ids=[f"{p}={v}"[:60] for p, v, _ in BROKEN_INSIDE]
)
def test_sub_statements_keep_the_same_rules(version: Version, path: str, value: Any, named: str) -> None:
    sub = {key: item for key, item in changed(path, value).items() if key in SUB_KEYS}
    with pytest.raises(Flaw) as caught:
        check_statement(statement(object={**sub, "objectType": "SubStatement"}), version)
    assert caught.value.path == "$.object" + named[1:]


def test_a_refusal_over_http_names_path_rule_and_section(client: httpx.Client) -> None:
    answer = client.post("/statements", json=[statement(), changed("result.score.scaled", 2)])
    assert answer.status_code == 400
    assert answer.json() == {
        "status": 400,
        "path": "$[1].result.score.scaled",
        "rule": "must be between -1 and 1",
        "section": "xAPI 1.0.3 Data 2.4.5.1; 2.0 4.2.2.4",
    }


def test_what_only_version_2_knows() -> None:
    agent = {"mbox": "mailto:a@x.example"}
    roles = [{"objectType": "contextAgent", "agent": agent, "relevantTypes": ["http://x.example/t"]}]
    check_statement(statement(context={"contextAgents": roles}), Version.V2)
    with pytest.raises(Flaw):
        check_statement(statement(context={"contextAgents": roles}), Version.V1)
    for wrong in ({"relevantTypes": []}, {"relevantTypes": ["x"]}, {"objectType": "Agent"}, {"agent": {}}):
        with pytest.raises(Flaw):
            check_statement(statement(context={"contextAgents": [{**roles[0], **wrong}]}), Version.V2)
    compact = statement(timestamp="20260131T093000Z")
    check_statement(compact, Version.V1)
    with pytest.raises(Flaw):
        check_statement(compact, Version.V2)


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(codec="utf-8")),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text(st.characters(codec="utf-8"), max_size=5), inner, max_size=3)
    ),
    max_leaves=8,
)
iris = st.builds("https://x.example/{}".format, st.text("abcäöé0123456789/?#=&-_.", max_size=12))
agents = st.one_of(
    st.builds(lambda n: {"mbox": f"mailto:p{n}@x.example"}, st.integers(0, 50)),
    st.builds(
        lambda h, n: {"account": {"homePage": h, "name": n}},
        iris,
        st.text(st.characters(codec="utf-8"), max_size=9),
    ),
)
groups = st.builds(lambda m: {"objectType": "Group", "member": m}, st.lists(agents, max_size=3))
statements = st.builds(
    lambda actor, verb, thing, response, extensions: statement(
        actor=actor,
        verb={"id": verb},
        object={"id": thing},
        result={"response": response, "extensions": {"http://x.example/e": extensions}},
    ),
    agents | groups,
    iris,
    iris,
    st.text(st.characters(codec="utf-8")),
    json_values,
)


@given(st.lists(statements, min_size=1, max_size=5))
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_valid_statement_comes_back_as_it_went_in(shared_lrs: Lrs, batch: list[dict[str, Any]]) -> None:
    with shared_lrs.client() as client:
        answer = client.post("/statements", json=batch)
        assert answer.status_code == 200, answer.text
        for sent in batch:
            stored = client.get("/statements", params={"statementId": sent["id"]}).json()
            assert {key: stored[key] for key in sent} == sent


@given(json_values | st.builds(lambda k, v: {**FULL, k: v}, st.sampled_from(sorted(FULL)), json_values))
@settings(max_examples=300, deadline=None)
def test_any_json_is_taken_or_refused_with_a_flaw(value: Any) -> None:
    for version in Version:
        try:
            check_statement(value, version)
        except Flaw as flaw:
            assert flaw.path.startswith("$")


KEYS = KeyMaker(b"k" * 32)
KNOWN = KnownParts(KEYS)


def read_whole(raw: bytes, version: Version) -> tuple[dict[str, Any], list[Part]]:
    """The long way: everything decoded, every rule held against it."""
    value = decode_json(raw)
    check_statement(value, version)
    return value, KEYS.parts("t", value)


def stored(raw: bytes, version: Version, value: dict[str, Any], parts: list[Part]) -> tuple[Any, ...]:
    """What the store would get, but for a new id."""
    authority = msgspec.Raw(b"{}")
    kept = prepare(
        raw, value, parts, version=version, authority_json=authority, named_id=str(uuid.UUID(int=1))
    )
    return (
        kept.id,
        kept.head,
        kept.lacks_timestamp,
        sorted(kept.keys),
        kept.target,
        kept.is_voiding,
        sorted(kept.definitions),
    )


some_parts: dict[str, st.SearchStrategy[Any]] = {
    "actor": st.sampled_from([FULL["actor"], {"mbox": "mailto:a@x.example"}, {"mbox": "nobody"}]),
    "verb": st.sampled_from([FULL["verb"], {"id": "http://v.example/x"}, {"id": VOIDED}, {"id": "x"}]),
    "object": st.sampled_from(
        [
            FULL["object"],
            {"id": "https://x.example/i"},
            {"objectType": "Agent", "mbox": "mailto:a@x.example"},
            {"objectType": "StatementRef", "id": "12345678-1234-1234-1234-123456789abc"},
            {
                "objectType": "SubStatement",
                "actor": FULL["actor"],
                "verb": FULL["verb"],
                "object": FULL["object"],
            },
            {"objectType": ["Activity"], "id": "https://x.example/i"},
        ]
    ),
    "context": st.sampled_from(
        [FULL["context"], {"platform": "p"}, {"contextAgents": []}, {"language": "de"}, {"language": 5}]
    )
    | st.fixed_dictionaries({"extensions": st.dictionaries(iris, json_values, max_size=2)}),
    "result": st.sampled_from([FULL["result"], {"success": "yes"}, None])
    | st.fixed_dictionaries({"extensions": st.dictionaries(iris, json_values, max_size=2)}),
    "timestamp": st.sampled_from(["2026-01-31T09:30:00Z", "2026-01-31 09:30", 5]),
    "version": st.sampled_from(["1.0.0", "2.0.0", 1]),
    "id": st.sampled_from(["12345678-1234-4234-8234-123456789abc", "1", None]),
    "attachments": st.sampled_from([[ATTACHMENT], []]),
    "authority": st.sampled_from([{"mbox": "mailto:a@x.example"}]),
    "extra": st.just(1),
}
MANDATORY = ("actor", "verb", "object")


@st.composite
def texts(draw: st.DrawFn) -> bytes:
    """A statement's JSON as clients write it: any order, any white space, now and then a key twice."""
    names = [*MANDATORY, *draw(st.lists(st.sampled_from(sorted(some_parts)), max_size=4))]
    if draw(st.integers(0, 9)) == 0:
        names.remove(draw(st.sampled_from(MANDATORY)))
    if draw(st.integers(0, 4)):
        names = list(dict.fromkeys(names))
    space = draw(st.sampled_from(["", " ", "\n  "]))
    pieces = []
    for name in draw(st.permutations(names)):
        value = draw(some_parts[name])
        ascii_only = draw(st.booleans())
        pieces.append(f"{json.dumps(name)}:{space}{json.dumps(value, ensure_ascii=ascii_only)}")
    return f"{{{space}{f',{space}'.join(pieces)}}}".encode("utf-8", "replace")


@given(texts(), st.sampled_from(Version))
@settings(max_examples=scaled(600, 30_000), deadline=None)
def test_what_is_remembered_of_parts_changes_nothing(raw: bytes, version: Version) -> None:
    """Parts that were seen before are neither checked nor indexed otherwise than in a statement read whole."""
    try:
        expected: Any = stored(raw, version, *read_whole(raw, version))
    except Flaw:
        expected = Flaw
    for _ in range(2):  # now they are known
        try:
            read = KNOWN.check(raw, tenant="t", version=version)
            if read is not None:
                assert stored(raw, version, *read) == expected
        except Flaw:
            assert expected is Flaw


def test_what_is_remembered_is_bounded_and_kept_apart_by_tenant() -> None:
    known = KnownParts(KEYS)

    def keys(tenant: str, number: int) -> set[int]:
        raw = json.dumps(
            statement(actor={"mbox": f"mailto:{number}@x.example", "name": "n" * 3_000})
        ).encode()
        read = known.check(raw, tenant=tenant, version=Version.V1)
        assert read is not None
        return {key for part in read[1] for key in part.keys}

    assert not keys("one", 0) & keys("two", 0)
    first = keys("one", 0)
    for number in range(30_000):
        keys("one", number)
    assert known.held_bytes < 64 * 2**20
    assert keys("one", 0) == first


def test_a_known_part_is_taken_only_where_it_would_be_anew() -> None:
    known = KnownParts(KEYS)

    def read(changes: dict[str, Any], version: Version = Version.V1) -> Any:
        return known.check(json.dumps(statement(**changes)).encode(), tenant="t", version=version)

    platform = {"context": {"platform": "p"}}
    assert read(platform)
    with pytest.raises(Flaw):
        read({**platform, "object": {"objectType": "Agent", "mbox": "mailto:a@x.example"}})
    roles = {"context": {"contextAgents": []}}
    assert read(roles, Version.V2)
    with pytest.raises(Flaw):
        read(roles)
    doubled = json.dumps(statement(actor={"mbox": "mailto:a@x.example"})).replace(
        '{"mbox"', '{"mbox":"","mbox"'
    )
    assert known.check(doubled.encode(), tenant="t", version=Version.V1) is None
