"""OneRoster's REST form over real HTTP: what the provider tells is what was imported, and the consumer makes the same of it."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx
import pytest
from sqlalchemy import select
from typer.testing import CliRunner

from cli.people import roster_app
from learnlake.errors import AccessError, DeliveryError, RosterError
from learnlake.settings import Settings
from people import roster_clients, tables
from people.db import open_people, reading
from people.oneroster import import_roster, pull
from people.oneroster.pull import Service, pull_roster
from tests.people.rosters import HOME_PAGE, Roster, full_school, small_school
from tests.people.rosters import enrolment as an_enrolment

ROOT = Path(__file__).resolve().parents[2]
SERVE = "from learnlake.settings import get_settings; from api.server import serve; serve(get_settings())"
BASE = "/oneroster/ims/oneroster/rostering/v1p2"


def rich_school() -> Roster:
    """The small school with something in every field that is kept."""
    roster = full_school()
    roster.row("users", "st1").update(
        userIds="{LDAP:12},{https://mooc.example ann}",
        preferredGivenName="Annie",
        preferredFamilyName="Byron",
        preferredMiddleName="M",
        middleName="Mary",
        pronouns="she/her",
        phone="1",
        sms="2",
        identifier="ann",
        grades="09,10",
        userMasterIdentifier="m-1",
    )
    roster.row("users", "st2")["enabledUser"] = "false"
    roster.row("roles", "r-t-a").update(beginDate="2026-08-01", endDate="2027-07-31")
    roster.row("courses", "math").update(courseCode="M1", schoolYearSourcedId="y", subjectCodes="9")
    roster.row("classes", "c1").update(
        location="Room 1", periods="1,3", classCode="M1-a", subjects="Mathematics,Logic"
    )
    roster.row("orgs", "s1").update(identifier="N-1", **{"metadata.region": "north"})
    roster.row("enrollments", "e4").update(beginDate="2026-08-10", endDate="2027-07-31", primary="true")
    roster.row("enrollments", "e5")["status"] = "tobedeleted"
    roster.files["demographics"][0].update(birthDate="2012-02-03", asian="true", cityOfBirth="Lima")
    return roster


@pytest.fixture(scope="module")
def served(
    tmp_path_factory: pytest.TempPathFactory, free_port: Callable[[], int]
) -> Iterator[tuple[Settings, str]]:
    """(settings, address) of an API with the rich school as tenant t, and another school as tenant u."""
    home = tmp_path_factory.mktemp("provider")
    settings = Settings(LEARNLAKE_HOME=home, api_port=free_port())  # type: ignore[call-arg]
    settings.home.create()
    import_roster(settings, "t", rich_school().write(home / "r"), home_page=HOME_PAGE)
    import_roster(settings, "u", small_school().write(home / "r2"), home_page=HOME_PAGE)
    environment = {
        "LEARNLAKE_HOME": str(home),
        "LEARNLAKE_CONFIG": "/nonexistent",
        "LEARNLAKE_API_PORT": str(settings.api_port),
    }
    process = subprocess.Popen([sys.executable, "-c", SERVE], cwd=ROOT, env={**os.environ, **environment})
    address = f"http://127.0.0.1:{settings.api_port}"
    try:
        deadline = time.monotonic() + 60
        while True:
            try:
                if httpx.get(f"{address}/health", trust_env=False).is_success:
                    break
            except httpx.TransportError:
                assert time.monotonic() < deadline, "the API did not start"
                time.sleep(0.1)
        yield settings, address
    finally:
        process.terminate()
        assert process.wait(30) == 0


def _credentials(settings: Settings, *scopes: str, tenant: str = "t") -> tuple[str, str]:
    engine = open_people(settings)
    made, secret = roster_clients.create(
        engine, tenant=tenant, home_page=HOME_PAGE, name="reader", scopes=scopes or ("roster-core.readonly",)
    )
    engine.dispose()
    return made.client_id, secret


@pytest.fixture(scope="module")
def reader(served: tuple[Settings, str]) -> Iterator[httpx.Client]:
    """A client with a token for everything."""
    settings, address = served
    pair = _credentials(settings, "roster-core.readonly", "roster-demographics.readonly")
    token = httpx.post(
        f"{address}/oneroster/token", data={"grant_type": "client_credentials"}, auth=pair, trust_env=False
    ).json()["access_token"]
    headers = {"Authorization": f"Bearer {token}"}
    with httpx.Client(base_url=address + BASE, headers=headers, trust_env=False, timeout=30) as client:
        yield client


def _ids(answer: httpx.Response, name: str) -> list[str]:
    assert answer.status_code == 200, answer.text
    return [one["sourcedId"] for one in answer.json()[name]]


def test_objects_are_told_as_the_standard_writes_them(reader: httpx.Client) -> None:
    user = reader.get("/users/st1").json()["user"]
    assert user.pop("dateLastModified").endswith("Z")
    assert (user["givenName"], user["preferredFirstName"], user["enabledUser"]) == (
        "Given-st1",
        "Annie",
        "true",
    )
    assert user["userIds"] == [
        {"type": "LDAP", "identifier": "12"},
        {"type": "https://mooc.example", "identifier": "ann"},
    ]
    [role] = user["roles"]
    assert (role["roleType"], role["role"], role["org"]["sourcedId"]) == ("primary", "student", "s1")
    assert [agent["sourcedId"] for agent in user["agents"]] == ["g1"]
    assert "password" not in user
    assert user["metadata"] == {"is_generated": "true"}
    one = reader.get("/classes/c1").json()["class"]
    assert (one["subjects"], one["periods"], one["classType"]) == (
        ["Mathematics", "Logic"],
        ["1", "3"],
        "scheduled",
    )
    assert one["terms"][0] == {
        "href": f"{reader.base_url}terms/t1".replace("/terms", "/academicSessions"),
        "sourcedId": "t1",
        "type": "academicSession",
    }
    told = reader.get("/enrollments/e4").json()["enrollment"]
    assert (told["primary"], told["beginDate"], told["user"]["sourcedId"]) == ("true", "2026-08-10", "st1")
    assert reader.get("/enrollments/e5").json()["enrollment"]["status"] == "tobedeleted"
    assert reader.get("/enrollments/e3").json()["enrollment"]["role"] == "aide"
    assert reader.get("/demographics/st1").json()["demographics"]["cityOfBirth"] == "Lima"


@pytest.mark.parametrize(
    ("path", "name", "ids"),
    [
        ("/orgs", "orgs", ["d", "s1", "s2"]),
        ("/schools", "orgs", ["s1", "s2"]),
        ("/academicSessions", "academicSessions", ["t1", "t2", "y"]),
        ("/terms", "academicSessions", ["t1", "t2"]),
        ("/gradingPeriods", "academicSessions", []),
        ("/courses", "courses", ["math"]),
        ("/classes", "classes", ["c1", "c2"]),
        ("/students", "users", ["st1", "st2", "st3"]),
        ("/teachers", "users", ["t-a", "t-b"]),
        ("/enrollments", "enrollments", [f"e{n}" for n in range(1, 7)]),
        ("/demographics", "demographics", ["st1"]),
        ("/schools/s1/classes", "classes", ["c1"]),
        ("/schools/s2/students", "users", ["st3"]),
        ("/schools/s1/enrollments", "enrollments", ["e1", "e3", "e4", "e5"]),
        ("/courses/math/classes", "classes", ["c1", "c2"]),
        ("/classes/c1/students", "users", ["st1"]),
        ("/classes/c1/teachers", "users", ["t-a"]),
        ("/students/st3/classes", "classes", ["c2"]),
        ("/users?filter=role='parent'", "users", ["g1"]),
        ("/users?filter=role!='student' AND primaryOrg.sourcedId='s2'", "users", ["t-b"]),
        ("/users?filter=sourcedId='st1' OR sourcedId='t-a'", "users", ["st1", "t-a"]),
        ("/enrollments?filter=role='teacher'&sort=sourcedId&orderBy=desc", "enrollments", ["e2", "e1"]),
        ("/enrollments?filter=status='tobedeleted'", "enrollments", ["e5"]),
        ("/enrollments?filter=dateLastModified>'2126-01-01T00:00:00.000Z'", "enrollments", []),
        ("/orgs?filter=name~'north'", "orgs", ["s1"]),
        ("/academicSessions?filter=endDate<='2026-12-31'", "academicSessions", ["t1"]),
        ("/enrollments?limit=2&offset=4", "enrollments", ["e5", "e6"]),
        ("/orgs?filter=name='x'' or ''1''=''1'", "orgs", []),
    ],
)
def test_collections_filters_and_order(reader: httpx.Client, path: str, name: str, ids: list[str]) -> None:
    found = _ids(reader.get(path), name)
    assert (found if "sort" in path else sorted(found)) == ids


def test_pages_are_linked_and_counted(reader: httpx.Client) -> None:
    answer = reader.get("/users?limit=3&fields=sourcedId,role&filter=status='active'")
    assert answer.headers["x-total-count"] == "8"
    assert all(set(one) == {"sourcedId"} for one in answer.json()["users"])
    seen = _ids(answer, "users")
    while "next" in answer.links:
        answer = reader.get(answer.links["next"]["url"])
        seen += _ids(answer, "users")
    assert len(seen) == len(set(seen)) == 8
    assert set(answer.links) == {"first", "prev", "last"}


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        ("/users?filter=role", 400, "invalid_filter_field"),
        ("/users?filter=givenName='Given-st1'", 400, "invalid_filter_field"),
        ("/users?filter=told_given='x'", 400, "invalid_filter_field"),
        ("/users?sort=familyName", 400, "invaliddata"),
        ("/users?orderBy=up", 400, "invaliddata"),
        ("/users?limit=0", 400, "invaliddata"),
        ("/users?offset=-1", 400, "invaliddata"),
        ("/users?fields=a%20b", 400, "invalid_selection_field"),
        ("/users/nobody", 404, "unknownobject"),
        ("/lessons", 404, "unknownobject"),
        ("/classes/c9/students", 404, "unknownobject"),
        ("/orgs/s1/students", 404, "unknownobject"),
    ],
)
def test_what_cannot_be_answered_is_said_in_the_standards_words(
    reader: httpx.Client, path: str, status: int, code: str
) -> None:
    answer = reader.get(path)
    assert answer.status_code == status
    body = answer.json()
    assert (body["imsx_codeMajor"], body["imsx_severity"]) == ("failure", "error")
    assert body["imsx_CodeMinor"]["imsx_codeMinorField"][0]["imsx_codeMinorFieldValue"] == code


def test_tokens_open_their_scopes_tenant_and_time_only(served: tuple[Settings, str]) -> None:
    settings, address = served
    client_id, secret = _credentials(settings, tenant="u")
    url, form = f"{address}/oneroster/token", {"grant_type": "client_credentials"}
    with httpx.Client(trust_env=False, timeout=30) as http:
        assert http.post(url, data=form, auth=(client_id, "wrong")).status_code == 401
        assert http.post(url, data={}, auth=(client_id, secret)).json()["error"] == "unsupported_grant_type"
        wanted = {**form, "scope": roster_clients.DEMOGRAPHICS}
        assert http.post(url, data=wanted, auth=(client_id, secret)).json()["error"] == "invalid_scope"
        given = http.post(url, data={**form, "client_id": client_id, "client_secret": secret}).json()
        assert (given["token_type"], given["expires_in"], given["scope"]) == (
            "Bearer",
            3600,
            roster_clients.CORE,
        )
        headers = {"Authorization": f"Bearer {given['access_token']}"}
        assert (
            "location" not in http.get(f"{address}{BASE}/classes/c1", headers=headers).json()["class"]
        )  # u's, not t's
        assert http.get(f"{address}{BASE}/demographics", headers=headers).status_code == 403
        for wrong in ({}, {"Authorization": "Bearer x"}, {"Authorization": "Basic x"}):
            refused = http.get(f"{address}{BASE}/users", headers=wrong)
            assert (refused.status_code, refused.headers["www-authenticate"]) == (401, "Bearer")
        engine = open_people(settings)
        roster_clients.revoke(engine, client_id)
        engine.dispose()
        assert http.get(f"{address}{BASE}/users", headers=headers).status_code == 401
        assert http.post(url, data=form, auth=(client_id, secret)).status_code == 401
    with sqlite3.connect(settings.home.audit_db) as connection:
        trail = connection.execute(
            "select action, resource from entry where actor_key = ? order by number",
            (f"roster-client:{client_id}",),
        ).fetchall()
    assert ("read-roster", "oneroster:classes") in trail
    assert [action for action, _ in trail][-1] == "revoke-roster-client"


_LEFT_OUT = {"tenant", "person_key", "guardian_key", "changed_at", "assignment_key"}


def _content(settings: Settings, tenant: str) -> dict[str, list[str]]:
    """What people.db holds of a tenant's roster, people named by their sourcedId."""
    engine = open_people(settings)
    with reading(engine) as connection:
        known = tables.person.c
        names = {
            row[0]: row[1]
            for row in connection.execute(
                select(known.person_key, known.sourced_id).where(known.tenant == tenant)
            )
        }
        found: dict[str, list[str]] = {}
        for table in _COMPARED:
            rows = connection.execute(select(table).where(table.c.tenant == tenant)).mappings()
            found[table.name] = sorted(
                repr(
                    {
                        name: value
                        for name, value in row.items()
                        if name not in _LEFT_OUT and name != "identifier_key"
                    }
                    | {
                        name: names[row[name]]
                        for name in ("person_key", "guardian_key")
                        if row.get(name) in names
                    }
                ).replace(f"{tenant}:", "T:")
                for row in rows
            )
    engine.dispose()
    return found


