"""How long an erasure takes, by step: one student out of many, a second school with the same identifiers, copies planted in each format.

    python -m benchmarks.erasure --statements 1000000 --students 200

Beside it, from the same run: the first full build, which an erasure does once more, and reading every file once.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import json
import multiprocessing
import os
import sqlite3
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from benchmarks._load import cpu_seconds
from cli.rights import erasure, receipt
from cli.rights.scan import scan
from learnlake.settings import Settings, get_settings
from lrs import credentials
from lrs.lake import seal_once
from lrs.statement import Version
from lrs.statement.prepare import KeyMaker, Prepared, prepare
from lrs.store.activities import Definitions
from lrs.store.append import Batch, append
from lrs.store.database import open_database
from lrs.store.store import index_secret
from people.db import open_people
from people.subject import find_subject
from pipelines import stages
from tests.cli.rights.planted import plant

T = TypeVar("T")
HOME_PAGE = "https://lms.example"
LEARNER = 7
SHARE_OF_OTHER = 20
"""The second school has one statement for so many of the first."""
_BATCH = 2000
_AUTHORITY = {"objectType": "Agent", "account": {"homePage": "https://lrs.example", "name": "benchmark"}}


def statement(number: int, students: int) -> dict[str, Any]:
    """The student of `number` answers something; the one before is named as instructor in one of a thousand."""
    name = f"learner-{number % students:05d}"
    item = number * 7919 % 300
    made: dict[str, Any] = {
        "id": str(uuid.UUID(int=number)),
        "actor": {"objectType": "Agent", "account": {"homePage": HOME_PAGE, "name": name}},
        "verb": {"id": "http://adlnet.gov/expapi/verbs/answered", "display": {"en": "answered"}},
        "object": {
            "id": f"{HOME_PAGE}/items/{item}",
            "definition": {
                "type": "http://adlnet.gov/expapi/activities/cmi.interaction",
                "name": {"en": f"Question {item}"},
            },
        },
        "result": {
            "success": number % 3 > 0,
            "duration": f"PT{number % 90}S",
            "response": f"answer {number}",
        },
        "timestamp": f"2026-{1 + number % 9:02d}-{1 + number // 9 % 28:02d}T10:00:00.000Z",
        "context": {
            "contextActivities": {
                "grouping": [
                    {
                        "id": f"{HOME_PAGE}/courses/{item % 4}",
                        "definition": {"type": "http://adlnet.gov/expapi/activities/course"},
                    }
                ]
            },
        },
    }
    if number % 1000 == 0:
        teacher = f"learner-{(number // 1000) % students:05d}"
        made["context"]["instructor"] = {"account": {"homePage": HOME_PAGE, "name": teacher}}
    return made


def load(settings: Settings, tenant: str, count: int, students: int) -> None:
    """Statements straight into the store: HTTP is measured elsewhere."""
    number = credentials.create(settings, name="benchmark", tenant=tenant).number
    database = open_database(settings)
    keys, definitions = KeyMaker(index_secret(database)), Definitions()
    authority_json = msgspec.Raw(msgspec.json.encode(_AUTHORITY))

    def prepared(position: int) -> Prepared:
        item = statement(position, students)
        return prepare(
            msgspec.json.encode(item),
            item,
            [*keys.parts(tenant, item), keys.part(tenant, "authority", _AUTHORITY)],
            version=Version.V1,
            authority_json=authority_json,
        )

    def keys_of(place: str, raw: bytes) -> list[int]:
        return keys.keys(place, msgspec.json.decode(raw), _AUTHORITY)

    with contextlib.closing(database.connect()) as connection:
        for start in range(0, count, _BATCH):
            batch = [prepared(position) for position in range(start, min(start + _BATCH, count))]
            append(connection, [Batch(tenant, number, batch)], keys_of, definitions, above=0)


def fingerprint(settings: Settings, tenant: str) -> str:
    """A hash of all the tenant's statements."""
    digest = hashlib.sha256()
    with contextlib.closing(sqlite3.connect(settings.home.lrs_db)) as connection:
        for row in connection.execute(
            "select seq, raw from statement where tenant = ? order by seq", [tenant]
        ):
            digest.update(repr(row).encode())
    return digest.hexdigest()


