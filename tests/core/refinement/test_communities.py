"""Classes that turn into each other form groups."""

from __future__ import annotations

import numpy as np
import pytest

from napari_em_autoclass.core.errors import InputError
from napari_em_autoclass.core.refinement.communities import communities, count_transitions

BLOCKS = ((1, 3), (2, 4, 6), (5,))


def block_diagonal() -> np.ndarray:
    table = np.zeros((6, 6), int)
    for block in BLOCKS:
        for one in block:
            for other in block:
                table[one - 1, other - 1] = 10 + one
    return table


def test_a_block_diagonal_table_gives_its_blocks() -> None:  # REF-1
    assert communities(block_diagonal()) == BLOCKS
    assert communities(block_diagonal(), n_groups=3) == BLOCKS


def test_some_noise_between_the_blocks_changes_nothing() -> None:
    assert communities(block_diagonal() + 1, least_share=0.15) == BLOCKS


def test_both_directions_must_be_frequent() -> None:
    # A small class that always turns into the large one is not yet a part of it: the large one doesn't notice it.
    table = np.array([[1000, 2, 0], [2, 1, 0], [0, 0, 50]])
    assert communities(table, least_share=0.05) == ((1,), (2,), (3,))


def test_fewer_groups_join_the_most_alike() -> None:
    table = block_diagonal()
    table[0, 1] = table[1, 0] = 5
    assert communities(table, n_groups=2) == ((1, 2, 3, 4, 6), (5,))


def test_a_class_that_never_occurs_stands_in_no_group() -> None:
    table = np.zeros((3, 3), int)
    table[0, 0] = table[2, 2] = 9
    assert communities(table) == ((1,), (3,))
    assert communities(np.zeros((2, 2))) == ()


def test_transitions_are_counted_between_neighbouring_sections(monkeypatch: pytest.MonkeyPatch) -> None:
    classes = np.random.default_rng(0).integers(0, 4, (7, 9, 8), dtype=np.uint8)
    expected = np.zeros((3, 3), int)
    for one, other in zip(classes[:-1].ravel(), classes[1:].ravel(), strict=True):
        if one and other:
            expected[one - 1, other - 1] += 1
    assert np.array_equal(count_transitions(classes, 3), expected)


@pytest.mark.parametrize(("table", "n"), [(np.ones((2, 3)), None), (np.ones((2, 2)), 0)])
def test_tables_and_numbers_that_make_no_sense_are_refused(table: np.ndarray, n: int | None) -> None:
    with pytest.raises(InputError):
        communities(table, n)


def test_an_id_above_k_is_refused() -> None:
    with pytest.raises(InputError, match="above 3"):
        count_transitions(np.full((2, 2, 2), 4), 3)
