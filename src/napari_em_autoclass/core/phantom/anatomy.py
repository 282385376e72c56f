"""How large the structures of a tissue are: those of an insect's brain, or of a vertebrate's."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["INSECT", "VERTEBRATE", "Anatomy"]


@dataclass(frozen=True)
class Anatomy:
    """Hold the sizes that differ between animals; membranes, vesicles and microtubules are the same in all.

    Parameters
    ----------
    scale : float
        Lengths on which cells bend, lie together and repeat, relative to `INSECT`.
    room_nm : tuple of float
        Least box of tissue (z, y, x): less has no room for a bouton, and a small stack would be of one class.
    kinds : tuple of tuple of float
        Kinds of neurites, thick ones first: calibre (radius, nm), its spread (log), height of varicosities (times the
        calibre), share of the box to try for.
    fascicle_nm : float
        Bundles come before the kinds thinner than this (radius), or they find no room.
    axon_radius_nm : tuple of float
        Least and largest outer radius of a myelinated axon; the sheath takes `sheath_share` of it.
    sheath_share : float
        See above.
    mitochondrion_nm : tuple of float
        Least and largest radius of mitochondria.
    mitochondrion_length_nm : tuple of float
        Least and largest length.
    bouton_nm : float
        Least radius of a swelling that sends.
    synapses_per_um3 : float
        More than in real tissue: each class must show in a small stack.
    synapses_apart_nm : float
        Least distance of two synapses.
    density_nm : tuple of float
        Least and largest radius of a synaptic density.
    cloud_nm : tuple of float
        Radius of the clouds of vesicles: mean, standard deviation, least.
    """

    scale: float
    room_nm: tuple[float, float, float]
    kinds: tuple[tuple[float, float, float, float], ...]
    fascicle_nm: float
    axon_radius_nm: tuple[float, float]
    sheath_share: float
    mitochondrion_nm: tuple[float, float]
    mitochondrion_length_nm: tuple[float, float]
    bouton_nm: float
    synapses_per_um3: float
    synapses_apart_nm: float
    density_nm: tuple[float, float]
    cloud_nm: tuple[float, float, float]


INSECT = Anatomy(
    scale=1.0,
    room_nm=(700.0, 1300.0, 1300.0),
    kinds=((230.0, 0.25, 0.35, 0.06), (120.0, 0.25, 1.2, 0.14), (76.0, 0.25, 0.9, 0.20), (50.0, 0.20, 0.6, 0.25)),
    fascicle_nm=100.0,
    axon_radius_nm=(300.0, 350.0),
    sheath_share=0.27,
    mitochondrion_nm=(105.0, 185.0),
    mitochondrion_length_nm=(300.0, 1300.0),
    bouton_nm=120.0,
    synapses_per_um3=3.0,
    synapses_apart_nm=420.0,
    density_nm=(120.0, 190.0),
    cloud_nm=(290.0, 50.0, 180.0),
)

VERTEBRATE = Anatomy(
    scale=2.4,
    room_nm=(1260.0, 2400.0, 2400.0),
    # Smooth dendrites, then axons with boutons.
    kinds=((480.0, 0.25, 0.15, 0.10), (270.0, 0.25, 1.0, 0.15), (170.0, 0.25, 0.9, 0.20), (110.0, 0.20, 0.6, 0.25)),
    fascicle_nm=240.0,
    axon_radius_nm=(720.0, 860.0),
    sheath_share=0.30,
    mitochondrion_nm=(190.0, 330.0),
    mitochondrion_length_nm=(700.0, 3000.0),
    bouton_nm=290.0,
    synapses_per_um3=1.0,
    synapses_apart_nm=650.0,
    density_nm=(200.0, 330.0),
    cloud_nm=(370.0, 70.0, 240.0),
)