def timed(what: str, work: Callable[[], T]) -> T:
    start, used = time.perf_counter(), cpu()
    answer = work()
    print(line(what, time.perf_counter() - start, cpu() - used), flush=True)
    return answer


def line(what: str, seconds: float, used: float) -> str:
    return f"{what:56} {seconds:7.1f} s wall {used:7.1f} s CPU"


def cpu() -> float:
    """Processor time of this process and of those that scan for it."""
    return time.process_time() + sum(
        cpu_seconds(child.pid or 0) for child in multiprocessing.active_children()
    )


@contextlib.contextmanager
def steps() -> Iterator[Callable[[str, int, int, str], None]]:
    """A progress that prints each step's seconds as it ends."""
    begun: dict[str, tuple[float, float]] = {}

    def show(step: str, done: int, total: int, what: str) -> None:
        start, used = begun.setdefault(step, (time.perf_counter(), cpu()))
        if done == total:
            print(line(f"  {step:10} {what}", time.perf_counter() - start, cpu() - used), flush=True)

    yield show


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--statements", type=int, default=1_000_000)
    parser.add_argument("--students", type=int, default=200)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="learnlake-erasure-") as folder:
        os.environ |= {"LEARNLAKE_HOME": f"{folder}/home", "LEARNLAKE_CONFIG": f"{folder}/none.toml"}
        os.environ["LEARNLAKE_TODAY"] = "2026-11-20"
        settings = get_settings()
        settings.home.create()
        return run(settings, count=options.statements, students=options.students)


def run(settings: Settings, *, count: int, students: int) -> int:
    timed(f"load {count:,} statements", lambda: load(settings, "default", count, students))
    timed("load the second school", lambda: load(settings, "other", count // SHARE_OF_OTHER, students))
    timed("seal", lambda: seal_once(settings))
    timed("first build", lambda: stages.incremental(settings, run_id="first", started_by="benchmark"))
    size = sum(path.stat().st_size for path in settings.home.path.rglob("*") if path.is_file())
    name = f"learner-{LEARNER:05d}"
    engine = open_people(settings)
    subject = find_subject(engine, f"{HOME_PAGE}|{name}", tenant="default")
    engine.dispose()
    planted = plant(settings.home.logs, name)
    before = fingerprint(settings, "other")
    found = timed(f"scan of {size / 2**20:,.0f} MiB before", lambda: scan(settings, subject))
    in_plants = {Path(hit.path).name for hit in found.hits} & planted
    print(
        f"  hits in {len({hit.path for hit in found.hits})} files, planted copies found {len(in_plants)} of {len(planted)}"
    )
    with steps() as show:
        path = timed(
            "erasure, whole",
            lambda: erasure.erase(settings, subject, requested_by="benchmark", progress=show),
        )
    contents = receipt.verify(settings.home, path)
    counts = {row["what"]: row["found"] for row in contents["rooms"]}
    is_same = fingerprint(settings, "other") == before
    print(
        f"  {counts['statements']:,} statements removed, {counts['statements of others that name the person']:,} rewritten;"
        f" hits after {len(contents['scan']['hits'])}, unread {len(contents['scan']['unread'])};"
        f" second school {'untouched' if is_same else 'CHANGED'}"
    )
    for problem in (*contents["scan"]["unread"], *(json.dumps(hit) for hit in contents["scan"]["hits"])):
        print(f"  {problem}")
    return 0 if contents["is_complete"] and is_same and in_plants == planted else 1


if __name__ == "__main__":
    sys.exit(main())
