from __future__ import annotations

import importlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch


def module(name: str) -> Any:
    return importlib.import_module(name)


def row(method: str, miou: float | None, **others: Any) -> dict[str, Any]:
    return {"stack": "a", "method": method, "classes": 20, "budget_s": 60.0, "merged_miou": miou, "note": "", **others}


def test_continuity_is_the_mean_difference_down_plus_that_to_the_right() -> None:
    responses = torch.tensor([[[[0.0, 2.0], [1.0, 5.0]]]])  # (1, 1, 2, 2)
    # down: |1 - 0|, |5 - 2|; right: |2 - 0|, |5 - 1|
    assert module("_peers_clustering").continuity_loss(responses).item() == pytest.approx(2 + 3)


def test_continuity_is_zero_where_all_pixels_respond_alike_whatever_the_response() -> None:
    responses = torch.arange(4.0)[None, :, None, None].expand(1, 4, 5, 6)
    assert module("_peers_clustering").continuity_loss(responses).item() == 0


def test_all_pixels_of_a_superpixel_take_its_most_frequent_cluster() -> None:
    clusters = torch.tensor([[2, 2, 0], [2, 1, 0], [1, 1, 0]])
    superpixels = torch.tensor([[0, 0, 1], [0, 0, 1], [2, 2, 1]])
    refined = module("_peers_clustering").refined(clusters, superpixels)
    assert refined.tolist() == [[2, 2, 0], [2, 2, 0], [1, 1, 0]]


def test_the_lower_cluster_wins_a_draw_in_a_superpixel() -> None:
    refined = module("_peers_clustering").refined(torch.tensor([[3, 1]]), torch.tensor([[0, 0]]))
    assert refined.tolist() == [[1, 1]]


def test_the_network_gives_each_pixel_one_response_a_cluster_with_mean_zero() -> None:
    network = module("_peers_clustering").ClusteringNetwork(7, width=4).train()
    responses = network(torch.rand(1, 1, 9, 8))
    assert responses.shape == (1, 7, 9, 8)
    # the paper's normalisation: no response is the largest everywhere
    assert torch.allclose(responses.mean(dim=(0, 2, 3)), torch.zeros(7), atol=1e-5)


@pytest.mark.parametrize("wishes", [{"continuity": 1.0}, {"superpixels": True}])
def test_clustering_tells_bright_halves_from_dark_ones(wishes: dict[str, Any]) -> None:
    clustering = module("_peers_clustering")
    stack = torch.zeros(2, 24, 24)
    stack[:, :, 12:] = 1.0
    stack += 0.05 * torch.rand(stack.shape, generator=torch.Generator().manual_seed(0))
    network, steps = clustering.trained(stack, clustering.Wishes(3, 1.0, **wishes))
    found = clustering.classified(network, stack)
    assert steps > 0
    assert found.dtype == np.uint8
    assert found.min() >= 1
    assert found.max() <= 3
    dark, bright = (np.bincount(half.ravel(), minlength=4).argmax() for half in (found[:, :, :10], found[:, :, 14:]))
    assert dark != bright


def test_classes_of_binned_pixels_fill_the_whole_grid() -> None:
    found = np.array([[[1, 2]]], dtype=np.uint8)
    wide = module("_peers_methods").expanded(found, (2, 2), (1, 3, 5))
    assert wide.tolist() == [[[1, 1, 2, 2, 2]] * 3]


def test_rows_with_figures_are_not_wanted_again_and_those_without_are() -> None:
    peers = module("peers")
    keys = [{"stack": "a", "method": name, "classes": 20, "budget_s": 60.0} for name in ("k-means", "wnet3d", "iic")]
    rows = [row("k-means", 0.4), row("wnet3d", None, note="could not be run here: no")]
    assert [key["method"] for key in peers.missing(rows, keys)] == ["wnet3d", "iic"]
    assert peers.missing(rows, [{**keys[0], "budget_s": 30.0}]) != []


def test_a_new_row_takes_the_place_of_the_one_that_could_not_be_run() -> None:
    rows = module("peers").with_row([row("wnet3d", None), row("k-means", 0.4)], row("wnet3d", 0.3))
    assert [(old["method"], old["merged_miou"]) for old in rows] == [("k-means", 0.4), ("wnet3d", 0.3)]


def test_rows_of_a_stack_stand_together_whenever_they_were_made() -> None:
    with_row = module("peers").with_row
    rows = [row("k-means", 0.4), {**row("k-means", 0.5), "stack": "b"}]
    rows = with_row(with_row(rows, row("iic", 0.3)), row("kim-2020", 0.2))
    assert [(old["stack"], old["method"]) for old in rows] == [
        ("a", "k-means"),
        ("a", "kim-2020"),
        ("a", "iic"),
        ("b", "k-means"),
    ]


def test_a_file_of_rows_names_machine_and_settings_and_reads_back(tmp_path: Path) -> None:
    peers, out, rows = module("peers"), tmp_path / "results" / "peers.json", [row("k-means", 0.4)]
    peers.write_rows(out, rows)
    content = json.loads(out.read_text("utf-8"))
    assert peers.read_rows(out) == rows == content["rows"]
    assert set(content["methods"]) == {"k-means"}
    assert content["methods"]["k-means"]["settings"]
    assert content["machine"]["cpus"] >= 1
    assert [path.name for path in out.parent.iterdir()] == ["peers.json"]


