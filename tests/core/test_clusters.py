from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.metrics import adjusted_rand_score

from napari_em_autoclass.core.clusters import fit_clusters, fit_even_clusters, match_clusters, nearest_cluster


def blobs(rng: np.random.Generator, n_clusters: int) -> tuple[np.ndarray, np.ndarray]:
    """Give 400 points around each of some centres that lie far apart, and where each belongs."""
    centres = 20 * rng.permutation(np.eye(n_clusters, 6, dtype=np.float32) + np.arange(n_clusters)[:, None])
    labels = np.repeat(np.arange(n_clusters), 400)
    points = centres[labels] + rng.normal(0, 0.5, (len(labels), 6))
    order = rng.permutation(len(labels))
    return points[order].astype(np.float32), labels[order]


def assigned(points: np.ndarray, centres: np.ndarray) -> np.ndarray:
    maps = torch.from_numpy(points.T[None, :, None, :].copy())  # (1, C, 1, N)
    return nearest_cluster(maps, torch.from_numpy(centres))[0, 0].numpy()


@pytest.mark.parametrize("seed", [0, 1, 2])
@pytest.mark.parametrize("n_clusters", [2, 4])
def test_clusters_that_lie_apart_are_found(rng, n_clusters: int, seed: int) -> None:
    points, labels = blobs(rng, n_clusters)
    centres = fit_clusters(points, n_clusters, seed)
    assert centres.shape == (n_clusters, 6)
    assert centres.dtype == np.float32
    assert adjusted_rand_score(labels, assigned(points, centres)) == 1


def test_clusters_are_ordered_by_their_first_channel(rng) -> None:
    points = rng.normal(size=(2000, 3)).astype(np.float32)
    first = fit_clusters(points, 8, seed=0)[:, 0]
    assert (np.diff(first) > 0).all()


def test_same_seed_gives_the_same_clusters(rng) -> None:
    points = rng.normal(size=(2000, 3)).astype(np.float32)
    first = fit_clusters(points, 8, seed=3)
    assert np.array_equal(fit_clusters(points, 8, seed=3), first)
    assert not np.array_equal(fit_clusters(points, 8, seed=4), first)


def test_the_sample_is_left_as_it_was(rng) -> None:
    points = rng.normal(size=(500, 3)).astype(np.float32)
    before = points.copy()
    fit_clusters(points, 4, seed=0)
    assert np.array_equal(points, before)


def test_fewer_points_than_clusters_are_refused() -> None:
    with pytest.raises(ValueError, match="3 pixels can't be put into 4 clusters"):
        fit_clusters(np.zeros((3, 2), np.float32), 4, seed=0)


def test_nearest_is_by_euclidean_distance(rng) -> None:
    points, centres = (rng.normal(size=(n, 5)).astype(np.float32) for n in (600, 7))
    distances = ((points.astype(np.float64)[:, None] - centres) ** 2).sum(axis=-1)
    assert np.array_equal(assigned(points, centres), distances.argmin(axis=1))


def test_nearest_keeps_the_shape_of_the_map() -> None:
    found = nearest_cluster(torch.randn(2, 5, 4, 6), torch.randn(7, 5))
    assert found.shape == (2, 4, 6)
    assert found.dtype == torch.int64


@pytest.mark.parametrize("seed", range(5))
def test_a_permutation_is_found_again(seed: int) -> None:
    rng = np.random.default_rng(seed)
    old = rng.integers(0, 6, (3, 20, 20))
    new_to_old = rng.permutation(6)
    new = np.argsort(new_to_old)[old]
    found, kept = match_clusters(old, new, 6)
    assert np.array_equal(found, new_to_old)
    assert np.array_equal(found[new], old)
    assert kept == (1.0,) * 6


def test_kept_is_the_share_of_a_class_that_carried_its_name_before() -> None:
    # New 0 is made of 8 old ones of class 1 and 2 of class 0; new 1 of 6 of class 0 and 0 of class 1.
    new = np.array([0] * 10 + [1] * 6)
    old = np.array([1] * 8 + [0] * 2 + [0] * 6)
    new_to_old, kept = match_clusters(old, new, 2)
    assert new_to_old.tolist() == [1, 0]
    assert kept == (1.0, 0.8)


def test_the_match_is_the_best_for_all_and_not_for_the_first() -> None:
    # New 0 overlaps old 0 most (6), but old 0 is all that new 1 has (5): 4 + 5 are more than 6 + 0.
    new = np.array([0] * 10 + [1] * 5)
    old = np.array([0] * 6 + [1] * 4 + [0] * 5)
    new_to_old, kept = match_clusters(old, new, 2)
    assert new_to_old.tolist() == [1, 0]
    assert kept == (1.0, 0.4)


def test_a_class_nobody_has_is_matched_to_what_is_left() -> None:
    old = new = np.array([0, 0, 2, 2])
    new_to_old, kept = match_clusters(old, new, 4)
    assert sorted(new_to_old) == [0, 1, 2, 3]
    assert (new_to_old[0], new_to_old[2]) == (0, 2)
    assert kept == (1.0, 0.0, 1.0, 0.0)


def test_bytes_do_not_overflow() -> None:
    old = np.arange(200, dtype=np.uint8)
    new_to_old, kept = match_clusters(old, old[::-1].copy(), 200)
    assert np.array_equal(new_to_old, np.arange(200)[::-1])
    assert kept == (1.0,) * 200


def test_even_clusters_leave_more_of_them_to_what_is_rare() -> None:
    generator = np.random.default_rng(0)
    common = generator.normal(0, 1, (9000, 3))
    rare = generator.normal(0, 2, (600, 3)) + np.array([8, 0, 0])
    sample = np.concatenate([common, rare]).astype(np.float32)
    plain, even = fit_clusters(sample, 12, 0), fit_even_clusters(sample, 12, 0)
    assert even.shape == (12, 3)
    assert (even[:, 0] > 4).sum() > (plain[:, 0] > 4).sum() >= 1
    assert np.array_equal(even, fit_even_clusters(sample, 12, 0))
    assert (np.diff(even[:, 0]) >= 0).all()


def test_even_clusters_of_points_that_are_often_the_same() -> None:
    points = np.random.default_rng(0).normal(size=(20, 3)).astype(np.float32)
    centres = fit_even_clusters(np.repeat(points, 60, axis=0), 4, 0)  # fewer points than small clusters
    assert len({int(np.linalg.norm(centres - point, axis=1).argmin()) for point in points}) == 4


@pytest.mark.parametrize("n_points", [12, 40, 900])
def test_even_clusters_of_few_points(n_points: int) -> None:
    sample = np.random.default_rng(1).normal(size=(n_points, 2)).astype(np.float32)
    assert np.isfinite(fit_even_clusters(sample, 12, 0)).all()
    with pytest.raises(ValueError, match="can't be put"):
        fit_even_clusters(sample, n_points + 1, 0)
