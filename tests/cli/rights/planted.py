"""Copies of a text planted into a folder, one in each format that Learnlake or a tool beside it may keep."""

from __future__ import annotations

import base64
import bz2
import contextlib
import gzip
import html
import io
import json
import lzma
import pickle
import sqlite3
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote

import duckdb
import numpy as np
import polars as pl
import pyarrow as pa

FILLER = [f"row {number} of nobody in particular" for number in range(3000)]


def _log(path: Path, text: str) -> None:
    path.write_text(f"10:00:01 INFO lrs: stored for {text}, thanks\n")


def _escaped_json(path: Path, text: str) -> None:
    path.write_text('{"a": "' + "".join(f"\\u{ord(c):04X}" for c in text) + '"}')


def _url(path: Path, text: str) -> None:
    path.write_text(f"GET /xapi/statements?agent={quote(text, safe='')} 200\n")


def _page(path: Path, text: str) -> None:
    path.write_text(f"<p>{html.escape(text)}</p>")


def _upper(path: Path, text: str) -> None:
    path.write_text(f"<{text.upper()}>")


def _base64(path: Path, text: str) -> None:
    path.write_bytes(base64.b64encode(b"ab" + text.encode() + b"xyz"))


def _gzip(path: Path, text: str) -> None:
    path.write_bytes(gzip.compress(f"one {text}".encode()))


def _zstd(path: Path, text: str) -> None:
    with pa.CompressedOutputStream(pa.OSFile(str(path), "wb"), "zstd") as file:
        file.write(f"one {text}".encode())


def _bzip2(path: Path, text: str) -> None:
    path.write_bytes(bz2.compress(f"one {text}".encode()))


def _xz(path: Path, text: str) -> None:
    path.write_bytes(lzma.compress(f"one {text}".encode()))


def _zip_in_zip(path: Path, text: str) -> None:
    inner = io.BytesIO()
    with zipfile.ZipFile(inner, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a/b.csv", f"id\n{text}\n")
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("inner.zip", inner.getvalue())


def _npz(path: Path, text: str) -> None:
    np.savez_compressed(path, people=np.array(["x", text]))


def _pickle(path: Path, text: str) -> None:
    path.write_bytes(pickle.dumps({"held_out": [text]}))


def _pickle_packed(path: Path, text: str) -> None:
    path.write_bytes(zlib.compress(pickle.dumps({"held_out": [text]})))


def _parquet(path: Path, text: str) -> None:
    pl.DataFrame({"a": [*FILLER, text]}).write_parquet(path, compression="zstd")


def _parquet_nested(path: Path, text: str) -> None:
    pl.DataFrame({"a": [[{"b": "x", "c": [text]}]]}).write_parquet(path, compression="zstd")


def _parquet_footer(path: Path, text: str) -> None:
    pl.DataFrame({"a": [1]}).write_parquet(path, metadata={"note": text})


def _duckdb(path: Path, text: str) -> None:
    with duckdb.connect(str(path)) as connection:
        connection.execute("create table t (a varchar)")
        connection.executemany("insert into t values (?)", [[one] for one in [*FILLER[:50], text]])


def _sqlite(path: Path, text: str) -> None:
    with contextlib.closing(_opened(path)) as connection:
        connection.execute("create table t (a text)")
        connection.execute("insert into t values (?)", [json.dumps({"x": text})])


def _sqlite_free_list(path: Path, text: str) -> None:
    """Deleted, and the pages given to the free list."""
    with contextlib.closing(_opened(path)) as connection:
        connection.execute("create table t (a text)")
        connection.execute("begin")
        connection.executemany("insert into t values (?)", [[f"{text} {one}"] for one in FILLER])
        connection.execute("commit")
        connection.execute("delete from t")


def _sqlite_gap(path: Path, text: str) -> None:
    """Deleted between rows that stay: the bytes stay in the page."""
    with contextlib.closing(_opened(path)) as connection:
        connection.execute("create table t (a text)")
        connection.executemany(
            "insert into t values (?)", [[one] for one in (*FILLER[:5], text, *FILLER[5:10])]
        )
        connection.execute("delete from t where a = ?", [text])


def _sqlite_log(path: Path, text: str) -> None:
    """Replaced, and the page as it was stays in the write-ahead log: as after a crash, nothing brings it in."""
    source = path.with_name("source.db")
    connection = _opened(source)
    connection.execute("pragma journal_mode=wal")
    connection.execute("pragma wal_autocheckpoint=0")
    connection.execute("create table t (a text)")
    connection.execute("insert into t values (?)", [text])
    connection.execute("pragma secure_delete=on")
    connection.execute("delete from t")
    for ending in ("", "-wal"):
        path.with_name(f"{path.name}{ending}").write_bytes(
            source.with_name(f"{source.name}{ending}").read_bytes()
        )
    connection.close()
    for file in path.parent.glob("source.db*"):
        file.unlink()


def _sqlite_packed(path: Path, text: str) -> None:
    with contextlib.closing(_opened(path)) as connection:
        connection.execute("create table t (a blob)")
        connection.execute("insert into t values (?)", [gzip.compress(text.encode())])


def _opened(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("pragma secure_delete=off")
    return connection


PLANTS: dict[str, Callable[[Path, str], None]] = {
    "plain.log": _log,
    "escaped.json": _escaped_json,
    "access.log": _url,
    "page.html": _page,
    "upper.txt": _upper,
    "base64.bin": _base64,
    "lines.jsonl.gz": _gzip,
    "lines.jsonl.zst": _zstd,
    "lines.bz2": _bzip2,
    "lines.xz": _xz,
    "nested.zip": _zip_in_zip,
    "arrays.npz": _npz,
    "model.pkl": _pickle,
    "model.joblib": _pickle_packed,
    "rows.parquet": _parquet,
    "nested.parquet": _parquet_nested,
    "footer.parquet": _parquet_footer,
    "rows.duckdb": _duckdb,
    "rows.db": _sqlite,
    "free-list.db": _sqlite_free_list,
    "gap.db": _sqlite_gap,
    "log.db": _sqlite_log,
    "packed.db": _sqlite_packed,
}


def plant(folder: Path, text: str) -> set[str]:
    """One file of each kind under `folder`; their names."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, write in PLANTS.items():
        write(folder / name, text)
    return set(PLANTS)
