"""Packages of the BioImage Model Zoo: valid and runnable without a network, with made-up images alone."""

from __future__ import annotations

import socket
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from random_model import exported_of, model_of, random_volume
from tiny_run import K

from napari_em_autoclass.core.class_map import ClassMap
from napari_em_autoclass.core.errors import InputError
from napari_em_autoclass.core.exported_model import ExportedModel
from napari_em_autoclass.io.model_package import About, made_up_section, write_package

ABOUT = About(("Ada Lovelace", "Mary Anning"), "CC-BY-4.0", "Neuropil in four classes", ("10.1038/s41592-024-02580-4",))

# torch calls TorchScript deprecated, and the packages of the zoo warn of what they themselves import.
pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::FutureWarning"),
    pytest.mark.filterwarnings("ignore::UserWarning"),
]


@pytest.fixture(autouse=True)
def _no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: object, **__: object) -> None:
        raise AssertionError("asked for a connection")

    monkeypatch.setattr(socket.socket, "connect", refused)
    monkeypatch.setattr(socket, "getaddrinfo", refused)


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, ExportedModel]:
    volume = random_volume()
    class_map = ClassMap.fresh(K).rename(2, "membrane").merge([1, 3], "organelles")
    exported = ExportedModel(model_of("unet2d", "linear", volume=volume), volume.voxel_size_nm, class_map, merged=True)
    path = tmp_path_factory.mktemp("zoo") / "neuropil.zip"
    assert write_package(path, exported, exported.facts(), ABOUT) < 1e-5
    assert list(path.parent.iterdir()) == [path]
    return path, exported


def test_the_zoo_finds_it_valid_and_gets_the_same_answers(package: tuple[Path, ExportedModel]) -> None:
    from bioimageio.core import test_description

    summary = test_description(package[0], working_dir=package[0].parent / "work")
    assert summary.status == "passed", summary.format_to_str() if hasattr(summary, "format_to_str") else summary
    ran = {detail.loc[1] for detail in summary.details if len(detail.loc) > 1 and detail.loc[0] == "weights"}
    assert {"onnx", "torchscript"} <= ran


def test_it_says_what_the_user_said_and_what_the_classes_are(package: tuple[Path, ExportedModel]) -> None:
    from bioimageio.spec import load_model_description

    path, exported = package
    model = load_model_description(path)
    assert model.name == ABOUT.name
    assert [author.name for author in model.authors] == list(ABOUT.authors)
    assert model.license == "CC-BY-4.0"
    assert [entry.doi for entry in model.cite] == ["10.1007/978-3-319-24574-4_28", *ABOUT.dois]
    _, channel, y, x = model.outputs[0].axes
    assert channel.channel_names == ["organelles", "membrane", "class 4"]
    assert (y.halo, x.halo) == exported.halo_px
    assert (y.scale, x.unit) == (4.0, "nanometer")
    _, _, y, x = model.inputs[0].axes
    assert (y.size.min, y.size.step, x.size.min) == (exported.least_px[0], exported.step_px[0], exported.least_px[1])
    stored = model.config.model_dump(mode="json")["em_autoclass"]
    assert stored == exported.facts()
    assert stored["classes"][0]["color"] == exported.channels[0].color


def test_the_images_in_it_are_made_up(package: tuple[Path, ExportedModel]) -> None:
    path, exported = package
    with zipfile.ZipFile(path) as content, content.open("test_input.npy") as file:
        raw = np.load(file)
    assert np.array_equal(raw, made_up_section(exported))
    fitted = exported.normalisation
    low, centre, high = np.percentile(raw, (16, 50, 84))
    assert abs(centre - fitted.centre) < 0.01 * fitted.spread
    assert abs((high - low) / 2 - fitted.spread) < 0.01 * fitted.spread
    # Three sections for a network that sees three, and sides that are asked for.
    seen = made_up_section(exported_of("unet25d", "linear"))
    assert seen.shape[:2] == (1, 3)
    assert all((a - b) % s == 0 for a, b, s in zip(seen.shape[2:], exported.least_px, exported.step_px, strict=True))
    with torch.no_grad():  # the answers differ from pixel to pixel, else the test would let much pass
        assert exported(torch.from_numpy(raw)).std(dim=(2, 3)).max() > 0.05


@pytest.mark.parametrize(
    ("about", "says"),
    [
        (About((), "CC-BY-4.0"), "needs an author and the licence"),
        (About(("Ada",), ""), "needs an author and the licence"),
        (About(("Ada",), "mine"), "the licence 'mine' can't be used"),
        (About(("Ada",), "MIT", "a/b: c"), "the name 'a/b: c' can't be used"),
        (About(("Ada",), "MIT", dois=("see my page",)), "the DOI 'see my page' can't be used"),
    ],
)
def test_what_can_not_be_used_is_said_before_anything_is_written(about: About, says: str, tmp_path: Path) -> None:
    exported = exported_of("filters", "")
    with pytest.raises(InputError, match=says) as caught:
        write_package(tmp_path / "m.zip", exported, {}, about)
    assert "\n" not in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_without_the_package_it_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "bioimageio.spec", None)
    with pytest.raises(InputError, match=r"bioimageio.spec; install it: pip install napari-em-autoclass\[exchange\]"):
        write_package(tmp_path / "m.zip", exported_of("filters", ""), {}, ABOUT)
