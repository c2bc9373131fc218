"""The warehouse's part of an erasure: older builds go even while somebody reads them, and readers move on."""

from __future__ import annotations

import pytest

from learnlake.errors import BusyError
from learnlake.home import Home
from learnlake.protocols import Subject
from learnlake.settings import Settings
from tests.warehouse.fixtures import publish_rows
from tests.warehouse.school import TENANT, key, marts
from warehouse import reader, snapshot, working_file
from warehouse.rights import WarehouseRoom, pipeline_stopped

ADA = Subject(TENANT, (key("ada"),), (), ())


def publish(home: Home, *, without: str = "", number: int = 0) -> None:
    rows = {
        mart: [row for row in found if row.get("person_key") != without or row["tenant"] != TENANT]
        for mart, found in marts(number=number).items()
    }
    publish_rows(home, rows, run_id=str(number))


def test_a_reader_of_an_older_build_finishes_and_then_moves_on(settings: Settings) -> None:
    for number in range(3):
        publish(settings.home, number=number)
    room = WarehouseRoom(lambda settings: publish(settings.home, without=key("ada"), number=9))
    before = {one.what: one.count for one in room.find(settings, ADA)}
    assert before["mart msr_student_week"] == 1
    assert before["older snapshots, with what they may hold"] == 2
    old = reader.newest(settings, TENANT)
    with old.connect() as connection:
        room.erase(settings, ADA)
        assert connection.execute(f"select number from {old.alias}.main.dim_person").fetchone() == (2,)
    new = reader.newest(settings, TENANT)
    with new.connect() as connection:
        assert connection.execute(f"select number from {new.alias}.main.dim_person").fetchone() == (9,)
    newest = snapshot.current(settings.home)
    assert [path for path in settings.home.snapshots.iterdir() if path.is_dir()] == [newest]
    assert not any(one.count for one in room.find(settings, ADA))


def test_a_pipeline_run_is_waited_for(settings: Settings) -> None:
    with (
        working_file.locked(settings.home, holder="a run"),
        pytest.raises(BusyError, match="Another pipeline run"),
        pipeline_stopped(settings, wait_seconds=0.3),
    ):
        pass
    with pipeline_stopped(settings, wait_seconds=0):
        pass
