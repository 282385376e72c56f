"""Learn classes without napari, and write the class map: ``python headless_run.py [STACK [STEPS]]``.

Without a stack it takes the built-in phantom.  Leaves ``run/`` and ``classes.ome.zarr`` in the current folder.
"""

import sys
from pathlib import Path

from napari_em_autoclass.core.checkpoint import RunFolder
from napari_em_autoclass.core.events import StepDone
from napari_em_autoclass.core.phantom import make_phantom
from napari_em_autoclass.core.predict import predict_blocks
from napari_em_autoclass.core.run_settings import apply_setting, load_recipe
from napari_em_autoclass.core.trainer import Trainer
from napari_em_autoclass.core.volume import Volume
from napari_em_autoclass.io import ClassMapTarget, open_volume, write_class_map_zarr

if sys.argv[1:]:
    volume = open_volume(sys.argv[1])
else:
    phantom = make_phantom((12, 256, 256), "sstem")
    volume = Volume(phantom.raw, phantom.voxel_size_nm, "phantom")
steps = int(sys.argv[2]) if sys.argv[2:] else 100

settings = apply_setting(load_recipe("neighbour-forecast"), f"training.steps={steps}")
for event in Trainer(volume, settings, run_dir=Path("run")).events():
    if isinstance(event, StepDone) and event.step % 20 == 0:
        print(f"step {event.step}: loss {event.total:.3f}, {event.effective_classes:.1f} classes in use")

model = RunFolder.open(Path("run")).model()
blocks = ((block.box, block.classes) for block in predict_blocks(model, volume))
target = ClassMapTarget(volume.shape_zyx, volume.voxel_size_nm, settings.n_classes)
print("written:", write_class_map_zarr("classes.ome.zarr", blocks, target, overwrite=True))
