from __future__ import annotations

import copy
import pickle
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from napari_em_autoclass.core.classifier import ClassifierSettings, ForecastClassifier
from napari_em_autoclass.core.classifier.frozen_vit import FrozenViT, weights_folder
from napari_em_autoclass.core.errors import InputError

TINY = "vit_tiny_patch4_dinov2"


@pytest.fixture
def net(timm_with_weights: Path) -> FrozenViT:
    torch.manual_seed(0)
    return FrozenViT(TINY, f"{TINY}.safetensors", 6).eval()


def test_the_frozen_part_is_neither_trained_nor_saved_nor_copied(net: FrozenViT) -> None:
    assert {name.split(".")[0] for name in net.state_dict()} == {"checksum", "reduce", "last"}
    assert copy.deepcopy(net)._shared is net._shared
    given = torch.randn(1, 1, 64, 64)
    net.train()(given).sum().backward()
    assert all(weight.grad is None for weight in net._shared.net.parameters())


def test_it_moves_and_changes_precision_as_a_whole(net: FrozenViT) -> None:
    net.double()
    assert net._shared.net.mix.weight.dtype == torch.float64
    assert net(torch.zeros(1, 1, 64, 64, dtype=torch.float64)).dtype == torch.float64


def test_tokens_lie_where_their_pixels_do(net: FrozenViT) -> None:
    image = torch.zeros(1, 1, 128, 128)
    image[..., 96:104, 16:24] = 5
    tokens = net._tokens(image[..., 64:128, 0:64])  # 8 x 8 tokens; the whole image's is left out
    assert tokens.shape == (1, 12, 8, 8)
    found = (tokens - tokens.flatten(2).median(dim=2).values[..., None, None]).abs().sum(dim=1)[0]
    assert divmod(int(found.argmax()), 8) == (4, 2)


@pytest.mark.parametrize("side", [32, 48, 128])
def test_any_size_can_be_trained_on(net: FrozenViT, side: int) -> None:
    assert net(torch.zeros(2, 1, side, side)).shape == (2, 6, side, side)


def test_sam_gives_its_tokens_as_an_image(timm_with_weights: Path) -> None:
    made = FrozenViT("samvit_tiny_patch4", "samvit_tiny_patch4.safetensors", 6)
    assert made(torch.zeros(1, 1, 64, 128)).shape == (1, 6, 64, 128)


def test_without_timm_it_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "timm", None)
    with pytest.raises(InputError, match=r"pip install napari-em-autoclass\[vit\]"):
        FrozenViT(TINY, "x.safetensors", 6)


def test_a_missing_file_is_named_with_where_to_get_it(timm_with_weights: Path) -> None:
    with pytest.raises(InputError, match=r"absent\.safetensors: download .* timm model " + TINY) as caught:
        FrozenViT(TINY, "absent.safetensors", 6)
    assert "\n" not in str(caught.value)
    assert str(timm_with_weights) in str(caught.value)


def test_an_unknown_transformer_is_refused(timm_with_weights: Path) -> None:
    (timm_with_weights / "x.safetensors").write_bytes(b"")
    with pytest.raises(InputError, match="knows no vision transformer 'resnet_nonsense'"):
        FrozenViT("resnet_nonsense", "x.safetensors", 6)


class Harmful:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return exec, ("raise SystemExit('a pickle was run')",)


@pytest.mark.parametrize("content", [b"", b"nonsense" * 100, pickle.dumps(Harmful())])
def test_a_damaged_file_is_refused_and_a_pickle_never_run(timm_with_weights: Path, content: bytes) -> None:
    (timm_with_weights / "x.safetensors").write_bytes(content)
    with pytest.raises(InputError, match=r"x\.safetensors does not hold the weights of"):
        FrozenViT(TINY, "x.safetensors", 6)


def test_a_file_of_another_network_is_refused(timm_with_weights: Path) -> None:
    save_file({"mix.weight": torch.zeros(12, 12)}, timm_with_weights / "other.safetensors")
    save_file({"mix.weight": torch.zeros(3, 3)}, timm_with_weights / "smaller.safetensors")
    for name in ("other", "smaller"):
        with pytest.raises(InputError, match=rf"{name}\.safetensors does not hold the weights of"):
            FrozenViT(TINY, f"{name}.safetensors", 6)


def test_a_run_is_refused_when_its_weights_file_became_another(timm_with_weights: Path) -> None:
    settings = ClassifierSettings(backbone="frozen_vit", vit_name=TINY, n_features=4, n_textons=4)
    stored = ForecastClassifier(settings, 3, 1).state_dict()
    ForecastClassifier(settings, 3, 1).load_state_dict(stored)
    path = timm_with_weights / f"{TINY}.safetensors"
    other = timm_with_weights / "samvit_tiny_patch4.safetensors"
    path.write_bytes(other.read_bytes())
    with pytest.raises(InputError, match="is not the file that this run was trained with"):
        ForecastClassifier(settings, 3, 1).load_state_dict(stored)


def test_weights_are_looked_for_at_home_unless_another_folder_is_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("EM_AUTOCLASS_WEIGHTS", raising=False)
    assert weights_folder() == Path.home() / ".em-autoclass" / "weights"
    monkeypatch.setenv("EM_AUTOCLASS_WEIGHTS", str(tmp_path))
    assert weights_folder() == tmp_path


@pytest.mark.slow
@pytest.mark.parametrize("name", ["vit_tiny_patch16_224", "vit_small_patch14_dinov2", "vit_small_patch16_dinov3"])
def test_the_real_networks_of_timm_fit(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str) -> None:
    timm = pytest.importorskip("timm")
    monkeypatch.setenv("EM_AUTOCLASS_WEIGHTS", str(tmp_path))
    torch.manual_seed(0)
    drawn = timm.create_model(name, pretrained=False, num_classes=0)
    save_file(drawn.state_dict(), tmp_path / "x.safetensors")
    made = FrozenViT(name, "x.safetensors", 6).eval()
    whole = torch.randn(1, 1, 64, 448)
    with torch.no_grad():
        expected = made(whole)[..., 192:256]
        torch.testing.assert_close(made(whole[..., 64:384])[..., 128:192], expected, atol=1e-4, rtol=1e-3)
    assert float(expected.std()) > 1e-3
