"""Whose rows a model may read: people who refused predictions, or whose guardians did, are left out of training and scoring."""

from __future__ import annotations

from collections.abc import Callable

import polars as pl

Read = Callable[[str], pl.DataFrame]
"""A mart's rows of one tenant, by the mart's name."""


def permitted(read: Read) -> Read:
    """`read` without the rows of people whose `dim_person.allows_prediction` is false."""
    people = read("dim_person")
    refused = people.filter(~pl.col("allows_prediction")).select("person_key")

    def read_permitted(mart: str) -> pl.DataFrame:
        frame = read(mart)
        return frame.join(refused, on="person_key", how="anti") if "person_key" in frame.columns else frame

    return read_permitted
