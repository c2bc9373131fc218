"""Names that our LRS and whoever sends to it share beyond the standard."""

STORED_HEADER = "X-Learnlake-Stored"
"""Answer header of POST /statements: how many of the batch's statements were new."""
