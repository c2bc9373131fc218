"""Fixtures of the sources' tests: one sample school for all, made once."""

from __future__ import annotations

import datetime as dt

import pytest

from sources.school import SampleSchool, generate

TODAY = dt.date(2026, 11, 20)


@pytest.fixture(scope="session")
def school() -> SampleSchool:
    return generate(today=TODAY)
