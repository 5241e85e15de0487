"""What is drawn on a photo says what was predicted, and nothing else of the photo changes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageColor

from shgae.plots.overlays import Pose, draw_poses, overlay_sheet, to_panel
from shgae.plots.style import LEFT, MIDDLE, RIGHT, save_figure
from shgae.skeleton import Skeleton

SKELETON = Skeleton.from_names(("left_hand", "left_foot", "r_hand", "nose"), [(0, 1), (0, 2)])
GREY = (90, 90, 90)
XY = [(30, 30), (30, 150), (150, 30), (150, 150)]


def pose(confidence: float = 1.0, **changes: Any) -> Pose:
    parts = {
        "xy": np.array(XY, np.float64),
        "confidence": np.full(4, confidence),
        "is_decided": np.ones(4, np.bool_),
        "box": (0.0, 0.0, 180.0, 180.0),
    }
    return Pose(**(parts | changes))


def drawn(one: Pose, size: tuple[int, int] = (180, 180), min_score: float = 0.1) -> np.ndarray:
    photo = Image.new("RGB", size, GREY)
    draw_poses(photo, [one], SKELETON, min_score)
    return np.asarray(photo)


def colour_at(picture: np.ndarray, x: int, y: int) -> tuple[int, ...]:
    return tuple(int(part) for part in picture[y, x])


def test_limbs_and_joints_have_the_colour_of_the_persons_side() -> None:
    picture = drawn(pose())
    assert colour_at(picture, 30, 90) == ImageColor.getrgb(LEFT)
    assert colour_at(picture, 90, 30) == ImageColor.getrgb(MIDDLE), "from left to right"
    assert colour_at(picture, 150, 30) == ImageColor.getrgb(RIGHT)
    assert colour_at(picture, 150, 150) == ImageColor.getrgb(MIDDLE)
    assert colour_at(picture, 90, 150) == GREY, "no limb leads there"


def test_a_dark_line_runs_around_a_limb() -> None:
    across = drawn(pose(box=(0, 0, 600, 600)))[90, 15:45].sum(1).astype(int)
    assert abs(across - across[::-1]).max() <= 90, "as thick on one side as on the other, but for blended edges"
    assert across[0] == across[-1] == sum(GREY)
    assert across[7:10].min() < 60
    assert across[15] == sum(ImageColor.getrgb(LEFT))


def test_the_less_sure_the_paler() -> None:
    orange, grey = np.array(ImageColor.getrgb(LEFT)), np.array(GREY)
    distances = [np.abs(drawn(pose(sure), min_score=0)[90, 30] - orange).sum() for sure in (1.0, 0.6, 0.2)]
    assert distances[0] == 0
    assert 0 < distances[1] < distances[2] < np.abs(grey - orange).sum()


def test_a_joint_below_the_least_score_is_hollow_and_limbs_to_it_are_thin() -> None:
    confidence = np.array([1.0, 0.05, 1.0, 0.05])
    picture = drawn(pose(confidence=confidence))
    assert colour_at(picture, 150, 150) == GREY, "one sees the photo through it"
    assert colour_at(picture, 150, 30) == ImageColor.getrgb(RIGHT)

    def thickness(one: np.ndarray) -> int:
        return int((one[90, 15:46] != GREY).any(1).sum())

    assert thickness(picture) < thickness(drawn(pose()))


def test_an_undecided_joint_and_its_limbs_are_not_drawn() -> None:
    picture = drawn(pose(is_decided=np.array([True, False, True, False])))
    assert colour_at(picture, 30, 90) == GREY
    assert colour_at(picture, 30, 150) == GREY
    assert colour_at(picture, 90, 30) != GREY


def test_a_larger_person_has_thicker_limbs() -> None:
    def ink(size: float) -> int:
        return int((drawn(pose(box=(0, 0, size, size)), (400, 400)) != GREY).any(2).sum())

    assert ink(60) < ink(400) < ink(1200)


@given(st.lists(st.floats(-3000, 3000), min_size=8, max_size=8), st.integers(1, 90), st.integers(1, 90))
def test_joints_anywhere_can_be_drawn_and_far_pixels_stay(numbers: list[float], width: int, height: int) -> None:
    xy = np.array(numbers).reshape(4, 2)
    picture = drawn(pose(xy=xy, box=(0, 0, 100, 100)), (width, height))
    rows, columns = np.mgrid[:height, :width] + 0.5
    ends = [(0, 1), (0, 2), (1, 1), (2, 2), (3, 3)]
    reach = np.min([_distance(columns, rows, xy[a], xy[b]) for a, b in ends], axis=0)
    assert (picture[reach > 6] == GREY).all()


def _distance(x: np.ndarray, y: np.ndarray, a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Of points from a line between two ends."""
    along = b - a
    share = ((x - a[0]) * along[0] + (y - a[1]) * along[1]) / max(float(along @ along), 1e-9)
    share = share.clip(0, 1)
    return np.hypot(x - a[0] - share * along[0], y - a[1] - share * along[1])


