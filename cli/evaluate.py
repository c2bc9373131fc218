"""`learnlake evaluate`: held-out students and later sessions, beside the baselines. What is measured lives in `models`."""

from __future__ import annotations

import datetime as dt
import enum
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table

from cli.models import TenantOption, marts, show
from learnlake.errors import InputError
from learnlake.settings import Settings, get_settings

if TYPE_CHECKING:
    import polars as pl

    from models.risk.evaluate import Evaluation

app = typer.Typer(
    help="Held-out students and later sessions, beside the baselines.",
    add_completion=False,
    no_args_is_help=True,
)
console = Console()


class Origin(enum.StrEnum):
    """Where an evaluation reads."""

    marts = "marts"
    files = "files"


DataOption = Annotated[
    Path | None, typer.Option("--data", help="File or folder of the data set; implies --from files.")
]
OriginOption = Annotated[
    Origin | None, typer.Option("--from", help="The published marts, or the data set's own files.")
]


@app.command("mastery")
def evaluate_mastery(
    data: DataOption = None,
    origin: OriginOption = None,
    tenant: TenantOption = None,
    only: Annotated[
        list[str] | None,
        typer.Option(help="A member of the family, such as boosted; may be repeated. Default: all."),
    ] = None,
) -> None:
    """Next-response prediction for held-out students: five folds, and the given split where the data has one."""
    from cli.progress import StageBars
    from models.mastery.evaluate import MEMBERS, evaluate

    settings = get_settings()
    chosen = {name: MEMBERS[name] for name in MEMBERS if only is None or name in only}
    unknown = set(only or []) - set(MEMBERS)
    if unknown or not chosen:
        raise InputError(
            f"There is no member {', '.join(sorted(unknown))}", mend=f"name one of: {', '.join(MEMBERS)}"
        )
    for title, attempts, notes in _response_sets(settings, data, origin, tenant):
        started = time.perf_counter()
        with StageBars(console) as bars:
            found = evaluate(
                attempts, members=chosen, tell=lambda name, done, total: bars(name, done, total, "held out")
            )
        _print(_beside_known(found.table), f"{title}: next response ({time.perf_counter() - started:.1f} s)")
        for note in notes:
            console.print(f"  {note}")
        low, high = found.interval()
        auc = found.table.filter(model=found.best, split="five folds")["auc"][0]
        console.print(
            f"best: {found.best}, mean AUC of the folds {auc:.4f}, 95 % interval {low:.4f} to {high:.4f} (students drawn again)"
        )
        _say_looks(
            settings, found.held_out, is_developed_on="baseline_auc" in _beside_known(found.table).columns
        )


def _response_sets(
    settings: Settings, data: Path | None, origin: Origin | None, tenant: str | None
) -> Iterator[tuple[str, pl.DataFrame, list[str]]]:
    """Title, attempts, and what was left out, of each data set meant."""
    from models.mastery.response_files import find_sets, read_responses

    if _origin(data, origin) is Origin.marts:
        with marts(settings, tenant) as (name, read):
            attempts = read("fct_attempt")
        yield name, attempts, []
        return
    for path in find_sets(_data(settings, data)):
        found = read_responses(path)
        yield f"{found.title} ({found.form})", found.attempts, found.notes


def _beside_known(table: pl.DataFrame) -> pl.DataFrame:
    """With what others reached on the same data set, where it is one of those."""
    import polars as pl

    from models import baselines

    known = baselines.RESPONSE_AUC.get(max(table["count"].to_list()))
    if known is None:
        return table
    beside = pl.DataFrame(
        {"model": list(known), "split": "five folds", "baseline_auc": list(known.values())},
        schema_overrides={"baseline_auc": pl.Float64},
    )
    return table.join(beside, on=["model", "split"], how="left", maintain_order="left")


