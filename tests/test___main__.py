from __future__ import annotations

import subprocess
import sys

import napari_em_autoclass


def test_the_package_runs_as_a_module() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "napari_em_autoclass", "--version"], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (0, f"em-autoclass {napari_em_autoclass.__version__}\n")


def test_the_exit_code_is_that_of_the_command() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "napari_em_autoclass", "info", "nowhere"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert done.stderr.startswith("em-autoclass: nowhere")
