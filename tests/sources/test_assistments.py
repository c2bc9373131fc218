"""ASSISTments: one answer per response, skills by the q-matrix, invented times in the source's order."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from learnlake.errors import InputError
from people.oneroster import import_roster
from sources import open_source, profile
from sources.assistments import HOME_PAGE, Assistments
from tests.scale import REAL_ROWS
from warehouse.catalogue import import_folder

OWN_COLUMNS = (
    "order_id,assignment_id,user_id,assistment_id,problem_id,original,correct,attempt_count,ms_first_response,tutor_mode,"
    "answer_type,sequence_id,student_class_id,position,type,base_sequence_id,skill_id,skill_name,teacher_id,school_id,"
    "hint_count,hint_total,overlap_time,template_id,answer_id,answer_text,first_action,bottom_hint,opportunity,"
    "opportunity_original"
)


@pytest.fixture
def gervet(tmp_path: Path) -> Path:
    folder = tmp_path / "kt"
    folder.mkdir()
    rows = {
        "user_id": [7, 7, 9, 7],
        "order_id": [12, 3, 4, 5],
        "item_id": [100, 101, 100, 100],
        "skill_id": [1, 0, 1, 1],
        "correct": [1, 0, 1, 0],
        "split": ["train", "train", "test", "train"],
    }
    pl.DataFrame(rows).write_parquet(folder / "assistments2009_gervet.parquet")
    qmatrix = {"item_id": [100, 100, 101], "skill": [30, 4, 4]}
    pl.DataFrame(qmatrix).write_parquet(folder / "assistments2009_gervet_qmatrix.parquet")
    return folder


def statements(source: Assistments) -> list[dict[str, Any]]:
    return [json.loads(statement) for statement in source.statements()]


def test_one_answer_per_row(gervet: Path) -> None:
    source = Assistments(gervet)
    found = statements(source)
    assert len(found) == source.statement_count == 4
    assert [s["result"]["success"] for s in found] == [True, False, True, False]
    assert [s["context"]["extensions"][profile.SKILLS] for s in found] == [
        ["4", "30"],
        ["4"],
        ["4", "30"],
        ["4", "30"],
    ]
    assert found[0]["context"]["extensions"][profile.SOURCE_ROW] == {
        "user_id": 7,
        "item_id": 100,
        "skill_id": 1,
        "split": "train",
    }


def test_invented_times_follow_the_order_of_each_person(gervet: Path) -> None:
    found = statements(Assistments(gervet))
    assert all(s["context"]["extensions"][profile.IS_TIME_INVENTED] for s in found)
    mine = [s for s in found if s["actor"]["account"]["name"] == "7"]
    by_time = sorted(mine, key=lambda s: s["timestamp"])
    assert [s["context"]["extensions"][profile.SEQUENCE] for s in by_time] == [3, 5, 12]
    assert len({s["timestamp"] for s in mine}) == 3


def test_the_edition_as_released_gives_the_same_statements(gervet: Path, tmp_path: Path) -> None:
    """Two tab-separated files and a sparse matrix."""
    frame = pl.read_parquet(gervet / "assistments2009_gervet.parquet")
    folder = tmp_path / "as-released"
    folder.mkdir()
    for split in ("train", "test"):
        part = frame.filter(pl.col("split") == split).drop("split")
        part.write_csv(folder / f"preprocessed_data_{split}.csv", separator="\t")
    matrix = np.zeros((102, 31))
    matrix[[100, 100, 101], [30, 4, 4]] = 1
    indptr = np.concatenate([[0], np.cumsum(matrix.any(axis=1) * matrix.sum(axis=1).astype(int))])
    np.savez(folder / "q_mat.npz", indices=np.nonzero(matrix)[1], indptr=indptr, data=np.ones(3))
    ours, theirs = ({s["id"]: s for s in statements(Assistments(place))} for place in (folder, gervet))
    assert ours == theirs


def test_own_file_merges_the_rows_of_one_response(tmp_path: Path) -> None:
    """The skill-builder file repeats a response for each skill of its item; counted twice, it would leak."""
    path = tmp_path / "skill_builder_data.csv"
    common = "33022537,277618,64525,33139,51424,1,1,1,32454,tutor,algebra,5948,13241,126,MasterySection,5948"
    rest = "22763,73,0,3,32454,30799,,26,0,,1,1"
    other = "33022709,277618,64525,33150,51435,1,0,2,4922,tutor,algebra,5948,13241,126,MasterySection,5948"
    lines = [
        OWN_COLUMNS,
        f"{common},1,Box and Whisker,{rest}",
        f"{common},10,Table,{rest}",
        f"{other},,,{rest}",
    ]
    path.write_text("\n".join(lines))
    first, second = statements(Assistments(path))
    assert first["context"]["extensions"][profile.SKILLS] == ["1", "10"]
    assert first["result"] == {"success": True, "response": "26", "duration": "PT32.45S"}
    assert second["context"]["extensions"][profile.SKILLS] == []
    skills = pl.read_csv(Assistments(path).write_catalogue(tmp_path / "c") / "skills.csv", infer_schema=False)
    assert skills.select("skill_id", "title").rows() == [("1", "Box and Whisker"), ("10", "Table")]


def test_an_item_without_skills_is_refused(gervet: Path) -> None:
    path = gervet / "assistments2009_gervet_qmatrix.parquet"
    pl.read_parquet(path).filter(pl.col("item_id") != 101).write_parquet(path)
    with pytest.raises(InputError, match="101"):
        Assistments(gervet)


def test_neither_right_nor_wrong_is_refused(gervet: Path) -> None:
    path = gervet / "assistments2009_gervet.parquet"
    pl.read_parquet(path).with_columns(pl.lit(2).alias("correct")).write_parquet(path)
    with pytest.raises(InputError, match="0 or 1"):
        Assistments(gervet)


@pytest.mark.real_data
def test_the_real_data(public_data: Path, settings: Any, tmp_path: Path) -> None:
    source = open_source("assistments", public_data, limit=REAL_ROWS)
    assert isinstance(source, Assistments)
    rows = pl.read_parquet(public_data / "kt" / "assistments2009_gervet.parquet").head(REAL_ROWS or 10**9)
    assert source.statement_count == len(rows)
    import_roster(settings, "kt", source.write_roster(tmp_path / "roster"), home_page=HOME_PAGE)
    import_folder(settings.home, "kt", source.write_catalogue(tmp_path / "catalogue"))
    sets: dict[int, set[str]] = {}
    ids, right = set(), 0
    for body in source.statements():
        statement = json.loads(body)
        ids.add(statement["id"])
        right += statement["result"]["success"]
        extensions = statement["context"]["extensions"]
        combination = extensions[profile.SOURCE_ROW]["skill_id"]
        sets.setdefault(combination, set()).add(",".join(extensions[profile.SKILLS]))
    assert len(ids) == len(rows)
    assert right == rows["correct"].sum()
    assert len(sets) == rows["skill_id"].n_unique()
    assert all(len(found) == 1 for found in sets.values()), "a combination is always the same base skills"
