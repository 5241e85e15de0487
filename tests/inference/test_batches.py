"""The last stack's maps, of a crop alone or with its mirror image."""

from __future__ import annotations

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn import functional

from shgae.data.datasets import to_images
from shgae.inference.batches import Inference, crops_at_once

MEAN = (0.5, 0.25, 0.75)
INFERENCE = Inference(torch.device("cpu"), "fp32", 8, MEAN)
PAIRS = ((0, 2),)


class Blur:
    """Every colour is a joint: two stacks, the second of which averages squares of 4 x 4 pixels."""

    def __init__(self) -> None:
        self.seen: list[torch.Tensor] = []

    def __call__(self, images: torch.Tensor) -> torch.Tensor:
        self.seen.append(images)
        blurred = functional.avg_pool2d(images, 4)
        return torch.stack((torch.full_like(blurred, 9.0), blurred), 1)


def crops(seed: int, valid: tuple[int, int, int, int]) -> tuple[torch.Tensor, torch.Tensor]:
    pixels = np.random.default_rng(seed).integers(0, 256, (2, 16, 16, 3), dtype=np.uint8)
    return torch.from_numpy(pixels), torch.tensor([valid, (0, 0, 16, 16)])


def test_the_maps_are_those_of_the_last_stack() -> None:
    pixels, valid = crops(0, (2, 0, 16, 9))
    found = INFERENCE.last_maps(Blur(), pixels, valid)
    assert torch.equal(found, functional.avg_pool2d(to_images(pixels, valid, MEAN), 4))


@given(st.integers(0, 99), st.integers(0, 6), st.integers(9, 16))
def test_the_flip_test_averages_with_the_mirror_image_pixel_by_pixel(seed: int, x0: int, x1: int) -> None:
    pixels, valid = crops(seed, (x0, 0, x1, 16))
    network = Blur()
    found = INFERENCE.last_maps(network, pixels, valid, PAIRS).numpy()
    images = to_images(pixels, valid, MEAN).numpy()
    assert np.array_equal(network.seen[1].numpy(), images[:, :, :, ::-1])
    plain = images.reshape(2, 3, 4, 4, 4, 4).mean((3, 5))
    for joint, partner in enumerate((2, 1, 0)):
        for column in range(4):
            # The square of the mirror image whose pixels are nearest to 4 x column, seen from the other side.
            other = 3 if column == 0 else 4 - column
            wanted = (plain[:, joint, :, column] + plain[:, partner, :, 3 - other]) / 2
            np.testing.assert_allclose(found[:, joint, :, column], wanted, atol=1e-6)


def test_in_the_mirror_image_too_the_mean_colour_lies_outside_the_photo() -> None:
    pixels, valid = crops(3, (5, 0, 16, 16))
    network = Blur()
    INFERENCE.last_maps(network, pixels, valid, PAIRS)
    assert not network.seen[1][0, :, :, 11:].any()
    assert network.seen[1][0, :, :, :11].all()


def test_a_batch_goes_through_a_cpu_a_few_crops_at_a_time_and_comes_out_in_order() -> None:
    images = torch.arange(11.0)[:, None, None, None].expand(-1, 3, 16, 16)
    network = Blur()
    found = INFERENCE.infer(network, images)
    portions = [len(part) for part in network.seen]
    assert sum(portions) == 11
    assert max(portions) == min(8, max(4, 2 * torch.get_num_threads()))
    assert torch.equal(found[:, 1], functional.avg_pool2d(images, 4))
    assert not found.requires_grad


def test_a_gpu_takes_the_whole_batch_at_once() -> None:
    assert crops_at_once(torch.device("cuda"), 32) == 32
    assert crops_at_once(torch.device("cpu"), 2) == 2
