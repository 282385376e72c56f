"""Stacks decoded section by section."""

from __future__ import annotations

import numpy as np
import pytest

from napari_em_autoclass.io.lazy import SectionStack

DATA = np.arange(6 * 4 * 5, dtype=np.uint16).reshape(6, 4, 5)


def counting_stack(cache_bytes: int = 10**6) -> tuple[SectionStack, list[int]]:
    decoded: list[int] = []

    def read_section(z: int) -> np.ndarray:
        decoded.append(z)
        return DATA[z]

    return SectionStack((6, 4, 5), DATA.dtype, read_section, cache_bytes), decoded


def test_nothing_is_decoded_before_it_is_asked_for_and_only_what_is_asked_for():
    stack, decoded = counting_stack()
    assert decoded == []
    np.testing.assert_array_equal(stack[2:4, 1:3, :], DATA[2:4, 1:3])
    assert decoded == [2, 3]


def test_a_section_is_decoded_once_for_all_blocks_of_it():
    stack, decoded = counting_stack()
    for y in range(4):
        np.testing.assert_array_equal(stack[0:3, y : y + 1, :], DATA[0:3, y : y + 1])
    assert decoded == [0, 1, 2]


def test_memory_holds_only_the_last_sections():
    stack, decoded = counting_stack(cache_bytes=2 * DATA[0].nbytes)
    for z in (0, 1, 2, 1, 2, 0):
        stack[z]
    assert decoded == [0, 1, 2, 0]


@pytest.mark.parametrize("key", [3, -1, (slice(1, 3),), (..., 2), (slice(2, 2),), (slice(4, 9), 0, slice(None)), ...])
def test_indexing_is_that_of_numpy(key):
    np.testing.assert_array_equal(counting_stack()[0][key], DATA[key])


@pytest.mark.parametrize("key", [6, -7, slice(None, None, 2), (0, 0, 0, 0)])
def test_what_it_can_not_index_is_an_index_error(key):
    with pytest.raises(IndexError):
        counting_stack()[0][key]


def test_a_section_of_another_shape_is_an_error():
    with pytest.raises(ValueError, match="section 0 has shape"):
        SectionStack((6, 4, 5), DATA.dtype, lambda _: DATA[0, :2])[0]
