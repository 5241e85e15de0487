"""The heatmap codec, against scipy's filter, a formula, and its own inverse."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.ndimage import gaussian_filter

from shgae.data.heatmaps import cells, decode, encode, map_to_crop
from shgae.recipes import RECIPES, HeatmapConfig

CELL = st.integers(0, 31)
SIGMA = st.floats(0.3, 4.0)


def joint(x: float, y: float) -> torch.Tensor:
    return torch.tensor([[[x, y]]])


def one_map(x: int, y: int, v: int, config: HeatmapConfig) -> torch.Tensor:
    """The 32 x 32 map of a joint in the middle of one cell."""
    return encode(map_to_crop(torch.tensor([[[x, y]]])), torch.tensor([[v]]), config, 128)[0, 0]


@given(CELL, CELL, SIGMA)
def test_a_map_of_mass_one_is_what_scipy_makes_of_a_single_cell(x: int, y: int, sigma: float) -> None:
    delta = np.zeros((32, 32))
    delta[y, x] = 1
    wanted = gaussian_filter(delta, sigma, mode="nearest", truncate=4.0)
    found = one_map(x, y, 2, HeatmapConfig(peak="mass", sigma_visible=sigma))
    assert np.allclose(found.numpy(), wanted, atol=1e-7)


@given(CELL, CELL, SIGMA)
def test_a_map_of_peak_one_is_a_gaussian_cut_off_at_four_sigma(x: int, y: int, sigma: float) -> None:
    rows, columns = np.mgrid[:32, :32]
    wanted = np.exp(-((rows - y) ** 2 + (columns - x) ** 2) / (2 * sigma**2))
    wanted[np.maximum(abs(rows - y), abs(columns - x)) > int(4 * sigma + 0.5)] = 0
    found = one_map(x, y, 2, HeatmapConfig(peak="one", sigma_visible=sigma))
    assert found[y, x] == 1
    assert np.allclose(found.numpy(), wanted, atol=1e-7)


def test_the_studys_peaks_are_0_619_for_visible_and_0_159_for_hidden_joints() -> None:
    study = RECIPES["original"].train
    assert one_map(10, 20, 2, study).max().item() == pytest.approx(0.619, abs=5e-4)
    assert one_map(10, 20, 1, study).max().item() == pytest.approx(0.159, abs=5e-4)


@pytest.mark.parametrize("peak", ["one", "mass"])
@given(cells=st.lists(st.tuples(CELL, CELL), min_size=6, max_size=6), seed=st.integers(0, 99))
def test_decoding_gives_back_the_cells_that_were_encoded(peak: str, cells: list[tuple[int, int]], seed: int) -> None:
    wanted = torch.tensor(cells).reshape(2, 3, 2)
    visibility = torch.randint(1, 3, (2, 3), generator=torch.Generator().manual_seed(seed))
    maps = encode(map_to_crop(wanted), visibility, HeatmapConfig(peak=peak, sigma_hidden=2.5), 128)  # type: ignore[arg-type]
    assert maps.shape == (2, 3, 32, 32)
    assert maps.dtype == torch.float32
    decoded = decode(maps)
    assert torch.equal(decoded.cells, wanted)
    assert torch.equal(decoded.score, maps.amax((2, 3)))


@given(st.floats(0, 127.99), st.floats(0, 127.99))
def test_a_cell_and_its_way_back_stay_within_a_cell_of_the_joint(x: float, y: float) -> None:
    found = cells(joint(x, y), 128)
    assert found.inside.all()
    assert found.cells.min() >= 0
    assert found.cells.max() <= 31
    assert (map_to_crop(found.cells) - joint(x, y)).abs().max() < 4


def test_the_way_back_is_the_middle_of_the_joints_that_fall_on_a_cell() -> None:
    x = torch.arange(0, 124, 0.01, dtype=torch.float64)
    fallen = cells(torch.stack((x, x), -1)[None], 128).cells[0, :, 0]
    # Halves round to even, so cells take 5 and 3 whole pixels in turn; the first and last ones are cut off.
    for cell in range(2, 28):
        assert abs(float(x[fallen == cell].mean()) - float(map_to_crop(torch.tensor(cell)))) < 0.02


@pytest.mark.parametrize(
    ("pixel", "cell"),
    [(0, 0), (1.9, 0), (2.9, 0), (3, 1), (5.9, 1), (6, 2), (10.99, 2), (14, 4), (253.9, 63), (255.9, 63), (256, 63)],
)
def test_rounding_cuts_to_pixels_then_goes_half_to_even_but_never_off_the_map(pixel: float, cell: int) -> None:
    assert cells(joint(pixel, 100.0), 256).cells[0, 0, 0] == cell


@pytest.mark.parametrize("x", [-0.01, 128.01, 1e9, float("nan"), float("inf")])
def test_a_joint_outside_the_crop_has_an_empty_map_and_no_cell(x: float) -> None:
    found = cells(joint(5.0, x), 128)
    assert not found.inside.any()
    assert (found.cells == 0).all()
    assert not encode(joint(5.0, x), torch.tensor([[2]]), HeatmapConfig(), 128).any()


def test_an_unlabelled_joint_has_an_empty_map() -> None:
    assert not one_map(5, 5, 0, HeatmapConfig()).any()


def test_every_joint_of_a_batch_gets_the_map_that_it_gets_alone() -> None:
    numbers = torch.Generator().manual_seed(1)
    xy_crop = torch.rand(4, 5, 2, generator=numbers) * 140 - 6
    visibility = torch.randint(0, 3, (4, 5), generator=numbers, dtype=torch.uint8)
    config = HeatmapConfig(sigma_hidden=2.0)
    maps = encode(xy_crop, visibility, config, 128)
    for n in range(4):
        for k in range(5):
            alone = encode(xy_crop[n, k][None, None], visibility[n, k][None, None], config, 128)
            assert torch.equal(maps[n, k], alone[0, 0])


def test_maps_first_made_in_a_validation_can_be_trained_on_afterwards() -> None:
    config = HeatmapConfig(sigma_visible=1.23)
    with torch.inference_mode():
        one_map(5, 5, 2, config)
    predicted = torch.zeros(32, 32, requires_grad=True)
    ((predicted - one_map(5, 5, 2, config)) ** 2).sum().backward()
    assert predicted.grad is not None


def test_ties_go_to_the_first_cell_in_reading_order() -> None:
    maps = torch.zeros(1, 1, 4, 4)
    maps[0, 0, 1, 3] = maps[0, 0, 2, 0] = 7
    assert decode(maps).cells.tolist() == [[[3, 1]]]


def test_a_map_of_nan_is_an_error() -> None:
    maps = torch.zeros(1, 2, 4, 4)
    maps[0, 1, 2, 2] = float("nan")
    with pytest.raises(ValueError, match="NaN"):
        decode(maps)


def test_a_sigma_of_zero_is_an_error() -> None:
    with pytest.raises(ValueError, match="positive"):
        one_map(1, 1, 2, HeatmapConfig(sigma_visible=0.0))
