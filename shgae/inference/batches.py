"""A network over the crops of a split, in order; training uses :meth:`Inference.forward`, with gradients."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from shgae.artifacts.crops import Crops
from shgae.data import heatmaps
from shgae.data.datasets import PoseBatch, Rows, batch_images, in_chunks, load_pose_batch, pinned, to_images
from shgae.data.prefetch import prefetch
from shgae.execution import Execution
from shgae.inference.device import autocast
from shgae.recipes import CellRule, Precision

_FEW, _CROPS_A_THREAD = 4, 2
"""The activations of so many stay in a CPU's caches."""


def crops_at_once(device: torch.device, batch_size: int) -> int:
    """How many crops of a batch best go through a network at once, where it keeps them apart.

    On a CPU a few, for with all of 32 a crop takes a fifth longer, or more; on GPUs the whole batch.
    """
    few = max(_FEW, _CROPS_A_THREAD * torch.get_num_threads())
    return min(batch_size, few) if device.type == "cpu" else batch_size


@dataclass(frozen=True)
class Inference:
    """Where, in which number format and in which portions a network runs."""

    device: torch.device
    precision: Precision
    batch_size: int
    mean_rgb: Sequence[float]
    """The mean colour that the network was trained with, 0 to 1."""

    def forward(self, network: Callable[[torch.Tensor], torch.Tensor], batch: PoseBatch) -> torch.Tensor:
        """Images (N, 3, H, W) of a batch that is on the device through a network, all at once, with gradients; of an
        hourglass maps (N, S, K, H / 4, W / 4)."""
        with autocast(self.device, self.precision):
            return network(batch_images(batch, self.mean_rgb))

    def infer(self, network: Callable[[torch.Tensor], torch.Tensor], images: torch.Tensor) -> torch.Tensor:
        """Images (N, 3, H, W) through a network, or a part of one, that keeps people apart: (N, ...), no gradients."""
        portions = torch.split(images, crops_at_once(self.device, self.batch_size))
        with torch.inference_mode(), autocast(self.device, self.precision):
            return torch.cat([network(portion) for portion in portions])

    def over(
        self,
        network: Callable[[torch.Tensor], torch.Tensor],
        crops: Crops,
        execution: Execution,
        chunks: Sequence[Rows] | None = None,
    ) -> Iterator[tuple[PoseBatch, torch.Tensor]]:
        """Batches of a split, on the device, with what :meth:`infer` makes of each: (n, ...).

        A batch is one of the ``chunks``, rows (n,); None takes all rows in order. Of several processes each one gets
        its share of the batches: the same ones, whoever works on them. A chunk without rows is left out; so a process
        may do nothing while others do theirs.
        """
        chunks = list(in_chunks(np.arange(len(crops)), self.batch_size)) if chunks is None else chunks
        world = execution.world

        def load(part: Rows) -> PoseBatch:
            return pinned(load_pose_batch(crops, part), self.device)

        batches = prefetch([rows for rows in world.shard(chunks) if len(rows)], load, execution.workers)

        for number, batch in enumerate(batches):
            on_device = batch.to(self.device)
            found = on_device, self.infer(network, to_images(on_device.crops, on_device.valid, self.mean_rgb))
            done = chunks[number * world.size : (number + 1) * world.size]  # by all processes
            # Before the yield: a caller that stops after its last batch never resumes this generator.
            execution.progress.advance(sum(map(len, done)))
            yield found

    def last_maps(
        self,
        network: Callable[[torch.Tensor], torch.Tensor],
        crops: torch.Tensor,
        valid: torch.Tensor,
        flip_pairs: Sequence[tuple[int, int]] | None = None,
        rule: CellRule = "round",
    ) -> torch.Tensor:
        """The last stack's maps (N, K, H / 4, W / 4) float32, on the device, of crops as :func:`to_images` takes them;
        with ``flip_pairs`` their mean with those of the mirror images, by the network's ``rule``."""
        images = to_images(crops.to(self.device), valid, self.mean_rgb)
        maps = self.infer(network, images)[:, -1].float()
        if flip_pairs is None:
            return maps
        return self.with_mirror(network, images, maps, flip_pairs, rule)

    def with_mirror(
        self,
        network: Callable[[torch.Tensor], torch.Tensor],
        images: torch.Tensor,
        maps: torch.Tensor,
        flip_pairs: Sequence[tuple[int, int]],
        rule: CellRule,
    ) -> torch.Tensor:
        """The last stack's maps (N, K, H / 4, W / 4) of images -> their mean with those of the mirror images
        (:func:`~shgae.data.heatmaps.mirror_back`)."""
        # Mirrored as an image, mean taken off: what lies outside the photo stays exactly 0.
        mirrored = self.infer(network, images.flip(-1))[:, -1].float()
        return (maps.float() + heatmaps.mirror_back(mirrored, flip_pairs, rule)) / 2
