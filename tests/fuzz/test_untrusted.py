"""What the files of a stranger must not do: run programs, lead elsewhere, swell."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import tifffile
import zarr

from napari_em_autoclass.core.checkpoint import RunFolder
from napari_em_autoclass.core.comparison.rows import RecipeRow
from napari_em_autoclass.core.errors import InputError
from napari_em_autoclass.io import open_volume
from napari_em_autoclass.io.run_source import open_run_source

SOURCE = Path(__file__).parents[2] / "src" / "napari_em_autoclass"
FROZEN = Path(__file__).parents[1] / "data" / "frozen_runs" / "v2"
SIZE_NM = (30.0, 8.0, 8.0)
STACK = np.random.default_rng(0).integers(0, 255, (4, 20, 24), np.uint8)

# What may unpickle: what comes from a Dask worker, which may run anything here anyway, and a copy of its own.
MAY_UNPICKLE = {"core/elsewhere/remote_trainer.py", "core/elsewhere/worker_side.py"}
# What may read JSON without the limits: what was typed, what comes with the program, what is bounded by itself.
MAY_READ_JSON = {
    *("core/limits.py", "core/recipe.py", "core/run_settings.py", "core/run_lock.py", "gui/command_lines.py"),
    *("gui/trial_cache.py", "io/comparison_folder.py", "io/ledger.py", "io/partial_output.py"),
    "io/model_package.py",  # what it wrote itself, to have plain lists of tuples
}


def calls(path: Path) -> list[tuple[str, ast.Call]]:
    nodes = ast.walk(ast.parse(path.read_text(encoding="utf-8")))
    return [(ast.unparse(node.func), node) for node in nodes if isinstance(node, ast.Call)]


def runs_code(name: str, call: ast.Call) -> bool:
    given = {keyword.arg: ast.unparse(keyword.value) for keyword in call.keywords}
    if name in ("np.load", "numpy.load"):
        return given.get("allow_pickle") != "False"
    if name in ("eval", "exec", "compile", "__import__", "os.system", "torch.load", "joblib.load", "yaml.load"):
        return True
    return name.startswith(("pickle.load", "pickle.Unpickler", "cPickle", "dill", "marshal", "shelve")) or (
        given.get("shell") == "True" or given.get("allow_pickle") == "True"
    )


def test_nothing_that_is_read_can_run_a_program() -> None:
    found = {
        path.relative_to(SOURCE).as_posix()
        for path in SOURCE.rglob("*.py")
        for name, call in calls(path)
        if runs_code(name, call)
    }
    assert found == MAY_UNPICKLE


@pytest.mark.parametrize(
    "line", ["np.load(x)", "torch.load(x)", "eval(x)", "pickle.loads(x)", "yaml.load(x)", "run(x, shell=True)"]
)
def test_that_would_be_noticed(line: str) -> None:
    call = ast.parse(line).body[0].value  # type: ignore[attr-defined]
    assert runs_code(ast.unparse(call.func), call)
    call = ast.parse("np.load(x, allow_pickle=False)").body[0].value  # type: ignore[attr-defined]
    assert not runs_code("np.load", call)


def test_json_of_files_is_read_within_limits() -> None:
    found = {
        path.relative_to(SOURCE).as_posix()
        for path in SOURCE.rglob("*.py")
        for name, _ in calls(path)
        if name in ("json.load", "json.loads")
    }
    assert found <= MAY_READ_JSON


# --- ways out of a file ----------------------------------------------------------------------------------------------


def link_outside(file: h5py.File, other: Path) -> None:
    file["link"] = h5py.ExternalLink(str(other), "/raw")


def link_to_a_link(file: h5py.File, other: Path) -> None:
    file["group/other"] = h5py.ExternalLink(str(other), "/")
    file["link"] = h5py.SoftLink("/group/other/raw")


def voxels_outside(file: h5py.File, other: Path) -> None:
    file.create_dataset("link", STACK.shape, np.uint8, external=[(str(other), 0, STACK.size)])


def virtual(file: h5py.File, other: Path) -> None:
    layout = h5py.VirtualLayout(STACK.shape, np.uint8)
    layout[:] = h5py.VirtualSource(str(other), "raw", STACK.shape)
    file.create_virtual_dataset("link", layout)


@pytest.mark.parametrize("lead", [link_outside, link_to_a_link, voxels_outside, virtual])
def test_hdf5_does_not_lead_to_other_files(lead: Any, tmp_path: Path) -> None:
    with h5py.File(tmp_path / "private.h5", "w") as file:
        file["raw"] = STACK
    with h5py.File(tmp_path / "a.h5", "w") as file:
        lead(file, tmp_path / "private.h5")
    with pytest.raises(InputError, match=r"another file|other files"):
        open_volume(tmp_path / "a.h5", dataset="link", voxel_size_nm=SIZE_NM)


def test_links_inside_an_hdf5_file_are_followed_and_circles_are_not(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["group/raw"] = STACK
        file["inside"] = h5py.SoftLink("/group/raw")
        file["group/beside"] = h5py.SoftLink("raw")
        file["circle"] = h5py.SoftLink("/circle")
    for dataset in ("inside", "group/beside"):
        volume = open_volume(tmp_path / "a.h5", dataset=dataset, voxel_size_nm=SIZE_NM)
        np.testing.assert_array_equal(volume.section(1), STACK[1])
    with pytest.raises(InputError, match="circle"):
        open_volume(tmp_path / "a.h5", dataset="circle", voxel_size_nm=SIZE_NM)


def ome_zarr(at: Path, level: str) -> Path:
    axes = [{"name": axis, "type": "space", "unit": "nanometer"} for axis in "zyx"]
    scale = [{"type": "scale", "scale": list(SIZE_NM)}]
    pyramid = {"axes": axes, "datasets": [{"path": level, "coordinateTransformations": scale}]}
    zarr.create_group(at, attributes={"ome": {"version": "0.5", "multiscales": [pyramid]}})
    return at


@pytest.mark.parametrize("level", ["../private.zarr", "0/../../private.zarr", "{}/private.zarr", "linked"])
def test_ome_zarr_does_not_lead_out_of_its_store(level: str, tmp_path: Path) -> None:
    zarr.create_array(tmp_path / "private.zarr", data=STACK)
    store = ome_zarr(tmp_path / "a.zarr", level.format(tmp_path))
    (store / "linked").symlink_to(tmp_path / "private.zarr")
    with pytest.raises(InputError, match="not inside of it"):
        open_volume(store)


def test_an_ome_zarr_in_a_folder_that_is_a_link_opens(tmp_path: Path) -> None:
    store = ome_zarr(tmp_path / "a.zarr", "level/0")
    zarr.create_array(store / "level" / "0", data=STACK)
    (tmp_path / "link.zarr").symlink_to(store)
    assert open_volume(tmp_path / "link.zarr").voxel_size_nm == SIZE_NM


@pytest.mark.parametrize("at", ["/etc/hosts", "../a.tif", "C:\\a.tif", "\\\\server\\share\\a.tif", "b/../../a.tif"])
def test_ome_xml_does_not_name_files_elsewhere(at: str, tmp_path: Path) -> None:
    path = tmp_path / "a.ome.tif"
    tifffile.imwrite(path, STACK, ome=True, metadata={"axes": "ZYX"})
    with tifffile.TiffFile(path) as file:
        xml = file.ome_metadata or ""
    named = xml.replace("<TiffData", f'<TiffData FileName="{at}"', 1)
    assert named != xml
    tifffile.imwrite(path, STACK, description=named.encode(), metadata=None, photometric="minisblack")
    with pytest.raises(InputError, match="file elsewhere"):
        open_volume(path, voxel_size_nm=SIZE_NM)


def test_xml_that_swells_does_not(tmp_path: Path) -> None:
    entities = "".join(f'<!ENTITY e{i} "{f"&e{i - 1};" * 10 if i else "x" * 10}">' for i in range(10))
    xml = f'<?xml version="1.0"?><!DOCTYPE OME [{entities}]><OME xmlns="http://www.openmicroscopy.org/">&e9;</OME>'
    tifffile.imwrite(tmp_path / "a.ome.tif", STACK, description=xml, metadata=None, photometric="minisblack")
    assert open_volume(tmp_path / "a.ome.tif", voxel_size_nm=SIZE_NM).shape_zyx == STACK.shape


@pytest.mark.parametrize(
    "source",
    [
        "http://127.0.0.1:9/a.zarr",
        "s3://bucket/a.zarr",
        "\\\\server\\a",
        "//server/a",
        "precomputed://http://127.0.0.1:9/a",
        "n5://precomputed://gs://bucket/a",
        "precomputed:////server/a",
    ],
)
def test_nothing_is_fetched_because_a_run_names_it(source: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("napari_em_autoclass.io.run_source.open_volume", lambda *_, **__: pytest.fail("asked for"))
    record = RunFolder.open(FROZEN).volume.replace(source=source)
    with pytest.raises(InputError, match="nothing is fetched from unasked; open it by this address"):
        open_run_source(FROZEN, record)


@pytest.mark.parametrize("recipe", ["../../runs", "a/b", "a\\b", "..", ""])
def test_a_row_of_a_comparison_names_no_other_folder(recipe: str) -> None:
    with pytest.raises(InputError, match="damaged"):
        RecipeRow.from_json({"recipe": recipe, "outcome": "done"})
