"""Files of responses in the forms in which they are published: the right columns, one row per response, what is left out."""

from __future__ import annotations

import gzip
from pathlib import Path

import polars as pl
import pytest

from learnlake.errors import InputError
from models.mastery.response_files import find_sets, read_responses

FORMS = {
    "plain": "user_id,order_id,skill_id,correct,item_id\n7,2,5,0,31\n7,1,5,1,30\n",
    "ASSISTments 2009 as published": (
        "order_id,assignment_id,user_id,problem_id,original,correct,skill_id,skill_name\n"
        "2,1,7,31,1,0,5,Area\n1,1,7,30,1,1,5,Area\n"
    ),
    "ASSISTments 2012": (
        "problem_log_id,skill,problem_id,user_id,start_time,correct,skill_id\n"
        "9,Area,31,7,2012-09-28 15:12:00,0.0,5.0\n11,Area,30,7,2012-09-28 15:11:27,1.0,5.0\n"
    ),
    "ASSISTments 2015": "user_id,log_id,sequence_id,correct\n7,200,5,0\n7,99,5,1\n",
    "ASSISTments 2017": (
        "studentId,MiddleSchoolId,skill,problemId,startTime,correct,action_num\n"
        "7,2,area,31,1096470350,0,2\n7,2,area,30,1096470301,1,1\n"
    ),
    "Junyi 2015": (
        "user_id,exercise,problem_type,time_done,correct\n"
        "7,time_1,seconds,1420714811324490,false\n7,time_1,hours,1420714810324490,true\n"
    ),
    "Junyi 2019": (
        "timestamp_TW,uuid,ucid,upid,is_correct\n"
        "2019-06-05 23:15:00 UTC,7,a,31,false\n2019-06-05 23:00:00 UTC,7,a,30,true\n"
    ),
    "KDD Cup 2010": (
        "Row\tAnon Student Id\tProblem Name\tStep Name\tFirst Transaction Time\tCorrect First Attempt\tKC(Default)\n"
        "2\t7\tL1\tS2\t2005-09-09 12:25:15.0\t0\tarea~~side\n1\t7\tL1\tS1\t2005-09-09 12:24:35.0\t1\tarea~~side\n"
    ),
    "DataShop steps": (
        "Row\tAnon Student Id\tProblem Name\tStep Name\tFirst Transaction Time\tFirst Attempt\tKC (F2011)\n"
        "2\t7\tL1\tS2\t2011-09-09 12:25:15\thint\tarea\n1\t7\tL1\tS1\t2011-09-09 12:24:35\tcorrect\tarea\n"
    ),
    "pyKT sequences": 'fold,uid,questions,concepts,responses\n0,7,"30,31,-1","5,5,-1","1,0,-1"\n',
}


@pytest.mark.parametrize("form", FORMS)
def test_each_form_is_known_by_its_columns_and_put_in_order(form: str, tmp_path: Path) -> None:
    file = tmp_path / "responses.csv"
    file.write_text(FORMS[form])
    found = read_responses(file)
    assert (found.form, found.notes) == (form, [])
    assert found.attempts["person_key"].to_list() == ["student-7"] * 2
    assert found.attempts["is_correct"].to_list() == [True, False]
    assert found.attempts["response_number"].to_list() == [1, 2]
    assert found.attempts["skill_key"].n_unique() == 1
    items = found.attempts["activity_key"]
    assert items.n_unique() == (1 if form == "ASSISTments 2015" else 2)
    assert items.null_count() == (2 if form == "ASSISTments 2015" else 0)


def test_ednet_is_a_folder_with_its_questions(tmp_path: Path) -> None:
    (tmp_path / "contents").mkdir()
    (tmp_path / "contents" / "questions.csv").write_text(
        "question_id,bundle_id,correct_answer,part,tags\nq1,b1,b,1,1;2\nq2,b2,a,1,1;2\n"
    )
    for student in (7, 8):
        (tmp_path / f"u{student}.csv").write_text(
            "timestamp,solving_id,question_id,user_answer,elapsed_time\n1566,2,q2,b,9\n1565,1,q1,b,9\n"
        )
    assert find_sets(tmp_path) == [tmp_path]
    found = read_responses(tmp_path)
    assert found.form == "EdNet KT1"
    assert found.attempts["is_correct"].to_list() == [True, False] * 2
    assert found.attempts["person_key"].unique().sort().to_list() == ["student-7", "student-8"]


def test_rows_of_one_response_are_one_and_what_is_left_out_is_said(tmp_path: Path) -> None:
    file = tmp_path / "skill_builder.csv.gz"
    text = (
        "order_id,user_id,problem_id,correct,skill_id,skill_name\n"
        "1,7,30,1,6,Côté\n1,7,30,1,5,Aire\n2,7,31,0,NA,\n3,7,32,0.5,5,Aire\n4,7,33,,5,Aire\n"
    )
    file.write_bytes(gzip.compress(text.encode("latin-1")))
    found = read_responses(file)
    assert found.attempts["skill_key"].to_list() == ["skill-5+6"]
    assert found.notes == [
        "1 rows with partial credit left out",
        "1 rows without a student or an answer left out",
        "3 rows are 2 responses: several skills of one are a combination",
        "1 responses without a skill left out",
    ]


def test_what_is_no_file_of_responses_is_told_apart(tmp_path: Path) -> None:
    other = tmp_path / "people.csv"
    other.write_text("name,age\nx,9\n")
    with pytest.raises(InputError, match="not those of a file of responses") as refused:
        read_responses(other)
    assert "name, age" in str(refused.value.where) and "rename the columns" in str(refused.value.mend)
    with pytest.raises(InputError, match="no file of responses here"):
        find_sets(tmp_path)
    wrong = tmp_path / "kt" / "b.csv"
    wrong.parent.mkdir()
    wrong.write_text("user_id,log_id,sequence_id,correct\n7,1,5,1\n7,2,5,maybe\n")
    pl.DataFrame({"user_id": [1], "order_id": [1], "skill_id": [2.0], "correct": [1]}).write_parquet(
        tmp_path / "kt" / "a.parquet"
    )
    assert [file.name for file in find_sets(tmp_path)] == ["a.parquet", "b.csv"]
    with pytest.raises(InputError, match="'maybe'") as refused:
        read_responses(wrong)
    assert "row 2" in str(refused.value.where)
