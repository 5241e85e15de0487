"""Sheets: where people stand, which joints are hollow, and what a target map covers."""

from __future__ import annotations

import numpy as np
import pytest
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure

from shgae.plots.poses import View
from shgae.plots.sheets import Dropped, people_sheet, with_maps
from shgae.plots.style import LEFT, MIDDLE, RIGHT
from shgae.skeleton import Skeleton

SKELETON = Skeleton(("nose", "left_eye", "right_eye", "left_ear"), ((1, 2),), ((0, 1), (0, 2)))
PICTURE = np.full((32, 32, 3), 0.5, np.float32)
XY = np.array([[4, 4], [12, 8], [20, 8], [28, 30]], np.float32)


def view(title: str, visibility: list[int]) -> View:
    return View(PICTURE, XY, np.array(visibility, np.uint8), title)


def draw(people: list[list[View]], dropped: list[Dropped] | None = None) -> Figure:
    return people_sheet(people, dropped, SKELETON, "a heading")


def test_hidden_joints_are_hollow_and_unlabelled_ones_left_out() -> None:
    [axes] = draw([[view("a", [2, 1, 2, 0])]]).axes
    limbs, joints = axes.collections
    places = [tuple(place) for place in np.asarray(joints.get_offsets()).tolist()]
    faces, edges = (colours[:, :3].tolist() for colours in (joints.get_facecolor(), joints.get_edgecolor()))
    assert dict(zip(places, zip(faces, edges, strict=True), strict=True)) == {
        place: (pytest.approx(to_rgb(face)), pytest.approx(to_rgb(edge)))
        for place, face, edge in (*(((4, 4), MIDDLE, "black"), ((12, 8), "black", LEFT), ((20, 8), RIGHT, "black")),)
    }
    assert len(limbs.get_paths()) == 2 * 2, "two limbs have both ends, each in black and in colour"


def test_people_stand_in_order_and_their_views_beside_each_other() -> None:
    figure = draw([[view(f"{person}{which}", [2] * 4) for which in "xyz"] for person in "abc"])
    places = {axes.get_title(loc="left"): axes.get_position() for axes in figure.axes}
    first_row = sorted((box.x0, name) for name, box in places.items() if box.y0 == places["ax"].y0)
    assert [name for _, name in first_row] == ["ax", "ay", "az", "bx", "by", "bz"]
    assert places["cx"].y1 < places["ax"].y0 and places["cx"].x0 == places["ax"].x0


@pytest.mark.parametrize(("people", "views"), [(1, 1), (3, 2), (17, 1), (5, 8)])
def test_nothing_lies_over_anything_else_and_nothing_beyond_the_sheet(people: int, views: int) -> None:
    titles = [f"{people}. annotation {10**12}", "51.4 crop px off, 13 not found"] * 4
    everybody = [[view(title, [2] * 4) for title in titles[:views]] for _ in range(people)]
    figure = draw(everybody, [Dropped("train", "x", 3, ("\N{CJK UNIFIED IDEOGRAPH-7167}" * 40, "5 in 6"))])
    axes = [one.get_window_extent() for one in figure.axes]
    texts = [text.get_window_extent() for text in figure.texts]
    above = [one._left_title.get_window_extent() for one in figure.axes]  # type: ignore[attr-defined]
    boxes = axes + texts + above + [figure.legends[0].get_window_extent()]
    assert all(figure.bbox.padded(1).containsx(x) for box in boxes for x in (box.x0, box.x1))
    assert all(figure.bbox.padded(1).containsy(y) for box in boxes for y in (box.y0, box.y1))
    overlaps = [(i, j) for i, one in enumerate(boxes) for j, two in enumerate(boxes[:i]) if one.overlaps(two)]
    assert overlaps == []


def test_the_table_says_who_was_left_out() -> None:
    figure = draw([[view("a", [2] * 4)]], [Dropped("val", "no labelled joint", 1200, ("3 in 4.jpg",))])
    texts = [text.get_text() for text in figure.texts]
    assert {"1,200", "val", "no labelled joint", "3 in 4.jpg and 1,199 more"} <= set(texts)
    assert "nobody" in [text.get_text() for text in draw([[view("a", [2] * 4)]], []).texts]


def test_an_example_of_who_was_left_out_is_whole_or_left_out() -> None:
    examples = ("1690665 in 000000252639.jpg", "1714284 in 000000361919.jpg", "531036 in 000000433998.jpg")
    dropped = Dropped("train", "a reason", 82, examples)
    for room in range(40, 120):
        found = dropped.named(room)
        shown, _, left = found.rpartition(" and ")
        named = shown.split(", ")
        assert tuple(named) == examples[: len(named)] and left == f"{82 - len(named)} more"
        assert len(found) <= room
    assert Dropped("train", "a reason", 3, examples).named(120) == ", ".join(examples)
    assert len(dropped.named(30)) <= 30 and dropped.named(30).endswith(" and 81 more")


def test_a_target_map_covers_its_cells_with_the_colour_of_its_side() -> None:
    maps = np.zeros((4, 8, 8), np.float32)
    maps[1, 2, 3], maps[2, 5, 5] = 1.0, 0.5
    blended = with_maps(PICTURE, maps, SKELETON)
    dark = blended[0, 0]
    assert np.allclose(blended[8:12, 12:16], to_rgb(LEFT))
    assert np.allclose(blended[20:24, 20:24], (np.array(to_rgb(RIGHT)) + dark) / 2)
    changed = (np.abs(blended - dark) > 1e-6).any(-1)
    assert changed.sum() == 2 * 16 and dark.max() < 0.5
