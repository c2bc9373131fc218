"""Decoders of every format that is kept: from a file to the texts in it, with whose they are where the format says so.

A decoder yields `Texts`; what is looked for in them is `cli.rights.needles`' business, which files there are `cli.rights.scan`'s.
"""

from __future__ import annotations

import bz2
import contextlib
import dataclasses
import gzip
import io
import lzma
import zipfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO, Final

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from warehouse.tables import literal, quoted

CHUNK_BYTES: Final = 1 << 16
_OVERLAP: Final = 1 << 10
_BLOCK_BYTES: Final = 1 << 24
_BATCH_ROWS: Final = 65_536
DEEPEST: Final = 4
"""Archives in archives are opened this deep."""


@dataclasses.dataclass(frozen=True, slots=True)
class Texts:
    """Texts (strings, or bytes of any encoding) from one place in a file; `tenants` says whose each is, None where the format doesn't tell."""

    place: str
    texts: pa.Array
    tenants: pa.Array | None = None

    def text(self, row: int) -> str:
        """One of them, bytes read as UTF-8 where they are that, as Latin-1 elsewhere."""
        value = self.texts[row].as_py() or ""
        return value if isinstance(value, str) else as_text(value)

    def tenant(self, row: int) -> str | None:
        return None if self.tenants is None else self.tenants[row].as_py()


def as_text(content: bytes) -> str:
    """UTF-8 where it is that, Latin-1 elsewhere."""
    try:
        return content.decode()
    except UnicodeDecodeError:
        return content.decode("latin-1")


def kind_of(head: bytes) -> str:
    """The format that a file begins like."""
    if head.startswith(b"SQLite format 3\0"):
        return "sqlite"
    if head.startswith(b"PAR1"):
        return "parquet"
    if head[8:12] == b"DUCK":
        return "duckdb"
    return packed_kind(head) or "bytes"


def packed_kind(head: bytes) -> str | None:
    """The compression that bytes begin like."""
    if head.startswith(b"\x1f\x8b"):
        return "gzip"
    if head.startswith(b"\x28\xb5\x2f\xfd"):
        return "zstd"
    if head.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        return "zip"
    if head.startswith(b"BZh"):
        return "bzip2"
    if head.startswith(b"\xfd7zXZ\0"):
        return "xz"
    if len(head) > 2 and head[0] == 0x78 and head[1] in (0x01, 0x5E, 0x9C, 0xDA):
        return "zlib"
    return None


def plain(file: BinaryIO, place: str) -> Iterator[Texts]:
    """Any bytes; pieces overlap."""
    before = b""
    while block := file.read(_BLOCK_BYTES):
        read = before + block
        before = block[-_OVERLAP:]
        pieces = [read[i : i + CHUNK_BYTES + _OVERLAP] for i in range(0, len(read), CHUNK_BYTES)]
        yield Texts(place, pa.array(pieces, pa.binary()))


def packed(data: bytes, kind: str, place: str, depth: int = 0) -> Iterator[Texts]:
    """What is inside compressed bytes, and inside that."""
    for name, content in _unpacked(data, kind):
        inner = f"{place} > {name}" if name else f"{place} > {kind}"
        yield from unpacked(content, inner, depth + 1)


def unpacked(content: bytes, place: str, depth: int) -> Iterator[Texts]:
    """Bytes out of an archive: themselves, their arrays, and what is packed in them."""
    kind = packed_kind(content[:16])
    if kind and depth < DEEPEST:
        with contextlib.suppress(zlib.error):  # two bytes that look like zlib's are no proof of it
            yield from packed(content, kind, place, depth)
    elif content.startswith(b"PAR1"):
        file = pq.ParquetFile(pa.BufferReader(content))
        yield from parquet(file, place)
        yield from parquet_footer(file, place)
    elif content.startswith(b"\x93NUMPY"):
        yield from numpy_array(content, place)
    yield from plain(io.BytesIO(content), place)


def _unpacked(data: bytes, kind: str) -> Iterator[tuple[str, bytes]]:
    if kind == "zip":
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            for member in archive.infolist():
                yield member.filename, archive.read(member)
    elif kind == "zstd":
        with pa.CompressedInputStream(pa.BufferReader(data), "zstd") as stream:
            yield "", stream.read()
    else:
        undo: dict[str, Callable[[bytes], bytes]] = {
            "gzip": gzip.decompress,
            "bzip2": bz2.decompress,
            "xz": lzma.decompress,
            "zlib": zlib.decompress,
        }
        yield "", undo[kind](data)