@app.command("risk")
def evaluate_risk(
    data: DataOption = None,
    origin: OriginOption = None,
    tenant: TenantOption = None,
    test_from: Annotated[
        dt.datetime | None,
        typer.Option(
            formats=["%Y-%m-%d"], help="Start of the sessions to test on; default: the newest finished."
        ),
    ] = None,
) -> None:
    """Risk by decision week and by subgroup: trained on earlier finished sessions, tested on a later one."""
    import polars as pl

    from models import baselines, risk
    from models.risk.oulad_files import read_groups, read_oulad

    settings = get_settings()
    started = time.perf_counter()
    groups: pl.DataFrame | None = None
    if _origin(data, origin) is Origin.files:
        frames = read_oulad(_data(settings, data))
        weeks, outcomes, sessions = frames.weeks, frames.outcomes, frames.sessions
        groups = read_groups(_data(settings, data))
    else:
        with marts(settings, tenant) as (_, read):
            weeks, outcomes, sessions = map(read, ("msr_student_week", "fct_outcome", "dim_academic_session"))
    found = risk.evaluate(
        weeks, outcomes, sessions, test_from=test_from.date() if test_from else None, groups=groups
    )
    table = found.by_week
    if _is_oulad_protocol(found):
        table = table.join(baselines.OULAD_WITHOUT_DEMOGRAPHICS, on="week", how="left", maintain_order="left")
    _print(
        table,
        f"At risk, sessions from {found.test_start} after training on {', '.join(map(str, found.train_starts))} "
        f"({time.perf_counter() - started:.1f} s)",
    )
    for name in ("auc", "baseline_auc"):
        if name in table.columns:
            console.print(f"mean {name} {table[name].to_numpy().mean():.4f}")
    if "baseline_auc" in table.columns:
        below = table.filter(pl.col("auc_high") < pl.col("baseline_auc"))["week"].to_list()
        console.print(
            f"weeks below the baseline by more than the interval: {', '.join(map(str, below)) or 'none'}"
        )
    _print(found.subgroups, "Subgroups, over the decision weeks (never features)")
    for change in found.plan_changes.iter_rows(named=True):
        console.print(
            f"changed assessment: {change['section_key']} has {change['due']} pieces of work due, {change['before']} had "
            f"{change['due_before']}: do not trust its risks before the next training"
        )
    _say_looks(settings, found.held_out, is_developed_on=_is_oulad_protocol(found))


@app.command("next-activity")
def evaluate_next_activity(
    courses: Annotated[int, typer.Option(min=2, help="Simulated courses; intervals are over them.")] = 16,
    students: Annotated[int, typer.Option(min=2, help="Simulated students in each.")] = 30,
    seed: Annotated[int, typer.Option(help="Which worlds are drawn.")] = 0,
) -> None:
    """The recommender on simulated students whose knowledge is known: beside chance and the weakest skill first, and by off-policy estimates."""
    from models.recommendation import trial

    started = time.perf_counter()
    size = trial.Size(courses=courses, students_per_course=students)
    found, learned, reason = trial.off_policy(size, seed=seed)
    _print(
        _with_intervals(trial.compare(size, trial.ways(seed=seed, learned=learned), seed=seed)),
        f"Share of a course's skills remembered {trial.TEST_AFTER_DAYS} days after a term of {size.sessions} sessions, "
        f"{courses} simulated courses of {students} students, 95 % intervals ({time.perf_counter() - started:.1f} s)",
    )
    _print(
        _with_intervals(found),
        f"Rise of mastery per choice: the simulator's truth, and estimates from a log in which {trial.EXPLORE:.0%} of the choices were by chance",
    )
    console.print(f"learned: {reason}")


@app.command("recommendation")
def evaluate_recommendation(tenant: TenantOption = None) -> None:
    """What a school's own explored choices say of each policy: off-line values with intervals, and whether a learned one would be let on."""
    from models import registry
    from models.recommendation import RegisteredPolicy, judging
    from models.retraining import CHOICES

    settings = get_settings()
    started = time.perf_counter()
    with marts(settings, tenant) as (name, read):
        log = read(CHOICES)
    shown = judging.followed(log)
    if not shown.is_empty():
        _print(shown, f"{name}: what came of the suggestions ({len(log)} kept; shares compare nothing)")
    registered = registry.model_name("recommendation", name)
    held = (
        registry.load(settings.home, registered)
        if registry.champion_version(settings.home, registered)
        else RegisteredPolicy()
    )
    found = judging.judge(log, held.policy)
    _print(
        _with_intervals(found.table),
        f"{name}: rise of mastery per choice, 95 % intervals clustered by person; in force is {held.policy.version} "
        f"({time.perf_counter() - started:.1f} s)",
    )
    console.print(
        f"learned (each person ranked by what the other half of the people taught): "
        f"{'would be let on, ' if found.verdict.is_let_on else 'would not be let on, '}{found.verdict.reason}",
        soft_wrap=True,
    )


