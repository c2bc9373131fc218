"""How often the weekly drift check raises an alarm over quiet years, and how soon it sees what is planted. `python -m benchmarks.drift`.

The quiet years have holidays, and terms that begin new skills. A check is one indicator of one school in one week.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter

from tests.models.drifting import SCHOOLS, as_of, draw_answers, draw_weeks

WEEKS = 50
FIRST_JUDGED = 7
PLANTED = 30
PLANTS = {
    "an LMS that logs twice": ({"doubled_from": PLANTED}, {}, (SCHOOLS[0], "events_per_active_day")),
    "a new item bank": ({}, {"new_bank_from": PLANTED}, (SCHOOLS[1], "new_item_share")),
}
FALSE_ALARMS_WANTED = 0


def main() -> int:
    """Print the false-alarm rate and the delays; 1 when a quiet year raised an alarm or a plant was not seen."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--years", type=int, default=4)
    years = parser.parse_args().years
    checks, false = 0, Counter[str]()
    for seed in range(years):
        weeks, answers = draw_weeks(WEEKS, seed=seed), draw_answers(WEEKS, seed=seed)
        for week in range(FIRST_JUDGED, WEEKS + 1):
            rows = as_of(weeks, answers, week)
            checks += len(rows)
            false.update(rows.filter("has_drifted")["feature"])
    alarms = sum(false.values())
    print(
        f"{years} quiet years of {WEEKS} weeks, {len(SCHOOLS)} schools: {alarms} alarms in {checks:,} checks ({alarms / checks:.4%}) {dict(false)}"
    )
    missed = [name for name in PLANTS if not _seen(name)]
    return 1 if missed or alarms > FALSE_ALARMS_WANTED else 0


def _seen(name: str) -> bool:
    in_weeks, in_answers, alarm = PLANTS[name]
    weeks = draw_weeks(PLANTED + 6, seed=99, **in_weeks)
    answers = draw_answers(PLANTED + 6, seed=99, **in_answers)
    for week in range(PLANTED, PLANTED + 6):
        found = set(as_of(weeks, answers, week).filter("has_drifted").select("scope", "feature").iter_rows())
        if alarm in found:
            print(
                f"{name}: seen at the end of its week {week - PLANTED + 1}, with {sorted(f'{s} {f}' for s, f in found)}"
            )
            return True
    print(f"{name}: not seen within six weeks")
    return False


if __name__ == "__main__":
    sys.exit(main())
