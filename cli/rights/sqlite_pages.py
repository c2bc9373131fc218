"""SQLite's file format, as far as it takes to tell live bytes of a page from what was left behind (sqlite.org/fileformat2.html)."""

from __future__ import annotations

import dataclasses
import struct
from collections.abc import Iterator

_LEAF_TABLE, _LEAF_INDEX, _INNER_TABLE, _INNER_INDEX = 0x0D, 0x0A, 0x05, 0x02
_BTREE = frozenset({_LEAF_TABLE, _LEAF_INDEX, _INNER_TABLE, _INNER_INDEX})
_INNER = frozenset({_INNER_TABLE, _INNER_INDEX})
WAL_HEADER_BYTES, WAL_FRAME_BYTES = 32, 24


@dataclasses.dataclass(frozen=True, slots=True)
class Shape:
    """What the first page says of the file."""

    page_bytes: int
    usable_bytes: int
    first_trunk: int

    @classmethod
    def read(cls, header: bytes) -> Shape:
        (page_bytes,) = struct.unpack(">H", header[16:18])
        page_bytes = 65536 if page_bytes == 1 else page_bytes
        (trunk,) = struct.unpack(">I", header[32:36])
        return cls(page_bytes, page_bytes - header[20], trunk)


@dataclasses.dataclass(frozen=True, slots=True)
class Cell:
    """Where a live cell's local bytes are in its page, and its record's part that is there."""

    start: int
    end: int
    record: bytes


def free_pages(shape: Shape, page: object) -> set[int]:
    """Numbers of the pages on the free list. `page(number)` answers a page's bytes."""
    found: set[int] = set()
    trunk = shape.first_trunk
    while trunk and trunk not in found:
        found.add(trunk)
        content: bytes = page(trunk)  # type: ignore[operator]
        following, count = struct.unpack(">II", content[:8])
        count = min(count, shape.usable_bytes // 4 - 2)
        found.update(struct.unpack(f">{count}I", content[8 : 8 + 4 * count]))
        trunk = following
    return found


def is_btree(content: bytes, number: int) -> bool:
    """Whether the page looks like a node of a tree; overflow pages begin with a page number, which is no such byte."""
    return content[100 if number == 1 else 0] in _BTREE


def cells(content: bytes, number: int, shape: Shape) -> list[Cell]:
    """The live cells of a tree's page."""
    at = 100 if number == 1 else 0
    kind = content[at]
    (count,) = struct.unpack(">H", content[at + 3 : at + 5])
    pointers = at + (12 if kind in _INNER else 8)
    if pointers + 2 * count > shape.usable_bytes:
        return []
    places = struct.unpack(f">{count}H", content[pointers : pointers + 2 * count])
    return [_cell(content, kind, place, shape.usable_bytes) for place in places if place]


def gaps(content: bytes, number: int, shape: Shape) -> Iterator[bytes]:
    """The bytes of a tree's page that belong to no live cell: freed blocks and the space between."""
    at = 100 if number == 1 else 0
    (count,) = struct.unpack(">H", content[at + 3 : at + 5])
    here = at + (12 if content[at] in _INNER else 8) + 2 * count
    for cell in sorted(cells(content, number, shape), key=lambda cell: cell.start):
        if cell.start > here:
            yield content[here : cell.start]
        here = max(here, cell.end)
    yield content[here:]


def texts(record: bytes) -> list[bytes]:
    """The text and blob columns of a record, as far as they are in its page."""
    if not record:
        return []
    size, at = _varint(record, 0)
    kinds = []
    while at < min(size, len(record)):
        kind, at = _varint(record, at)
        kinds.append(kind)
    found, at = [], size
    for kind in kinds:
        length = (0, 1, 2, 3, 4, 6, 8, 8, 0, 0, 0, 0)[kind] if kind < 12 else (kind - 12) // 2
        if kind >= 12:
            found.append(record[at : at + length])
        at += length
    return found


def _cell(content: bytes, kind: int, start: int, usable: int) -> Cell:
    at = start + (4 if kind in _INNER else 0)
    if kind == _INNER_TABLE:
        _, at = _varint(content, at)
        return Cell(start, at, b"")
    size, at = _varint(content, at)
    if kind == _LEAF_TABLE:
        _, at = _varint(content, at)
    most = usable - 35 if kind == _LEAF_TABLE else (usable - 12) * 64 // 255 - 23
    if size <= most:
        return Cell(start, max(at + size, start + 4), content[at : at + size])
    least = (usable - 12) * 32 // 255 - 23
    local = least + (size - least) % (usable - 4)
    local = local if local <= most else least
    return Cell(start, at + local + 4, content[at : at + local])


def _varint(data: bytes, at: int) -> tuple[int, int]:
    """(value, where it ends)."""
    value = 0
    for step in range(9):
        if at + step >= len(data):
            return value, len(data)
        byte = data[at + step]
        if step == 8:
            return value << 8 | byte, at + 9
        value = value << 7 | byte & 0x7F
        if byte < 0x80:
            return value, at + step + 1
    return value, at + 9


@dataclasses.dataclass(frozen=True, slots=True)
class Frame:
    """One page in a write-ahead log. `is_live`: the newest committed one of its page."""

    number: int
    offset: int
    is_live: bool


def wal_frames(wal: bytes, shape: Shape) -> list[Frame]:
    """All frames, those of earlier rounds of the log too, which lie behind the last one written."""
    if len(wal) < WAL_HEADER_BYTES:
        return []
    salt = wal[16:24]
    step = WAL_FRAME_BYTES + shape.page_bytes
    found: list[tuple[int, int, bool]] = []
    committed: dict[int, int] = {}
    pending: dict[int, int] = {}
    is_current = True
    for start in range(WAL_HEADER_BYTES, len(wal) - step + 1, step):
        number, size_after = struct.unpack(">II", wal[start : start + 8])
        is_current = is_current and wal[start + 8 : start + 16] == salt
        if is_current:
            pending[number] = start
            if size_after:
                committed |= pending
                pending = {}
        found.append((number, start, is_current))
    return [
        Frame(number, start + WAL_FRAME_BYTES, committed.get(number) == start) for number, start, _ in found
    ]
