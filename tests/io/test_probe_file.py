"""A probe survives its file."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from napari_em_autoclass.core.errors import InputError
from napari_em_autoclass.core.probe import Probe
from napari_em_autoclass.io.probe_file import is_probe_file, load_probe, probe_path, save_probe


@pytest.fixture
def probe(rng: np.random.Generator) -> Probe:
    weight = rng.normal(size=(3, 7)).astype(np.float32)
    return Probe((1, 4, 200), weight, np.arange(3, dtype=np.float32), {4: "Golgi"}, {"painted": {"1": 5}})


def test_what_is_stored_comes_back(tmp_path: Path, probe: Probe) -> None:
    path = probe_path(tmp_path)
    save_probe(path, probe)
    found = load_probe(path)
    assert (found.ids, found.names, found.facts) == (probe.ids, probe.names, probe.facts)
    assert np.array_equal(found.weight, probe.weight)
    assert np.array_equal(found.bias, probe.bias)
    assert is_probe_file(path)
    assert not is_probe_file(tmp_path / "painted.tif")
    assert [file.name for file in tmp_path.iterdir()] == ["probe.safetensors"]


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="teach a probe first"):
        load_probe(tmp_path / "probe.safetensors")


@pytest.mark.parametrize("content", [b"", b"junk" * 100])
def test_a_damaged_file_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "probe.safetensors").write_bytes(content)
    with pytest.raises(InputError, match="no probe, or damaged"):
        load_probe(tmp_path / "probe.safetensors")


def test_the_weights_of_a_run_are_no_probe(tmp_path: Path) -> None:
    from safetensors.numpy import save_file

    save_file({"weight": np.zeros((2, 2), np.float32)}, tmp_path / "weights.safetensors")
    with pytest.raises(InputError, match="is no probe"):
        load_probe(tmp_path / "weights.safetensors")


def test_a_folder_that_is_not_there_is_one_line(tmp_path: Path, probe: Probe) -> None:
    with pytest.raises(InputError, match="can't be written"):
        save_probe(tmp_path / "missing" / "probe.safetensors", probe)
