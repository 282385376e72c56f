from __future__ import annotations

import pytest
import torch

from napari_em_autoclass.core.classifier import ClassifierSettings, FilterClassifier, ForecastClassifier
from napari_em_autoclass.core.classifier.filter_backbone import FilterBackbone
from napari_em_autoclass.core.classifier.inside import inside, with_surroundings
from napari_em_autoclass.core.classifier.probe_classifier import ProbeClassifier, n_numbers_of
from napari_em_autoclass.core.classifier.split_classifier import SplitClassifier
from napari_em_autoclass.core.classifier.unet2d import UNet2d
from napari_em_autoclass.core.classifier.vit import ViT
from napari_em_autoclass.core.split import Part, Split


def forecasts(depth: int = 3) -> ForecastClassifier:
    settings = ClassifierSettings(width=4, depth=depth, n_features=8, n_textons=8)
    return ForecastClassifier(settings, 5, 2, (1.0, 2.0))


def split() -> SplitClassifier:
    base = filters()
    n = len(base.mean)
    parts = tuple(Part(6 + i, "part", "#102030", tuple(torch.randn(n).tolist())) for i in range(2))
    return SplitClassifier(base, [Split(2, parts, 0.5, "")])


def probe() -> ProbeClassifier:
    base = forecasts().eval()
    return ProbeClassifier(base, torch.randn(3, n_numbers_of(base)), torch.randn(3))


def filters() -> FilterClassifier:
    made = FilterClassifier((1.0, 3.0), 5)
    made.centres.copy_(torch.randn_like(made.centres))
    return made


NETWORKS = {
    **{f"unet of depth {depth}": lambda depth=depth: UNet2d(4, depth, 6) for depth in (1, 2, 3, 4)},
    "filter backbone": lambda: FilterBackbone((1.0, 2.0), 6),
    "vit": lambda: ViT(16, 2, 6),
    "filters": filters,
    **{f"forecasts of depth {depth}": lambda depth=depth: forecasts(depth) for depth in (2, 4)},
    "split": split,
    "probe": probe,
}


def test_a_margin_is_taken_off_each_side() -> None:
    maps = torch.arange(2 * 5 * 7).reshape(2, 5, 7)
    assert inside(maps, 0) is maps
    assert torch.equal(inside(maps, 2), maps[:, 2:3, 2:5])


@pytest.mark.parametrize(("margin", "radius", "expected"), [(0, 4, 0), (3, 4, 0), (4, 4, 0), (9, 4, 5)])
def test_what_is_kept_around_is_what_a_value_depends_on(margin: int, radius: int, expected: int) -> None:
    image = torch.zeros(1, 1, 40, 50)
    seen, left = with_surroundings(image, margin, radius)
    assert seen.shape == (1, 1, 40 - 2 * expected, 50 - 2 * expected)
    assert left == margin - expected


@pytest.mark.parametrize("kind", NETWORKS)
@pytest.mark.parametrize("beyond", [0, 1, 3, 10])
def test_inside_the_margin_all_is_as_if_there_were_none(kind: str, beyond: int) -> None:
    torch.manual_seed(0)
    single = kind in ("split", "probe")  # which work in single precision, whatever they are given
    dtype, tolerance = (torch.float32, 1e-4) if single else (torch.float64, 1e-9)
    net = NETWORKS[kind]().to(dtype).eval()
    margin = net.radius_px + beyond
    height, width = (-(-(2 * margin + n) // net.stride) * net.stride for n in (9, 20))
    image = torch.randn(1, 1, height, width, dtype=dtype)
    with torch.no_grad():
        whole, part = net(image), net(image, margin)
    assert part.shape[2:] == (height - 2 * margin, width - 2 * margin)
    torch.testing.assert_close(part, inside(whole, margin), rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("margin", [1, 2, 3, 5, 8, 13])
def test_a_margin_smaller_than_the_radius_changes_nothing_either(margin: int) -> None:
    torch.manual_seed(0)
    net = UNet2d(4, 4, 6).double().eval()
    image = torch.randn(1, 1, 64, 48, dtype=torch.float64)
    with torch.no_grad():
        torch.testing.assert_close(net(image, margin), inside(net(image), margin), rtol=1e-9, atol=1e-9)


def test_the_margin_takes_less_work() -> None:
    net, seen = UNet2d(4, 3, 6).eval(), []
    for block in net.up:
        block.register_forward_hook(lambda _, given, made: seen.append(given[0].shape[2]))
    with torch.no_grad():
        net(torch.randn(1, 1, 96, 96))
        net(torch.randn(1, 1, 96, 96), 32)
    assert seen[:2] == [48, 96]
    assert seen[2] < 36
    assert seen[3] == 96 - 2 * (32 - 2)
