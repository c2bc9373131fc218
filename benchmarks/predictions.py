"""Predictions over HTTP at 64 connections, beside a bare ASGI server in the same run; and what one answer costs. `python -m benchmarks.predictions`.

Students are drawn at random over the whole school. The first round pays for audit entries and consents of each student, the second is the steady
state. The bare server answers 200 with a body of the same size: what this machine and the generator can do at all.
"""

from __future__ import annotations

import argparse
import asyncio
import datetime as dt
import random
import statistics
import sys
import tempfile
import time
import uuid
from pathlib import Path

import polars as pl
from sqlalchemy import insert

from benchmarks._load import Measured, measure, request_bytes, served
from learnlake.settings import Settings
from models import live, registry
from models.card import REQUIRED_FACTS
from models.mastery import MasteryModel, SkillParameters
from people import roster_clients
from people.db import open_people, writing
from people.tables import person
from tests.warehouse.fixtures import publish_rows

FLOOR_MS = 20.0
ANSWER_FLOOR_MS = 1.0
CONNECTIONS = 64
SKILLS = 20
TENANT, SOURCE = "t", "https://sis.example"
NAME = registry.model_name("mastery", TENANT)
BARE = """
import argparse
from learnlake.serving import serve_here
from learnlake.settings import get_settings
parser = argparse.ArgumentParser()
parser.add_argument("--bytes", type=int)
parser.add_argument("--port", type=int)
given = parser.parse_args()
body = b" " * given.bytes
async def application(scope, receive, send):
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})
serve_here(application, get_settings(), host="127.0.0.1", port=given.port)
"""
SERVE = """
import argparse
from api.server import serve
from learnlake.settings import get_settings
parser = argparse.ArgumentParser()
parser.add_argument("--port", type=int)
serve(get_settings(), host="127.0.0.1", port=parser.parse_args().port)
"""


def main() -> int:
    """Build a school, serve it, measure, print; 1 when a floor is missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--students", type=int, default=2000)
    parser.add_argument("--seconds", type=float, default=5.0)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="learnlake-predictions-") as folder:
        home = Path(folder)
        token = _school(Settings(LEARNLAKE_HOME=home), given.students)  # type: ignore[call-arg]
        met = _measure(home, token, given.students, given.seconds)
    return 0 if met & _one_answer() else 1


def _school(settings: Settings, students: int) -> str:
    """A home with people, a champion and a build; answers a system's token."""
    settings.home.create()
    engine = open_people(settings)
    keys = [_key(n) for n in range(students)]
    with writing(engine) as connection:
        connection.execute(
            insert(person),
            [
                {"tenant": TENANT, "source": SOURCE, "person_key": k, "kind": "rostered", "role": "student"}
                for k in keys
            ],
        )
    made, secret = roster_clients.create(
        engine, tenant=TENANT, home_page=SOURCE, name="LMS", scopes=("predictions", "answers")
    )
    token = roster_clients.issue_token(engine, made.client_id, secret, ())[0]
    engine.dispose()
    model = _model()
    card = {fact: {} if fact == "data" else "of the benchmark" for fact in REQUIRED_FACTS}
    registry.promote(
        settings.home, NAME, registry.register(settings.home, NAME, model, metrics={}, card=card)
    )
    rows = pl.DataFrame({"person_key": keys}).join(
        pl.DataFrame({"skill_key": [f"t:s{n}" for n in range(SKILLS)]}), how="cross"
    )
    guarded = rows.with_columns(
        tenant=pl.lit(TENANT), school_key=pl.lit("t:a"), section_key=pl.lit("t:b"), course_key=pl.lit("t:c")
    )
    mastery = guarded.with_columns(
        mastery=pl.lit(0.6), opportunity_count=pl.lit(5), correct_count=pl.lit(3), model_version=pl.lit("1")
    )
    statements = guarded.select(
        "tenant", "person_key", statement_id=pl.format("{}-{}", "person_key", "skill_key")
    )
    publish_rows(settings.home, {"prd_mastery": mastery, "fct_statement": statements})
    return token