_COMPARED = (
    *(tables.organisation, tables.academic_session, tables.course, tables.section, tables.person),
    *(tables.identifier, tables.enrolment, tables.guardianship, tables.role_assignment, tables.demographics),
)


def test_what_is_pulled_equals_what_was_imported(
    served: tuple[Settings, str], settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    provider, address = served
    service = Service.at(f"{address}/oneroster", *_credentials(provider, *_ALL_SCOPES))
    monkeypatch.setattr(pull, "PAGE_SIZE", 3)
    seen: list[tuple[str, int, int | None]] = []
    options = {"home_page": HOME_PAGE, "demographics": True}
    plan = pull_roster(settings, "t", service, dry_run=True, **options)
    assert plan.is_changed
    assert not any(_content(settings, "t").values())
    report = pull_roster(settings, "t", service, progress=lambda *page: seen.append(page), **options)
    assert [row.added for row in report.tables] == [row.added for row in plan.tables]
    assert _content(settings, "t") == _content(provider, "t")
    assert ("users", 8, 8) in seen
    assert ("users", 3, 8) in seen
    again = pull_roster(settings, "t", service, **options)
    assert not again.is_changed


_ALL_SCOPES = ("roster-core.readonly", "roster-demographics.readonly")


def test_a_pull_since_a_time_takes_the_changes(
    served: tuple[Settings, str], settings: Settings, tmp_path: Path
) -> None:
    provider, address = served
    service = Service.at(f"{address}/oneroster", *_credentials(provider, tenant="u"))
    pull_roster(settings, "u", service, home_page=HOME_PAGE)
    time.sleep(0.01)
    since = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime()) + f".{int(time.time() * 1000) % 1000:03}Z"
    roster = small_school()
    roster.drop("enrollments", "e5")
    roster.files["enrollments"].append(an_enrolment("e7", "c2", "s2", "st1", "student"))
    roster.row("users", "st3")["familyName"] = "Renamed"
    import_roster(provider, "u", roster.write(tmp_path / "r"), home_page=HOME_PAGE)
    report = pull_roster(settings, "u", service, home_page=HOME_PAGE, since=since)
    counts = {row.table: (row.added, row.changed, row.revoked) for row in report.tables}
    assert counts["enrolment"] == (1, 0, 1)
    assert counts["person"] == (0, 1, 0)
    assert _content(settings, "u")["enrolment"] == _content(provider, "u")["enrolment"]


