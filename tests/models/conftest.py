"""Small networks and images for the tests of the model room."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from shgae.models.hourglass import StackedHourglass
from shgae.models.specs import AutoencoderSpec, HourglassSpec
from shgae.models.zoo import build_hourglass

SMALL = HourglassSpec(keypoints=3, crop_size=128, width=8)


@pytest.fixture(autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture
def small_spec() -> HourglassSpec:
    return SMALL


@pytest.fixture
def small_code() -> AutoencoderSpec:
    return AutoencoderSpec(width=8, code_size=5, output="relu")


@pytest.fixture
def model() -> StackedHourglass:
    return build_hourglass(SMALL, seed=1).eval()


@pytest.fixture
def images() -> Tensor:
    return torch.rand(2, 3, 128, 128, generator=torch.Generator().manual_seed(5)) - 0.5
