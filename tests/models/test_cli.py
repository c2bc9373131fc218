"""The commands on files and on a published snapshot: figures, versions, and errors that say how to mend."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import duckdb
import polars as pl
import pytest
from typer.testing import CliRunner, Result

from cli.evaluate import app as evaluate_app
from cli.models import app
from learnlake.errors import InputError, ModelError
from learnlake.settings import Settings
from models import registry
from tests.models.attempts import draw_attempts
from tests.models.weeks import draw_school
from warehouse.snapshot import Build, publish


def run(*arguments: str) -> Result:
    command, *rest = arguments
    if command == "evaluate":
        return CliRunner().invoke(evaluate_app, rest, catch_exceptions=False)
    return CliRunner().invoke(app, arguments, catch_exceptions=False)


@pytest.fixture
def published(settings: Settings) -> Settings:
    """A home whose newest snapshot holds the marts that training reads, of one school."""
    weeks, outcomes, sessions = draw_school(sections=2, students=30)
    attempts = draw_attempts(students=60)
    people = pl.concat([attempts.select("person_key"), weeks.select("person_key")]).unique()
    marts = {
        "dim_person": people.with_columns(tenant=pl.lit("t"), allows_prediction=pl.lit(True)),
        "fct_attempt": attempts,
        "msr_student_week": weeks,
        "fct_outcome": outcomes,
        "dim_academic_session": sessions,
    }
    with duckdb.connect() as connection:
        for name, frame in marts.items():
            connection.register("frame", frame.to_arrow())
            connection.execute(f"create table main.{name} as from frame")
        build = Build("b1", "r1", "test", dt.datetime(2026, 11, 20, tzinfo=dt.UTC), dt.date(2026, 11, 20), 1)
        publish(settings.home, connection, build, kept=1)
    return settings


def test_train_promote_try_and_roll_back(published: Settings) -> None:
    first = run("train", "mastery").output
    assert "mastery-t version 1, champion" in first and "the first version" in first
    assert "risk-t version 1, champion" in run("train", "risk", "--tenant", "t").output
    second = run("train", "mastery").output
    assert "mastery-t version 2; fitted" in second, "nothing new to judge by: the champion stays"
    assert "kept: no whole week of answers since the champion learned" in second
    assert "has learned from the newest finished session" in run("train", "risk").output
    assert registry.champions(published.home) == {"mastery-t": "1", "risk-t": "1"}
    assert "mastery-t 2 beside 1" in run("canary", "mastery", "2", "--share", "0.3").output
    assert "2 beside 1" in registry.champions(published.home)["mastery-t"], "a trial makes the pipeline run"
    assert "canary" in run("models").output
    assert "has ended" in run("canary", "mastery").output
    with pytest.raises(InputError, match="no trial"):
        run("canary", "mastery", "2", "--share", "0.9")
    run("promote", "mastery", "2")
    assert registry.champion_version(published.home, "mastery-t") == "2"
    assert "version 1 scores" in run("rollback", "mastery").output
    listed = run("models").output
    assert listed.count("mastery-t") == 2 and listed.count("risk-t") == 2
    assert "rolled back by hand to" in listed and "the first version" in listed
    with pytest.raises(ModelError, match="no version 7"):
        run("promote", "mastery", "7")


def test_evaluate_reads_the_marts(published: Settings) -> None:
    mastery = run("evaluate", "mastery").output
    assert "five folds" in mastery and "BKT + forgetting" in mastery and "95 % interval" in mastery
    assert "not looked at before" in mastery
    again = run("evaluate", "mastery", "--only", "BKT").output
    assert "looked at 1 time before" in again and "boosted" not in again
    with pytest.raises(InputError, match="no member DKT"):
        run("evaluate", "mastery", "--only", "DKT")
    risk = run("evaluate", "risk").output
    assert "sessions from 2026-01-12 after training on 2025-09-01" in risk
    assert "mean auc" in risk
    with pytest.raises(InputError, match="no school x"):
        run("evaluate", "mastery", "--tenant", "x")


def test_evaluate_reads_files(settings: Settings, tmp_path: Path) -> None:
    attempts = draw_attempts(students=60).with_columns(
        pl.col("person_key").rank("dense").alias("user_id"),
        pl.col("skill_key").rank("dense").alias("skill_id"),
    )
    file = tmp_path / "responses.csv"
    attempts.select(
        "user_id", "skill_id", order_id="response_number", correct=pl.col("is_correct").cast(pl.Int8)
    ).write_csv(file)
    assert "five folds" in run("evaluate", "mastery", "--data", str(file), "--only", "BKT").output
    with pytest.raises(InputError, match="give one of the two"):
        run("evaluate", "mastery", "--data", str(file), "--from", "marts")
    with pytest.raises(InputError, match="no file of responses"):
        run("evaluate", "mastery", "--data", str(settings.home.logs))
    with pytest.raises(InputError, match="courses is not here"):
        run("evaluate", "risk", "--data", str(tmp_path))
