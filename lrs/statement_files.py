"""Files of statements: JSON lines and CSV (plain, gzip, Zstandard) and Parquet, written in pieces and read one by one."""

from __future__ import annotations

import csv
import gzip
import io
import json
import sys
import uuid
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import BinaryIO, Protocol, cast

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq

from learnlake.errors import InputError
from lrs.lake_columns import SCHEMA, to_table
from lrs.store.moment import stored_text
from lrs.store.read import Row

STATEMENT = "statement"
"""The column of a CSV file that holds the statement itself; the others are there for people and spreadsheets."""

_TYPED = (
    "verb_id", "object_type", "object_id", "registration", "result_success", "result_completion",
    "score_scaled", "score_raw", "score_min", "score_max", "duration_seconds",
)  # fmt: skip
CSV_COLUMNS = ("id", "stored", "timestamp", "actor_mbox", "actor_home_page", "actor_name", *_TYPED, STATEMENT)
_ROW_GROUP = 100_000
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
_EMPTY: dict[str, str] = {}


class Format(Protocol):
    """How a file is written: pieces that may be appended one after the other, then made into what the name promises."""

    def encode(self, rows: Sequence[Row], *, is_first: bool) -> bytes:
        """A piece of the draft."""

    def complete(self, draft: Path, target: Path) -> None:
        """Turn the draft into the file `target` (a name beside the final one)."""


def format_of(path: Path, *, secret: bytes) -> Format:
    """The format that the file's name says. `secret` keys the hashes of identifiers in Parquet's typed columns."""
    name = path.name.lower()
    if name.endswith(".parquet"):
        return _Parquet(secret)
    stem, _, last = name.rpartition(".")
    compression = {"gz": "gzip", "zst": "zstd", "zstd": "zstd"}.get(last)
    kind = (stem if compression else name).rpartition(".")[2]
    if kind in ("jsonl", "ndjson", "json"):
        return _Text(_lines, compression)
    if kind == "csv":
        return _Text(lambda rows, is_first: _csv(rows, is_first, secret), compression)
    raise InputError(
        "the file's name does not say its format",
        where=path.name,
        mend="use .jsonl, .csv (both also .gz and .zst) or .parquet",
    )


class _Text:
    """Lines; compressed pieces are whole gzip members or Zstandard frames, which readers take as one."""

    def __init__(self, lines: object, compression: str | None) -> None:
        self._lines = lines
        self._compression = compression

    def encode(self, rows: Sequence[Row], *, is_first: bool) -> bytes:
        text: bytes = self._lines(rows, is_first)  # type: ignore[operator]
        if self._compression == "gzip":
            return gzip.compress(text, 6, mtime=0)
        if self._compression == "zstd":
            return cast(bytes, pa.Codec("zstd", 3).compress(text, asbytes=True))
        return text

    def complete(self, draft: Path, target: Path) -> None:
        draft.replace(target)


class _Parquet:
    """The draft is a row of Arrow streams, the file has the lake's typed columns and `raw`."""

    def __init__(self, secret: bytes) -> None:
        self._secret = secret

    def encode(self, rows: Sequence[Row], *, is_first: bool) -> bytes:
        sink = pa.BufferOutputStream()
        options = pa.ipc.IpcWriteOptions(compression="zstd")
        with pa.ipc.new_stream(sink, SCHEMA, options=options) as stream:
            stream.write_table(to_table(rows, secret=self._secret) if rows else SCHEMA.empty_table())
        return cast(bytes, sink.getvalue().to_pybytes())

    def complete(self, draft: Path, target: Path) -> None:
        waiting: list[pa.Table] = []
        with (
            pq.ParquetWriter(target, SCHEMA, compression="zstd") as writer,
            pa.OSFile(str(draft), "rb") as source,
        ):
            while source.tell() < source.size():
                waiting.append(pa.ipc.open_stream(source).read_all())
                if sum(table.num_rows for table in waiting) >= _ROW_GROUP:
                    writer.write_table(pa.concat_tables(waiting))
                    waiting = []
            writer.write_table(pa.concat_tables([SCHEMA.empty_table(), *waiting]))


def _lines(rows: Sequence[Row], is_first: bool) -> bytes:
    """One statement a line. A line feed inside a statement's JSON can only be white space between its tokens."""
    return b"".join(row.raw.replace(b"\r", b" ").replace(b"\n", b" ") + b"\n" for row in rows)


def _csv(rows: Sequence[Row], is_first: bool, secret: bytes) -> bytes:
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    if is_first:
        writer.writerow(CSV_COLUMNS)
    typed = to_table(rows, secret=secret).select(_TYPED).to_pylist() if rows else []
    for row, values in zip(rows, typed, strict=True):
        statement = msgspec.json.decode(row.raw)
        actor = statement["actor"]
        account = actor.get("account", _EMPTY)
        cells = [
            str(uuid.UUID(bytes=row.id)),
            stored_text(row.stored).decode(),
            statement["timestamp"],
            actor.get("mbox"),
            account.get("homePage"),
            account.get("name"),
            *values.values(),
        ]
        writer.writerow([*map(_cell, cells), row.raw.decode()])
    return text.getvalue().encode()


