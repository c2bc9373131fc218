"""The school's directory (LDAP, Active Directory): passwords asked there, accounts linked, groups turned into roles, sessions checked.

Always over TLS with the certificate checked. ldap3 is an extra; nothing of it is imported without the setting.
"""

from __future__ import annotations

import contextlib
import dataclasses
import logging
import secrets
import ssl
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

from sqlalchemy import Connection, Engine, insert, select, update

from learnlake import audit
from learnlake.errors import AccessError, SettingsError, UnreachableError
from learnlake.settings import LdapDirectory
from people import accounts, attempts, external
from people.accounts import Account
from people.db import now, reading, settings_of, writing
from people.tables import account, external_identity, login_session, role_assignment

_log = logging.getLogger(__name__)


@dataclasses.dataclass(frozen=True, slots=True)
class Entry:
    """One person of the directory. `roles` are those that groups give; `linking` is the value of `link_attribute`."""

    dn: str
    subject: str
    linking: str | None
    is_disabled: bool
    roles: frozenset[str]


def is_asked(engine: Engine, login: str) -> bool:
    """Whether the directory judges the password of `login`: there is one, and the account has none here."""
    if settings_of(engine).ldap is None:
        return False
    known = accounts.find(engine, login)
    return known is None or not accounts.has_password(engine, known.account_id)


def verify(engine: Engine, login: str, password: str, source: str) -> tuple[Account, str]:
    """(the account of whoever the directory knows by this password, the session's method). AccessError otherwise.

    Each try is counted first, so that nobody guesses the directory's passwords through us either. UnreachableError while it
    does not answer; that try is not counted.
    """
    known = _settings(engine)
    _check_installed()
    attempts.count(engine, login)
    try:
        entry = _authenticate(known, login, password)
    except UnreachableError:
        attempts.take_back(engine, login)
        raise
    if entry is None or entry.is_disabled:
        raise AccessError(accounts.WRONG)
    with writing(engine) as connection:
        attempts.forgive(connection, login)
    proof = external.Proof(
        tenant=known.tenant,
        issuer=_issuer(known),
        subject=entry.subject,
        method=_method(known),
        login=login if known.link_by == "login" else None,
        email=entry.linking if known.link_by == "email" else None,
        sourced_id=entry.linking if known.link_by == "sourced_id" else None,
        home_page=known.home_page,
    )
    found = external.account_for(engine, proof, may_create=known.create_accounts, source=source)
    _set_roles(engine, known, found, entry.roles)
    return found, proof.method


def check_sessions(engine: Engine) -> tuple[int, int]:
    """Ask about everybody with an open session by the directory: (accounts asked about, sessions ended).

    Whoever is gone from it or disabled is logged out; roles follow the groups. UnreachableError leaves all as it is.
    """
    known = _settings(engine)
    if known.bind_dn is None and known.user_dn is not None:
        return 0, 0  # without an account of our own there is nobody to ask as
    ended = 0
    waiting = _open_accounts(engine, known)
    if not waiting:
        return 0, 0
    with _connected(known, known.bind_dn, known.secret) as connection:
        for found, subject in waiting:
            entry = _by_subject(connection, known, subject)
            if entry is None or entry.is_disabled:
                with writing(engine) as people:
                    ended += accounts.end_sessions(people, found.account_id)
                _audit(engine, found, "end-session", "directory")
            else:
                _set_roles(engine, known, found, entry.roles)
    return len(waiting), ended


def _authenticate(known: LdapDirectory, login: str, password: str) -> Entry | None:
    """Who `login` is, if this is the password; None otherwise. An empty password binds anonymously, so it is none."""
    from ldap3.utils.conv import escape_filter_chars
    from ldap3.utils.dn import escape_rdn

    if not password or not login or "\0" in login + password:
        return None
    if known.user_dn is not None:
        dn = known.user_dn.replace("{login}", escape_rdn(login))
        with _connected(known, dn, password) as connection:
            return _read(connection, known, dn, "(objectClass=*)", scope="BASE") if connection.bound else None
    wanted = known.search_filter.replace("{login}", escape_filter_chars(login))
    with _connected(known, known.bind_dn, known.secret) as connection:
        _must_be_bound(known, connection)
        entry = _read(connection, known, known.search_base, wanted)
    if entry is None:
        return None
    with _connected(known, entry.dn, password) as connection:
        return entry if connection.bound else None


