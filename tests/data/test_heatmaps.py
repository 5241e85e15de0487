"""The heatmap codec, against scipy's filter, a formula, and its own inverse."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.ndimage import gaussian_filter

from shgae.data.heatmaps import (
    FLIP_LAG,
    cells,
    dark_offset,
    decode,
    encode,
    is_flat,
    map_to_crop,
    mirror_back,
    quarter_offset,
)
from shgae.errors import Refused
from shgae.recipe_parts import NARROWEST
from shgae.recipes import RECIPES, HeatmapConfig, TrainConfig

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


@pytest.mark.parametrize("sign", [1, -1])
def test_a_map_with_an_infinity_is_an_error(sign: int) -> None:
    maps = torch.zeros(1, 2, 4, 4)
    maps[0, 1, 2, 2] = sign * float("inf")
    with pytest.raises(ValueError, match="an infinity"):
        decode(maps)


def test_a_sigma_of_zero_is_an_error() -> None:
    with pytest.raises(Refused, match="sigma_visible"):
        HeatmapConfig(sigma_visible=0.0)


def maps_of(data: st.DataObject, shape: tuple[int, ...]) -> torch.Tensor:
    """Maps of few different heights, so that there are many ties."""
    numbers = data.draw(st.lists(st.integers(-2, 2), min_size=int(np.prod(shape)), max_size=int(np.prod(shape))))
    return torch.tensor(numbers, dtype=torch.float32).reshape(shape)


@given(st.data(), st.integers(1, 5), st.integers(1, 5))
def test_the_quarter_offset_is_that_of_a_loop_over_cells(data: st.DataObject, height: int, width: int) -> None:
    maps = maps_of(data, (2, 2, height, width))
    found = quarter_offset(maps, decode(maps).cells)
    assert found.dtype == torch.float32
    for n in range(2):
        for k in range(2):
            one = maps[n, k].tolist()
            x, y = decode(maps).cells[n, k].tolist()
            wanted = [float(x), float(y)]
            if 0 < x < width - 1 and one[y][x + 1] != one[y][x - 1]:
                wanted[0] += 0.25 if one[y][x + 1] > one[y][x - 1] else -0.25
            if 0 < y < height - 1 and one[y + 1][x] != one[y - 1][x]:
                wanted[1] += 0.25 if one[y + 1][x] > one[y - 1][x] else -0.25
            assert found[n, k].tolist() == wanted


def test_the_quarter_offset_brings_a_peak_between_two_cells_nearer() -> None:
    rows, columns = np.mgrid[:32, :32]
    maps = torch.from_numpy(np.exp(-((rows - 10.3) ** 2 + (columns - 20.6) ** 2) / 8))[None, None]
    assert quarter_offset(maps, decode(maps).cells).tolist() == [[[20.75, 10.25]]]


@given(st.data())
def test_a_map_is_flat_when_it_holds_one_number(data: st.DataObject) -> None:
    maps = maps_of(data, (3, 2, 2))
    assert is_flat(maps).tolist() == [len({*one.flatten().tolist()}) == 1 for one in maps]
    assert is_flat(torch.full((2, 1, 4, 4), -0.3)).all()


@given(st.data())
def test_mirroring_back_takes_the_column_that_a_loop_takes(data: st.DataObject) -> None:
    maps = maps_of(data, (1, 3, 2, 4))
    found = mirror_back(maps, [(0, 2)])
    for joint, partner in enumerate((2, 1, 0)):
        for row in range(2):
            wanted = [maps[0, partner, row, 3 if column == 0 else 4 - column] for column in range(4)]
            assert found[0, joint, row].tolist() == [float(height) for height in wanted]


def test_mirroring_back_twice_changes_nothing_but_the_first_column() -> None:
    maps = torch.rand(2, 4, 8, 8)
    twice = mirror_back(mirror_back(maps, [(1, 3)]), [(1, 3)])
    assert torch.equal(twice[..., 1:], maps[..., 1:])


@given(st.floats(8, 120), st.floats(8, 120), st.sampled_from(["one", "mass"]))
def test_what_the_mirror_image_says_meets_what_the_crop_says(x: float, y: float, peak: str) -> None:
    config = HeatmapConfig(peak=peak, sigma_visible=2.0)  # type: ignore[arg-type]
    left, right = torch.tensor([x, y]), torch.tensor([60.0, 70.0])
    visible = torch.full((1, 2), 2)
    maps = encode(torch.stack((left, right))[None], visible, config, 128)
    # In the mirror image the left joint is a right one.
    flip = torch.tensor([128.0, 0.0])
    mirrored = encode((torch.stack((right, left)) * torch.tensor([-1.0, 1.0]) + flip)[None], visible, config, 128)
    mean = (maps + mirror_back(mirrored, [(0, 1)])) / 2
    found = map_to_crop(decode(mean).cells)[0] - torch.tensor([FLIP_LAG, 0.0])
    # Cell c takes the pixels from 4 c - 2 up to 4 c + 3, seen from the other side those from 4 c - 3 to 4 c + 2.
    assert (found - torch.stack((left, right))).abs().max() <= 3.0001


def test_the_lag_is_what_two_views_of_a_joint_are_off_by_on_average() -> None:
    x = torch.arange(8, 120, 0.01, dtype=torch.float64)

    def seen(x: torch.Tensor) -> torch.Tensor:
        return cells(torch.stack((x, x), -1)[None], 128).cells[0, :, 0]

    both = (seen(x) + (32 - seen(128 - x))) / 2
    assert float((map_to_crop(both).double() - x).mean()) == pytest.approx(FLIP_LAG, abs=0.01)


@given(st.floats(3, 28), st.floats(3, 28), st.sampled_from([1, 2]), st.sampled_from(["one", "mass"]))
def test_a_subpixel_target_is_a_gaussian_around_the_joints_own_place(x: float, y: float, v: int, peak: str) -> None:
    config = HeatmapConfig(peak=peak, sigma_visible=1.5, sigma_hidden=0.7, centres="subpixel")  # type: ignore[arg-type]
    found = (
        encode(torch.tensor([[[4 * x + 0.5, 4 * y + 0.5]]]), torch.tensor([[v]]), config, 128)[0, 0].double().numpy()
    )
    sigma = 1.5 if v == 2 else 0.7
    rows, columns = np.mgrid[:32, :32]
    wanted = np.exp(-((rows - y) ** 2 + (columns - x) ** 2) / (2 * sigma**2))
    wanted[np.maximum(abs(rows - y), abs(columns - x)) > int(4 * sigma + 0.5)] = 0
    if peak == "mass" and min(x, y) > 7 and max(x, y) < 24:
        assert abs(found.sum() - 1) < 1e-5
    ratio = found.max() / wanted.max()
    np.testing.assert_allclose(found, ratio * wanted, atol=2e-3)  # a cell at the rim may be in or out
    assert (peak == "mass") == (abs(ratio - 1) > 1e-3)


@given(st.floats(8, 23), st.floats(8, 23), st.floats(1, 3))
def test_a_subpixel_target_says_where_the_joint_is_and_dark_reads_it(x: float, y: float, sigma: float) -> None:
    xy_crop = torch.tensor([[[4 * x + 0.5, 4 * y + 0.5]]])
    config = HeatmapConfig(sigma_visible=sigma, centres="subpixel")
    maps = encode(xy_crop, torch.tensor([[2]]), config, 128)
    found = dark_offset(maps, decode(maps).cells, sigma)
    np.testing.assert_allclose(found[0, 0].numpy(), [x, y], atol=0.01)
    np.testing.assert_allclose(map_to_crop(found).numpy(), xy_crop.numpy(), atol=0.04)


@pytest.mark.parametrize("peak", ["one", "mass"])
def test_the_narrowest_subpixel_target_reaches_a_cell_wherever_the_joint_is(peak: Any) -> None:
    config = HeatmapConfig(peak=peak, sigma_visible=NARROWEST, centres="subpixel")
    xy_crop = torch.arange(4, 12, 0.1).repeat(2, 1).T[None]
    maps = encode(xy_crop, torch.full(xy_crop.shape[:2], 2), config, 128)
    assert maps.isfinite().all() and (maps.amax((-2, -1)) > 0).all()
    assert peak == "one" or torch.allclose(maps.sum((-2, -1)), torch.ones(()))


@pytest.mark.parametrize("joints", ["visible", "hidden"])
def test_a_subpixel_target_that_would_fit_between_cells_is_refused(joints: str) -> None:
    narrow: dict[str, Any] = {f"sigma_{joints}": 0.12}
    assert HeatmapConfig(**narrow).centres == "cell"
    with pytest.raises(Refused, match=f"--sigma-{joints}: .* at least 0.125, but is 0.12"):
        TrainConfig(**narrow, centres="subpixel")


def test_a_target_on_a_cell_is_the_same_either_way() -> None:
    for x, y in ((5, 20), (31, 0)):
        of_cell, own = (one_map(x, y, 2, HeatmapConfig(centres=way)) for way in ("cell", "subpixel"))  # type: ignore[arg-type]
        torch.testing.assert_close(of_cell, own)


def test_subpixel_targets_have_no_signed_error_where_those_of_cells_have_half_a_pixel_at_most() -> None:
    rng = np.random.default_rng(0)
    xy_crop = torch.from_numpy(rng.uniform(24, 104, (400, 1, 2)).astype(np.float32))
    v = torch.full((400, 1), 2)
    maps = encode(xy_crop, v, HeatmapConfig(centres="subpixel"), 128)
    error = (map_to_crop(dark_offset(maps, decode(maps).cells, 2.0)) - xy_crop) / 4
    assert error.mean((0, 1)).abs().max() < 0.01
    assert error.abs().max() < 0.01


def dark_of_mmpose(maps: np.ndarray, cell: tuple[int, int], sigma: float) -> np.ndarray:
    """DARK as in the paper (1910.06278, equations 8 to 10) and with the kernel, borders and floors of MMPose's code."""
    kernel = np.exp(-((np.arange(11) - 5) ** 2) / (2 * sigma**2))
    kernel /= kernel.sum()
    height, width = maps.shape
    padded = np.zeros((height + 10, width + 10))
    padded[5:-5, 5:-5] = maps
    blurred = np.apply_along_axis(lambda row: np.convolve(row, kernel, "same"), 1, padded)
    blurred = np.apply_along_axis(lambda column: np.convolve(column, kernel, "same"), 0, blurred)[5:-5, 5:-5]
    blurred *= maps.max() / blurred.max()
    log = np.log(np.maximum(blurred, 1e-10))
    x, y = cell
    if not (1 < x < width - 2 and 1 < y < height - 2):
        return np.array([x, y], float)
    dx, dy = 0.5 * (log[y, x + 1] - log[y, x - 1]), 0.5 * (log[y + 1, x] - log[y - 1, x])
    dxx = 0.25 * (log[y, x + 2] - 2 * log[y, x] + log[y, x - 2])
    dyy = 0.25 * (log[y + 2, x] - 2 * log[y, x] + log[y - 2, x])
    dxy = 0.25 * (log[y + 1, x + 1] - log[y - 1, x + 1] - log[y + 1, x - 1] + log[y - 1, x - 1])
    hessian = np.array([[dxx, dxy], [dxy, dyy]])
    if dxx * dyy - dxy**2 == 0:
        return np.array([x, y], float)
    return np.array([x, y]) - np.linalg.inv(hessian) @ np.array([dx, dy])


