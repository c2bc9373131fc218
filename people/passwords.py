"""Passwords: which are good enough (NIST SP 800-63B), and how they are kept (argon2id). Who may log in is `people.accounts`'."""

from __future__ import annotations

import functools
import secrets
import unicodedata
from collections.abc import Sequence

import argon2

from learnlake.errors import InputError
from learnlake.settings import Settings

MAX_LENGTH = 256
"""Characters. NIST asks for at least 64; a limit keeps hashing's cost in bounds."""
MIN_GUESSES = 1e6
"""As many guesses as the lock-out lets through in a century. zxcvbn estimates how many a guesser needs."""
ESTIMATED_LENGTH = 72
"""Characters that zxcvbn looks at: its time grows faster than the length."""
NONE = "!"
"""In place of a hash: the account has no password here (OIDC, directory), and none is right."""

_hasher = argon2.PasswordHasher()  # argon2id, RFC 9106's low-memory profile


def check(password: str, settings: Settings, *, about: Sequence[str] = ()) -> None:
    """InputError, with what would help, for a password that is too short, too long or guessable.

    `about` are words that a guesser tries first: the log-in, names. There are no rules of composition and no expiry.
    """
    shortest = settings.password_min_length
    if len(password) < shortest:
        raise InputError(
            f"The password is shorter than {shortest} characters",
            mend="use a longer one, such as a few words",
        )
    if len(password) > MAX_LENGTH:
        raise InputError(f"The password is longer than {MAX_LENGTH} characters", mend="use a shorter one")
    from zxcvbn import zxcvbn

    found = zxcvbn(
        _normal(password)[:ESTIMATED_LENGTH], user_inputs=["learnlake", *(word for word in about if word)]
    )
    if found["guesses"] < MIN_GUESSES:
        reason = found["feedback"]["warning"].rstrip(".")
        raise InputError(
            "The password is too easy to guess" + (f": {reason[0].lower()}{reason[1:]}" if reason else ""),
            mend="use a few words that do not belong together, or one that a password manager makes",
        )


def hash_of(password: str) -> str:
    """The argon2id hash under which `password` is kept."""
    return _hasher.hash(_normal(password))


def is_right(kept: str | None, password: str) -> bool:
    """Whether `kept` is the hash of `password`; as slow where there is no account or no password."""
    nobody = (
        _hash_of_nobody()
    )  # before it is known whether it is needed: the first time costs as much as a log-in
    usable = kept if kept and kept != NONE else None
    try:
        _hasher.verify(usable or nobody, _normal(password))
    except argon2.exceptions.VerificationError:
        return False
    return usable is not None


def needs_rehash(kept: str) -> bool:
    """Whether `kept` was made with weaker parameters than today's."""
    return _hasher.check_needs_rehash(kept)


def new_password() -> str:
    """A random password of 96 bits."""
    return secrets.token_urlsafe(12)


def _normal(password: str) -> str:
    """NFKC, so that a letter typed on another keyboard is the same letter."""
    return unicodedata.normalize("NFKC", password)


@functools.cache
def _hash_of_nobody() -> str:
    return _hasher.hash(secrets.token_hex(16))
