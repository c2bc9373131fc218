"""The research export: consented, under fresh pseudonyms, k-anonymous, with a report, a dictionary and a disclosure."""

from __future__ import annotations

import dataclasses
import datetime as dt
import hashlib
import hmac
import json
import secrets
import shutil
from pathlib import Path
from typing import Final

import polars as pl

from learnlake import audit
from learnlake.clock import utc_now
from learnlake.errors import InputError
from learnlake.settings import Settings
from people import consent, disclosures
from people.db import open_people, reading, school_day
from people.purposes import RESEARCH
from warehouse import anonymity, reader
from warehouse.anonymity import QUASI_IDENTIFIERS, Result

FORMS: Final = ("parquet", "csv")

_ROWS = """
with student as (
    select person.person_key, person.school_key, person.grade, unit.parent_school_key
    from main.dim_person as person
    left join main.dim_organisation as unit using (tenant, school_key)
    where person.role = 'student'
),
activity as (
    select
        person_key, section_key,
        count(*) filter (where event_count > 0) as weeks_active,
        sum(event_count) as events, sum(minutes_active) as minutes, sum(attempt_count) as answers,
        sum(correct_count) as correct, sum(score_sum) as score_sum, sum(score_count) as scores,
        sum(submitted_count) as submitted, sum(submitted_late_count) as late,
        sum(meeting_count) as meetings, sum(absent_count) as absences
    from main.msr_student_week group by all
)
select
    student.person_key as person,
    student.school_key as school,
    coalesce(student.parent_school_key, student.school_key) as district,
    student.grade,
    class.course_title as course,
    class.subject,
    class.session_title as session,
    cast(activity.weeks_active as integer) as weeks_active,
    cast(round(activity.events / 10.0) * 10 as integer) as events,
    cast(round(activity.minutes / 15.0) * 15 as integer) as minutes_active,
    cast(round(activity.answers / 5.0) * 5 as integer) as answers,
    round(activity.correct / nullif(activity.answers, 0), 1) as correct_share,
    round(activity.score_sum / nullif(activity.scores, 0), 1) as mean_score,
    round(activity.late / nullif(activity.submitted, 0), 1) as late_share,
    round(activity.absences / nullif(activity.meetings, 0), 1) as absence_share,
    outcome.outcome
from main.brg_enrolment as enrolment
join student using (person_key)
left join main.dim_class as class using (tenant, section_key)
left join activity using (person_key, section_key)
left join (select person_key, section_key, any_value(outcome) as outcome from main.fct_outcome group by all) as outcome
    using (person_key, section_key)
where enrolment.role = 'student'
"""

DICTIONARY: Final = {
    "pseudonym": "Made for this export only; the same person has another one in the next. The key to it is not kept.",
    "school": "A code of this export, of the school or of the district above it; `*` where hidden.",
    "grade": "The grade, or its band (K-5, 6-8, 9-12, other); `*` where hidden.",
    "course": "The course, or its subject; `*` where hidden.",
    "session": "The academic session of the course; `*` where hidden.",
    "weeks_active": "Weeks with any activity in the course.",
    "events": "Activities, rounded to 10.",
    "minutes_active": "Minutes, rounded to 15.",
    "answers": "Answered items, rounded to 5.",
    "correct_share": "Share of answers that were right, rounded to 0.1.",
    "mean_score": "Mean score of assessments, 0 to 1, rounded to 0.1.",
    "late_share": "Share of hand-ins after the due date, rounded to 0.1.",
    "absence_share": "Share of recorded days missed, rounded to 0.1.",
    "outcome": "What the course ended with, where it is known.",
}
"""Every column of `records` and what it means."""


@dataclasses.dataclass(frozen=True, slots=True)
class Report:
    """What an export holds and what it leaves out; in words for researchers and for the school."""

    made_at: str
    k_wanted: int
    k_achieved: int
    persons: int
    rows: int
    classes: int
    without_consent: int
    suppressed: int
    steps: tuple[str, ...]
    quasi_identifiers: tuple[str, ...] = QUASI_IDENTIFIERS


def export(
    settings: Settings, tenant: str, folder: Path, *, recipient: str, form: str, k: int, actor_key: str
) -> Report:
    """Write the export of `tenant` into the new `folder`: records, dictionary, report and README. Whole or not at all.

    Only students whose records may be used for research today. InputError where nobody would be left. The disclosure to
    `recipient` is on record before the folder stands.
    """
    if form not in FORMS:
        raise InputError(f"{form!r} is not a format", mend=f"use one of {', '.join(FORMS)}")
    if k < 2:
        raise InputError("Fewer than 2 alike protect nobody", where="--k", mend="use 5 or more")
    if not recipient.strip():
        raise InputError("A disclosure needs a recipient", where="--recipient")
    if folder.exists():
        raise InputError("The folder is there already", where=str(folder), mend="name a new one")
    engine = open_people(settings)
    draft = folder.with_name(f".{folder.name}-{secrets.token_hex(4)}")
    try:
        everybody = _read(settings, tenant)
        with reading(engine) as connection:
            agreed = consent.allowed(
                connection, settings, tenant, everybody["person"].unique(), RESEARCH, school_day(engine)
            )
        report, exported = write(
            draft, everybody, agreed, form=form, k=k, suppressed_share=settings.research_suppressed_share
        )
        disclosures.record(
            engine,
            tenant,
            recipient=recipient,
            purpose=RESEARCH,
            what=f"research export, k = {report.k_achieved}",
            person_keys=exported,
            actor_key=actor_key,
            source="command line",
        )
        draft.rename(folder)
    except BaseException:
        shutil.rmtree(draft, ignore_errors=True)
        raise
    finally:
        engine.dispose()
    entry = audit.AuditEntry(
        tenant, actor_key, "export", f"research:{report.persons} persons", "command line"
    )
    audit.append(settings.home.audit_db, entry)
    return report


