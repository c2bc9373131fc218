"""What the policy costs a query at 100,000 students: the same queries through the door and on the bare snapshot, for each role.

The filters are the door's price beside DuckDB's own work: the scope asked for, the views, the join. `unchanged` is the price of a query when people.db
has not changed since the last one; `after a commit` when the scope has to be worked out anew.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import polars as pl
from sqlalchemy import insert, select, update

from benchmarks.roster import HOME_PAGE, write_district
from learnlake.settings import Settings
from people.db import open_people, writing
from people.oneroster import import_roster
from people.roles import grant_role
from people.sessions import Viewer
from people.tables import enrolment, guardianship, person, role_assignment, section
from tests.warehouse.fixtures import publish_rows
from warehouse import reader
from warehouse.door import Door

Clock = Callable[[], float]
FLOOR_MS = 5.0
ROUNDS = 200
WEEKS = 4
"""Weeks of msr_student_week for each of 1,200,000 enrolments would not fit a small machine; the filter reads the same key columns."""
QUERIES = {
    # A page's own question: what the viewer's rows come to. {where} is the filter that the bare query writes out by hand
    "dim_class": "select count(*), count(distinct school_key) from {mart}{where}",
    "msr_student_week": "select section_key, count(*), sum(event_count), avg(score_sum) from {mart}{where} group by 1",
}


def main() -> int:
    """Build the district, measure each role, print; 1 when a role misses the floor."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scale", type=float, default=1.0, help="share of the district's size")
    parser.add_argument("--rounds", type=int, default=ROUNDS, help="queries of each kind")
    parser.add_argument(
        "--cpu",
        action="store_true",
        help="processor time of all threads in place of wall time: on a machine that others use too",
    )
    given = parser.parse_args()
    scale, clock = given.scale, time.process_time if given.cpu else time.perf_counter
    with tempfile.TemporaryDirectory(prefix="learnlake-policy-") as name:
        settings = Settings(LEARNLAKE_HOME=Path(name) / "home")  # type: ignore[call-arg]
        settings.home.create()
        write_district(Path(name) / "district", scale)
        import_roster(settings, "district", Path(name) / "district", home_page=HOME_PAGE)
        return _measure_all(settings, rounds=given.rounds, clock=clock)


def _measure_all(settings: Settings, *, rounds: int, clock: Clock) -> int:
    engine = open_people(settings)
    viewers = _viewers(engine)
    rows = _publish(settings, engine)
    print(", ".join(f"{count:,} rows of {mart}" for mart, count in rows.items()))
    print(
        f"{'role':<15}{'mart':<18}{'grants':>7}{'bare ms':>9}{'door ms':>9}{'cost ms':>9}{'after a commit ms':>19}"
    )
    missed = []
    for viewer in viewers:
        with Door(settings, viewer, engine=engine) as door:
            grants = len(door.scope().grants)
            for mart, query in QUERIES.items():
                if mart not in door.marts():
                    continue
                bare, filtered, renewed = _measure(
                    settings, engine, door, mart, query, rounds=rounds, clock=clock
                )
                cost = filtered - bare
                print(
                    f"{viewer.role:<15}{mart:<18}{grants:>7}{bare:>9.2f}{filtered:>9.2f}{cost:>9.2f}{renewed - bare:>19.2f}"
                )
                if cost >= FLOOR_MS:
                    missed.append(f"{viewer.role} on {mart}")
    engine.dispose()
    if missed:
        print(f"floor missed ({FLOOR_MS} ms): {', '.join(missed)}")
    return 1 if missed else 0


def _measure(
    settings: Settings, engine, door: Door, mart: str, query: str, *, rounds: int, clock: Clock
) -> tuple[float, float, float]:
    """Medians in ms: on the bare snapshot with the tenant's filter only, through the door, through the door after a commit."""
    instance = reader.newest(settings, "district")
    connection = instance.connect()
    bare_query = query.format(mart=f"{instance.alias}.main.{mart}", where=" where tenant = 'district'")
    door_query = query.format(mart=mart, where="")

    def changed() -> None:
        with writing(engine) as writer:
            writer.execute(update(person).where(person.c.person_key == "nobody").values(grade="1"))

    bare, filtered, renewed = [], [], []
    for number in range(rounds):
        # taken in turns, so that a busy machine slows all alike
        bare.append(_ms(clock, lambda: connection.sql(bare_query).to_arrow_table()))
        filtered.append(_ms(clock, lambda: door.sql(door_query)))
        if number % 10 == 0:
            changed()
            renewed.append(_ms(clock, lambda: door.sql(door_query)))
    return statistics.median(bare), statistics.median(filtered), statistics.median(renewed)


def _ms(clock: Clock, work: Callable[[], object]) -> float:
    started = clock()
    work()
    return (clock() - started) * 1000


def _viewers(engine) -> list[Viewer]:
    """One person for each role, out of the district; the guardian guards two students, the principal leads the district."""
    with writing(engine) as connection:
        known = dict(connection.execute(select(person.c.sourced_id, person.c.person_key)).all())
        who = {
            "teacher": known["te0"],
            "assistant": known["te1"],
            "student": known["st0"],
            "principal": known["te2"],
        }
        who |= {"guardian": known["te3"], "administrator": known["te4"], "analyst": known["te5"]}
        for child in ("st1", "st2"):
            connection.execute(
                insert(guardianship).values(
                    tenant="district",
                    guardian_key=who["guardian"],
                    person_key=known[child],
                    source="test",
                    is_active=True,
                )
            )
        connection.execute(
            update(enrolment).where(enrolment.c.person_key == who["assistant"]).values(role="assistant")
        )
        connection.execute(
            update(role_assignment)
            .where(role_assignment.c.person_key == who["assistant"])
            .values(role="assistant")
        )
        for role in ("principal", "guardian", "administrator", "analyst"):
            grant_role(
                connection,
                tenant="district",
                role=role,
                person_key=who[role],
                school_key="district:district" if role == "principal" else None,
            )
    return [Viewer(n, key, "district", role, (role,), role) for n, (role, key) in enumerate(who.items())]


def _publish(settings: Settings, engine) -> dict[str, int]:
    """dim_class, and msr_student_week with a row for each student, section and week."""
    with engine.connect() as connection:
        sections = pl.DataFrame(
            connection.execute(select(section.c.tenant, section.c.section_key, section.c.school_key)).all(),
            schema=["tenant", "section_key", "school_key"],
            orient="row",
        )
        members = pl.DataFrame(
            connection.execute(
                select(enrolment.c.section_key, enrolment.c.person_key).where(enrolment.c.role == "student")
            ).all(),
            schema=["section_key", "person_key"],
            orient="row",
        )
    weeks = members.join(sections, on="section_key").join(
        pl.DataFrame({"week_index": range(1, WEEKS + 1)}), how="cross"
    )
    weeks = weeks.sort("section_key", "person_key").with_columns(
        event_count=pl.int_range(pl.len()) % 40, score_sum=(pl.int_range(pl.len()) % 100) / 100
    )
    publish_rows(settings.home, {"dim_class": sections, "msr_student_week": weeks})
    return {"dim_class": sections.height, "msr_student_week": weeks.height}


if __name__ == "__main__":
    sys.exit(main())
