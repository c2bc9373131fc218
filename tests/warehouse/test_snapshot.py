"""A snapshot is published whole or not at all, holds marts only, and a reader never meets an error or a mixture."""

from __future__ import annotations

import dataclasses
import datetime as dt
import subprocess
import sys
import textwrap
from pathlib import Path

import duckdb
import pytest

from learnlake.errors import PipelineError
from learnlake.home import Home
from learnlake.settings import Settings
from tests.scale import scaled
from tests.warehouse.fixtures import publish_rows
from warehouse import snapshot


def rows(number: int, tenants: tuple[str, ...] = ("one", "two")) -> dict[str, list[dict[str, object]]]:
    return {
        "dim_person": [{"tenant": t, "person_key": f"p_{t}", "number": number} for t in tenants],
        "msr_class_week": [{"tenant": t, "section_key": "s", "number": number} for t in tenants],
    }


def test_each_tenant_has_a_file_of_its_own_with_marts_only(settings: Settings) -> None:
    with duckdb.connect() as connection:
        connection.execute(
            "create table dim_person as select 'a/b' as tenant, 'p_1' as person_key union select 'c', 'p_2'"
        )
        connection.execute("create table stg_raw as select 'c' as tenant, '{\"name\": \"Ada\"}' as raw")
        connection.execute(
            "create schema people; create table people.dim_names as select 'c' as tenant, 'Ada' as name"
        )
        build = publish_rows(settings.home, rows(0))
        built = snapshot.read_build(build)
        folder = snapshot.publish(settings.home, connection, built_again(built), kept=3)
    assert snapshot.current(settings.home) == folder
    assert sorted(p.name for p in folder.glob("*.duckdb")) == ["a%2Fb.duckdb", "c.duckdb"]
    with duckdb.connect(str(snapshot.tenant_file(folder, "c")), read_only=True) as reader:
        assert reader.execute(
            "select table_schema, table_name from information_schema.tables"
        ).fetchall() == [("main", "dim_person")]
        assert reader.execute("select person_key from dim_person").fetchall() == [("p_2",)]
    assert b"Ada" not in b"".join(p.read_bytes() for p in folder.iterdir())


