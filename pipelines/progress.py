"""How a stage tells whoever watches how far it is."""

from __future__ import annotations

from collections.abc import Callable

Progress = Callable[[str, int, int, str], None]
"""Called with the stage, how many of its steps are done, how many it has (0: not known), and what is at work."""


def silent(stage: str, done: int, total: int, what: str) -> None:
    """Progress that nobody watches."""