def _cell(value: object) -> object:
    """A spreadsheet must not take somebody's name for a formula; the statement itself is in its own column."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULA) else value


def numbered_statements(path: Path) -> Iterator[tuple[int, bytes]]:
    """(number of the line, or of the row in Parquet, from 1; statement as JSON) of everything in the file.

    What is not JSON, or no statement, comes as it is: the LRS refuses it by name.
    """
    name = path.name.lower()
    stem = name.rpartition(".")[0] if name.endswith((".gz", ".zst", ".zstd")) else name
    reader = (
        _from_parquet if name.endswith(".parquet") else _from_csv if stem.endswith(".csv") else _from_lines
    )
    try:
        yield from reader(path)
    except (OSError, EOFError, UnicodeDecodeError, csv.Error, pa.ArrowException) as error:
        raise InputError(f"the file cannot be read to its end: {error}", where=str(path)) from error


def _from_lines(path: Path) -> Iterator[tuple[int, bytes]]:
    with _open(path) as file:
        for number, line in enumerate(file, start=1):
            text = (line.removeprefix(b"\xef\xbb\xbf") if number == 1 else line).strip()
            if text:
                yield number, text


def _from_parquet(path: Path) -> Iterator[tuple[int, bytes]]:
    with pq.ParquetFile(path) as file:
        column = next((name for name in ("raw", STATEMENT) if name in file.schema_arrow.names), None)
        if column is None:
            raise InputError(
                "the file has no column with statements",
                where=str(path),
                mend="it needs a column `raw` (or `statement`) that holds each statement's JSON as text",
            )
        number = 0
        for batch in file.iter_batches(columns=[column], batch_size=10_000):
            for text in batch.column(0).to_pylist():
                number += 1
                yield number, text if isinstance(text, bytes) else str(text or "").encode()


def _from_csv(path: Path) -> Iterator[tuple[int, bytes]]:
    csv.field_size_limit(sys.maxsize)
    with _open(path) as file, io.TextIOWrapper(file, encoding="utf-8-sig", newline="") as text:
        rows = csv.DictReader(text, restkey="")
        columns = set(rows.fieldnames or ())
        actor = "actor_mbox" in columns or {"actor_home_page", "actor_name"} <= columns
        if STATEMENT not in columns and not (actor and {"verb_id", "object_id"} <= columns):
            raise InputError(
                "the file has neither the column `statement` nor enough others to make statements of",
                where=f"{path}, line 1: {', '.join(rows.fieldnames or ()) or 'empty'}",
                mend="give actor_mbox (or actor_home_page and actor_name), verb_id and object_id: see docs/lrs.md",
            )
        line = rows.line_num + 1
        for row in rows:
            yield line, (row.get(STATEMENT) or "").encode() or _made(row)
            line = rows.line_num + 1


def _made(row: dict[str, str]) -> bytes:
    """A statement of a row written by hand; empty cells are left out, wrong ones are for the LRS to refuse."""
    mbox = row.get("actor_mbox")
    account = {"homePage": row.get("actor_home_page"), "name": row.get("actor_name")}
    result: dict[str, object] = {
        name: _value(row[f"result_{name}"]) for name in ("success", "completion") if row.get(f"result_{name}")
    }
    score = {
        name: _value(row[f"score_{name}"])
        for name in ("scaled", "raw", "min", "max")
        if row.get(f"score_{name}")
    }
    if score:
        result["score"] = score
    if row.get("duration_seconds"):
        result["duration"] = f"PT{row['duration_seconds']}S"
    actor: dict[str, object] = {"account": account}
    if mbox:
        actor = {"mbox": mbox if mbox.startswith("mailto:") else f"mailto:{mbox}"}
    statement: dict[str, object] = {
        "actor": actor,
        "verb": {"id": row.get("verb_id")},
        "object": {"id": row.get("object_id")},
    }
    statement |= {name: row[name] for name in ("id", "timestamp") if row.get(name)}
    if result:
        statement["result"] = result
    if row.get("registration"):
        statement["context"] = {"registration": row["registration"]}
    return json.dumps(statement, ensure_ascii=False).encode()


def _value(text: str) -> object:
    """A cell as JSON has it, where it is a number or true or false; otherwise the text."""
    try:
        value = json.loads(text.lower())
    except ValueError:
        return text
    return value if isinstance(value, (int, float, bool)) else text


def _open(path: Path) -> BinaryIO:
    name = path.name.lower()
    if name.endswith(".gz"):
        return cast(BinaryIO, gzip.open(path, "rb"))
    if name.endswith((".zst", ".zstd")):
        return cast(BinaryIO, io.BufferedReader(pa.input_stream(str(path), compression="zstd")))
    return path.open("rb")
