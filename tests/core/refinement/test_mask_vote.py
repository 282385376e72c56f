"""Masks get the class of what is in them."""

from __future__ import annotations

import numpy as np
import pytest

from napari_em_autoclass.core.errors import InputError
from napari_em_autoclass.core.refinement.mask_vote import MaskVotes, voted


def probabilities(classes: np.ndarray, n_classes: int, certainty: float) -> np.ndarray:
    rest = (1 - certainty) / (n_classes - 1)
    return np.stack([np.where(classes == k, certainty, rest) for k in range(1, n_classes + 1)])


def test_masks_that_tile_the_image_with_pure_classes_return_them() -> None:
    masks = np.kron(np.arange(1, 5).reshape(2, 2), np.ones((5, 5), int))
    classes = np.array([0, 3, 1, 2, 3], np.uint8)[masks]
    votes = MaskVotes(3)
    votes.add(masks, probabilities(classes, 3, 0.9))
    assert votes.winners().tolist() == [0, 3, 1, 2, 3]
    assert np.array_equal(voted(masks, np.zeros_like(classes), votes.winners()), classes)


def test_the_border_of_the_mask_becomes_that_of_the_class() -> None:
    masks, classes = np.zeros((12, 12), int), np.ones((12, 12), np.uint8)
    masks[3:9, 3:9], classes[4:10, 4:10] = 1, 2
    votes = MaskVotes(2)
    votes.add_classes(masks, classes)
    found = voted(masks, classes, votes.winners())
    assert (found[3:9, 3:9] == 2).all()
    outside = masks == 0
    assert np.array_equal(found[outside], classes[outside])  # untouched


@pytest.mark.parametrize(("share", "wins"), [(0.6, True), (0.5, False), (0.4, False)])
def test_a_class_wins_above_half_and_else_the_pixels_are_left_alone(share: float, wins: bool) -> None:
    masks, classes = np.ones((1, 10), int), np.full((1, 10), 3, np.uint8)
    classes[0, : round(10 * share)] = 2
    classes[0, 9] = 1
    votes = MaskVotes(3)
    votes.add_classes(masks, classes)
    found = voted(masks, classes, votes.winners())
    assert np.array_equal(found, np.full_like(classes, 2) if wins else classes)
    assert votes.winners(0.3)[1] in (2, 3)


def test_block_by_block_is_as_at_once(rng: np.random.Generator) -> None:
    masks = rng.integers(0, 30, (6, 10, 10))
    probs = rng.integers(0, 256, (4, 6, 10, 10), dtype=np.uint8)
    whole, parts = MaskVotes(4), MaskVotes(4)
    whole.add(masks, probs)
    for z in range(0, 6, 2):
        parts.add(masks[z : z + 2], probs[:, z : z + 2])
    assert np.array_equal(whole.winners(0.1), parts.winners(0.1))


def test_bytes_count_as_probabilities_up_to_1() -> None:
    masks = np.ones((1, 4), int)
    votes = MaskVotes(2)
    votes.add(masks, np.array([[[100] * 4], [[155] * 4]], np.uint8))
    assert votes.winners(0.6).tolist() == [0, 2]
    assert votes.winners(0.61).tolist() == [0, 0]


def test_what_is_not_classified_elects_nobody() -> None:
    votes = MaskVotes(2)
    votes.add_classes(np.ones((2, 2), int), np.array([[0, 0], [0, 1]], np.uint8))
    assert votes.winners().tolist() == [0, 0]


@pytest.mark.parametrize(
    ("masks", "classes", "says"),
    [
        (np.ones((2, 2), int), np.ones((2, 3), int), "differ in shape"),
        (-np.ones((2, 2), int), np.ones((2, 2), int), "negative"),
        (np.ones((2, 2)), np.ones((2, 2), int), "broken ids"),
        (np.full((2, 2), 10**9), np.ones((2, 2), int), "too large; number the masks"),
        (np.ones((2, 2), int), np.full((2, 2), 9), "outside 0 to 2"),
    ],
)
def test_masks_that_do_not_fit_are_refused(masks: np.ndarray, classes: np.ndarray, says: str) -> None:
    with pytest.raises(InputError, match=says):
        MaskVotes(2).add_classes(masks, classes)


def test_probabilities_of_other_classes_are_refused() -> None:
    with pytest.raises(InputError, match="of 2 classes don't fit"):
        MaskVotes(2).add(np.ones((2, 2), int), np.ones((3, 2, 2)))
