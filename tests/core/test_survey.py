from __future__ import annotations

import numpy as np
import pytest
from chunked import CountingStack

from napari_em_autoclass.core.survey import survey
from napari_em_autoclass.core.volume import Volume

MIB = 2**20


@pytest.mark.parametrize("chunk", [32, 64, 128])
def test_little_of_a_huge_volume_is_looked_at_and_every_chunk_of_it_used(chunk: int) -> None:
    stack = CountingStack((4096, 4096, 4096), (chunk,) * 3)
    layers = survey(Volume(stack, (8, 8, 8)), 128 * MIB)
    wanted = sum(int(np.prod(box.shape)) for layer in layers for box in layer)
    assert wanted <= 128 * MIB
    assert all(len(layer) >= 3 for layer in layers)
    for layer in (layers[0], layers[-1]):
        for box in layer:
            assert stack[box.slices].shape == box.shape
    assert stack.bytes_read == sum(int(np.prod(box.shape)) for layer in (layers[0], layers[-1]) for box in layer)
    assert layers[0][0].z0 == 0
    assert layers[-1][0].z1 == 4096


def test_of_small_chunks_every_section_is_looked_at() -> None:
    layers = survey(Volume(CountingStack((4096, 4096, 4096), (64,) * 3), (8, 8, 8)), 128 * MIB)
    assert sum(layer[0].shape[0] for layer in layers) == 4096
    assert {len(layer) for layer in layers} == {5}


def test_of_sections_that_are_decoded_as_a_whole_some_are_looked_at() -> None:
    layers = survey(Volume(CountingStack((2000, 8192, 8192), (1, 8192, 8192)), (8, 8, 8)), 128 * MIB)
    assert len(layers) == 16
    assert all(box.shape == (1, 256, 256) for layer in layers for box in layer)


def test_patches_lie_inside_a_small_or_odd_stack() -> None:
    for shape, chunks in (((5, 40, 300), (2, 64, 64)), ((3, 70, 70), (64, 64, 64)), ((9, 100, 65), (4, 33, 64))):
        for layer in survey(Volume(CountingStack(shape, chunks), (8, 8, 8)), MIB):
            for box in layer:
                assert box == box.clipped(shape)


def test_a_mapped_stack_is_looked_at_in_patches() -> None:
    layers = survey(Volume(np.zeros((8, 5000, 5000), np.uint8), (8, 8, 8)), 128 * MIB)
    assert len(layers) == 8
    assert all(min(box.shape[1:]) >= 64 for layer in layers for box in layer)
