"""Every format of a figure holds the picture and its command, and nothing that changes from run to run."""

from __future__ import annotations

import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import numpy as np
import pytest
from matplotlib import rc_context
from matplotlib.colors import to_hex
from PIL import Image, ImageColor

from shgae.plots.overlays import Pose, draw_poses
from shgae.plots.poses import View, draw_person
from shgae.plots.style import LEFT, MIDDLE, RIGHT, SUFFIXES, new_figure, save_figure, style
from shgae.skeleton import Skeleton


def drawn(stem: Path, command: str) -> list[Path]:
    with style():
        figure = new_figure(4, 3)
        axes = figure.subplots()
        axes.plot([1, 2, 3], [3, 1, 2], "--", marker="o", label="a run")
        axes.fill_between([1, 3], 1, 2, alpha=0.2)
        axes.legend()
    paths = [stem.with_suffix(suffix) for suffix in SUFFIXES]
    for path in paths:
        save_figure(figure, path, command)
    return paths


def test_another_process_writes_equal_bytes(tmp_path: Path) -> None:
    there = str(tmp_path / "there")
    again = f"from pathlib import Path; from {__name__} import drawn; drawn(Path({there!r}), 'shgae plot')"
    subprocess.run([sys.executable, "-c", again], check=True, timeout=120, cwd=Path(__file__).parents[2])
    for path in drawn(tmp_path / "here", "shgae plot"):
        assert path.read_bytes() == (tmp_path / f"there{path.suffix}").read_bytes()


def test_no_format_names_a_time_or_a_version(tmp_path: Path) -> None:
    png, svg, pdf = drawn(tmp_path / "x", "shgae x")
    assert set(Image.open(png).info) <= {"dpi"}
    text = svg.read_text(encoding="utf-8")
    assert ElementTree.fromstring(text).tag.endswith("svg")
    assert "dc:date" not in text and "Matplotlib v" not in text
    content = pdf.read_bytes()
    assert content.startswith(b"%PDF-") and b"Date" not in content and b"atplotlib v" not in content
    assert b"/Type3" not in content and b"/FontFile2" in content, "text is text, its font travels with it"


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_the_command_is_part_of_the_picture_and_signed_once(tmp_path: Path, suffix: str) -> None:
    (tmp_path / "saved").mkdir()
    for name, commands in {"a": ["shgae b"], "b": ["shgae a"], "twice": ["shgae a", "shgae b"]}.items():
        with style():
            figure = new_figure(4, 3)
        for command in commands:
            save_figure(figure, tmp_path / f"{name}{suffix}", command)
    a, b, twice = ((tmp_path / f"{name}{suffix}").read_bytes() for name in ("a", "b", "twice"))
    assert a != b
    assert a == twice


def test_several_formats_of_one_figure_are_what_each_is_alone(tmp_path: Path) -> None:
    figure = new_figure(4, 3)
    paths = [tmp_path / f"all{suffix}" for suffix in SUFFIXES]
    save_figure(figure, paths, "shgae a")
    for path in paths:
        save_figure(new_figure(4, 3), alone := tmp_path / f"alone{path.suffix}", "shgae a")
        assert path.read_bytes() == alone.read_bytes()


def test_a_name_that_no_font_has_and_one_that_looks_like_a_formula_can_be_shown(tmp_path: Path) -> None:
    png, *_ = drawn(tmp_path / "x", "shgae predict '$a_b$' 'photos/\N{SNOWMAN}\x07\ud800' " + 400 * "x" + " -o out")
    foot = np.asarray(Image.open(png).convert("L"))[-14:]
    assert (foot < 200).any()
    assert (foot[:, 0] == 255).all(), "it runs out of the picture"


def test_settings_of_a_user_change_nothing(tmp_path: Path) -> None:
    (tmp_path / "theirs").mkdir()
    mine = drawn(tmp_path / "x", "shgae x")
    with rc_context({"text.usetex": True, "font.family": "serif", "text.parse_math": True, "axes.grid": False}):
        theirs = drawn(tmp_path / "theirs" / "x", "shgae x")
    assert [one.read_bytes() for one in mine] == [one.read_bytes() for one in theirs]


def test_without_a_command_the_foot_stays_empty(tmp_path: Path) -> None:
    png, *_ = drawn(tmp_path / "x", "")
    foot = np.asarray(Image.open(png).convert("L"))[-14:]
    assert (foot == 255).all()


@pytest.mark.parametrize("names", [("l_hip", "r_hip", "neck"), ("hip.L", "hip.R", "neck"), ("lhip", "rhip", "nose")])
def test_crops_and_photos_show_a_side_in_one_colour(names: tuple[str, ...]) -> None:
    skeleton, xy = Skeleton.from_names(names), np.array([[20.0, 20], [60, 20], [40, 60]])
    photo = Image.new("RGB", (80, 80))
    draw_poses(photo, [Pose(xy, np.ones(3), np.ones(3, bool), (0, 0, 80, 80))], skeleton, 0.1)
    with style():
        axes = new_figure(2, 2).subplots()
        draw_person(axes, View(np.zeros((80, 80, 3)), xy, np.full(3, 2, np.uint8)), skeleton)
    on_crop = [to_hex(colour).upper() for colour in axes.collections[-1].get_facecolor()]
    assert on_crop == [LEFT, RIGHT, MIDDLE]
    assert [photo.getpixel((int(x), int(y))) for x, y in xy] == [ImageColor.getrgb(colour) for colour in on_crop]


@pytest.mark.parametrize("height", [3, 40])
def test_the_command_lies_below_everything_however_tall_the_figure(tmp_path: Path, height: int) -> None:
    with style():
        figure = new_figure(4, height)
        figure.subplots().set_xlabel("a long name of an axis, as wide as the figure is")
    save_figure(figure, tmp_path / "x.png", "shgae plot a b c d e f g")
    name, foot = figure.axes[0].xaxis.label.get_window_extent(), figure.texts[0].get_window_extent()
    assert foot.y0 >= 0 and foot.y1 <= name.y0


def test_joints_beyond_a_picture_leave_it_as_large_as_it_is() -> None:
    axes = new_figure(3, 3).subplots()
    xy = np.array([[-50.0, 5.0], [90.0, 5.0]])
    draw_person(axes, View(np.zeros((10, 20, 3)), xy, np.array([2, 1], np.uint8)), Skeleton(("a", "b"), (), ((0, 1),)))
    assert (axes.get_xlim(), axes.get_ylim()) == ((-0.5, 19.5), (9.5, -0.5))
