"""Colours with fixed meanings, the type scale and Streamlit's theme: the only place where a colour or a font size is chosen.

The palette keeps apart for all common kinds of colour blindness (after Okabe and Ito, 2008): what needs attention is
vermilion, what is fine is blue, never red against green. Colour never speaks alone: a word stands beside it.
"""

from __future__ import annotations

import dataclasses
from typing import Literal

Meaning = Literal["attention", "watch", "fine", "neutral", "accent"]


@dataclasses.dataclass(frozen=True)
class Palette:
    """Colours of one theme as hex. The five meanings are marks in charts; `*_soft` are the grounds of chips and cards."""

    name: Literal["light", "dark"]
    background: str
    surface: str
    border: str
    text: str
    muted: str
    accent: str
    attention: str
    attention_soft: str
    attention_text: str
    watch: str
    watch_soft: str
    watch_text: str
    fine: str
    fine_soft: str
    fine_text: str
    neutral: str
    neutral_soft: str
    mastery: tuple[str, str, str, str]
    """Not tried, starting, on the way, mastered: one hue, rising in strength."""

    def of(self, meaning: Meaning) -> str:
        """The mark colour of `meaning`."""
        return str(getattr(self, meaning))


LIGHT = Palette(
    name="light",
    background="#ffffff",
    surface="#f4f6f9",
    border="#dbe1e9",
    text="#1c2733",
    muted="#55626f",
    accent="#1d5fa6",
    attention="#c2410c",
    attention_soft="#fdeee6",
    attention_text="#9a3208",
    watch="#d99a00",
    watch_soft="#fdf4dc",
    watch_text="#7a5200",
    fine="#2b7bba",
    fine_soft="#e6f1fa",
    fine_text="#1a5688",
    neutral="#8a95a3",
    neutral_soft="#eef1f4",
    mastery=("#eef1f4", "#c9dff2", "#74aede", "#14548f"),
)
DARK = Palette(
    name="dark",
    background="#11161d",
    surface="#1a212b",
    border="#323d4b",
    text="#e7ecf2",
    muted="#a3aeba",
    accent="#7db4ec",
    attention="#f08a5d",
    attention_soft="#3a2118",
    attention_text="#f7b08f",
    watch="#edc14a",
    watch_soft="#352b12",
    watch_text="#f2d380",
    fine="#66aee6",
    fine_soft="#15293b",
    fine_text="#9dcdf3",
    neutral="#7d8a98",
    neutral_soft="#242d38",
    mastery=("#242d38", "#24476a", "#3f86c4", "#a9d5fa"),
)
PALETTES = {"light": LIGHT, "dark": DARK}

FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', 'DejaVu Sans', sans-serif"
"""Fonts of pages outside Streamlit: the system's own, so that nothing is fetched."""
TYPE_SCALE = {"h1": "1.7rem", "h2": "1.25rem", "h3": "1.05rem", "body": "1rem", "small": "0.85rem"}
CONTENT_MAX_WIDTH_PX = 1180


def palette() -> Palette:
    """The palette of the theme that the reader's browser shows; light when it has not said."""
    import streamlit as st

    return PALETTES["dark" if st.context.theme.type == "dark" else "light"]


def _theme(colours: Palette) -> dict[str, object]:
    return {
        "primaryColor": colours.accent,
        "backgroundColor": colours.background,
        "secondaryBackgroundColor": colours.surface,
        "textColor": colours.text,
        "linkColor": colours.accent,
        "borderColor": colours.border,
        "redColor": colours.attention,
        "orangeColor": colours.attention,
        "yellowColor": colours.watch,
        "blueColor": colours.fine,
        "greenColor": colours.fine,
        "grayColor": colours.neutral,
        "chartCategoricalColors": [colours.fine, colours.attention, colours.watch, colours.neutral],
        "chartSequentialColors": _ten_steps(colours.mastery),
    }


def _ten_steps(scale: tuple[str, ...]) -> list[str]:
    """Ten colours along `scale`: as many as Streamlit asks for."""
    stops = [tuple(int(c[i : i + 2], 16) for i in (1, 3, 5)) for c in scale]
    steps = []
    for step in range(10):
        place = step / 9 * (len(stops) - 1)
        left = min(int(place), len(stops) - 2)
        share = place - left
        mixed = [round(a + (b - a) * share) for a, b in zip(stops[left], stops[left + 1], strict=True)]
        steps.append("#" + "".join(f"{channel:02x}" for channel in mixed))
    return steps


