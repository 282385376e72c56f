"""A training step beside the bare networks, prediction beside bare `model(x)`, and both beside a large convolution."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from _speed_pairs import Promise, Row, in_turn, ratio_row, value_row
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from napari_em_autoclass.core.device import Device
from napari_em_autoclass.core.learner import Learner
from napari_em_autoclass.core.losses import StepBatch, TrainState, objective
from napari_em_autoclass.core.model import Model, working_volume
from napari_em_autoclass.core.phantom import make_phantom
from napari_em_autoclass.core.predict import Predictor
from napari_em_autoclass.core.run_settings import RunSettings, load_recipe
from napari_em_autoclass.core.volume import Box, Volume, fingerprint

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["arithmetic_rows", "model_of", "prediction_rows", "small_volume", "step_rows"]

STEP = Promise("step", "training step / networks forward and backward on ready tensors", 1.10)
STEP_LOSS = Promise("step_loss", "training step / the same with the recipe's losses", 1.10)
PREDICT = Promise("predict", "speed of blockwise prediction / of bare model(x)", 0.90, at_least=True)
PREDICT_INSIDE = Promise(
    "predict_inside", "the same / of bare model(x), margin left out as prediction does", 0.90, at_least=True
)
ARITHMETIC = Promise("arithmetic", "arithmetic of model(x) / of a large 3 x 3 convolution", 0.60, at_least=True)
ARITHMETIC_TRAIN = Promise(
    "arithmetic_train", "arithmetic of forward and backward / of a large convolution's", 0.60, at_least=True
)

_EARLY, _LATE = 0.1, 0.9


def small_volume(shape: tuple[int, int, int] = (14, 256, 256), pixel_nm: float = 8.0) -> Volume:
    """Return a phantom, mirrored to `shape`; voxels of 8 nm are working pixels, so that nothing is binned."""
    pattern = make_phantom((4, 128, 128), "sstem", 0).raw
    pads = [(0, max(0, n - m)) for n, m in zip(shape, pattern.shape, strict=True)]
    raw = np.pad(pattern, pads, mode="symmetric")[tuple(slice(n) for n in shape)]
    return Volume(raw, (50.0, pixel_nm, pixel_nm), "phantom")


@dataclass
class _ReadyTeacher:
    """Class maps that lie ready: the frozen teacher makes them once, in the first steps of the refinement."""

    network: nn.Module
    maps: list[Tensor]
    since: int = 0

    def class_maps(self, _regions: object, _step: int) -> list[Tensor]:
        return self.maps


def step_rows(rounds: int) -> list[Row]:
    """Return a step beside the bare networks, early and late in a training, and weighted as a training is."""
    settings = load_recipe("neighbour-forecast")
    learner = _with_classes(small_volume(), settings)
    early, late = _timed(learner, settings, _EARLY, rounds), _timed(learner, settings, _LATE, rounds)
    share = settings.training.refine_from
    rows = []
    for promise, below in ((STEP, "networks"), (STEP_LOSS, "networks and losses")):
        for name, part in (("early", early), ("late", late)):
            named = replace(promise, name=f"{promise.name}_{name}", question=f"{promise.question}, {name}")
            rows.append(ratio_row(named, part["step"], part[below]))
        whole = {
            way: [share * a + (1 - share) * b for a, b in zip(early[way], late[way], strict=True)]
            for way in ("step", below)
        }
        rows.append(ratio_row(promise, whole["step"], whole[below]))
    return rows


def _with_classes(volume: Volume, settings: RunSettings) -> Learner:
    """Return a learner with classes, random but as many as there would be, and a teacher whose maps lie ready."""
    learner = Learner(working_volume(volume, settings), settings, Device("cpu", ""))
    learner.begin(settings)
    generator = torch.Generator().manual_seed(0)
    size = learner.student.mean.numel()
    learner.student.set_centres(torch.randn(settings.n_classes, size, generator=generator) / 10, 0.1)
    learner.has_classes = True
    learner.start_refining(0)
    maps = [
        torch.randint(settings.n_classes, region.image.shape, dtype=torch.uint8, generator=generator)
        for region in learner.tiles.regions(0)
    ]
    learner.teacher = _ReadyTeacher(learner.student, maps)  # type: ignore[assignment]
    return learner


def _timed(learner: Learner, settings: RunSettings, fraction: float, rounds: int) -> dict[str, list[float]]:
    bare, with_losses = _bare(learner, settings, fraction)
    steps = iter(range(100, 10_000))
    ways: dict[str, Callable[[], object]] = {
        "step": lambda: learner.step(settings, next(steps), fraction),
        "networks": bare,
        "networks and losses": with_losses,
    }
    return in_turn(ways, rounds)


def _bare(learner: Learner, settings: RunSettings, fraction: float) -> tuple[Callable[[], None], Callable[[], None]]:
    """Return the passes of a step on tensors that lie ready: with ready gradients at their ends, and with the losses.

    The passes are those of the step: tiles as many and as large, each network as often.  Not in it: drawing and turning
    tiles, contrast, spreading class maps, usage, skill, the optimiser.
    """
    terms = tuple(term for term in settings.terms if term.is_active(fraction))
    student, predictor = learner.student.train(), learner.predictor.train()
    late, size, n_pixels = (
        fraction >= settings.training.refine_from,
        settings.tiles.size_px,
        settings.training.pixels_per_tile,
    )
    n_tiles = settings.training.tiles_per_step // (2 if late else 1)
    generator = torch.Generator().manual_seed(1)
    images = [torch.randn((n_tiles, 1, size, size), generator=generator) for _ in range(2 if late else 1)]
    n_classes, n_neighbours = settings.n_classes, len(learner.tiles.neighbours)
    beside = torch.rand((n_tiles, n_neighbours, n_classes, size, size), generator=generator).softmax(dim=2)
    rows = torch.randint(n_tiles * size * size, (n_tiles * n_pixels,), generator=generator)
    textons = torch.randint(settings.classifier.n_textons, (2, len(rows)), generator=generator)
    anchor = torch.randint(n_classes, (n_tiles, size, size), generator=generator)
    mask = torch.zeros((n_tiles, size, size), dtype=torch.bool)
    mask[:, 8:-8, 8:-8] = True

    def outputs() -> dict[str, Any]:
        features = student.features(images[0])
        own, *foretold = student.textures(features.movedim(1, -1).flatten(0, 2).index_select(0, rows))
        made: dict[str, Any] = {"features": features, "own": own, "foretold": foretold}
        if late:
            made["logits"], seen = student.classify(features), student.features(images[1])
            made |= {"seen": seen, "view": student.classify(seen), "predicted": predictor(beside)}
        return made

    def ends(made: dict[str, Any]) -> list[Tensor]:
        return [
            made["own"],
            *made["foretold"],
            *(made[name] for name in ("logits", "view", "predicted") if name in made),
        ]

    gradients = [torch.randn(end.shape, generator=generator) / end.numel() for end in ends(outputs())]
    gradients = [g.contiguous(memory_format=torch.channels_last) if g.ndim == 4 else g for g in gradients]

    def bare() -> None:
        _forget(learner)
        torch.autograd.backward(ends(outputs()), gradients)

    def with_losses() -> None:
        _forget(learner)
        made = outputs()
        forecasts = {f"z{i}": (logits, textons) for i, logits in enumerate(made["foretold"])}
        seen = {"view": (made["seen"], made["view"])} if late else {}
        batch = StepBatch(
            made.get("logits", made["features"]),
            mask,
            seen={name: _seen(*both) for name, both in seen.items()},
            predicted_logits=made.get("predicted"),
            anchor=anchor,
            forecasts={"own": (made["own"], textons[0]), **forecasts},
        )
        objective(terms, batch, TrainState(0, fraction, learner.usage, 0)).total.backward()  # type: ignore[no-untyped-call]

    return bare, with_losses


def _seen(features: Tensor, logits: Tensor) -> Any:
    from napari_em_autoclass.core.losses import Seen

    return Seen(features, logits)


def _forget(learner: Learner) -> None:
    learner.optimiser.zero_grad(set_to_none=True)


def model_of(volume: Volume, n_classes: int = 20) -> Model:
    """Return an untrained model of default size for `volume`: its speed is that of a trained one."""
    settings = load_recipe("neighbour-forecast").replace(n_classes=n_classes)
    working = working_volume(volume, settings)
    learner = Learner(working, settings, Device("cpu", ""))
    return Model(settings, learner.student.eval(), "learning", working.normalisation, fingerprint(volume))


def prediction_rows(rounds: int) -> list[Row]:
    """Return blockwise prediction beside bare `model(x)`, on voxels of half a working pixel, as sections of 4 nm have.

    In it: read, normalise, mirror, bin, classify, enlarge to voxels, compare the classes, write into the block.  Blocks
    leave out what only the surroundings of a tile would need; a second row has a bare network that leaves it out too.
    """
    volume = small_volume((3, 1024, 512), pixel_nm=4.0)
    predictor = Predictor.of(model_of(volume), volume)
    tiles = _tiles(predictor)
    margin = predictor.grid.halo - 1  # as `classify_tile` has it where it enlarges to voxels
    with torch.no_grad():
        ways = {
            "bare": lambda: [predictor.classifier(tile) for tile in tiles],
            "inside": lambda: [predictor.classifier(tile, margin) for tile in tiles],
            "blocks": lambda: [predictor.block(index) for index in range(len(predictor.plan))],
        }
        seconds = in_turn(ways, rounds)
    return [
        ratio_row(PREDICT, seconds["bare"], seconds["blocks"]),
        ratio_row(PREDICT_INSIDE, seconds["inside"], seconds["blocks"]),
    ]


def _tiles(predictor: Predictor) -> list[Tensor]:
    """Return all tiles of the volume as the network sees them."""
    grid, working, halo = predictor.grid, predictor.working, predictor.grid.halo
    found = []
    for z in range(working.shape_zyx[0]):
        for y, x in grid.corners():
            height, width = grid.size_at(y, x)
            box = Box(z, z + 1, y - halo, y + height + halo, x - halo, x + width + halo)
            found.append(torch.from_numpy(working.read_with_context(box, predictor.classifier.context))[None])
    return found


def arithmetic_rows(rounds: int) -> list[Row]:
    """Return floating-point operations a second of the network beside those of a large convolution of its kind."""
    volume = small_volume((4, 128, 128))
    network = model_of(volume).classifier
    large = nn.Conv2d(128, 128, 3, padding=1, bias=False).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    maps = torch.randn(4, 128, 96, 96).contiguous(memory_format=torch.channels_last)
    section, tiles = torch.randn(1, 1, 368, 368), torch.randn(6, 1, 128, 128)

    def forward(net: nn.Module, x: Tensor) -> None:
        with torch.no_grad():
            net(x)

    def both(net: nn.Module, x: Tensor) -> None:
        torch.autograd.backward(net(x).sum())

    rows = []
    for promise, way, x in ((ARITHMETIC, forward, section), (ARITHMETIC_TRAIN, both, tiles)):
        network.train(way is both)
        maps.requires_grad_(way is both)
        ways = {"network": partial(way, network, x), "convolution": partial(way, large, maps)}
        work = {name: _flop(call) for name, call in ways.items()}
        seconds = in_turn(ways, rounds)
        speed = {name: [work[name] / s / 1e9 for s in taken] for name, taken in seconds.items()}
        shares = [a / b for a, b in zip(speed["network"], speed["convolution"], strict=True)]
        found = {f"{name}_gflop_s": round(float(np.median(values)), 1) for name, values in speed.items()}
        rows.append(value_row(promise, shares, **found))
    return rows


def _flop(call: Callable[[], None]) -> int:
    """Return the floating-point operations of a call, as torch counts them: of convolutions and matrix products."""
    with FlopCounterMode(display=False) as counter:
        call()
    return int(counter.get_total_flops())
