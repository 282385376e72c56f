"""A trained classifier as a file that other programs run: ONNX or TorchScript.

Each file is run once after it was written, on an image of another size than it was traced with, and compared with the
network it was made of; so an exporter that silently got something wrong is found here and not by a stranger.

ONNX is written by torch's exporter of TorchScript graphs.  The newer one, by way of `torch.export`, gives the same
probabilities, but takes some 20 times as long (measured with torch 2.13: its time goes into algebra on unknown sides of
the image) and wants one more package.  When torch drops the older one, `_onnx` is the place to change.
"""

from __future__ import annotations

import copy
import json
import warnings
from contextlib import contextmanager
from importlib import import_module
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from napari_em_autoclass import __version__
from napari_em_autoclass.core.errors import InputError
from napari_em_autoclass.io.output import new_output
from napari_em_autoclass.io.run_export import run_facts

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray

    from napari_em_autoclass.core.checkpoint import RunFolder
    from napari_em_autoclass.core.exported_model import ExportedModel

__all__ = [
    "FACTS_KEY",
    "OPSET",
    "SUFFIXES",
    "model_facts",
    "require",
    "write_model",
    "write_onnx",
    "write_torchscript",
]

FACTS_KEY = "em_autoclass.json"
"""Under this name the facts stand in the file: metadata of ONNX, an extra file of TorchScript."""

OPSET = 17
"""Of ONNX: old enough for what is installed today, from onnxruntime 1.12 (2022) on."""

SUFFIXES = (".onnx", ".pt")

_MAX_DIFFERENCE = 1e-3  # of probabilities; what is seen is some 1e-6


def model_facts(folder: RunFolder, exported: ExportedModel) -> dict[str, Any]:
    """Return what a user of the exported network must know, and how it came about.

    Names and places of the run's files stay at home: a path tells who works on what.
    """
    run = run_facts(folder)
    kept = {name: run[name] for name in ("settings", "versions", "written")}
    return {**exported.facts(), "program": f"napari-em-autoclass {__version__}", "run": kept}


def require(*packages: str) -> None:
    """Make sure that packages of the extra ``exchange`` are there.

    Raises
    ------
    InputError
        If one is not.
    """
    for package in packages:
        try:
            import_module(package)
        except ImportError as error:
            raise InputError(
                f"this needs the package {package}; install it: pip install napari-em-autoclass[exchange]"
            ) from error


def write_model(path: Path, exported: ExportedModel, facts: dict[str, Any], overwrite: bool = False) -> float:
    """Write the network as ONNX or TorchScript, by the name of `path`, and return how far the file's answers are off.

    Parameters
    ----------
    path : ending in .onnx or .pt
    exported : the network
    facts : stored with it, anything that JSON can hold
    overwrite : whether `path` may be replaced

    Returns
    -------
    largest difference of a probability between the file, run by onnxruntime or torch, and `exported`

    Raises
    ------
    InputError
        If the name ends otherwise, a package is missing, the file exists or can't be written.
    """
    if path.suffix not in SUFFIXES:
        raise InputError(f"{path}: what is written is told by the name; let it end in .onnx, .pt or .zip")
    if path.suffix == ".onnx":
        require("onnx", "onnxruntime")
    with new_output(path, overwrite) as partial:
        return (write_onnx if path.suffix == ".onnx" else write_torchscript)(partial, exported, facts)


def write_torchscript(path: Path, exported: ExportedModel, facts: dict[str, Any]) -> float:
    """Write the network as TorchScript to a new file; the rest as `write_model`."""
    with _quiet(), torch.no_grad():
        example = _example(exported, 0)
        traced = torch.jit.trace(exported, example, check_trace=False)  # type: ignore[no-untyped-call]
        torch.jit.save(traced, path, _extra_files={FACTS_KEY: json.dumps(facts)})
        loaded = torch.jit.load(path)  # type: ignore[no-untyped-call]
        other = _example(exported, 1)
        return _checked(loaded(other).numpy(), exported(other).numpy())


def write_onnx(path: Path, exported: ExportedModel, facts: dict[str, Any]) -> float:
    """Write the network as ONNX to a new file; the rest as `write_model`."""
    import onnxruntime  # noqa: PLC0415

    _onnx(path, exported, facts)
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    other = _example(exported, 1)
    (found,) = session.run(None, {"raw": other.numpy()})
    with torch.no_grad():
        return _checked(found, exported(other).numpy())


def _onnx(path: Path, exported: ExportedModel, facts: dict[str, Any]) -> None:
    import onnx  # noqa: PLC0415

    names: dict[str, Any] = {"input_names": ["raw"], "output_names": ["probabilities"]}
    axes = {name: {2: "height", 3: "width"} for name in ("raw", "probabilities")}
    # A copy, since the exporter leaves other weights behind than it was given (torch 2.13, norms next to convolutions).
    spare, example = copy.deepcopy(exported), (_example(exported, 0),)
    with _quiet(), torch.no_grad():
        torch.onnx.register_custom_op_symbolic("aten::movedim", _transposed(), OPSET)  # type: ignore[attr-defined]
        torch.onnx.export(spare, example, path, dynamo=False, opset_version=OPSET, dynamic_axes=axes, **names)
    stored = onnx.load(path)
    onnx.helper.set_model_props(stored, {FACTS_KEY: json.dumps(facts)})
    onnx.checker.check_model(stored, full_check=True)
    onnx.save(stored, path)


def _transposed() -> Any:
    """Return how ``movedim`` is written: torch 2.13 itself writes a wrong order for axes counted from the end."""
    from torch.onnx.symbolic_helper import parse_args  # noqa: PLC0415

    @parse_args("v", "t", "t")
    def movedim(graph: Any, value: Any, source: torch.Tensor, destination: torch.Tensor) -> Any:
        rank = value.type().dim()
        moved = dict(zip((destination.view(-1) % rank).tolist(), (source.view(-1) % rank).tolist(), strict=True))
        rest = iter(axis for axis in range(rank) if axis not in moved.values())
        order = [moved[axis] if axis in moved else next(rest) for axis in range(rank)]
        return graph.op("Transpose", value, perm_i=order)

    return movedim


def _example(exported: ExportedModel, more: int) -> torch.Tensor:
    """Return grey values of noise (1, C, H, W), of the least sides and `more` steps."""
    sides = [least + more * (i + 1) * step for i, (least, step) in enumerate(_sides(exported))]
    noise = torch.randn(1, exported.n_sections, *sides, generator=torch.Generator().manual_seed(more))
    return noise * exported.normalisation.spread + exported.normalisation.centre


def _sides(exported: ExportedModel) -> Iterator[tuple[int, int]]:
    yield from zip(exported.least_px, exported.step_px, strict=True)


def _checked(found: NDArray[np.float32], wanted: NDArray[np.float32]) -> float:
    difference = float(np.abs(found - wanted).max())
    if not difference <= _MAX_DIFFERENCE:
        raise RuntimeError(f"the exported network answers otherwise than the run: {difference:.2g} at most")
    return difference


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep what the exporters say of tracing to themselves: that it went well is checked on the file."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
