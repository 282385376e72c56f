from __future__ import annotations

import functools
import itertools

import numpy as np
import pytest

from napari_em_autoclass.core.errors import InputError
from napari_em_autoclass.core.phantom import CLASS_NAMES, DEFAULT_SHAPE, Phantom, make_phantom

SMALL = (5, 64, 72)
IDS = {name: number for number, name in CLASS_NAMES.items()}


def shares(phantom: Phantom) -> dict[str, float]:
    counts = np.bincount(phantom.labels.ravel(), minlength=len(CLASS_NAMES) + 1) / phantom.labels.size
    return {name: counts[number] for number, name in CLASS_NAMES.items()}


def neighbour_correlations(phantom: Phantom) -> np.ndarray:
    flat = phantom.raw.reshape(len(phantom.raw), -1).astype(np.float64)
    return np.array([np.corrcoef(a, b)[0, 1] for a, b in itertools.pairwise(flat)])


@functools.cache
def small(mode: str) -> Phantom:
    """Return a stack that two tests look at."""
    return make_phantom(SMALL, mode, 3)


@pytest.mark.parametrize("mode", ["sstem", "fibsem", "sbfsem"])
def test_the_same_seed_gives_the_same_stack_and_another_seed_another(mode: str) -> None:
    first, again, other = small(mode), make_phantom(SMALL, mode, 3), make_phantom(SMALL, mode, 4)
    np.testing.assert_array_equal(first.raw, again.raw)
    np.testing.assert_array_equal(first.labels, again.labels)
    assert (first.raw != other.raw).mean() > 0.5
    assert (first.labels != other.labels).mean() > 0.1


@pytest.mark.parametrize(
    ("mode", "voxel_size_nm"),
    [("sstem", (50.0, 4.0, 4.0)), ("fibsem", (8.0, 8.0, 8.0)), ("sbfsem", (30.0, 10.0, 10.0))],
)
def test_a_phantom_says_what_it_is(mode: str, voxel_size_nm: tuple[float, float, float]) -> None:
    made = small(mode)
    assert made.raw.shape == made.labels.shape == SMALL
    assert made.raw.dtype == made.labels.dtype == np.uint8
    assert made.voxel_size_nm == voxel_size_nm
    assert made.class_names == dict(CLASS_NAMES)
    assert (made.mode, made.seed, made.bad_sections) == (mode, 3, ())
    assert made.labels.max() <= max(CLASS_NAMES)


def test_every_class_holds_its_share_of_a_default_stack(sstem: Phantom) -> None:
    assert sstem.raw.shape == DEFAULT_SHAPE["sstem"]
    held = shares(sstem)
    assert min(held.values()) > 0.005, held
    assert min(held[name] for name in ("membrane", "cytoplasm", "mitochondria", "vesicles")) > 0.01, held
    assert 0.12 < held["membrane"] < 0.30  # real stacks: 0.21 and 0.23


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1, 2])
def test_every_class_holds_its_share_of_a_default_fibsem_stack(seed: int) -> None:
    held = shares(make_phantom((128, 256, 256), "fibsem", seed))
    assert min(held.values()) > 0.005, held
    assert min(held[name] for name in ("membrane", "cytoplasm", "mitochondria", "vesicles")) > 0.01, held


@pytest.mark.slow
@pytest.mark.parametrize("seed", [0, 1])
def test_every_class_holds_its_share_of_a_default_sbfsem_stack(seed: int) -> None:
    held = shares(make_phantom(mode="sbfsem", seed=seed))
    assert min(held.values()) > 0.004, held
    assert min(held[name] for name in ("membrane", "cytoplasm", "mitochondria", "vesicles", "myelin")) > 0.02, held


@pytest.mark.parametrize("seed", range(4))
def test_a_stack_smaller_than_a_bouton_still_shows_several_classes(seed: int) -> None:
    held = shares(make_phantom(SMALL, "sstem", seed))
    assert sum(share > 0.01 for share in held.values()) >= 3, held


