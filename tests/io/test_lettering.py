from __future__ import annotations

import pytest

from napari_em_autoclass.io.lettering import font_of, length_text, plain, round_length


@pytest.mark.parametrize(("nm", "rounded"), [(1.0, 1.0), (9.9, 5.0), (499.0, 200.0), (512.0, 500.0)])
def test_bars_have_round_lengths(nm: float, rounded: float) -> None:
    assert round_length(nm) == pytest.approx(rounded)


def test_lengths_are_told_in_nm_or_um() -> None:
    assert length_text(500) == "500 nm"
    assert length_text(2500) == "2.5 um"


def test_text_is_cut_and_written_in_letters_the_font_has() -> None:
    assert plain("naïve", 10) == "naive"
    assert plain("x" * 20, 10) == "xxxxxxx..."
    assert font_of(12).getlength("em") > 0
