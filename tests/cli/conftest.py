"""What tests of the command line share: a program to call, a tiny stack, and a run trained on it once."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from napari_em_autoclass.cli.app import main
from napari_em_autoclass.cli.phantom import labels_beside, write_phantom
from napari_em_autoclass.core.phantom import Phantom, make_phantom

# The default recipe, made so small that a step takes milliseconds.
TINY = (
    *("--classes", "4", "--device", "cpu", "--threads", "1", "--set", "training.tiles_per_step=2"),
    *("--set", "training.pixels_per_tile=256", "--set", "tiles.size_px=48", "--set", "tiles.region_px=48"),
    *("--set", "tiles.n_regions=2", "--set", "classifier.width=4", "--set", "classifier.depth=2"),
    *("--set", "classifier.n_features=8", "--set", "classifier.n_textons=8", "--set", "predictor.width=4"),
    *("--set", "classifier.filter_scales_nm=[8.0, 16.0]"),
)


@dataclass(frozen=True)
class Ended:
    """How a command ended."""

    code: int
    out: str
    err: str


Program = Callable[..., Ended]


@pytest.fixture(scope="session")
def tiny() -> tuple[str, ...]:
    """Give the options of `train` that make its steps fast."""
    return TINY


@pytest.fixture
def em_autoclass(capsys: pytest.CaptureFixture[str]) -> Program:
    """Give the program as a function of its arguments, in this process."""

    def call(*arguments: object) -> Ended:
        capsys.readouterr()
        code = main([str(argument) for argument in arguments])
        said = capsys.readouterr()
        return Ended(code, said.out, said.err)

    return call


@pytest.fixture
def start_em_autoclass() -> Callable[..., subprocess.Popen[str]]:
    """Give the program as a process of its own, for signals."""

    def start(*arguments: object) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "napari_em_autoclass", *(str(argument) for argument in arguments)]
        return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    return start


@pytest.fixture(scope="session")
def small_phantom() -> Phantom:
    """Give a stack just large enough for two tiles of `TINY` along each axis."""
    return make_phantom((6, 128, 128), "sstem", seed=0)


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory, small_phantom: Phantom) -> Path:
    """Give an OME-TIFF of `small_phantom`; its truth lies beside it."""
    path = tmp_path_factory.mktemp("stack") / "stack.ome.tif"
    write_phantom(small_phantom, path, labels_beside(path))
    return path


@pytest.fixture(scope="session")
def trained_run(tmp_path_factory: pytest.TempPathFactory, stack: Path) -> Path:
    """Give a run folder after three steps; nobody writes to it."""
    run = tmp_path_factory.mktemp("trained") / "run"
    assert main(["train", str(stack), "--out", str(run), "--steps", "3", *TINY]) == 0
    return run
