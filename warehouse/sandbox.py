"""An analyst's SQL in a process of its own: one school's file, read-only, no files, no network, bounded time and memory.

Which role may use it is policy's answer; what the child process does is `warehouse.sandbox_worker`.
"""

from __future__ import annotations

import dataclasses
import json
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa

from learnlake import audit
from learnlake.errors import AccessError, InputError, PipelineError
from learnlake.settings import Settings
from people import policy
from people.db import open_people
from people.sessions import Viewer
from warehouse import snapshot

ROW_LIMIT = 10_000
"""Rows of an answer; a page shows no more, and exports have a way of their own."""
_START_SECONDS = 10
"""What starting the child may cost on a loaded machine, on top of the query's own time."""


@dataclasses.dataclass(frozen=True)
class Result:
    """An answer: at most `row_limit` rows, `note` saying so where there were more, `seconds` the query took."""

    table: pa.Table
    is_truncated: bool
    note: str
    seconds: float
    build: snapshot.Build


def run_sql(settings: Settings, viewer: Viewer, query: str, *, row_limit: int = ROW_LIMIT) -> Result:
    """The answer to `query` on the newest snapshot of the viewer's tenant.

    Raises AccessError unless policy opens every mart of the file to the viewer's role without row keys, InputError for
    SQL that DuckDB refuses or that passes a limit (its message says which).
    """
    engine = open_people(settings)
    try:
        scope = policy.scope(engine, viewer)
        with snapshot.holding(settings.home) as held:
            policy.check_action(scope, "run-sql")
            _check_open(scope.role, held.build.marts)
            result = _run(settings, held, scope.tenant, query, row_limit)
    except (AccessError, InputError) as error:
        _audit(
            settings,
            viewer.tenant,
            viewer.viewer_key,
            "refused" if isinstance(error, AccessError) else "failed",
        )
        raise
    finally:
        engine.dispose()
    _audit(settings, viewer.tenant, viewer.viewer_key, "allowed")
    return result


def run_as_operator(settings: Settings, tenant: str, query: str, *, row_limit: int = ROW_LIMIT) -> Result:
    """The same for whoever holds the home folder and sits at its command line; audited under the system's user id."""
    with snapshot.holding(settings.home) as held:
        result = _run(settings, held, tenant, query, row_limit)
    _audit(settings, tenant, f"operator:{os.getuid()}", "allowed")
    return result


def _check_open(role: str, marts: Sequence[str]) -> None:
    for mart in marts:
        if policy.rule(mart).keys(role) != ():
            raise AccessError("SQL over the whole school is not open to your role.", where=mart)


def _audit(settings: Settings, tenant: str, actor_key: str, result: str) -> None:
    entry = audit.AuditEntry(tenant, actor_key, "run SQL", "snapshot", "sandbox", result)
    audit.append(settings.home.audit_db, entry)


def _run(settings: Settings, held: snapshot.Held, tenant: str, query: str, row_limit: int) -> Result:
    path = snapshot.tenant_file(held.folder, tenant)
    if not path.exists():
        raise PipelineError("Nothing has been published for this school yet.", where=f"tenant {tenant}")
    order = {
        "path": str(path),
        "query": query,
        "row_limit": row_limit,
        "memory_limit": settings.sql_memory_limit,
        "seconds": settings.sql_timeout_seconds,
    }
    started = time.monotonic()
    head, body = _talk(settings, json.dumps(order).encode())
    if "error" in head:
        raise InputError(head["error"], mend=head.get("mend"))
    table = pa.ipc.open_stream(body).read_all()
    is_truncated = table.num_rows > row_limit
    note = f"Only the first {row_limit} rows are shown; add a LIMIT or aggregate." if is_truncated else ""
    return Result(table.slice(0, row_limit), is_truncated, note, time.monotonic() - started, held.build)


def _talk(settings: Settings, order: bytes) -> tuple[dict[str, str], bytes]:
    """Start the child, hand it `order`, and answer the head (JSON line) and the body (Arrow stream) of what it says."""
    root = str(Path(__file__).resolve().parents[1])
    start = f"import sys; sys.path.insert(0, {root!r}); from warehouse.sandbox_worker import main; main()"
    child = subprocess.Popen(
        [sys.executable, "-I", "-c", start],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        cwd="/",
        env={"PATH": "", "HOME": "/nonexistent", "TZ": "UTC"},
        start_new_session=True,
    )
    try:
        answer, _ = child.communicate(order, timeout=settings.sql_timeout_seconds + _START_SECONDS)
    except subprocess.TimeoutExpired:
        child.kill()
        child.communicate()
        return _over_time(settings), b""
    head, newline, body = answer.partition(b"\n")
    if not newline:
        text = "The query was ended because it needed more memory or time than it may have."
        return {"error": text, "mend": "aggregate, filter, or read fewer columns"}, b""
    return json.loads(head), body


def _over_time(settings: Settings) -> dict[str, str]:
    text = f"The query was ended after {settings.sql_timeout_seconds} seconds."
    return {"error": text, "mend": "filter on a section or a week, or aggregate earlier"}
