"""Targets as an operator names them: checked when they are added; their secrets stay where they are, here is only where."""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from learnlake.errors import InputError, SettingsError
from learnlake.settings import Settings
from lrs.filters import read_filter
from lrs.store import targets as store
from lrs.store.database import Connection, open_database
from lrs.store.targets import Target

KINDS = ("lrs", "webhook")
_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,62}").fullmatch
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


def add(
    settings: Settings,
    *,
    name: str,
    url: str,
    kind: str,
    tenant: str = "default",
    login: str = "",
    secret: str,
    filters: Mapping[str, Any] | None = None,
    is_from_start: bool = False,
    allows_http: bool = False,
) -> None:
    """Add a target. `url`: an xAPI endpoint without /statements, or the webhook's address. `secret`: `env:NAME`, `file:PATH`."""
    check_name(name)
    if kind not in KINDS:
        raise InputError(f"{kind!r} is no kind of target", where="--kind", mend=f"one of {', '.join(KINDS)}")
    if kind == "lrs" and not login:
        raise InputError("another LRS needs a key", where="--key", mend="give the key that it gave you")
    _check_url(url, allows_http=allows_http)
    asked = {key: value for key, value in (filters or {}).items() if value not in (None, False)}
    read_filter(**asked)
    read_secret(secret)
    with changing(settings) as connection:
        if store.named(connection, name):
            raise InputError(f"there is a target {name} already", mend="remove it, or take another name")
        store.add(
            connection,
            name=name,
            tenant=tenant,
            kind=kind,
            url=url.rstrip("/") if kind == "lrs" else url,
            login=login,
            secret=secret,
            filters=asked,
            is_from_start=is_from_start,
        )


def check_name(name: str) -> None:
    if not _NAME(name):
        raise InputError(
            f"{name!r} is no name for a target", mend="use lower-case letters, digits and hyphens"
        )


def find(connection: Connection, name: str) -> Target:
    """The target of this name. Raises InputError naming those there are."""
    found = store.named(connection, name)
    if found is None:
        known = ", ".join(target.name for target in store.targets(connection)) or "none"
        raise InputError(f"there is no target {name}", mend=f"those there are: {known}")
    return found


@contextlib.contextmanager
def changing(settings: Settings) -> Iterator[Connection]:
    """A connection to change targets on, beside a serving LRS."""
    with contextlib.closing(open_database(settings).connect()) as connection:
        yield connection


def read_secret(reference: str) -> str:
    """The secret that `env:NAME` or `file:PATH` leads to."""
    kind, _, place = reference.partition(":")
    try:
        if kind == "env" and os.environ.get(place):
            return os.environ[place]
        if kind == "file" and (text := Path(place).read_text().strip()):
            return text
    except OSError as error:
        raise SettingsError(
            "A target's secret cannot be read", where=f"{reference}: {error.strerror}"
        ) from error
    raise SettingsError(
        "A target's secret is not there",
        where=reference,
        mend="set the variable for `learnlake up` and `learnlake lrs forward run` too, or use --secret-file",
    )


def _check_url(url: str, *, allows_http: bool) -> None:
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise InputError(f"{url!r} is no address", where="--url", mend="give https://HOST/PATH")
    if parts.username or parts.password:
        raise InputError(
            "the address holds a password", where="--url", mend="give --key and a secret instead"
        )
    if parts.scheme == "http" and parts.hostname not in _LOOPBACK and not allows_http:
        raise InputError(
            "statements would travel unencrypted",
            where=f"--url {url}",
            mend="use https, or --allow-http where the network itself is closed",
        )
