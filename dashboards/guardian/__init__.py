"""The guardian's pages: each child's progress, attendance and week, in plain words. No risk scores, no jargon."""
