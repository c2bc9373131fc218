"""The audit trail: every fault is found and located, processes append without forks, purging keeps it verifiable."""

from __future__ import annotations

import contextlib
import datetime as dt
import random
import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from cli.audit import app
from learnlake import audit
from learnlake.audit import AuditEntry
from learnlake.errors import StoreError
from learnlake.home import Home
from learnlake.settings import Settings
from people import trail
from tests.scale import scaled

COUNT = 12
_CONTENTS = "at, tenant, actor_key, action, resource, source, result, previous, hash"
runner = CliRunner(env={"COLUMNS": "250"})


@pytest.fixture
def home(settings: Settings) -> Home:
    """A trail of COUNT entries."""
    home = settings.home
    with audit.writing(home) as connection:
        for number in range(COUNT):
            entry = AuditEntry("t", f"p_{number % 3}", "view page", f"person:p_{number}", "test")
            head = audit.insert(home, connection, entry)
    audit.note_head(home, head)
    return settings.home


def _edit(home: Home, *statements: str) -> None:
    with contextlib.closing(sqlite3.connect(home.audit_db)) as connection, connection:
        for statement in statements:
            connection.execute(statement)


def _told(home: Home) -> list[str]:
    return [problem.what for problem in trail.verify(home).problems]


def test_a_whole_trail_verifies(home: Home) -> None:
    found = trail.verify(home)
    assert (found.count, found.problems, found.head.number) == (COUNT, (), COUNT)
    assert "12 entries, each in its place" in runner.invoke(app, ["verify"]).output


@pytest.mark.parametrize(
    "column", ["at", "tenant", "actor_key", "action", "resource", "source", "result", "hash"]
)
def test_a_changed_field_is_located(home: Home, column: str) -> None:
    _edit(home, f"update entry set {column} = {column} || '0' where number = 5")
    assert _told(home) == ["entry 5 was changed"]
    result = runner.invoke(app, ["verify"])
    assert result.exit_code == 1
    assert result.output == "fault: entry 5 was changed\n"


@pytest.mark.parametrize(
    ("damage", "told"),
    [
        (["delete from entry where number = 4"], ["entry 4 was removed"]),
        (["delete from entry where number between 1 and 3"], ["entries 1 to 3 were removed"]),
        (["delete from entry where number > 9"], ["entries 10 to 12 were removed at the end"]),
        (["delete from entry"], ["entries 1 to 12 were removed at the end"]),
        (
            ["delete from entry where number = 4", "update entry set number = number - 1 where number > 4"],
            ["entry 4 was removed", "entries 5 to 12 were moved to numbers 4 to 11"],
        ),
        (
            [
                "update entry set number = 100 where number = 3",
                "update entry set number = 3 where number = 7",
                "update entry set number = 7 where number = 100",
            ],
            ["entries 3 and 7 were swapped"],
        ),
        (
            [
                "update entry set number = 100 where number = 6",
                "update entry set number = 6 where number = 7",
                "update entry set number = 7 where number = 100",
            ],
            ["entries 6 and 7 were swapped"],
        ),
        (["update entry set number = 40 where number = 6"], ["entry 6 was moved to number 40"]),
        (
            [f"insert into entry select 13, {_CONTENTS} from entry where number = 2"],
            ["entry 13 was put in, or changed since the head was noted"],
        ),
        (
            [
                f"insert into entry select 13, {_CONTENTS} from entry where number = 2",
                "update entry set actor_key = 'p_x' where number = 13",
            ],
            ["entry 13 was put in, or changed since the head was noted"],
        ),
        (
            [
                "update entry set number = -number where number > 5",
                f"insert into entry select 6, {_CONTENTS} from entry where number = 1",
                "update entry set action = 'nothing' where number = 6",
                "update entry set number = 1 - number where number < 0",
            ],
            ["entry 6 was put in", "entries 6 to 12 were moved to numbers 7 to 13"],
        ),
    ],
)
def test_each_kind_of_tampering_is_found_and_named(home: Home, damage: list[str], told: list[str]) -> None:
    _edit(home, *damage)
    assert _told(home) == told


