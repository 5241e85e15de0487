"""A network sees the crops as they are stored, the mean colour taken off, and nothing outside the photo."""

from __future__ import annotations

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st

from shgae.data.datasets import in_chunks, to_images

MEAN = (0.41, 0.37, 0.35)


@given(st.integers(0, 2**32 - 1), st.tuples(*(st.integers(0, 7) for _ in range(4))))
def test_an_image_is_the_crop_less_the_mean_of_each_colour_and_zero_outside_the_photo(
    seed: int, ends: tuple[int, int, int, int]
) -> None:
    crops = torch.from_numpy(np.random.default_rng(seed).integers(0, 256, (3, 7, 7, 3), dtype=np.uint8))
    x0, x1, y0, y1 = min(ends[:2]), max(ends[:2]), min(ends[2:]), max(ends[2:])
    valid = torch.tensor([[0, 0, 7, 7], [x0, y0, x1, y1], [0, 0, 7, 7]])
    images = to_images(crops, valid, MEAN)
    assert images.is_contiguous(memory_format=torch.channels_last)
    for colour, mean in enumerate(MEAN):
        wanted = crops[..., colour].float() / 255 - torch.tensor(mean)
        assert torch.equal(images[[0, 2], colour], wanted[[0, 2]])
        assert torch.equal(images[1, colour, y0:y1, x0:x1], wanted[1, y0:y1, x0:x1])
    outside = torch.ones(7, 7, dtype=torch.bool)
    outside[y0:y1, x0:x1] = False
    assert not images[1, :, outside].any()


@given(st.integers(1, 40), st.integers(1, 9))
def test_chunks_hold_every_row_once_in_order(rows: int, size: int) -> None:
    chunks = list(in_chunks(np.arange(rows), size))
    assert np.concatenate(chunks).tolist() == list(range(rows))
    assert {len(chunk) for chunk in chunks[:-1]} <= {size} and 1 <= len(chunks[-1]) <= size
