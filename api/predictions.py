"""Predictions by HTTP: mastery, what to do next, risk; and answers that move mastery before the next build has them.

A route takes a request apart and puts an answer together: who asks is `asking`'s business, what the build says `published`'s, how an
answer moves an estimate that of `models.live`.
"""

from __future__ import annotations

import re
import uuid
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any, Final, TypeVar

import msgspec
from sqlalchemy import Engine
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from api.asking import Asking, FindViewer, Sight, Trail
from api.published import Reloaded, Tables, mastery_in_force, tables
from learnlake.clock import utc_now
from learnlake.errors import InputError
from learnlake.settings import Settings
from models import live, registry
from models.mastery import MasteryModel
from people import prediction_clients
from people.roster_clients import ANSWERS, PREDICTIONS, Client

BASE: Final = "/v1/people/{person_key}"
GUARDS: Final = ("school_key", "section_key", "course_key")
HELD_PEOPLE: Final = 50_000
"""People with answers since the build, or scored by a model promoted since, that are held in memory; beyond it the longest unused go."""
_KINDS: Final = {"risk": "prd_risk", "next-activities": "prd_next_activity"}

SHOWN_PEOPLE: Final = 10_000
"""People whose skills are held as JSON, some KiB each."""

_NONE: Final = (None, ())
Shown = tuple[Mapping[str, Any], msgspec.Raw]
Answer = Callable[[Request], Awaitable[Response]]
T = TypeVar("T")
encode = msgspec.json.Encoder().encode


class AnswerGiven(msgspec.Struct, forbid_unknown_fields=True):
    """Body of `POST /v1/people/PERSON/answers`: one response, whose statement goes to the LRS as ever."""

    statement_id: uuid.UUID
    skill_key: str
    is_correct: bool
    activity_key: str | None = None


class Account(msgspec.Struct, forbid_unknown_fields=True):
    """Body of `POST /v1/people/key`: an account as xAPI names it."""

    homePage: str
    name: str


class Predictions:
    """What one application holds in memory: builds, models, and estimates that answers have moved."""

    def __init__(self, settings: Settings, engine: Engine, find_viewer: FindViewer) -> None:
        self.settings = settings
        self.asking = Asking(engine, find_viewer)
        self.trail = Trail(settings.home)
        self._tables: dict[str, Reloaded[Tables]] = {}
        self._models: dict[str, Reloaded[registry.InForce]] = {}
        self._shown: dict[tuple[str, str], tuple[tuple[str, str], list[Shown]]] = {}
        self._people: OrderedDict[tuple[str, str], live.Person] = OrderedDict()

    async def tables(self, tenant: str) -> Tables:
        """The newest build's predictions. PipelineError before the first publish."""
        if tenant not in self._tables:
            self._tables[tenant] = tables(self.settings, tenant)
        held = self._tables[tenant]
        found = held.held()
        return found if found is not None else await run_in_threadpool(held.get)

    async def model(self, tenant: str, person_key: str) -> MasteryModel:
        """The mastery model that scores this person now. ModelError before the first was promoted."""
        if tenant not in self._models:
            self._models[tenant] = mastery_in_force(self.settings.home, tenant)
        held = self._models[tenant]
        found = held.held()
        if found is None:
            found = await run_in_threadpool(held.get)
        model: MasteryModel = found.of(person_key)
        return model

    def published(self, tenant: str, person_key: str, built: Tables, model: MasteryModel) -> list[Shown]:
        """The build's skills of a person, ready to be sent: they stay the same until the next build or model."""
        place, stands = (tenant, person_key), (built.build.build_id, model.version)
        held = self._shown.get(place)
        if held is None or held[0] != stands:
            if len(self._shown) >= SHOWN_PEOPLE:
                self._shown.clear()
            estimates = live.published(built.rows("prd_mastery", person_key), GUARDS).values()
            held = self._shown[place] = stands, self.shown(estimates, model)
        return held[1]

    def shown(self, estimates: Iterable[live.Estimate], model: MasteryModel) -> list[Shown]:
        """Each estimate's guard keys, and what is told of it as JSON."""
        threshold = self.settings.mastery_threshold
        return [
            (each.keys, msgspec.Raw(encode(live.told(model, each, mastery_threshold=threshold))))
            for each in estimates
        ]

    async def person(
        self, tenant: str, person_key: str, built: Tables, model: MasteryModel, *, is_needed: bool = False
    ) -> live.Person | None:
        """The estimates held of a person; None where the build's rows say it all and none are needed."""
        place = tenant, person_key
        held = self._people.get(place)
        if held is not None and (held.build_id, held.version) == (built.build.build_id, model.version):
            self._people.move_to_end(place)
            return held
        stands = built.build.build_id, model.version
        if held is None and not is_needed and self._shown.get(place, _NONE)[0] == stands:
            return None
        rows = built.rows("prd_mastery", person_key)
        is_scored_so = all(row["model_version"] == model.version for row in rows)
        if held is None and is_scored_so and not is_needed:
            return None
        made = await run_in_threadpool(_made, held, rows if is_scored_so else None, person_key, built, model)
        latest = self._people.get(place)
        if latest is not held:  # another request was quicker, and may have taken an answer already
            return await self.person(tenant, person_key, built, model, is_needed=is_needed)
        self._people[place] = made
        if len(self._people) > HELD_PEOPLE:
            self._people.popitem(last=False)
        return made


