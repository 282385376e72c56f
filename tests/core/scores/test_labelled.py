"""Scores against labels: equal to the reference scorer, figure by figure."""

import importlib.util
import warnings
from pathlib import Path

import numpy as np
import pytest

from napari_em_autoclass.core.errors import InputError
from napari_em_autoclass.core.scores import labelled
from napari_em_autoclass.core.scores.labelled import count_with_labels, score_with_labels
from napari_em_autoclass.core.scores.stream import iter_blocks

REFERENCE = Path(__file__).parents[3].parent / "shared" / "tools" / "score_classes.py"


@pytest.fixture(scope="module")
def reference():
    """Return the reference scorer's `score`."""
    if not REFERENCE.exists():
        pytest.skip(f"the reference scorer is not at {REFERENCE}")
    spec = importlib.util.spec_from_file_location("score_classes", REFERENCE)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.score


@pytest.fixture(params=[None, 50], ids=["whole", "in bands"])
def blocks(request, monkeypatch):
    """Read the maps in one block, and in bands of a few rows."""
    if request.param:
        monkeypatch.setattr(labelled, "iter_blocks", lambda shape: iter_blocks(shape, request.param))


def blobs(shape, shares, seed):
    """Return labels 0, 1, ... in these shares, as connected regions."""
    from scipy.ndimage import gaussian_filter

    field = gaussian_filter(np.random.default_rng(seed).normal(size=shape), 2)
    return np.digitize(field, np.quantile(field, np.cumsum(shares)[:-1])).astype(np.uint8)


def like_a_map(labels, n_classes, error, seed):
    """Return a map that splits each label into classes and is wrong in a share `error` of the voxels."""
    rng = np.random.default_rng(seed)
    parts = n_classes // (int(labels.max()) + 1)
    split = labels * parts + blobs(labels.shape, [1 / parts] * parts, seed + 1) + 1
    wrong = rng.random(labels.shape) < error
    return np.where(wrong, rng.integers(1, n_classes + 1, labels.shape), split).astype(np.uint8)


def random_map(shape, n, seed):
    return np.random.default_rng(seed).integers(0, n, shape).astype(np.uint8)


SHAPE = (7, 20, 24)
LABELS = blobs(SHAPE, [0.2, 0.5, 0.292, 0.008], 0)
CASES = {
    "random": (random_map(SHAPE, 9, 1), random_map(SHAPE, 5, 2)),
    "random, one class never labelled": (np.where(LABELS > 0, random_map(SHAPE, 9, 1), 12), LABELS),
    "like a map, odd number of sections": (like_a_map(LABELS, 20, 0.2, 3), LABELS),
    "like a map, even number": (like_a_map(LABELS, 20, 0.2, 3)[1:], LABELS[1:]),
    "50 classes": (like_a_map(LABELS, 48, 0.4, 4), LABELS),
    "perfect": (LABELS, LABELS),
    "collapsed": (np.ones_like(LABELS), LABELS),
    "nothing classified": (np.zeros_like(LABELS), LABELS),
    "a label without voxels": (like_a_map(LABELS, 20, 0.2, 3), np.where(LABELS == 2, 7, LABELS)),
    "a rare label in the first half only": (
        like_a_map(LABELS, 20, 0.2, 3),
        np.where((LABELS == 3) & (np.arange(7)[:, None, None] > 2), 0, LABELS),
    ),
    "a frequent label in the second half only": (
        like_a_map(LABELS, 20, 0.2, 3),
        np.where((LABELS == 2) & (np.arange(7)[:, None, None] < 3), 0, LABELS),
    ),
    "a frequent label in the first half only": (
        like_a_map(LABELS, 20, 0.2, 3),
        np.where((LABELS == 2) & (np.arange(7)[:, None, None] > 2), 0, LABELS),
    ),
    "int64 labels, bool classes": (LABELS > 1, LABELS.astype(np.int64)),
    "two sections": (like_a_map(LABELS, 20, 0.2, 3)[:2], LABELS[:2]),
}


