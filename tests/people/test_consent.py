"""Consents: recorded, refused, ended; who may give them; what the lake is told; guardians' sight around the 18th birthday."""

from __future__ import annotations

import calendar
import datetime as dt
import re
import tempfile
from collections.abc import Iterator
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from sqlalchemy import Engine, delete, insert
from typer.testing import CliRunner

from cli.audit import app as audit_app
from cli.consent import app
from learnlake.errors import InputError, SettingsError
from learnlake.settings import Settings, get_settings
from people import consent, consent_record, disclosures, lake, policy, trail
from people.age import age_on
from people.consent import Decision
from people.db import open_people, writing
from people.oneroster import import_roster
from people.purposes import PURPOSES, required
from people.roles import grant_role
from people.sessions import Viewer
from people.tables import consent as consent_table
from people.tables import demographics, guardianship, person
from tests.people.rosters import HOME_PAGE, small_school
from tests.scale import scaled

DAY = dt.date(2026, 11, 20)
PRIVACY = Path(__file__).resolve().parents[2] / "docs" / "privacy.md"
runner = CliRunner(env={"COLUMNS": "250"})


@pytest.fixture
def today(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LEARNLAKE_TODAY", DAY.isoformat())
    get_settings.cache_clear()


@pytest.fixture
def people(today: None, settings: Settings, tmp_path: Path) -> Iterator[tuple[Engine, dict[str, str]]]:
    """The small school on DAY, with birth dates: st1 is 12, st2 is 17, st3's isn't known. Answers engine and keys."""
    roster = small_school()
    roster.files["demographics"] = [
        {"sourcedId": "st1", "birthDate": "2014-05-01"},
        {"sourcedId": "st2", "birthDate": "2009-05-01"},
    ]
    import_roster(settings, "t", roster.write(tmp_path / "r"), home_page=HOME_PAGE)
    engine = open_people(settings)
    with engine.connect() as connection:
        keys = {row.sourced_id: row.person_key for row in connection.execute(person.select())}
    yield engine, keys
    engine.dispose()


def _say(
    engine: Engine, key: str, purpose: str, decision: str = "given", by: str = "guardian", **more: object
) -> None:
    said = Decision(key, purpose, decision, by, more.pop("on", DAY), **more)  # type: ignore[arg-type]
    consent_record.record(engine, "t", [said], actor_key="operator:1")


def test_without_an_answer_the_settings_decide(people: tuple[Engine, dict[str, str]]) -> None:
    engine, keys = people
    answers = {purpose: consent.allows(engine, "t", keys["st1"], purpose) for purpose in PURPOSES}
    assert answers == {"prediction": True, "leaderboard": False, "research": False, "guardian-access": False}


def test_the_newest_answer_that_holds_decides(people: tuple[Engine, dict[str, str]]) -> None:
    engine, keys = people
    key = keys["st1"]
    _say(engine, key, "research", on=DAY - dt.timedelta(days=30), giver_key=keys["g1"])
    assert consent.allows(engine, "t", key, "research")
    _say(engine, key, "research", "withdrawn", "student")
    assert not consent.allows(engine, "t", key, "research")
    _say(engine, key, "research", by="school", on=DAY - dt.timedelta(days=10))  # recorded late, said before
    assert not consent.allows(engine, "t", key, "research")
    _say(engine, key, "research", by="school", until_date=DAY)
    assert consent.allows(engine, "t", key, "research")
    with engine.connect() as connection:
        tomorrow = consent.allowed(
            connection, get_settings(), "t", [key], "research", DAY + dt.timedelta(days=1)
        )
    assert tomorrow == set()  # the one until today has ended, the withdrawal is the newest that holds
    assert [said.decision for said in consent.history(engine, "t", key)] == [
        "given",
        "withdrawn",
        "given",
        "given",
    ]


@pytest.mark.parametrize(
    ("who", "purpose", "by", "more", "told"),
    [
        ("st1", "research", "student", {}, "doesn't count: under 16"),
        ("st3", "research", "student", {}, "doesn't count: no birth date is known"),
        ("st1", "research", "guardian", {"giver_key": "t-a"}, "is no guardian of this person"),
        ("st2", "research", "guardian", {"giver_key": "g1"}, "is no guardian of this person"),
        (
            "st2",
            "guardian-access",
            "student",
            {},
            "Only the student decides about guardians' sight, and only from 18",
        ),
        ("st3", "guardian-access", "guardian", {}, "Only the student decides"),
        ("st1", "fame", "guardian", {}, "'fame' is not a purpose"),
        ("st1", "research", "neighbour", {}, "'neighbour' gives no consent"),
        ("st1", "research", "guardian", {"on": DAY + dt.timedelta(days=1)}, "begins today or before"),
        ("st1", "research", "guardian", {"until_date": DAY - dt.timedelta(days=1)}, "begins today or before"),
        ("nobody", "research", "guardian", {}, "There is no person"),
    ],
)
def test_a_consent_that_may_not_be_given_is_refused(
    people: tuple[Engine, dict[str, str]], who: str, purpose: str, by: str, more: dict, told: str
) -> None:
    engine, keys = people
    if "giver_key" in more:
        more = {"giver_key": keys[more["giver_key"]]}
    with pytest.raises(InputError, match=told):
        _say(engine, keys.get(who, "p_nobody"), purpose, by=by, **more)
    assert consent.history(engine, "t", keys["st1"]) == []


def test_a_student_old_enough_decides_alone(people: tuple[Engine, dict[str, str]]) -> None:
    engine, keys = people
    _say(engine, keys["st2"], "research", by="student")
    assert consent.allows(engine, "t", keys["st2"], "research")


def test_coppa_uses_nothing_of_a_child_without_a_guardian(
    people: tuple[Engine, dict[str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    _, keys = people
    monkeypatch.setenv("LEARNLAKE_COPPA", "true")
    get_settings.cache_clear()
    strict = open_people(get_settings())
    allowed = {who: consent.allows(strict, "t", keys[who], "prediction") for who in ("st1", "st2", "st3")}
    assert allowed == {"st1": False, "st2": True, "st3": False}  # 12; 17; perhaps a child
    _say(strict, keys["st1"], "prediction", giver_key=keys["g1"])
    assert consent.allows(strict, "t", keys["st1"], "prediction")
    strict.dispose()


def test_the_lake_is_told_who_refused_and_only_when_something_changes(
    people: tuple[Engine, dict[str, str]], settings: Settings
) -> None:
    engine, keys = people
    first = lake.publish(engine, settings.home)
    assert lake.publish(engine, settings.home) == first
    _say(engine, keys["st2"], "prediction", "withdrawn", "student", until_date=DAY)
    second = lake.publish(engine, settings.home)
    assert second != first
    assert _refused(second, "prediction") == {keys["st2"]}
    assert _refused(second, "leaderboard") == set(keys.values())
    later = settings.model_copy(update={"today": DAY + dt.timedelta(days=1)})
    tomorrow = open_people(later)
    third = lake.publish(tomorrow, settings.home)
    tomorrow.dispose()
    assert third != second
    assert _refused(third, "prediction") == set()


def _refused(folder: Path, purpose: str) -> set[str]:
    rows = pl.read_parquet(folder / "refusal.parquet")
    return set(rows.filter(pl.col("purpose") == purpose)["person_key"])


def test_a_wrong_purpose_in_the_settings_is_named(settings: Settings) -> None:
    with pytest.raises(SettingsError, match="fame is not a purpose"):
        required(settings.model_copy(update={"consent_required": "research, fame"}))


def test_on_the_command_line(people: tuple[Engine, dict[str, str]], settings: Settings) -> None:
    _, keys = people

    def call(*arguments: str) -> str:
        done = runner.invoke(app, [*arguments, "--tenant", "t"], catch_exceptions=False)
        assert done.exit_code == 0
        return done.output

    call(
        "record", keys["st1"], "research", "--by", "guardian", "--giver", keys["g1"], "--until", "2027-07-31"
    )
    call("withdraw", keys["st1"], "prediction", "--by", "guardian")
    shown = call("list", keys["st1"])
    assert "2027-07-31" in shown
    assert "today prediction: not allowed" in shown
    assert "today research: allowed" in shown
    actions = {(e.action, e.resource) for e in trail.search(settings.home, person=keys["st1"])}
    assert ("consent-given", f"person:{keys['st1']} purpose:research") in actions
    assert ("consent-withdrawn", f"person:{keys['st1']} purpose:prediction") in actions


def test_a_file_of_consents_is_taken_whole_or_not_at_all(
    people: tuple[Engine, dict[str, str]], tmp_path: Path
) -> None:
    engine, keys = people
    file = tmp_path / "consents.csv"
    good = "sourced_id,purpose,decision,given_by,giver_key,on\nst1,research,given,guardian,g1,2026-09-01\n"

    def load() -> object:
        return runner.invoke(app, ["import", str(file), "--tenant", "t", "--home-page", HOME_PAGE])

    file.write_text(good + "st2,research,given,guardian,g1,2026-09-01\nst3,fame,given,guardian,,\n")
    refused = load()
    assert "nothing was recorded" in str(refused.exception)
    assert "is no guardian" in str(refused.exception)
    assert "'fame' is not a purpose" in str(refused.exception)
    file.write_text(good + "who,research,given,guardian,,tomorrow\n")
    assert "line 3: nobody is known as 'who'" in str(load().exception)
    assert not consent.allows(engine, "t", keys["st1"], "research")
    file.write_text(good)
    assert "1 decisions recorded" in load().output
    assert consent.allows(engine, "t", keys["st1"], "research")
    file.write_text("name,purpose\n")
    assert "lacking decision, given_by" in str(load().exception)


def test_the_documentation_shows_the_purposes() -> None:
    told = PRIVACY.read_text()
    for name, purpose in PURPOSES.items():
        assert f"| `{name}` | {purpose.text} | {purpose.legal_basis} |" in told
    assert re.search(r"learnlake consent record", told)


@pytest.fixture(scope="module")
def family() -> Iterator[Engine]:
    """A guardian and a child, in a people.db that all examples share."""
    with tempfile.TemporaryDirectory() as folder:
        engine = open_people(Settings(LEARNLAKE_HOME=Path(folder)))
        common = {"tenant": "t", "source": "test", "is_active": True}
        with writing(engine) as connection:
            connection.execute(
                insert(person), [{**common, "person_key": key, "kind": "rostered"} for key in ("p_c", "p_g")]
            )
            connection.execute(insert(guardianship).values(**common, guardian_key="p_g", person_key="p_c"))
            grant_role(connection, tenant="t", role="guardian", person_key="p_g")
        yield engine
        engine.dispose()


def _guardian_sees(engine: Engine, day: dt.date, **changed: object) -> bool:
    settings = Settings(LEARNLAKE_HOME=Path(engine.url.database or "").parent, today=day, **changed)  # type: ignore[call-arg]
    dated = open_people(settings)
    try:
        scope = policy.scope(dated, Viewer(1, "p_g", "t", "guardian", ("guardian",), "g"))
        return policy.filter_for(scope, "prd_mastery").values == (("p_c",),)
    finally:
        dated.dispose()


@hypothesis_settings(max_examples=scaled(30, 1000), deadline=None)
@given(
    born=st.dates(dt.date(1996, 1, 1), dt.date(2020, 12, 31)),
    days=st.integers(-400, 400),
    consents=st.lists(
        st.tuples(st.integers(-300, 300), st.booleans(), st.one_of(st.none(), st.integers(0, 200))),
        max_size=3,
    ),
)
def test_guardians_see_until_the_18th_birthday_and_after_it_with_consent(
    family, born, days, consents
) -> None:
    year = born.year + 18
    birthday = (
        dt.date(year, 3, 1)
        if (born.month, born.day) == (2, 29) and not calendar.isleap(year)
        else born.replace(year=year)
    )
    day = birthday + dt.timedelta(days=days)
    with writing(family) as connection:
        connection.execute(delete(demographics))
        connection.execute(delete(consent_table))
        connection.execute(
            insert(demographics).values(tenant="t", person_key="p_c", source="test", birth_date=born)
        )
        for on, agrees, length in consents:
            begins = birthday + dt.timedelta(days=on)
            connection.execute(
                insert(consent_table).values(
                    tenant="t",
                    person_key="p_c",
                    purpose="guardian-access",
                    decision="given" if agrees else "withdrawn",
                    given_by="student",
                    on_date=begins,
                    until_date=None if length is None else begins + dt.timedelta(days=length),
                    recorded_at=dt.datetime(2026, 1, 1),
                )
            )
    holding = [
        (on, number, agrees)
        for number, (on, agrees, length) in enumerate(consents)
        if on <= days and (length is None or on + length >= days)
    ]
    agrees = max(holding)[2] if holding else False
    assert _guardian_sees(family, day) == (days < 0 or agrees)
    assert age_on(born, birthday) == 18
    assert age_on(born, birthday - dt.timedelta(days=1)) == 17


@pytest.mark.parametrize("setting", [True, False])
def test_without_a_birth_date_the_setting_decides(family: Engine, setting: bool) -> None:
    with writing(family) as connection:
        connection.execute(delete(demographics))
        connection.execute(delete(consent_table))
    assert _guardian_sees(family, DAY, guardian_sight_without_birth_date=setting) is setting


def test_the_day_is_the_schools(family: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    """At 2026-11-20 11:30 UTC it is the 21st in Auckland: who turns 18 on the 21st is of age there already."""
    from learnlake import clock

    class At(dt.datetime):
        @classmethod
        def now(cls, tz=None):
            return dt.datetime(2026, 11, 20, 11, 30, tzinfo=dt.UTC).astimezone(tz)

    with writing(family) as connection:
        connection.execute(delete(consent_table))
        connection.execute(delete(demographics))
        connection.execute(
            insert(demographics).values(
                tenant="t", person_key="p_c", source="test", birth_date=dt.date(2008, 11, 21)
            )
        )
    monkeypatch.setattr(clock.dt, "datetime", At)
    settings = {"today": None}
    home = Path(family.url.database or "").parent
    for zone, sees in (("UTC", True), ("Pacific/Auckland", False)):
        engine = open_people(Settings(LEARNLAKE_HOME=home, time_zone=zone, **settings))  # type: ignore[call-arg,arg-type]
        scope = policy.scope(engine, Viewer(1, "p_g", "t", "guardian", ("guardian",), "g"))
        assert bool(policy.filter_for(scope, "prd_mastery").values) is sees
        engine.dispose()


def test_disclosures_are_listed_for_the_family(
    people: tuple[Engine, dict[str, str]], settings: Settings
) -> None:
    engine, keys = people
    common = {"purpose": "research", "what": "results", "actor_key": "operator:1"}
    disclosures.record(engine, "t", recipient="University", person_keys=[keys["st1"], keys["st2"]], **common)
    disclosures.record(engine, "t", recipient="State system", person_keys=None, **common)
    disclosures.record(engine, "u", recipient="Elsewhere", person_keys=None, **common)
    assert disclosures.end(engine, "t", recipient="State system", what="results", actor_key="operator:1") == 1
    told = runner.invoke(
        audit_app, ["disclosures", keys["st1"], "--tenant", "t", "--csv"]
    ).output.splitlines()
    assert [line.split(",")[1] for line in told[1:]] == ["University", "State system"]
    assert told[1].endswith(",once")
    assert [one.recipient for one in disclosures.of_person(engine, "t", keys["st3"])] == ["State system"]
    actions = [entry.action for entry in trail.search(settings.home)]
    assert actions[:5] == ["list-disclosures", "end-disclosure", "disclose", "disclose", "disclose"]
    with pytest.raises(InputError, match="needs a recipient"):
        disclosures.record(engine, "t", recipient=" ", person_keys=None, **common)


def test_a_refusal_of_an_unknown_actor_stays_when_a_roster_names_him(
    people: tuple[Engine, dict[str, str]],
) -> None:
    from people.takeover import take_over

    engine, keys = people
    _say(engine, keys["st3"], "prediction", "withdrawn")
    with writing(engine) as connection:
        take_over(connection, "t", other=keys["st3"], into_key=keys["st2"])
    assert not consent.allows(engine, "t", keys["st2"], "prediction")


def test_an_administrator_sees_records_by_a_further_role_only(people: tuple[Engine, dict[str, str]]) -> None:
    """The grant is a role, audited like every other, ended like every other."""
    for mart in ("prd_mastery", "fct_assessment_result", "fct_outcome", "msr_student_week", "prd_risk"):
        assert "administrator" not in policy.rule(mart).roles
        assert "principal" in policy.rule(mart).roles