def test_a_trail_written_anew_is_found_without_the_key(home: Home) -> None:
    """Who can write audit.db but not read secrets/ can't make one entry that fits."""
    _edit(home, "update entry set previous = 'x', hash = 'y'")
    assert _told(home) == ["entries 1 to 12 were changed"]


def test_one_byte_anywhere_in_the_file_is_found_or_changes_nothing(home: Home) -> None:
    """A flipped byte either is told, or lies where no entry is: then all entries read as before."""
    with contextlib.closing(sqlite3.connect(home.audit_db)) as connection:
        connection.execute("pragma wal_checkpoint(truncate)")
    before, good = trail.search(home), home.audit_db.read_bytes()
    place = random.Random(4)
    told = 0
    for _ in range(scaled(150, 3000)):
        offset = place.randrange(len(good))
        flipped = bytearray(good)
        flipped[offset] ^= 1 << place.randrange(8)
        for rest in home.path.glob("audit.db-*"):
            rest.unlink()
        home.audit_db.write_bytes(flipped)
        problems = trail.verify(home).problems
        told += bool(problems)
        if not problems:
            assert trail.search(home) == before, offset
    assert told > 10


def test_a_byte_in_an_entrys_text_is_located(home: Home) -> None:
    with contextlib.closing(sqlite3.connect(home.audit_db)) as connection:
        connection.execute("pragma wal_checkpoint(truncate)")
    good = home.audit_db.read_bytes()
    home.audit_db.write_bytes(good.replace(b"person:p_6", b"person:p_7", 1))
    assert _told(home) == ["entry 7 was changed"]


def test_a_trail_that_is_gone_or_lost_its_head_is_found(home: Home) -> None:
    home.audit_head.rename(home.path / "kept")
    assert _told(home) == ["the head of the trail (audit.head) is gone: nobody knows where it ended"]
    (home.path / "kept").rename(home.audit_head)
    for file in home.path.glob("audit.db*"):
        file.unlink()
    assert _told(home) == ["audit.db is gone; it had at least 12 entries"]


def test_a_trail_put_back_to_yesterday_is_found_by_a_head_noted_elsewhere(home: Home) -> None:
    with contextlib.closing(sqlite3.connect(home.audit_db)) as connection:
        connection.execute("pragma wal_checkpoint(truncate)")
    yesterday = {path: path.read_bytes() for path in (home.audit_db, home.audit_head)}
    audit.append(home.audit_db, AuditEntry("t", "p_1", "export", "dim_person", "test"))
    noted = runner.invoke(app, ["head"]).output.strip()
    for path, content in yesterday.items():
        path.write_bytes(content)
    for rest in home.path.glob("audit.db-*"):
        rest.unlink()
    assert trail.verify(home).problems == ()
    result = runner.invoke(app, ["verify", "--head", noted])
    assert result.exit_code == 1
    assert "entry 13 was removed at the end" in result.output
    audit.append(home.audit_db, AuditEntry("t", "p_1", "another", "history", "test"))
    assert (
        "entry 13 is not the one that the head names"
        in runner.invoke(app, ["verify", "--head", noted]).output
    )


_APPENDS = """
import sys
from pathlib import Path
from learnlake.audit import AuditEntry, append
for number in range(int(sys.argv[2])):
    append(Path(sys.argv[1]), AuditEntry("t", f"p_{sys.argv[3]}", "export", f"person:p_{number}", "test"))
"""


def test_processes_append_without_forks_and_a_killed_one_leaves_a_whole_trail(settings: Settings) -> None:
    each = scaled(8, 500)
    command = [sys.executable, "-c", _APPENDS, str(settings.home.audit_db)]
    killed = subprocess.Popen([*command, "100000", "killed"])
    others = [subprocess.Popen([*command, str(each), str(number)]) for number in range(4)]
    assert [process.wait() for process in others] == [0] * 4
    killed.kill()
    killed.wait()
    found = trail.verify(settings.home)
    assert found.problems == ()
    by_actor = [len(trail.search(settings.home, actor=f"p_{number}", limit=10**6)) for number in range(4)]
    assert by_actor == [each] * 4
    audit.append(settings.home.audit_db, AuditEntry("t", "p_1", "after", "x", "test"))
    assert trail.verify(settings.home).problems == ()


