"""The look at a stack in the background."""

from __future__ import annotations

from typing import Any

import numpy as np

from napari_em_autoclass.core.volume import Volume
from napari_em_autoclass.gui.check_up import CheckUp


def test_damage_comes_first_and_then_the_alignment(qtbot: Any) -> None:
    data = np.random.default_rng(0).integers(0, 255, (6, 32, 32), dtype=np.uint8)
    data[2] = 0
    check_up = CheckUp()
    with qtbot.waitSignals([check_up.damage_found, check_up.alignment_found], order="strict", timeout=60_000) as caught:
        check_up.begin(Volume(data, (40.0, 8.0, 8.0)))
    assert caught.all_signals_and_args[0].args[0].sections == (2,)
    assert caught.all_signals_and_args[1].args[0].n_pairs == 3
    check_up.close()


def test_what_is_closed_says_nothing(qtbot: Any) -> None:
    check_up = CheckUp()
    check_up.begin(Volume(np.zeros((6, 32, 32), np.uint8), (40.0, 8.0, 8.0)))
    check_up.close()
    with qtbot.assertNotEmitted(check_up.damage_found, wait=1000):
        pass