def _made(
    held: live.Person | None,
    rows: list[dict[str, Any]] | None,
    person_key: str,
    built: Tables,
    model: MasteryModel,
) -> live.Person:
    """Estimates from the build's `rows`, or by replaying its responses where another version scored them; then what is still pending."""
    if rows is not None:
        estimates = live.published(rows, GUARDS)
    else:
        estimates = live.replayed(model, built.attempts(person_key), GUARDS)
    made = live.Person(built.build.build_id, model.version, estimates, {})
    if held is not None and held.pending:
        arrived = built.arrived(person_key, list(held.pending))
        for answer in live.still_pending(held.pending.values(), arrived, utc_now()):
            made.take(model, answer, _keys(estimates))
    return made


def routes(answering: Callable[[Answer], Answer]) -> list[Route]:
    """The prediction routes; `answering` turns our errors into answers."""
    return [
        Route(f"{BASE}/mastery", answering(_mastery), methods=["GET"]),
        Route(f"{BASE}/answers", answering(_answer), methods=["POST"]),
        Route(f"{BASE}/next-activities", answering(_rows), methods=["GET"]),
        Route(f"{BASE}/risk", answering(_rows), methods=["GET"]),
        Route("/v1/people/key", answering(_key), methods=["POST"]),
    ]


async def _mastery(request: Request) -> Response:
    """A person's skills: how likely mastered, how sure that is, on how many answers it rests, and why."""
    here, person_key = _here(request), request.path_params["person_key"]
    sight = await here.asking.sight(request, "prd_mastery")
    if sight is None:
        return _unknown()
    if not await here.asking.may_be_told(sight, person_key):
        return await _nothing(here, sight, "mastery", person_key, request)
    built = await here.tables(sight.tenant)
    model = await here.model(sight.tenant, person_key)
    person = await here.person(sight.tenant, person_key, built, model)
    if person is None:
        shown = here.published(sight.tenant, person_key, built, model)
    else:
        shown = here.shown(person.estimates.values(), model)
    is_all = not sight.columns
    skills = [told for keys, told in shown if is_all or sight.admits({**keys, "person_key": person_key})]
    if not skills:
        return await _nothing(here, sight, "mastery", person_key, request)
    await here.trail.viewed(sight, "mastery", person_key, _source(request))
    return _json(
        {
            "person_key": person_key,
            **_about(built, model),
            "answers_since_build": len(person.pending) if person else 0,
            "skills": skills,
        }
    )


async def _answer(request: Request) -> Response:
    """One more answer moves the person's mastery of a skill, at once and in constant time; nothing is fitted.

    The response's statement is the record of it: once the build has taken that in, it is not counted twice.
    """
    here, person_key = _here(request), request.path_params["person_key"]
    client = await here.asking.client(request, ANSWERS)
    if client is None:
        return _unknown()
    given = _decoded(await request.body(), AnswerGiven)
    if not given.skill_key.startswith(f"{client.tenant}:") or len(given.skill_key) > _KEY_LENGTH:
        raise InputError(
            "skill_key is not one of this school's",
            where="skill_key",
            mend="send a skill_key as the mart dim_skill has it",
        )
    sight = _sight_of(client)
    if not await here.asking.may_be_told(sight, person_key):
        return await _nothing(here, sight, "answer", person_key, request)
    built = await here.tables(sight.tenant)
    model = await here.model(sight.tenant, person_key)
    person = await here.person(sight.tenant, person_key, built, model, is_needed=True)
    assert person is not None
    answer = live.Answer(
        str(given.statement_id), given.skill_key, given.activity_key, given.is_correct, utc_now()
    )
    if answer.statement_id not in person.pending:
        if len(person.pending) >= live.LIVE_ANSWERS_MAX:
            raise InputError(
                f"{live.LIVE_ANSWERS_MAX} answers wait for the next build already", mend="run `learnlake run`"
            )
        if answer.statement_id in await run_in_threadpool(built.arrived, person_key, [answer.statement_id]):
            held = person.estimates.get(given.skill_key)
            return _json(_told(here, built, model, person_key, held))
        await here.trail.note(sight, "report-answer", person_key, _source(request))
    estimate = person.take(model, answer, _keys(person.estimates))
    return _json(_told(here, built, model, person_key, estimate))