@pytest.mark.usefixtures("blocks")
@pytest.mark.parametrize("case", CASES)
def test_every_figure_equals_the_reference(case, reference):
    classes, labels = CASES[case]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # the reference takes the logarithm of 0
        expected = reference(classes, labels)
    scores = score_with_labels(classes, labels)
    assert list(scores) == list(expected)
    for name, value in expected.items():
        assert scores[name] == pytest.approx(value, abs=1e-12, nan_ok=True), name


def test_the_reference_is_also_met_on_a_real_stack(reference):
    tifffile = pytest.importorskip("tifffile", reason="reads the labels")
    path = REFERENCE.parents[1] / "data" / "flyem_medulla_ship_sample_labels.ome.tif"
    if not path.exists():
        pytest.skip(f"the reference stack is not at {path}")
    labels = tifffile.imread(path)
    classes = like_a_map(labels, 20, 0.3, 5)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        expected = reference(classes, labels)
    assert score_with_labels(classes, labels) == expected


def test_scores_by_hand():
    # Sections 0 and 1 fit the mapping, 2 and 3 test it; there class 2 is 2 voxels short.
    labels = np.array([[[1, 1, 2, 2]]] * 4, dtype=np.uint8)
    classes = labels.copy()
    classes[3, 0, 2:] = 1
    scores = score_with_labels(classes, labels)
    assert scores["iou"] == {1: 0.6667, 2: 0.5}
    assert scores["merged_miou"] == 0.5833
    assert scores["accuracy"] == 0.75
    assert scores["z_flip"] == 0.1667
    assert scores["classes_used"] == 2


def test_a_perfect_map_scores_one():
    scores = score_with_labels(LABELS, LABELS)
    assert (scores["merged_miou"], scores["accuracy"], scores["v_measure"], scores["info_share"]) == (1, 1, 1, 1)


def test_a_collapsed_map_has_no_information():
    scores = score_with_labels(np.ones_like(LABELS), LABELS)
    assert (scores["info_bits"], scores["v_measure"], scores["z_flip"], scores["classes_used"]) == (0, 0, 0, 1)


def test_names_of_classes_don_t_matter():
    classes = like_a_map(LABELS, 20, 0.2, 3)
    renamed = np.r_[0, np.random.default_rng(0).permutation(20) + 1][classes]
    assert score_with_labels(renamed, LABELS) == score_with_labels(classes, LABELS)


def test_one_structure_has_nothing_to_tell():
    # The reference divides 0 by 0 here.
    assert score_with_labels(CASES["random"][0], np.ones_like(LABELS))["info_share"] == 0.0


def test_only_some_sections_are_read_at_a_time():
    class Lazy:
        shape, dtype = (40, 400, 500), np.dtype(np.uint8)
        largest = 0

        def __getitem__(self, key):
            block = np.ones([part.stop - part.start for part in key], np.uint8)
            block[:, ::2] = 2
            self.largest = max(self.largest, block.size)
            return block

    classes = Lazy()
    counts = count_with_labels(classes, Lazy())
    assert counts.usage.sum() == 40 * 400 * 500
    assert classes.largest <= 2**22


@pytest.mark.parametrize(
    ("classes", "labels", "message"),
    [
        (LABELS[:5], LABELS, r"\(5, 20, 24\) and labels \(7, 20, 24\) differ in shape"),
        (LABELS[0], LABELS[0], "expected a stack"),
        (LABELS.astype(float), LABELS, "class map: pixels of dtype float64"),
        (LABELS, LABELS.astype(np.float32), "labels: pixels of dtype float32"),
        (LABELS.astype(np.int8) - 1, LABELS, "class map: id -1 is negative"),
        (LABELS, np.where(LABELS == 2, 70000, LABELS.astype(np.int32)), "labels: id 70000 is above"),
        (LABELS.astype(np.int64) * 20000, LABELS.astype(np.int64) * 20000, "too many"),
        (LABELS[:1], LABELS[:1], "one section"),
        (LABELS, np.zeros_like(LABELS), "first half"),
        (LABELS, LABELS * (np.arange(7)[:, None, None] < 3), "second half"),
        (LABELS, LABELS * (np.arange(7)[:, None, None] >= 3), "first half"),
    ],
)
def test_what_can_t_be_scored_is_refused(classes, labels, message):
    with pytest.raises(InputError, match=message):
        score_with_labels(classes, labels)
