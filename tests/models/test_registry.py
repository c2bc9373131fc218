"""The registry: what goes in comes out, who is champion, and that scoring does not wait for MLflow."""

from __future__ import annotations

import datetime as dt
import subprocess
import sys

import pytest
from polars.testing import assert_frame_equal

from learnlake.errors import ModelError
from learnlake.settings import Settings
from models import mastery, registry
from tests.models.attempts import draw_attempts

AS_OF = dt.date(2026, 12, 31)


def test_round_trip_promotion_and_rollback(settings: Settings) -> None:
    home = settings.home
    attempts = draw_attempts(students=40)
    name = registry.model_name("mastery", "t")
    with pytest.raises(ModelError, match="no champion yet"):
        registry.load(home, name)
    assert registry.champion_version(home, name) is None

    models = [mastery.train(attempts), mastery.train(attempts, forgets=True)]
    numbers = [registry.register(home, name, m, metrics=m.metrics, card=m.card) for m in models]
    assert numbers == ["1", "2"]
    assert registry.champion_version(home, name) is None, "registering promotes nobody"

    registry.promote(home, name, "1")
    registry.promote(home, name, "2")
    assert registry.load(home, name).forgets
    assert registry.rollback(home, name) == "1"
    champion = registry.load(home, name)
    assert (champion.version, champion.forgets) == ("1", False)
    assert registry.load(home, name, "2").forgets, "an earlier version is there by its number"
    with pytest.raises(ModelError, match="no earlier champion"):
        registry.rollback(home, name)
    with pytest.raises(ModelError, match="no version 9"):
        registry.promote(home, name, "9")

    models[0].name, models[0].version = name, "1"
    assert_frame_equal(champion.score(attempts, AS_OF), models[0].score(attempts, AS_OF), check_exact=True)

    listed = registry.versions(home, name)
    assert [(v.version, v.is_champion) for v in listed] == [("2", False), ("1", True)]
    assert listed[1].metrics["auc"] == pytest.approx(models[0].metrics["auc"])
    card = (listed[1].path / "model-card.md").read_text()
    assert "## Intended use" in card and f"| auc | {models[0].metrics['auc']:.4f} |" in card

    code = (
        "import sys; from learnlake.settings import get_settings; from models import registry;"
        f"print(registry.load(get_settings().home, {name!r}).version);"
        "assert not {'mlflow', 'pyBKT', 'sklearn'} & set(sys.modules)"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "1"
