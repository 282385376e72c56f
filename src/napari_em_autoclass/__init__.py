"""Interactive self-supervised per-pixel classification of EM volumes in napari."""

import os
from importlib.metadata import PackageNotFoundError, version

# Threads that wait should sleep, not spin: with another process (or the viewer) on the same cores, spinning made a
# training step six times slower (3.5 s against 0.6 s, two threads on two busy cores).  OpenMP reads these when torch is
# first imported, so they must stand here, before anything else of ours; a value the user has set is kept.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
os.environ.setdefault("KMP_BLOCKTIME", "0")

try:
    __version__ = version("napari-em-autoclass")
except PackageNotFoundError:  # running from a source tree that was never installed
    __version__ = "0.0.0"

__all__ = ["__version__"]
