"""The home folder: the one place where state lives, and the name of each thing in it. No reading or writing of contents."""

from __future__ import annotations

import dataclasses
import os
import secrets
from pathlib import Path


@dataclasses.dataclass(frozen=True)
class Home:
    """Paths under `LEARNLAKE_HOME`. Nothing is created until `create()`; deleting the folder is a clean start."""

    path: Path

    @property
    def lrs_db(self) -> Path:
        return self.path / "lrs.db"

    @property
    def people_db(self) -> Path:
        return self.path / "people.db"

    @property
    def audit_db(self) -> Path:
        return self.path / "audit.db"

    @property
    def audit_head(self) -> Path:
        """Number and hash of the audit trail's newest entry, kept beside the trail to notice that it was cut."""
        return self.path / "audit.head"

    @property
    def attachments(self) -> Path:
        """Bytes of statements' attachments: a folder per tenant, files named by their hash."""
        return self.path / "attachments"

    @property
    def lake_statements(self) -> Path:
        """The Delta table of statements."""
        return self.path / "lake" / "statements"

    @property
    def lake_people(self) -> Path:
        """Pseudonymous roster as Parquet: a folder per generation, and CURRENT naming the newest."""
        return self.path / "lake" / "people"

    @property
    def lake_catalogue(self) -> Path:
        """Courses, units, lessons, activities, skills as Parquet: same shape as lake/people."""
        return self.path / "lake" / "catalogue"

    @property
    def lake_choices(self) -> Path:
        """What the recommender has chosen, and what came of it, as Parquet: a file per tenant and day."""
        return self.path / "lake" / "choices"

    @property
    def warehouse(self) -> Path:
        return self.path / "warehouse"

    @property
    def working_file(self) -> Path:
        """The DuckDB file that dbt builds in. One writer; nobody reads it but the pipeline."""
        return self.warehouse / "working.duckdb"

    @property
    def snapshots(self) -> Path:
        return self.warehouse / "snapshots"

    @property
    def current_snapshot(self) -> Path:
        """A text file that names the newest published snapshot; replaced by one atomic rename."""
        return self.warehouse / "current"

    @property
    def mlflow(self) -> Path:
        return self.path / "mlflow"

    @property
    def dagster(self) -> Path:
        return self.path / "dagster"

    @property
    def logs(self) -> Path:
        return self.path / "logs"

    @property
    def reports(self) -> Path:
        """Pages that the nightly jobs write: data contracts, drift. No names, no identifiers."""
        return self.path / "reports"

    @property
    def receipts(self) -> Path:
        """Signed receipts of erasures. They name people by a keyed hash only."""
        return self.path / "receipts"

    @property
    def run(self) -> Path:
        """Locks and the running services' state."""
        return self.path / "run"

    @property
    def secrets(self) -> Path:
        """Keys made for this home (mode 0700). Never in the repository, never in the lake."""
        return self.path / "secrets"

    def create(self) -> Home:
        """Make the folders that are missing."""
        for folder in (
            self.path,
            self.lake_statements.parent,
            self.lake_people,
            self.lake_catalogue,
            self.snapshots,
            self.mlflow,
            self.dagster,
            self.logs,
            self.reports,
            self.receipts,
            self.run,
        ):
            folder.mkdir(parents=True, exist_ok=True)
        self.secrets.mkdir(mode=0o700, exist_ok=True)
        return self

    def secret(self, name: str, *, size_bytes: int = 32) -> bytes:
        """The key `name` of this home, made at first use. Two processes that ask at once get the same key."""
        self.secrets.mkdir(mode=0o700, parents=True, exist_ok=True)
        target = self.secrets / name
        if not target.exists():
            draft = self.secrets / f".{name}.{os.getpid()}.{secrets.token_hex(4)}"
            descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "wb") as file:
                file.write(secrets.token_bytes(size_bytes))
                file.flush()
                os.fsync(file.fileno())
            try:
                os.link(draft, target)
            except FileExistsError:
                draft.unlink()
            else:
                draft.unlink()
        return target.read_bytes()
