"""Progress on a terminal: bars where there is one, a line per finished step elsewhere."""

from __future__ import annotations

from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn


class StageBars:
    """A bar for each stage, made when the stage is first heard of. Call it as `pipelines.stages.Progress`."""

    def __init__(self, console: Console | None = None) -> None:
        self._progress = Progress(
            TextColumn("{task.fields[stage]:<10}"),
            BarColumn(bar_width=24),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("{task.description}"),
            console=console,
        )
        self._tasks: dict[str, TaskID] = {}

    def __enter__(self) -> StageBars:
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._progress.stop()

    def __call__(self, stage: str, done: int, total: int, what: str) -> None:
        if stage not in self._tasks:
            self._tasks[stage] = self._progress.add_task(what, total=total or None, stage=stage)
        self._progress.update(self._tasks[stage], completed=done, total=total or None, description=what)
