"""What forwarding targets have received of a person: others hold those copies, and somebody has to ask them. Nothing is sent from here."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection
from urllib.parse import urlsplit

import msgspec

from learnlake.protocols import Finding
from lrs.filters import read_filter
from lrs.store import targets as store
from lrs.store.database import Connection
from lrs.store.targets import Target

_BATCH = 500
_MEND = {
    "lrs": "xAPI knows no deletion, so its operator has to erase them in the way of that product",
    "webhook": "a webhook takes what is sent and nothing back, so whoever runs it has to erase them",
}


def forwarded(connection: Connection, tenant: str, seqs: Collection[int]) -> list[Finding]:
    """One finding for each target that took some of these statements: how many, and from when to when they were stored."""
    return [
        Finding(f"statements sent on to {target.name}", len(stored), "kept", _why(target, stored))
        for target in store.targets(connection)
        if target.tenant == tenant and (stored := _stored(connection, target, seqs))
    ]


def _stored(connection: Connection, target: Target, seqs: Collection[int]) -> list[int]:
    """`stored` (microseconds) of those that the target took: up to its watermark, within its filter, not refused."""
    not_taken = store.refused(connection, target.number)
    sent = sorted(seq for seq in seqs if target.from_seq < seq <= target.after_seq and seq not in not_taken)
    wanted = read_filter(**target.filters)
    found = []
    for start in range(0, len(sent), _BATCH):
        chunk = sent[start : start + _BATCH]
        marks = ",".join("?" * len(chunk))
        rows = connection.rows(f"select stored, raw from statement where seq in ({marks})", chunk)
        found += [
            stored
            for stored, raw in rows
            if not wanted.wanted or wanted.meets(msgspec.json.decode(bytes(raw)))
        ]
    return found


def _why(target: Target, stored: list[int]) -> str:
    first, last = (
        dt.datetime.fromtimestamp(moment / 1_000_000, dt.UTC).date() for moment in (min(stored), max(stored))
    )
    # The host only: an address's path or query may hold a token
    where = f"{urlsplit(target.url).hostname} ({target.kind})"
    return f"{where} has its own copies, stored here {first} to {last} (UTC): {_MEND[target.kind]}"
