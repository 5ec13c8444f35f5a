"""How nodes come to fair shares of a subscription's buckets, with as few cuts as possible.

The buckets that stand together are one piece, and a piece is named by its first bucket.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Sequence

Piece: TypeAlias = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Cut:
    """A piece and the part of it that becomes a piece of its own."""

    piece: Piece
    off: Piece

    @property
    def kept(self) -> Piece:
        """What is left of the piece, under the name that it had."""
        return tuple(bucket for bucket in self.piece if bucket not in self.off)


@dataclass(frozen=True, slots=True)
class Parted:
    """Pieces of which `taken` hold as many buckets as were wanted, or all there are, once `cut` is made."""

    taken: Sequence[Piece]
    left: Sequence[Piece]
    cut: Cut | None = None


def part(pieces: Sequence[Piece], wanted: int) -> Parted:
    """The first pieces with `wanted` buckets in all; the one in which that number is reached is cut."""
    taken: list[Piece] = []
    for number, piece in enumerate(pieces):
        if wanted < len(piece):
            rest = pieces[number + 1 :]
            if wanted <= 0:
                return Parted(taken, [piece, *rest])
            cut = Cut(piece, piece[wanted:])
            return Parted([*taken, cut.kept], [cut.off, *rest], cut)
        taken.append(piece)
        wanted -= len(piece)
    return Parted(taken, [])
