"""The child process of `warehouse.sandbox`: locks itself in, runs one query, writes the answer to standard output.

It reads one JSON order from standard input and answers one JSON line and an Arrow stream. It imports nothing of ours.
"""

from __future__ import annotations

import json
import os
import resource
import sys
import threading
from typing import Any

import duckdb
import pyarrow as pa

ANSWER_MAX_BYTES = 64 * 1024 * 1024
_OVERHEAD_BYTES = 3 * 1024**3
"""Address space that Python, Arrow and DuckDB map beside the query's own memory."""


def main() -> None:
    """Run the order on standard input. The exit code says nothing; the answer does."""
    order = json.loads(sys.stdin.buffer.read())
    _lock_in(order)
    try:
        table = _answer(order)
        head: dict[str, Any] = {"rows": table.num_rows}
        if table.nbytes > ANSWER_MAX_BYTES:
            size = ANSWER_MAX_BYTES // 2**20
            head = {"error": f"The answer is larger than {size} MiB.", "mend": "select fewer columns or rows"}
    except duckdb.Error as error:
        head = {"error": str(error)}
    except MemoryError:
        head = {"error": "The query needed more memory than it may have.", "mend": "aggregate or filter"}
    out = sys.stdout.buffer
    out.write(json.dumps(head).encode() + b"\n")
    if "error" not in head:
        with pa.ipc.new_stream(out, table.schema) as stream:
            stream.write_table(table)
    out.flush()
    os._exit(0)  # the watcher thread and a half-cancelled query are not waited for


def _lock_in(order: dict[str, Any]) -> None:
    """Limits of the system, below DuckDB's own: address space, processor time, no file written, no core dump."""
    seconds = int(order["seconds"])
    memory = _bytes(order["memory_limit"]) + _OVERHEAD_BYTES
    for kind, limit in (
        (resource.RLIMIT_AS, memory),
        (resource.RLIMIT_CPU, 2 * seconds + 10),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_CORE, 0),
    ):
        resource.setrlimit(kind, (limit, limit))


def _answer(order: dict[str, Any]) -> pa.Table:
    statements = duckdb.extract_statements(order["query"])
    reads = {duckdb.StatementType.SELECT, duckdb.StatementType.EXPLAIN}
    if len(statements) != 1 or statements[0].type not in reads:
        raise duckdb.InvalidInputException(
            "Only one SELECT, DESCRIBE, SUMMARIZE, SHOW or EXPLAIN at a time is allowed."
        )
    connection = duckdb.connect(
        order["path"],
        read_only=True,
        config={
            "memory_limit": order["memory_limit"],
            "threads": 1,
            "temp_directory": "",
            "autoinstall_known_extensions": "false",
            "autoload_known_extensions": "false",
            "allow_community_extensions": "false",
        },
    )
    connection.execute("set timezone = 'UTC'")
    connection.execute("set python_enable_replacements = false")
    connection.execute("set enable_external_access = false")
    connection.execute("set lock_configuration = true")
    watcher = threading.Timer(order["seconds"], connection.interrupt)
    watcher.daemon = True
    watcher.start()
    try:
        relation = connection.sql(order["query"])
        if statements[0].type == duckdb.StatementType.SELECT:
            relation = relation.limit(int(order["row_limit"]) + 1)
        return relation.to_arrow_table()
    except duckdb.InterruptException:
        text = f"The query was ended after {order['seconds']} seconds."
        raise duckdb.InvalidInputException(
            f"{text} Filter on a section or a week, or aggregate earlier."
        ) from None
    finally:
        watcher.cancel()


def _bytes(text: str) -> int:
    """Bytes of a DuckDB size such as 1GB or 512MiB."""
    units = {
        "KB": 10**3,
        "MB": 10**6,
        "GB": 10**9,
        "TB": 10**12,
        "KIB": 2**10,
        "MIB": 2**20,
        "GIB": 2**30,
        "TIB": 2**40,
    }
    text = text.strip().upper()
    for unit, size in sorted(units.items(), key=lambda item: -len(item[0])):
        if text.endswith(unit):
            return int(float(text[: -len(unit)]) * size)
    return int(float(text.rstrip("B")))
