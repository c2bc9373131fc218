"""The statement's own rules: what xAPI 1.0.3 and 2.0 (IEEE 9274.1.1) allow, one module per concept of the standard.

Nothing here knows of HTTP or of the store. A broken rule is a `Flaw` that names JSON path, rule and section.
"""

from lrs.statement.flaw import Flaw
from lrs.statement.statement import Version, check_statement

__all__ = ["Flaw", "Version", "check_statement"]
