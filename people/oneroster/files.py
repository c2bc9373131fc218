"""Opening a OneRoster folder or zip: the manifest, and each CSV file as a frame of text. Nothing is judged beyond its form.

A frame has the file's columns, all text with blanks as null, and `_line`, the row's line in the file.
"""

from __future__ import annotations

import csv
import dataclasses
import io
import zipfile
from pathlib import Path

import polars as pl

from learnlake.errors import InputError, RosterError
from people.oneroster.binding import FILES, MODES, ROSTER_FILES, VERSIONS
from people.oneroster.lenient import mend_dates, mend_file_names, mend_header

MAX_FILE_BYTES = 4 * 1024**3
"""Unpacked size above which a file of a zip is refused: no district's enrolments come near it."""


@dataclasses.dataclass(slots=True)
class Package:
    """A roster as received. `modes` says bulk or delta for each file that is here; `problems` and `warnings` are the reader's."""

    version: str
    modes: dict[str, str]
    frames: dict[str, pl.DataFrame]
    problems: list[str]
    warnings: list[str]

    @property
    def unkept(self) -> list[str]:
        """Files that are here to be checked only."""
        return [name for name in self.modes if name not in ROSTER_FILES]


def read_package(path: Path, *, lenient: bool = False) -> Package:
    """Read the folder or zip at `path`; `lenient` mends what `people.oneroster.lenient` can, with a warning each.

    Raises InputError without a roster there, RosterError without a usable manifest.
    """
    contents = _contents(path)
    if "manifest.csv" not in contents:
        raise RosterError(
            "There is no OneRoster manifest",
            [f"{path}: manifest.csv is missing"],
            mend="name the folder or zip that holds manifest.csv, orgs.csv, users.csv, ...",
        )
    problems: list[str] = []
    version, modes = _read_manifest(contents["manifest.csv"], problems)
    if version not in VERSIONS:
        raise RosterError("The manifest cannot be used", problems, mend="correct manifest.csv")
    warnings: list[str] = []
    if lenient:
        contents = mend_file_names(contents, set(FILES[version]), warnings)
    problems += _unexpected(contents, version, modes)
    present = {name: modes[name] for name in FILES[version] if modes.get(name) in ("bulk", "delta")}
    frames = {}
    for name in present:
        if f"{name}.csv" in contents:
            frame = _read_table(f"{name}.csv", contents.pop(f"{name}.csv"), problems, lenient=lenient)
            if frame is not None and lenient:
                file = FILES[version][name]
                frame = mend_dates(file, mend_header(file, frame, warnings), warnings)
            if frame is not None:
                frames[name] = frame
    return Package(version, present, frames, problems, warnings)


def _contents(path: Path) -> dict[str, bytes]:
    """Base name -> bytes of every CSV file in a folder, or in a zip at the top or in its only folder."""
    if path.is_dir():
        return {
            file.name: file.read_bytes() for file in sorted(path.iterdir()) if file.suffix.lower() == ".csv"
        }
    if not path.is_file() or not zipfile.is_zipfile(path):
        raise InputError(
            "This is neither a folder nor a zip file", where=str(path), mend="name a OneRoster folder or zip"
        )
    try:
        with zipfile.ZipFile(path) as archive:
            members = [
                member
                for member in archive.infolist()
                if member.filename.lower().endswith(".csv") and "__MACOSX" not in member.filename
            ]
            for member in members:
                if member.file_size > MAX_FILE_BYTES:
                    raise InputError(
                        f"{member.filename} is larger than {MAX_FILE_BYTES} bytes", where=str(path)
                    )
            names = [Path(member.filename).name for member in members]
            doubles = sorted({name for name in names if names.count(name) > 1})
            if doubles:
                raise RosterError("The zip holds files twice", [f"{path}: {name}" for name in doubles])
            return {name: archive.read(member) for name, member in zip(names, members, strict=True)}
    except (zipfile.BadZipFile, RuntimeError) as error:
        raise InputError(f"The zip file cannot be read: {error}", where=str(path)) from error


def _read_manifest(data: bytes, problems: list[str]) -> tuple[str, dict[str, str]]:
    """(OneRoster version, mode of each file named)."""
    frame = _read_table("manifest.csv", data, problems)
    if frame is None or not {"propertyName", "value"} <= set(frame.columns):
        problems.append("manifest.csv, line 1: the columns must be propertyName and value")
        return "", {}
    version, modes = "", {}
    for line, name, value in frame.select("_line", "propertyName", "value").iter_rows():
        if name == "oneroster.version":
            version = value or ""
            if version not in VERSIONS:
                problems.append(
                    f"manifest.csv, line {line}, oneroster.version: {value!r} is not one of {', '.join(VERSIONS)}"
                )
        elif name and name.startswith("file."):
            modes[name.removeprefix("file.")] = value or "absent"
            if value and value not in MODES:
                problems.append(
                    f"manifest.csv, line {line}, {name}: {value!r} is not one of {', '.join(MODES)}"
                )
    if not version:
        problems.append("manifest.csv: oneroster.version is missing")
    return version, modes


