"""What a run learned as one network that stands alone: grey values of a section in, probabilities out.

Normalisation, binning to working pixels, filters, network, head, and the way back to voxels are all inside, so that
whoever uses it needs to know nothing of a run.  What can't be inside is what is measured on a whole stack: our own
program brings each section to the volume's centre and spread first, and fits them anew on another stack.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from torch.nn.functional import avg_pool2d, conv2d, interpolate

from napari_em_autoclass.core.classifier.split_classifier import SplitClassifier
from napari_em_autoclass.core.errors import InputError
from napari_em_autoclass.core.normalise import GRID, LIMIT
from napari_em_autoclass.core.working import bin_factors

if TYPE_CHECKING:
    from napari_em_autoclass.core.class_map import ClassMap
    from napari_em_autoclass.core.model import Model
    from napari_em_autoclass.core.run_settings import RunSettings

__all__ = ["Channel", "ExportedModel", "channels_of", "check_can_leave"]

_GIVEN = ("frozen_vit", "sam")


@dataclass(frozen=True, slots=True)
class Channel:
    """What a channel of the output is: ids of the classes it is the sum of, ascending, name and colour '#rrggbb'."""

    ids: tuple[int, ...]
    name: str
    color: str


def check_can_leave(settings: RunSettings) -> None:
    """Refuse a run whose network is not its own to give away.

    Raises
    ------
    InputError
        If it stands on a transformer that somebody else trained.
    """
    backbone = settings.classifier.backbone
    if backbone in _GIVEN:
        raise InputError(
            f"a run with the backbone {backbone} can't be exported: the transformer's weights are not part of the run "
            "and have a licence of their own; train with unet2d, unet25d, vit or filters"
        )


def channels_of(model: Model, class_map: ClassMap, merged: bool) -> tuple[Channel, ...]:
    """Return the channels of the output: the K classes as learned, or merged and split as the class map shows them.

    Raises
    ------
    InputError
        If a class was split with other weights than those of now.
    """
    if not merged:
        return tuple(Channel((k,), *class_map.own(k)) for k in range(1, class_map.n_classes + 1))
    for split in class_map.splits:
        if split.made_with != model.weights:
            name = class_map.name_of(split.class_id)
            raise InputError(f"{name} was split before the run was trained on; split it again, or take the split back")
    rows = class_map.rows()
    return tuple(Channel(class_map.members(i), class_map.name_of(i), class_map.color_of(i)) for i in rows)


class ExportedModel(nn.Module):
    """Map grey values (1, C, H, W) to probabilities (1, K, H, W), float32, both on the stack's own voxels.

    C is the section, between those around it if the network sees any.  H and W must be multiples of `step_px`, at least
    `least_px`; what lies nearer to an end than `halo_px` is not what it would be inside a larger image.

    Parameters
    ----------
    model : what a run learned, on the CPU
    voxel_size_nm : of the stacks it is for, (z, y, x)
    class_map : which classes show as which
    merged : whether classes are merged and split as the class map shows them; otherwise they are as learned

    Raises
    ------
    InputError
        If the network is not the run's own, or a split doesn't fit it.
    """

    def __init__(
        self, model: Model, voxel_size_nm: tuple[float, float, float], class_map: ClassMap, merged: bool = False
    ) -> None:
        super().__init__()
        check_can_leave(model.settings)
        self.channels = channels_of(model, class_map, merged)
        self.settings, self.normalisation = model.settings, model.normalisation
        self.voxel_size_nm = voxel_size_nm
        self.factors_yx = bin_factors(voxel_size_nm, model.settings.working_pixel_nm)
        self.classifier = copy.deepcopy(model.split(class_map.splits if merged else ())).eval().requires_grad_(False)
        _name_all_weights(self.classifier)
        self.n_classes = class_map.n_classes
        leaves = list(range(1, self.n_classes + 1))
        if isinstance(self.classifier, SplitClassifier):
            leaves += [i for split in self.classifier.splits for i in split.ids]
        self.sums: Tensor
        sums = [[float(leaf in channel.ids) for leaf in leaves] for channel in self.channels]
        self.register_buffer("sums", torch.tensor(sums)[:, :, None, None])  # (channels, K + P, 1, 1)

    @property
    def n_sections(self) -> int:
        """C, how many sections go in; the one in the middle is classified."""
        return 2 * self.classifier.context + 1

    @property
    def step_px(self) -> tuple[int, int]:
        """Sides of the input must be multiples of this, voxels along y and x."""
        fy, fx = self.factors_yx
        return self.classifier.stride * fy, self.classifier.stride * fx

    @property
    def halo_px(self) -> tuple[int, int]:
        """How far from the ends of an image the answer depends on what is beyond them, voxels along y and x."""
        stride = self.classifier.stride
        halo = -(-(self.classifier.radius_px + 1) // stride) * stride  # as `TileGrid.fit` has it
        return halo * self.factors_yx[0], halo * self.factors_yx[1]

    @property
    def least_px(self) -> tuple[int, int]:
        """Least sides of an input, voxels along y and x: one step with its surroundings."""
        (height, width), (down, right) = self.step_px, self.halo_px
        return height + 2 * down, width + 2 * right

    def forward(self, raw: Tensor) -> Tensor:
        """Return probabilities (1, K, H, W) of grey values (1, C, H, W)."""
        grey = ((raw - self.normalisation.centre) / self.normalisation.spread).clamp(-LIMIT, LIMIT)
        image = torch.round(grey * GRID) / GRID
        is_binned = self.factors_yx != (1, 1)
        scores = self.classifier(avg_pool2d(image, self.factors_yx) if is_binned else image)
        if is_binned:
            fy, fx = self.factors_yx
            scores = interpolate(scores, scale_factor=(float(fy), float(fx)), mode="bilinear", align_corners=False)
        return conv2d(self._apart(scores), self.sums)

    def _apart(self, scores: Tensor) -> Tensor:
        """Return probabilities of the K classes, then of the parts of split ones, each as a share of its class."""
        probs = scores[:, : self.n_classes].softmax(dim=1)
        if not isinstance(self.classifier, SplitClassifier):
            return probs
        found, at = [probs], self.n_classes
        for split in self.classifier.splits:
            within = scores[:, at : at + len(split.parts)].softmax(dim=1)
            found.append(probs[:, split.class_id - 1 : split.class_id] * within)
            at += len(split.parts)
        return torch.cat(found, dim=1)

    def facts(self) -> dict[str, Any]:
        """Return what a user of the network must know, as plain values; sizes in voxels along y and x."""
        size_y, size_x = self.voxel_size_nm[1:]
        return {
            "schema_version": 1,
            "input": {
                "name": "raw",
                "axes": "bcyx",
                "sections": self.n_sections,
                "values": "grey values as stored, float32; centre and spread are subtracted and divided by inside",
                "centre": self.normalisation.centre,
                "spread": self.normalisation.spread,
                "clipped_at_spreads": LIMIT,
                "trained_on_sections_brought_to_centre_and_spread": self.normalisation.is_per_section,
            },
            "output": {"name": "probabilities", "axes": "bcyx", "classes": len(self.channels)},
            "voxel_size_nm": list(self.voxel_size_nm),
            "working_pixel_nm": [size_y * self.factors_yx[0], size_x * self.factors_yx[1]],
            "halo_px": list(self.halo_px),
            "step_px": list(self.step_px),
            "least_px": list(self.least_px),
            "classes": [
                {"channel": i, "ids": list(channel.ids), "name": channel.name, "color": channel.color}
                for i, channel in enumerate(self.channels)
            ],
        }


def _name_all_weights(module: nn.Module) -> None:
    """Give batch norms without weights the ones and zeros that mean the same: ONNX has no norm without."""
    for norm in module.modules():
        if isinstance(norm, nn.BatchNorm2d) and not norm.affine:
            norm.affine = True
            norm.weight = nn.Parameter(torch.ones(norm.num_features), requires_grad=False)
            norm.bias = nn.Parameter(torch.zeros(norm.num_features), requires_grad=False)
