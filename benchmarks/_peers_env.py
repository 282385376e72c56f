"""Environments for tools that pin or bring what would disturb ours: one each, made when it is first needed."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["ENVIRONMENTS", "Environment", "python_of"]

_TORCH = "torch==2.13.0"  # as in constraints.txt, so that both compute with the same kernels


@dataclass(frozen=True)
class Environment:
    """What to install, and the tool itself without what it asks for and doesn't use here."""

    requirements: tuple[str, ...]
    tool: str


ENVIRONMENTS = {
    # Without itk, which reads medical formats, and pydensecrf2, an optional last step that has to be compiled.
    "cellseg3d": Environment(
        (
            _TORCH,
            "monai[einops]>=1.5",
            "napari[pyqt6]>=0.6.6",
            "imagecodecs",
            "matplotlib",
            "nibabel",
            "pyclesperanto",
            "qtpy",
            "scikit-image",
            "tqdm",
        ),
        "napari-cellseg3d==0.2.4",
    ),
    # Without torchvision, of which the registry has no build for this torch, and timm, which needs it: only features
    # with weights to download use them.
    "convpaint": Environment(
        (
            _TORCH,
            "napari[pyqt6]>=0.6.6",
            "catboost>=1.2.8",
            "dask",
            "einops",
            "joblib",
            "magicgui",
            "napari-annotation-project",
            "napari-guitils",
            "omegaconf",
            "pandas",
            "pyyaml",
            "qtpy",
            "requests",
            "scikit-image",
            "scikit-learn",
            "tifffile",
            "zarr",
        ),
        "napari-convpaint==1.2.0",
    ),
}


def python_of(name: str, folder: Path) -> Path:
    """Return the Python of an environment below `folder`, which is made if it isn't complete.

    Raises
    ------
    subprocess.CalledProcessError
        If it can't be made.
    """
    home, wanted = folder / name, ENVIRONMENTS[name]
    python = home / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    done = home / "installed.txt"
    if not done.exists() or done.read_text("utf-8") != _told(wanted):
        print(f"making an environment for {wanted.tool} in {home}: minutes", flush=True)
        pip = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        for command in (
            [sys.executable, "-m", "venv", home],
            [*pip, *wanted.requirements],
            [*pip, "--no-deps", wanted.tool],
        ):
            subprocess.run([str(word) for word in command], check=True, stderr=subprocess.PIPE, text=True)
        done.write_text(_told(wanted), "utf-8")
    return python


def _told(environment: Environment) -> str:
    return "\n".join([*environment.requirements, environment.tool])
