"""The decoding scan finds a text in every format, and takes nothing for it that only looks like it."""

from __future__ import annotations

import base64
import contextlib
import sqlite3
import subprocess
import sys
from pathlib import Path

import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from cli.rights.leftovers import LeftoversRoom
from cli.rights.needles import Matcher, Needle, encodings, needles_of
from cli.rights.scan import scan
from learnlake.identity import Identifier
from learnlake.protocols import Subject
from learnlake.settings import Settings
from tests.cli.rights.planted import PLANTS, plant

ADDRESS = "Ann.Smith+a@school.example"
SUBJECT = Subject(
    "t",
    ("p_0123456789abcdef01234567",),
    (Identifier("mbox", f"mailto:{ADDRESS}"),),
    ("ab" * 16,),
    ("stu-0042",),
)


@pytest.mark.parametrize("text", [ADDRESS, "stu-0042"])
def test_every_planted_copy_is_found_and_gone_after_the_leftovers_are_cleaned(
    settings: Settings, text: str
) -> None:
    planted = {f"logs/{name}" for name in plant(settings.home.logs, text)}
    report = scan(settings, SUBJECT)
    assert {hit.path for hit in report.hits} == planted
    assert not report.unread
    left = {hit.path.rpartition("/")[2] for hit in report.hits if hit.is_left}
    assert left == {"free-list.db", "gap.db", "log.db"}
    LeftoversRoom("leftovers", ("logs",)).erase(settings, SUBJECT)
    assert scan(settings, SUBJECT).is_clean
    assert (settings.home.logs / "plain.log").exists()  # a service goes on writing to it


def test_masking_a_log_leaves_longer_names_alone(settings: Settings) -> None:
    log = settings.home.logs / "lrs.log"
    log.write_text("stu-0042 stu-00421 xstu-0042 ?agent=%22stu-0042%22 \\nstu-0042.\n")
    LeftoversRoom("leftovers", ("logs",)).erase(settings, SUBJECT)
    assert log.read_text() == "******** stu-00421 xstu-0042 ?agent=%22********%22 \\n********.\n"


def test_what_names_another_tenants_person_is_not_this_one(settings: Settings) -> None:
    frame = pl.DataFrame({"tenant": ["t", "u"], "value": ["nobody", ADDRESS]})
    frame.write_parquet(settings.home.reports / "both.parquet")
    for tenant in ("t", "u"):
        folder = settings.home.lake_statements / f"tenant={tenant}" / "stored_date=2026-01-01"
        folder.mkdir(parents=True)
        frame.select("value").write_parquet(folder / "part.parquet")
    assert {hit.path for hit in scan(settings, SUBJECT).hits} == {
        "lake/statements/tenant=t/stored_date=2026-01-01/part.parquet"
    }


def test_an_attachment_that_names_the_person_goes_in_this_tenant_only(settings: Settings) -> None:
    for tenant in ("t", "u"):
        folder = settings.home.attachments / tenant / "ab"
        folder.mkdir(parents=True)
        (folder / "abcd").write_bytes(
            b"eyJh." + base64.urlsafe_b64encode(f'{{"mbox":"mailto:{ADDRESS}"}}'.encode()) + b".c2ln"
        )
        (folder / "abce").write_bytes(b"an essay on whales")
    LeftoversRoom("leftovers", (), also=("attachments",)).erase(settings, SUBJECT)
    left = sorted(
        str(path.relative_to(settings.home.attachments)) for path in settings.home.attachments.rglob("ab??")
    )
    assert left == ["t/ab/abce", "u/ab/abcd", "u/ab/abce"]


def test_whoever_asks_for_a_scan_keeps_its_locks(settings: Settings) -> None:
    """Closing any file drops all POSIX locks that the process has on it (sqlite.org/howtocorrupt.html, 2.2)."""
    path = settings.home.logs / "in-use.db"
    taking = f"import sqlite3; sqlite3.connect({str(path)!r}, timeout=0).execute('begin immediate')"
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("create table t (a text)")
        connection.execute("begin immediate")
        assert scan(settings, SUBJECT).files
        other = subprocess.run([sys.executable, "-c", taking], capture_output=True, text=True, check=False)
        assert "database is locked" in other.stderr


def test_a_file_named_after_the_person_is_found_and_one_that_cannot_be_read_is_told(
    settings: Settings,
) -> None:
    (settings.home.reports / "stu-0042.txt").write_text("nothing")
    (settings.home.reports / "broken.parquet").write_bytes(b"PAR1 and then nothing")
    report = scan(settings, SUBJECT)
    assert [(hit.path, hit.place) for hit in report.hits] == [("reports/stu-0042.txt", "the file's name")]
    assert len(report.unread) == 1
    assert report.unread[0].startswith("reports/broken.parquet: ")


@pytest.mark.parametrize(
    "text",
    [
        "stu-00421",
        "xstu-0042",
        "joann.smith+a@school.example",
        f"{ADDRESS}.au",
        "stu",
        "p_0123456789abcdef012345678",
    ],
)
def test_a_longer_name_is_another_name(text: str) -> None:
    assert not Matcher(needles_of(SUBJECT)).labels(f"it is {text}, who came")


def test_words_and_short_numbers_are_looked_for_only_as_an_account() -> None:
    subject = Subject("t", ("p_a1b2c3",), (Identifier.account("https://lms.example", "student"),), ())
    matcher = Matcher(needles_of(subject))
    assert not matcher.labels("the role student")
    for text in (
        '{"account":{"homePage":"https://lms.example","name":"student"}}',
        '{"account": {"name": "student", "homePage": "https://lms.example"}}',
        "account\nhttps://lms.example\nstudent",
    ):
        assert matcher.labels(text) == {"identifier 1 (account)"}, text


@hypothesis_settings(deadline=None)
@given(
    text=st.text(
        st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]), min_size=6, max_size=30
    ).filter(lambda text: not text.isalpha() and text.strip() == text),
    number=st.integers(0, 40),
)
def test_every_spelling_is_a_candidate(text: str, number: int) -> None:
    matcher = Matcher([Needle("it", text)])
    spelt = sorted(encodings(text))
    assert matcher.candidates(pa.array(["nobody", f"<{spelt[number % len(spelt)]}>", ""])) == [1]
    assert matcher.labels(f"<{text}>") == {"it"}


@hypothesis_settings(deadline=None)
@given(
    texts=st.lists(
        st.lists(
            st.sampled_from(["stu", "-0042", "STU-0042", ADDRESS[:9], ADDRESS[9:], ADDRESS, "p_x", "é", ""])
        ).map("".join),
        max_size=20,
    ),
    kind=st.sampled_from([pa.string(), pa.large_string(), pa.string_view(), pa.binary()]),
    skipped=st.integers(0, 3),
)
def test_no_row_is_missed_among_its_neighbours(texts: list[str], kind: pa.DataType, skipped: int) -> None:
    """Rows are searched as they lie in memory, one after the other: ends and beginnings together make names that are none."""
    matcher = Matcher([*needles_of(SUBJECT), *(Needle(f"{n}", f"another-{n}") for n in range(20))])
    array = pa.array(texts, pa.string()).cast(kind)[skipped:]
    found = matcher.candidates(array)
    named = [
        row
        for row, text in enumerate(texts[skipped:])
        if "stu-0042" in text.lower() or ADDRESS.lower() in text.lower()
    ]
    assert set(named) <= set(found)


def test_the_plants_cover_every_format(tmp_path: Path) -> None:
    assert (
        len(plant(tmp_path, "x-1-2-3")) == len(PLANTS) == len(list(tmp_path.iterdir())) - 1
    )  # log.db has a -wal
