from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from foreign import write_n5

from napari_em_autoclass.core.errors import InputError
from napari_em_autoclass.io.remote import RemotePath
from napari_em_autoclass.io.tensor_array import kvstore_of, metadata_of, open_tensor, told

DATA = np.arange(4 * 20 * 24, dtype=np.uint16).reshape(4, 20, 24)


def test_it_is_indexed_as_an_array_is(tmp_path: Path) -> None:
    array = open_tensor(write_n5(tmp_path / "a", DATA), {"driver": "n5"}, "a")
    assert (array.shape, array.dtype, array.ndim, array.chunks) == (DATA.shape, DATA.dtype, 3, (2, 10, 12))
    for key in [
        np.s_[1],
        np.s_[-1, 3:9],
        np.s_[..., 5],
        np.s_[1:3, 4, 6:20],
        np.s_[:],
        np.s_[2:2],
        np.s_[0, 0, 0],
        np.s_[:, 15:99],
    ]:
        np.testing.assert_array_equal(array[key], DATA[key])
    with pytest.raises(IndexError, match="outside axis 0"):
        array[4]
    with pytest.raises(IndexError, match="step 1"):
        array[::2]


def test_a_damaged_chunk_is_told_in_a_line(tmp_path: Path) -> None:
    array = open_tensor(write_n5(tmp_path / "a", DATA), {"driver": "n5"}, "a")
    (tmp_path / "a" / "1" / "0" / "0").write_bytes(b"damaged")
    np.testing.assert_array_equal(array[:, :, :12], DATA[:, :, :12])
    with pytest.raises(OSError, match="a/1/0/0") as caught:
        array[0]
    assert "\n" not in str(caught.value)
    assert "tensorstore_spec" not in str(caught.value)


def test_an_array_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"mine: can't be opened"):
        open_tensor(tmp_path / "none", {"driver": "n5"}, "mine")


def test_where_things_are(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert kvstore_of(tmp_path) == {"driver": "file", "path": f"{tmp_path}/"}
    assert kvstore_of(RemotePath("https://h/a")) == "https://h/a/"
    assert kvstore_of(RemotePath("gs://b/c/d")) == {"driver": "gcs", "bucket": "b", "path": "c/d/"}
    monkeypatch.setattr("napari_em_autoclass.io.tensor_array._fsspec_option", lambda *_: None)
    assert kvstore_of(RemotePath("s3://b/c/d")) == {"driver": "s3", "bucket": "b", "path": "c/d/"}
    monkeypatch.setattr("napari_em_autoclass.io.tensor_array._fsspec_option", lambda *_: "http://e")
    assert kvstore_of(RemotePath("s3://b/c")) == {"driver": "s3", "bucket": "b", "path": "c/", "endpoint": "http://e"}
    with pytest.raises(InputError, match="https://, s3:// and gs://"):
        kvstore_of(RemotePath("memory://a"))


def test_metadata_are_one_json_object(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert metadata_of(tmp_path, "info") is None
    (tmp_path / "info").write_text('{"a": 1}')
    assert metadata_of(tmp_path, "info") == {"a": 1}
    for text in ("[1]", "{", '{"a": NaN}', '{"a":' * 90 + "1" + "}" * 90):
        (tmp_path / "info").write_text(text)
        with pytest.raises(InputError, match="info: "):
            metadata_of(tmp_path, "info")


def test_what_is_told_is_one_line_of_words() -> None:
    assert told(ValueError("NOT_FOUND: no such thing [tensorstore_spec='{}']\nmore")) == "no such thing"
    assert told(ValueError("Error at https://h: 3 [x]")) == "Error at https://h: 3"
    assert told(TimeoutError("")) == "no answer in time"
    assert told(KeyError()) == "KeyError"
