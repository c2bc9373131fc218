"""What pages order is carried out in a process of its own: an erasure with its receipt, a copy, credentials of one tenant."""

from __future__ import annotations

import io
import json
import time
import zipfile
from collections.abc import Iterator

import pytest
from sqlalchemy import Engine

from cli.operations import HereOperations
from learnlake import audit
from learnlake.errors import InputError
from learnlake.operations import Work
from learnlake.settings import Settings
from people import accounts, requests, search, trail
from people.db import open_people

TENANT = "school"


@pytest.fixture
def engine(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[Engine]:
    monkeypatch.setenv("LEARNLAKE_HOME", str(settings.home.path))
    settings.home.create()
    engine = open_people(settings)
    yield engine
    engine.dispose()


def test_a_copy_and_an_erasure_answer_what_was_asked_for(settings: Settings, engine: Engine) -> None:
    made = accounts.create(
        engine,
        tenant=TENANT,
        login="zoe.miller@school.test",
        password=None,
        role_names=["teacher"],
        given_name="Zoe",
    )
    key, here = str(made.person_key), HereOperations()
    deed = {"actor_key": "account:1", "source": "dashboards 10.0.0.1"}
    for kind in requests.KINDS:
        requests.ask(engine, TENANT, key, kind, asked_by="student", **deed)
        with pytest.raises(InputError):
            requests.ask(engine, TENANT, key, kind, asked_by="student", **deed)
    assert [one.kind for one in requests.waiting(settings.home, TENANT)] == ["copy", "erasure"]
    assert requests.waiting(settings.home, "other") == []
    copy = here.export_person(settings, TENANT, key, requested_by="account:1", recipient=None)
    with zipfile.ZipFile(io.BytesIO(copy)) as archive:
        assert b"zoe.miller@school.test" in archive.read("people/account.csv")
    assert [one.kind for one in requests.waiting(settings.home, TENANT)] == ["erasure"]
    plan = here.plan(settings, TENANT, key)
    assert {one.what: one.count for one in plan["people"]}["people.db person"] == 1
    here.start_erasure(settings, TENANT, key, requested_by="account:1")
    work = _ended(here, settings)
    assert {step for step, *_ in work.steps} >= {"plan", "people", "scan"}
    assert search.card(engine, TENANT, key) is None
    assert requests.waiting(settings.home, TENANT) == []
    [receipt] = here.receipts(settings, TENANT)
    assert (receipt.erasure_id, receipt.is_complete, receipt.is_genuine) == (work.receipt_id, True, True)
    assert receipt.requested_by == "account:1" and here.receipts(settings, "other") == []
    assert here.broken_off(settings) is None
    _forge(settings, receipt.erasure_id)
    assert not here.receipts(settings, TENANT)[0].is_genuine
    assert trail.verify(settings.home).problems == ()


def _forge(settings: Settings, erasure_id: str) -> None:
    path = settings.home.receipts / f"erasure-{erasure_id}.json"
    signed = json.loads(path.read_text())
    signed["receipt"]["requested_by"] = "somebody else"
    path.write_text(json.dumps(signed))


def _ended(here: HereOperations, settings: Settings) -> Work:
    for _ in range(3000):
        work = here.erasure(settings)
        assert work
        if not work.is_running:
            assert work.error is None, work.error
            return work
        time.sleep(0.1)
    raise AssertionError("the erasure did not end")


def test_a_request_is_declined_and_may_be_made_again(settings: Settings, engine: Engine) -> None:
    made = accounts.create(
        engine, tenant=TENANT, login="ann", password=None, role_names=["teacher"], given_name="Ann"
    )
    key, deed = str(made.person_key), {"actor_key": "account:1", "source": "test"}
    requests.ask(engine, TENANT, key, "erasure", asked_by="guardian", **deed)
    [one] = requests.waiting(settings.home, TENANT)
    assert (one.due - one.on_date).days == requests.ANSWER_DAYS
    left = audit.AuditEntry(TENANT, "account:1", "erase", f"{key} receipt x", "test", "something is left")
    audit.append(settings.home.audit_db, left)
    assert requests.waiting(settings.home, TENANT) == [one], "an erasure that left something answers nothing"
    requests.decline(settings.home, TENANT, key, "erasure", **deed)
    assert requests.waiting(settings.home, TENANT) == []
    with pytest.raises(InputError):
        requests.decline(settings.home, TENANT, key, "erasure", **deed)
    requests.ask(engine, TENANT, key, "erasure", asked_by="guardian", **deed)
    assert len(requests.waiting(settings.home, TENANT)) == 1


def test_credentials_are_of_one_tenant(settings: Settings, engine: Engine) -> None:
    here = HereOperations()
    made = here.create_credential(settings, TENANT, name="lms", scopes=["statements/write"])
    assert made.secret and made.secret not in repr(made)
    assert [(one.key, one.secret, one.is_revoked) for one in here.credentials(settings, TENANT)] == [
        (made.key, None, False)
    ]
    assert here.credentials(settings, "other") == []
    with pytest.raises(InputError):
        here.revoke_credential(settings, "other", made.key)
    here.revoke_credential(settings, TENANT, made.key)
    assert here.credentials(settings, TENANT)[0].is_revoked
    assert here.stored_by_day(settings, TENANT) == {}
    with pytest.raises(InputError):
        here.create_credential(settings, TENANT, name="lms", scopes=["everything"])
