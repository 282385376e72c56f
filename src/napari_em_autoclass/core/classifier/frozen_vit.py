"""Features of a vision transformer that somebody else trained (DINO, DINOv2, DINOv3, SAM), read from a local file.

Nothing is ever downloaded, and nothing but safetensors is read: a weights file can't run programs.  A run stores the
file's *name* only, never a path, and looks for it in the user's own folder of weights; so its settings mean the same on
another machine, and somebody else's run folder can't make this program read files of its choosing.  The transformer's
weights are not stored with the run either; their checksum is, and another file is refused.

A transformer sees all of its input at once.  So that a section may be classified tile by tile all the same, the image
is cut on a fixed grid into cells of 64 pixels, each shown with 16 pixels around it, whatever the tile.
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate, pad

from napari_em_autoclass.core.classifier.inside import inside
from napari_em_autoclass.core.errors import InputError

__all__ = ["FrozenViT", "weights_folder"]

_CELL_PX = 64
_AROUND_PX = 16
# A token describes a square of so many working pixels; the window is enlarged until its patches are of that size.
_TOKEN_PX = 8
_WINDOWS_AT_ONCE = 16


def weights_folder() -> Path:
    """Return where weights files are looked for: $EM_AUTOCLASS_WEIGHTS, or .em-autoclass/weights in the home folder."""
    given = os.environ.get("EM_AUTOCLASS_WEIGHTS")
    return Path(given) if given else Path.home() / ".em-autoclass" / "weights"


class FrozenViT(nn.Module):
    """Map sections (N, 1, H, W) to features (N, D, H, W): tokens of a frozen transformer, brought back to pixels.

    Trained are only a linear map of the tokens and one convolution that sees the image beside them.

    Parameters
    ----------
    name : of the transformer, as timm knows it
    weights_file : name of its file in `weights_folder`
    n_features : D

    Raises
    ------
    InputError
        If timm is not installed, it knows no such transformer, or the file is missing or of another one.

    Notes
    -----
    Source: Caron et al. 2021 (DINO); Oquab et al. 2023 (DINOv2); Siméoni et al. 2025 (DINOv3); Kirillov et al. 2023
    (SAM).  Code and weights have licences of their own.
    """

    stride = _CELL_PX
    context = 0

    def __init__(self, name: str, weights_file: str, n_features: int) -> None:
        super().__init__()
        net, checksum = _read(name, weights_folder() / weights_file)
        self._shared = _Shared(net)
        self._weights_file = weights_file
        self.checksum: Tensor
        self.register_buffer("checksum", torch.tensor(checksum))
        self.reduce = nn.Conv2d(int(net.num_features), n_features, 1)
        self.last = nn.Sequential(
            nn.Conv2d(n_features + 1, n_features, 3, padding=1, bias=False),
            nn.BatchNorm2d(n_features, momentum=0.2),
            nn.ReLU(inplace=True),
            nn.Conv2d(n_features, n_features, 1),
        )

    @property
    def radius_px(self) -> int:
        """How far from a pixel its features look, in pixels."""
        return _CELL_PX + _AROUND_PX  # from one end of a cell past the other, and one pixel by the convolution

    def forward(self, image: Tensor, margin: int = 0) -> Tensor:
        """Return features (N, D, H - 2 margin, W - 2 margin) of what lies inside a margin of sections (N, 1, H, W)."""
        n, _, height, width = image.shape
        rows, columns = -(-height // _CELL_PX), -(-width // _CELL_PX)
        extra = (_AROUND_PX, columns * _CELL_PX - width + _AROUND_PX, _AROUND_PX, rows * _CELL_PX - height + _AROUND_PX)
        side = _CELL_PX + 2 * _AROUND_PX
        windows = pad(image, extra, mode="replicate").unfold(2, side, _CELL_PX).unfold(3, side, _CELL_PX)
        tokens = self._tokens(windows.reshape(-1, 1, side, side))  # (N * rows * columns, C, 12, 12)
        fine = interpolate(self.reduce(tokens), size=(side, side), mode="bilinear", align_corners=False)
        cells = fine[..., _AROUND_PX:-_AROUND_PX, _AROUND_PX:-_AROUND_PX].reshape(
            n, rows, columns, -1, _CELL_PX, _CELL_PX
        )
        whole = cells.permute(0, 3, 1, 4, 2, 5).reshape(n, -1, rows * _CELL_PX, columns * _CELL_PX)
        seen = torch.cat([whole[..., :height, :width], image.to(whole.dtype)], dim=1)
        return inside(torch.as_tensor(self.last(seen)), margin)

    @torch.no_grad()
    def _tokens(self, windows: Tensor) -> Tensor:
        """Return tokens (N, C, h, w) of windows (N, 1, H, W), a token for each square of 8 pixels."""
        net = self._shared.net
        patch = net.patch_embed.patch_size
        size = [side // _TOKEN_PX * (patch if isinstance(patch, int) else patch[0]) for side in windows.shape[2:]]
        grid = [side // _TOKEN_PX for side in windows.shape[2:]]
        parts = []
        for some in torch.split(windows, _WINDOWS_AT_ONCE):
            # Our grey values have mean 0 and spread 1, as what these networks were trained on.
            large = interpolate(some, size=size, mode="bilinear", align_corners=False).expand(-1, 3, -1, -1)
            found = net.forward_features(large)
            if found.ndim == 3:  # (N, tokens, C), those of the whole image (class, registers) first
                found = found[:, getattr(net, "num_prefix_tokens", 0) :].mT.reshape(len(some), -1, *grid)
            parts.append(found)
        return torch.cat(parts)

    # --- the frozen part is neither trained, nor copied, nor saved ----------------------------------------------------

    def _apply(self, fn: Any, recurse: bool = True) -> FrozenViT:
        self._shared.net._apply(fn)
        super()._apply(fn, recurse)  # type: ignore[no-untyped-call]
        return self

    def _load_from_state_dict(self, state_dict: Any, prefix: str, *rest: Any) -> None:
        stored = state_dict.get(f"{prefix}checksum")
        if stored is not None and int(stored) != int(self.checksum):
            raise InputError(
                f"{self._weights_file} is not the file that this run was trained with; put that one into "
                f"{weights_folder()}, or train again"
            )
        super()._load_from_state_dict(state_dict, prefix, *rest)


class _Shared:
    """Holds a network that belongs to nobody: copies of a module share it, and it is no part of their weights."""

    def __init__(self, net: Any) -> None:
        self.net = net

    def __deepcopy__(self, memo: Any) -> _Shared:
        return self


def _read(name: str, path: Path) -> tuple[Any, int]:
    """Return the transformer with the weights of the file, and the file's checksum."""
    try:
        import timm  # noqa: PLC0415
    except ImportError as error:
        raise InputError(
            "frozen_vit and sam need the package timm; install it: pip install napari-em-autoclass[vit]"
        ) from error
    if not path.is_file():
        raise InputError(
            f"no file {path}: download model.safetensors of the timm model {name} (its page on Hugging Face states "
            "the licence), and save it there under this name; EM_AUTOCLASS_WEIGHTS may name another folder"
        )
    # Any size of image; SAM's encoder takes any by itself.
    options = {} if name.startswith("samvit") else {"dynamic_img_size": True}
    try:
        net: Any = timm.create_model(name, pretrained=False, num_classes=0, **options)
    except Exception as error:  # timm's own, and whatever a network that is no such transformer says to the options
        raise InputError(f"timm knows no vision transformer {name!r} ({type(error).__name__})") from error
    return net.eval().requires_grad_(False), _fill(net, name, path)


def _fill(net: Any, name: str, path: Path) -> int:
    """Load the file into the transformer and return the file's checksum."""
    from safetensors.torch import load  # noqa: PLC0415

    content = path.read_bytes()
    try:
        missing = net.load_state_dict(load(content), strict=False).missing_keys
    except Exception as error:  # damaged in whatever way, or of other sizes
        raise InputError(f"{path} does not hold the weights of {name} ({type(error).__name__})") from error
    if missing:
        raise InputError(f"{path} does not hold the weights of {name}: no {missing[0]}; name its own file")
    return int.from_bytes(hashlib.sha256(content).digest()[:7])  # fits into 64 bits with a sign
