"""Which code made a prediction: the release, and a digest of this package's sources, which a change of a line changes."""

from __future__ import annotations

import functools
import hashlib
from pathlib import Path

import learnlake

_ROOT = Path(__file__).parent


@functools.cache
def code_version() -> str:
    """`RELEASE+DIGEST` of the models in this process."""
    digest = hashlib.sha256()
    for path in sorted(_ROOT.rglob("*.py")):
        digest.update(path.relative_to(_ROOT).as_posix().encode() + b"\0" + path.read_bytes() + b"\0")
    return f"{learnlake.__version__}+{digest.hexdigest()[:12]}"
