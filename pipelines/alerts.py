"""Tells somebody that a run has failed: a command or an address from the settings. What is told names no person and no value.

An error's text may quote rows, so that only its kind goes out; the run's page has the rest, for those who may log in there.
"""

from __future__ import annotations

import json
import shlex
import subprocess
import urllib.request
from typing import Any

import dagster as dg

from learnlake.clock import utc_now
from learnlake.errors import PipelineError
from learnlake.settings import Settings

TIMEOUT_SECONDS = 20.0


def failure_sensor(settings: Settings) -> dg.SensorDefinition:
    """Alerts once for each failed run of any job, runs included that died with their process."""

    @dg.run_failure_sensor(
        name="failure_alert",
        minimum_interval_seconds=30,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Tells of failed runs by LEARNLAKE_ALERT_COMMAND and LEARNLAKE_ALERT_URL.",
    )
    def failure_alert(context: dg.RunFailureSensorContext) -> None:
        steps = {event.step_key: event for event in context.get_step_failure_events() if event.step_key}
        errors = [event.step_failure_data.error for event in steps.values()]
        send(
            settings,
            alert(
                job=context.dagster_run.job_name,
                run_id=context.dagster_run.run_id,
                steps=sorted(steps),
                kinds=sorted({_kind(error) for error in errors if error}),
            ),
        )

    return failure_alert


def alert(*, job: str, run_id: str, steps: list[str], kinds: list[str]) -> dict[str, Any]:
    """What is told of a failed run."""
    return {
        "what": "A pipeline run has failed; the last published build stands.",
        "job": job,
        "run_id": run_id,
        "failed_steps": steps,
        "error_kinds": kinds,
        "at": utc_now().isoformat(timespec="seconds"),
        "mend": "docs/operators.md, When something fails; the run's page in Dagster has the error",
    }


def send(settings: Settings, told: dict[str, Any]) -> None:
    """Give `told` as JSON to the command's standard input and post it to the address. PipelineError where either fails."""
    body = json.dumps(told).encode()
    if settings.alert_command:
        _run(settings.alert_command, body)
    if settings.alert_url:
        _post(settings.alert_url.get_secret_value(), body)


def _run(command: str, body: bytes) -> None:
    try:
        done = subprocess.run(
            shlex.split(command), input=body, capture_output=True, timeout=TIMEOUT_SECONDS, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise _not_sent("alert_command", type(error).__name__) from None
    if done.returncode != 0:
        raise _not_sent("alert_command", f"exit code {done.returncode}")


def _post(url: str, body: bytes) -> None:
    request = urllib.request.Request(
        url, data=body, headers={"Content-Type": "application/json"}, method="POST"
    )
    try:
        with urllib.request.urlopen(request, timeout=TIMEOUT_SECONDS):
            pass
    except OSError as error:  # the address itself may be a secret: it is not told
        raise _not_sent("alert_url", type(error).__name__) from None


def _not_sent(setting: str, why: str) -> PipelineError:
    return PipelineError(
        "A failed run could not be told.",
        where=f"setting {setting}: {why}",
        mend="try the command or address by hand; docs/operators.md has examples",
    )


def _kind(error: Any) -> str:
    """The class of what went wrong first, without its words."""
    while error.cause:
        error = error.cause
    return str(error.cls_name or "Error")
