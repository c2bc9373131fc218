"""The statements that the LRS's benchmarks send: 200 shapes, many learners and items, 1 % of the requests broken."""

from __future__ import annotations

import base64
import json
import os
import random
import subprocess
import sys
import uuid
from collections.abc import Iterator, Mapping
from typing import Any

from benchmarks._load import request_bytes

KEY, SECRET = "bench", "bench"
LRS = [sys.executable, "-m", "cli.main", "lrs"]
SHAPES = 200
LEARNERS, ITEMS = 20_000, 5_000


def make_credential(environment: Mapping[str, str]) -> None:
    """KEY and SECRET in the store that `environment` names, which is made if need be."""
    made = [*LRS, "credential", "create", "--name", "bench", "--key", KEY, "--secret", SECRET]
    subprocess.run(made, env={**os.environ, **environment}, check=True, stdout=subprocess.DEVNULL)


def requests(count: int, size: int, *, is_cold: bool = False) -> list[bytes]:
    """POSTs of `size` statements each, as they go over the wire; one in a hundred holds a broken rule.

    Learners and items are drawn from a large district's; if `is_cold`, no two statements share one, so that nothing that the
    LRS remembers is of use.
    """
    headers = {
        "X-Experience-API-Version": "1.0.3",
        "Content-Type": "application/json",
        "Authorization": "Basic " + base64.b64encode(f"{KEY}:{SECRET}".encode()).decode(),
    }
    draw = random.Random(size)
    texts = [json.dumps(shape(draw, number))[1:] for number in range(SHAPES)]
    statements = _statements(draw, texts, is_cold=is_cold)
    made = []
    for number in range(count):
        batch = [next(statements) for _ in range(size)]
        if number % 100 == 99:
            batch[-1] = batch[-1].replace("http://adlnet.gov/expapi/verbs/", "no iri ", 1)
        body = batch[0] if size == 1 else f"[{', '.join(batch)}]"
        made.append(request_bytes("/xapi/statements", body.encode(), headers))
    return made


def _statements(draw: random.Random, texts: list[str], *, is_cold: bool) -> Iterator[str]:
    """Any learner with any item; an item is always described by the same shape."""
    number = 0
    while True:
        number += 1
        learner = number if is_cold else draw.randrange(LEARNERS)
        item = number if is_cold else draw.randrange(ITEMS)
        text = texts[item % SHAPES].replace("LEARNER", str(learner)).replace("ITEM", str(item))
        yield f'{{"id": "{uuid.UUID(int=draw.getrandbits(128), version=4)}", {text}'


def shape(draw: random.Random, number: int) -> dict[str, Any]:
    """One of the shapes: which parts a statement has, how long its texts are, how its actor is identified."""
    actor: dict[str, Any] = {
        "objectType": "Agent",
        "account": {"homePage": "https://school.example", "name": "sLEARNER"},
    }
    if number % 5 == 1:
        actor = {"mbox": "mailto:sLEARNER@school.example", "name": "A learner"}
    if number % 25 == 2:
        members = [{"mbox": f"mailto:LEARNER.{n}@school.example"} for n in range(4)]
        actor = {"objectType": "Group", "name": "Group", "member": members}
    statement: dict[str, Any] = {
        "actor": actor,
        "verb": {"id": f"http://adlnet.gov/expapi/verbs/verb-{number % 12}", "display": {"en-US": "did"}},
        "object": {
            "objectType": "Activity",
            "id": "https://school.example/items/ITEM",
            "definition": {
                "type": "http://adlnet.gov/expapi/activities/cmi.interaction",
                "name": {"en-US": "Item ITEM", "de": "Aufgabe ITEM"},
                "description": {"en-US": "x" * draw.randrange(20, 200)},
            },
        },
        "timestamp": "2026-01-31T09:30:00.123Z",
    }
    if number % 3:
        statement["result"] = {
            "success": bool(number % 2),
            "response": "y" * draw.randrange(1, 60),
            "duration": "PT12.5S",
            "score": {"scaled": 0.5},
        }
    if number % 4:
        grouping = [
            {
                "id": f"https://school.example/courses/{number % 20}",
                "definition": {"type": "http://adlnet.gov/expapi/activities/course"},
            }
        ]
        statement["context"] = {
            "platform": "app",
            "contextActivities": {
                "grouping": grouping,
                "category": [{"id": "https://w3id.org/learnlake/xapi"}],
            },
            "extensions": {"https://w3id.org/learnlake/xapi/extensions/skills": ["a", "b"]},
        }
    return statement
