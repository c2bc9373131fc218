"""The palette holds its promises: contrast by WCAG 2.1, one meaning per colour; CSV that a spreadsheet cannot run."""

from __future__ import annotations

import polars as pl
import pytest
from streamlit import config

from dashboards import design
from dashboards.components import charts, tables


def luminance(colour: str) -> float:
    """Relative luminance (WCAG 2.1)."""
    channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return sum(weight * c for weight, c in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def contrast(one: str, other: str) -> float:
    lighter, darker = sorted((luminance(one), luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


@pytest.mark.parametrize("colours", [design.LIGHT, design.DARK], ids=["light", "dark"])
def test_text_has_contrast_of_at_least_four_and_a_half(colours: design.Palette) -> None:
    pairs = [
        (colours.text, colours.background),
        (colours.text, colours.surface),
        (colours.muted, colours.background),
        (colours.muted, colours.surface),
        (colours.accent, colours.background),
        (colours.background, colours.accent),
        (colours.attention_text, colours.attention_soft),
        (colours.watch_text, colours.watch_soft),
        (colours.fine_text, colours.fine_soft),
        (colours.text, colours.neutral_soft),
    ]
    assert {pair: round(contrast(*pair), 2) for pair in pairs if contrast(*pair) < 4.5} == {}


@pytest.mark.parametrize("colours", [design.LIGHT, design.DARK], ids=["light", "dark"])
def test_mastery_rises_in_one_direction(colours: design.Palette) -> None:
    steps = [contrast(tone, colours.background) for tone in colours.mastery]
    assert steps == sorted(steps)


def test_streamlit_knows_every_option() -> None:
    assert set(design.streamlit_options()) <= set(config._config_options_template)


def test_bands_at_their_boundaries() -> None:
    frame = pl.DataFrame({"mastery": [0.99, 0.49, 0.5, 0.9499, 0.95], "opportunity_count": [0, 3, 3, 3, 3]})
    found = frame.select(charts.band("mastery", "opportunity_count", threshold=0.95)).to_series().to_list()
    assert found == ["Not tried yet", "Starting", "On the way", "On the way", "Mastered"]


def test_csv_is_what_is_shown_and_runs_no_formula() -> None:
    frame = pl.DataFrame({"Name": ["=1+1", "Zoë", None], "Points": [-3, 4, 5]})
    lines = tables.csv_bytes(frame).decode("utf-8-sig").splitlines()
    assert lines == ["Name,Points", "'=1+1,-3", "Zoë,4", ",5"]
