from __future__ import annotations

from random_model import exported_of

from napari_em_autoclass.core.exported_model import Channel
from napari_em_autoclass.io.model_readme import distinct_names, readme_of, summary_of


def test_the_page_says_what_goes_in_and_what_comes_out() -> None:
    exported = exported_of("unet2d", "linear")
    page = readme_of(exported, "Neuropil")
    assert page.startswith("# Neuropil\n")
    assert f"centre {exported.normalisation.centre:g}, spread {exported.normalisation.spread:g}" in page
    assert "Voxels are 50 x 4 x 4 nm (z, y, x)" in page
    assert f"Crop {exported.halo_px[0]} x {exported.halo_px[1]} pixels" in page
    for i, channel in enumerate(exported.channels):
        assert f"| {i} | {channel.name} | {channel.color} | {channel.ids[0]} |" in page
    assert "# Validation" in page


def test_a_network_that_sees_three_sections_says_so() -> None:
    assert "3 sections, of which it classifies the one in the middle" in readme_of(exported_of("unet25d", "linear"))


def test_the_summary_is_one_sentence() -> None:
    summary = summary_of(exported_of("unet2d", "linear"))
    assert "4 x 4 nm the probabilities of 4 classes" in summary
    assert summary.count(".") == 1


def test_classes_of_one_name_are_told_apart_by_their_ids() -> None:
    channels = (Channel((1, 3), "er", "#111111"), Channel((2,), "er", "#222222"), Channel((4,), "rest", "#333333"))
    assert distinct_names(channels) == ["er (1)", "er (2)", "rest"]