def _unexpected(contents: dict[str, bytes], version: str, modes: dict[str, str]) -> list[str]:
    """Files that the manifest and the folder don't agree on."""
    known = set(FILES[version])
    problems = [
        f"manifest.csv, file.{name}: OneRoster {version} has no such file"
        for name in modes
        if name not in known
    ]
    for name in sorted(known):
        is_here, mode = f"{name}.csv" in contents, modes.get(name, "absent")
        if is_here and mode == "absent":
            problems.append(f"{name}.csv: is here, but manifest.csv says that it is absent")
        if not is_here and mode in ("bulk", "delta"):
            problems.append(f"{name}.csv: is missing, but manifest.csv says that it is here ({mode})")
    by_lower_case = {name.lower(): name for name in known}
    for file in contents:
        name = file.removesuffix(".csv")
        if name not in known and name != "manifest":
            meant = by_lower_case.get(name.lower())
            hint = f"; did you mean {meant}.csv?" if meant else ""
            problems.append(f"{file}: OneRoster {version} has no such file{hint}")
    return problems


def _read_table(file: str, data: bytes, problems: list[str], *, lenient: bool = False) -> pl.DataFrame | None:
    """One CSV file, or None with problems noted: every row must have as many fields as the header.

    `lenient` lets pass columns at the end that have neither a name nor values.
    """
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        problems.append(f"{file}, line {line}: is not UTF-8 text")
        return None
    text = text.rstrip("\r\n")
    header, lines, is_ragged = _outline(file, text, problems, lenient=lenient)
    if header is None:
        return None
    if not lines:
        return pl.DataFrame(schema={**dict.fromkeys(header, pl.String), "_line": pl.UInt32})
    frame = _from_rows(text, header) if is_ragged else _from_polars(text)
    frame = frame.with_columns(pl.col(pl.String).str.strip_chars())
    frame = frame.with_columns(pl.when(pl.col(pl.String) != "").then(pl.col(pl.String)).name.keep())
    return frame.with_columns(pl.Series("_line", lines, dtype=pl.UInt32))


def _outline(
    file: str, text: str, problems: list[str], *, lenient: bool
) -> tuple[list[str] | None, list[int], bool]:
    """(header, line of each row, whether some row's width differs from the header's)."""
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    lines: list[int] = []
    is_ragged = False
    before = 0
    try:
        named = [name.strip() for name in next(reader, [])]
        header = _trimmed(named, lenient)
        if problem := _header_problem(header):
            problems.append(f"{file}, line 1: {problem}")
            return None, [], False
        width, before = len(header), reader.line_num
        is_ragged = len(named) != width
        for row in reader:
            lines.append(before + 1)
            if len(row) != width:
                is_ragged = True
            if len(_trimmed(row, lenient, width)) != width:
                problems.append(f"{file}, line {before + 1}: has {len(row)} fields, the header has {width}")
            before = reader.line_num
    except csv.Error as error:
        problems.append(f"{file}, line {before + 1}: cannot be read as CSV ({error})")
        return None, [], False
    return header, lines, is_ragged


def _trimmed(row: list[str], lenient: bool, width: int = 0) -> list[str]:
    """`row`, when `lenient` without empty fields beyond `width` at its end."""
    while lenient and len(row) > width and not row[-1].strip():
        row = row[:-1]
    return row


def _header_problem(header: list[str]) -> str | None:
    if not any(header):
        return "the header row is missing"
    if "" in header:
        return f"column {header.index('') + 1} has no name"
    doubles = sorted({name for name in header if header.count(name) > 1})
    return f"the column {doubles[0]} is there twice" if doubles else None


def _from_polars(text: str) -> pl.DataFrame:
    frame = pl.read_csv(text.encode(), infer_schema=False)
    return frame.rename({name: name.strip() for name in frame.columns})


def _from_rows(text: str, header: list[str]) -> pl.DataFrame:
    """Rows of uneven width, filled up or cut to the header's: the rest of such a file is still judged."""
    width = len(header)
    rows = list(csv.reader(io.StringIO(text, newline="")))[1:]
    even = [(row + [""] * width)[:width] for row in rows]
    return pl.DataFrame(even, schema=dict.fromkeys(header, pl.String), orient="row")
