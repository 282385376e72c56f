"""``python -m napari_em_autoclass`` is ``em-autoclass``, for those whose scripts folder is not on the path."""

from __future__ import annotations

import sys

from napari_em_autoclass.cli.app import main

if __name__ == "__main__":
    sys.exit(main())