@app.command("resources")
def evaluate_resources(
    data: DataOption = None, origin: OriginOption = None, tenant: TenantOption = None
) -> None:
    """What students use next, foretold from what others used, beside popularity: split by time (marts, or OULAD's files)."""
    from models import resources

    settings = get_settings()
    started = time.perf_counter()
    if _origin(data, origin) is Origin.files:
        uses = resources.read_oulad(_data(settings, data))
    else:
        with marts(settings, tenant) as (_, read):
            uses = read("fct_resource_use")
    found = resources.evaluate(uses, min_people=settings.small_group_size)
    _print(
        _with_intervals(found.table),
        f"Resources used next, {found.students:,} students in {found.courses} courses, 95 % intervals over students ({time.perf_counter() - started:.1f} s)",
    )


def _with_intervals(table: pl.DataFrame) -> pl.DataFrame:
    """`NAME`, `NAME_low` and `NAME_high` as one column of text."""
    import polars as pl

    names = [name.removesuffix("_low") for name in table.columns if name.endswith("_low")]
    told = [
        pl.format("{} ({} to {})", *(pl.col(f"{name}{end}").round(3) for end in ("", "_low", "_high"))).alias(
            name
        )
        for name in names
    ]
    return table.with_columns(told).drop(f"{name}_{end}" for name in names for end in ("low", "high"))


def _is_oulad_protocol(found: Evaluation) -> bool:
    """Whether the baselines measured on OULAD's whole 2013B, 2013J and 2014B may stand beside these figures."""
    from models import baselines

    return (
        found.test_start == baselines.OULAD_TEST_START
        and found.train_starts == baselines.OULAD_TRAIN_STARTS
        and found.by_week["count"].max() == baselines.OULAD_TEST_STUDENTS
    )


def _origin(data: Path | None, origin: Origin | None) -> Origin:
    if data is not None and origin is Origin.marts:
        raise InputError("--data names files, --from marts the published marts", mend="give one of the two")
    return origin or (Origin.files if data is not None else Origin.marts)


def _data(settings: Settings, data: Path | None) -> Path:
    place = data or settings.data_dir
    if place is None:
        raise InputError(
            "There is no data set to evaluate on", mend="give --data PATH, or set LEARNLAKE_DATA_DIR"
        )
    return place


def _say_looks(settings: Settings, held_out: pl.DataFrame, *, is_developed_on: bool) -> None:
    """Say how often these rows were held out before, and note that they were again."""
    from models import looks

    file, mark = settings.home.mlflow / "looks.jsonl", looks.fingerprint(held_out)
    console.print(looks.in_words(looks.earlier_looks(file, mark)))
    if is_developed_on:
        console.print("The release itself was developed while looking at this data set (docs/models.md).")
    looks.note_look(file, mark)


def _print(table: pl.DataFrame, title: str) -> None:
    """Each figure, and behind it in brackets the baseline where there is one."""
    baselines = {
        name.removeprefix("baseline_"): name for name in table.columns if name.startswith("baseline_")
    }
    names = [name for name in table.columns if name not in baselines.values()]
    shown = Table(*names, title=title, title_justify="left")
    for row in table.iter_rows(named=True):
        cells = []
        for name in names:
            beside = row[baselines[name]] if name in baselines else None
            cells.append(_figure(row[name]) + (f" ({_figure(beside)})" if beside is not None else ""))
        shown.add_row(*cells)
    show(shown)


def _figure(value: object) -> str:
    return f"{value:.4f}" if isinstance(value, float) else str(value)
