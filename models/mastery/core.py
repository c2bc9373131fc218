"""Which compiled core fits mastery on this machine, for `learnlake status`. Imports neither numba nor pyBKT."""

from __future__ import annotations

import dataclasses
import importlib.machinery
import importlib.util
from pathlib import Path


@dataclasses.dataclass(frozen=True)
class BktCore:
    """`fit` names the core that fits; `pybkt` says what the reference library would fit with."""

    fit: str
    pybkt: str

    def __str__(self) -> str:
        return f"{self.fit} (pyBKT: {self.pybkt})"


def bkt_core() -> BktCore:
    """The core in use and whether pyBKT, the reference, has its C++ core or only its pure-Python one."""
    return BktCore(fit="numba EM", pybkt=_pybkt_core())


def _pybkt_core() -> str:
    spec = importlib.util.find_spec("pyBKT")
    if spec is None or not spec.submodule_search_locations:
        return "not installed"
    suffixes = tuple(importlib.machinery.EXTENSION_SUFFIXES)
    for folder in spec.submodule_search_locations:
        if any(file.name.endswith(suffixes) for file in Path(folder).rglob("*")):
            return "C++ core"
    return "pure Python"