def test_an_entry_of_the_predictions_becomes_a_pose() -> None:
    entry = {
        "keypoints": [1, 2, 0.25, 3, 4, 0.75, 0, 0, 0, 5, 6, -0.5],
        "bbox": [1, 2, 4, 9],
        "undecided": ["r_hand"],
    }
    made = Pose.of_result(entry, SKELETON, 0.5)
    assert made.xy.tolist() == [[1, 2], [3, 4], [0, 0], [5, 6]]
    assert made.confidence.tolist() == [0.5, 1, 0, 0]
    assert made.is_decided.tolist() == [True, True, False, True]
    assert made.size == 6


def test_a_panel_shows_the_part_with_the_people_and_the_joints_at_their_places() -> None:
    photo = Image.new("RGB", (1000, 500), GREY)
    photo.putpixel((600, 300), (255, 0, 0))
    one = pose(xy=np.array([[620.0, 320.0]] * 4), box=(600, 300, 40, 40), is_decided=np.array([0, 0, 0, 1], np.bool_))
    panel = to_panel("a", photo, [one], SKELETON, 0.1)
    assert panel.picture.size == (240, 240), "40 pixels and a quarter around, four times as large at most"
    assert colour_at(np.asarray(panel.picture), 120, 120) == ImageColor.getrgb(MIDDLE)
    assert photo.getpixel((620, 320)) == GREY, "the photo itself is not drawn on"


def boxed(*boxes: tuple[float, float, float, float]) -> list[Pose]:
    return [pose(xy=np.array([box[:2]] * 4, np.float64), box=box) for box in boxes]


def test_a_panel_of_several_says_how_many_and_shows_all_of_them() -> None:
    photo = Image.new("RGB", (1000, 500), GREY)
    panel = to_panel("im1.jpg", photo, boxed((0, 0, 100, 100), (400, 0, 40, 40)), SKELETON, 0.1)
    assert panel.heading == "im1.jpg (2 people)"
    assert panel.picture.size == (480, round(480 * 210 / 550)), "440 pixels and a quarter to the right and below"
    assert to_panel("im1.jpg", photo, boxed((0, 0, 9, 9)), SKELETON, 0.1).heading == "im1.jpg"


@pytest.mark.parametrize(("side", "width"), [(165, 1000), (167, 1000), (40, 1000), (40, 200)])
def test_where_all_are_small_the_largest_alone_is_shown(side: int, width: int) -> None:
    people = boxed((width - 10, 0, 10, 10), (0, 60, 20, side), (0, 0, 10, 10))
    panel = to_panel("im1.jpg", Image.new("RGB", (width, 500), GREY), people, SKELETON, 0.1)
    if 6 * side < width:
        assert panel.heading == "im1.jpg (largest of 3 people)"
        height = 1.25 * side + min(60, 0.25 * side)
        across = 20 + 0.25 * side
        assert panel.picture.width / panel.picture.height == pytest.approx(across / height, rel=0.05)
    else:
        assert panel.heading == "im1.jpg (3 people)"
        assert panel.picture.width / panel.picture.height > 0.6


def test_a_long_name_leaves_room_for_who_is_seen() -> None:
    people = boxed((0, 0, 10, 10), (900, 0, 10, 10))
    panel = to_panel("$" + "n" * 60, Image.new("RGB", (1000, 50), GREY), people, SKELETON, 0.1)
    assert panel.heading.startswith("$nnn")
    assert panel.heading.endswith("nnn (largest of 2 people)")
    assert len(panel.heading) <= 46


@pytest.mark.parametrize("box", [(-500.0, -500.0, 10.0, 10.0), (5e3, 5e3, 1.0, 1.0), (-1e9, 0.0, 2e9, 1e-3)])
def test_a_box_beyond_the_photo_still_gives_a_panel(box: tuple[float, float, float, float]) -> None:
    panel = to_panel("a", Image.new("RGB", (64, 48), GREY), [pose(box=box)], SKELETON, 0.1)
    assert min(panel.picture.size) >= 1


@pytest.mark.parametrize("count", [1, 3, 16])
def test_a_sheet_is_drawn_alike_twice(tmp_path: Path, count: int) -> None:
    names = ["$x^$.jpg", "\u4eba\n.jpg", "n" * 300, *"abcdefghijklm"][:count]
    panels = [to_panel(name, Image.new("RGB", (90, 60), GREY), [pose()], SKELETON, 0.1) for name in names]
    for name in ("a", "b"):
        save_figure(overlay_sheet(panels, 0.1), tmp_path / f"{name}.png", "shgae predict $a $b")
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()
    picture = np.asarray(Image.open(tmp_path / "a.png").convert("RGB"))
    assert (picture == GREY).all(2).sum() > 5000 * count
