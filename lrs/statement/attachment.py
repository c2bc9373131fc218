"""Attachments as a statement describes them (xAPI 1.0.3 Data 2.4.11); their bytes are another module's business."""

from __future__ import annotations

import re
from typing import Any

from lrs.statement.flaw import Flaw, check_keys, check_string, wrong_type
from lrs.statement.formats import check_iri, check_language_map, is_media_type

SECTION_ATTACHMENTS = "xAPI 1.0.3 Data 2.4.11; 2.0 4.2.2.6"
SIGNATURE_USAGE = "http://adlnet.gov/expapi/attachments/signature"

_KEYS = frozenset({"usageType", "display", "description", "contentType", "length", "sha2", "fileUrl"})
_REQUIRED = ("usageType", "display", "contentType", "length", "sha2")
_SHA2 = re.compile(r"[0-9a-fA-F]{56}|[0-9a-fA-F]{64}|[0-9a-fA-F]{96}|[0-9a-fA-F]{128}").fullmatch


def check_attachments(attachments: Any) -> None:
    if type(attachments) is not list:
        raise wrong_type("an array of attachments", attachments, SECTION_ATTACHMENTS)
    for position, attachment in enumerate(attachments):
        try:
            _check_attachment(attachment)
        except Flaw as flaw:
            raise flaw.under(position) from None


def _check_attachment(attachment: Any) -> None:
    check_keys(attachment, _KEYS, SECTION_ATTACHMENTS)
    for key in _REQUIRED:
        if key not in attachment:
            raise Flaw("is required in an attachment", SECTION_ATTACHMENTS, key)
    check_iri(attachment["usageType"], "usageType")
    check_language_map(attachment["display"], "display")
    if "description" in attachment:
        check_language_map(attachment["description"], "description")
    check_string(attachment["contentType"], SECTION_ATTACHMENTS, "contentType")
    if not is_media_type(attachment["contentType"]):
        raise Flaw("must be a media type, for example text/plain", SECTION_ATTACHMENTS, "contentType")
    length = attachment["length"]
    if type(length) is not int:
        raise wrong_type("an integer", length, SECTION_ATTACHMENTS, "length")
    if length < 0:
        raise Flaw("must not be negative", SECTION_ATTACHMENTS, "length")
    check_string(attachment["sha2"], SECTION_ATTACHMENTS, "sha2")
    if _SHA2(attachment["sha2"]) is None:
        raise Flaw("must be a SHA-2 digest in hexadecimal digits", SECTION_ATTACHMENTS, "sha2")
    if "fileUrl" in attachment:
        check_iri(attachment["fileUrl"], "fileUrl")
