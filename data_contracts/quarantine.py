"""Statements that break what their source promises: into the mart `qc_quarantine`, with rule, value and mend. They stay in the lake.

Runs before the marts are built, since a rule of severity `exclude` keeps its statements out of every mart's meaning.
What each source's broken rules and silence come to is told by `results`, as rows of `qc_check`.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections.abc import Iterable, Iterator, Sequence

import duckdb
import polars as pl

from data_contracts.load import Contract, source_contracts
from data_contracts.sql_checks import RESULT_SCHEMA, RowCheck, row_checks

RECENT_DAYS = 30
"""A broken rule is shown for so long after the statement was stored: a month's report finds it, a mended source comes clean."""
RETIRED_DAYS = 120
"""A source that has sent nothing for longer is no longer called silent: no summer holiday is as long."""
USUAL_WEEKS = 4
"""Weeks before the last seven days whose median is a source's usual volume."""
FOUND_MAX = 200
"""Characters of a value that are kept: a page shows no more."""


@dataclasses.dataclass(frozen=True)
class _SourceRule:
    source: str
    applies_to: str
    check: RowCheck


REPEATED = RowCheck(
    "statement_sent_once",
    "",
    "The same actor, verb, object, time and result came before under another id: a batch was sent twice, and both count.",
    "flag",
    mend="Let the source give each statement an id, so that the LRS knows a repeat, and void or delete the later ones "
    "(`learnlake lrs delete`).",
    allowed="one statement for what happened once",
)
"""Told from several rows, so that no contract's SQL condition can say it. Kept: a click twice in one instant looks the same."""
ANY_SOURCE = "xapi"
"""The contract that every statement is under."""


def fill(
    connection: duckdb.DuckDBPyConnection,
    lake_files: Sequence[str],
    *,
    from_seq: int,
    to_seq: int,
    contracts: Iterable[Contract] | None = None,
) -> int:
    """Put what is broken by the statements with `from_seq < seq <= to_seq` of `lake_files` into quarantine; answer the rows.

    Replaces whatever an earlier run took from those statements. One pass over the files.
    """
    chosen = source_contracts() if contracts is None else tuple(contracts)
    rules = list(_rules(chosen))
    connection.execute("begin")
    try:
        connection.execute(f"delete from main.qc_quarantine where seq > {from_seq}")
        connection.execute(f"delete from run.source_day where first_seq > {from_seq}")
        added = 0
        if lake_files and rules:
            _read(connection, chosen, rules, lake_files, from_seq, to_seq)
            _count_days(connection, chosen)
            added = _insert(connection, rules)
            connection.execute("drop table sent")
        connection.execute("commit")
    except BaseException:
        connection.execute("rollback")
        raise
    return added


def _rules(contracts: Iterable[Contract]) -> Iterator[_SourceRule]:
    for contract in contracts:
        for table in contract.tables:
            for check in row_checks(table, contract.severity):
                yield _SourceRule(contract.name, table.applies_to, check)


def _read(
    connection: duckdb.DuckDBPyConnection,
    contracts: Sequence[Contract],
    rules: Sequence[_SourceRule],
    lake_files: Sequence[str],
    from_seq: int,
    to_seq: int,
) -> None:
    """The temporary table `sent`: per tenant, day and set of contracts that a statement is under, its count and what is broken."""
    under = [contract.tables[0].applies_to for contract in contracts]
    number = {contract.name: n for n, contract in enumerate(contracts)}
    mask = " + ".join(f"case when a{n} then {1 << n} else 0 end" for n in range(len(under)))
    broken = ", ".join(
        f"case when a{number[rule.source]} and ({rule.check.bad})"
        f" then {{'n': {n}, 'found': {_found(rule.check)}}} end"
        for n, rule in enumerate(rules)
    )
    files = ", ".join(_literal(path) for path in lake_files)
    applied = ", ".join(f"coalesce({condition}, false) as a{n}" for n, condition in enumerate(under))
    connection.execute(
        f"""create or replace temp table sent as
        select tenant, stored_date, mask, min(seq) as first_seq, count(*) as statement_count,
            max(stored) at time zone 'UTC' as last_stored,
            list({{'seq': seq, 'id': id, 'platform': platform, 'broken': broken}}) filter (where len(broken) > 0) as broken
        from (
            select tenant, stored_date, seq, stored, id, coalesce(platform, actor_home_page) as platform, {mask} as mask,
                list_filter([{broken}], lambda x: x is not null) as broken
            from (
                select *, {applied}
                from read_parquet([{files}], hive_partitioning = true,
                    hive_types = {{'tenant': varchar, 'stored_date': date}}, union_by_name = true)
                where seq > {from_seq} and seq <= {to_seq}
            )
        )
        group by tenant, stored_date, mask"""
    )


