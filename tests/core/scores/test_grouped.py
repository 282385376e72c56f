"""Groups of classes are scored as if they had been one class from the beginning."""

import numpy as np
import pytest

from napari_em_autoclass.core.errors import InputError
from napari_em_autoclass.core.scores.grouped import grouped_counts, miou_at_groups
from napari_em_autoclass.core.scores.labelled import count_with_labels, score_counts, score_with_labels

SHAPE = (6, 20, 24)
LABELS = np.random.default_rng(0).integers(0, 4, SHAPE).astype(np.uint8)
CLASSES = (2 * LABELS + np.random.default_rng(1).integers(0, 2, SHAPE)).astype(np.uint8)  # 0..7


def test_groups_that_are_the_structures_score_1() -> None:
    assert miou_at_groups(CLASSES, LABELS, [(2, 3), (4, 5), (6, 7)]) == 1


def test_two_structures_in_one_group_can_not_be_told_apart() -> None:
    # The group means one of the two, at an IoU of its share of the group; the other has an IoU of 0.
    share = (LABELS[3:] == 2).sum() / (LABELS[3:] >= 2).sum()
    groups = [(2, 3), (4, 5, 6, 7)]
    assert miou_at_groups(CLASSES, LABELS, groups) == pytest.approx(
        (1 + max(share, 1 - share)) / 3, abs=0.03
    )  # which of the two depends on the first half


@pytest.mark.parametrize("groups", [[(1, 2, 3), (4, 7), (5,), (6,)], [(7, 3)], []])
def test_the_score_is_that_of_the_merged_map(groups: list[tuple[int, ...]]) -> None:
    table = np.arange(8)
    for group in groups:
        table[list(group)] = min(group)
    merged = score_with_labels(table[CLASSES], LABELS)
    assert miou_at_groups(CLASSES, LABELS, groups) == merged["merged_miou"]
    figures = score_counts(grouped_counts(count_with_labels(CLASSES, LABELS), groups))
    assert {**figures, "z_flip": 0} == {**merged, "z_flip": 0}


def test_a_group_may_name_classes_that_the_map_lacks() -> None:
    assert miou_at_groups(CLASSES, LABELS, [(2, 3, 90), (4, 5), (6, 7), (91, 92)]) == 1
    assert (
        miou_at_groups(CLASSES[:, :, :] % 6, LABELS, [(1, 9)]) == score_with_labels(CLASSES % 6, LABELS)["merged_miou"]
    )


@pytest.mark.parametrize("groups", [[(1, 2), (2, 3)], [(0, 1)], [(1, 1)]])
def test_groups_that_overlap_are_refused(groups: list[tuple[int, ...]]) -> None:
    with pytest.raises(InputError, match="overlap"):
        miou_at_groups(CLASSES, LABELS, groups)
