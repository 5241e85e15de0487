"""Pictures of an analysis: drawn alike twice, other for other numbers, whole where something is missing."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from matplotlib.figure import Figure

from shgae.analysis.latent.network import DecodedPose
from shgae.analysis.latent.spectrum import Spectrum
from shgae.data.heatmaps import map_to_crop
from shgae.plots.clusters import mosaic_figure, silhouette_figure
from shgae.plots.code_units import Portrait, code_units_figure
from shgae.plots.heat_table import heat_table
from shgae.plots.poses import View
from shgae.plots.spectrum import spectrum_figure
from shgae.plots.style import save_figure
from shgae.plots.traversals import extent_of, traversal_figure
from shgae.skeleton import COCO_PERSON as SKELETON
from shgae.skeleton import Skeleton
from tests.builders.findings import clusters

K = len(SKELETON)


def member(seed: int) -> View:
    rng = np.random.default_rng(seed)
    crop = rng.integers(0, 256, (64, 64, 3), dtype=np.uint8)
    return View(crop, rng.uniform(0, 64, (K, 2)).astype(np.float32), rng.integers(0, 3, K).astype(np.uint8))


def falling(*shares: float, rank: int, above: int, components: int) -> Spectrum:
    return Spectrum(50, len(shares), rank, shares, dict.fromkeys(("90", "95", "99"), components), 3.0, above)


def spectrum(seed: int) -> Figure:
    shares = np.sort(np.random.default_rng(seed).dirichlet(np.ones(40)))[::-1].tolist()
    return spectrum_figure(*(falling(*shares, rank=30, above=above, components=20) for above in (3, 0)))


def decoded(seed: int, steps: int = 3, joints: int = K) -> DecodedPose:
    rng = np.random.default_rng(seed)
    shapes = ((steps, joints, 2), (steps, joints), (steps, 16, 16))
    xy, height, heat = (rng.uniform(0, 1, shape).astype(np.float32) for shape in shapes)
    return DecodedPose(64 * xy, height, heat)


def traversal(seed: int) -> Figure:
    return traversal_figure(
        [("skips\non", decoded(seed))], [member(seed + i) for i in range(3)], (-2.0, 0.0, 2.0), SKELETON, "a traversal"
    )


def code_units(seed: int) -> Figure:
    rng = np.random.default_rng(seed)
    lost = rng.normal(0, 0.1, K)
    lost[0] = np.nan
    values = rng.uniform(0, 9, 50).astype(np.float32)
    one = Portrait("unit 3", values, decoded(seed), [member(seed)], lost)
    return code_units_figure([one, one], SKELETON, "units")


@pytest.mark.parametrize(("lost", "most"), [(0.0, 0.01), (0.2, 0.2)])
def test_the_axis_of_what_is_lost_is_as_high_as_the_most_and_low_where_that_is_nothing(
    lost: float, most: float
) -> None:
    one = Portrait("unit 3", np.ones(9, np.float32), decoded(0), [], np.full(K, lost))
    assert code_units_figure([one], SKELETON, "units").axes[-1].get_ylim()[1] == pytest.approx(110 * most)


def mosaic(seed: int) -> Figure:
    return mosaic_figure([("5\npeople", [member(seed), member(seed + 1)]), ("1", [member(9)])], SKELETON, "groups")


def table(seed: int) -> Figure:
    values = np.random.default_rng(seed).uniform(0, 1, (3, 2))
    values[0, 0] = np.nan
    return heat_table(values, ["a", "b", "c"], ["on", "off"], "PCK")


def silhouettes(seed: int) -> Figure:
    first, second = np.random.default_rng(seed).uniform(-0.1, 0.7, 2).tolist()
    return silhouette_figure([clusters(first, cloud=0.6), clusters(second)])


BOTH = (".png", ".svg")
DRAWN = [(draw, BOTH) for draw in (spectrum, table, silhouettes)]
DRAWN += [(draw, (".png",)) for draw in (traversal, code_units, mosaic)]  # what holds photos is written as PNG alone


@pytest.mark.parametrize(("draw", "suffixes"), DRAWN)
def test_equal_numbers_give_equal_bytes_and_others_do_not(
    draw: Callable[[int], Figure], suffixes: tuple[str, ...], tmp_path: Path
) -> None:
    for name, seed in (("a", 0), ("b", 0), ("c", 5)):
        save_figure(draw(seed), [tmp_path / f"{name}{suffix}" for suffix in suffixes], "shgae analyze")
    for suffix in suffixes:
        first, again, other = ((tmp_path / f"{name}{suffix}").read_bytes() for name in "abc")
        assert first == again != other


def test_a_spectrum_ends_where_nothing_but_rounding_is_left(tmp_path: Path) -> None:
    some = falling(0.9, 0.1, 1e-12, 0.0, rank=4, above=1, components=2)
    none = falling(0.0, 0.0, 0.0, 0.0, rank=4, above=0, components=0)
    for drawn, shown in ((some, [90, 10]), (none, [])):
        figure = spectrum_figure(drawn, None)
        heights = np.asarray(figure.axes[0].lines[0].get_ydata(), np.float64)
        assert heights[np.isfinite(heights)].tolist() == pytest.approx(shown)
        save_figure(figure, tmp_path / "spectrum.svg", "")


def test_a_cell_lies_where_its_joint_is_drawn() -> None:
    side = 64
    left, right, _, _ = extent_of(side)
    width = (right - left) / (side / 4)
    for cell in (0, 7, 15):
        middle = left + width * (cell + 0.5)
        assert middle == pytest.approx(float(map_to_crop(torch.tensor([cell, cell]))[0]))


def test_a_table_of_nothing_but_missing_numbers_is_drawn() -> None:
    figure = heat_table(np.full((2, 2), np.nan), ["a", "b"], ["on", "off"], "PCK")
    assert len(figure.axes[0].texts) == 0


def test_names_of_a_spectrum_stand_above_its_curves() -> None:
    for axes in spectrum(0).axes:
        assert not axes.texts
        box = axes.get_legend().get_window_extent()
        assert box.y0 >= axes.get_window_extent().y1 - 1


def test_a_picture_with_joints_says_what_a_hollow_one_means() -> None:
    for draw, meanings in ((traversal, ("0.3 of the row's highest", "v = 1")), (mosaic, ("v = 1",))):
        caption = draw(0).get_suptitle()
        assert "orange: the person's left" in caption and all(meaning in caption for meaning in meanings)
    assert traversal(0).get_suptitle().splitlines()[1] == code_units(0).get_suptitle().splitlines()[2]
    alone = traversal_figure([("skips\non", decoded(0, steps=1))], None, (0.0,), SKELETON, "nobody is near")
    assert "v = 1" not in alone.get_suptitle()


def test_the_borders_of_the_silhouette_can_be_read_where_a_cloud_lies_on_them() -> None:
    axes = silhouette_figure([clusters(0.3, cloud=0.48)]).axes[0]
    curve, cloud = axes.lines[0], axes.lines[2]
    assert axes.texts
    for text in axes.texts:
        assert text.get_bbox_patch() is not None
        assert cloud.get_zorder() < text.get_zorder() < curve.get_zorder()


def test_one_number_of_clusters_is_a_whole_one() -> None:
    axes = silhouette_figure([clusters(0.3)]).axes[0]
    assert [tick for tick in axes.get_xticks() if axes.get_xlim()[0] < tick < axes.get_xlim()[1]] == [2]


def test_the_title_of_few_people_is_not_cut(tmp_path: Path) -> None:
    title = "K = 10, mean silhouette 0.51; cuts, no clusters shown: people nearest to each centre"
    figure = mosaic_figure([("1\nperson", [member(9)])], SKELETON, title)
    save_figure(figure, tmp_path / "x.png", "")
    box = next(text for text in figure.texts if title in text.get_text()).get_window_extent()
    assert figure.bbox.x0 <= box.x0 and box.x1 <= figure.bbox.x1


def test_names_of_many_joints_do_not_lie_on_each_other(tmp_path: Path) -> None:
    names = tuple(f"left_face_{i}" for i in range(133))
    one = Portrait("unit 3", np.ones(9, np.float32), decoded(0, joints=133), [], np.zeros(133))
    figure = code_units_figure([one], Skeleton(names, (), ()), "units")
    save_figure(figure, tmp_path / "x.png", "")
    boxes = [label.get_window_extent() for label in figure.axes[-1].get_xticklabels()]
    assert all(a.x1 < b.x0 for a, b in zip(boxes, boxes[1:], strict=False))
