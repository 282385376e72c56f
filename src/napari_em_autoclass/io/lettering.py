"""Words and lengths on pictures, with the font that comes with Pillow."""

from __future__ import annotations

import unicodedata

import numpy as np
from PIL import ImageFont

__all__ = ["font_of", "length_text", "plain", "round_length"]


def font_of(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    """Return the font that comes with Pillow, so that no system font is needed; it knows ASCII only."""
    return ImageFont.load_default(size)


def plain(text: str, longest: int) -> str:
    """Return `text` in ASCII (accents dropped, "?" for the rest), cut to `longest` letters."""
    ascii_text = "".join(c for c in unicodedata.normalize("NFKD", text) if not unicodedata.combining(c))
    ascii_text = ascii_text.encode("ascii", "replace").decode()
    return ascii_text if len(ascii_text) <= longest else f"{ascii_text[: longest - 3]}..."


def round_length(nm: float) -> float:
    """Return the largest of 1, 2, 5 times a power of ten that is not above `nm`."""
    power = 10.0 ** np.floor(np.log10(nm))
    return float(power * max(step for step in (1, 2, 5) if step * power <= nm * (1 + 1e-9)))


def length_text(nm: float) -> str:
    """Return a length as people say it, in nm or um."""
    return f"{nm / 1000:.3g} um" if nm >= 1000 else f"{nm:.3g} nm"
