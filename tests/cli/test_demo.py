from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from napari_em_autoclass.cli import demo as demo_module
from napari_em_autoclass.cli.train import Wishes
from napari_em_autoclass.core.checkpoint import RunFolder
from napari_em_autoclass.core.phantom import make_phantom
from napari_em_autoclass.core.run_settings import RunSettings
from napari_em_autoclass.io.class_map_file import read_class_map


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch, tiny: tuple[str, ...]) -> None:
    """Make the demo train three tiny steps, on a tiny phantom."""
    changes = (*(value for option, value in pairwise(tiny) if option == "--set"), "n_classes=4")
    settings = Wishes(steps=3, device="cpu", threads=1, assignments=changes).settings()

    def few_steps(wishes: Wishes) -> RunSettings:
        return settings

    monkeypatch.setattr(Wishes, "settings", few_steps)
    monkeypatch.setattr("napari_em_autoclass.core.phantom.make_phantom", lambda: make_phantom((6, 128, 128)))


def test_without_a_display_the_demo_leaves_class_map_picture_and_run(
    em_autoclass: Any, tmp_path: Path, quick: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.platform", "linux")
    for variable in ("DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(variable, raising=False)
    out = tmp_path / "demo-out"
    ended = em_autoclass("demo", "--out", out)
    assert (ended.code, ended.err) == (0, "")
    assert "no display" in ended.out
    assert "merged_miou 0." in ended.out
    for place in ("classes.ome.zarr", "picture.png", "run"):
        assert str(out / place) in ended.out
    ids = np.asarray(read_class_map(out / "classes.ome.zarr")[0][:])
    assert ids.shape == (6, 128, 128)
    assert set(np.unique(ids)) <= {1, 2, 3, 4}
    with Image.open(out / "picture.png") as picture:
        assert picture.width > 1000
    assert RunFolder.open(out / "run").settings.n_classes == 4


def test_the_demo_replaces_its_own_results_and_nobody_elses(em_autoclass: Any, tmp_path: Path, quick: None) -> None:
    out = tmp_path / "demo-out"
    assert em_autoclass("demo", "--headless", "--out", out).code == 0
    assert em_autoclass("demo", "--headless", "--out", out).code == 0
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("precious")
    for place in (tmp_path / "mine", tmp_path / "mine" / "thesis.txt"):
        ended = em_autoclass("demo", "--headless", "--out", place)
        assert (ended.code, ended.err.count("\n")) == (2, 1)
        assert "choose another --out" in ended.err
    assert (tmp_path / "mine" / "thesis.txt").read_text() == "precious"


def test_the_demo_takes_a_real_stack(em_autoclass: Any, stack: Path, tmp_path: Path, quick: None) -> None:
    ended = em_autoclass("demo", stack, "--headless", "--out", tmp_path / "out", "--roi", "0:5,:,:")
    assert ended.code == 0
    assert "merged_miou" not in ended.out  # nobody knows the truth
    assert read_class_map(tmp_path / "out" / "classes.ome.zarr")[0].shape[0] == 5


def test_a_stack_that_cannot_be_read_leaves_no_folder(em_autoclass: Any, tmp_path: Path) -> None:
    assert em_autoclass("demo", tmp_path / "missing.tif", "--headless", "--out", tmp_path / "out").code == 2
    assert list(tmp_path.iterdir()) == []


def test_with_a_display_napari_opens_on_the_stack(
    em_autoclass: Any, stack: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gui_demo = pytest.importorskip("napari_em_autoclass.gui.demo")
    opened: list[object] = []
    monkeypatch.setattr(
        gui_demo, "run_demo", lambda volume, out, **wishes: opened.append((volume.shape_zyx, out, wishes))
    )
    monkeypatch.setattr(demo_module, "_why_no_window", lambda: None)
    assert em_autoclass("demo", stack, "--out", tmp_path / "out", "--seconds", 5, "--classes", 7).code == 0
    assert opened == [((6, 128, 128), tmp_path / "out", {"seconds": 5.0, "n_classes": 7})]
