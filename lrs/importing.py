"""Files of statements in: over HTTP, as from any other source, and after a break from where it was."""

from __future__ import annotations

import array
import contextlib
import dataclasses
import hashlib
import json
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec

from learnlake.errors import InputError
from learnlake.home import Home
from learnlake.sender import Refusal, Sender, SendReport
from lrs.statement_files import numbered_statements

_NAMESPACE = uuid.uuid5(uuid.NAMESPACE_URL, "https://w3id.org/learnlake/xapi")


class _OnlyId(msgspec.Struct):
    id: object = None


_decode_id = msgspec.json.Decoder(_OnlyId).decode


@dataclasses.dataclass(slots=True)
class ImportReport:
    """What became of a file's statements: `lines` = `skipped` + `sent`; `skipped` were settled by an earlier, broken-off run."""

    lines: int = 0
    skipped: int = 0
    sent: int = 0
    stored: int = 0
    duplicates: int = 0
    refused: int = 0


def import_file(
    home: Home,
    sender: Sender,
    path: Path,
    *,
    rejects: Path,
    progress: Callable[[ImportReport], None] | None = None,
) -> ImportReport:
    """Send every statement of `path`. A run that was broken off goes on where it was; refused lines go to `rejects`.

    A statement without an id gets one made of its line, so that a second import stores nothing twice.
    """
    if not path.is_file():
        raise InputError("there is no such file", where=str(path))
    state = _State(home, sender.url, path)
    report = ImportReport(lines=state.settled, skipped=state.settled)
    numbers = array.array("q")

    def statements() -> Iterator[bytes]:
        for number, line in numbered_statements(path):
            if number > state.settled_line:
                numbers.append(number)
                yield _with_id(number, line)

    written = 0

    def settle(so_far: SendReport) -> None:
        nonlocal written
        report.sent, report.stored, report.duplicates = so_far.sent, so_far.stored, so_far.duplicates
        report.refused, report.lines = len(so_far.refused), report.skipped + so_far.sent
        _write_rejects(rejects, so_far.refused[written:], numbers)
        written = len(so_far.refused)
        state.save(settled=report.lines, settled_line=numbers[so_far.sent - 1])
        if progress:
            progress(report)

    sender.send(statements(), progress=settle)
    state.forget()
    return report


class _State:
    """How far an import of this very file to this very LRS has come; a small file in the home's run folder."""

    def __init__(self, home: Home, url: str, path: Path) -> None:
        status = path.stat()
        name = f"{url}\n{path.resolve()}\n{status.st_size}\n{status.st_mtime_ns}"
        self._file = home.run / "imports" / f"{hashlib.sha256(name.encode()).hexdigest()[:32]}.json"
        self.settled = self.settled_line = 0
        with contextlib.suppress(FileNotFoundError):
            saved = json.loads(self._file.read_text())
            self.settled, self.settled_line = saved["settled"], saved["settled_line"]

    def save(self, *, settled: int, settled_line: int) -> None:
        self._file.parent.mkdir(parents=True, exist_ok=True)
        draft = self._file.with_suffix(".draft")
        draft.write_text(json.dumps({"settled": settled, "settled_line": settled_line}))
        draft.replace(self._file)

    def forget(self) -> None:
        self._file.unlink(missing_ok=True)


def _with_id(number: int, line: bytes) -> bytes:
    """The statement with an id. What is no JSON object goes as it is and is refused by name."""
    try:
        if _decode_id(line).id is not None:
            return line
        fields = msgspec.json.decode(line, type=dict[str, msgspec.Raw])
    except msgspec.DecodeError:
        return line
    made = uuid.uuid5(_NAMESPACE, f"{number}|{hashlib.sha256(line).hexdigest()}")
    return msgspec.json.encode({**fields, "id": str(made)})


def _write_rejects(path: Path, refused: list[Refusal], numbers: array.array[int]) -> None:
    if not refused:
        return
    with path.open("a", encoding="utf-8") as file:
        for refusal in refused:
            entry = {
                "line": numbers[refusal.position],
                "id": refusal.statement_id,
                "status": refusal.status,
                "reason": refusal.reason,
                "statement": refusal.statement.decode("utf-8", "replace"),
            }
            file.write(json.dumps(entry, ensure_ascii=False) + "\n")
