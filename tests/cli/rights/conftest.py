"""One filled home for all tests of a person's rights, its LRS serving and its sealer following."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator

import pytest

from learnlake.settings import get_settings
from tests.cli.rights.school import School, fill
from tests.lrs.conftest import lrs as lrs
from tests.lrs.served import serving


@pytest.fixture(scope="session")
def home(tmp_path_factory: pytest.TempPathFactory, free_port: Callable[[], int]) -> Iterator[School]:
    """The filled home, its LRS serving and its sealer following."""
    with pytest.MonkeyPatch.context() as patch:
        folder = tmp_path_factory.mktemp("rights")
        patch.setenv("LEARNLAKE_HOME", str(folder / "home"))
        patch.setenv("LEARNLAKE_CONFIG", str(folder / "none.toml"))
        patch.setenv("LEARNLAKE_TODAY", "2026-11-18")
        patch.setenv("LEARNLAKE_SEAL_INTERVAL_SECONDS", "0.2")
        get_settings.cache_clear()
        settings = get_settings()
        settings.home.create()
        with serving(settings, free_port()) as lrs:
            school = fill(settings, lrs)
            sealer = subprocess.Popen(
                [sys.executable, "-m", "cli.main", "lake", "seal", "--follow"], start_new_session=True
            )
            yield school
            os.killpg(sealer.pid, signal.SIGTERM)
            sealer.wait()
        get_settings.cache_clear()
