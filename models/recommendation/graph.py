"""The prerequisite graph: what each skill waits for. Skills that wait for one another in a circle are told, and don't wait within it."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl

from models.frames import as_frame

_EDGE = ("tenant", "skill_key", "prerequisite_skill_key")


def cycles(prerequisites: Any) -> list[tuple[str, ...]]:
    """The circles in `brg_skill_prerequisite`: the skills of each, sorted; a skill before itself is one of its own."""
    edges = as_frame(prerequisites, _EDGE, name="brg_skill_prerequisite")
    inside = edges.with_columns(circle=_circles(edges)).drop_nulls("circle")
    found = inside.group_by("tenant", "circle").agg(pl.col("skill_key").unique().sort())
    return sorted(tuple(skills) for skills in found["skill_key"])


def conditions(skills: Any, prerequisites: Any) -> pl.DataFrame:
    """tenant, skill_key, condition: the prerequisites of each skill; a combination's are those of its parts, outside itself.

    Within a circle nothing could ever be begun: its own edges are no conditions, those into it stay.
    """
    edges = as_frame(prerequisites, _EDGE, name="brg_skill_prerequisite")
    needed = edges.filter(_circles(edges).is_null()).select(
        "tenant", part="skill_key", condition="prerequisite_skill_key"
    )
    columns = ("tenant", "skill_key", "component_skill_keys")
    parts = as_frame(skills, columns, name="dim_skill").select(columns)
    return (
        parts.with_columns(part=pl.col("component_skill_keys"))
        .explode("part")
        .join(needed, on=["tenant", "part"])
        .filter(~pl.col("component_skill_keys").list.contains(pl.col("condition")).fill_null(False))
        .select("tenant", "skill_key", "condition")
        .unique()
    )


def leading_to(wanted: pl.DataFrame, needs: pl.DataFrame) -> pl.DataFrame:
    """`wanted` (tenant, person_key, skill_key) with all that its skills wait for, directly or through others; `needs` as `conditions`."""
    reached = new = wanted
    steps = needs.select("tenant", "skill_key", "condition")
    while len(new):
        before = (
            new.join(steps, on=["tenant", "skill_key"])
            .select("tenant", "person_key", skill_key="condition")
            .unique()
        )
        new = before.join(reached, on=["tenant", "person_key", "skill_key"], how="anti")
        reached = pl.concat([reached, new])
    return reached


def _circles(edges: pl.DataFrame) -> pl.Series:
    """For each edge the number of the strongly connected part that it stays in; null where it leads from one to another."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    if not len(edges):
        return pl.Series("circle", [], dtype=pl.Int64)
    ends = [edges.select(node=pl.concat_str("tenant", pl.lit("\x1f"), name))["node"] for name in _EDGE[1:]]
    names = pl.concat(ends).unique().sort()
    source, target = (names.search_sorted(end).to_numpy() for end in ends)
    shape = (len(names), len(names))
    label = connected_components(
        coo_array((np.ones(len(edges)), (source, target)), shape=shape), connection="strong"
    )[1]
    inside = pl.Series("circle", label[source], dtype=pl.Int64)
    return inside.set(pl.Series(label[source] != label[target]), None)
