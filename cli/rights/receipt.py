"""The signed receipt of an erasure: what was found, removed and kept, what the scan saw. It names nobody."""

from __future__ import annotations

import dataclasses
import hashlib
import hmac
import json
import os
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from cli.rights.journal import Journal
from cli.rights.scan import ScanReport
from learnlake.clock import utc_now
from learnlake.errors import InputError
from learnlake.home import Home
from learnlake.identity import identity_secret
from learnlake.protocols import Finding, Subject

KIND = "learnlake erasure receipt"
KEY = "receipt-signing"
"""The home's secret that is the seed of its Ed25519 key, made at first use, mode 0600."""


def person_hash(home: Home, subject: Subject) -> str:
    """Under what a receipt names the person: whoever holds the home and the old key can tell that it is this one."""
    message = f"receipt\0{subject.tenant}\0{subject.person_key}".encode()
    return hmac.new(identity_secret(home), message, hashlib.sha256).hexdigest()


def compose(
    home: Home, journal: Journal, after: dict[str, list[Finding]], scanned: ScanReport
) -> dict[str, Any]:
    """The receipt's contents. `is_complete` says that nothing is left but what is kept on purpose."""
    left = {(room, one.what): one.count for room, found in after.items() for one in found}
    rooms = [
        {
            "room": room,
            "what": one.what,
            "found": one.count,
            "left": one.count if one.fate == "kept" else left.get((room, one.what), 0),
            "fate": one.fate,
            **({"why": one.why} if one.why else {}),
        }
        for room, found in journal.before.items()
        for one in found
    ]
    is_gone = all(one.fate == "kept" or not one.count for found in after.values() for one in found)
    return {
        "kind": KIND,
        "version": 1,
        "erasure_id": journal.erasure_id,
        "tenant": journal.subject.tenant,
        "person": person_hash(home, journal.subject),
        "requested_by": journal.requested_by,
        "started_at": journal.started_at,
        "finished_at": utc_now().isoformat(timespec="seconds"),
        "is_complete": is_gone and scanned.is_clean,
        "rooms": rooms,
        "scan": _shown(scanned),
    }


def _shown(scanned: ScanReport) -> dict[str, Any]:
    hits = [dataclasses.asdict(hit) for hit in scanned.hits]
    for hit in hits:
        if hit["place"] == "the file's name":
            hit["path"] = str(Path(hit["path"]).parent / "(withheld)")
    return {**dataclasses.asdict(scanned), "hits": hits, "seconds": round(scanned.seconds, 2)}


def sign(home: Home, contents: dict[str, Any]) -> Path:
    """Write the signed receipt into the home's receipts and answer its path."""
    key = Ed25519PrivateKey.from_private_bytes(home.secret(KEY))
    signed = {
        "receipt": contents,
        "public_key": key.public_key().public_bytes_raw().hex(),
        "signature": key.sign(_canonical(contents)).hex(),
    }
    home.receipts.mkdir(parents=True, exist_ok=True)
    target = home.receipts / f"erasure-{contents['erasure_id']}.json"
    draft = target.with_name(f".{target.name}")
    with draft.open("w") as file:
        json.dump(signed, file, indent=1)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(target)
    return target


def verify(home: Home, path: Path, *, public_key: str | None = None) -> dict[str, Any]:
    """The contents of a receipt that this installation (or the holder of `public_key`) has signed. InputError otherwise."""
    try:
        signed = json.loads(path.read_text())
        contents, made_by = signed["receipt"], bytes.fromhex(signed["public_key"])
        signature = bytes.fromhex(signed["signature"])
        if contents["kind"] != KIND:
            raise ValueError(contents["kind"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError("This is no receipt of an erasure", where=f"{path}: {error}") from error
    expected = bytes.fromhex(public_key) if public_key else _own_key(home)
    if expected != made_by:
        raise InputError(
            "The receipt was signed by another installation",
            where=f"its key: {made_by.hex()}",
            mend="give the key that you expect with --key, in hex",
        )
    try:
        Ed25519PublicKey.from_public_bytes(made_by).verify(signature, _canonical(contents))
    except (InvalidSignature, ValueError):
        raise InputError("The receipt was changed after it was signed", where=str(path)) from None
    return dict(contents)


def _own_key(home: Home) -> bytes | None:
    """This installation's public key; None where it never signed anything."""
    if not (home.secrets / KEY).exists():
        return None
    return Ed25519PrivateKey.from_private_bytes(home.secret(KEY)).public_key().public_bytes_raw()


def _canonical(contents: dict[str, Any]) -> bytes:
    return json.dumps(contents, sort_keys=True, separators=(",", ":"), ensure_ascii=True).encode()
