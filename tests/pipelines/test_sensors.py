"""Each source of change has a sensor that sees it and no other; a failed run is told once, without anything personal."""

from __future__ import annotations

import datetime as dt
import json
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import dagster as dg
import polars as pl
import pytest

from learnlake.errors import PipelineError
from learnlake.settings import Settings
from pipelines import alerts, sensors
from pipelines.policies import ATTEMPTS, REASONS_TAG, SOURCE_TAG, STATE_TAG
from tests.warehouse.fixtures import publish_rows
from tests.warehouse.sealed import ITEM, VIEWED, activity, seal, statement
from warehouse import generations, snapshot
from warehouse.watermark import observe

AT = dt.datetime(2026, 11, 2, 12, tzinfo=dt.UTC)
SECRET_WORDS = "Ada Byron answered 7"


@dg.op
def work() -> None:
    raise ValueError(SECRET_WORDS)


@dg.job(name="incremental")
def incremental() -> None:
    work()


def published(settings: Settings) -> None:
    """A published build that has everything there is now."""
    folder = publish_rows(settings.home, {"dim_person": [{"tenant": "t", "person_key": "p"}]})
    build = json.loads((folder / "build.json").read_text())
    build["watermark"] = json.loads(observe(settings.home, settings, {}).to_json())
    (folder / "build.json").write_text(json.dumps(build))
    assert snapshot.read_build(folder).watermark


def fired(settings: Settings, instance: dg.DagsterInstance) -> dict[str, dg.RunRequest]:
    """The sensors that ask for a run now."""
    found = {}
    for sensor in sensors.source_sensors(settings, incremental):
        with dg.build_sensor_context(instance=instance) as context:
            answer = sensor(context)
        if isinstance(answer, dg.RunRequest):
            found[sensor.name] = answer
    return found


def view() -> dict[str, object]:
    return statement("ada", VIEWED, activity("https://x.test/1", ITEM), at=AT)


def test_each_sensor_sees_its_own_source(settings: Settings) -> None:
    home = settings.home
    with dg.DagsterInstance.ephemeral() as instance:
        assert fired(settings, instance) == {}, "an empty home"
        seal(home, [view()], stored=AT)
        assert set(fired(settings, instance)) == {"new_statements"}
        published(settings)
        assert fired(settings, instance) == {}
        seal(home, [view()], stored=AT)
        request = fired(settings, instance)["new_statements"]
        assert request.tags[REASONS_TAG] == "1 statements sealed since"
        assert request.tags[SOURCE_TAG] == "new_statements"
        published(settings)
        generations.write(home.lake_people, {"person": pl.DataFrame({"tenant": ["t"]})})
        assert set(fired(settings, instance)) == {"new_roster"}
        published(settings)
        generations.write(home.lake_catalogue, {"skill": pl.DataFrame({"tenant": ["t"]})})
        assert set(fired(settings, instance)) == {"new_catalogue"}
        published(settings)
        champion = home.mlflow / "champions" / "risk.json"
        champion.parent.mkdir(parents=True)
        champion.write_text(json.dumps({"version": "2"}))
        assert set(fired(settings, instance)) == {"new_model"}
        champion.unlink()
        tomorrow = settings.model_copy(update={"today": dt.date(2030, 1, 1)})
        assert set(fired(tomorrow, instance)) == {"new_day"}


def test_a_state_that_failed_three_times_waits_for_somebody(settings: Settings) -> None:
    seal(settings.home, [view()], stored=AT)
    with dg.DagsterInstance.ephemeral() as instance:
        for attempt in range(ATTEMPTS):
            request = fired(settings, instance)["new_statements"]
            assert request.run_key.endswith(f"-{attempt}")
            incremental.execute_in_process(instance=instance, tags=request.tags, raise_on_error=False)
        assert fired(settings, instance) == {}
        seal(settings.home, [view()], stored=AT)
        assert set(fired(settings, instance)) == {"new_statements"}, "another state is tried"


@pytest.fixture
def webhook() -> Iterator[tuple[str, list[bytes]]]:
    """The address of a server on this machine, and what has been posted to it."""
    posted: list[bytes] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            posted.append(self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/hook", posted
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_failed_run_is_told_to_command_and_address_without_what_the_error_says(
    settings: Settings, tmp_path: Path, webhook: tuple[str, list[bytes]]
) -> None:
    url, posted = webhook
    told = tmp_path / "told.json"
    code = f"import sys, pathlib; pathlib.Path({str(told)!r}).write_bytes(sys.stdin.buffer.read())"
    command = f'{sys.executable} -c "{code}"'
    settings = Settings(LEARNLAKE_HOME=settings.home.path, alert_command=command, alert_url=url)  # type: ignore[call-arg]
    with dg.DagsterInstance.ephemeral() as instance:
        result = incremental.execute_in_process(
            instance=instance, raise_on_error=False, tags={STATE_TAG: "s"}
        )
        event = result.get_run_failure_event() if hasattr(result, "get_run_failure_event") else None
        event = event or next(e for e in result.all_events if e.event_type_value == "PIPELINE_FAILURE")
        context = dg.build_run_status_sensor_context(
            sensor_name="failure_alert",
            dagster_instance=instance,
            dagster_run=result.dagster_run,
            dagster_event=event,
        ).for_run_failure()
        alerts.failure_sensor(settings)(context)
    assert told.read_bytes() == posted[0]
    said = json.loads(told.read_text())
    assert (said["job"], said["failed_steps"]) == ("incremental", ["work"])
    assert said["run_id"] == result.run_id
    assert said["error_kinds"] == ["ValueError"]
    assert SECRET_WORDS not in told.read_text()


@pytest.mark.parametrize(
    "broken",
    [
        {"alert_command": "/no/such/command"},
        {"alert_command": f"{sys.executable} -c 'raise SystemExit(3)'"},
        {"alert_url": "http://127.0.0.1:9/secret-path"},
    ],
    ids=["no command", "a command that fails", "nobody listens"],
)
def test_an_alert_that_cannot_be_sent_says_so_and_keeps_the_address_to_itself(
    settings: Settings, broken: dict[str, str]
) -> None:
    settings = Settings(LEARNLAKE_HOME=settings.home.path, **broken)  # type: ignore[arg-type]
    with pytest.raises(PipelineError, match="could not be told") as error:
        alerts.send(settings, alerts.alert(job="j", run_id="r", steps=[], kinds=[]))
    assert "secret-path" not in str(error.value)
