"""Which students are held out together: a committed hash of the key, the same on every machine and for ever."""

from __future__ import annotations

import hashlib

import polars as pl

FOLDS = 5


def fold_of(person_key: str) -> int:
    """The fold (0..4) of a student: the first eight bytes of SHA-256 of the key, modulo five."""
    return int.from_bytes(hashlib.sha256(person_key.encode()).digest()[:8], "big") % FOLDS


def folds(attempts: pl.DataFrame, *, salt: str = "") -> pl.Series:
    """The fold of each row's student; another `salt`, other folds."""
    keys = attempts["person_key"].unique()
    by_key = {key: fold_of(salt + key) for key in keys}
    return attempts["person_key"].replace_strict(by_key, return_dtype=pl.Int64)
