"""A command group whose sub-commands are imported when they are called, so that `learnlake --help` answers at once.

Knows how to find and load a room's commands; which commands there are is `cli.main`'s business.
"""

from __future__ import annotations

import dataclasses
import importlib
from collections.abc import Sequence
from typing import Any

import typer
from typer.core import TyperGroup

Command = Any
"""Typer carries its own copy of click and exports no type for it."""


@dataclasses.dataclass(frozen=True, slots=True)
class Entry:
    """One line of `learnlake --help`. `target` is `module:app` for a group, `module:app/command` for one of its commands."""

    name: str
    target: str
    help: str

    def load(self) -> Command:
        """Import the room's commands and answer this entry's."""
        place, _, chosen = self.target.partition("/")
        module, _, attribute = place.partition(":")
        outer = typer.Typer(add_completion=False)
        outer.add_typer(getattr(importlib.import_module(module), attribute), name=self.name)
        group = typer.main.get_command(outer).commands[self.name]  # type: ignore[attr-defined]
        return group.commands[chosen] if chosen else group


class _Deferred(TyperGroup):
    """Stands in for a command until it is called: knows its name and its one line of help."""

    def __init__(self, entry: Entry) -> None:
        super().__init__(name=entry.name, help=entry.help)
        self.entry = entry

    def make_context(self, info_name: str | None, args: list[str], parent: Any = None, **extra: Any) -> Any:
        return self.entry.load().make_context(info_name, args, parent, **extra)


class LazyGroup(TyperGroup):
    """A group that lists `entries` in their order, beside the commands that were added to it directly."""

    entries: Sequence[Entry] = ()

    def list_commands(self, ctx: Any) -> list[str]:
        return [entry.name for entry in self.entries]

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        for entry in self.entries:
            if entry.name == cmd_name:
                return _Deferred(entry)
        return super().get_command(ctx, cmd_name)


def lazy_group(entries: Sequence[Entry]) -> type[LazyGroup]:
    """A class for `typer.Typer(cls=...)` that offers `entries`."""
    return type("Commands", (LazyGroup,), {"entries": tuple(entries)})