def test_the_table_puts_the_best_first_and_those_without_figures_last() -> None:
    rows = [row("wnet3d", None, note="could not be run here: no"), row("k-means", 0.4, seconds=9.0), row("iic", 0.5)]
    lines = module("_peers_words").as_table(rows)
    assert [line.split(" | ")[0] for line in lines[2:]] == [
        "| `iic`",
        "| k-means on filters",
        "| WNet3D (napari-cellseg3d)",
    ]
    assert "0.400" in lines[3]
    assert lines[4].endswith("| could not be run here: no |")
    assert len({line.count("|") for line in lines}) == 1


def test_words_say_where_a_peer_is_better_and_leave_ours_and_the_told_out() -> None:
    ours = row("neighbour-forecast", 0.5, v_measure=0.1, seconds=70.0, peak_mb=900)
    peer = row("k-means", 0.4, v_measure=0.2, seconds=9.0, peak_mb=1200)
    told = row("forest", 0.7, seconds=20.0, peak_mb=500)
    best, compared = module("_peers_words").in_words([ours, peer, told, row("iic", 0.6, seconds=70.0, peak_mb=1)])
    assert "merged mIoU of 0.500, above the best of the peers, k-means on filters, with 0.400" in best
    assert compared == ("On a k-means on filters is better in V-measure (0.200 against 0.100); seconds (9 against 70).")


def test_words_admit_a_peer_that_is_the_best() -> None:
    ours, peer = row("neighbour-forecast", 0.4), row("wnet3d", 0.5)
    best, compared = module("_peers_words").in_words([ours, peer])
    assert "not above the best of the peers, WNet3D (napari-cellseg3d), with 0.500" in best
    assert "merged mIoU (0.500 against 0.400)" in compared


def test_words_say_when_a_peer_had_no_time_to_learn() -> None:
    ours, few, enough = row("neighbour-forecast", 0.5), row("wnet3d", 0.2, steps=20), row("kim-2020", 0.3, steps=200)
    _, first, second = module("_peers_words").in_words([ours, few, enough])
    assert "better in nothing measured here. It made 20 updates" in first
    assert "updates" not in second


def test_settings_are_told_once_for_each_method_and_once_for_all_recipes() -> None:
    rows = [row(name, 0.5) for name in ("iic", "k-means", "neighbour-forecast", "k-means")]
    told = module("_peers_words").settings_in_words(rows)
    assert [line.split(":")[0] for line in told] == ["k-means on filters", "`neighbour-forecast`"]


def test_a_tool_without_an_environment_is_told_of_and_not_run(tmp_path: Path) -> None:
    methods = module("_peers_methods")
    job = methods.Job(tmp_path / "stack.tif", tmp_path / "labels.tif", 20, 60.0, None)
    with pytest.raises(module("_commands").JobFailed, match="--peer-env FOLDER"):
        methods.make_map("wnet3d", job, tmp_path)


def test_an_environment_that_is_complete_is_not_made_again(tmp_path: Path) -> None:
    environments = module("_peers_env")
    wanted = environments.ENVIRONMENTS["convpaint"]
    (tmp_path / "convpaint").mkdir()
    (tmp_path / "convpaint" / "installed.txt").write_text("\n".join([*wanted.requirements, wanted.tool]), "utf-8")
    assert environments.python_of("convpaint", tmp_path).parent.parent == tmp_path / "convpaint"


@pytest.mark.slow
def test_methods_are_measured_from_end_to_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from napari_em_autoclass.cli.phantom import write_phantom
    from napari_em_autoclass.core.phantom import make_phantom

    peers, stack, out = module("peers"), tmp_path / "p.ome.tif", tmp_path / "peers.json"
    write_phantom(make_phantom((6, 256, 256), "sstem", 0), stack, tmp_path / "p_labels.ome.tif")
    names = ["k-means", "kim-2020", "wnet3d", "filters", "forest"]
    words = ["--stacks", str(stack), "--seconds", "1", "--classes", "4", "--out", str(out), "--methods", *names]
    monkeypatch.setattr("sys.argv", ["peers.py", *words])
    assert peers.main() == 0
    rows = {found["method"]: found for found in peers.read_rows(out)}
    assert list(rows) == names
    assert rows["wnet3d"]["merged_miou"] is None  # no environment was given
    measured = [rows[name] for name in names if name != "wnet3d"]
    assert all(0 < found["merged_miou"] <= 1 and found["peak_mb"] > 0 and found["note"] == "" for found in measured)
    assert all(found["classes_used"] <= 4 for found in measured if found["method"] != "forest")
    assert rows["kim-2020"]["steps"] > 0
    before = out.read_text("utf-8")
    monkeypatch.setattr("sys.argv", ["peers.py", *words[:-1]])  # all but the forest
    assert peers.main() == 0
    # what has figures is not made again, and wnet3d has none now as before
    assert out.read_text("utf-8") == before
