"""Identities at rest: names, identifiers, demographics sealed with AES-256-GCM, a column type that seals and opens by itself.

The key is from the environment, a file or a command; where none is named, a file of the home folder made at first use. What
is looked up is looked up by keyed hashes (`identifier_key`), never by the sealed text: the same text is sealed differently each time.
"""

from __future__ import annotations

import base64
import binascii
import contextlib
import dataclasses
import datetime as dt
import hashlib
import os
import shlex
import sqlite3
import subprocess
import threading
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from sqlalchemy import String, Text
from sqlalchemy.engine import Dialect
from sqlalchemy.types import TypeDecorator

from learnlake.errors import SettingsError, StoreError
from learnlake.settings import Settings

KEY_BYTES: Final = 32
NONCE_BYTES: Final = 12
PREFIX: Final = "sealed:"
RELOAD_SECONDS: Final = 1.0
"""How soon a running process takes note of another key in its key file; rotating waits longer than this."""
COMMAND_SECONDS: Final = 30
_MEND: Final = "set LEARNLAKE_IDENTITY_KEY, LEARNLAKE_IDENTITY_KEY_FILE or LEARNLAKE_IDENTITY_KEY_COMMAND as it was, or bring back secrets/identity-keys"


@dataclasses.dataclass(frozen=True, slots=True)
class Key:
    """One key. `key_id` names it in each sealed text and says nothing about it."""

    key_id: str
    cipher: AESGCM


class Keyring:
    """The keys of one home: the first one known to people.db seals, all open. Threads may share one."""

    def __init__(self, settings: Settings) -> None:
        """Nothing is read before a key is needed."""
        self._settings = settings
        self._lock = threading.Lock()
        self._keys: dict[str, Key] = {}
        self._stamp: object = None
        self._looked = -RELOAD_SECONDS
        self._known: frozenset[str] = frozenset()

    def keys(self, *, is_fresh: bool = False) -> list[Key]:
        """All keys, the newest first; looked up again about once a second, or at once if `is_fresh`."""
        now = time.monotonic()
        with self._lock:
            if is_fresh or now - self._looked >= RELOAD_SECONDS:
                stamp = _stamp(self._settings)
                if not self._keys or stamp != self._stamp:
                    self._keys = {key.key_id: key for key in map(_key, read_keys(self._settings))}
                    self._known = _known_keys(self._settings)
                self._stamp, self._looked = stamp, now
            return list(self._keys.values())

    def sealing_key(self) -> Key:
        """The newest key that people.db knows. StoreError for keys that none of its rows was sealed with."""
        keys = self.keys()
        if not self._known:  # people.db is being made
            return keys[0]
        for key in keys:
            if key.key_id in self._known:
                return key
        raise StoreError(
            "The key given is not the one that people.db is sealed with; nothing was written",
            where=f"given: {', '.join(key.key_id for key in keys)}; in use: {', '.join(sorted(self._known))}",
            mend=_MEND,
        )

    def seal(self, text: str, place: str, *, key: Key | None = None) -> str:
        """`text` sealed for the column `place`: it opens nowhere else."""
        key = key or self.sealing_key()
        nonce = os.urandom(NONCE_BYTES)
        sealed = key.cipher.encrypt(nonce, text.encode(), place.encode())
        return f"{PREFIX}{key.key_id}:{base64.b64encode(nonce + sealed).decode()}"

    def open(self, sealed: str, place: str) -> str:
        """The text in `sealed`. StoreError for a key that isn't here and for anything that was changed."""
        key_id, _, body = sealed.removeprefix(PREFIX).partition(":")
        key = self._keys.get(key_id)
        if key is None:
            self.keys(is_fresh=True)
            key = self._keys.get(key_id)
        if key is None or not sealed.startswith(PREFIX):
            raise StoreError(
                "An identity in people.db is sealed with a key that isn't given"
                if body
                else "An identity in people.db is not sealed",
                where=f"{place}: key {key_id}" if body else place,
                mend=_MEND,
            )
        try:
            raw = binascii.a2b_base64(body)
            return key.cipher.decrypt(raw[:NONCE_BYTES], raw[NONCE_BYTES:], place.encode()).decode()
        except (InvalidTag, binascii.Error, ValueError) as error:
            raise StoreError(
                "An identity in people.db has been changed from outside",
                where=place,
                mend="restore people.db from a backup",
            ) from error


class Sealed(TypeDecorator[str]):
    """Text kept sealed. Rows are compared and sorted after reading, never in SQL."""

    impl = String
    cache_ok = True

    def __init__(self, place: str) -> None:
        super().__init__()
        self.place = place

    def process_bind_param(self, value: Any, dialect: Dialect) -> str | None:
        return None if value is None else keyring_of(dialect).seal(self.text(value), self.place)

    def process_result_value(self, value: Any, dialect: Dialect) -> Any:
        return None if value is None else self.value(keyring_of(dialect).open(value, self.place))

    def text(self, value: Any) -> str:
        """A value as the text that is sealed."""
        return str(value)

    def value(self, text: str) -> Any:
        """The other way."""
        return text


