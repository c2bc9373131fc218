"""numba's `njit`, with its cache where it can be written. Imported only by modules that are loaded when a loop is needed."""

from __future__ import annotations

import os
from pathlib import Path

from learnlake.settings import get_settings


def _cache_where_writable() -> None:
    """Compiled code is kept beside its source, or in the home folder where the installation is read-only."""
    if not os.access(Path(__file__).parent, os.W_OK) and "NUMBA_CACHE_DIR" not in os.environ:
        import numba

        folder = get_settings().home.path / "cache" / "numba"
        folder.mkdir(parents=True, exist_ok=True)
        numba.config.CACHE_DIR = str(folder)


_cache_where_writable()
from numba import njit  # noqa: E402  (after the cache folder is chosen)

__all__ = ["njit"]
