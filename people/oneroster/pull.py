"""Reading a roster from a OneRoster 1.2 REST service: client credentials, pages, retries; then judged and written like CSV files.

The service's objects become the rows of the CSV binding, so that one set of rules judges both. Problems name an object by its place in its
collection, counted like lines: the first is line 2.
"""

from __future__ import annotations

import dataclasses
import email.utils
import time
from collections.abc import Callable, Iterator
from typing import Any, Final
from urllib.parse import urljoin, urlsplit

import httpx
import polars as pl

from learnlake import clock
from learnlake.errors import AccessError, DeliveryError, InputError
from learnlake.settings import Settings
from people.oneroster.binding import FILES
from people.oneroster.files import Package
from people.oneroster.importing import RosterReport, check_source, import_package
from people.roster_clients import CORE, DEMOGRAPHICS

PAGE_SIZE: Final = 5_000
TRIES: Final = 5
FIRST_PAUSE_SECONDS: Final = 0.5
LONGEST_PAUSE_SECONDS: Final = 30.0
TIMEOUT_SECONDS: Final = 60.0
MAX_PAGES: Final = 100_000
_PASSING = frozenset({429, 500, 502, 503, 504})
SERVICE: Final = "ims/oneroster/rostering/v1p2/"

Record = dict[str, Any]
Progress = Callable[[str, int, int | None], None]
"""Told (collection, objects so far, objects in all or None) after each page."""


@dataclasses.dataclass(frozen=True, slots=True)
class Service:
    """A OneRoster service. `url` is its address up to `/ims/oneroster`, `token_url` where tokens are given."""

    url: str
    token_url: str
    client_id: str
    client_secret: str = dataclasses.field(repr=False)

    @classmethod
    def at(cls, url: str, client_id: str, client_secret: str, *, token_url: str | None = None) -> Service:
        """The service at `url`; the token endpoint is URL/token unless it is said to be elsewhere. InputError for no web address."""
        for address in filter(None, (url, token_url)):
            parts = urlsplit(address)
            if parts.scheme not in ("http", "https") or not parts.netloc:
                raise InputError(f"{address!r} is not a web address", mend="give one with https://")
        base = url.rstrip("/") + "/"
        return cls(base, token_url or urljoin(base, "token"), client_id, client_secret)


def pull_roster(
    settings: Settings,
    tenant: str,
    service: Service,
    *,
    home_page: str,
    since: str | None = None,
    demographics: bool = False,
    dry_run: bool = False,
    progress: Progress | None = None,
) -> RosterReport:
    """Make the service's roster that of `home_page`; with `since` (ISO date and time) only what changed after it, as a delta.

    Raises AccessError when the credentials are refused, DeliveryError when the service cannot be read, RosterError naming every bad object.
    Nothing is written before all pages have been read.
    """
    check_source(tenant, home_page)
    if since is not None and "'" in since:
        raise InputError(f"{since!r} is not a date and time", mend="write it like 2026-11-19T00:00:00.000Z")
    scopes = (CORE, DEMOGRAPHICS) if demographics else (CORE,)
    with httpx.Client(timeout=TIMEOUT_SECONDS, follow_redirects=False) as http:
        reader = _Reader(http, service, scopes, progress or (lambda *_: None))
        package = read_service(reader, since=since, demographics=demographics)
    return import_package(settings, tenant, package, home_page=home_page, dry_run=dry_run)


def read_service(reader: _Reader, *, since: str | None, demographics: bool) -> Package:
    """Everything as a package of the CSV binding."""
    filters = {"filter": f"dateLastModified>'{since}'"} if since else {}
    rows: dict[str, list[Record]] = {}
    for name, to_rows in _COLLECTIONS.items():
        if name == "demographics" and not demographics:
            continue
        for record in reader.objects(name, filters):
            for file, row in to_rows(record):
                rows.setdefault(file, []).append(row)
        for file in _FILES_OF.get(name, (name,)):
            rows.setdefault(file, [])
    mode = "delta" if since else "bulk"
    frames = {file: _frame(file, found) for file, found in rows.items() if found or mode == "bulk"}
    return Package("1.2", dict.fromkeys(frames, mode), frames, [], [])


