"""An hourglass for one set of joints becomes one for another: only what has a channel a joint changes.

These are the maps of every head, and the merge of those maps into the next stack. Everything else is carried over as it
is, autoencoders included.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from shgae.arrays import Array
from shgae.models.hourglass import StackedHourglass
from shgae.models.specs import HourglassSpec
from shgae.models.zoo import build_hourglass, load_state, state_arrays

_JOINT_AXES = (
    (re.compile(r"stacks\.\d+\.head\.maps\.3\.weight"), (0, 1)),
    (re.compile(r"stacks\.\d+\.head\.maps\.(\d\.)?(weight|bias|running_mean|running_var)"), (0,)),
    (re.compile(r"stacks\.\d+\.merge\.maps\.weight"), (1,)),
)
"""Tensors with a channel a joint, and which of their axes count joints (0: what comes out, 1: what goes in)."""


def with_joints(
    model: StackedHourglass, spec: HourglassSpec, sources: Sequence[int | None], seed: int
) -> tuple[StackedHourglass, HourglassSpec]:
    """The same network with other joints; the old one is left as it is.

    Where a trained part reads a channel that starts again, its weight starts at 0: maps of carried-over joints change
    only by what joints that are gone contributed to them (nothing in Newell's head; in the original study's, with a
    last layer that mixes joints, their share).

    Args:
        sources: for each of the new joints the old one with the channel that it takes over, or None to start again.
        seed: of the new channels' weights.

    Returns:
        A new network in train mode on the CPU, and its spec.
    """
    grown = replace(spec, keypoints=len(sources))
    made = build_hourglass(grown, seed=seed)
    fresh, old = state_arrays(made), state_arrays(model)
    load_state(made, {name: _carried(name, fresh[name], old, sources) for name in fresh}, "the new joints")
    return made, grown


def _carried(name: str, fresh: Array, old: Mapping[str, Array], sources: Sequence[int | None]) -> Array:
    axes = next((axes for pattern, axes in _JOINT_AXES if pattern.fullmatch(name)), ())
    if not axes:
        return old[name]
    kept = np.array([new for new, source in enumerate(sources) if source is not None], dtype=np.int64)
    before = np.array([source for source in sources if source is not None], dtype=np.int64)
    carried = fresh.copy()
    if 1 in axes:
        added = np.setdiff1d(np.arange(len(sources)), kept)
        # Of (K, K) only the rows of trained joints are zeroed; of the merge, every row is a trained one.
        trained = kept if 0 in axes else np.arange(len(fresh))
        carried[np.ix_(trained, added)] = 0
    if axes == (0, 1):
        carried[np.ix_(kept, kept)] = old[name][np.ix_(before, before)]
    elif axes == (0,):
        carried[kept] = old[name][before]
    else:
        carried[:, kept] = old[name][:, before]
    return carried
