"""The LRS's part of an erasure, alike on both back ends: the person's own go, others' stay without the name."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow.parquet as pq
from hypothesis import given
from hypothesis import strategies as st

from learnlake.identity import Identifier, identifier_key, identity_secret
from learnlake.protocols import Subject
from lrs.lake import seal_once, verify
from lrs.redaction import HOME_PAGE as ERASED
from lrs.redaction import Redactor
from lrs.rights import LrsRoom
from tests.lrs.served import Lrs, statement

ADA = {"objectType": "Agent", "mbox": "mailto:Ada@School.example"}
BEN = {"objectType": "Agent", "account": {"homePage": "https://school.example", "name": "ben"}}
KNOWN = Identifier("mbox", ADA["mbox"])


def subject_of(lrs: Lrs) -> Subject:
    key = identifier_key(identity_secret(lrs.settings.home), "default", KNOWN)
    return Subject("default", ("p_" + "a" * 24,), (KNOWN,), (key,))


def test_own_statements_go_and_others_are_stored_again_without_the_name(each_lrs: Lrs) -> None:
    lrs = each_lrs
    own = [statement(actor=ADA) for _ in range(5)]
    voided = statement(actor=ADA)
    mention = statement(actor=BEN, context={"instructor": ADA})
    spelt = statement(actor=BEN, result={"response": "ask ADA@school.EXAMPLE"})
    other = statement(actor=BEN, result={"response": "ask joada@school.example"})
    voiding = statement(
        actor=BEN,
        verb={"id": "http://adlnet.gov/expapi/verbs/voided"},
        object={"objectType": "StatementRef", "id": voided["id"]},
    )
    reference = statement(actor=BEN, object={"objectType": "StatementRef", "id": mention["id"]})
    void = statement(actor=BEN)
    own_voiding = statement(
        actor=ADA,
        verb={"id": "http://adlnet.gov/expapi/verbs/voided"},
        object={"objectType": "StatementRef", "id": void["id"]},
    )
    state = {"activityId": "https://school.example/items/1", "stateId": "page"}
    with lrs.client() as client:
        client.post(
            "/statements", json=[*own, voided, mention, spelt, other, voiding, reference, void, own_voiding]
        ).raise_for_status()
        client.put(
            "/activities/state", params={**state, "agent": json.dumps(ADA)}, json={"page": 1}
        ).raise_for_status()
        seal_once(lrs.settings)
        room, subject = LrsRoom(), subject_of(lrs)
        counts = [one.count for one in room.find(lrs.settings, subject)]
        assert counts == [9, 2, 1, 0, 0]
        held = {file.path: b"".join(file.content) for file in room.held(lrs.settings, subject)}
        assert len(held["statements.jsonl"].splitlines()) == 7
        room.erase(lrs.settings, subject)
        room.erase(lrs.settings, subject)  # again changes nothing
        assert not any(one.count for one in room.find(lrs.settings, subject))
        found = {
            item["id"]: item for item in client.get("/statements", params={"limit": 100}).json()["statements"]
        }
        assert found.keys() == {mention["id"], spelt["id"], other["id"], reference["id"]}
        assert found[mention["id"]]["context"]["instructor"]["account"]["homePage"] == ERASED
        assert found[mention["id"]]["timestamp"] < found[mention["id"]]["stored"]
        assert found[spelt["id"]]["result"]["response"].startswith("ask erased-")
        assert found[other["id"]]["result"] == other["result"]
        again = client.post("/statements", json=[mention])  # the source sends it once more, with the name
        assert again.status_code == 409
    seal_once(lrs.settings)
    assert all(check.is_equal for check in verify(lrs.settings))


def test_the_lakes_log_forgets_the_persons_key(each_lrs: Lrs) -> None:
    lrs = each_lrs
    subject = subject_of(lrs)
    with lrs.client() as client:
        for actor in (ADA, BEN, ADA):
            client.post("/statements", json=[statement(actor=actor)]).raise_for_status()
            seal_once(lrs.settings)
    assert keys_in(lrs.settings.home.lake_statements, subject)
    LrsRoom().erase(lrs.settings, subject)
    assert not keys_in(lrs.settings.home.lake_statements, subject)
    assert all(check.is_equal for check in verify(lrs.settings))


def keys_in(folder: Path, subject: Subject) -> bool:
    """Whether any file of the table holds the person's key, in the rows, the log or its checkpoints."""
    (key,) = subject.identifier_keys
    for path in folder.rglob("*"):
        if path.suffix == ".json" and key in path.read_text():
            return True
        if path.suffix == ".parquet" and key in str(pq.ParquetFile(path).read().to_pylist()):
            return True
    return False


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=10), inner, max_size=3),
    max_leaves=8,
)


@given(_json)
def test_redacting_twice_is_redacting_once_and_what_names_nobody_stays(value: object) -> None:
    redactor = Redactor(["mbox\nmailto:Ada@school.example"], ["Ada@School.example"], "erased-1")
    assert redactor.without(value) == value
    inside = {"a": [value, dict(ADA)], "b": "to ada@school.EXAMPLE: hello"}
    clean = redactor.without(inside)
    assert clean == {
        "a": [value, {"objectType": "Agent", "account": {"homePage": ERASED, "name": "erased-1"}}],
        "b": "to erased-1: hello",
    }
    assert redactor.without(clean) == clean
