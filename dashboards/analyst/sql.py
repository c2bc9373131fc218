"""SQL over the newest snapshot. The query runs in `warehouse.sandbox`, a process of its own; this page only asks."""

from __future__ import annotations

import polars as pl
import streamlit as st

from dashboards import words
from dashboards.analyst import picture, saved
from dashboards.components import page, states, tables
from dashboards.visit import Visit
from dashboards.words import mark
from learnlake.errors import InputError
from people.queries import Chart
from warehouse import sandbox

t, _tn = words.room(__name__)
EXAMPLES = {
    mark(
        "Classes by students"
    ): "select title, session_title, student_count\nfrom dim_class\norder by student_count desc",
    mark(
        "Mastery by skill"
    ): "select s.title, count(*) as students, avg(m.mastery) as mean_mastery\nfrom prd_mastery m\n"
    "join dim_skill s using (skill_key)\ngroup by s.title\norder by mean_mastery",
    mark(
        "Activity by week"
    ): "select week_index, sum(active_student_count) as active, sum(attempt_count) as answers\n"
    "from msr_class_week\ngroup by week_index\norder by week_index",
    mark("Risk by grade"): "select c.grade, count(*) as students, avg(r.risk) as mean_risk\nfrom prd_risk r\n"
    "join dim_class c using (section_key)\ngroup by c.grade\norder by c.grade",
}
CUT = (mark("Only the first {count} rows are shown; add a LIMIT or aggregate."),)
"""What the sandbox says of an answer that it cut short."""


def render(visit: Visit) -> None:
    """The page: examples, editor, answer with download."""
    page.header(
        visit,
        t("SQL"),
        t(
            "Ask your question in DuckDB's SQL, or start from an example. People are pseudonyms; nothing can be changed here."
        ),
    )
    opened = saved.choose(visit)
    example = st.pills(t("Examples"), list(EXAMPLES), format_func=t, key="example", on_change=_take_example)
    del example
    with st.form("sql", border=False):
        query = st.text_area(t("Query"), key="query", height=190, placeholder="select ... from ...")
        is_asked = st.form_submit_button(t("Run"), type="primary", icon=":material/play_arrow:")
    if is_asked and query.strip():
        st.session_state["answer"] = _ask(visit, query)
    answer = st.session_state.get("answer")
    if answer is None:
        states.empty(
            t("No question asked yet"),
            t("The catalogue page says which tables there are and what each column means."),
        )
    elif isinstance(answer, InputError):
        st.error(f"{answer.what}\n\n{answer.mend or ''}", icon=":material/error:")
    else:
        chart = _show(visit, answer)
        saved.keep(visit, query, chart, opened)
    page.how_worked_out(
        t(
            "The query runs in a process of its own that can read this school's snapshot and nothing else: no files, no "
            "network, at most {memory} of memory and {seconds} seconds. Each query is noted in the audit trail.",
            memory=visit.settings.sql_memory_limit,
            seconds=str(visit.settings.sql_timeout_seconds),
        )
    )


def _take_example() -> None:
    chosen = st.session_state.get("example")
    if chosen:
        st.session_state["query"] = EXAMPLES[chosen]


def _ask(visit: Visit, query: str) -> sandbox.Result | InputError:
    with st.spinner(t("Asking…")):
        try:
            return sandbox.run_sql(visit.settings, visit.viewer, query)
        except InputError as error:
            return error


def _show(visit: Visit, answer: sandbox.Result) -> Chart:
    frame = pl.from_arrow(answer.table)
    assert isinstance(frame, pl.DataFrame)
    facts: dict[str, words.Value] = {
        "rows": frame.height,
        "seconds": words.fixed(answer.seconds, decimals=2),
        "day": page.short_day(answer.build.as_of),
    }
    if answer.build.build_id == visit.build.build_id:
        note = t("{rows} rows · {seconds} s · as of {day}", **facts)
    else:
        note = t(
            "{rows} rows · {seconds} s · as of {day} · asked of an older build: run it again",
            **facts,
        )
    st.html(f'<p class="ll-small">{note}</p>')
    if answer.is_truncated:
        st.warning(words.retold(answer.note, CUT, t), icon=":material/content_cut:")
    st.dataframe(frame, hide_index=True, alt=t("The query's answer"))
    tables.download(frame, file_name="answer")
    return picture.show(frame)
