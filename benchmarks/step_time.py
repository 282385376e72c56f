"""How long a training step of each recipe takes, as a multiple of the default recipe's, measured in one run.

    python benchmarks/step_time.py [--recipes all|NAME ...] [--rounds 6] [--threads N] [--out step_time.json]

Default settings on a phantom of 12 x 1024 x 1024 voxels (512 x 512 working pixels). Steps of all recipes are taken in
turn, one each a round, so that whatever else the machine does falls on all of them alike; the median over rounds
counts. A recipe is timed where its terms are active: at 0.1 and at 0.9 of its training, the slower of the two, and the
default recipe at the same two. The time of a step is from tiles to updated weights; making classes anew is not in it.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path
from statistics import median

import torch

from napari_em_autoclass.core.device import Device
from napari_em_autoclass.core.learner import Learner
from napari_em_autoclass.core.model import working_volume
from napari_em_autoclass.core.phantom import make_phantom
from napari_em_autoclass.core.recipe import DEFAULT_RECIPE, recipe_card, recipe_names
from napari_em_autoclass.core.run_settings import RunSettings, load_recipe
from napari_em_autoclass.core.volume import Volume

_FRACTIONS = (0.1, 0.9)
# The teacher classifies its first region in the first steps of the refinement; after that a step is a step.
_TEACHER_STEPS = 12


def main() -> None:
    """Measure, print a table and write the figures."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--recipes", nargs="+", default=["all"])
    parser.add_argument("--rounds", type=int, default=6)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--out", type=Path)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    known = [name for name in recipe_names() if recipe_card(name).group != "weights" and load_recipe(name).terms]
    names = known if args.recipes == ["all"] else list(dict.fromkeys([DEFAULT_RECIPE, *args.recipes]))
    phantom = make_phantom((12, 1024, 1024), "sstem", 0)
    volume = Volume(phantom.raw, phantom.voxel_size_nm, "phantom")
    prepared = {(name, fraction): _prepared(volume, load_recipe(name), fraction) for name, fraction in _points(names)}
    seconds: dict[tuple[str, float], list[float]] = {key: [] for key in prepared}
    for turn in range(args.rounds + 1):
        for key, (learner, settings) in prepared.items():
            since = time.perf_counter()
            learner.step(settings, 1000 + turn, key[1])
            if turn:  # the first makes networks and buffers
                seconds[key].append(time.perf_counter() - since)
    step_s = {key: median(values) for key, values in seconds.items()}
    slowest = {name: max(taken for (whose, _), taken in step_s.items() if whose == name) for name in names}
    default_s = slowest[DEFAULT_RECIPE]
    rows = [
        {"recipe": name, "step_s": round(slowest[name], 3), "times_default": round(slowest[name] / default_s, 2)}
        for name in sorted(names, key=lambda name: -slowest[name])
    ]
    print(f"| recipe | step, s ({args.threads} thread) | times the default's |\n|---|---|---|")
    for row in rows:
        print(f"| {row['recipe']} | {row['step_s']:.3f} | {row['times_default']:.2f} |")
    if args.out:
        args.out.write_text(json.dumps(rows, indent=1) + "\n")


def _points(names: list[str]) -> list[tuple[str, float]]:
    """Return where each recipe is timed: once, if its steps are the same early and late."""
    found = []
    for name in names:
        settings = load_recipe(name)
        active = {
            fraction: (
                fraction >= settings.training.refine_from,
                *(term.kind for term in settings.terms if term.is_active(fraction)),
            )
            for fraction in _FRACTIONS
        }
        found += [(name, fraction) for fraction in dict(zip(active.values(), active, strict=True)).values()]
    return found


def _prepared(volume: Volume, settings: RunSettings, fraction: float) -> tuple[Learner, RunSettings]:
    """Return a learner at a point of its training, with classes and teacher as the trainer would have made them."""
    learner = Learner(working_volume(volume, settings), settings, Device("cpu", ""))
    learner.begin(settings)
    refines = fraction >= settings.training.refine_from
    learner.recluster(settings, 0, afresh=False)
    if refines:
        learner.start_refining(0)
        for step in range(_TEACHER_STEPS):
            learner.step(settings, step, fraction)
    return learner, settings


if __name__ == "__main__":
    main()
