"""The columns of the list: each has a title or a sign, and says what it is."""

from __future__ import annotations

from napari_em_autoclass.gui.class_columns import TITLES, Column


def test_every_column_says_what_it_is() -> None:
    assert set(TITLES) == set(Column)
    assert all(tooltip for _, tooltip in TITLES.values())