def test_dark_is_mmposes_on_a_thousand_maps() -> None:
    rng = np.random.default_rng(0)
    rows, columns = np.mgrid[:16, :16]
    places = rng.uniform(-1, 17, (1000, 2, 1, 1))
    maps = np.exp(-((columns - places[:, 0]) ** 2 + (rows - places[:, 1]) ** 2) / 8) + rng.uniform(
        0, 0.3, (1000, 16, 16)
    )
    tensor = torch.from_numpy(maps).float()[:, None]
    found_cells = decode(tensor).cells
    found = dark_offset(tensor, found_cells, 2.0)[:, 0].numpy()
    wanted = [dark_of_mmpose(one, tuple(cell.tolist()), 2.0) for one, cell in zip(maps, found_cells[:, 0], strict=True)]
    moved = np.abs(found - found_cells[:, 0].numpy()).max(1)
    assert 400 < (moved > 0).sum() < 1000
    # float32 against float64: where the Hessian is nearly singular, a step of many cells has few digits.
    np.testing.assert_allclose(found, np.array(wanted), atol=2e-3, rtol=1e-3)


def test_dark_leaves_flat_maps_and_borders_where_they_are() -> None:
    flat = torch.zeros(1, 1, 8, 8)
    assert dark_offset(flat, decode(flat).cells, 2.0).tolist() == [[[0, 0]]]
    maps = torch.rand(1, 3, 8, 8)
    at = torch.tensor([[[0, 4], [7, 7], [6, 3]]])
    assert torch.equal(dark_offset(maps, at, 2.0), at.float())
