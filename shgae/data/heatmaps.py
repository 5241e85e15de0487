"""The heatmap codec: joints in the crop -> target maps, and maps -> cells and back to the crop.

Two frames meet here. ``xy_crop`` is in pixels of the crop, 0 to crop_size; a *cell* is a whole column and row (x, y) of
a map; the side of a map is a quarter of the crop's.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Literal, NamedTuple

import torch
from torch import Tensor

from shgae.recipes import CellRule, Decode, HeatmapConfig
from shgae.skeleton import mirrored

STRIDE = 4
"""Crop pixels in a cell."""
FLIP_LAG = 0.5
"""Crop pixels by which a peak lies right of its joint in the mean of a map and one that was mirrored back; see
:func:`mirror_back`."""
_SLACK = 1e-3
"""Crop pixels that float32 may cost at a border."""
_TRUNCATE = 4.0
"""Standard deviations at which a target Gaussian ends."""


class Cells(NamedTuple):
    """Where joints fall on the map."""

    cells: Tensor
    """(N, K, 2) int64, x and y in 0 .. size - 1; 0 where ``inside`` is False."""
    inside: Tensor
    """(N, K) bool: the joint lies in the crop."""


class Decoded(NamedTuple):
    """Where maps have their peak."""

    cells: Tensor
    """(N, K, 2) int64, x and y of the highest cell."""
    score: Tensor
    """(N, K) float32: its height."""


def cells(xy_crop: Tensor, crop_size: int, rule: CellRule = "round") -> Cells:
    """Joints (N, K, 2), in pixels of the crop -> the cells that they fall on, and whether they lie in the crop.

    ``round`` is the original study's rule: cut to whole pixels, divide by 4, round half to even; rounded down where
    that leaves the map. ``floor`` is Newell's, and that of bearpaw, anibali and princeton-vl: int(pixel / 4). A network
    knows the one it was trained with. The crop's borders belong to it, as they do to the square that it was cut out
    with.
    """
    inside = ((xy_crop >= -_SLACK) & (xy_crop <= crop_size + _SLACK)).all(-1)
    pixels = torch.where(inside[..., None], xy_crop.floor().clamp(min=0), 0) / STRIDE
    at = pixels.round() if rule == "round" else pixels.floor()
    # Rounding up leaves the map by one cell at most, so the last cell is what rounding down gives.
    return Cells(at.clamp(max=crop_size // STRIDE - 1).long(), inside)


def truth(xy_crop: Tensor, visibility: Tensor, crop_size: int, rule: CellRule = "round") -> tuple[Tensor, Tensor]:
    """What a prediction is scored against: cells (N, K, 2), and visibility (N, K), 0 also outside the crop."""
    at = cells(xy_crop, crop_size, rule)
    return at.cells, torch.where(at.inside, visibility, 0)


def map_to_crop(cells: Tensor, rule: CellRule = "round") -> Tensor:
    """Cells (..., 2) -> ``xy_crop`` (..., 2) float32, the middle of what :func:`cells` takes there.

    With ``round`` 4 x cell + 0.5: the half pixel makes up for the cut to whole pixels, which moves a real-valued joint
    by half a pixel on average. With ``floor`` 4 x cell + 2.
    """
    return cells.float() * STRIDE + _middle(rule)


def _middle(rule: CellRule) -> float:
    """Crop pixels from a cell's first one to its middle."""
    return 0.5 if rule == "round" else STRIDE / 2


def encode(
    xy_crop: Tensor, visibility: Tensor, config: HeatmapConfig, crop_size: int, rule: CellRule = "round"
) -> Tensor:
    """Joints -> target maps (N, K, H, W) float32, H = W = crop_size / 4, on the device of the joints.

    A joint's map is a Gaussian, cut off 4 sigma away on either axis, around its cell. Its sigma goes by visibility.
    With ``config.peak == "one"`` it is exp(-d^2 / 2 sigma^2). With ``"mass"`` it is what
    ``scipy.ndimage.gaussian_filter(mode="nearest")`` makes of a map that is 1 in that cell: mass 1, but for cells so
    near the border that part of the mass is cut off, or, in the outermost ones, repeated.

    With ``config.centres == "subpixel"`` the centre is the joint's own place, the inverse of
    :func:`map_to_crop` (1911.07524); of mass 1, what falls beyond the border is cut off everywhere.

    Args:
        xy_crop: (N, K, 2) float, pixels of the crop.
        visibility: (N, K) integers, v = 0, 1, 2; a joint of v = 0, or outside the crop, has an empty map.
        config: peak and sigmas.
        crop_size: rows and columns of the crop.
        rule: which cell a joint falls on.
    """
    at = cells(xy_crop, crop_size, rule)
    size, sigmas = crop_size // STRIDE, (config.sigma_hidden, config.sigma_visible)
    is_visible = (visibility == 2).long()
    is_drawn = (visibility > 0) & at.inside
    if config.centres == "subpixel":
        centre = torch.where(at.inside[..., None], (xy_crop - _middle(rule)) / STRIDE, 0.0)
        along_x, along_y = (_around(part, is_visible, size, sigmas, config.peak) for part in centre.unbind(-1))
    else:
        gaussians = _gaussians(size, sigmas, config.peak, xy_crop.device)
        along_x, along_y = (gaussians[is_visible, part] for part in at.cells.unbind(-1))
    return along_y[..., :, None] * (along_x * is_drawn[..., None])[..., None, :]


