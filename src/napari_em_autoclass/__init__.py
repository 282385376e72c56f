"""Interactive self-supervised per-pixel classification of EM volumes in napari."""

import os

# Threads that wait should sleep, not spin: with another process (or the viewer) on the same cores, spinning made a
# training step six times slower (3.5 s against 0.6 s, two threads on two busy cores).  OpenMP reads these when torch is
# first imported, so they must stand here, before anything else of ours; a value the user has set is kept.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
os.environ.setdefault("KMP_BLOCKTIME", "0")

__all__ = ["__version__"]

__version__: str


def __getattr__(name: str) -> str:
    """Return the version when it is asked for: to look it up takes as long as all other imports of this package."""
    if name != "__version__":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib.metadata import PackageNotFoundError, version

    try:
        found = version("napari-em-autoclass")
    except PackageNotFoundError:  # running from a source tree that was never installed
        found = "0.0.0"
    globals()[name] = found
    return found
