"""The materials of a class: where viewers leave a video, what is used most, and the marks of those who used it beside others'."""

from __future__ import annotations

import itertools

import altair as alt
import polars as pl
import streamlit as st

from dashboards import design, words
from dashboards.classes import Class, choose_class, classes
from dashboards.components import charts, filters, notes, page, states, tables
from dashboards.visit import Visit

t, tn = words.room(__name__)
PARTS = 10
"""A video is told in tenths: fine enough to find the place, coarse enough for a class."""
_VIDEOS = """
select v.activity_key, coalesce(any_value(a.title), v.activity_key) as title, count(distinct v.person_key) as viewers
from fct_video_segment v
left join dim_activity a on a.activity_key = v.activity_key
where v.section_key = $section
group by v.activity_key
having count(distinct v.person_key) >= $least
order by viewers desc, title
"""
_WATCHED = """
with segment as (
    select person_key, from_seconds, to_seconds, max(coalesce(video_length_seconds, to_seconds)) over () as length_seconds
    from fct_video_segment
    where section_key = $section and activity_key = $video
)
select
    part, any_value(length_seconds) / $parts * part as from_seconds,
    count(distinct person_key) filter (
        where from_seconds < length_seconds / $parts * (part + 1) and to_seconds > length_seconds / $parts * part
    ) / count(distinct person_key) as share
from segment cross join range($parts) as parts (part)
group by part
order by part
"""
_USED = """
select
    u.activity_key, coalesce(any_value(a.title), u.activity_key) as title, count(distinct u.person_key) as people,
    sum(u.view_count)::bigint as views, sum(u.minutes_used) as minutes, any_value(e.used_count) as used_count,
    any_value(e.other_count) as other_count, any_value(e.score_difference) as score_difference,
    any_value(e.difference_low) as difference_low, any_value(e.difference_high) as difference_high
from fct_resource_use u
left join dim_activity a on a.activity_key = u.activity_key
left join msr_resource_effect e on e.activity_key = u.activity_key and e.course_key = u.course_key
where u.section_key = $section
group by u.activity_key
order by people desc, views desc, title
"""


def render(visit: Visit) -> None:
    """The page: videos and where viewers leave them, then materials with use and marks."""
    found = classes(visit)
    if not found:
        page.header(visit, t("Materials"), t("Here you will see which materials are used."))
        states.empty(t("No class is assigned to you yet"), t("Your administrator can assign one."))
        return
    heading = st.container()
    chosen = choose_class(found)
    used = visit.rows(_USED, {"section": chosen.section_key})
    least = visit.settings.small_group_size
    videos = visit.rows(_VIDEOS, {"section": chosen.section_key, "least": least})
    with heading:
        page.header(
            visit,
            t("Materials"),
            _lead(chosen, used),
            as_of=chosen.as_of_date,
            section_key=chosen.section_key,
        )
    if used.is_empty() and videos.is_empty():
        states.empty(
            t("No use of materials is known"),
            t("It appears when the learning system reports pages, files and videos that students open."),
        )
        return
    _video(visit, chosen, videos)
    _used(used)


def _lead(chosen: Class, used: pl.DataFrame) -> str:
    if used.is_empty() or not chosen.student_count:
        return t("Here you will see which materials are used.")
    last = used.row(-1, named=True)
    return t(
        "Look at “{title}” first: of the materials in use it is opened by the fewest, {people} of {count} students.",
        title=last["title"],
        people=last["people"],
        count=chosen.student_count,
    )


def _video(visit: Visit, chosen: Class, videos: pl.DataFrame) -> None:
    page.section(t("Where viewers leave a video"))
    if videos.is_empty():
        states.empty(
            t("No video has enough viewers yet"),
            t("A video is shown from {count} viewers on.", count=visit.settings.small_group_size),
        )
        return
    titles = dict(videos.select("activity_key", "title").iter_rows())
    video = filters.choose(t("Video"), titles, param="video")
    parts = visit.rows(_WATCHED, {"section": chosen.section_key, "video": video, "parts": PARTS})
    shares, starts = parts["share"].to_list(), parts["from_seconds"].to_list()
    falls = [before - after for before, after in itertools.pairwise(shares)]
    worst = max(range(len(falls)), key=falls.__getitem__)
    if falls[worst] > 0:
        finding = t(
            "“{title}” loses most viewers at {time}: {before} watch the part before it, {after} the part after it",
            title=titles[video],
            time=_clock(starts[worst + 1]),
            before=page.share(shares[worst]),
            after=page.share(shares[worst + 1]),
        )
    else:
        finding = t("The viewers of “{title}” stay to the end", title=titles[video])
    shown = parts.with_columns(
        pl.col("from_seconds").map_elements(_clock, return_dtype=pl.String).alias("time")
    )
    bars = (
        alt.Chart(shown)
        .mark_bar(cornerRadiusEnd=3, color=design.palette().fine)
        .encode(
            x=alt.X(
                "time:N", sort=None, title=t("From minute"), axis=alt.Axis(labelAngle=0, labelOverlap=True)
            ),
            y=alt.Y(
                "share:Q",
                title=t("Viewers"),
                axis=alt.Axis(format=".0%", tickCount=4),
                scale=alt.Scale(domain=[0, 1]),
            ),
            tooltip=[
                alt.Tooltip("time:N", title=t("From minute")),
                alt.Tooltip("share:Q", title=t("Viewers"), format=".0%"),
            ],
        )
        .properties(height=220)
    )
    charts.figure(
        finding,
        t("Share of the video's viewers in this class who watched each tenth of it at least in part"),
        bars,
        text=finding,
        how=notes.definitions(**{t("Watched"): "fct_video_segment"}),
    )
    with st.expander(t("The figures behind the picture")):
        tables.table(
            shown.with_columns((100 * pl.col("share")).alias("share_pct")),
            {"time": t("From minute"), "share_pct": t("Viewers (%)")},
            file_name="video",
            alt=finding,
        )


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes}:{rest:02d}"


def _used(used: pl.DataFrame) -> None:
    if used.is_empty():
        return
    page.section(
        t("What is used, and the marks beside it"),
        t(
            "Marks compare those who used it with those who did not, at similar effort. It says what goes together, not what helps."
        ),
    )
    tables.table(
        used.with_columns(
            pl.col("score_difference", "difference_low", "difference_high") * 100,
            pl.col("minutes").cast(pl.Float64),
        ),
        {
            "title": t("Material"),
            "people": t("Students"),
            "views": t("Views"),
            "minutes": t("Minutes"),
            "score_difference": t("Marks, difference (points)"),
            "difference_low": t("at least"),
            "difference_high": t("at most"),
            "used_count": t("Compared: used"),
            "other_count": t("Compared: did not"),
        },
        file_name="materials",
        config={
            name: st.column_config.NumberColumn(format="%+.0f", width="small")
            for name in (t("Marks, difference (points)"), t("at least"), t("at most"))
        },
        alt=t("Materials of this class by how many students use them"),
    )
    page.how_worked_out(
        notes.definitions(
            **{
                t("Difference"): "msr_resource_effect.score_difference",
                t("Students"): "msr_resource_effect.used_count",
                t("Minutes"): "fct_resource_use.minutes_used",
            }
        )
    )