class _Reader:
    """Asks one service, with a token that it renews, and again when a failure is of the passing kind."""

    def __init__(
        self, http: httpx.Client, service: Service, scopes: tuple[str, ...], progress: Progress
    ) -> None:
        self._http = http
        self._service = service
        self._scopes = scopes
        self._progress = progress
        self._token = ""

    def objects(self, name: str, filters: dict[str, str]) -> Iterator[Record]:
        """All objects of a collection, page by page."""
        offset = 0
        for _ in range(MAX_PAGES):
            # a fixed order, so that a page is not taken twice
            answer = self._get(
                name, {"limit": str(PAGE_SIZE), "offset": str(offset), "sort": "sourcedId", **filters}
            )
            found = _list_in(answer, name)
            yield from found
            offset += len(found)
            total = answer.headers.get("x-total-count", "")
            self._progress(name, offset, int(total) if total.isdigit() else None)
            if not found or (offset >= int(total) if total.isdigit() else 'rel="next"' not in _link(answer)):
                return
        raise DeliveryError("The service's pages do not end", where=name)

    def _get(self, name: str, params: dict[str, str]) -> httpx.Response:
        url = urljoin(self._service.url, SERVICE + name)
        if not self._token:
            self._token = self._new_token()
        for is_last in (False, True):
            answer = self._send(lambda: self._http.get(url, params=params, headers=_bearer(self._token)), url)
            if answer.status_code == 401 and not is_last:  # it has run out
                self._token = self._new_token()
                continue
            return _checked(answer, url)
        raise AssertionError("unreachable")

    def _new_token(self) -> str:
        service = self._service
        form = {"grant_type": "client_credentials", "scope": " ".join(self._scopes)}
        credentials = httpx.BasicAuth(service.client_id, service.client_secret)
        answer = self._send(
            lambda: self._http.post(service.token_url, data=form, auth=credentials), service.token_url
        )
        if answer.status_code in (400, 401, 403):
            raise AccessError(
                "The service gives no token for these credentials",
                where=f"{service.token_url}: {answer.status_code}",
                mend="check the client's id, secret and scopes",
            )
        token = _json(_checked(answer, service.token_url), service.token_url).get("access_token")
        if not isinstance(token, str):
            raise DeliveryError("The token endpoint's answer holds no access_token", where=service.token_url)
        return token

    def _send(self, request: Callable[[], httpx.Response], url: str) -> httpx.Response:
        """The answer, after as many as TRIES tries while the service is busy or away."""
        pause = FIRST_PAUSE_SECONDS
        for number in range(1, TRIES + 1):
            try:
                answer = request()
                if answer.status_code not in _PASSING or number == TRIES:
                    return answer
                wait = _retry_after(answer) or pause
            except httpx.TransportError as error:
                if number == TRIES:
                    raise DeliveryError(
                        f"The service cannot be reached: {type(error).__name__}", where=url
                    ) from error
                wait = pause
            time.sleep(min(wait, LONGEST_PAUSE_SECONDS))
            pause *= 2
        raise AssertionError("unreachable")


def _retry_after(answer: httpx.Response) -> float | None:
    text = answer.headers.get("retry-after", "")
    if text.isdigit():
        return float(text)
    try:
        moment = email.utils.parsedate_to_datetime(text)
    except ValueError:
        return None
    return max(0.0, (moment - clock.utc_now()).total_seconds())


def _bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def _link(answer: httpx.Response) -> str:
    return str(answer.headers.get("link", ""))


def _checked(answer: httpx.Response, url: str) -> httpx.Response:
    if answer.status_code in (401, 403):
        raise AccessError("The service refuses this client", where=f"{url}: {answer.status_code}")
    if answer.status_code != 200:
        raise DeliveryError(f"The service answered {answer.status_code}", where=url, mend="ask its operator")
    return answer


def _json(answer: httpx.Response, url: str) -> Record:
    try:
        body = answer.json()
    except ValueError:
        body = None
    if not isinstance(body, dict):
        raise DeliveryError("The service's answer is not a JSON object", where=url)
    return body


def _list_in(answer: httpx.Response, name: str) -> list[Record]:
    found = _json(answer, name).get(name)
    if not isinstance(found, list) or not all(isinstance(one, dict) for one in found):
        raise DeliveryError(f"The service's answer holds no list {name!r}", where=name)
    return found


def _frame(file: str, rows: list[Record]) -> pl.DataFrame:
    """Rows as `people.oneroster.files` reads them: all text, blanks as null, numbered like lines."""
    further = sorted({name for row in rows for name in row if name.startswith("metadata.")})
    schema = dict.fromkeys([*FILES["1.2"][file].columns, *further], pl.String)
    texts = [[_text(row.get(name)) for name in schema] for row in rows]
    frame = pl.DataFrame(texts, schema=schema, orient="row")
    return frame.with_columns(pl.int_range(2, pl.len() + 2, dtype=pl.UInt32).alias("_line"))