def _by_subject(connection: Any, known: LdapDirectory, subject: str) -> Entry | None:
    _must_be_bound(known, connection)
    return _read(
        connection, known, known.search_base, f"({known.subject_attribute}={_subject_filter(subject)})"
    )


def _read(
    connection: Any, known: LdapDirectory, base: str, wanted: str, *, scope: str = "SUBTREE"
) -> Entry | None:
    """The one entry that `wanted` finds; None without one, or with several: then nobody knows who is meant."""
    found = _search(
        connection, known, base, wanted, [known.subject_attribute, known.link_attribute], scope=scope
    )
    if len(found) != 1:
        return None
    dn, attributes = found[0]["dn"], found[0]["raw_attributes"]
    subject = _first(attributes, known.subject_attribute)
    if subject is None:
        raise SettingsError(
            f"Entries of the directory have no {known.subject_attribute}",
            where=f"ldap {known.name!r}",
            mend="name an attribute that never changes in subject_attribute (Active Directory: objectGUID)",
        )
    linking = _first(attributes, known.link_attribute)
    is_disabled = bool(
        known.disabled_filter and _search(connection, known, dn, known.disabled_filter, scope="BASE")
    )
    return Entry(
        dn=dn,
        subject=_text(subject),
        linking=linking.decode(errors="replace") if linking else None,
        is_disabled=is_disabled,
        roles=_group_roles(connection, known, dn),
    )


def _group_roles(connection: Any, known: LdapDirectory, dn: str) -> frozenset[str]:
    """The roles of the configured groups that `dn` is a member of."""
    from ldap3.utils.conv import escape_filter_chars

    wanted = known.group_filter.replace("{dn}", escape_filter_chars(dn))
    return frozenset(
        role
        for group, role in known.group_roles.items()
        if _search(connection, known, group, wanted, scope="BASE")
    )


def _search(
    connection: Any,
    known: LdapDirectory,
    base: str,
    wanted: str,
    attributes: list[str] | None = None,
    *,
    scope: str = "SUBTREE",
) -> list[dict[str, Any]]:
    from ldap3.core.exceptions import LDAPInvalidFilterError

    try:
        connection.search(
            base,
            wanted,
            search_scope=scope,
            attributes=attributes or ["1.1"],
            size_limit=2,
            time_limit=known.timeout_seconds,
        )
    except LDAPInvalidFilterError as error:
        raise SettingsError(f"A filter of the directory is not usable: {wanted}", where="ldap") from error
    return [one for one in connection.response or () if one.get("type") == "searchResEntry"]


@contextlib.contextmanager
def _connected(known: LdapDirectory, dn: str | None, password: str | None) -> Iterator[Any]:
    """A connection over TLS on which a bind was tried: `bound` says how it ended. UnreachableError without one."""
    try:
        import ldap3
    except ImportError as error:
        raise SettingsError(
            "Log-in with a directory needs the extra `ldap`", mend="pip install 'learnlake[ldap]'"
        ) from error
    parts = urlsplit(known.url)
    tls = ldap3.Tls(validate=ssl.CERT_REQUIRED, ca_certs_file=known.ca_file and str(known.ca_file))
    server = ldap3.Server(
        parts.hostname,
        port=parts.port or (636 if parts.scheme == "ldaps" else 389),
        use_ssl=parts.scheme == "ldaps",
        tls=tls,
        get_info=ldap3.NONE,
        connect_timeout=known.timeout_seconds,
    )
    connection = ldap3.Connection(
        server,
        user=dn,
        password=password,
        receive_timeout=known.timeout_seconds,
        auto_referrals=False,
        read_only=True,
        check_names=False,
    )
    try:
        connection.open()
        if parts.scheme == "ldap":
            connection.start_tls()
        connection.bind()
        yield connection
    except (ldap3.core.exceptions.LDAPException, OSError) as error:
        _log.warning("the directory %s cannot be used: %s", known.name, type(error).__name__)
        raise UnreachableError(
            "Your school's directory does not answer", mend="try again in a minute"
        ) from error
    finally:
        with contextlib.suppress(ldap3.core.exceptions.LDAPException, OSError):
            connection.unbind()