def test_the_command_pulls(served: tuple[Settings, str], settings: Settings) -> None:
    provider, address = served
    client_id, secret = _credentials(provider)
    arguments = [
        "pull",
        f"{address}/oneroster",
        "--tenant",
        "x",
        "--home-page",
        HOME_PAGE,
        "--client-id",
        client_id,
    ]
    done = CliRunner().invoke(roster_app, arguments, input=f"{secret}\n")
    assert done.exit_code == 0, (done.output, done.exception)
    assert "OneRoster 1.2 roster of x" in done.output
    assert secret not in done.output
    refused = CliRunner().invoke(roster_app, arguments, input="wrong\n")
    assert isinstance(refused.exception, AccessError)


class _Stubborn(BaseHTTPRequestHandler):
    """A service of somebody else's: fails first, has no X-Total-Count, and one bad object."""

    failures = 2
    orgs: list[dict[str, str]] = []  # noqa: RUF012

    def do_POST(self) -> None:
        self._answer(200, b'{"access_token": "t"}')

    def do_GET(self) -> None:
        if type(self).failures:
            type(self).failures -= 1
            self._answer(503, b"busy")
            return
        name = self.path.split("?")[0].rpartition("/")[2]
        body = (
            b'{"orgs": [{"sourcedId": "a", "name": "A", "type": "shop"}]}'
            if name == "orgs"
            else f'{{"{name}": []}}'.encode()
        )
        self._answer(200, body)

    def _answer(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Retry-After", "0")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Quiet."""


def test_a_busy_service_is_asked_again_and_bad_objects_are_refused_whole(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pull, "FIRST_PAUSE_SECONDS", 0.01)
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Stubborn)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        address = f"http://127.0.0.1:{server.server_address[1]}"
        service = Service.at(address, "id", "secret")
        with pytest.raises(RosterError) as caught:
            pull_roster(settings, "t", service, home_page=HOME_PAGE)
        assert caught.value.problems[0].startswith("orgs.csv, line 2, type: 'shop' is not one of")
        assert _Stubborn.failures == 0
        _Stubborn.failures = 1000
        with pytest.raises(DeliveryError, match="503"):
            pull_roster(settings, "t", service, home_page=HOME_PAGE)
    finally:
        server.shutdown()
        server.server_close()
    with pytest.raises(DeliveryError, match="cannot be reached"):
        pull_roster(settings, "t", service, home_page=HOME_PAGE)
    assert not any(_content(settings, "t").values())
