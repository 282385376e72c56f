"""A trained classifier as a package of the BioImage Model Zoo: weights, how to use them, and a test anybody can run.

The images of the test are made up (a section of the phantom, at the run's brightness and contrast): not one grey value
of the user's stack leaves the house with the network.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from napari_em_autoclass.core import phantom
from napari_em_autoclass.core.errors import InputError
from napari_em_autoclass.io.export_model import OPSET, require, write_onnx, write_torchscript
from napari_em_autoclass.io.model_readme import distinct_names, readme_of, summary_of
from napari_em_autoclass.io.output import new_output, scratch_folder

if TYPE_CHECKING:
    from pathlib import Path

    from bioimageio.spec.model.v0_5 import ModelDescr
    from numpy.typing import NDArray

    from napari_em_autoclass.core.exported_model import ExportedModel

__all__ = ["About", "made_up_section", "write_package"]

# What the networks are built after.
_PAPERS = {
    "unet2d": ("Ronneberger et al. 2015, U-Net", "10.1007/978-3-319-24574-4_28"),
    "unet25d": ("Ronneberger et al. 2015, U-Net", "10.1007/978-3-319-24574-4_28"),
    "vit": ("Dosovitskiy et al. 2021, An Image is Worth 16x16 Words", "10.48550/arXiv.2010.11929"),
}
_LEAST_SHOWN_PX = 128
_MENDABLE = {"name": "name", "license": "licence", "authors": "author", "cite": "DOI"}


@dataclass(frozen=True, slots=True)
class About:
    """What only the user can say of a package.

    Parameters
    ----------
    authors : names
    licence : of the weights, an SPDX identifier such as CC-BY-4.0
    name : what the zoo shows; "" takes one that says the number of classes
    dois : of papers to be cited, beside that of the network
    """

    authors: tuple[str, ...]
    licence: str
    name: str = ""
    dois: tuple[str, ...] = ()


def write_package(
    path: Path, exported: ExportedModel, facts: dict[str, Any], about: About, overwrite: bool = False
) -> float:
    """Write a package that bioimageio.spec finds valid, with weights as TorchScript and ONNX.

    Parameters
    ----------
    path : ending in .zip
    exported : the network
    facts : stored in the package, under ``config`` and in the weights; anything that JSON can hold
    about : see `About`
    overwrite : whether `path` may be replaced

    Returns
    -------
    largest difference of a probability between weights in the package, run by onnxruntime or torch, and `exported`

    Raises
    ------
    InputError
        If a package is missing, what `about` says can't be used, or the file exists or can't be written.
    """
    if not about.authors or not about.licence:
        raise InputError(
            "a package needs an author and the licence under which others may use it; give both, e.g. "
            '--author "Ada Lovelace" --licence CC-BY-4.0'
        )
    require("bioimageio.spec", "onnx", "onnxruntime")
    from bioimageio.spec import save_bioimageio_package  # noqa: PLC0415

    with new_output(path, overwrite) as partial, scratch_folder(path) as folder:
        folder.mkdir()
        # Before the minutes that a large network takes: what the user may have got wrong.
        (folder / "README.md").write_text(readme_of(exported, about.name), encoding="utf-8")
        _put_test(folder, exported)
        for name in ("weights.pt", "weights.onnx"):
            (folder / name).touch()
        _described(folder, exported, facts, about)
        differences = (
            write_torchscript(folder / "weights.pt", exported, facts),
            write_onnx(folder / "weights.onnx", exported, facts),
        )
        save_bioimageio_package(_described(folder, exported, facts, about), output_path=partial)
    return max(differences)


def made_up_section(exported: ExportedModel) -> NDArray[np.float32]:
    """Return grey values (1, C, H, W) of a made-up section, as bright and rich in contrast as the run's stack."""
    height, width = (
        least + max(1, -(-(_LEAST_SHOWN_PX - least) // step)) * step
        for least, step in zip(exported.least_px, exported.step_px, strict=True)
    )
    sections = phantom.make_phantom((5, height, width), "sstem").raw.astype(np.float64)
    around = exported.n_sections // 2
    shown = sections[2 - around : 3 + around]
    low, centre, high = np.percentile(shown, (16, 50, 84))
    fitted = exported.normalisation
    grey: NDArray[np.float64] = (shown - centre) / ((high - low) / 2) * fitted.spread + fitted.centre
    return grey[None].astype(np.float32)


def _put_test(folder: Path, exported: ExportedModel) -> None:
    raw = made_up_section(exported)
    with torch.no_grad():
        probs = exported(torch.from_numpy(raw)).numpy()
    np.save(folder / "test_input.npy", raw)
    np.save(folder / "test_output.npy", probs)


def _described(folder: Path, exported: ExportedModel, facts: dict[str, Any], about: About) -> ModelDescr:
    """Return the description of what lies in `folder`."""
    from pydantic import ValidationError  # noqa: PLC0415

    try:
        return _description(folder, exported, facts, about)
    except ValidationError as error:
        for problem in error.errors():
            if (field := str(problem["loc"][0])) in _MENDABLE:
                given = f" {problem['input']!r}" if isinstance(problem["input"], str) else ""
                raise InputError(
                    f"the {_MENDABLE[field]}{given} can't be used: {problem['msg'].splitlines()[0][:200]}"
                ) from error
        raise


def _description(folder: Path, exported: ExportedModel, facts: dict[str, Any], about: About) -> ModelDescr:
    from bioimageio.spec.model import v0_5 as spec  # noqa: PLC0415

    backbone = exported.settings.classifier.backbone
    papers = [spec.CiteEntry(text=_PAPERS[backbone][0], doi=_PAPERS[backbone][1])] if backbone in _PAPERS else []
    authors = [{"name": name} for name in about.authors]
    # By name, since each field is checked when the whole is: an error then says which field it is in.
    told: dict[str, Any] = {
        "name": about.name or f"EM pixel classes ({len(exported.channels)} classes {backbone})",
        "description": summary_of(exported),
        "authors": authors,
        "license": about.licence,
        "cite": [*papers, *({"text": f"doi {doi}", "doi": doi} for doi in about.dois)],
        "tags": ["electron-microscopy", "semantic-segmentation", "2d", "self-supervised", "napari"],
        "documentation": {"source": folder / "README.md"},
        "inputs": [_input(folder, exported)],
        "outputs": [_output(folder, exported)],
        "weights": {
            "torchscript": {"source": folder / "weights.pt", "pytorch_version": torch.__version__.split("+")[0]},
            "onnx": {"source": folder / "weights.onnx", "opset_version": OPSET, "parent": "torchscript"},
        },
        "config": {"em_autoclass": json.loads(json.dumps(facts))},
    }
    return spec.ModelDescr.model_validate({"type": "model", "format_version": _format_version(spec), **told})


def _format_version(spec: Any) -> str:
    return str(spec.ModelDescr.implemented_format_version)


def _input(folder: Path, exported: ExportedModel) -> dict[str, Any]:
    middle = exported.n_sections // 2
    names = ["grey" if z == middle else f"grey_{z - middle:+d}" for z in range(exported.n_sections)]
    axes: list[dict[str, Any]] = [{"type": "batch", "size": 1}, {"type": "channel", "channel_names": names}]
    for i, axis in enumerate("yx"):
        size = {"min": exported.least_px[i], "step": exported.step_px[i]}
        axes.append({"type": "space", "id": axis, "size": size, **_grid(exported, i)})
    return {
        "id": "raw",
        "description": "grey values of a section, as stored; normalised inside",
        "axes": axes,
        "data": {"type": "float32"},
        "test_tensor": {"source": folder / "test_input.npy"},
    }


def _output(folder: Path, exported: ExportedModel) -> dict[str, Any]:
    axes: list[dict[str, Any]] = [
        {"type": "batch", "size": 1},
        {"type": "channel", "channel_names": distinct_names(exported.channels)},
    ]
    for i, axis in enumerate("yx"):
        size = {"tensor_id": "raw", "axis_id": axis}
        axes.append({"type": "space", "id": axis, "size": size, "halo": exported.halo_px[i], **_grid(exported, i)})
    return {
        "id": "probabilities",
        "description": "of each class; they sum to 1",
        "axes": axes,
        "data": {"type": "float32", "range": [0.0, 1.0]},
        "test_tensor": {"source": folder / "test_output.npy"},
    }


def _grid(exported: ExportedModel, axis: int) -> dict[str, Any]:
    return {"scale": exported.voxel_size_nm[1 + axis], "unit": "nanometer"}