def _must_be_bound(known: LdapDirectory, connection: Any) -> None:
    if not connection.bound:
        _log.error("the directory %s refuses bind_dn: %s", known.name, connection.result["description"])
        raise UnreachableError("Your school's directory does not answer", mend="tell your administrator")


def _open_accounts(engine: Engine, known: LdapDirectory) -> list[tuple[Account, str]]:
    """The accounts with an open session by the directory, each with its subject there."""
    live, theirs = login_session.c, external_identity.c
    query = (
        select(account.c.login, theirs.subject)
        .join(external_identity, theirs.account_id == account.c.account_id)
        .join(login_session, live.account_id == account.c.account_id)
        .where(
            theirs.issuer == _issuer(known),
            live.method == _method(known),
            live.revoked_at.is_(None),
            live.expires_at > now(),
        )
        .distinct()
    )
    with reading(engine) as connection:
        rows = connection.execute(query).all()
    return [(accounts.get(engine, row.login), row.subject) for row in rows]


def _set_roles(engine: Engine, known: LdapDirectory, found: Account, wanted: frozenset[str]) -> None:
    """Make the account's roles by this directory those of its groups. Roles from elsewhere are left alone."""
    held, source = role_assignment.c, _method(known)
    mine = (held.tenant == found.tenant, held.account_id == found.account_id, held.source == source)
    with reading(engine) as connection:
        have: set[str] = set(connection.execute(select(held.role).where(*mine, held.is_active)).scalars())
    if have == wanted:
        return
    with writing(engine) as connection:
        for role in have - wanted:
            connection.execute(
                update(role_assignment).where(*mine, held.role == role).values(is_active=False)
            )
        for role in wanted - have:
            _grant(connection, found, role, source)
    for role in have ^ wanted:
        action = "grant-role" if role in wanted else "withdraw-role"
        _audit(engine, found, f"{action}-{role}", source)


def _grant(connection: Connection, found: Account, role: str, source: str) -> None:
    connection.execute(
        insert(role_assignment).values(
            tenant=found.tenant,
            assignment_key=f"a:{secrets.token_hex(12)}",
            source=source,
            account_id=found.account_id,
            role=role,
            is_active=True,
        )
    )


def _settings(engine: Engine) -> LdapDirectory:
    known = settings_of(engine).ldap
    if known is None:
        raise SettingsError("No directory is set", mend="set LEARNLAKE_LDAP, or [ldap] in learnlake.toml")
    return known


def _check_installed() -> None:
    try:
        import ldap3  # noqa: F401
    except ImportError as error:
        raise SettingsError(
            "This school's directory is set, and the package that speaks with it is not installed",
            where="LEARNLAKE_LDAP",
            mend="whoever runs Learnlake installs it with pip install 'learnlake[ldap]'",
        ) from error


def _issuer(known: LdapDirectory) -> str:
    return f"ldap:{known.name}"


def _method(known: LdapDirectory) -> str:
    return f"ldap:{known.name}"


def _first(attributes: dict[str, list[bytes]], name: str) -> bytes | None:
    """The first value of an attribute; a directory may spell its name in any case."""
    values = next((value for key, value in attributes.items() if key.lower() == name.lower()), [])
    return values[0] if values else None


def _text(subject: bytes) -> str:
    """A subject as text: as it is where it is plain (entryUUID), in hex where it is binary (objectGUID)."""
    plain = subject.decode("ascii", errors="replace")
    return plain if plain.isprintable() and "�" not in plain else f"hex:{subject.hex()}"


def _subject_filter(subject: str) -> str:
    from ldap3.utils.conv import escape_bytes, escape_filter_chars

    if subject.startswith("hex:"):
        return str(escape_bytes(bytes.fromhex(subject.removeprefix("hex:"))))
    return str(escape_filter_chars(subject))


def _audit(engine: Engine, found: Account, action: str, source: str) -> None:
    entry = audit.AuditEntry(found.tenant, "directory", action, found.key, source)
    audit.append(settings_of(engine).home.audit_db, entry)
