"""Tell what a run can choose from at its end, and whether a score without labels finds the best of it.

    python benchmarks/choice.py [STACK ...] [--steps 30 120] [--seeds 0 1] [--own-median]

STACK is as for ``quality.py``.  Trains the default recipe on one thread, and prints of the network, of the network
before it was refined and of the sketch: cross-slice explained variance, which the choice goes by (``core/choice.py``),
share of information and merged mIoU, which labels tell, on at most some 32 sections.  ``--own-median`` brings each
section to its own median and spread, as all versions did until 28 November 2026; the table in
``docs/explanation/experiments.md`` is of such runs.
"""

from __future__ import annotations

import argparse
import tempfile
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from _commands import stack_and_labels

from napari_em_autoclass.core import normalise
from napari_em_autoclass.core.choice import Judge
from napari_em_autoclass.core.events import ViewRequest
from napari_em_autoclass.core.learner import Learner
from napari_em_autoclass.core.model import Model
from napari_em_autoclass.core.run_settings import apply_setting, load_recipe
from napari_em_autoclass.core.scores.labelled import score_with_labels
from napari_em_autoclass.core.trainer import Trainer
from napari_em_autoclass.core.volume import fingerprint
from napari_em_autoclass.io import open_volume

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_em_autoclass.core.run_settings import RunSettings
    from napari_em_autoclass.core.volume import Volume

_SECTIONS = 32


def main() -> None:
    """Print a line for each classifier of each run."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("stacks", nargs="*", default=["phantom-sstem", "phantom-fibsem"])
    parser.add_argument("--steps", type=int, nargs="+", default=[30, 120])
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1])
    parser.add_argument("--own-median", action="store_true", help="bring each section to its own median and spread")
    options = parser.parse_args()
    if options.own_median:
        normalise.of_microscope = lambda measured: measured
    print("| stack | steps | seed | classifier | CSEV | information | merged mIoU |\n|---|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        for name, steps, seed in product(options.stacks, options.steps, options.seeds):
            stack, labels = stack_and_labels(name, Path(folder))
            for told in _run(stack, labels, steps, seed):
                print(f"| {name} | {steps} | {seed} | {told} |", flush=True)


def _run(stack: Path, label_path: Path, steps: int, seed: int) -> list[str]:
    volume, labels = open_volume(str(stack)), np.asarray(open_volume(str(label_path)).data[:, :, :])
    settings = load_recipe("neighbour-forecast").replace(seed=seed)
    for wish in (f"training.steps={steps}", "training.threads=1"):
        settings = apply_setting(settings, wish)
    told = list[str]()

    def look(learner: Learner) -> str:
        """Stand in for the choice: tell of all that is there, and keep the network."""
        made: dict[str, Any] = {"network": learner.student.eval()}
        if learner.teacher is not None:
            made["network before refining"] = learner.teacher.network
        judge = Judge(learner.workings)
        for name, classifier in {**made, "filters": learner.sketch}.items():
            model = Model(settings, classifier, "learning", learner.workings[0].normalisation, fingerprint(volume))
            information, miou = _with_labels(model, volume, labels)
            told.append(f"{name} | {judge.score(classifier):.4f} | {information:.3f} | {miou:.3f}")
        return "network"

    chosen, Learner.choose = Learner.choose, look  # type: ignore[method-assign]
    try:
        _train(volume, settings)
    finally:
        Learner.choose = chosen  # type: ignore[method-assign]
    return told


def _train(volume: Volume, settings: RunSettings) -> None:
    for _ in Trainer(volume, settings).events():
        pass


def _with_labels(model: Model, volume: Volume, labels: NDArray[Any]) -> tuple[float, float]:
    depth, height, width = volume.shape_zyx
    sections, working = range(0, depth, max(1, depth // _SECTIONS)), model.working(volume)
    classes = [model.classify(working, ViewRequest(z, 0, height, 0, width)).classes for z in sections]
    found = score_with_labels(np.stack(classes), labels[list(sections)])
    return found["info_share"], found["merged_miou"]


if __name__ == "__main__":
    main()
