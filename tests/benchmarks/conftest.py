"""The benchmarks are scripts and no package: put them on the path, and give rows to report on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

REPOSITORY = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def _benchmarks_on_the_path(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(REPOSITORY / "benchmarks"))


@pytest.fixture
def rows() -> list[dict[str, Any]]:
    """Give three seeds of a run beside the baselines; csev ranks just as merged_miou does, z_kappa the other way."""
    return [
        {"stack": "a", "recipe": "baseline forest", "seed": 0, "merged_miou": 0.6, "iou": {"membrane": 0.6}},
        _row("baseline intensity", 0.25, 0),
        _row("baseline filters", 0.35, 0),
        *(_row("neighbour-forecast", miou, seed) for seed, miou in enumerate((0.50, 0.54, 0.58))),
    ]


def _row(recipe: str, miou: float, seed: int) -> dict[str, Any]:
    row = {"stack": "a", "recipe": recipe, "classes": 20, "seed": seed, "merged_miou": miou, "info_share": miou / 2}
    row |= {"iou": {"membrane": miou - 0.1}, "rare_iou": {"myelin": 0.4}, "peak_mb": 700, "version": "1.2", "cpus": 2}
    row |= {"label_free": {"csev": miou**2, "z_kappa": -miou}}
    return row if recipe.startswith("baseline") else {**row, "budget_s": 60.0, "set": [], "first_map_s": 4.0 + seed}