def test_the_rows_of_one_person_lie_together(settings: Settings) -> None:
    """A person's page reads the blocks that may hold the person's rows: few, where they are in order."""
    marts = {
        "msr_student_week": [
            {"tenant": "one", "person_key": f"p_{n * 7 % 10}", "week_index": n // 10} for n in range(60)
        ],
        "dim_skill": [{"tenant": "one", "skill_key": "s"}],
    }
    folder = publish_rows(settings.home, marts)
    with duckdb.connect(str(snapshot.tenant_file(folder, "one")), read_only=True) as reader:
        keys = [
            key
            for (key,) in reader.execute("select person_key from msr_student_week order by rowid").fetchall()
        ]
        assert reader.execute("select count(*) from dim_skill").fetchone() == (1,)
    assert keys == sorted(f"p_{n % 10}" for n in range(60))


def built_again(build: snapshot.Build) -> snapshot.Build:
    return dataclasses.replace(build, build_id=snapshot.new_build_id())


def test_a_failing_publish_leaves_the_one_before(settings: Settings) -> None:
    first = publish_rows(settings.home, rows(1))
    with pytest.raises(duckdb.Error):
        publish_rows(
            settings.home, {"dim_person": [{"tenant": "one"}], "fct_outcome": [{"person_key": "no tenant"}]}
        )
    assert snapshot.current(settings.home) == first
    assert [p.name for p in settings.home.snapshots.iterdir()] == [first.name]


def test_before_the_first_publish_the_reader_is_told_so(settings: Settings) -> None:
    assert snapshot.current(settings.home) is None
    with pytest.raises(PipelineError, match="Nothing has been published"):
        snapshot.hold(settings.home)


def test_three_builds_stay_and_those_in_use(settings: Settings) -> None:
    oldest = publish_rows(settings.home, rows(0))
    with snapshot.holding(settings.home) as held:
        assert held.folder == oldest
        for number in range(1, 6):
            publish_rows(settings.home, rows(number))
        assert oldest.exists()
        assert len(list(settings.home.snapshots.iterdir())) == 4
    publish_rows(settings.home, rows(6))
    assert not oldest.exists()
    assert len(list(settings.home.snapshots.iterdir())) == 3


def days(changed: int = 0, *, count: int = 6) -> list[dict[str, object]]:
    """A statement on each of `count` days; `changed` is what that of the last day says."""
    first = dt.date(2026, 11, 2)
    said = [0] * (count - 1) + [changed]
    return [
        {"tenant": "one", "seq": n, "stored_date": first + dt.timedelta(days=n), "said": s, "text": "x" * 400}
        for n, s in enumerate(said)
    ]


def whole(folder: Path, tenant: str = "one") -> dict[str, list[tuple[object, ...]]]:
    """Every row of every mart in the file of `tenant`."""
    with duckdb.connect(str(snapshot.tenant_file(folder, tenant)), read_only=True) as reader:
        marts = [name for (name,) in reader.execute("select table_name from duckdb_tables()").fetchall()]
        return {mart: reader.execute(f"from {mart} order by all").fetchall() for mart in sorted(marts)}


def test_only_what_has_changed_is_copied_and_the_file_is_as_if_all_were(settings: Settings) -> None:
    """Each step is compared with a publish of the same rows from another working file, which copies everything."""
    home, other = settings.home, Home(settings.home.path / "other")
    steps = [
        ({"fct_statement": days(), **rows(1)}, {"dim_person", "fct_statement", "msr_class_week"}),
        ({"fct_statement": days(), **rows(1)}, set()),
        ({"fct_statement": days(changed=7), **rows(1)}, {"fct_statement"}),
        ({"fct_statement": days(count=7), **rows(1)}, {"fct_statement"}),
        ({"fct_statement": days(count=2), **rows(2)}, {"dim_person", "fct_statement", "msr_class_week"}),
        (
            {"fct_statement": days(count=2), **rows(2), "dim_person": [{"tenant": "one", "person_key": "p"}]},
            {"dim_person"},
        ),
    ]
    for number, (marts, expected) in enumerate(steps):
        folder = publish_rows(home, marts, working_id="w")
        assert whole(folder) == whole(publish_rows(other, marts))
        copied = set(snapshot.read_build(folder).copied["one"])
        assert copied & {"dim_person", "fct_statement", "msr_class_week"} == expected, number
        assert len(copied) > 5 or number, "the first publish copies everything"
    again = publish_rows(home, steps[0][0], working_id="begun anew")
    assert set(whole(again)) == set(snapshot.read_build(again).copied["one"])


def test_facts_are_copied_by_their_own_day(settings: Settings) -> None:
    """Of many days the one whose row differs is written behind the others; rows without a day are a slice as well."""

    def attempts(said: int, undated: int) -> dict[str, list[dict[str, object]]]:
        moments: list[dt.datetime | None] = [dt.datetime(2026, 11, n + 1, 23, 59, 59) for n in range(8)]
        numbers = [0, 0, said, 0, 0, 0, 0, 0, undated]
        return {
            "fct_attempt": [
                {"tenant": "one", "person_key": f"p_{n}", "responded_at": moment, "number": number}
                for n, (moment, number) in enumerate(zip([*moments, None], numbers, strict=True))
            ]
        }

    def order(folder: Path) -> list[str]:
        with duckdb.connect(str(snapshot.tenant_file(folder, "one")), read_only=True) as reader:
            return [key for (key,) in reader.execute("select person_key from fct_attempt").fetchall()]

    kept = [f"p_{n}" for n in range(9)]
    publish_rows(settings.home, attempts(0, 0), working_id="w")
    folder = publish_rows(settings.home, attempts(1, 0), working_id="w")
    assert order(folder) == [key for key in kept if key != "p_2"] + ["p_2"]
    folder = publish_rows(settings.home, attempts(1, 1), working_id="w")
    assert order(folder) == [key for key in kept if key not in {"p_2", "p_8"}] + ["p_2", "p_8"]
    assert [row[-1] for row in whole(folder)["fct_attempt"]] == [0, 0, 1, 0, 0, 0, 0, 0, 1]


def test_a_file_does_not_grow_with_the_number_of_publishes(settings: Settings) -> None:
    sizes = []
    for number in range(scaled(12, 60)):
        many = [row | {"said": number * 100 + n} for n, row in enumerate(days(count=60) * 40)]
        folder = publish_rows(settings.home, {"fct_statement": many, **rows(number)}, working_id="w")
        sizes.append(snapshot.tenant_file(folder, "one").stat().st_size)
    assert max(sizes) <= 4 * sizes[0]


READER = """
    import sys
    from pathlib import Path
    import duckdb
    from learnlake.home import Home
    from warehouse import snapshot

    home, seen = Home(Path(sys.argv[1])), set()
    print("ready", flush=True)
    while max(seen, default=0) < int(sys.argv[2]):
        with snapshot.holding(home) as held:
            found = set()
            for tenant in ("one", "two"):
                with duckdb.connect(str(snapshot.tenant_file(held.folder, tenant)), read_only=True) as reader:
                    for mart in ("dim_person", "msr_class_week"):
                        found.add(reader.execute(f"select number from {mart}").fetchone()[0])
            assert found == {int(held.build.run_id)}, f"a mixture: {found}"
            assert min(found) >= max(seen, default=0), "went back"
            seen |= found
    print(len(seen), flush=True)
"""


def test_a_reader_during_many_publishes_sees_no_error_and_no_mixture(settings: Settings) -> None:
    publishes = scaled(50, 200)
    publish_rows(settings.home, rows(1), run_id="1", working_id="w")
    root = Path(__file__).resolve().parents[2]
    command = [sys.executable, "-c", textwrap.dedent(READER), str(settings.home.path), str(publishes)]
    reader = subprocess.Popen(command, cwd=root, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        assert reader.stdout is not None
        assert reader.stdout.readline() == "ready\n"
        for number in range(2, publishes + 1):
            publish_rows(settings.home, rows(number), run_id=str(number), working_id="w")
        out, err = reader.communicate(timeout=60)
    finally:
        reader.kill()
    assert reader.returncode == 0, err
    assert int(out) > 1, "the reader saw only one build"
