"""The dialect's small parts, and that the page and the code name the same things."""

from __future__ import annotations

import uuid
from pathlib import Path

import pytest

from sources import profile

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "xapi-profile.md").read_text()


def test_statement_id_is_the_uuid5_of_the_page() -> None:
    namespace = uuid.uuid5(uuid.NAMESPACE_URL, "https://w3id.org/learnlake/xapi")
    for text in ("studentVle|AAA,2013J,28400,546652,-10|2", "", "Ünïcode|1|0"):
        assert profile.statement_id(text) == str(uuid.uuid5(namespace, text))


@pytest.mark.parametrize(
    "name", sorted(name for name in vars(profile) if name.isupper() and name not in {"PROFILE", "NAMESPACE"})
)
def test_the_page_names_every_iri_of_the_code(name: str) -> None:
    value = getattr(profile, name)
    iri = value[0] if isinstance(value, tuple) else value
    if name.startswith("VIDEO_"):
        assert "video profile" in PAGE
        return
    assert iri.replace(f"{profile.PROFILE}/", "ll:") in PAGE


def test_times_are_utc_milliseconds() -> None:
    assert profile.timestamp(1380585600.5) == "2013-10-01T00:00:00.500Z"
    assert profile.duration(31.256) == "PT31.26S"