def streamlit_options() -> dict[str, object]:
    """Streamlit's configuration: our theme in light and dark, no telemetry, no developer's tools, errors never in full."""
    options: dict[str, object] = {
        "browser.gatherUsageStats": False,
        "client.showErrorDetails": "none",
        "client.showErrorLinks": "false",
        "client.toolbarMode": "minimal",
        "server.headless": True,
        "server.fileWatcherType": "none",
        "server.enableXsrfProtection": True,
        "theme.baseFontSize": 16,
        "theme.baseRadius": "8px",
        "theme.headingFontSizes": [
            TYPE_SCALE["h1"],
            TYPE_SCALE["h2"],
            TYPE_SCALE["h3"],
            "1rem",
            "1rem",
            "1rem",
        ],
        "theme.headingFontWeights": [650, 650, 650, 600, 600, 600],
        "theme.metricValueFontSize": "1.7rem",
        "theme.showSidebarBorder": True,
    }
    for colours in PALETTES.values():
        options |= {f"theme.{colours.name}.{key}": value for key, value in _theme(colours).items()}
    return options


def css(colours: Palette) -> str:
    """The style of our own elements inside Streamlit's page: cards, chips, lists, notes."""
    variables = ";".join(
        f"--ll-{field.name.replace('_', '-')}:{getattr(colours, field.name)}"
        for field in dataclasses.fields(colours)
        if field.name not in {"name", "mastery"}
    )
    return f"<style>:root{{{variables}}}{_CSS}</style>"


_CSS = """
/* Streamlit writes in white on its accent; in the dark theme that has a contrast of 2.2 */
[data-testid="stBaseButton-primary"], [data-testid="stBaseButton-primaryFormSubmit"],
[data-testid="stBaseButton-primary"] *, [data-testid="stBaseButton-primaryFormSubmit"] *,
[data-testid="stMultiSelect"] [data-tag-index] * { color: var(--ll-background); }
/* its small print has a contrast of 4.15 on white */
[data-testid="stExpander"] summary, [data-testid="stCaptionContainer"] { opacity: 1; }
[data-testid="stExpander"] summary p, [data-testid="stCaptionContainer"] p { color: var(--ll-muted); }
/* a reader without a mouse sees where she is: Streamlit leaves menu entries, tables and fields unmarked */
.stApp :is(a, input, textarea, canvas, summary):focus-visible { outline: 3px solid var(--ll-accent); outline-offset: -1px; }
[data-testid="stMain"]:focus-visible { outline: 3px solid var(--ll-accent); outline-offset: -3px; }
.stMainBlockContainer{max-width:1180px;padding-top:3.5rem;padding-bottom:3rem}
@media (max-width:640px){.stMainBlockContainer{padding:3.5rem 1rem 2rem}}
.ll-lead{font-size:1.15rem;line-height:1.5;margin:0;max-width:46rem}
.ll-small{font-size:.85rem;color:var(--ll-muted);line-height:1.45}
.ll-chip{display:inline-block;padding:.1rem .55rem;border-radius:999px;font-size:.82rem;font-weight:600;line-height:1.5;white-space:nowrap}
.ll-attention{background:var(--ll-attention-soft);color:var(--ll-attention-text)}
.ll-watch{background:var(--ll-watch-soft);color:var(--ll-watch-text)}
.ll-fine{background:var(--ll-fine-soft);color:var(--ll-fine-text)}
.ll-neutral{background:var(--ll-neutral-soft);color:var(--ll-text)}
.ll-row{display:flex;gap:.9rem;align-items:flex-start}
.ll-rank{flex:0 0 2rem;height:2rem;border-radius:50%;display:flex;align-items:center;justify-content:center;font-weight:650;background:var(--ll-neutral-soft);color:var(--ll-text)}
.ll-name{font-size:1.05rem;font-weight:650;margin-right:.5rem}
.ll-why{margin:.25rem 0 0;padding-left:1.1rem;line-height:1.5}
.ll-why li{margin:0;padding:0}
.ll-body{flex:1;min-width:0;overflow-wrap:anywhere}
.ll-note{border-top:1px solid var(--ll-border);padding-top:.7rem;margin-top:1.2rem;font-size:.85rem;color:var(--ll-muted);overflow-wrap:anywhere}
.ll-state{border:1px dashed var(--ll-border);border-radius:10px;padding:1.4rem 1.2rem;text-align:center;color:var(--ll-muted)}
.ll-state strong{display:block;color:var(--ll-text);font-size:1.05rem;margin-bottom:.3rem}
.ll-why code,.ll-state code{font-size:.88em;white-space:normal;background:var(--ll-neutral-soft);color:var(--ll-text);padding:.05rem .3rem;border-radius:4px}
.ll-figure{margin:0 0 .2rem}
.ll-figure strong{font-size:1.05rem;line-height:1.35}
.ll-bar{position:relative;height:.7rem;border-radius:999px;background:var(--ll-neutral-soft);overflow:hidden}
.ll-bar span{position:absolute;inset:0 auto 0 0;border-radius:999px;background:var(--ll-fine)}
.ll-out a{color:var(--ll-accent)}
"""
