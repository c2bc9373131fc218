"""How an error is told and how JSON is answered."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
from starlette.responses import Response

SECTION_VERSIONING = "xAPI 1.0.3 Communication 3.3; 2.0 4.1.5"
SECTION_ERRORS = "xAPI 1.0.3 Communication 3.2; 2.0 4.1.5"
SECTION_AUTHENTICATION = "xAPI 1.0.3 Communication 4.0; 2.0 4.1.5"


class ApiError(Exception):
    """An answer that is not a success, in the standard's words."""

    def __init__(
        self,
        status: int,
        rule: str,
        section: str,
        *,
        path: str | None = None,
        headers: Mapping[str, str] | None = None,
        is_plain: bool = False,
    ) -> None:
        super().__init__(rule)
        self.status = status
        self.rule = rule
        self.section = section
        self.path = path
        self.headers = dict(headers or {})
        self.is_plain = is_plain

    def response(self) -> Response:
        if self.is_plain:
            return Response(self.rule, self.status, self.headers, media_type="text/plain")
        body = {"status": self.status, "path": self.path, "rule": self.rule, "section": self.section}
        return json_response(
            {key: value for key, value in body.items() if value is not None},
            status=self.status,
            headers=self.headers,
        )


def json_response(value: Any, *, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    return Response(msgspec.json.encode(value), status, headers, media_type="application/json")
