"""Chance as a function: data order and noise follow from (seed, epoch, sample), never from what ran before.

There is no random state to save, so a resumed training, another number of reading threads and another split of a
batch over processes all see the same numbers. Philox is a counter-based generator (Salmon et al., SC 2011): the key
is the seed, the counter says epoch and sample.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from shgae.arrays import Floats, Floats32, Ints

_ORDER, _NOISE, AUGMENTATION, DROPOUT = 1, 2, 3, 4
"""What a stream of numbers is for."""


def epoch_order(samples: int, *, epoch: int, seed: int, shuffle: bool) -> Ints:
    """The rows 0 .. samples - 1 in the order of this epoch: (samples,) int64."""
    if not shuffle:
        return np.arange(samples, dtype=np.int64)
    return np.random.Generator(_stream(_ORDER, seed, epoch)).permutation(samples)


def sample_noise(rows: Ints, shape: tuple[int, ...], *, epoch: int, seed: int) -> Floats32:
    """Standard normal noise of these rows in this epoch: (n, *shape) float32; a row's noise is its own."""
    noise = np.empty((len(rows), *shape), np.float32)
    for own, generator in zip(noise, _row_by_row(_NOISE, rows, epoch, seed), strict=True):
        generator.standard_normal(dtype=np.float32, out=own)
    return noise


def sample_uniforms(rows: Ints, count: int, *, epoch: int, seed: int, purpose: int = AUGMENTATION) -> Floats:
    """Numbers in [0, 1) of these rows in this epoch, for a purpose: (n, count) float64; a row's are its own."""
    uniforms = np.empty((len(rows), count))
    for own, generator in zip(uniforms, _row_by_row(purpose, rows, epoch, seed), strict=True):
        generator.random(out=own)
    return uniforms


def _row_by_row(purpose: int, rows: Ints, epoch: int, seed: int) -> Iterator[np.random.Generator]:
    stream = _stream(purpose, seed, epoch)
    generator, start = np.random.Generator(stream), stream.state
    for row in rows.tolist():
        # One generator put back to the start of each row's stream: making one for each row takes longer.
        start["state"]["counter"][-1] = row
        stream.state = start
        yield generator


def _stream(purpose: int, seed: int, epoch: int) -> np.random.Philox:
    # Philox counts up its first word, so the other three may say where the stream belongs; the last one is the row.
    return np.random.Philox(key=seed, counter=[0, purpose, epoch, 0])