def test_purging_leaves_a_sealed_stub_and_a_trail_that_verifies(home: Home) -> None:
    _age(home, 5, "2025-03-01T08:00:00.000+00:00")
    assert runner.invoke(app, ["purge", "--before", "2025-03-01"]).output.startswith("0 entries")
    assert runner.invoke(app, ["purge", "--before", "2025-03-02"]).output.startswith("5 entries")
    found = trail.verify(home)
    assert (found.problems, found.count, found.purged) == ((), COUNT - 5 + 1, 5)
    assert trail.search(home)[0].action == "purge-audit"
    assert trail.search(home)[0].resource == "entries:1-5"
    assert b"person:p_2" not in home.audit_db.read_bytes()
    _edit(home, "update purged set up_to = 6", "delete from entry where number = 6")
    assert _told(home)[0] == "the stub of the purged part was changed"


def test_everything_may_be_purged_and_the_trail_goes_on(home: Home) -> None:
    assert trail.purge(home, before=dt.date(2999, 1, 1), actor_key="operator:1") == COUNT
    audit.append(home.audit_db, AuditEntry("t", "p_1", "after", "x", "test"))
    found = trail.verify(home)
    assert (found.problems, found.count, found.head.number) == ((), 2, COUNT + 2)
    trail.purge(home, before=dt.date(2999, 1, 1), actor_key="operator:1")
    assert trail.verify(home).problems == ()


def test_a_faulty_trail_is_not_purged(home: Home) -> None:
    _edit(home, "delete from entry where number = 2")
    with pytest.raises(StoreError, match="entry 2 was removed"):
        trail.purge(home, before=dt.date(2999, 1, 1), actor_key="operator:1")
    assert trail.verify(home).count == COUNT - 1


def test_search_by_actor_person_action_time_and_result(home: Home) -> None:
    audit.append(home.audit_db, AuditEntry("u", "p_9", "log-in", "session", "10.0.0.7", "refused"))
    assert [e.number for e in trail.search(home, actor="p_0")] == [10, 7, 4, 1]
    assert [e.number for e in trail.search(home, person="p_9")] == [13, 10]
    assert [e.source for e in trail.search(home, action="log", result="refused", tenant="u")] == ["10.0.0.7"]
    assert len(trail.search(home, limit=3)) == 3
    today = trail.search(home)[0].at[:10]
    assert len(trail.search(home, since=today, until=today)) == COUNT + 1
    assert trail.search(home, until="2001-01-01") == []
    assert trail.search(home, since=f"{today}T23:59:59.999+00:00") == []


def test_search_on_the_command_line_is_an_entry_too(home: Home) -> None:
    lines = runner.invoke(app, ["search", "--person", "p_9", "--csv"]).output.splitlines()
    assert lines[0] == "number,at,tenant,actor_key,action,resource,source,result"
    assert lines[1].endswith(",t,p_0,view page,person:p_9,test,allowed")
    newest = trail.search(home)[0]
    assert (newest.action, newest.resource) == ("search-audit", "person:p_9")
    assert runner.invoke(app, ["search", "--since", "yesterday"]).exit_code != 0


def _age(home: Home, count: int, at: str) -> None:
    """Write the trail anew with its first `count` entries made at `at`."""
    rows = trail.search(home)[::-1]
    shutil.rmtree(home.run, ignore_errors=True)
    home.audit_head.unlink()
    _edit(home, "delete from entry")
    secret, previous = audit.audit_secret(home), audit.GENESIS
    with audit.writing(home) as connection:
        for row in rows:
            moment = at if row.number <= count else row.at
            entry = AuditEntry(row.tenant, row.actor_key, row.action, row.resource, row.source, row.result)
            digest = audit.entry_hash(secret, previous, row.number, moment, entry)
            values = (row.number, moment, row.tenant, row.actor_key, row.action, row.resource, row.source)
            connection.execute(
                "insert into entry values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (*values, row.result, previous, digest),
            )
            previous = digest
    audit.note_head(home, audit.Head(rows[-1].number, previous))


def test_the_key_of_the_trail_is_its_owners_only(home: Home) -> None:
    assert Path(home.secrets / "audit").stat().st_mode & 0o777 == 0o600
