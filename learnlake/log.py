"""The one logging set-up. Lines carry what happened and to which key; a filter masks e-mail addresses and tokens."""

from __future__ import annotations

import json
import logging
import re
import sys
from pathlib import Path
from typing import TextIO

from learnlake.settings import Settings

_PERSONAL = re.compile(
    r"(?:mailto:)?[A-Za-z0-9._%+\-]+(?:@|%40)[A-Za-z0-9.\-]+\.[A-Za-z]{2,}"  # e-mail addresses, also URL-encoded
    r"|(?<=agent=)[^\s&\"']+"  # an actor in a query string
    r"|(?<=Basic )[A-Za-z0-9+/=]+"
    r"|(?<=Bearer )[A-Za-z0-9._\-]+"
)
_STANDARD = set(vars(logging.makeLogRecord({}))) | {"message", "asctime"}


def mask_personal(text: str) -> str:
    """`text` with e-mail addresses, actors in query strings and credentials replaced by `***`."""
    return _PERSONAL.sub("***", text)


class _TextFormatter(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        extra = " ".join(f"{k}={v}" for k, v in vars(record).items() if k not in _STANDARD)
        line = super().format(record)
        return mask_personal(f"{line} {extra}" if extra else line)


class _JsonFormatter(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        entry = {
            "time": self.formatTime(record, "%Y-%m-%dT%H:%M:%S%z"),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
            **{k: v for k, v in vars(record).items() if k not in _STANDARD},
        }
        if record.exc_info:
            entry["error"] = self.formatException(record.exc_info)
        return mask_personal(json.dumps(entry, default=str))


def configure_logging(settings: Settings, *, file: Path | None = None, stream: TextIO | None = None) -> None:
    """Send all log lines to `file`, or to `stream` (default: standard error). Call once at a process's start."""
    handler: logging.Handler
    handler = logging.FileHandler(file) if file else logging.StreamHandler(stream or sys.stderr)
    if settings.log_format == "json":
        handler.setFormatter(_JsonFormatter())
    else:
        handler.setFormatter(_TextFormatter("%(asctime)s %(levelname)-7s %(name)s: %(message)s", "%H:%M:%S"))
    logging.basicConfig(level=settings.log_level, handlers=[handler], force=True)
