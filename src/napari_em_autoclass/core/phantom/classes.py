"""The classes of the truth and their ids."""

from __future__ import annotations

from types import MappingProxyType

__all__ = ["CLASS_NAMES", "CYTOPLASM", "DENSITY", "EXTRACELLULAR", "MEMBRANE", "MITOCHONDRIA", "MYELIN", "VESICLES"]

MEMBRANE, CYTOPLASM, MITOCHONDRIA, VESICLES, DENSITY, EXTRACELLULAR, MYELIN = range(1, 8)

CLASS_NAMES = MappingProxyType(
    {
        MEMBRANE: "membrane",
        CYTOPLASM: "cytoplasm",
        MITOCHONDRIA: "mitochondria",
        VESICLES: "vesicles",
        DENSITY: "synaptic density",
        EXTRACELLULAR: "extracellular space",
        MYELIN: "myelin",
    }
)
