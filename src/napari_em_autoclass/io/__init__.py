"""Files in, files out: stacks as lazy volumes, class maps as OME-Zarr and TIFF."""

from __future__ import annotations

from napari_em_autoclass.io.class_map_file import ClassMapInfo, read_class_map
from napari_em_autoclass.io.class_map_target import ClassMapTarget
from napari_em_autoclass.io.class_table import class_columns, write_class_table
from napari_em_autoclass.io.export_tiff import write_class_map_tiff
from napari_em_autoclass.io.export_zarr import probabilities_path, write_class_map_zarr
from napari_em_autoclass.io.label_image import start_from_labels
from napari_em_autoclass.io.readers import READERS, list_stacks, open_volume
from napari_em_autoclass.io.request import ReadRequest

__all__ = [
    "READERS",
    "ClassMapInfo",
    "ClassMapTarget",
    "ReadRequest",
    "class_columns",
    "list_stacks",
    "open_volume",
    "probabilities_path",
    "read_class_map",
    "start_from_labels",
    "write_class_map_tiff",
    "write_class_map_zarr",
    "write_class_table",
]
