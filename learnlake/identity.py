"""Identifiers of people as xAPI writes them, and the keyed hash under which they leave the store.

The lake and the marts join on `identifier_key`, never on a name. The hash is keyed (HMAC-SHA256) with a secret of the
home folder, so that nobody who holds a snapshot can test whether a known e-mail address is in it.
"""

from __future__ import annotations

import dataclasses
import hashlib
import hmac
from collections.abc import Mapping
from typing import Any, Literal

from learnlake.home import Home

IdentifierKind = Literal["mbox", "mbox_sha1sum", "openid", "account", "sis_id", "lti_sub"]

KEY_LENGTH = 32
"""Hex characters kept of the HMAC: 128 bits, collision-free at any school's size."""


@dataclasses.dataclass(frozen=True, slots=True)
class Identifier:
    """One identifier of one person. For `account` the value is `homePage`, a line feed, `name`."""

    kind: IdentifierKind
    value: str

    @classmethod
    def account(cls, home_page: str, name: str) -> Identifier:
        return cls("account", f"{home_page}\n{name}")

    @property
    def account_parts(self) -> tuple[str, str]:
        """(homePage, name) of an account."""
        home_page, _, name = self.value.partition("\n")
        return home_page, name


def identifier_of(actor: Mapping[str, Any]) -> Identifier | None:
    """The inverse functional identifier of an xAPI agent or identified group (xAPI 1.0.3 part 2, 2.4.2.3).

    None for an anonymous group. mbox is compared without regard to case of the scheme only; the address is kept.
    """
    account = actor.get("account")
    if account:
        return Identifier.account(account["homePage"], account["name"])
    for kind in ("mbox", "mbox_sha1sum", "openid"):
        value = actor.get(kind)
        if value:
            return Identifier(kind, value)
    return None


def identity_secret(home: Home) -> bytes:
    """The key of every `identifier_key` of this home. `lrs` and `people` must use this one, or nothing joins."""
    return home.secret("identity")


def identifier_key(secret: bytes, tenant: str, identifier: Identifier) -> str:
    """32 hex characters naming `identifier` within `tenant`; different in every home and every tenant."""
    message = f"{tenant}\0{identifier.kind}\0{identifier.value}".encode()
    return hmac.new(secret, message, hashlib.sha256).hexdigest()[:KEY_LENGTH]
