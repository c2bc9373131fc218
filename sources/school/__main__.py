"""`python -m sources.school --out DIR`: writes the sample school as roster/, catalogue/ and statements.jsonl."""

from __future__ import annotations

import argparse
import datetime as dt
from pathlib import Path

from learnlake.clock import today
from learnlake.settings import get_settings
from sources.school.sample import DEFAULT_SEED, DEFAULT_STUDENTS, generate


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m sources.school", description=__doc__)
    parser.add_argument("--out", type=Path, required=True, help="folder to write to; made if it is missing")
    parser.add_argument("--today", type=dt.date.fromisoformat, help="a day of week 8 of the third term")
    parser.add_argument("--seed", type=int, default=DEFAULT_SEED)
    parser.add_argument("--students", type=int, default=DEFAULT_STUDENTS)
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    school = generate(
        today=options.today or today(get_settings()), seed=options.seed, students=options.students
    )
    school.write(options.out)
    print(f"{options.out}: {school.statement_count:,} statements, {len(school.cast.students)} students")  # noqa: T201
    print(school.people_for_demo())  # noqa: T201


if __name__ == "__main__":
    main()
