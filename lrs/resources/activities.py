"""`/activities`: the activity with its merged definition (xAPI 1.0.3 Communication 2.5; 2.0 4.1.6.4)."""

from __future__ import annotations

from typing import Any

from starlette.responses import Response

from lrs.answers import ApiError, json_response
from lrs.protocol import Call
from lrs.resources.parameters import iri_parameter
from lrs.store import activities

SECTION = "xAPI 1.0.3 Communication 2.5; 2.0 4.1.6.4"


async def get(call: Call) -> Response:
    """The activity object; one that no statement has described has no definition."""
    call.need("all/read", "statements/read", "profile")
    parameters = call.parameters(frozenset({"activityId"}))
    if "activityId" not in parameters:
        raise ApiError(400, "the parameter activityId is required", SECTION)
    iri = iri_parameter("activityId", parameters["activityId"])
    place = (call.credential.tenant, iri)
    known = await call.store.read(lambda connection: activities.load(connection, [place]))
    activity: dict[str, Any] = {"objectType": "Activity", "id": iri}
    if place in known:
        activity["definition"] = known[place]
    return json_response(activity)