def numpy_array(content: bytes, place: str) -> Iterator[Texts]:
    """A .npy array of texts. Arrays of objects are pickles: their texts are found as bytes, they are never loaded."""
    with contextlib.suppress(ValueError):
        array = np.load(io.BytesIO(content), allow_pickle=False)
        if array.dtype.kind in "US":
            yield Texts(f"{place} (array)", pa.array(array.astype(str).ravel().tolist(), pa.string()))


def parquet(file: pq.ParquetFile, place: str) -> Iterator[Texts]:
    """Every column's values, dictionaries whole."""
    for batch in file.iter_batches(batch_size=_BATCH_ROWS):
        tenants = _tenants(batch)
        for name, column in zip(batch.schema.names, batch.columns, strict=True):
            if _is_text(column.type):
                yield Texts(f"{place}, column {name}", column, tenants)
                continue
            for leaf in _leaves(column):
                yield Texts(f"{place}, column {name}", leaf)


def parquet_footer(file: pq.ParquetFile, place: str) -> Iterator[Texts]:
    """The footer's key-value pairs, and each column's least and greatest value."""
    yield Texts(f"{place}, footer", pa.array(list(_footer(file)), pa.string()))


def _is_text(kind: pa.DataType) -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind))


def _is_bytes(kind: pa.DataType) -> bool:
    return bool(pa.types.is_binary(kind) or pa.types.is_large_binary(kind) or pa.types.is_binary_view(kind))


def _tenants(batch: pa.RecordBatch) -> pa.Array | None:
    if "tenant" not in batch.schema.names:
        return None
    return batch.column("tenant").cast(pa.string())


def _leaves(column: pa.Array) -> Iterator[pa.Array]:
    """The text arrays in a nested column."""
    kind = column.type
    if pa.types.is_dictionary(kind):
        yield from _leaves(column.dictionary)
    elif pa.types.is_map(kind):
        yield from _leaves(column.keys)
        yield from _leaves(column.items)
    elif pa.types.is_struct(kind) or pa.types.is_list(kind) or pa.types.is_large_list(kind):
        flat = column.flatten()
        for part in flat if isinstance(flat, list) else [flat]:
            yield from _leaves(part)
    elif _is_text(kind) or _is_bytes(kind):
        yield column


def _footer(file: pq.ParquetFile) -> Iterator[str]:
    facts = file.metadata
    for key, value in (facts.metadata or {}).items():
        yield f"{key.decode('latin-1')} {value.decode('latin-1')}"
    for group in range(facts.num_row_groups):
        for number in range(facts.num_columns):
            statistics = facts.row_group(group).column(number).statistics
            if statistics is not None and statistics.has_min_max:
                yield f"{statistics.min}\n{statistics.max}"


def duckdb_tables(path: Path) -> Iterator[Texts]:
    """Every row of every table of a DuckDB file, by column."""
    with duckdb.connect(":memory:", config={"threads": 1, "memory_limit": "1GB"}) as connection:
        connection.execute("set enable_progress_bar = false")
        connection.execute(f"attach {literal(str(path))} as scanned (read_only)")
        tables = connection.execute(
            "select schema_name, table_name, list(column_name order by column_index), list(data_type order by column_index)"
            " from duckdb_columns() where database_name = 'scanned' and not internal group by all"
        ).fetchall()
        views = {
            (schema, name)
            for schema, name in connection.execute(
                "select schema_name, view_name from duckdb_views() where database_name = 'scanned'"
            ).fetchall()
        }
        for schema, table, columns, kinds in tables:
            worded = [c for c, kind in zip(columns, kinds, strict=True) if _is_worded(kind)]
            if (schema, table) in views or not worded:
                continue
            tenant = "tenant" if "tenant" in columns else "null"
            values = ", ".join(f"{quoted(column)}::varchar" for column in worded)
            relation = connection.sql(
                f"select {tenant}::varchar, {values} from scanned.{quoted(schema)}.{quoted(table)}"
            )
            for batch in relation.to_arrow_reader(_BATCH_ROWS):
                for number, column in enumerate(worded, start=1):
                    place = f"table {schema}.{table}, column {column}"
                    yield Texts(place, batch.column(number), batch.column(0))


def _is_worded(kind: str) -> bool:
    return any(part in kind for part in ("VARCHAR", "BLOB", "JSON", "UUID", "VARIANT", "ENUM"))