def _model() -> MasteryModel:
    parameters = SkillParameters(0.3, 0.1, 0.0, 0.2, 0.1)
    return MasteryModel({f"t:s{n}": parameters for n in range(SKILLS)}, parameters, tenant=TENANT)


def _key(number: int) -> str:
    return f"p_{number:024x}"


def _measure(home: Path, token: str, students: int, seconds: float) -> bool:
    environment = {"LEARNLAKE_HOME": str(home), "LEARNLAKE_CONFIG": "/nonexistent"}
    head = f"Host: localhost\r\nAuthorization: Bearer {token}\r\n"
    draw = random.Random(7)
    asked = [
        f"GET /v1/people/{_key(draw.randrange(students))}/mastery HTTP/1.1\r\n{head}\r\n".encode()
        for _ in range(200_000)
    ]
    print(
        f"{students:,} students with {SKILLS} skills each, {CONNECTIONS} connections, {seconds:g} s a round"
    )
    with served([sys.executable, "-c", SERVE], environment) as (port, pid):
        size = len(_one(port, token))
        first = _round("mastery, each student for the first time", port, pid, asked[: 2 * students], 600.0)
        again = _round("mastery, drawn at random", port, pid, asked, seconds)
        posts = [
            request_bytes(
                f"/v1/people/{_key(draw.randrange(students))}/answers",
                f'{{"statement_id": "{uuid.uuid4()}", "skill_key": "t:s{draw.randrange(SKILLS)}", "is_correct": true}}'.encode(),
                {"Authorization": f"Bearer {token}"},
            )
            for _ in range(5_000)
        ]
        _round("answers reported (each in the audit trail)", port, pid, posts, seconds)
    with served([sys.executable, "-c", BARE, "--bytes", str(size)], environment) as (port, pid):
        bare = _round(f"bare ASGI server, the same {size:,} bytes", port, pid, asked, seconds)
    assert set(first.statuses) == set(again.statuses) == {200}, (first.statuses, again.statuses)
    p95 = again.percentile_ms(0.95)
    print(
        f"p95 {p95:.1f} ms (wanted {FLOOR_MS:g}), {p95 / bare.percentile_ms(0.95):.1f} times the bare server's"
    )
    return p95 < FLOOR_MS


def _one(port: int, token: str) -> bytes:
    import httpx

    answer = httpx.get(
        f"http://127.0.0.1:{port}/v1/people/{_key(0)}/mastery",
        headers={"Authorization": f"Bearer {token}"},
        trust_env=False,
        timeout=60,
    )
    assert answer.status_code == 200, answer.text
    return answer.content


def _round(name: str, port: int, pid: int, requests: list[bytes], seconds: float) -> Measured:
    found = asyncio.run(measure(port, pid, requests, connections=CONNECTIONS, seconds=seconds))
    cpu = found.server_cpu / found.requests * 1000
    print(
        f"{name:<46} {found.requests / found.seconds:8,.0f}/s  p50 {found.percentile_ms(0.5):6.1f} ms  "
        f"p95 {found.percentile_ms(0.95):6.1f} ms  server CPU {cpu:.3f} ms",
        flush=True,
    )
    return found


def _one_answer() -> bool:
    """What one answer costs the estimate itself, of a person with many skills and many answers before."""
    model, estimates = _model(), {}
    keys = dict.fromkeys(("school_key", "section_key", "course_key"))
    held = live.Person("b", "1", estimates, {})
    times = []
    for number in range(live.LIVE_ANSWERS_MAX):
        answer = live.Answer(str(number), f"t:s{number % SKILLS}", None, number % 3 > 0, _NOON)
        started = time.perf_counter()
        held.take(model, answer, keys)
        times.append((time.perf_counter() - started) * 1000)
    early, late = statistics.median(times[:1000]), statistics.median(times[-1000:])
    print(
        f"one answer moves the estimate in {early:.4f} ms at first, {late:.4f} ms after {len(times):,} (wanted under {ANSWER_FLOOR_MS:g} ms)"
    )
    return late < ANSWER_FLOOR_MS


_NOON = dt.datetime(2026, 11, 20, 12, tzinfo=dt.UTC)

if __name__ == "__main__":
    sys.exit(main())
