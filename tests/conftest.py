"""Fixtures shared by all tests: small data, small settings, and a home directory nobody lives in."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

# napari reads it once, at import: no settings file, neither read nor written.
os.environ["NAPARI_CONFIG"] = ""

if TYPE_CHECKING:
    from napari_em_autoclass.core.phantom import Phantom
    from napari_em_autoclass.core.run_settings import RunSettings

REPOSITORY = Path(__file__).parents[1]


# Tests that one process does when several share the work, by the fixtures they use: those with windows share a screen
# and its focus; large phantoms would else be made by every process.
GROUPS = {
    "gui": {"qtbot", "qapp", "make_napari_viewer", "make_napari_viewer_proxy"},
    "phantoms": {"sstem", "fibsem", "sbfsem"},
}


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Give each test its group, if it has one."""
    for item in items:
        for group, fixtures in GROUPS.items():
            if fixtures & set(getattr(item, "fixturenames", ())):
                item.add_marker(pytest.mark.xdist_group(group))


@pytest.fixture(autouse=True)
def _empty_home(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """Give the test a home of its own, so that it neither depends on the user's settings nor changes them."""
    home = tmp_path_factory.mktemp("home")
    for variable in ("HOME", "USERPROFILE", "APPDATA", "LOCALAPPDATA"):
        monkeypatch.setenv(variable, str(home))
    for variable in ("CACHE", "CONFIG", "DATA", "STATE"):
        monkeypatch.setenv(f"XDG_{variable}_HOME", str(home / variable.lower()))


@pytest.fixture(autouse=True, scope="session")
def _one_thread() -> None:
    """Keep torch to one thread: results don't depend on the machine, and parallel tests don't fight over cores."""
    import torch

    torch.set_num_threads(1)


@pytest.fixture
def rng() -> np.random.Generator:
    """Give a random generator with a fixed seed."""
    return np.random.default_rng(0)


@pytest.fixture(scope="session")
def phantom() -> Phantom:
    """Give a small ssTEM-like stack with its truth; nobody writes to it."""
    from napari_em_autoclass.core.phantom import make_phantom

    made = make_phantom((5, 64, 64), "sstem", seed=0)
    shares = np.bincount(made.labels.ravel(), minlength=256) / made.labels.size
    # A phantom of one or two classes would let many a broken test pass.
    assert (shares > 0.01).sum() >= 3, f"the phantom shows too few classes: {shares[shares > 0]}"
    made.raw.setflags(write=False)
    made.labels.setflags(write=False)
    return made


@pytest.fixture
def fast_settings() -> RunSettings:
    """Give the default recipe, made so small that a step takes milliseconds: 4 classes, 3 steps, tiny tiles."""
    from tiny_run import tiny_settings

    return tiny_settings(threads=None)


@pytest.fixture(scope="session")
def reference_data() -> Path:
    """Give the folder of real EM stacks, which lies beside a developer's checkout and is not ours to publish."""
    folder = REPOSITORY.parent / "shared" / "data"
    if not folder.is_dir():
        pytest.skip(f"no real EM stacks at {folder}; they are not part of the repository")
    return folder
