from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace

import numpy as np
import pytest
from chunked import CountingStack
from scipy import ndimage

from napari_em_autoclass.core import damage
from napari_em_autoclass.core.damage import find_damage, runs_of, sections_from, sections_text
from napari_em_autoclass.core.errors import InputError
from napari_em_autoclass.core.phantom import make_phantom
from napari_em_autoclass.core.volume import Volume

DEPTH = 24


def torn(section: np.ndarray) -> np.ndarray:
    """Miss the right half, along a wavy edge."""
    y, x = np.indices(section.shape)
    return np.where(x > 0.5 * section.shape[1] + 5 * np.sin(y / 9), 255, section).astype(np.uint8)


def black(section: np.ndarray) -> np.ndarray:
    return np.zeros_like(section)


def blurred(section: np.ndarray) -> np.ndarray:
    return ndimage.gaussian_filter(section, 6.0)


def folded(section: np.ndarray) -> np.ndarray:
    """Lie double in a dark band; beyond it all is shifted."""
    y, x = np.indices(section.shape)
    side = y - section.shape[0] / 2 - 0.3 * (x - section.shape[1] / 2)
    shifted = np.where(side > 0, np.roll(section, section.shape[1] // 5, axis=1), section)
    return np.where(np.abs(side) < 0.15 * section.shape[0], shifted // 4, shifted)


HARM: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "torn": torn, "black": black, "blurred": blurred, "folded": folded,
}  # fmt: skip


@pytest.fixture(scope="module", params=["sstem", "fibsem"])
def sound(request) -> Volume:
    made = make_phantom((DEPTH, 128, 128), request.param, seed=0)
    # The serial phantom has a damaged section of its own; its neighbour stands in.
    hidden = np.flatnonzero((made.labels == 0).mean(axis=(1, 2)) > 0.02)
    raw = made.raw.copy()
    raw[hidden] = raw[hidden - 1] // 2 + raw[hidden + 1] // 2
    raw.setflags(write=False)
    return Volume(raw, made.voxel_size_nm)


def harmed(sound: Volume, **where: int) -> Volume:
    data = np.array(sound.data[:])
    for kind, z in where.items():
        data[z] = HARM[kind](data[z])
    return Volume(data, sound.voxel_size_nm)


def test_a_sound_stack_has_no_damage(sound: Volume) -> None:
    found = find_damage(sound)
    assert found.sections == ()
    assert found.sentence == "No damaged section found."
    assert found.n_checked == found.n_sections == DEPTH


@pytest.mark.parametrize("kind", HARM)
@pytest.mark.parametrize("z", [6, 20])
def test_each_kind_of_damage_is_found_alone(sound: Volume, kind: str, z: int) -> None:
    assert find_damage(harmed(sound, **{kind: z})).sections == (z,)


def test_all_kinds_are_found_together_and_named(sound: Volume) -> None:
    found = find_damage(harmed(sound, torn=4, black=10, blurred=15, folded=20))
    assert found.sections == (4, 10, 15, 20)
    assert found.reasons[10] == "blank"
    assert found.sentence == "Sections 4, 10, 15, 20 look damaged."


def test_neighbours_in_a_row_and_the_ends_are_found(sound: Volume) -> None:
    data = np.array(sound.data[:])
    data[[0, 11, 12, DEPTH - 1]] = 0
    assert find_damage(Volume(data, sound.voxel_size_nm)).sections == (0, 11, 12, DEPTH - 1)


def test_what_lies_beside_a_damaged_end_is_sound(sound: Volume) -> None:
    assert find_damage(harmed(sound, torn=1)).sections == (1,)


def test_padding_that_all_sections_have_is_no_damage(sound: Volume) -> None:
    data = np.array(sound.data[:])
    data[:, :, :48] = 0
    assert find_damage(Volume(data, sound.voxel_size_nm)).sections == ()


def test_grey_values_may_be_floats_and_other_contrasts(sound: Volume) -> None:
    data = np.array(harmed(sound, torn=9).data[:]).astype(np.float32) * 1e-3 - 5
    data[5] *= 0.7  # a section of another contrast is no damage
    assert find_damage(Volume(data, sound.voxel_size_nm)).sections == (9,)


def test_of_few_sections_only_blank_ones_can_be_told(sound: Volume) -> None:
    data = np.array(harmed(sound, torn=1, black=3).data[:5])
    assert find_damage(Volume(data, sound.voxel_size_nm)).sections == (3,)


class Counting:
    """A stack of noise of 200 GB that is never there as a whole, and counts what is read of it."""

    shape, dtype = (2000, 10_000, 10_000), np.dtype(np.uint8)

    def __init__(self) -> None:
        self.n_read = 0

    def __getitem__(self, key: tuple[slice, ...]) -> np.ndarray:
        shape = tuple(len(range(*part.indices(n))) for part, n in zip(key, self.shape, strict=True))
        self.n_read += int(np.prod(shape))
        return np.broadcast_to(np.arange(shape[2], dtype=np.uint8), shape)


def test_of_200_gb_less_than_a_thousandth_is_read() -> None:
    data = Counting()
    assert find_damage(Volume(data, (8.0, 8.0, 8.0)), budget_s=1e9).n_checked == 2000
    assert data.n_read < 200e9 / 1000


def test_after_its_time_it_says_how_far_it_came(sound: Volume, monkeypatch) -> None:
    times = iter([0.0, 0.0, 2.0])
    monkeypatch.setattr(damage, "time", SimpleNamespace(monotonic=lambda: next(times)))  # others need the clock
    monkeypatch.setattr(damage, "_BLOCK", 10)
    found = find_damage(sound, budget_s=1.0)
    assert found.n_checked == 10
    assert "of 10 sections that were looked at" in found.sentence


def test_it_reports_and_can_be_ended(sound: Volume) -> None:
    fractions: list[float] = []
    find_damage(sound, report=fractions.append)
    assert fractions[-1] == 1.0

    def end(fraction: float) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        find_damage(sound, report=end)


@pytest.mark.parametrize(("sections", "text"), [((), ""), ((3,), "3"), ((9, 3, 8, 7), "3, 7-9"), ((0, 1, 5), "0-1, 5")])
def test_sections_are_written_and_read_alike(sections: tuple[int, ...], text: str) -> None:
    assert sections_text(sections) == text
    assert sections_from(text, 10) == tuple(sorted(sections))
    assert runs_of(sections) == [(int(p.split("-")[0]), int(p.split("-")[-1])) for p in text.split(", ") if p]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a", "not section numbers"),
        ("5-3", "not section"),
        ("1-2-3", "not"),
        ("10", "0 to 9"),
        ("8-12", "no section 12"),
    ],
)
def test_other_texts_are_refused(text: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        sections_from(text, 10)


def test_a_chunk_is_read_once_for_all_its_sections() -> None:
    stack = CountingStack((150, 600, 600), (64, 128, 128))
    find_damage(Volume(stack, (8.0, 8.0, 8.0)))
    assert {stack.times_read[(z, 0, 0)] for z in range(3)} == {1}
    assert {at[0] for at in stack.times_read} == {0, 1, 2}