def _found(check: RowCheck) -> str:
    return f"left(({check.found})::varchar, {FOUND_MAX})" if check.found else "null::varchar"


def _count_days(connection: duckdb.DuckDBPyConnection, contracts: Sequence[Contract]) -> None:
    for n, contract in enumerate(contracts):
        connection.execute(
            "insert into run.source_day select tenant, ?, stored_date, min(first_seq), sum(statement_count), max(last_stored)"
            f" from sent where mask & {1 << n} > 0 group by tenant, stored_date",
            [contract.name],
        )


def _insert(connection: duckdb.DuckDBPyConnection, rules: Sequence[_SourceRule]) -> int:
    named = pl.DataFrame(
        [
            {
                "n": n,
                "source": rule.source,
                "rule": rule.check.name,
                "allowed": rule.check.allowed,
                "reason": rule.check.reason,
                "mend": rule.check.mend or _usual_mend(rule.check.name),
                "is_excluded": rule.check.severity == "exclude",
            }
            for n, rule in enumerate(rules)
        ]
    )
    connection.register("rule_named", named.to_arrow())
    try:
        row = connection.execute(
            """insert into main.qc_quarantine by name
            select broken.tenant, broken.statement.seq as seq, named.source, named.rule, broken.one.found as found,
                named.allowed, named.reason, named.mend, named.is_excluded, broken.statement.id as statement_id,
                broken.statement.platform as platform, broken.stored_date
            from (
                select tenant, stored_date, statement, unnest(statement.broken) as one
                from (select tenant, stored_date, unnest(broken) as statement from sent)
            ) as broken
            join rule_named as named on named.n = broken.one.n"""
        ).fetchone()
    finally:
        connection.unregister("rule_named")
    return int(row[0]) if row else 0


def _usual_mend(check: str) -> str:
    """What to do about a rule that a column's promise makes: the contract has no words of its own for it."""
    if check.endswith("_is_there"):
        return "Let the source send it with each statement."
    if check.endswith("_is_known"):
        return "Let the source send one of these; if the value is right, add it to the contract and to dbt_project/seeds/event_map.csv."
    return "Let the source send what is allowed."


def add_repeats(connection: duckdb.DuckDBPyConnection, *, from_seq: int) -> int:
    """Put the statements after `from_seq` that say what an earlier one said into quarantine, flagged. Needs staging.

    Equal are those of one actor, verb, object and time whose result, response, sequence and clicks are equal too.
    """
    same = (
        "tenant, actor_key, verb_id, object_id, occurred_at, is_success, score_scaled, duration_seconds,"
        " response_text, source_sequence, clicks"
    )
    row = connection.execute(
        f"""insert into main.qc_quarantine by name
        with newest as (
            select min(occurred_at) as earliest, max(occurred_at) as latest from staging.stg_statement where seq > {from_seq}
        ),
        near as (
            select *, hash({same}) as said from staging.stg_statement
            where occurred_at between (select earliest from newest) and (select latest from newest)
        ),
        several as (select said from near group by said having count(*) > 1 and max(seq) > {from_seq}),
        counted as (
            select tenant, seq, statement_id, stored_date, platform, row_number() over (partition by {same} order by seq) as n
            from near semi join several using (said)
        )
        select tenant, seq, ? as source, ? as rule, null as found, ? as allowed, ? as reason, ? as mend,
            false as is_excluded, statement_id, platform, stored_date
        from counted where n > 1 and seq > {from_seq}""",
        [ANY_SOURCE, REPEATED.name, REPEATED.allowed, REPEATED.reason, REPEATED.mend],
    ).fetchone()
    return int(row[0]) if row else 0


def results(
    connection: duckdb.DuckDBPyConnection,
    *,
    as_of: dt.date,
    checked_at: dt.datetime,
    contracts: Iterable[Contract] | None = None,
) -> pl.DataFrame:
    """What each tenant's sources kept and broke in the last `RECENT_DAYS`, and which have gone quiet (`RESULT_SCHEMA`).

    Voided statements are mended. Sources are heard by the calendar (`as_of`), so that a silent one is found without new data.
    """
    chosen = source_contracts() if contracts is None else tuple(contracts)
    rows = [
        *_promises(connection, chosen, as_of, checked_at),
        *_silences(connection, chosen, as_of, checked_at),
    ]
    return pl.DataFrame(rows, schema=RESULT_SCHEMA)


