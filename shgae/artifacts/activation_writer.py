"""Bottleneck tensors on their way to disk: shards in order, and of an unfinished shard what is done, in pieces.

::

    SPLIT/.piece-00002-00128.safetensors    "bottleneck" (stacks, n, C, 4, 4): of shard 2, from its row 128 on

A piece is hidden and no part of the artefact. The shard that holds its rows replaces it.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence

from shgae.arrays import Array
from shgae.artifacts.activations import (
    ChannelStatistics,
    StatisticsSums,
    shard_name,
    site_folder,
    statistics_name,
)
from shgae.artifacts.draft import Draft
from shgae.artifacts.tensors import check_arrays, check_finite, map_tensor
from shgae.errors import Refused

WHOLE = -1
"""What :meth:`ActivationWriter.kept` says of a shard that is done."""


class ActivationWriter:
    """Fills one split of a draft; all methods but :meth:`kept` are called shard by shard, in order."""

    def __init__(
        self, draft: Draft, split: str, stacks: Sequence[int], shape: tuple[int, int, int], dtype: str
    ) -> None:
        """Of tensors of that shape, (C, 4, 4), and ``dtype``, F32 or F16."""
        self._draft, self._split = draft, split
        self._shape, self._dtype = shape, dtype
        self._folders = [site_folder(split, stack, stacks) for stack in stacks]
        self._sums = [StatisticsSums() for _ in stacks]

    def kept(self, shard: int) -> int:
        """How many rows of a shard, from its first on, earlier runs left in pieces; :data:`WHOLE`, if it is done."""
        # Written whole or not at all, and as it was written.
        if all(self._draft.has(shard_name(folder, shard)) for folder in self._folders):
            return WHOLE
        return sum(piece.shape[1] for piece in self._pieces(shard))

    def restore(self, shard: int, into: Array) -> None:
        """Reads what :meth:`kept` found into the first rows of a shard (stacks, n, C, 4, 4)."""
        at = 0
        for piece in self._pieces(shard):
            if at + piece.shape[1] > into.shape[1]:
                why = f"the pieces of shard {shard} hold more people than it has"
                raise Refused("resume", self._draft.path, why, "--force to start again")
            into[:, at : at + piece.shape[1]] = piece
            at += piece.shape[1]

    def keep(self, shard: int, at: int, tensors: Array) -> None:
        """Writes a piece: (stacks, n, C, 4, 4), the rows of a shard from ``at`` on."""
        self._draft.write_tensors(self._piece(shard, at), {"bottleneck": tensors})

    def complete(self, shard: int, tensors: Array | None) -> None:
        """Writes a shard (stacks, n, C, 4, 4), or takes the one that is there, and counts it."""
        for place, (folder, sums) in enumerate(zip(self._folders, self._sums, strict=True)):
            name = shard_name(folder, shard)
            if tensors is not None:
                self._draft.write_tensors(name, {"bottleneck": tensors[place]})
            sums.add(self._mapped(name, ()))
        # All of them, not from the first one on: a kill may have come when some were gone.
        for name in [one for one in self._draft.pieces.names if one.startswith(self._pieces_of(shard))]:
            self._draft.discard(name)

    def finish(self) -> list[ChannelStatistics]:
        """Writes the statistics of each stack, and returns them."""
        found = [sums.result() for sums in self._sums]
        for folder, statistics in zip(self._folders, found, strict=True):
            self._draft.write_tensors(statistics_name(folder), dataclasses.asdict(statistics))
        return found

    def _pieces(self, shard: int) -> Iterator[Array]:
        at = 0
        while self._draft.has(name := self._piece(shard, at)):
            piece = self._mapped(name, (len(self._folders),))
            yield piece
            at += piece.shape[1]

    def _mapped(self, name: str, before: tuple[int, ...]) -> Array:
        """The tensors of a file, (n, C, 4, 4) with other axes ``before``; raises :class:`Refused` for any others."""
        path = self._draft.file(name)
        found = map_tensor(path, "bottleneck")
        rows = found.shape[len(before)] if found.ndim > len(before) else 0
        check_arrays(path, {"bottleneck": found}, {"bottleneck": (self._dtype, (*before, max(rows, 1), *self._shape))})
        check_finite(path, "bottleneck", found)
        return found

    def _piece(self, shard: int, at: int) -> str:
        return f"{self._pieces_of(shard)}{at:05d}.safetensors"

    def _pieces_of(self, shard: int) -> str:
        return f"{self._split}/.piece-{shard:05d}-"
