"""Show a stack with its class map in napari: ``python open_result.py STACK CLASSES.ome.zarr``.

Needs a Qt binding, for instance from ``pip install "napari[all]"``.
"""

import sys

import napari
import numpy as np

from napari_em_autoclass.io import open_volume, read_class_map

volume = open_volume(sys.argv[1])
classes, info = read_class_map(sys.argv[2])

viewer = napari.Viewer()
placing = {"scale": volume.voxel_size_nm, "units": ("nm", "nm", "nm")}
viewer.add_image(np.asarray(volume.data), name=volume.name, colormap="gray", **placing)
viewer.add_labels(np.asarray(classes), name="classes", opacity=0.5, **placing)

if __name__ == "__main__":
    napari.run()
