"""The shapes that packages come in: folders, zips, broken files, the published example sets."""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest
from sqlalchemy import Engine

from learnlake.errors import InputError, RosterError
from learnlake.settings import Settings
from people.oneroster import import_roster
from people.oneroster.binding import FILES
from people.oneroster.lenient import mend_dates, mend_header
from tests.people.imports import counts_of, everything, import_into
from tests.people.rosters import HOME_PAGE, small_school


@pytest.mark.parametrize(
    "shape", ["top", "in a folder", "byte order mark", "windows lines", "other column order"]
)
def test_packages_come_in_many_shapes(settings: Settings, tmp_path: Path, shape: str) -> None:
    folder = small_school().write(tmp_path / "r")
    path = folder
    if shape in ("top", "in a folder"):
        path = tmp_path / "r.zip"
        with zipfile.ZipFile(path, "w") as archive:
            for file in folder.iterdir():
                archive.write(file, f"roster/{file.name}" if shape == "in a folder" else file.name)
    for file in folder.iterdir():
        if shape == "byte order mark":
            file.write_bytes(b"\xef\xbb\xbf" + file.read_bytes())
        elif shape == "windows lines":
            file.write_bytes(file.read_bytes().replace(b"\r\n", b"\n").replace(b"\n", b"\r\n") + b"\r\n\r\n")
        elif shape == "other column order":
            frame = pl.read_csv(file, infer_schema=False)
            frame.select(reversed(frame.columns)).write_csv(file)
    assert counts_of(import_roster(settings, "t", path, home_page=HOME_PAGE))["person"] == (8, 0, 0, 0)


def test_an_unread_manifest_or_nothing_at_all_is_refused(settings: Settings, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="neither a folder nor a zip"):
        import_roster(settings, "t", tmp_path / "none", home_page=HOME_PAGE)
    (tmp_path / "empty").mkdir()
    with pytest.raises(RosterError, match="manifest"):
        import_roster(settings, "t", tmp_path / "empty", home_page=HOME_PAGE)
    with pytest.raises(InputError, match="not an address"):
        import_into(settings, small_school(), tmp_path / "r", home_page="no address")
    with pytest.raises(InputError, match="tenant"):
        import_roster(settings, "No Tenant", tmp_path / "r", home_page=HOME_PAGE)


@pytest.mark.parametrize(
    ("file", "change", "named"),
    [
        ("users.csv", lambda t: t.replace("givenName", "givenNmae"), "users.csv, line 1, givenNmae: OneRoster has no such column; did you mean givenName"),
        ("users.csv", lambda t: t.replace("givenName", "givenNmae"), "users.csv, line 1, givenName: the required column is missing"),
        ("orgs.csv", lambda t: t.replace("District,", "District,x,y,", 1), "orgs.csv, line 2: has 9 fields, the header has 7"),
        ("orgs.csv", lambda t: t.replace(",school,,d", "", 1), "orgs.csv, line 3: has 4 fields, the header has 7"),
        ("orgs.csv", lambda t: t.replace("North", '"North', 1), "orgs.csv, line 3: cannot be read as CSV"),
        ("orgs.csv", lambda t: t.replace("North", "Nörd", 1).encode("latin-1"), "orgs.csv, line 3: is not UTF-8"),
        ("orgs.csv", lambda t: t.replace("identifier", "name"), "orgs.csv, line 1: the column name is there twice"),
        ("orgs.csv", lambda t: "", "orgs.csv, line 1: the header row is missing"),
        ("orgs.csv", None, "orgs.csv: is missing, but manifest.csv says that it is here (bulk)"),
        ("userprofiles.csv", lambda t: "a,b\n", "userprofiles.csv: OneRoster 1.2 has no such file; did you mean userProfiles.csv?"),
        ("results.csv", lambda t: "a,b\n", "results.csv: is here, but manifest.csv says that it is absent"),
        ("manifest.csv", lambda t: t.replace("oneroster.version,1.2", "oneroster.version,2.0"), "manifest.csv, line 3, oneroster.version: '2.0' is not one of 1.1, 1.2"),
        ("manifest.csv", lambda t: t.replace("file.orgs,bulk", "file.orgs,full"), "manifest.csv, line 4, file.orgs: 'full' is not one of absent, bulk, delta"),
    ],
)  # fmt: skip
def test_a_broken_file_is_named(
    settings: Settings, tmp_path: Path, file: str, change: Callable[[str], str | bytes] | None, named: str
) -> None:
    folder = small_school().write(tmp_path / "r")
    path = folder / file
    if change is None:
        path.unlink()
    else:
        text = change(path.read_bytes().decode() if path.exists() else "")
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(RosterError) as caught:
        import_roster(settings, "t", folder, home_page=HOME_PAGE)
    assert any(problem.startswith(named) for problem in caught.value.problems), caught.value.problems


