"""The published training codes as the bench writes them: equal networks, and their steps."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from shgae.models.foreign import translate
from shgae.models.specs import HourglassSpec
from shgae.models.zoo import build_hourglass, load_state, state_arrays
from tests.benchmarks import published

NETWORKS = {"princeton": published.Princeton(2, 3), "bearpaw": published.Bearpaw(2, 3)}


def crops(people: int) -> published.People:
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 256, (people, 256, 256, 3), dtype=np.uint8)
    return published.People(pixels, rng.uniform(0, 256, (people, 3, 2)), np.full((people, 3), 2, np.uint8))


def maps(network: nn.Module, images: Tensor) -> Tensor:
    """Of images (N, 3, 256, 256): (N, S, K, 64, 64)."""
    with torch.no_grad():
        found = network(images.permute(0, 2, 3, 1)) if isinstance(network, published.Princeton) else network(images)
    return found if isinstance(found, Tensor) else torch.stack(found, 1)


@pytest.mark.parametrize("family", NETWORKS)
def test_its_weights_in_our_network_give_its_maps(family: str) -> None:
    theirs, images = NETWORKS[family].eval(), torch.rand(1, 3, 256, 256)
    found = translate(state_arrays(theirs), family)
    assert family in found.family and isinstance(found.spec, HourglassSpec) and found.spec.stacks == 2
    ours = build_hourglass(found.spec)
    load_state(ours, found.arrays, family)
    with torch.no_grad():
        torch.testing.assert_close(ours.eval()(images), maps(theirs, images), rtol=1e-4, atol=1e-5)


@pytest.mark.bench
@pytest.mark.parametrize(
    ("build", "published_step", "factor"),
    [(published.Princeton, published.princeton_step, 1), (published.Bearpaw, published.bearpaw_step, 0.5)],
)
def test_a_step_has_its_loss_and_moves_every_weight_that_is_used(
    build: type[nn.Module], published_step: Callable[[nn.Module], published.Step], factor: float
) -> None:
    network = build(1, 3).train().double()
    image, targets, weight = next(published.batches(crops(1), 1))
    item = (image.double(), targets.double(), weight.double())
    error = F.mse_loss(maps(network, item[0].permute(0, 3, 1, 2))[:, 0], item[1])
    before = {name: weight.clone() for name, weight in network.named_parameters()}
    assert published_step(network)(item) == pytest.approx(factor * error.item(), rel=1e-9)
    moved = {name for name, weight in network.named_parameters() if not torch.equal(weight, before[name])}
    unused = {name for name in before if "skip_layer" in name and not name.startswith(("pre.1.", "pre.4."))}
    assert moved >= {name for name in before if name.endswith("weight")} - unused and not moved & unused


def test_a_person_is_an_image_a_map_a_joint_and_weights() -> None:
    pixels, xy = np.full((1, 256, 256, 3), 255, np.uint8), np.array([[(41.0, 80.0), (9.0, 9.0), (-50.0, 300.0)]])
    image, targets, weight = published.People(pixels, xy, np.array([[2, 0, 1]], np.uint8))[0]
    assert image.shape == (256, 256, 3) and image.unique().tolist() == [1.0]
    assert targets[0].argmax().item() == 20 * 64 + 10 and targets[0].max() == 1
    assert targets[1].max() == targets[2].max() == 0
    assert weight.tolist() == [[1], [0], [1]]
