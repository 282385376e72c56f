from __future__ import annotations

from napari_em_autoclass.core.phantom import classes


def test_ids_run_from_one_and_leave_zero_for_nothing() -> None:
    assert list(classes.CLASS_NAMES) == list(range(1, len(classes.CLASS_NAMES) + 1))


def test_every_class_has_a_name_of_its_own_that_fits_its_id() -> None:
    assert len(set(classes.CLASS_NAMES.values())) == len(classes.CLASS_NAMES)
    assert classes.CLASS_NAMES[classes.MYELIN] == "myelin"
    assert classes.CLASS_NAMES[classes.EXTRACELLULAR] == "extracellular space"
