"""Interactive self-supervised per-pixel classification of EM volumes in napari."""

from importlib.metadata import PackageNotFoundError, version

try:
    __version__ = version("napari-em-autoclass")
except PackageNotFoundError:  # running from a source tree that was never installed
    __version__ = "0.0.0"

__all__ = ["__version__"]
