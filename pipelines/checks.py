"""Asset checks that the data contracts make: one per contract in every run, and the heavy suites at night.

What a contract asks and how it is judged is `data_contracts`' business.
"""

from collections.abc import Callable, Iterable, Iterator
from typing import Any

import dagster as dg
import polars as pl

from data_contracts.load import Contract, source_contracts
from learnlake.errors import ContractError
from learnlake.settings import Settings
from pipelines import contracts, lineage, stages
from pipelines.policies import RETRIES, run_tags
from pipelines.resources import RUN
from warehouse.build import Working

CONTRACT = "contract"


def specs_of(held: Iterable[Contract]) -> list[dg.AssetCheckSpec]:
    """A blocking check per mart contract: a rule that fails keeps the build from being published."""
    return [
        dg.AssetCheckSpec(
            CONTRACT, asset=contract.name, blocking=True, description=contract.description.purpose
        )
        for contract in held
    ]


def contract_checks() -> dg.AssetChecksDefinition:
    """The contracts of what dbt builds, which block, and those of the sources, which flag."""
    built = specs_of(contracts.built_contracts())
    sent = [
        dg.AssetCheckSpec(
            check_name(contract.name), asset=lineage.STATEMENTS, description=contract.description.purpose
        )
        for contract in source_contracts()
    ]

    @dg.multi_asset_check(name="contracts", specs=[*built, *sent], required_resource_keys={RUN})
    def check(context: dg.AssetCheckExecutionContext) -> Iterator[dg.AssetCheckResult]:
        working: Working = getattr(context.resources, RUN)
        yield from judged(working, stages.check, [*built, *sent])

    return check


def check_name(contract: str) -> str:
    """A contract's name as Dagster allows it."""
    return contract.replace("-", "_")


def judged(
    working: Working, check: Callable[[Working], Any], specs: Iterable[dg.AssetCheckSpec]
) -> Iterator[dg.AssetCheckResult]:
    """Run `check` and answer a result per spec; a blocking failure ends the step after all results are told."""
    refusal: ContractError | None = None
    try:
        check(working)
    except ContractError as error:
        refusal = error
    results = working.frame("from main.qc_check")
    for spec in specs:
        name = spec.asset_key.path[-1] if spec.name == CONTRACT else spec.name
        yield _result(spec, results.filter(pl.col("contract").str.replace_all("-", "_") == name))
    if refusal:
        raise dg.Failure(str(refusal), allow_retries=False)


def _result(spec: dg.AssetCheckSpec, rows: pl.DataFrame) -> dg.AssetCheckResult:
    failed = rows.filter(~pl.col("is_passed"))
    is_blocked = not failed.filter(pl.col("severity") == "block").is_empty()
    metadata: dict[str, Any] = {
        f"{row['tenant']} {row['check_name']}": f"{row['failing_count']} rows: {row['message']}"
        for row in failed.iter_rows(named=True)
    }
    return dg.AssetCheckResult(
        asset_key=spec.asset_key,
        check_name=spec.name,
        passed=failed.is_empty(),
        severity=dg.AssetCheckSeverity.ERROR if is_blocked else dg.AssetCheckSeverity.WARN,
        metadata={"checks": len(rows), **metadata},
    )


def heavy_suites(settings: Settings) -> dg.JobDefinition:
    """The contracts once more, as Great Expectations suites over the published snapshot."""

    @dg.op(description="Every contract's suite; says what fails and how to mend it.")
    def validate(context: dg.OpExecutionContext) -> None:
        results = stages.validate(settings)
        failed = results.filter(~pl.col("is_passed"))
        context.add_output_metadata({"checks": len(results), "failed": len(failed)})
        broken = failed.filter(pl.col("severity") == "block")
        if not broken.is_empty():
            lines = [
                f"{row['tenant']}: {row['contract']}, {row['check_name']}: {row['message']}"
                for row in broken.iter_rows(named=True)
            ]
            raise dg.Failure(
                "Suites failed on the published snapshot:\n" + "\n".join(lines[:50]), allow_retries=False
            )

    @dg.job(
        name="suites",
        executor_def=dg.in_process_executor,
        op_retry_policy=RETRIES,
        run_tags=run_tags("suites"),
        description="The data contracts as Great Expectations suites over the published snapshot.",
    )
    def suites() -> None:
        validate()

    return suites
