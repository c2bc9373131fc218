"""A store from which statements were removed is the store in which they never were, whatever refers to and voids whatever."""

from __future__ import annotations

import contextlib
import tempfile
import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
from hypothesis import HealthCheck, given
from hypothesis import settings as examples
from hypothesis import strategies as st

from learnlake.settings import Settings
from lrs import credentials
from lrs.removal import Selection, remove
from lrs.statement import Version
from lrs.statement.prepare import KeyMaker, prepare
from lrs.store import remove as rows
from lrs.store.activities import Definitions
from lrs.store.append import Batch, append
from lrs.store.database import open_database
from tests.scale import scaled

VOIDED = "http://adlnet.gov/expapi/verbs/voided"
IDS = [uuid.UUID(int=number + 1, version=4) for number in range(10)]

kinds = st.one_of(
    st.just(("plain", 0)), st.tuples(st.sampled_from(["refers", "voids"]), st.integers(0, len(IDS) - 1))
)
graphs = st.lists(st.tuples(kinds, st.integers(0, 2)), min_size=2, max_size=len(IDS))
"""Per statement: plain, or a reference to (or the voiding of) the statement with some number, there or not; and its actor."""


def statement(number: int, kind: str, target: int, actor: int) -> dict[str, Any]:
    thing: dict[str, Any] = {"id": f"http://x.example/{number}"}
    if kind != "plain":
        thing = {"objectType": "StatementRef", "id": str(IDS[target])}
    return {
        "id": str(IDS[number]),
        "actor": {"mbox": f"mailto:{actor}@x.example"},
        "verb": {"id": VOIDED if kind == "voids" else "http://v.example/v"},
        "object": thing,
        "timestamp": "2026-01-01T00:00:00Z",
    }


def filled(home: Path, statements: Sequence[dict[str, Any]]) -> Settings:
    """A store with the statements, each in a commit of its own."""
    settings = Settings(LEARNLAKE_HOME=home)  # type: ignore[call-arg]
    settings.home.create()
    database = open_database(settings)
    keys, definitions = KeyMaker(b"k" * 32), Definitions()
    authority = credentials.Credential(1, "k", "n", "default", ("all",)).authority

    def keys_of(tenant: str, raw: bytes) -> list[int]:
        return keys.keys(tenant, msgspec.json.decode(raw), authority)

    with contextlib.closing(database.connect()) as connection:
        connection.execute("insert or replace into secret values ('index', ?)", (b"k" * 32,))
        for item in statements:
            prepared = prepare(
                msgspec.json.encode(item),
                item,
                [*keys.parts("default", item), keys.part("default", "authority", authority)],
                version=Version.V1,
                authority_json=msgspec.Raw(msgspec.json.encode(authority)),
            )
            append(connection, [Batch("default", 1, [prepared])], keys_of, definitions, above=0)
    return settings


def contents(settings: Settings) -> tuple[set[Any], set[Any], set[Any]]:
    """Statements with their voiding, filter keys, references: by id instead of sequence number."""
    with contextlib.closing(open_database(settings).connect()) as connection:
        rows = connection.rows("select seq, id, is_voided from statement")
        ids = {seq: bytes(statement_id) for seq, statement_id, _ in rows}
        return (
            {(bytes(statement_id), is_voided) for _, statement_id, is_voided in rows},
            {(key, ids[seq]) for key, seq in connection.rows("select key, seq from link")},
            {
                (bytes(target), ids[seq], is_voiding)
                for target, seq, is_voiding in connection.rows(
                    "select target, seq, is_voiding from reference"
                )
            },
        )


@examples(
    max_examples=scaled(40, 300), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(graphs, st.sets(st.integers(0, len(IDS) - 1), min_size=1))
def test_what_is_left_is_as_if_the_rest_had_never_been(
    graph: list[tuple[tuple[str, int], int]], chosen: set[int]
) -> None:
    statements = [statement(n, kind, target, actor) for n, ((kind, target), actor) in enumerate(graph)]
    with tempfile.TemporaryDirectory() as first, tempfile.TemporaryDirectory() as second:
        settings = filled(Path(first), statements)
        gone = remove(settings, Selection("default", ids=[IDS[number] for number in chosen]))
        left = contents(settings)
        ids = {statement_id for statement_id, _ in left[0]}
        assert len(ids) == len(statements) - gone.statements
        assert not ids & {IDS[number].bytes for number in chosen}
        survivors = [item for item in statements if uuid.UUID(item["id"]).bytes in ids]
        assert left == contents(filled(Path(second), survivors))


def test_no_look_up_walks_a_whole_tenant(tmp_path: Path) -> None:
    """SQLite, left the choice, began with all statements of the tenant: seconds per 500 statements in a large store."""
    count = 100  # with few the planner chooses well by itself
    items = [statement(0, "plain", 0, 0), statement(1, "voids", 0, 1)]
    items += [{**statement(2, "plain", 0, 0), "id": str(uuid.uuid4())} for _ in range(count)]
    settings = filled(tmp_path, items)
    asked: list[tuple[str, Sequence[Any]]] = []
    with contextlib.closing(open_database(settings).connect()) as connection:
        plain, execute = connection.rows, connection.execute

        def noting(sql: str, parameters: Sequence[Any] = ()) -> list[Any]:
            asked.append((sql, parameters))
            return plain(sql, parameters)

        def noting_too(sql: str, parameters: Sequence[Any] = ()) -> int:
            asked.append((sql, parameters))
            return execute(sql, parameters)

        connection.rows, connection.execute = noting, noting_too  # type: ignore[method-assign]
        chosen = list(range(3, 3 + count))
        ids = [uuid.UUID(item["id"]).bytes for item in items]
        assert len(rows.selected(connection, rows.Condition("default", ids=ids))) == count + 2
        assert rows.voiding_partners(connection, "default", chosen) == {}
        assert len(rows.voiding_partners(connection, "default", [2])) == 1
        assert rows.referring(connection, [1]) == {2}
        removal = rows.Unfinished(rows.decide(connection, "default", [1, *chosen], []), "default", count + 1)
        rows.remove_chunk(connection, removal, [1, *chosen], lambda tenant, raw: [])
        plans = [
            step[3]
            for sql, parameters in asked
            if sql.startswith(("select", "delete"))
            for step in plain(f"explain query plan {sql}", parameters)
        ]
    walks = {"SCAN statement", "SCAN s", "SCAN v", "SCAN reference", "SCAN r", "SCAN link"}
    assert [step for step in plans if "statement_stored" in step or step in walks] == []
    assert any("statement_id" in step for step in plans)