def _change(folder: Path, file: str, old: str, new: str) -> None:
    path = folder / file
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def _misspell(folder: Path) -> None:
    _change(folder, "users.csv", "familyName", "familyNmae")
    _change(folder, "users.csv", "preferredGivenName", "prefferedGivenName")
    _change(folder, "classes.csv", "courseSourcedId", "Course SourcedID")
    (folder / "orgs.csv").rename(folder / "Orgs.csv")
    _change(folder, "academicSessions.csv", "2026-08-01", "08/01/2026")
    _change(folder, "academicSessions.csv", "2026-12-31", "12/31/2026")
    _change(folder, "academicSessions.csv", "2027-07-31", "20270731")
    rows = (folder / "courses.csv").read_text().splitlines()
    (folder / "courses.csv").write_text("\n".join([rows[0] + ",,", *rows[1:]]) + "\n")


def test_misspelt_names_and_odd_dates_are_refused_and_taken_when_lenient(
    engine: Engine, settings: Settings, tmp_path: Path
) -> None:
    import_into(settings, small_school(), tmp_path / "right")
    before = everything(engine)
    folder = small_school().write(tmp_path / "r")
    _misspell(folder)
    with pytest.raises(RosterError) as caught:
        import_roster(settings, "t", folder, home_page=HOME_PAGE)
    for reason in (
        "familyNmae: OneRoster has no such column",
        "'08/01/2026' is not a date",
        "Orgs.csv: OneRoster",
    ):
        assert any(reason in problem for problem in caught.value.problems), reason
    report = import_roster(settings, "t", folder, home_page=HOME_PAGE, lenient=True)
    assert not report.is_changed
    assert everything(engine) == before
    for warning in (
        "Orgs.csv: taken for orgs.csv",
        "users.csv, line 1, familyNmae: taken for familyName",
        "users.csv, line 1, prefferedGivenName: taken for preferredGivenName",
        "classes.csv, line 1, Course SourcedID: taken for courseSourcedId",
        "academicSessions.csv, line 2, startDate: '08/01/2026' taken for 2026-08-01",
        "academicSessions.csv, line 3, endDate: '12/31/2026' taken for 2026-12-31",
        "academicSessions.csv, line 4, endDate: '20270731' taken for 2027-07-31",
    ):
        assert warning in report.warnings
    assert len(report.warnings) == 9