@pytest.mark.xdist_group("phantoms")  # it asks for the fixture by name
@pytest.mark.parametrize("kind", ["sstem", "fibsem", "sbfsem"])
def test_brightness_follows_the_truth(kind: str, request: pytest.FixtureRequest) -> None:
    made: Phantom = request.getfixturevalue(kind)
    whole = [z for z in range(len(made.raw)) if z not in made.bad_sections]
    raw, labels = made.raw[whole], made.labels[whole]
    mean = {name: float(raw[labels == number].mean()) for name, number in IDS.items()}
    spread = float(raw.std())
    assert mean["cytoplasm"] - mean["membrane"] > spread
    assert mean["cytoplasm"] - mean["mitochondria"] > spread
    assert mean["synaptic density"] < mean["membrane"] < mean["extracellular space"]
    assert mean["myelin"] < mean["membrane"]
    assert mean["mitochondria"] < mean["vesicles"] < mean["cytoplasm"]


def test_labels_fit_the_image_better_than_shifted_ones(sstem: Phantom) -> None:
    # Sections are shifted one by one: the truth must have moved along.
    for z in range(0, len(sstem.raw), 4):
        if z in sstem.bad_sections:
            continue
        dark = {}
        for shift in (-5, 0, 5):
            membrane = np.roll(sstem.labels[z] == IDS["membrane"], shift, axis=1)
            dark[shift] = float(sstem.raw[z][membrane].mean())
        assert dark[0] < min(dark[-5], dark[5]) - 5


def test_neighbouring_sections_are_alike_in_fibsem_and_less_so_in_sstem(sstem: Phantom, fibsem: Phantom) -> None:
    assert neighbour_correlations(fibsem).min() > 0.8
    assert 0.1 < np.median(neighbour_correlations(sstem)) < 0.6


def test_sections_of_sbfsem_fit_together_without_damage(sbfsem: Phantom) -> None:
    assert sbfsem.bad_sections == ()
    assert (sbfsem.labels > 0).all()
    assert neighbour_correlations(sbfsem).min() > 0.4


def test_the_bad_section_is_listed_and_stands_out(sstem: Phantom) -> None:
    (bad,) = sstem.bad_sections
    contrast = np.array([np.subtract(*np.percentile(section, (75, 25))) for section in sstem.raw])
    assert contrast.argmin() == bad
    hidden = (sstem.labels == 0).any(axis=(1, 2))
    assert list(np.flatnonzero(hidden)) == [bad]


def test_structures_have_their_size_in_nm_in_both_modes(sstem: Phantom, fibsem: Phantom) -> None:
    # Length of membrane per area doesn't depend on the pixel size if both show tissue of one scale.
    held = [shares(made)["membrane"] for made in (sstem, fibsem)]
    assert abs(held[0] - held[1]) < 0.07


def test_structures_of_a_vertebrate_are_larger(sstem: Phantom, sbfsem: Phantom) -> None:
    # The band over the membranes is as wide in both, so its share tells how long they are per area: the smaller the
    # cells, the longer.
    assert shares(sbfsem)["membrane"] < 0.75 * shares(sstem)["membrane"]


# Each shape in one mode, each mode in a shape: what is drawn differs by mode, how it is cut by shape.
@pytest.mark.parametrize(
    ("shape", "mode"),
    [
        *(((1, 1, 1), mode) for mode in ("sstem", "fibsem", "sbfsem")),
        *((shape, "sstem") for shape in ((1, 3, 200), (9, 2, 5), (12, 33, 1))),
    ],
)
def test_odd_shapes_work(shape: tuple[int, int, int], mode: str) -> None:
    made = make_phantom(shape, mode, 0)
    assert made.raw.shape == made.labels.shape == shape


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"mode": "confocal"}, "confocal.*sstem, fibsem, sbfsem"),
        ({"shape_zyx": (5, 64)}, "three whole numbers"),
        ({"shape_zyx": (5, 0, 64)}, "three whole numbers"),
        ({"shape_zyx": (5, 6.5, 64)}, "three whole numbers"),
        ({"shape_zyx": 7}, "three whole numbers"),
        ({"seed": -1}, "seed"),
        ({"seed": 1.5}, "seed"),
        ({"seed": True}, "seed"),
    ],
)
def test_bad_arguments_are_refused_in_one_line(arguments: dict[str, object], message: str) -> None:
    with pytest.raises(InputError, match=message) as caught:
        make_phantom(**{"shape_zyx": SMALL, **arguments})
    assert "\n" not in str(caught.value)
