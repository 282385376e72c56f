"""A stand-in for timm: its real networks are large, and the package is an extra."""

from __future__ import annotations

import sys
import types
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

TINY = "vit_tiny_patch4_dinov2"
TINY_SAM = "samvit_tiny_patch4"


class _Embed(nn.Module):
    patch_size = (4, 4)

    def __init__(self) -> None:
        super().__init__()
        self.proj = nn.Conv2d(3, 12, 4, stride=4)


class TinyViT(nn.Module):
    """Every token sees the whole image; one token of the image stands first, or none and tokens lie as the image."""

    num_features = 12
    num_prefix_tokens = 1

    def __init__(self, as_image: bool) -> None:
        super().__init__()
        self.patch_embed = _Embed()
        self.mix = nn.Linear(12, 12)
        self.as_image = as_image

    def forward_features(self, image: Tensor) -> Tensor:
        maps = self.patch_embed.proj(image)
        tokens = maps.flatten(2).mT
        tokens = (tokens + self.mix(tokens.mean(dim=1, keepdim=True))).tanh()
        if self.as_image:
            return tokens.mT.reshape(maps.shape)
        return torch.cat([torch.full_like(tokens[:, :1], 1e6), tokens], dim=1)


def _create_model(name: str, pretrained: bool, num_classes: int, **options: Any) -> TinyViT:
    assert not pretrained
    assert num_classes == 0
    assert options == ({} if name.startswith("samvit") else {"dynamic_img_size": True})
    if name not in (TINY, TINY_SAM):
        raise RuntimeError(f"Unknown model ({name})")
    return TinyViT(as_image=name == TINY_SAM)


def put_in_place(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    """Put the stand-in in timm's place, and the weights of its two networks into `folder`, the folder of weights."""
    module = types.ModuleType("timm")
    module.create_model = _create_model  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "timm", module)
    monkeypatch.setenv("EM_AUTOCLASS_WEIGHTS", str(folder))
    torch.manual_seed(7)
    for name in (TINY, TINY_SAM):
        save_file(TinyViT(as_image=False).state_dict(), folder / f"{name}.safetensors")
