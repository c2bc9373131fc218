"""The errors that Learnlake raises on purpose, in one tree. A message says what is wrong, where, and how to mend it.

LearnlakeError
├── SettingsError      a setting is missing or cannot be read
├── InputError         somebody's file, request or argument is not usable as it is
│   └── RosterError    a roster or catalogue, refused whole; carries one entry per bad row
├── AccessError        the policy says no
├── UnreachableError   a service that Learnlake asks does not answer
├── BusyError          another process holds what is needed (home folder, working file, port)
├── StoreError         the statement store cannot do what it is asked
├── DeliveryError      statements could not be delivered to an LRS
├── PipelineError      a pipeline stage failed; the last published snapshot stands
│   └── ContractError  a blocking contract check failed; names the check, the rows and the mend
└── ModelError         a model cannot be trained, loaded or scored
"""

from __future__ import annotations


class LearnlakeError(Exception):
    """Base of all. `what` is one sentence; `where` and `mend` are optional and are shown on lines of their own."""

    def __init__(self, what: str, *, where: str | None = None, mend: str | None = None) -> None:
        self.what = what
        self.where = where
        self.mend = mend
        super().__init__(str(self))

    def __str__(self) -> str:
        lines = [self.what]
        if self.where:
            lines.append(f"  where: {self.where}")
        if self.mend:
            lines.append(f"  mend:  {self.mend}")
        return "\n".join(lines)


class SettingsError(LearnlakeError):
    """A setting is missing or cannot be read."""


class InputError(LearnlakeError):
    """Somebody's file, request or argument is not usable as it is."""


class RosterError(InputError):
    """A roster or catalogue was refused whole. `problems` holds one line per bad row: file, line, field, reason."""

    def __init__(self, what: str, problems: list[str], *, mend: str | None = None) -> None:
        self.problems = problems
        super().__init__(what, where="\n         ".join(problems[:50]), mend=mend)


class AccessError(LearnlakeError):
    """The policy says no. Says nothing about what exists."""


class UnreachableError(LearnlakeError):
    """A service that Learnlake asks does not answer."""


class BusyError(LearnlakeError):
    """Another process holds what is needed."""


class StoreError(LearnlakeError):
    """The statement store cannot do what it is asked."""


class DeliveryError(LearnlakeError):
    """Statements could not be delivered to an LRS; sending again stores nothing twice."""


class PipelineError(LearnlakeError):
    """A pipeline stage failed; the last published snapshot stands."""


class ContractError(PipelineError):
    """A blocking contract check failed."""


class ModelError(LearnlakeError):
    """A model cannot be trained, loaded or scored."""
