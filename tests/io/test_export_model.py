"""Files of a trained network: other programs get the same probabilities out of them, whatever the size of the image."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from random_model import KINDS, exported_of, random_model, random_volume
from tiny_run import K, make_tiny_run

from napari_em_autoclass.core.checkpoint import RunFolder
from napari_em_autoclass.core.class_map import ClassMap
from napari_em_autoclass.core.errors import InputError
from napari_em_autoclass.core.exported_model import ExportedModel
from napari_em_autoclass.core.phantom import Phantom
from napari_em_autoclass.core.run_settings import RunSettings, apply_setting, load_recipe, recipe_card, recipe_names
from napari_em_autoclass.io.export_model import FACTS_KEY, OPSET, model_facts, write_model

ATOL = 1e-5

# torch calls TorchScript, and the exporter that goes through it, deprecated; they are what other programs read.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


def grey(exported: ExportedModel, *more: int) -> np.ndarray:
    """Return grey values of noise, of the least sides and some steps more."""
    sides = [least + n * step for least, step, n in zip(exported.least_px, exported.step_px, more, strict=True)]
    rng = np.random.default_rng(1)
    return rng.integers(0, 255, (1, exported.n_sections, *sides)).astype(np.float32)


def at_home(exported: ExportedModel, raw: np.ndarray) -> np.ndarray:
    with torch.no_grad():
        return exported(torch.from_numpy(raw)).numpy()


def run_file(path: Path, raw: np.ndarray) -> np.ndarray:
    if path.suffix == ".pt":
        with torch.no_grad():
            return torch.jit.load(path)(torch.from_numpy(raw)).numpy()
    import onnxruntime

    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    return session.run(["probabilities"], {"raw": raw})[0]


@pytest.mark.parametrize("suffix", [".onnx", ".pt"])
@pytest.mark.parametrize(("backbone", "head"), KINDS)
def test_a_file_answers_as_the_network_does_at_any_size(backbone: str, head: str, suffix: str, tmp_path: Path) -> None:
    exported = exported_of(backbone, head)
    path = tmp_path / f"model{suffix}"
    assert write_model(path, exported, exported.facts()) < ATOL
    for more in ((0, 0), (3, 1), (2, 9)):
        raw = grey(exported, *more)
        found = run_file(path, raw)
        assert (found.shape, found.dtype) == ((1, K, *raw.shape[2:]), np.float32)
        assert np.abs(found - at_home(exported, raw)).max() < ATOL
    assert list(tmp_path.iterdir()) == [path]


def distinct_networks() -> dict[str, RunSettings]:
    """Return recipes whose networks differ, by their first name, made small."""
    found: dict[str, RunSettings] = {}
    for name in recipe_names():
        settings = load_recipe(name)
        if recipe_card(name).group == "weights":
            continue
        for change in ("n_classes=5", "classifier.width=4", "classifier.n_features=8", "classifier.n_textons=8"):
            settings = apply_setting(settings, change)
        if all(settings.classifier != other.classifier for other in found.values()):
            found[name] = settings
    return found


@pytest.mark.slow
@pytest.mark.parametrize("name", distinct_networks())
def test_the_network_of_every_recipe_leaves_the_house(name: str, tmp_path: Path) -> None:
    volume = random_volume()
    model = random_model(volume, distinct_networks()[name])
    exported = ExportedModel(model, volume.voxel_size_nm, ClassMap.fresh(5))
    for suffix in (".onnx", ".pt"):
        path = tmp_path / f"model{suffix}"
        write_model(path, exported, exported.facts())
        raw = grey(exported, 1, 2)
        assert np.abs(run_file(path, raw) - at_home(exported, raw)).max() < ATOL


def test_nothing_in_torchscript_is_bound_to_a_device(tmp_path: Path) -> None:
    for kind in (("unet2d", "linear"), ("vit", "linear"), ("filters", "")):
        exported = exported_of(*kind)
        path = tmp_path / f"{kind[0]}.pt"
        write_model(path, exported, {})
        assert "Device = prim::Constant" not in str(torch.jit.load(path).inlined_graph)


def test_facts_stand_in_both_files(tmp_path: Path) -> None:
    import onnx

    exported = exported_of("unet2d", "linear")
    for suffix in (".onnx", ".pt"):
        write_model(tmp_path / f"m{suffix}", exported, exported.facts())
    stored = onnx.load(tmp_path / "m.onnx")
    props = {prop.key: prop.value for prop in stored.metadata_props}
    assert json.loads(props[FACTS_KEY]) == exported.facts()
    assert [each.version for each in stored.opset_import if each.domain == ""] == [OPSET]
    extra = {FACTS_KEY: ""}
    torch.jit.load(tmp_path / "m.pt", _extra_files=extra)
    assert json.loads(extra[FACTS_KEY]) == exported.facts()


def test_facts_of_a_run_tell_no_names_of_files(phantom: Phantom, tmp_path: Path) -> None:
    run_dir, stack = make_tiny_run(phantom, tmp_path)
    folder = RunFolder.open(run_dir)
    exported = ExportedModel(folder.model(), folder.volume.voxel_size_nm, folder.history.present)
    facts = json.dumps(model_facts(folder, exported))
    assert stack.name not in facts
    assert str(tmp_path) not in facts
    assert json.loads(facts)["run"]["settings"] == folder.settings.model_dump(mode="json")


def test_a_file_that_answers_otherwise_is_not_left_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    exported = exported_of("unet2d", "linear")
    real = torch.jit.load

    class Off:
        def __call__(self, raw: torch.Tensor) -> torch.Tensor:
            return real(self.path)(raw) + 0.01

    def load(path: Path) -> Off:
        Off.path = path
        return Off()

    monkeypatch.setattr(torch.jit, "load", load)
    with pytest.raises(RuntimeError, match="answers otherwise than the run"):
        write_model(tmp_path / "m.pt", exported, {})
    assert list(tmp_path.iterdir()) == []


def test_what_is_there_is_replaced_only_if_asked(tmp_path: Path) -> None:
    path = tmp_path / "m.pt"
    path.write_bytes(b"mine")
    exported = exported_of("unet2d", "linear")
    with pytest.raises(InputError, match="exists already"):
        write_model(path, exported, {})
    assert path.read_bytes() == b"mine"
    write_model(path, exported, {}, overwrite=True)
    assert path.read_bytes() != b"mine"


def test_other_names_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"end in \.onnx, \.pt or \.zip"):
        write_model(tmp_path / "m.h5", exported_of("unet2d", "linear"), {})


@pytest.mark.parametrize("package", ["onnx", "onnxruntime"])
def test_without_the_packages_it_says_what_to_install(
    package: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    exported = exported_of("unet2d", "linear")
    with pytest.raises(InputError, match=rf"needs the package {package}; .*napari-em-autoclass\[exchange\]"):
        write_model(tmp_path / "m.onnx", exported, {})
    assert write_model(tmp_path / "m.pt", exported, {}) < ATOL  # which needs neither
