"""What is read of other people's files is bounded before memory is spent on it."""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path

import numpy as np
import pytest

from napari_em_autoclass.core.limits import arrays_of, json_of, lines_of, parsed_json


def npz(path: Path, **content: bytes) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in content.items():
            archive.writestr(f"{name}.npy", data)
    return path


def npy(array: np.ndarray, **kwargs: bool) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, array, **kwargs)
    return buffer.getvalue()


def test_json_is_read_up_to_its_limit_and_no_further(tmp_path: Path) -> None:
    at = tmp_path / "a.json"
    at.write_text(json.dumps({"a": "ä" * 10}, ensure_ascii=False), encoding="utf-8")
    size = at.stat().st_size
    assert json_of(at, size) == {"a": "ä" * 10}
    with pytest.raises(ValueError, match=f"more than {size - 1} bytes"):
        json_of(at, size - 1)


@pytest.mark.parametrize("text", ["[" * 65 + "]" * 65, "[" * 200_000 + "]" * 200_000, '{"a":' * 70 + "1" + "}" * 70])
def test_json_that_is_nested_too_deep_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="nested"):
        parsed_json(text)


def test_json_may_be_nested_as_deep_as_ours_ever_is() -> None:
    assert parsed_json("[" * 64 + "]" * 64)


@pytest.mark.parametrize("text", ["NaN", "[Infinity]", '{"a": -Infinity}'])
def test_json_holds_no_nan_unless_it_is_a_log(text: str) -> None:
    with pytest.raises(ValueError, match="no number"):
        parsed_json(text)
    parsed_json(text, takes_nan=True)


def test_half_a_character_is_refused_and_a_whole_one_is_not() -> None:
    assert parsed_json('"\\ud83e\\udde0"') == "\U0001f9e0"
    with pytest.raises(ValueError, match="surrogates"):
        parsed_json('{"name": "\\ud83e"}')


def test_lines_that_are_too_long_are_passed_over(tmp_path: Path) -> None:
    at = tmp_path / "log"
    at.write_bytes(b"one\n" + b"x" * (2**21 + 5) + b"\ntwo\r\n\xff\nlast")
    assert list(lines_of(at)) == ["one", "two", "\ufffd", "last"]
    assert list(lines_of(at, 6)) == ["one", "xx"]


def test_arrays_come_back_as_they_were(tmp_path: Path) -> None:
    at = tmp_path / "a.npz"
    stored = {"a": np.arange(6).reshape(2, 3), "f": np.asfortranarray(np.ones((2, 3))), "s": np.array("name")}
    np.savez_compressed(at, **stored)
    found = arrays_of(at, ())
    assert list(found) == list(stored)
    for name, array in stored.items():
        np.testing.assert_array_equal(found[name], array)
        assert found[name].dtype == array.dtype
    assert list(arrays_of(at, ("s",))) == ["s"]
    with pytest.raises(ValueError, match="missing"):
        arrays_of(at, ("missing",))


def test_an_archive_that_swells_is_refused_before_it_is_unpacked(tmp_path: Path) -> None:
    at = npz(tmp_path / "bomb.npz", classes=npy(np.zeros(10**7, np.uint8)))
    assert at.stat().st_size < 2e4
    with pytest.raises(ValueError, match="more than can be taken in"):
        arrays_of(at, ("classes",), 10**6)


def test_an_array_that_claims_more_than_is_there_is_refused(tmp_path: Path) -> None:
    good = npy(np.zeros((10, 10), np.uint8))
    with pytest.raises(ValueError, match="does not fit"):
        arrays_of(npz(tmp_path / "a.npz", classes=good.replace(b"(10, 10)", b"(99, 99)")), ("classes",))


def test_objects_are_not_unpickled(tmp_path: Path) -> None:
    at = npz(tmp_path / "a.npz", classes=npy(np.array([print], object), allow_pickle=True))
    with pytest.raises(ValueError, match="does not fit"):
        arrays_of(at, ("classes",))
