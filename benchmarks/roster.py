"""A district's roster: 100,000 students, 8,000 classes, 1,200,000 enrolments in OneRoster 1.2 form. Import, one day's delta, the same again.

Each step runs in a process of its own, so that its peak memory is its own. Baseline of the same run: reading the same files with the csv
module and inserting them with a bare executemany, without a single check.
"""

from __future__ import annotations

import argparse
import csv
import os
import random
import resource
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

STUDENTS, CLASSES, ENROLMENTS, SCHOOLS = 100_000, 8_000, 1_200_000, 150
HOME_PAGE = "https://sis.district.example"
FLOORS = {"import": 180.0, "delta": 10.0}
PEAK_MIB = 2048
STAMP = {"status": "active", "dateLastModified": "2026-11-19T22:00:00.000Z"}


def main() -> int:
    """Generate, measure each step, print; 1 when a floor is missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scale", type=float, default=1.0, help="share of the district's size")
    parser.add_argument("--step", nargs=2, metavar=("STEP", "FOLDER"), help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.step:
        return _step(given.step[0], Path(given.step[1]))
    with tempfile.TemporaryDirectory(prefix="learnlake-roster-") as name:
        folder = Path(name)
        started = time.perf_counter()
        counts = write_district(folder / "bulk", given.scale)
        write_delta(folder / "delta", given.scale)
        print(
            f"generated in {time.perf_counter() - started:.0f} s: "
            + ", ".join(f"{n:,} {f}" for f, n in counts.items())
        )
        print(f"{'step':<30}{'wall s':>9}{'cpu s':>9}{'peak MiB':>10}")
        return _measure(folder)


def _measure(folder: Path) -> int:
    missed = []
    for step, title in (
        ("baseline", "csv and bare executemany"),
        ("import", "import"),
        ("again", "the same files again"),
        ("delta", "one day's delta"),
    ):
        environment = {
            **os.environ,
            "LEARNLAKE_HOME": str(folder / "home"),
            "LEARNLAKE_CONFIG": str(folder / "no"),
        }
        started = time.perf_counter()
        done = subprocess.run(
            [sys.executable, "-m", "benchmarks.roster", "--step", step, str(folder)],
            env=environment,
            check=True,
            stdout=subprocess.PIPE,
            text=True,
        )
        wall = time.perf_counter() - started
        cpu, peak, note = done.stdout.strip().split(" ", 2)
        print(f"{title:<30}{wall:>9.1f}{float(cpu):>9.1f}{float(peak):>10.0f}  {note}", flush=True)
        if wall > FLOORS.get(step, 3600) or (step != "baseline" and float(peak) > PEAK_MIB):
            missed.append(title)
    if missed:
        print(
            f"floor missed: {', '.join(missed)} (import {FLOORS['import']:.0f} s, delta {FLOORS['delta']:.0f} s, {PEAK_MIB} MiB)"
        )
    return 1 if missed else 0


def _step(step: str, folder: Path) -> int:
    note = _baseline(folder) if step == "baseline" else _import(step, folder)
    used = resource.getrusage(resource.RUSAGE_SELF)
    print(f"{used.ru_utime + used.ru_stime:.2f} {used.ru_maxrss / 1024:.0f} {note}")
    return 0


def _import(step: str, folder: Path) -> str:
    from learnlake.settings import get_settings
    from people.oneroster import import_roster

    settings = get_settings()
    settings.home.create()
    path = folder / ("delta" if step == "delta" else "bulk")
    report = import_roster(settings, "district", path, home_page=HOME_PAGE)
    if step == "again" and report.is_changed:
        raise SystemExit("the same files changed something")
    changes = sum(t.added + t.changed + t.revoked for t in report.tables)
    return f"{changes:,} rows written, {sum(t.unchanged for t in report.tables):,} unchanged"


def _baseline(folder: Path) -> str:
    rows_read = 0
    with sqlite3.connect(folder / "baseline.db") as connection:
        for path in sorted((folder / "bulk").glob("*.csv")):
            with path.open(newline="", encoding="utf-8") as file:
                reader = csv.reader(file)
                header = next(reader)
                columns = ", ".join(f'"{name}"' for name in header)
                connection.execute(f"create table {path.stem} ({columns})")
                rows = list(reader)
                connection.executemany(
                    f"insert into {path.stem} values ({', '.join('?' * len(header))})", rows
                )
                rows_read += len(rows)
    return f"{rows_read:,} rows copied"


def write_district(folder: Path, scale: float) -> dict[str, int]:
    """The whole district as bulk files; the same for the same scale."""
    sizes = {
        "students": int(STUDENTS * scale),
        "classes": int(CLASSES * scale),
        "enrollments": int(ENROLMENTS * scale),
    }
    schools = max(2, int(SCHOOLS * scale))
    teachers = max(1, sizes["classes"] // 4)
    folder.mkdir(parents=True)
    _write(folder, "orgs", _orgs(schools))
    _write(folder, "academicSessions", _sessions())
    _write(
        folder,
        "courses",
        ({"sourcedId": f"co{n}", "title": f"Course {n}", "orgSourcedId": "district"} for n in range(200)),
    )
    _write(folder, "classes", (_class(n, schools) for n in range(sizes["classes"])))
    _write(folder, "users", _users(sizes["students"], teachers))
    _write(folder, "roles", _roles(sizes["students"], teachers, schools))
    _write(folder, "enrollments", _enrollments(sizes, schools, teachers))
    _manifest(folder, "bulk")
    return sizes


def write_delta(folder: Path, scale: float) -> None:
    """One day: 1 in 1,000 enrolments ends, as many begin, 1 in 1,000 students changes a name."""
    students, classes = int(STUDENTS * scale), int(CLASSES * scale)
    enrolments, schools = int(ENROLMENTS * scale), max(2, int(SCHOOLS * scale))
    chosen = random.Random(2)
    folder.mkdir(parents=True)
    ended = chosen.sample(range(enrolments), max(1, enrolments // 1000))
    rows = [{**_enrolment(n, students, classes, schools), **STAMP, "status": "tobedeleted"} for n in ended]
    rows += [{**_enrolment(n, students, classes, schools), "sourcedId": f"new{n}", **STAMP} for n in ended]
    _write(folder, "enrollments", iter(rows))
    changed = chosen.sample(range(students), max(1, students // 1000))
    _write(folder, "users", ({**_student(n), **STAMP, "familyName": "Changed"} for n in changed))
    _manifest(folder, "delta")


def _orgs(schools: int) -> Iterator[dict[str, str]]:
    yield {"sourcedId": "district", "name": "District", "type": "district", "parentSourcedId": ""}
    for n in range(schools):
        yield {"sourcedId": f"sch{n}", "name": f"School {n}", "type": "school", "parentSourcedId": "district"}


def _sessions() -> Iterator[dict[str, str]]:
    year = {"schoolYear": "2027"}
    yield {
        "sourcedId": "y27",
        "title": "2026/27",
        "type": "schoolYear",
        "startDate": "2026-08-01",
        "endDate": "2027-07-31",
        "parentSourcedId": "",
        **year,
    }
    yield {
        "sourcedId": "t1",
        "title": "Autumn",
        "type": "term",
        "startDate": "2026-08-01",
        "endDate": "2027-01-01",
        "parentSourcedId": "y27",
        **year,
    }
    yield {
        "sourcedId": "t2",
        "title": "Spring",
        "type": "term",
        "startDate": "2027-01-01",
        "endDate": "2027-07-31",
        "parentSourcedId": "y27",
        **year,
    }


def _class(n: int, schools: int) -> dict[str, str]:
    return {
        "sourcedId": f"cl{n}",
        "title": f"Class {n}",
        "courseSourcedId": f"co{n % 200}",
        "classType": "scheduled",
        "schoolSourcedId": f"sch{n % schools}",
        "termSourcedIds": "t1,t2",
    }


def _student(n: int) -> dict[str, str]:
    return {
        "sourcedId": f"st{n}",
        "enabledUser": "true",
        "username": f"student{n}",
        "givenName": f"Given{n % 997}",
        "familyName": f"Family{n % 4999}",
        "email": f"student{n}@district.example",
        "grades": f"{n % 12 + 1:02}",
    }


def _users(students: int, teachers: int) -> Iterator[dict[str, str]]:
    yield from (_student(n) for n in range(students))
    for n in range(teachers):
        yield {
            **_student(n),
            "sourcedId": f"te{n}",
            "username": f"teacher{n}",
            "email": f"teacher{n}@district.example",
        }


def _roles(students: int, teachers: int, schools: int) -> Iterator[dict[str, str]]:
    for kind, count in (("st", students), ("te", teachers)):
        for n in range(count):
            yield {
                "sourcedId": f"ro-{kind}{n}",
                "userSourcedId": f"{kind}{n}",
                "roleType": "primary",
                "role": "student" if kind == "st" else "teacher",
                "orgSourcedId": f"sch{n % schools}",
            }


def _enrolment(n: int, students: int, classes: int, schools: int) -> dict[str, str]:
    """Each student is in ENROLMENTS / STUDENTS classes, all different."""
    section = (n % students + (n // students) * 613) % classes
    return {
        "sourcedId": f"en{n}",
        "classSourcedId": f"cl{section}",
        "schoolSourcedId": f"sch{section % schools}",
        "userSourcedId": f"st{n % students}",
        "role": "student",
        "beginDate": "2026-08-03",
    }


def _enrollments(sizes: dict[str, int], schools: int, teachers: int) -> Iterator[dict[str, str]]:
    for n in range(sizes["enrollments"] - sizes["classes"]):
        yield _enrolment(n, sizes["students"], sizes["classes"], schools)
    for n in range(sizes["classes"]):
        yield {
            "sourcedId": f"tn{n}",
            "classSourcedId": f"cl{n}",
            "schoolSourcedId": f"sch{n % schools}",
            "userSourcedId": f"te{n % teachers}",
            "role": "teacher",
            "beginDate": "2026-08-03",
        }


def _write(folder: Path, name: str, rows: Iterator[dict[str, str]]) -> None:
    first = next(rows)
    with (folder / f"{name}.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(first))
        writer.writeheader()
        writer.writerow(first)
        writer.writerows(rows)


def _manifest(folder: Path, mode: str) -> None:
    lines = ["propertyName,value", "manifest.version,1.0", "oneroster.version,1.2"]
    lines += [f"file.{path.stem},{mode}" for path in sorted(folder.glob("*.csv"))]
    (folder / "manifest.csv").write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    sys.exit(main())
