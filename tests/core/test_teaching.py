from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch

from napari_em_autoclass.core.classifier import ClassifierSettings, ForecastClassifier
from napari_em_autoclass.core.device import Device
from napari_em_autoclass.core.reclustering import averaged
from napari_em_autoclass.core.regions import Region
from napari_em_autoclass.core.teaching import Teacher, region_classes
from napari_em_autoclass.core.volume import Box

CPU = Device("cpu", "")
K = 5


def trained(backbone: str = "unet2d") -> ForecastClassifier:
    torch.manual_seed(0)
    settings = ClassifierSettings.model_validate(
        {"backbone": backbone, "width": 4, "depth": 3, "n_features": 6, "n_textons": 8}
    )
    made = ForecastClassifier(settings, K, 1)
    channels = 2 * made.context + 1
    with torch.no_grad():
        for _ in range(20):
            made.train().features(torch.randn(4, channels, 32, 32))
        features = made.eval().features(torch.randn(4, channels, 32, 32))
        samples = [values.movedim(1, -1).flatten(0, -2) for values in (features, made.forecast(features))]
        made.standardise(samples[:1], samples[1:])
        made.set_centres(0.2 * torch.randn(K, made.head.in_channels), 0.01)
    return made


@pytest.fixture
def network() -> ForecastClassifier:
    return trained()


def region(seed: int = 0, drift: list[int] | None = None, side: int = 32) -> Region:
    image = torch.randn(4, side, side, generator=torch.Generator().manual_seed(seed))
    shifts = torch.tensor([[row, 0] for row in drift or [0, 0, 0, 0]])
    empty = torch.zeros(4, side, side, dtype=torch.uint8)
    return Region(Box(0, 4, 0, side, 0, side), image.half(), empty, shifts)


def test_a_section_is_classified_with_the_forecasts_of_its_neighbours(network: ForecastClassifier) -> None:
    made = region()
    maps = torch.stack(list(region_classes(network, made, 1, (), CPU)))
    assert maps.shape == (4, 32, 32)
    assert maps.dtype == torch.uint8
    with torch.no_grad():
        f = network.features(made.image[:, None].float())
        q = network.forecast(f)
        middle = network.head(network.embed(f[1:2], averaged(*q[:3])[None])).argmax(dim=1)[0]
        first = network.head(network.embed(f[:1], averaged(q[0], q[0], q[1])[None])).argmax(dim=1)[0]
    assert (maps[1] == middle).float().mean() > 0.99
    assert (maps[0] == first).float().mean() > 0.99
    assert len(maps.unique()) > 2


def test_neighbours_are_looked_up_where_they_lie(network: ForecastClassifier) -> None:
    shifted = region()
    # Section 2 holds what section 1 holds, five rows further down.
    shifted.image[2] = shifted.image[1].roll(5, 0)
    shifted.image[0] = shifted.image[1]
    aligned = Region(shifted.box, shifted.image, shifted.textons, torch.tensor([[0, 0], [0, 0], [5, 0], [5, 0]]))
    alone = network(shifted.image[1:2, None].float()).argmax(dim=1)[0]
    maps = [list(region_classes(network, each, 1, (), CPU))[1] for each in (aligned, shifted)]
    agreement = [float((found == alone)[8:-8].float().mean()) for found in maps]
    assert agreement[0] > 0.9  # not all: the network sees the edge of the region elsewhere
    assert agreement[1] < agreement[0] - 0.03


def test_any_size_can_be_classified_and_smoothing_makes_it_calmer(network: ForecastClassifier) -> None:
    made = region(side=30)
    rough, calm = (torch.stack(list(region_classes(network, made, 1, steps, CPU))) for steps in ((), (1, 2)))
    assert rough.shape == calm.shape == (4, 30, 30)
    edges = [float((maps[:, 1:] != maps[:, :-1]).float().mean()) for maps in (rough, calm)]
    assert edges[1] < edges[0]


def test_maps_come_section_by_section_and_are_made_once(
    network: ForecastClassifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[tuple[int, int]] = []

    def count(_net: object, of: Region, *_rest: object) -> Iterator[torch.Tensor]:
        for z in range(len(of.image)):
            made.append((of.box.z0, z))
            yield torch.tensor([of.box.z0, z])

    monkeypatch.setattr("napari_em_autoclass.core.teaching.region_classes", count)
    empty = torch.zeros(1, 2)
    regions = [Region(Box(i, i + 1, 0, 1, 0, 1), torch.zeros(4, 500, 500), empty, empty) for i in range(30)]
    teacher = Teacher(network, 100, 1, (), CPU)
    assert [len(teacher.class_maps(regions, step)) for step in (100, 101, 102, 103, 107)] == [0, 1, 1, 2, 4]
    assert made == [(region, z) for region in range(4) for z in range(4)]
    assert len(teacher.class_maps(regions, 100_000)) == 6  # six million pixels
    assert len(teacher.class_maps(regions, 101)) == 1
    assert len(made) == 24
    assert torch.equal(teacher.class_maps(regions, 103)[1], torch.tensor([[1, 0], [1, 1], [1, 2], [1, 3]]))


def test_a_teacher_that_begins_late_catches_up(network: ForecastClassifier) -> None:
    regions = [region(seed) for seed in range(2)]
    walked, jumped = (Teacher(network, 10, 1, (), CPU) for _ in range(2))
    for step in range(10, 14):
        maps = walked.class_maps(regions, step)
    assert all(torch.equal(a, b) for a, b in zip(maps, jumped.class_maps(regions, 13), strict=True))
    assert len(maps) == 2


def test_a_teacher_that_sees_three_sections_is_shown_them() -> None:
    teacher = trained("unet25d")
    maps = torch.stack(list(region_classes(teacher, region(), 1, (), CPU)))
    assert maps.shape == (4, 32, 32)
    changed = region()
    changed.image[3] = 0
    others = torch.stack(list(region_classes(teacher, changed, 1, (), CPU)))
    assert torch.equal(maps[0], others[0])
    assert not torch.equal(maps[2], others[2])
