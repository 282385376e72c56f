from __future__ import annotations

import pickle

from napari_em_autoclass.core.place import HERE, Place


def test_a_training_is_here_unless_another_place_is_named() -> None:
    assert Place() == HERE
    assert (HERE.kind, HERE.address, HERE.keeps_going, HERE.follows) == ("here", "", False, "")
    assert pickle.loads(pickle.dumps(Place("cluster", "tcp://box:8786", True))) != HERE