def loss_counts(visibility: Tensor, unlabelled: str) -> Tensor:
    """(N, K) the joints with maps that count in the loss: "masked" leaves out those without a label, "empty" none."""
    return (visibility > 0) | (unlabelled == "empty")


def decode(maps: Tensor) -> Decoded:
    """Maps (N, K, H, W) -> the highest cell of each, the first in reading order on ties, and its height.

    Raises:
        ValueError: a number of a map is not finite.
    """
    flat = maps.float().flatten(-2)
    score, index = flat.max(-1)
    if not (score.isfinite() & flat.amin(-1).isfinite()).all():
        raise ValueError(f"a map holds {'NaN' if score.isnan().any() else 'an infinity'}")
    width = maps.shape[-1]
    return Decoded(torch.stack((index % width, index // width), -1), score)


def is_flat(maps: Tensor) -> Tensor:
    """Maps (..., H, W) -> bool (...): all cells are equally high, so that the map has no peak and says nothing."""
    cells = maps.flatten(-2)
    return cells.amax(-1) == cells.amin(-1)


def quarter_offset(maps: Tensor, cells: Tensor) -> Tensor:
    """Cells moved a quarter of a cell towards the higher of their two neighbours, on either axis (Newell et al. 2016).

    A cell stays where it is along an axis on which it lies at the border, or both neighbours are equally high.

    Args:
        maps: (N, K, H, W) float.
        cells: (N, K, 2) int64, their highest cells x, y.

    Returns:
        (N, K, 2) float32 cells.
    """
    height, width = maps.shape[-2:]
    flat = maps.flatten(-2)
    x, y = cells.unbind(-1)
    moves = []
    for at, last, step in ((x, width - 1, 1), (y, height - 1, width)):
        # At a border both neighbours are the cell itself, and so equally high.
        steps = torch.where((at > 0) & (at < last), step, 0)
        before, after = (flat.gather(-1, (y * width + x + way * steps)[..., None]).squeeze(-1) for way in (-1, 1))
        moves.append((after > before).float() - (after < before).float())
    return cells + 0.25 * torch.stack(moves, -1)


def dark_offset(maps: Tensor, cells: Tensor, sigma: float) -> Tensor:
    """Cells moved to the peak of the Gaussian that maps look like there (DARK, Zhang et al. 2020: 1910.06278).

    The map is blurred with the Gaussian of the targets and brought back to its own height; of its logarithm, a
    parabola for a Gaussian, one Newton step is taken: -H^-1 g with the gradient g and the Hessian H of central
    differences. As in MMPose (``refine_keypoints_dark``), a cell within two of a border stays, as does one with a
    singular Hessian, and with sigma = 2 the blur has its 11 cells.

    Args:
        maps: (N, K, H, W) float.
        cells: (N, K, 2) int64, their highest cells x, y.
        sigma: standard deviation of the targets, in cells.

    Returns:
        (N, K, 2) float32 cells.
    """
    height, width = maps.shape[-2:]
    flat = _blurred(maps.float(), sigma).clamp(min=1e-10).log().flatten(-2)
    x, y = cells.unbind(-1)
    moves = (x > 1) & (x < width - 2) & (y > 1) & (y < height - 2)
    at = torch.where(moves, y * width + x, 0)

    def near(dx: int, dy: int) -> Tensor:
        place = (at + dy * width + dx).clamp(0, height * width - 1)  # beyond only where nothing moves
        return flat.gather(-1, place[..., None]).squeeze(-1)

    gx, gy = (near(1, 0) - near(-1, 0)) / 2, (near(0, 1) - near(0, -1)) / 2
    xx = (near(2, 0) - 2 * near(0, 0) + near(-2, 0)) / 4
    yy = (near(0, 2) - 2 * near(0, 0) + near(0, -2)) / 4
    xy = (near(1, 1) - near(-1, 1) - near(1, -1) + near(-1, -1)) / 4
    determinant = xx * yy - xy * xy
    moves &= determinant != 0
    safe = torch.where(moves, determinant, 1)
    step = torch.stack((yy * gx - xy * gy, xx * gy - xy * gx), -1) / safe[..., None]
    return cells - torch.where(moves[..., None], step, 0)


def refined(maps: Tensor, cells: Tensor, how: Decode, sigma: float) -> Tensor:
    """Highest cells (N, K, 2) of maps (N, K, H, W) -> (N, K, 2) float32 cells; sigma is that of the targets."""
    if how == "quarter":
        return quarter_offset(maps, cells)
    return dark_offset(maps, cells, sigma) if how == "dark" else cells.float()


def flip_lag(rule: CellRule) -> float:
    """Crop pixels by which a peak lies right of its joint in the mean with maps that were mirrored back."""
    return FLIP_LAG if rule == "round" else 0.0


def mirror_back(maps: Tensor, flip_pairs: Sequence[tuple[int, int]], rule: CellRule = "round") -> Tensor:
    """Maps (N, K, H, W) of mirrored crops -> maps of the crops: mirrored, a column further right, mirror pairs swapped.

    With ``round``, pixel p of a crop is pixel 4 W - 1 - p of its mirror image. Cell c stands for the pixels around 4 c
    (:func:`cells`); the mirror image has them around 4 W - 1 - 4 c, which is cell W - 1/4 - c. The nearest column is
    W - c; the plain mirror image, W - 1 - c, is three quarters of a cell away. Column 0 takes what column 1 does: its
    pixels are the mirror image's last ones too. The quarter that is left moves a peak right by a crop pixel, and by
    half of one, :data:`FLIP_LAG`, in the mean with the maps of the crops themselves.

    With ``floor``, cell c holds the pixels 4 c to 4 c + 3, which the mirror image has in cell W - 1 - c: the maps are
    mirrored plainly, and nothing lags.
    """
    width = maps.shape[-1]
    columns = width - (1 if rule == "floor" else 0) - torch.arange(width, device=maps.device)
    columns = columns.clamp(max=width - 1)
    return maps[:, mirrored(maps.shape[1], flip_pairs)][..., columns]


@lru_cache(maxsize=8)
def _gaussians(size: int, sigmas: tuple[float, float], peak: Literal["one", "mass"], device: torch.device) -> Tensor:
    """(2, size, size) float32: by sigma, row c is one axis of the Gaussian around cell c."""
    one_axis = _peak_one if peak == "one" else _mass_one
    return torch.stack([one_axis(size, sigma) for sigma in sigmas]).float().to(device)


@lru_cache(maxsize=8)
def _sizes(sigmas: tuple[float, float], device: torch.device) -> Tensor:
    """(2, 2) float32: each sigma, and how far it is drawn; kept, since a GPU is waited for where it is sent there."""
    return torch.tensor([sigmas, [_radius(sigma) for sigma in sigmas]], dtype=torch.float32, device=device)


def _around(
    centre: Tensor, kind: Tensor, size: int, sigmas: tuple[float, float], peak: Literal["one", "mass"]
) -> Tensor:
    """One axis of Gaussians around places (N, K), each with the sigma of its kind (N, K): (N, K, size) float32."""
    radii = [_radius(sigma) for sigma in sigmas]
    sigma, reach = _sizes(sigmas, centre.device)[:, kind][..., None].unbind(0)

    def bells(cell: Tensor) -> Tensor:
        distance = cell - centre[..., None]
        return torch.where(distance.abs() <= reach, torch.exp(-0.5 * (distance / sigma) ** 2), 0)

    drawn = bells(torch.arange(size, device=centre.device))
    if peak == "one":
        return drawn
    offset = torch.arange(-max(radii), max(radii) + 2, device=centre.device)
    return drawn / bells(centre.floor()[..., None] + offset).sum(-1, keepdim=True)


def _blurred(maps: Tensor, sigma: float) -> Tensor:
    """Maps (N, K, H, W) under a Gaussian, 0 beyond the border, each as high as before."""
    reach = max(round((sigma - 0.8) / 0.3 + 1), 0)  # OpenCV's size of a kernel for a sigma
    offset = torch.arange(-reach, reach + 1, device=maps.device)
    weight = torch.exp(-0.5 * (offset.float() / sigma) ** 2)
    weight /= weight.sum()
    one = maps.reshape(-1, 1, *maps.shape[-2:])
    one = torch.nn.functional.conv2d(one, weight.view(1, 1, 1, -1), padding=(0, reach))
    one = torch.nn.functional.conv2d(one, weight.view(1, 1, -1, 1), padding=(reach, 0)).view(maps.shape)
    highest = one.amax((-2, -1), keepdim=True)
    return one * (maps.amax((-2, -1), keepdim=True) / torch.where(highest == 0, 1, highest))


def _peak_one(size: int, sigma: float) -> Tensor:
    cell = torch.arange(size)
    distance = (cell - cell[:, None]).abs()
    return torch.where(distance <= _radius(sigma), _bell(distance, sigma), 0)


def _mass_one(size: int, sigma: float) -> Tensor:
    offset = torch.arange(-_radius(sigma), _radius(sigma) + 1)
    weight = _bell(offset, sigma)
    weight /= weight.sum()
    cell = torch.arange(size)[:, None].expand(-1, len(offset))
    # Each cell gathers from its neighbours, and beyond the border stands what stands on it: scipy's "nearest".
    source = (cell + offset).clamp(0, size - 1)
    rows = torch.zeros(size, size, dtype=torch.float64)
    return rows.index_put_((source, cell), weight.expand_as(cell), accumulate=True)


def _radius(sigma: float) -> int:
    return int(_TRUNCATE * sigma + 0.5)


def _bell(distance: Tensor, sigma: float) -> Tensor:
    return torch.exp(-0.5 * (distance.double() / sigma) ** 2)
