from __future__ import annotations

from pathlib import Path

import numpy as np

from napari_em_autoclass.cli.refining import Writing, drop_small
from napari_em_autoclass.core.volume import Volume
from napari_em_autoclass.io.class_map_file import ClassMapInfo, read_class_map
from napari_em_autoclass.io.derived_map import SourceMap


def test_a_step_reads_one_section_at_a_time(tmp_path: Path) -> None:
    classes = np.ones((4, 20, 20), np.uint8)
    classes[:, 3, 3] = 2
    read: list[tuple[int, int]] = []

    class Watched:
        shape, dtype = classes.shape, classes.dtype

        def __getitem__(self, key: tuple[slice, ...]) -> np.ndarray:
            read.append((key[0].start, key[0].stop))
            return classes[key]

    source = SourceMap("c", Volume(Watched(), (1.0, 1.0, 1.0), "c"), 2, (50.0, 4.0, 4.0), ClassMapInfo(), None)
    drop_small(source, 4, Writing(tmp_path / "o.ome.tif", as_json=True))
    assert read == [(0, 1), (1, 2), (2, 3), (3, 4)]
    assert (np.asarray(read_class_map(tmp_path / "o.ome.tif")[0][0:4]) == 1).all()
