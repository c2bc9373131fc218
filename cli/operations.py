"""What the pages order, done: rights in a worker process, credentials and counts by the LRS's own functions."""

from __future__ import annotations

import datetime as dt
import json
import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from learnlake.errors import BusyError, InputError, LearnlakeError
from learnlake.operations import Credential, Receipt, Work
from learnlake.protocols import Finding
from learnlake.settings import Settings

Step = tuple[str, int, int, str]


class HereOperations:
    """Everything on this machine and this home. One erasure at a time, as everywhere."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._work: Work | None = None

    def plan(self, settings: Settings, tenant: str, person_key: str) -> dict[str, list[Finding]]:
        answer = _order(settings, {"work": "plan", "tenant": tenant, "person_key": person_key})
        return {room: [Finding(**one) for one in found] for room, found in answer.items()}

    def start_erasure(self, settings: Settings, tenant: str, person_key: str, *, requested_by: str) -> None:
        order = {"work": "erase", "tenant": tenant, "person_key": person_key, "requested_by": requested_by}
        self._start(settings, tenant, person_key, order)

    def resume_erasure(self, settings: Settings) -> None:
        from cli.rights.journal import Journal

        journal = Journal.read(settings.home)
        if journal is None:
            raise InputError("No erasure was broken off")
        subject = journal.subject
        self._start(settings, subject.tenant, subject.person_key, {"work": "resume"})

    def erasure(self, settings: Settings) -> Work | None:
        with self._lock:
            return self._work

    def broken_off(self, settings: Settings) -> str | None:
        from cli.rights.journal import Journal

        with self._lock:
            if self._work and self._work.is_running:
                return None
        journal = Journal.read(settings.home)
        return journal.started_at if journal else None

    def receipts(self, settings: Settings, tenant: str) -> list[Receipt]:
        found = [_receipt(settings, path) for path in settings.home.receipts.glob("erasure-*.json")]
        mine = [one for place, one in found if place == tenant]
        return sorted(mine, key=lambda one: one.finished_at, reverse=True)

    def export_person(
        self, settings: Settings, tenant: str, person_key: str, *, requested_by: str, recipient: str | None
    ) -> bytes:
        with tempfile.TemporaryDirectory(prefix="learnlake-export-") as folder:
            target = Path(folder) / "person.zip"
            order = {"tenant": tenant, "person_key": person_key, "requested_by": requested_by}
            _order(settings, {**order, "work": "export", "recipient": recipient, "target": str(target)})
            return target.read_bytes()

    def credential_scopes(self) -> Sequence[str]:
        from lrs.credentials import SCOPES

        return SCOPES

    def credentials(self, settings: Settings, tenant: str) -> list[Credential]:
        from lrs import credentials

        return [
            Credential(one.key, one.name, one.scopes, one.is_revoked, one.issuer)
            for one in credentials.list_(settings)
            if one.tenant == tenant
        ]

    def create_credential(
        self, settings: Settings, tenant: str, *, name: str, scopes: Sequence[str]
    ) -> Credential:
        from lrs import credentials

        made = credentials.create(settings, name=name, tenant=tenant, scopes=scopes)
        return Credential(made.key, made.name, made.scopes, False, None, made.secret)

    def revoke_credential(self, settings: Settings, tenant: str, key: str) -> None:
        from lrs import credentials

        if key not in {one.key for one in self.credentials(settings, tenant)}:
            raise InputError("There is no such credential")
        credentials.revoke(settings, key)

    def stored_by_day(self, settings: Settings, tenant: str) -> Mapping[dt.date, int]:
        from lrs.store import counts

        return {day: count for place, day, count in counts(settings) if place == tenant}

    def _start(self, settings: Settings, tenant: str, person_key: str, order: dict[str, Any]) -> None:
        with self._lock:
            if self._work and self._work.is_running:
                raise BusyError("Another erasure is at work", mend="wait until it has ended")
            self._work = Work(tenant, person_key, (), True)
        threading.Thread(target=self._erase, args=(settings, tenant, person_key, order), daemon=True).start()

    def _erase(self, settings: Settings, tenant: str, person_key: str, order: dict[str, Any]) -> None:
        steps: dict[str, Step] = {}

        def note(step: Step) -> None:
            steps[step[0]] = step
            with self._lock:
                self._work = Work(tenant, person_key, tuple(steps.values()), True)

        receipt, problem = None, None
        try:
            receipt = _order(settings, order, progress=note).removeprefix("erasure-").removesuffix(".json")
        except LearnlakeError as error:
            problem = error
        with self._lock:
            self._work = Work(tenant, person_key, tuple(steps.values()), False, receipt, problem)


def _order(
    settings: Settings, order: dict[str, Any], *, progress: Callable[[Step], None] | None = None
) -> Any:
    """The worker's answer. Its refusals come as InputError; a worker that dies as LearnlakeError."""
    command = (sys.executable, "-P", "-m", "cli.rights.worker")
    environment = {**os.environ, "LEARNLAKE_HOME": str(settings.home.path)}
    with subprocess.Popen(
        command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as worker:
        assert worker.stdin and worker.stdout
        worker.stdin.write(json.dumps(order))
        worker.stdin.close()
        for line in worker.stdout:
            said = json.loads(line)
            if "step" in said and progress:
                progress(tuple(said["step"]))
            if "error" in said:
                told = said["error"]
                raise InputError(told["what"], where=told["where"], mend=told["mend"])
            if "answer" in said:
                return said["answer"]
    raise LearnlakeError(
        "The work was broken off",
        mend="see logs/ in the home folder; an erasure goes on where it was when you finish it",
    )


def _receipt(settings: Settings, path: Path) -> tuple[str, Receipt]:
    """(tenant, the receipt) of one file of the home."""
    from cli.rights import receipt

    content = path.read_bytes()
    contents = json.loads(content)["receipt"]
    try:
        receipt.verify(settings.home, path)
        is_genuine = True
    except InputError:
        is_genuine = False
    told = (contents["erasure_id"], contents["finished_at"], contents["requested_by"])
    return contents["tenant"], Receipt(*told, bool(contents["is_complete"]), is_genuine, content)