def write(
    folder: Path, everybody: pl.DataFrame, agreed: set[str], *, form: str, k: int, suppressed_share: float
) -> tuple[Report, list[str]]:
    """Write those of `everybody` (rows as `_ROWS` reads them) who `agreed` into `folder`; answers the report and who is in it."""
    rows = everybody.filter(pl.col("person").is_in(list(agreed)))
    found = anonymity.anonymise(rows, k=k, suppressed_share=suppressed_share)
    _check_anybody(found, len(agreed), k)
    report = _report(found, everybody, len(agreed), k)
    folder.mkdir(parents=True)
    _write(folder, _pseudonymous(found.rows), report, form)
    return report, list(found.rows["person"].unique())


def _pseudonymous(rows: pl.DataFrame) -> pl.DataFrame:
    """`rows` with fresh random pseudonyms for persons and schools, in the pseudonyms' order. The salt is forgotten."""
    salt = secrets.token_bytes(32)

    def code(prefix: str, length: int, key: str) -> str:
        if key == anonymity.ANY:
            return key
        return prefix + hmac.new(salt, f"{prefix}{key}".encode(), hashlib.sha256).hexdigest()[:length]

    persons = {key: code("r_", 24, key) for key in rows["person"].unique()}
    schools = {key: code("s_", 8, key) for key in rows["school"].unique()}
    return (
        rows.with_columns(
            pl.col("person").replace_strict(persons, return_dtype=pl.String).alias("pseudonym"),
            pl.col("school").replace_strict(schools, return_dtype=pl.String),
        )
        .select(list(DICTIONARY))
        .sort(*DICTIONARY, nulls_last=True)
    )


def _read(settings: Settings, tenant: str) -> pl.DataFrame:
    instance = reader.newest(settings, tenant)
    with instance.connect() as connection:
        connection.execute(f"use {instance.alias}")
        frame = pl.from_arrow(connection.sql(_ROWS).to_arrow_table())
    assert isinstance(frame, pl.DataFrame)
    return frame


def _check_anybody(found: Result, agreed: int, k: int) -> None:
    if found.rows.is_empty():
        raise InputError(
            f"Nobody can be exported: {agreed} student(s) may be used for research, and {k} alike are needed",
            mend="record consents for `research` (`learnlake consent import`), or ask for another k",
        )


def _report(found: Result, everybody: pl.DataFrame, agreed: int, k: int) -> Report:
    return Report(
        made_at=utc_now().isoformat(timespec="seconds"),
        k_wanted=k,
        k_achieved=found.k,
        persons=found.rows["person"].n_unique(),
        rows=found.rows.height,
        classes=found.classes,
        without_consent=everybody["person"].n_unique() - agreed,
        suppressed=found.suppressed,
        steps=found.steps,
    )


def _write(folder: Path, rows: pl.DataFrame, report: Report, form: str) -> None:
    if form == "csv":
        rows.write_csv(folder / "records.csv")
    else:
        rows.write_parquet(folder / "records.parquet", compression="zstd")
    pl.DataFrame(list(DICTIONARY.items()), schema=["column", "meaning"], orient="row").write_csv(
        folder / "dictionary.csv"
    )
    (folder / "report.json").write_text(json.dumps(dataclasses.asdict(report), indent=2) + "\n")
    (folder / "README.md").write_text(_readme(report, form))


def _readme(report: Report, form: str) -> str:
    day = dt.datetime.fromisoformat(report.made_at).date()
    return f"""# Research export of {day}

`records.{form}` has one row per student and course: {report.rows} rows of {report.persons} students. `dictionary.csv` says what each column means,
`report.json` has the figures below.

- Each student is like at least {report.k_achieved} students (himself or herself included; {report.k_wanted} were asked for) in everything that somebody outside may know: {", ".join(report.quasi_identifiers)},
  all courses of a student taken together.
- To reach that, these steps were taken for everybody: {"; ".join(report.steps)}.
- {report.suppressed} student(s) were left out because too few were like them, {report.without_consent} because their record may not be used for research.
- Measures are rounded. Pseudonyms are of this export only: two exports cannot be joined on them.

k-anonymity does not hide what all members of a group have in common, and does not protect against somebody who knows the measures themselves. Do not
try to find out who anybody is, do not join these records with others about persons, and do not pass them on.
"""