def _text(value: object) -> str | None:
    if isinstance(value, bool):
        return str(value).lower()
    return str(value).strip() or None if value is not None else None


def _base(record: Record) -> Record:
    metadata = record.get("metadata")
    further = (
        {f"metadata.{name}": value for name, value in metadata.items()} if isinstance(metadata, dict) else {}
    )
    return {name: record.get(name) for name in ("sourcedId", "status", "dateLastModified")} | further


def _copied(record: Record, *names: str) -> Record:
    return _base(record) | {name: record.get(name) for name in names}


def _ref(record: Record, name: str) -> str | None:
    """The sourcedId of a GUIDRef."""
    link = record.get(name)
    return link.get("sourcedId") if isinstance(link, dict) else None


def _refs(record: Record, name: str) -> str | None:
    links = record.get(name)
    found = (
        [link.get("sourcedId") or "" for link in links if isinstance(link, dict)]
        if isinstance(links, list)
        else []
    )
    return ",".join(found) or None


def _joined(record: Record, name: str) -> str | None:
    values = record.get(name)
    return ",".join(map(str, values)) or None if isinstance(values, list) else values


Rows = list[tuple[str, Record]]


def _org(record: Record) -> Rows:
    return [
        ("orgs", _copied(record, "name", "type", "identifier") | {"parentSourcedId": _ref(record, "parent")})
    ]


def _session(record: Record) -> Rows:
    row = _copied(record, "title", "type", "startDate", "endDate", "schoolYear")
    return [("academicSessions", row | {"parentSourcedId": _ref(record, "parent")})]


def _course(record: Record) -> Rows:
    row = _copied(record, "title", "courseCode") | {
        "schoolYearSourcedId": _ref(record, "schoolYear"),
        "orgSourcedId": _ref(record, "org"),
    }
    return [
        ("courses", row | {name: _joined(record, name) for name in ("grades", "subjects", "subjectCodes")})
    ]


def _class(record: Record) -> Rows:
    row = _copied(record, "title", "classCode", "classType", "location") | {
        "courseSourcedId": _ref(record, "course"),
        "schoolSourcedId": _ref(record, "school"),
        "termSourcedIds": _refs(record, "terms"),
    }
    lists = ("grades", "subjects", "subjectCodes", "periods")
    return [("classes", row | {name: _joined(record, name) for name in lists})]


def _user(record: Record) -> Rows:
    row = _copied(
        record,
        *(
            "enabledUser",
            "username",
            "givenName",
            "familyName",
            "middleName",
            "identifier",
            "email",
            "sms",
            "phone",
        ),
        *("userMasterIdentifier", "pronouns", "preferredMiddleName"),
    ) | {
        "preferredGivenName": record.get("preferredFirstName"),
        "preferredFamilyName": record.get("preferredLastName"),
        "userIds": ",".join(map(_user_id, record.get("userIds") or [])) or None,
        "agentSourcedIds": _refs(record, "agents"),
        "grades": _joined(record, "grades"),
        "primaryOrgSourcedId": _ref(record, "primaryOrg"),
    }
    rows: Rows = [("users", row)]
    for role in record.get("roles") or []:
        own = {name: role.get(name) for name in ("roleType", "role", "beginDate", "endDate")}
        org = _ref(role, "org")
        key = ":".join(map(str, (record.get("sourcedId"), role.get("role"), org)))
        start = {
            **_base(record),
            "sourcedId": key,
            "userSourcedId": record.get("sourcedId"),
            "orgSourcedId": org,
        }
        rows.append(("roles", {k: v for k, v in start.items() if not k.startswith("metadata.")} | own))
    return rows


def _user_id(given: Record) -> str:
    kind, identifier = str(given.get("type", "")), str(given.get("identifier", ""))
    return f"{{{kind}{' ' if '://' in kind else ':'}{identifier}}}"


def _enrollment(record: Record) -> Rows:
    row = _copied(record, "role", "primary", "beginDate", "endDate")
    links = {f"{name}SourcedId": _ref(record, name) for name in ("class", "school", "user")}
    return [("enrollments", row | links)]


def _demographics(record: Record) -> Rows:
    return [("demographics", _copied(record, *FILES["1.2"]["demographics"].columns[3:]))]


_COLLECTIONS: Final[dict[str, Callable[[Record], Rows]]] = {
    "orgs": _org,
    "academicSessions": _session,
    "courses": _course,
    "classes": _class,
    "users": _user,
    "enrollments": _enrollment,
    "demographics": _demographics,
}
_FILES_OF: Final = {"users": ("users", "roles")}
