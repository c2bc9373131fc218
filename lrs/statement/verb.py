"""The verb (xAPI 1.0.3 Data 2.4.3)."""

from __future__ import annotations

from typing import Any

from lrs.statement.flaw import Flaw, check_keys
from lrs.statement.formats import check_iri, check_language_map

SECTION_VERB = "xAPI 1.0.3 Data 2.4.3; 2.0 4.2.2.2"
VOIDED = "http://adlnet.gov/expapi/verbs/voided"

_KEYS = frozenset({"id", "display"})


def check_verb(verb: Any) -> None:
    check_keys(verb, _KEYS, SECTION_VERB)
    if "id" not in verb:
        raise Flaw("is required in a verb", SECTION_VERB, "id")
    check_iri(verb["id"], "id")
    if "display" in verb:
        check_language_map(verb["display"], "display")
