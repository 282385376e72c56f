"""A trained classifier with everything needed to use it: settings, normalisation, stage."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from napari_em_autoclass.core.classifier import FilterClassifier, ForecastClassifier
from napari_em_autoclass.core.classifier.split_classifier import SplitClassifier
from napari_em_autoclass.core.normalise import fit_normalisation
from napari_em_autoclass.core.snapshot import ViewMap, classify_view
from napari_em_autoclass.core.tiles import neighbour_offsets
from napari_em_autoclass.core.volume import fingerprint
from napari_em_autoclass.core.warm_start import filter_scales_px
from napari_em_autoclass.core.working import WorkingVolume, bin_factors

if TYPE_CHECKING:
    from collections.abc import Sequence

    import torch
    from torch import nn

    from napari_em_autoclass.core.events import Stage, ViewRequest
    from napari_em_autoclass.core.normalise import Normalisation
    from napari_em_autoclass.core.run_settings import RunSettings
    from napari_em_autoclass.core.split import Split
    from napari_em_autoclass.core.volume import Volume

__all__ = ["Model", "empty_classifiers", "fingerprint", "working_volume"]


@dataclass(frozen=True)
class Model:
    """What a run learned.

    Parameters
    ----------
    settings : of the run
    classifier : in evaluation mode; the filter classes until the network has classes of its own
    stage : which of the two it is, and whether the training ended
    normalisation : as fitted on the training volume
    volume_fingerprint : of the training volume, to tell it from others
    weights : names what was learned so far: splits found with other weights don't fit
    further : fingerprint and normalisation of each further training volume
    """

    settings: RunSettings
    classifier: FilterClassifier | ForecastClassifier
    stage: Stage
    normalisation: Normalisation
    volume_fingerprint: str
    weights: str = ""
    further: tuple[tuple[str, Normalisation], ...] = ()

    def working(self, volume: Volume) -> WorkingVolume:
        """Return `volume` as this model wants to see it.

        The stored normalisation is used for the volume it was fitted on; another volume gets its own, fitted the same
        way, since its grey values mean something else.
        """
        stored = {**dict(self.further), self.volume_fingerprint: self.normalisation}.get(fingerprint(volume))
        if stored is not None:
            return WorkingVolume(volume, stored, bin_factors(volume.voxel_size_nm, self.settings.working_pixel_nm))
        return working_volume(volume, self.settings)

    def classify(self, working: WorkingVolume, view: ViewRequest) -> ViewMap:
        """Return the class map of what is in view; `working` comes from `Model.working`, once per volume."""
        return classify_view(self.split(view.splits), working, self.settings.n_classes, view)

    def split(self, splits: Sequence[Split]) -> FilterClassifier | ForecastClassifier | SplitClassifier:
        """Return the classifier, showing classes in the parts of those `splits` that were found with its weights."""
        fitting = [split for split in splits if split.made_with == self.weights]
        return SplitClassifier(self.classifier, fitting) if fitting else self.classifier


def working_volume(volume: Volume, settings: RunSettings) -> WorkingVolume:
    """Return `volume` behind a normalisation fitted on it and binned to the working pixel size."""
    normalisation = fit_normalisation(volume, settings.normalisation)
    return WorkingVolume(volume, normalisation, bin_factors(volume.voxel_size_nm, settings.working_pixel_nm))


def empty_classifiers(
    settings: RunSettings, voxel_size_nm: tuple[float, float, float], n_sections: int
) -> dict[str, nn.Module]:
    """Return untrained modules of the sizes a run on such a volume has: "sketch", "textons" and "student"."""
    fy, fx = bin_factors(voxel_size_nm, settings.working_pixel_nm)
    pixel_nm = (voxel_size_nm[1] * fy, voxel_size_nm[2] * fx)
    scales = filter_scales_px(settings.classifier.filter_scales_nm, pixel_nm)
    offsets = neighbour_offsets(settings.tiles.neighbour_distances_nm, voxel_size_nm[0], n_sections)
    return {
        "sketch": FilterClassifier(scales, settings.n_classes),
        "textons": FilterClassifier(scales, settings.classifier.n_textons),
        "student": ForecastClassifier(settings.classifier, settings.n_classes, len(offsets), scales),
    }


def load_weights(module: nn.Module, tensors: dict[str, torch.Tensor], prefix: str) -> None:
    """Fill `module` from the entries of `tensors` that start with ``prefix.``."""
    own = {name.removeprefix(f"{prefix}."): tensor for name, tensor in tensors.items() if name.startswith(f"{prefix}.")}
    module.load_state_dict(own)