async def _rows(request: Request) -> Response:
    """A person's published rows of risk, or of what to do next, with their reasons."""
    here, person_key = _here(request), request.path_params["person_key"]
    kind = request.url.path.rpartition("/")[2]
    table = _KINDS[kind]
    sight = await here.asking.sight(request, table)
    if sight is None:
        return _unknown()
    if not await here.asking.may_be_told(sight, person_key):
        return await _nothing(here, sight, kind, person_key, request)
    built = await here.tables(sight.tenant)
    rows = [row for row in built.rows(table, person_key) if sight.admits(row)]
    if not rows:
        return await _nothing(here, sight, kind, person_key, request)
    await here.trail.viewed(sight, kind, person_key, _source(request))
    for row in rows:
        del row["tenant"], row["person_key"]
    body = {
        "person_key": person_key,
        "build_id": built.build.build_id,
        "as_of": built.build.as_of,
        kind.replace("-", "_"): rows,
    }
    return _json(body)


async def _key(request: Request) -> Response:
    """The person_key of an account, for a system that knows its users by account only. In a body, because names have no place in addresses."""
    here = _here(request)
    client = await here.asking.client(request, PREDICTIONS)
    if client is None:
        return _unknown()
    given = _decoded(await request.body(), Account)
    found = await run_in_threadpool(
        prediction_clients.key_of, request.app.state.engine, client, given.homePage, given.name
    )
    if found is None:
        return _missing()
    return _json({"person_key": found})


_KEY_LENGTH = 500
_PERSON_KEY = re.compile(r"p_[0-9a-z_]{1,64}")


def _here(request: Request) -> Predictions:
    here: Predictions = request.app.state.predictions
    return here


def _sight_of(client: Client) -> Sight:
    return Sight(client.tenant, client.key, (), frozenset(), client)


def _keys(estimates: dict[str, live.Estimate]) -> dict[str, Any]:
    """Guard keys of a skill that the person has no row of yet: known only with the next build."""
    return dict.fromkeys(GUARDS)


def _told(
    here: Predictions, built: Tables, model: MasteryModel, person_key: str, estimate: live.Estimate | None
) -> dict[str, Any]:
    threshold = here.settings.mastery_threshold
    skill = None if estimate is None else live.told(model, estimate, mastery_threshold=threshold)
    return {"person_key": person_key, **_about(built, model), "skill": skill}


def _about(built: Tables, model: MasteryModel) -> dict[str, Any]:
    return {
        "build_id": built.build.build_id,
        "as_of": built.build.as_of,
        "model_name": model.name,
        "model_version": model.version,
    }


def _decoded(body: bytes, kind: type[T]) -> T:
    try:
        return msgspec.json.decode(body, type=kind)
    except msgspec.DecodeError as error:
        raise InputError(
            f"The body is not usable: {error}", where="body", mend="see /openapi.json for its fields"
        ) from error


async def _nothing(here: Predictions, sight: Sight, kind: str, person_key: str, request: Request) -> Response:
    """The same answer for nobody, for somebody whom the caller may not see, and for one about whom nothing is known."""
    if _PERSON_KEY.fullmatch(person_key):  # what is no key may be a name, which has no place in the trail
        await here.trail.note(sight, f"view {kind}", person_key, _source(request), "refused")
    return _missing()


def _missing() -> Response:
    return JSONResponse(
        {
            "error": "Nothing of this kind about such a person is open to you.",
            "mend": "see docs/models.md, By HTTP",
        },
        status_code=404,
    )


def _unknown() -> Response:
    return JSONResponse(
        {
            "error": "Log in first.",
            "mend": "send `Authorization: Bearer TOKEN` of a session or of a system's credential",
        },
        status_code=401,
        headers={"WWW-Authenticate": "Bearer"},
    )


def _source(request: Request) -> str:
    return f"api {request.client.host if request.client else ''}".strip()


def _json(body: dict[str, Any]) -> Response:
    return Response(encode(body), media_type="application/json", headers={"Cache-Control": "no-store"})