@pytest.mark.parametrize(
    ("written", "taken"),
    [
        (["2026-08-01"], ["2026-08-01"]),
        (["2026/8/1", "2026.08.02"], ["2026-08-01", "2026-08-02"]),
        (["13/08/2026", "1/2/2026"], ["2026-08-13", "2026-02-01"]),
        (["08/13/2026", "1/2/2026"], ["2026-08-13", "2026-01-02"]),
        (["1/2/2026"], ["1/2/2026"]),  # one of two days: refused later
        (["13/08/2026", "08/13/2026"], ["13/08/2026", "08/13/2026"]),
        (["5/5/2026"], ["2026-05-05"]),
        (["31.02.2026"], ["31.02.2026"]),
        (["2026-08-01T10:00:00Z"], ["2026-08-01"]),
        (["summer", None, "01/02/26"], ["summer", None, "01/02/26"]),
    ],
)
def test_a_date_is_mended_when_it_has_one_meaning(written: list[str | None], taken: list[str | None]) -> None:
    frame = pl.DataFrame(
        {"beginDate": written, "_line": range(2, len(written) + 2)}, schema_overrides={"beginDate": pl.String}
    )
    warnings: list[str] = []
    mended = mend_dates(FILES["1.2"]["enrollments"], frame, warnings)
    assert mended["beginDate"].to_list() == taken
    assert len(warnings) == sum(old != new for old, new in zip(written, taken, strict=True))


def test_a_name_that_could_be_two_is_not_guessed(tmp_path: Path) -> None:
    frame = pl.DataFrame({"preferred": ["x"], "_line": [2]})
    assert mend_header(FILES["1.2"]["users"], frame, []).columns == ["preferred", "_line"]


_MISSING_IN_BOTH = [
    "academicSessions.csv, line 3, parentSourcedId: 'as-syr-222-2023' is not a sourcedId of academicSessions.csv",
    "academicSessions.csv, line 4, status: 'inactive' is not one of active, tobedeleted",
    "academicSessions.csv, line 6, parentSourcedId: 'as-syr-222-2023' is not a sourcedId of academicSessions.csv",
    "classes.csv, line 2, classType: 'Scheduled' is not one of homeroom, scheduled",
    "classes.csv, line 2, courseSourcedId: 'crs-222-2023-456-12345' is not a sourcedId of courses.csv",
    "classes.csv, line 3, courseSourcedId: 'crs-222-2023-456-23456' is not a sourcedId of courses.csv",
    "orgs.csv, line 2, parentSourcedId: 'org-sch-222-3456' is not a sourcedId of orgs.csv",
]


@pytest.mark.real_data
@pytest.mark.parametrize(
    ("name", "strict", "lenient"),
    [
        ("oneroster_test_data.zip", [], []),
        (
            "Test_full_data_set.zip",
            ["users.csv, line 2, dateLastModified: '2023-05-01' is not a date and time"],
            _MISSING_IN_BOTH,
        ),
        (
            "v1p2_full_dataset.zip",
            [
                "userprofiles.csv: OneRoster 1.2 has no such file; did you mean userProfiles.csv?",
                "roles.csv, line 1: column 10 has no name",
                "users.csv, line 1, prefferedGivenName: OneRoster has no such column; did you mean preferredGivenName?",
                "users.csv, line 2, dateLastModified: '1/05/2023' is not a date and time",
            ],
            [
                "userProfiles.csv: is here, but manifest.csv says that it is absent",
                *_MISSING_IN_BOTH,
            ],
        ),
    ],
)
def test_the_published_sets_are_taken_or_refused_for_named_reasons(
    settings: Settings, public_data: Path, name: str, strict: list[str], lenient: list[str]
) -> None:
    """`strict` are reasons that only the default names; `lenient` is all that is left to refuse when lenient."""
    path = public_data / "oneroster" / name
    for is_lenient, reasons in ((False, strict + lenient[-len(_MISSING_IN_BOTH) :]), (True, lenient)):
        if not reasons:
            report = import_roster(settings, "t", path, home_page=HOME_PAGE, lenient=is_lenient)
            assert sum(counts_of(report)["enrolment"]) == 1
            continue
        with pytest.raises(RosterError) as caught:
            import_roster(settings, "t", path, home_page=HOME_PAGE, lenient=is_lenient)
        problems = caught.value.problems
        for reason in reasons:
            assert any(problem.startswith(reason) for problem in problems), reason
        assert not is_lenient or problems == reasons
