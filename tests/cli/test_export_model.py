from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from napari_em_autoclass.core.checkpoint import RunFolder

pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::FutureWarning"),
    pytest.mark.filterwarnings("ignore::UserWarning"),
]


def test_a_run_is_written_for_onnxruntime(em_autoclass: Any, trained_run: Path, tmp_path: Path) -> None:
    import onnxruntime

    out = tmp_path / "m.onnx"
    ended = em_autoclass("export-model", trained_run, "--out", out)
    assert ended.code == 0, ended.err
    assert f"{out}: grey values in, probabilities of 4 classes out" in ended.out
    assert "for voxels of 50 x 4 x 4 nm" in ended.out
    session = onnxruntime.InferenceSession(out, providers=["CPUExecutionProvider"])
    facts = json.loads(session.get_modelmeta().custom_metadata_map["em_autoclass.json"])
    sides = facts["least_px"]
    (probs,) = session.run(None, {"raw": np.zeros((1, 1, *sides), np.float32)})
    assert probs.shape == (1, 4, *sides)


def test_merged_classes_are_one_and_json_says_all(em_autoclass: Any, trained_run: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    shutil.copytree(trained_run, run)
    assert em_autoclass("classes", run, "--merge", "1,3", "--name", "mito").code == 0
    ended = em_autoclass("export-model", run, "--out", tmp_path / "m.pt", "--merged", "--json")
    told = json.loads(ended.out)
    assert told["path"] == str(tmp_path / "m.pt")
    assert told["largest_difference"] < 1e-5
    assert [(each["name"], each["ids"]) for each in told["classes"]] == [
        ("mito", [1, 3]),
        ("class 2", [2]),
        ("class 4", [4]),
    ]
    found = torch.jit.load(tmp_path / "m.pt")(torch.zeros(1, 1, *told["least_px"]))
    assert found.shape[1] == 3


def test_a_package_is_written_for_the_zoo(em_autoclass: Any, trained_run: Path, tmp_path: Path) -> None:
    from bioimageio.spec import load_model_description

    given = ("--author", "Ada", "--author", "Mary", "--licence", "MIT", "--cite", "10.1234/abc")
    ended = em_autoclass("export-model", trained_run, "--out", tmp_path / "m.zip", *given, "--name", "My classes")
    assert ended.code == 0, ended.err
    model = load_model_description(tmp_path / "m.zip")
    assert ([author.name for author in model.authors], model.license, model.name) == (
        ["Ada", "Mary"],
        "MIT",
        "My classes",
    )


@pytest.mark.parametrize(
    ("out", "options", "says"),
    [
        ("m.h5", [], "end in .onnx, .pt or .zip"),
        ("m.onnx", ["--licence", "MIT"], "belong to a package"),
        ("m.zip", ["--licence", "MIT"], "needs an author"),
        ("m.zip", ["--author", "Ada", "--licence", "what"], "the licence 'what' can't be used"),
        ("missing/m.pt", [], "create it first"),
    ],
)
def test_mistakes_are_one_line(
    em_autoclass: Any, trained_run: Path, tmp_path: Path, out: str, options: list[str], says: str
) -> None:
    ended = em_autoclass("export-model", trained_run, "--out", tmp_path / out, *options)
    assert (ended.code, ended.out, ended.err.count("\n")) == (2, "", 1)
    assert says in ended.err
    assert list(tmp_path.iterdir()) == []


def test_what_is_there_stays_and_no_run_is_said(em_autoclass: Any, trained_run: Path, tmp_path: Path) -> None:
    (tmp_path / "m.pt").write_bytes(b"mine")
    ended = em_autoclass("export-model", trained_run, "--out", tmp_path / "m.pt")
    assert (ended.code, (tmp_path / "m.pt").read_bytes()) == (2, b"mine")
    assert "replace it by --overwrite" in ended.err
    assert "is not a run folder" in em_autoclass("export-model", tmp_path, "--out", tmp_path / "n.pt").err
    assert em_autoclass("export-model", trained_run, "--out", tmp_path / "m.pt", "--overwrite").code == 0


def test_without_the_extra_it_says_what_to_install(
    em_autoclass: Any, trained_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    ended = em_autoclass("export-model", trained_run, "--out", tmp_path / "m.onnx")
    assert (ended.code, ended.err.count("\n")) == (2, 1)
    assert "pip install napari-em-autoclass[exchange]" in ended.err


def test_a_network_on_a_transformer_of_somebody_else_stays(
    em_autoclass: Any, trained_run: Path, tmp_path: Path
) -> None:
    run = tmp_path / "run"
    shutil.copytree(trained_run, run)
    content = json.loads((run / "run.json").read_text())
    content["settings"]["classifier"]["backbone"] = "sam"
    (run / "run.json").write_text(json.dumps(content))
    assert RunFolder.open(run).settings.classifier.backbone == "sam"
    ended = em_autoclass("export-model", run, "--out", tmp_path / "m.onnx")
    assert (ended.code, ended.err.count("\n")) == (2, 1)
    assert "can't be exported" in ended.err
