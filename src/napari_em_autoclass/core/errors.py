"""The one error a user can cause and mend."""

from __future__ import annotations

__all__ = ["InputError", "MissingVoxelSize"]


class InputError(ValueError):
    """Something the user gave can't be used; the message is one line that says what to do.

    The command line prints it and exits with 2, the dock shows it; neither shows a traceback.
    Every other exception is a defect of ours and keeps its traceback.
    """


class MissingVoxelSize(InputError):
    """A stack came without a voxel size; the dock asks for it, the command line wants a flag."""
