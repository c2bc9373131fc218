"""A journey through pages, API and command line: everything that must be in the audit trail is, and no entry names anybody."""

from __future__ import annotations

import re

import pytest
from starlette.testclient import TestClient
from streamlit.testing.v1 import AppTest
from typer.testing import CliRunner

from api.app import create_app
from cli.audit import app as audit_app
from cli.identity import app as identity_app
from cli.lrs import app as lrs_app
from cli.people import user_app
from cli.warehouse import app as warehouse_app
from people import sessions, trail
from people.tables import account, identifier, person
from tests.dashboards import school as schools

EMAIL = "amina.abara@school.example"
runner = CliRunner()
_NAMES = (
    person.c.given_name,
    person.c.family_name,
    person.c.username,
    account.c.login,
    identifier.c.value,
)


def test_a_journey_is_told_whole_and_without_a_name(
    own_school: schools.School, open_page, monkeypatch: pytest.MonkeyPatch
) -> None:
    student = own_school.students[schools.CLASSES[0]][4]
    _pages(own_school, open_page, student)
    _api(own_school)
    _command_line(own_school)
    entries = trail.search(own_school.settings.home)
    told = {entry.action for entry in entries}
    assert told >= {
        *("log-in", "log-out", "view teacher-student", "view guardian", "export", "run SQL"),
        *("create-account", "grant-role-teacher", "withdraw-role-teacher", "reset-password"),
        *("disable-account", "enable-account", "revoke-sessions", "act-as-guardian"),
        *("create-credential", "revoke-credential", "list-identifiers", "search-audit"),
    }
    assert {entry.result for entry in entries if entry.action == "log-in"} == {"allowed", "refused"}
    assert all(entry.at and entry.actor_key and entry.resource and entry.source for entry in entries)
    viewed = next(entry for entry in entries if entry.action == "view teacher-student")
    assert (viewed.actor_key, viewed.resource) == ("p_teacher", f"person:{student}")
    assert viewed.source.startswith("dashboards ")
    with own_school.engine.connect() as connection:
        names = {
            value
            for column in _NAMES
            for value in connection.scalars(column.table.select().with_only_columns(column))
        }
    names = {name for name in names if name} - set(own_school.logins.values()) | {EMAIL, "amina"}
    assert len(names) > 30
    told_text = "\n".join(f"{e.actor_key} {e.action} {e.resource} {e.source}" for e in entries)
    assert [name for name in names if re.search(rf"(?<!\w){re.escape(name)}(?!\w)", told_text, re.I)] == []
    assert trail.verify(own_school.settings.home).problems == ()


def _pages(school: schools.School, open_page, student: str) -> None:
    page: AppTest = open_page(school, "teacher", "teacher-student", person=student)
    page.run()
    open_page(school, "guardian", "guardian")
    both = sessions.log_in(school.engine, "teacher-and-guardian", schools.PASSWORD, "10.0.0.9")
    sessions.switch_role(school.engine, both, "guardian")
    sessions.log_out(school.engine, both, source="10.0.0.9")


def _api(school: schools.School) -> None:
    with TestClient(create_app(school.settings)) as client:
        for login, password in ((EMAIL, "hunter2hunter2"), ("teacher", "wrong wrong wrong")):
            assert client.post("/v1/session", json={"login": login, "password": password}).status_code == 401
        token = client.post("/v1/session", json={"login": "analyst", "password": schools.PASSWORD}).json()[
            "token"
        ]
        headers = {"Authorization": f"Bearer {token}"}
        assert client.get("/v1/marts/dim_person?format=csv", headers=headers).status_code == 200


def _command_line(school: schools.School) -> None:
    tenant = ("--tenant", schools.TENANT)
    for app, *arguments in (
        (
            user_app,
            "create",
            EMAIL,
            *tenant,
            "--role",
            "teacher",
            "--given-name",
            "Amina",
            "--family-name",
            "Abara",
        ),
        (user_app, "roles", EMAIL, "--add", "analyst"),
        (user_app, "roles", EMAIL, "--add", "teacher", "--remove", "teacher"),
        (user_app, "roles", EMAIL, "--remove", "teacher"),
        (user_app, "reset", EMAIL),
        (user_app, "disable", EMAIL),
        (user_app, "disable", EMAIL, "--undo"),
        (identity_app, "list", "--unknown", *tenant),
        (lrs_app, "credential", "create", "--name", "lms", *tenant, "--key", "lms-key"),
        (lrs_app, "credential", "revoke", "lms-key"),
        (warehouse_app, "export", "dim_person", "--out", str(school.settings.home.path / "x.csv"), *tenant),
        (warehouse_app, "sql", "select count(*) from dim_person", *tenant),
        (audit_app, "search", "--action", "log-in", "--csv"),
    ):
        done = runner.invoke(app, arguments)
        assert done.exit_code == 0, (arguments, done.output, done.exception)
    sessions.revoke(school.engine, EMAIL)


def test_a_download_on_a_page_is_an_export(own_school: schools.School, open_page) -> None:
    page = open_page(own_school, "teacher", "teacher")
    [export] = page.get("download_button")[:1]
    assert export.proto.label == "Download as CSV"
    before = len(trail.search(own_school.settings.home, action="export"))
    page.session_state["audit_export"]("page-table:x")
    exports = trail.search(own_school.settings.home, action="export")
    assert len(exports) == before + 1
    assert (exports[0].actor_key, exports[0].resource) == ("p_teacher", "page-table:x")
