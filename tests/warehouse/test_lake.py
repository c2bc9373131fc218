"""The lake's reader takes one version, skips files that hold nothing new, and counts without reading rows."""

from __future__ import annotations

import datetime as dt

import polars as pl
from deltalake import DeltaTable

from learnlake.settings import Settings
from tests.warehouse.sealed import ITEM, VIEWED, activity, seal, statement
from warehouse import lake

DAY = dt.datetime(2026, 11, 2, 12, tzinfo=dt.UTC)


def some(count: int) -> list[dict[str, object]]:
    return [statement("a", VIEWED, activity(f"https://x.test/{n}", ITEM), at=DAY) for n in range(count)]


def test_before_the_first_seal_the_lake_is_empty(settings: Settings) -> None:
    found = lake.open_lake(settings.home)
    assert (found.sealed_seq, found.files_after(0), found.counts().height) == (0, [], 0)
    assert lake.sealed_seq(settings.home) == 0


def test_old_files_are_skipped_and_rows_counted_by_tenant_and_day(settings: Settings) -> None:
    home = settings.home
    seal(home, some(3), stored=DAY)
    first = lake.open_lake(home)
    seal(home, some(2), stored=DAY + dt.timedelta(days=1))
    assert seal(home, some(4), tenant="other", stored=DAY) == 9
    now = lake.open_lake(home)
    assert (first.sealed_seq, now.sealed_seq, lake.sealed_seq(home)) == (3, 9, 9)
    assert first.counts()["lake_count"].sum() == 3
    assert len(now.files_after(0)) == 3
    assert pl.read_parquet(now.files_after(3))["seq"].sort().to_list() == [4, 5, 6, 7, 8, 9]
    assert now.files_after(9) == []
    assert list(now.counts().iter_rows()) == [
        ("other", DAY.date(), 4),
        ("t", DAY.date(), 3),
        ("t", DAY.date() + dt.timedelta(days=1), 2),
    ]


def test_compaction_changes_files_but_neither_counts_nor_what_is_new(settings: Settings) -> None:
    home = settings.home
    for _ in range(5):
        seal(home, some(2), stored=DAY)
    before = lake.open_lake(home)
    DeltaTable(home.lake_statements).optimize.compact()
    after = lake.open_lake(home)
    assert len(after.files_after(0)) < len(before.files_after(0))
    assert after.counts().equals(before.counts())
    assert after.sealed_seq == 10
    rows = pl.read_parquet(after.files_after(8)).filter(pl.col("seq") > 8)
    assert sorted(rows["seq"]) == [9, 10]