def _promises(
    connection: duckdb.DuckDBPyConnection,
    contracts: Sequence[Contract],
    as_of: dt.date,
    checked_at: dt.datetime,
) -> Iterator[dict[str, object]]:
    since = as_of - dt.timedelta(days=RECENT_DAYS)
    heard = connection.execute(
        "select distinct tenant, contract from run.source_day where stored_date > ? order by all", [since]
    ).fetchall()
    broken = {
        (tenant, source, rule): rest
        for tenant, source, rule, *rest in connection.execute(
            "select tenant, source, rule, count(*), arg_max(found, seq), any_value(allowed), any_value(reason),"
            " any_value(mend), arg_max(statement_id, seq), bool_or(is_excluded) from main.qc_quarantine q"
            " anti join (select tenant, seq from main.fct_statement where is_voided) using (tenant, seq)"
            " where stored_date > ? group by tenant, source, rule",
            [since],
        ).fetchall()
    }
    by_name = {contract.name: contract for contract in contracts}
    for tenant, name in heard:
        if name not in by_name:
            continue
        checks = [rule.check for rule in _rules([by_name[name]])]
        checks += [REPEATED] if name == ANY_SOURCE else []
        for check in checks:
            found = broken.get((tenant, name, check.name))
            message = _message(*found) if found else ""
            yield _result(tenant, name, check.name, found[0] if found else 0, message, checked_at)


def _message(
    count: int, found: str | None, allowed: str, reason: str, mend: str, example: str, is_excluded: bool
) -> str:
    """The offending value first, then what is allowed, why, and what to do."""
    value = f"{found} (allowed: {allowed}). " if found and allowed else f"{found}. " if found else ""
    kept = (
        "They count in no mart until then."
        if is_excluded
        else "They count all the same, as far as they can be read."
    )
    return f"{value}{count} statement(s): {reason} {mend} {kept} For example statement {example}."


def _silences(
    connection: duckdb.DuckDBPyConnection,
    contracts: Sequence[Contract],
    as_of: dt.date,
    checked_at: dt.datetime,
) -> Iterator[dict[str, object]]:
    """Freshness and volume of the sources of schools whose session runs: holidays are no silence."""
    promised = {c.name: {level.property: float(level.value) for level in c.service_levels} for c in contracts}
    in_session = dict(
        connection.execute(
            "select tenant, bool_or(is_running) from main.dim_academic_session group by tenant"
        ).fetchall()
    )
    for tenant, name, last, days in connection.execute(
        "select tenant, contract, max(last_stored), list({'day': stored_date, 'n': statement_count})"
        " from run.source_day group by tenant, contract order by all"
    ).fetchall():
        levels, quiet_days = promised.get(name, {}), (as_of - last.date()).days
        if not in_session.get(tenant, True) or quiet_days > RETIRED_DAYS:
            continue
        if "freshness" in levels:
            is_quiet = quiet_days > levels["freshness"]
            message = (
                f"Silent since {last:%d %B %Y} ({quiet_days} days; promised: something within {levels['freshness']:g} days). "
                "Look whether the source runs and reaches the LRS, and whether its credential is in force "
                "(`learnlake lrs credential list`). If it was switched off for good, revoke its credential: after "
                f"{RETIRED_DAYS} days it is no longer expected."
            )
            yield _result(tenant, name, "still_sends", int(is_quiet), message if is_quiet else "", checked_at)
        if "volume" in levels:
            week, usual = _volumes(days, as_of)
            share = 100 * week / usual if usual else 100.0
            is_low = share < levels["volume"] and quiet_days <= levels.get("freshness", RETIRED_DAYS)
            message = (
                f"{week:,} statements in the last seven days, {share:.0f} % of its usual week of {usual:,.0f} (promised: at "
                f"least {levels['volume']:g} %). Part of the source may have stopped: look at its queue and log, and which "
                "courses are missing in qc_freshness."
            )
            yield _result(tenant, name, "sends_as_usual", int(is_low), message if is_low else "", checked_at)


def _volumes(days: list[dict[str, object]], as_of: dt.date) -> tuple[int, float]:
    """(statements stored in the seven complete days before `as_of`, median of the weeks before; 0 where there are too few)."""
    counts = [0] * (USUAL_WEEKS + 1)
    for day in days:
        stored, count = day["day"], day["n"]
        assert isinstance(stored, dt.date)
        assert isinstance(count, int)
        week = ((as_of - stored).days - 1) // 7
        if 0 <= week <= USUAL_WEEKS:
            counts[week] += count
    before = sorted(counts[1:])
    middle = USUAL_WEEKS // 2
    usual = (before[middle - 1] + before[middle]) / 2
    return counts[0], usual if before[0] else 0.0


def _result(
    tenant: str, contract: str, name: str, count: int, message: str, checked_at: dt.datetime
) -> dict[str, object]:
    return {
        "tenant": tenant,
        "contract": contract,
        "check_name": name,
        "severity": "flag",
        "failing_count": count,
        "is_passed": count == 0,
        "message": message,
        "checked_at": checked_at,
    }


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
