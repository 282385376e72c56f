"""How a volume is cut into blocks that are predicted, written and finished one by one.

A block is a whole number of tiles wide, so that no tile is computed twice, and a whole number of chunks, so that it is
one file (a shard) of the class map and no two workers ever write the same file.  The plan follows from the shapes
alone: whoever makes it, on whichever machine, cuts the same blocks and numbers them alike.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import lcm, prod
from typing import TYPE_CHECKING, Final, Self

from napari_em_autoclass.core.volume import Box

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["CHUNK_ZYX", "BlockPlan", "chunk_of"]

#: 256 KiB of classes: what a viewer fetches at once.  Flat, since sections are looked at in the plane.
CHUNK_ZYX: Final = (16, 128, 128)
_MAX_DEPTH: Final = 32
_MAX_SIDE: Final = 1024
_MAX_VOXELS: Final = 2**25
#: Held for one block: its grey values, its classes and its probabilities.
_MAX_BYTES: Final = 128_000_000
#: Blocks grow with the volume from here on, lest a petabyte becomes billions of files.
_FEW_BLOCKS: Final = 4096

Shape = tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class BlockPlan:
    """Blocks of `block_zyx` voxels that fill `shape_zyx`, numbered with z slowest; those at the far ends are cut."""

    shape_zyx: Shape
    block_zyx: Shape

    @classmethod
    def fit(cls, shape_zyx: Shape, tile_yx: tuple[int, int], bytes_per_voxel: int, max_depth: int) -> Self:
        """Return the plan for a volume.

        Parameters
        ----------
        shape_zyx : of the volume, voxels
        tile_yx : voxels of a tile; blocks hold whole ones
        bytes_per_voxel : what is held of a voxel while its block is made
        max_depth : sections of a block at most, while there are few blocks
        """
        depth = min(max_depth, CHUNK_ZYX[0])
        units = tuple(
            n if n <= tile else lcm(tile, chunk)
            for n, tile, chunk in zip(shape_zyx[1:], tile_yx, CHUNK_ZYX[1:], strict=True)
        )
        while depth > 1 and depth * prod(units) * bytes_per_voxel > _MAX_BYTES:
            depth //= 2
        plan = cls(shape_zyx, (depth, units[0], units[1]))
        while len(plan) > _FEW_BLOCKS and (larger := plan._grown(bytes_per_voxel)):
            plan = larger
        return plan

    def _grown(self, bytes_per_voxel: int) -> Self | None:
        """Return the plan with the shortest side of its blocks doubled, None if they would get too large."""
        z, y, x = self.block_zyx
        rows, columns = self.shape_zyx[1:]
        wider = [(z, 2 * y, x)] if y <= x and 2 * y <= _MAX_SIDE and y < rows else []
        wider += [(z, y, 2 * x)] if 2 * x <= _MAX_SIDE and x < columns else []
        wider += [(z, 2 * y, x)] if 2 * y <= _MAX_SIDE and y < rows else []
        wider += [(2 * z, y, x)] if z >= CHUNK_ZYX[0] and 2 * z <= _MAX_DEPTH else []
        for block in wider:
            if prod(block) <= _MAX_VOXELS and prod(block) * bytes_per_voxel <= _MAX_BYTES:
                return type(self)(self.shape_zyx, block)
        return None

    @property
    def counts(self) -> Shape:
        """Number of blocks along z, y, x."""
        z, y, x = (-(-n // side) for n, side in zip(self.shape_zyx, self.block_zyx, strict=True))
        return z, y, x

    def __len__(self) -> int:
        """Return the number of blocks."""
        return prod(self.counts)

    def box(self, index: int) -> Box:
        """Return the voxels of block number `index`."""
        _, rows, columns = self.counts
        at = (index // (rows * columns), index // columns % rows, index % columns)
        z, y, x = (i * side for i, side in zip(at, self.block_zyx, strict=True))
        size_z, size_y, size_x = self.block_zyx
        return Box(z, z + size_z, y, y + size_y, x, x + size_x).clipped(self.shape_zyx)

    def index_of(self, zyx: Shape) -> int:
        """Return the number of the block that holds a voxel."""
        z, y, x = (at // side for at, side in zip(zyx, self.block_zyx, strict=True))
        _, rows, columns = self.counts
        return (z * rows + y) * columns + x

    def boxes(self) -> Iterator[Box]:
        """Yield the voxels of each block."""
        return map(self.box, range(len(self)))

    def coarser(self, factors: Shape) -> BlockPlan:
        """Return the plan of a coarser level, a voxel of which stands for `factors` of this one's.

        Its blocks are as large, so that each is made of whole blocks of this level.
        """
        z, y, x = (-(-n // f) for n, f in zip(self.shape_zyx, factors, strict=True))
        return BlockPlan((z, y, x), self.block_zyx)

    def parent(self, index: int, coarser: BlockPlan, factors: Shape) -> int:
        """Return the number of the block of a coarser level that block `index` is a part of."""
        box = self.box(index)
        z, y, x = (low // f for low, f in zip((box.z0, box.y0, box.x0), factors, strict=True))
        return coarser.index_of((z, y, x))

    def children(self, index: int, finer: BlockPlan, factors: Shape) -> list[int]:
        """Return the numbers of the blocks of the finer level that block `index` is made of."""
        box = self.box(index)
        sides = finer.block_zyx
        spans = [
            range(part.start * f // side, -(-min(part.stop * f, n) // side))
            for part, f, side, n in zip(box.slices, factors, sides, finer.shape_zyx, strict=True)
        ]
        _, rows, columns = finer.counts
        return [(z * rows + y) * columns + x for z in spans[0] for y in spans[1] for x in spans[2]]


def chunk_of(shape_zyx: Shape, block_zyx: Shape, wanted_zyx: Shape = CHUNK_ZYX) -> tuple[Shape, Shape]:
    """Return the sizes of chunk and shard of an array of `shape_zyx` that is written in blocks of `block_zyx`.

    A shard is a block, or all there is along an axis if that is less; it holds whole chunks, as Zarr demands.
    """
    chunk = [min(side, n, block) for side, n, block in zip(wanted_zyx, shape_zyx, block_zyx, strict=True)]
    shard = [-(-min(block, n) // part) * part for block, n, part in zip(block_zyx, shape_zyx, chunk, strict=True)]
    return (chunk[0], chunk[1], chunk[2]), (shard[0], shard[1], shard[2])