class SealedText(Sealed):
    """Long text kept sealed."""

    impl = Text
    cache_ok = True


class SealedDate(Sealed):
    """A date kept sealed."""

    cache_ok = True

    def text(self, value: Any) -> str:
        return value.isoformat() if isinstance(value, dt.date) else str(value)

    def value(self, text: str) -> dt.date:
        return dt.date.fromisoformat(text)


def keyring_of(dialect: Dialect) -> Keyring:
    """The keyring that `people.db.open_people` gave this engine."""
    keyring = getattr(dialect, "learnlake_keyring", None)
    if keyring is None:
        raise StoreError("This engine was not opened by people.db.open_people")
    return keyring


def seal_all(keyring: Keyring, texts: Iterable[str | None], place: str) -> list[str | None]:
    """`texts` sealed one by one with one key."""
    key = keyring.sealing_key()
    return [None if text is None else keyring.seal(text, place, key=key) for text in texts]


def open_all(keyring: Keyring, sealed: Iterable[str | None], place: str) -> list[str | None]:
    """`sealed` opened one by one."""
    return [None if text is None else keyring.open(text, place) for text in sealed]


def key_file(settings: Settings) -> Path | None:
    """The file that holds the keys; None where they come from the environment or a command."""
    if settings.identity_key or settings.identity_key_command:
        return None
    return settings.identity_key_file or settings.home.secrets / "identity-keys"


def read_keys(settings: Settings) -> list[bytes]:
    """The keys, newest first. SettingsError for one that is none."""
    if settings.identity_key:
        return _parse(settings.identity_key, "LEARNLAKE_IDENTITY_KEY")
    if settings.identity_key_command:
        return _parse(_ask(settings.identity_key_command), "LEARNLAKE_IDENTITY_KEY_COMMAND")
    path = key_file(settings)
    assert path is not None
    if not path.exists():
        raise SettingsError("The file of identity keys is not there", where=str(path), mend=_MEND)
    return _parse(path.read_text(), str(path))


def ensure_key(settings: Settings) -> None:
    """Make the first key where people.db is new and no other place for keys is named."""
    path = key_file(settings)
    if path is not None and path != settings.identity_key_file and not path.exists():
        _make(path)


def write_keys(path: Path, keys: Sequence[bytes]) -> None:
    """Replace the key file by one with `keys`, readable by its owner only."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.writelines(f"{base64.b64encode(key).decode()}\n" for key in keys)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)


def new_key() -> bytes:
    """256 random bits."""
    return os.urandom(KEY_BYTES)


def key_id(key: bytes) -> str:
    """Eight hex characters that name a key."""
    return hashlib.sha256(b"learnlake identity key" + key).hexdigest()[:8]


def _key(raw: bytes) -> Key:
    return Key(key_id(raw), AESGCM(raw))


def _make(path: Path) -> None:
    """The first key; two processes that begin at once end with the same one."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{os.getpid()}.{threading.get_ident()}")
    write_keys(draft, [new_key()])
    with contextlib.suppress(FileExistsError):  # another process was first, and its key is the one
        os.link(draft, path)
    draft.unlink()


def _known_keys(settings: Settings) -> frozenset[str]:
    """Ids of the keys that people.db is sealed with; none before its first migration has ended."""
    with contextlib.closing(sqlite3.connect(settings.home.people_db, timeout=60)) as connection:
        if not connection.execute("select 1 from sqlite_master where name = 'sealing_key'").fetchone():
            return frozenset()
        return frozenset(row[0] for row in connection.execute("select key_id from sealing_key"))


def _stamp(settings: Settings) -> object:
    path = key_file(settings)
    if path is None:
        return "given once"
    try:
        return path.stat().st_mtime_ns, path.stat().st_ino
    except FileNotFoundError:
        return None


def _parse(text: str, where: str) -> list[bytes]:
    keys = []
    for part in text.replace(",", " ").split():
        try:
            raw = base64.b64decode(part, validate=True)
        except (binascii.Error, ValueError):
            raw = b""
        if len(raw) != KEY_BYTES:
            raise SettingsError(
                "An identity key is 32 bytes in base64",
                where=where,
                mend="`openssl rand -base64 32` makes one",
            )
        keys.append(raw)
    if not keys:
        raise SettingsError(
            "There is no identity key", where=where, mend="`openssl rand -base64 32` makes one"
        )
    return keys


def _ask(command: str) -> str:
    try:
        done = subprocess.run(
            shlex.split(command), capture_output=True, text=True, timeout=COMMAND_SECONDS, check=True
        )
    except (OSError, ValueError, subprocess.SubprocessError) as error:
        raise SettingsError(
            f"The command for the identity key has failed: {type(error).__name__}",
            where="LEARNLAKE_IDENTITY_KEY_COMMAND",
            mend="run it by hand: it must print the key in base64 and end with 0",
        ) from error
    return done.stdout
