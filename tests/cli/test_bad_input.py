"""What users get wrong: one line that says what to do, exit code 2, no traceback, nothing half-written."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

from napari_em_autoclass.io.stack_file import write_stack

VOXEL = (50.0, 4.0, 4.0)


def files_in(folder: Path) -> dict[str, bytes | None]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes() if path.is_file() else None for path in folder.rglob("*")
    }


def textured(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 255, shape, dtype=np.uint8)


def two_dimensional(folder: Path) -> Path:
    tifffile.imwrite(folder / "image.tif", textured(128, 128), resolution=(1e7 / 4, 1e7 / 4), resolutionunit=3)
    return folder / "image.tif"


def rgb(folder: Path) -> Path:
    tifffile.imwrite(folder / "rgb.tif", textured(5, 128, 128, 3), photometric="rgb")
    return folder / "rgb.tif"


def with_nan(folder: Path) -> Path:
    stack = textured(5, 128, 128).astype(np.float32)
    stack[3, 60:70, 60:70] = np.nan
    return write_stack(folder / "nan.ome.tif", stack, VOXEL)


def constant(folder: Path) -> Path:
    return write_stack(folder / "constant.ome.tif", np.full((5, 128, 128), 7, np.uint8), VOXEL)


def smaller_than_a_tile(folder: Path) -> Path:
    return write_stack(folder / "small.ome.tif", textured(5, 40, 40), VOXEL)


def too_thin(folder: Path) -> Path:
    return write_stack(folder / "thin.ome.tif", textured(2, 128, 128), VOXEL)


def without_voxel_size(folder: Path) -> Path:
    np.save(folder / "bare.npy", textured(5, 128, 128))
    return folder / "bare.npy"


def corrupt_chunk(folder: Path) -> Path:
    path = write_stack(folder / "corrupt.ome.zarr", textured(5, 128, 128), VOXEL)
    for chunk in (path / "0" / "c").rglob("*"):
        if chunk.is_file():
            chunk.write_bytes(b"not what a codec expects")
    return path


def cut_short(folder: Path) -> Path:
    path = write_stack(folder / "cut.ome.tif", textured(5, 128, 128), VOXEL)
    path.write_bytes(path.read_bytes()[:3000])
    return path


def text(folder: Path) -> Path:
    (folder / "notes.txt").write_text("not a stack")
    return folder / "notes.txt"


def missing(folder: Path) -> Path:
    return folder / "missing.ome.tif"


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (missing, "no such file"),
        (text, "unknown format"),
        (two_dimensional, "stack"),
        (rgb, "rgb"),
        (with_nan, "NaN"),
        (constant, "constant"),
        (smaller_than_a_tile, "choose a smaller tile"),
        (too_thin, "at least 3"),
        (without_voxel_size, "--voxel-size Z Y X"),
        (corrupt_chunk, "damaged"),
        (cut_short, "damaged"),
    ],
)
def test_a_stack_that_cannot_be_learned_from(
    make: Callable[[Path], Path], says: str, em_autoclass: Any, tmp_path: Path, tiny: tuple[str, ...]
) -> None:
    volume = make(tmp_path)
    before = files_in(tmp_path)
    ended = em_autoclass("train", volume, "--out", tmp_path / "run", "--steps", 1, *tiny)
    assert (ended.code, ended.out) == (2, "")
    assert ended.err.startswith("em-autoclass: ")
    assert ended.err.count("\n") == 1
    assert says.lower() in ended.err.lower()
    assert files_in(tmp_path) == before


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["--classes", "1"], "greater than or equal to 2"),
        (["--classes", "300"], "less than or equal to 254"),
        (["--set", "training.learning_rat=1"], "unknown setting"),
        (["--set", "training.learning_rate"], "path.to.setting=value"),
        (["--set", "training.learning_rate=7"], "training.learning_rate"),
        (["--set", "terms.harmony.weight=1"], "unknown term"),
        (["--recipe", "magic"], "unknown recipe"),
        (["--device", "tpu"], "device"),
        (["--device", "mps"], "Mac"),
        (["--seed", "-1"], "seed"),
        (["--steps", "0"], "steps"),
        (["--steps", "5", "--seconds", "5"], "not both"),
        (["--roi", "0:2"], "z0:z1,y0:y1,x0:x1"),
        (["--roi", "0:999,:,:"], "outside the stack"),
        (["--voxel-size", "0", "4", "4"], "voxel size"),
        (["--dataset", "raw"], "no series 'raw'"),
        (["--axes", "ZY"], "axes"),
        (["--resume"], "not a run folder"),
    ],
)
def test_options_that_make_no_sense(
    options: list[str], says: str, em_autoclass: Any, stack: Path, tmp_path: Path
) -> None:
    if options == ["--device", "mps"] and sys.platform == "darwin":
        pytest.skip("this machine may have that device")
    ended = em_autoclass("train", stack, "--out", tmp_path / "run", *options)
    assert (ended.code, ended.out, ended.err.count("\n")) == (2, "", 1)
    assert says.lower() in ended.err.lower()
    assert list(tmp_path.iterdir()) == []


def occupied(folder: Path) -> Path:
    (folder / "results").mkdir()
    (folder / "results" / "mine.txt").write_text("precious")
    return folder / "results"


def below_a_file(folder: Path) -> Path:
    (folder / "file").write_text("precious")
    return folder / "file" / "run"


@pytest.mark.parametrize("make", [occupied, below_a_file])
def test_a_place_where_no_run_can_be(
    make: Callable[[Path], Path], em_autoclass: Any, stack: Path, tmp_path: Path, tiny: tuple[str, ...]
) -> None:
    out = make(tmp_path)
    before = files_in(tmp_path)
    ended = em_autoclass("train", stack, "--out", out, "--steps", 1, *tiny)
    assert (ended.code, ended.out, ended.err.count("\n")) == (2, "", 1)
    assert "choose another" in ended.err
    assert files_in(tmp_path) == before


def test_a_folder_without_permission_to_write(
    em_autoclass: Any, stack: Path, trained_run: Path, tmp_path: Path, tiny: tuple[str, ...]
) -> None:
    locked = tmp_path / "locked"
    locked.mkdir()
    locked.chmod(0o500)
    try:
        (locked / "probe").touch()
        pytest.skip("this user may write everywhere")
    except PermissionError:
        pass
    for arguments in (
        ("train", stack, "--out", locked / "run", "--steps", 1, *tiny),
        ("predict", trained_run, stack, "--out", locked / "c.ome.zarr"),
        ("phantom", locked / "p.ome.tif", "--shape", 2, 8, 8),
    ):
        ended = em_autoclass(*arguments)
        assert (ended.code, ended.err.count("\n")) == (2, 1)
        assert list(locked.iterdir()) == []


def another_schema(run: Path) -> str:
    content = json.loads((run / "run.json").read_text())
    (run / "run.json").write_text(json.dumps({**content, "schema_version": 99}))
    return "schema 99"


def no_json(run: Path) -> str:
    (run / "run.json").write_text("{")
    return "not a run folder"


def no_weights(run: Path) -> str:
    (run / "weights.safetensors").unlink()
    return "no weights"


def torn_weights(run: Path) -> str:
    whole = (run / "weights.safetensors").read_bytes()
    (run / "weights.safetensors").write_bytes(whole[: len(whole) // 2])
    return "damaged"


def strange_classes(run: Path) -> str:
    (run / "classes.json").write_text('{"schema_version": 99}')
    return "schema 99"


@pytest.mark.parametrize("spoil", [another_schema, no_json, no_weights, torn_weights, strange_classes])
def test_a_run_that_cannot_be_used(
    spoil: Callable[[Path], str], em_autoclass: Any, stack: Path, trained_run: Path, tmp_path: Path
) -> None:
    run = tmp_path / "run"
    shutil.copytree(trained_run, run)
    says = spoil(run)
    before = files_in(tmp_path)
    ended = em_autoclass("predict", run, stack, "--out", tmp_path / "c.ome.zarr")
    assert (ended.code, ended.out, ended.err.count("\n")) == (2, "", 1)
    assert says in ended.err
    assert files_in(tmp_path) == before


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["--out", "c.png"], ".ome.zarr, .ome.tif or .precomputed"),
        (["--out", "c.ome.tif", "--probabilities"], "OME-Zarr only"),
        (["--out", "none/c.ome.zarr"], "does not exist"),
        (["--out", "c.ome.zarr", "--device", "tpu"], "device"),
    ],
)
def test_a_prediction_that_cannot_be_written(
    options: list[str],
    says: str,
    em_autoclass: Any,
    stack: Path,
    trained_run: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    ended = em_autoclass("predict", trained_run, stack, *options)
    assert (ended.code, ended.out, ended.err.count("\n")) == (2, "", 1)
    assert says in ended.err
    assert list(tmp_path.iterdir()) == []


# A limit on the size of files stands for a disk that fills up: it fails in the same place, at the write.
FULL = """
import resource, signal, sys
from napari_em_autoclass.cli.app import main
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[1]), resource.RLIM_INFINITY))
sys.exit(main(sys.argv[2:]))
"""


@pytest.mark.skipif(sys.platform == "win32", reason="there is no limit on the size of files to stand for a full disk")
@pytest.mark.parametrize("command", ["train", "predict", "predict tiff", "phantom"])
def test_a_disk_that_fills_up(
    command: str, stack: Path, trained_run: Path, tmp_path: Path, tiny: tuple[str, ...]
) -> None:
    arguments = {
        "train": ["train", stack, "--out", tmp_path / "run", "--steps", 2, *tiny],
        "predict": ["predict", trained_run, stack, "--out", tmp_path / "c.ome.zarr"],
        "predict tiff": ["predict", trained_run, stack, "--out", tmp_path / "c.ome.tif"],
        "phantom": ["phantom", tmp_path / "p.ome.tif", "--shape", 3, 64, 64],
    }[command]
    room = 6000 if command == "train" else 2500
    done = subprocess.run(
        [sys.executable, "-c", FULL, str(room), *map(str, arguments)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 2, done.stderr
    assert done.stderr.startswith("em-autoclass: ")
    assert done.stderr.count("\n") == 1
    assert "choose another" in done.stderr or "disk" in done.stderr
    assert list(tmp_path.iterdir()) == []
