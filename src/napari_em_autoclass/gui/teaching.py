"""Learn from painted pixels, in another thread: a rule on top of the run, and the sections it maps first."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_em_autoclass.core.events import ViewRequest
from napari_em_autoclass.core.volume import Volume
from napari_em_autoclass.gui.worker import Report

__all__ = ["TaughtMap", "TeachOrder", "teach"]

_FIT_SHARE = 0.7  # of the progress; the rest is mapping


@dataclass(frozen=True)
class TeachOrder:
    """What to learn from, and which sections to map; nobody writes to `painted` (Z, Y, X) any more."""

    run_dir: Path
    volume: Volume
    painted: Any
    sections: tuple[int, ...]


@dataclass(frozen=True)
class TaughtMap:
    """What was painted, and where else it is: (section, (Y, X) uint8 of the painted ids)."""

    ids: tuple[int, ...]
    sections: tuple[tuple[int, NDArray[np.uint8]], ...]


def teach(order: TeachOrder, report: Report) -> TaughtMap:
    """Learn, keep what was learned beside the run, and map some sections; slow, for another thread.

    Raises
    ------
    InputError
        If the run or the stack can't be read, or too little is painted.
    """
    from napari_em_autoclass.core.checkpoint import RunFolder
    from napari_em_autoclass.core.probe import fit_probe
    from napari_em_autoclass.io.probe_file import probe_path, save_probe

    model = RunFolder.open(order.run_dir).model()
    probe = fit_probe(model, order.volume, order.painted, lambda done: report(_FIT_SHARE * done))
    save_probe(probe_path(order.run_dir), probe)
    taught, lookup = probe.model(model), probe.lookup()
    working = taught.working(order.volume)
    _, height, width = order.volume.shape_zyx
    mapped = []
    for number, z in enumerate(order.sections):
        report(_FIT_SHARE + (1 - _FIT_SHARE) * number / len(order.sections))
        view = taught.classify(working, ViewRequest(z, 0, height, 0, width))
        mapped.append((z, lookup[view.classes]))
    return TaughtMap(probe.ids, tuple(mapped))
