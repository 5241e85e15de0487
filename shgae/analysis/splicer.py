"""A network cut open at a site, and its maps with one replacement of the bottleneck after another."""

from __future__ import annotations

import functools
from collections.abc import Callable, Collection, Iterable, Iterator

import numpy as np
import torch
from torch import Tensor

from shgae.analysis.effects import UNTOUCHED, ReplacementEffects, Tally, Truth
from shgae.analysis.site import Site
from shgae.arrays import Bools, Floats32
from shgae.artifacts.activations import LARGEST, are_sound
from shgae.artifacts.crops import Crops
from shgae.data import heatmaps
from shgae.data.datasets import PoseBatch, Rows, in_chunks, load_pose_batch, to_images
from shgae.data.prefetch import prefetch
from shgae.errors import Refused
from shgae.execution import Execution
from shgae.inference.batches import crops_at_once
from shgae.inference.device import autocast, sound_model
from shgae.models.autoencoder import Autoencoder
from shgae.models.hourglass import StackState
from shgae.recipes import HeatmapConfig, Precision

_AT_ONCE = 256
"""Bottlenecks in one pass of an autoencoder."""
Instead = Callable[[Tensor, Rows], Iterable[tuple[str, Tensor]]]


class Splicer:
    """One network at work on a split, cut open at a site."""

    def __init__(
        self, site: Site, device: torch.device, precision: Precision, batch_size: int, execution: Execution
    ) -> None:
        self.site, self.device, self.stack, self.execution = site, device, site.stack, execution
        self._precision, self._at_once = precision, crops_at_once(device, batch_size)
        self.cell_rule = site.loaded.cell_rule
        self.module = site.loaded.module
        self.module.to(device=device, memory_format=torch.channels_last)  # type: ignore[call-overload]

    @functools.cached_property
    def heatmap(self) -> HeatmapConfig:
        """The target maps that the network was trained with; the usual ones, with a note, where it does not say."""
        artifact = self.site.loaded.artifact
        known = artifact.facts.get("heatmap")
        if known is None:
            self.execution.progress.note(f"note: {artifact.path} does not say what target maps it was trained with")
        return HeatmapConfig(**known) if known else HeatmapConfig()

    def check_targets(self) -> None:
        """Raises :class:`Refused`, before the work, where the network's :attr:`heatmap` cannot be read."""
        _ = self.heatmap

    def images(self, batch: PoseBatch) -> Tensor:
        """What the network sees of a batch: (n, 3, H, W)."""
        return to_images(batch.crops, batch.valid, self.site.loaded.mean_rgb)

    def batches(self, crops: Crops) -> Iterator[PoseBatch]:
        """The batches of a split, in order, on the device."""
        execution = self.execution
        chunks = in_chunks(np.arange(len(crops)), self._at_once)
        for batch in prefetch(chunks, lambda part: load_pose_batch(crops, part), execution.workers):
            execution.stop.raise_if_set(self.site.loaded.artifact.path, "the same command again", saved=False)
            yield batch.to(self.device)
            execution.progress.advance(len(batch.rows))

    def descents(self, crops: Crops, what: str) -> Iterator[tuple[PoseBatch, StackState]]:
        """The batches of a split, each with its way down; ``what`` they are for is told to the progress."""
        self.execution.progress.start(what, len(crops), "people")
        for batch in self.batches(crops):
            yield batch, self.descend(batch)
        self.execution.progress.finish()

    def bottlenecks(self, crops: Crops, what: str) -> Floats32:
        """What enters the graft for every person of a split: (N, C, 4, 4), in memory.

        Raises:
            Refused: they hold numbers that are not finite, or too large for sums of their squares.
        """
        out = np.empty((len(crops), self.site.loaded.spec.width, 4, 4), np.float32)
        self.execution.progress.start(what, len(crops), "people")
        for batch in self.batches(crops):
            with torch.inference_mode(), autocast(self.device, self._precision):
                out[batch.rows] = self.module.bottleneck(self.images(batch), self.stack).float().cpu().numpy()
        self.execution.progress.finish()
        if not are_sound(out):
            raise self._unsound("a bottleneck")
        return out

    def descend(self, batch: PoseBatch) -> StackState:
        """Down to the bottleneck (n, C, 4, 4), with the skips on the way, in the number format of the network."""
        with torch.inference_mode(), autocast(self.device, self._precision):
            return self.module.descend(self.images(batch), self.stack)

    def ascend(self, descent: StackState, bottleneck: Tensor, skips: bool) -> Tensor:
        """Up again from a bottleneck (n, C, 4, 4) in its place: the last maps (n, K, H, W) float32.

        Raises:
            Refused: they hold numbers that are not finite, or too large for sums of their squares.
        """
        with torch.inference_mode(), autocast(self.device, self._precision):
            maps = self.module.ascend(descent, bottleneck, skips).float()
        if not maps.abs().max() <= LARGEST:
            raise self._unsound("a map")
        return maps

    def _unsound(self, what: str) -> Refused:
        why = f"{what} holds numbers that are not finite, or beyond {LARGEST:g}"
        return Refused("model", self.site.loaded.artifact.path, why, sound_model(self._precision))

    def through(self, autoencoder: Autoencoder) -> Callable[[Tensor, Rows], Tensor]:
        """An autoencoder as a replacement, (n, C, 4, 4) -> (n, C, 4, 4), in the number format of the network around it.

        The replacement raises :class:`Refused` as :meth:`ascend`.
        """
        # In the layout of the grafted network, so that the same numbers come out, bit for bit.
        autoencoder.to(device=self.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        autoencoder.eval()

        def replace(x: Tensor, _: Rows) -> Tensor:
            with torch.inference_mode(), autocast(self.device, self._precision):
                rebuilt: Tensor = autoencoder(x)
            if not rebuilt.abs().max() <= LARGEST:
                raise self._unsound("a reconstruction by an autoencoder")
            return rebuilt

        return replace

    def passes(self, crops: Crops, what: str, names: Collection[str], instead: Instead) -> Passes:
        """One way down a batch of a split, and ways up, with skips and without, for each of the replacements by name:
        ``instead`` makes those of a batch from its bottlenecks (n, C, 4, 4)."""
        passes = Passes(self, crops, names)
        for batch, descent in self.descents(crops, what):
            with torch.inference_mode():
                passes.add(batch, descent, instead(descent.bottleneck, batch.rows))
        return passes

    def codes(self, autoencoder: Autoencoder, bottlenecks: Floats32) -> Floats32:
        """(N, C, 4, 4) -> (N, code_size), float32 throughout; raises :class:`Refused` as :meth:`bottlenecks`."""
        chunks = in_chunks(np.arange(len(bottlenecks)), _AT_ONCE)
        codes = np.concatenate([encoded(autoencoder, bottlenecks[part], self.device) for part in chunks])
        if not are_sound(codes):
            raise self._unsound("a code")
        return codes


def encoded(autoencoder: Autoencoder, tensors: Floats32, device: torch.device) -> Floats32:
    """The codes (n, code_size) of bottlenecks (n, C, 4, 4), by an autoencoder in eval mode on this device."""
    with torch.inference_mode():
        codes: Floats32 = autoencoder.encode(torch.from_numpy(tensors).to(device)).cpu().numpy()
    return codes


class Passes:
    """The maps of a split with one replacement of the bottleneck after another, skips on and off."""

    def __init__(self, splicer: Splicer, crops: Crops, names: Collection[str] = ()) -> None:
        """Begins with nobody; ``names`` are those of the replacements."""
        people = crops.people
        xy, v = torch.from_numpy(people.xy_crop), torch.from_numpy(people.visibility)
        true_cells, visibility = heatmaps.truth(xy, v, crops.crop_size, splicer.cell_rule)
        size = crops.crop_size // heatmaps.STRIDE
        self.truth = Truth(true_cells.numpy(), visibility.numpy(), crops.photos, size)
        self.on, self.off = ({name: Tally(*v.shape) for name in names} for _ in range(2))
        self._splicer = splicer

    def add(self, batch: PoseBatch, descent: StackState, instead: Iterable[tuple[str, Tensor]]) -> None:
        """Counts a batch: one way up for each replacement (n, C, 4, 4), with skips and without.

        Raises:
            Refused: the maps hold numbers that are not finite.
        """
        targets = self.targets(batch)
        ways = ((True, self.on), (False, self.off))
        untouched = {skips: self._splicer.ascend(descent, descent.bottleneck, skips) for skips, _ in ways}
        for name, tensor in instead:
            for skips, tallies in ways:
                maps = untouched[skips] if name == UNTOUCHED else self._splicer.ascend(descent, tensor, skips)
                tallies[name].add(batch.rows, maps, untouched[skips], *targets)

    def join(self, other: Passes) -> None:
        """Takes in other replacements of the same people."""
        self.on |= other.on
        self.off |= other.off

    def effects(self, seed: int) -> dict[str, ReplacementEffects]:
        """``skips_on`` and ``skips_off``: the effects of all replacements, with this seed of the resamples."""
        ways = {"skips_on": self.on, "skips_off": self.off}
        return {way: ReplacementEffects(tallies, self.truth, seed=seed) for way, tallies in ways.items()}

    def targets(self, batch: PoseBatch) -> tuple[Tensor, Bools]:
        """What the loss compares a batch with, (n, K, H, W), and which joints (n, K) it counts."""
        heatmap, rule = self._splicer.heatmap, self._splicer.cell_rule
        targets = heatmaps.encode(batch.xy_crop, batch.visibility, heatmap, batch.crops.shape[1], rule)
        return targets, heatmaps.in_loss(batch.visibility, heatmap.unlabelled).cpu().numpy()
