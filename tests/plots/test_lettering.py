"""Whatever models, joints and files are called, figures can be drawn, read, and are not commanded by it."""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties, findfont, get_font
from matplotlib.text import Text
from PIL import Image

from shgae.analysis.rate.report import GivenPoint
from shgae.evaluation.error_shares import ErrorTable
from shgae.plots import bars, curves, differences, error_bars, heat_table, overlays, poses, rates, sheets
from shgae.plots.lettering import FAMILY, MONOSPACE, PlainPowers, label_of, legible, make_legible
from shgae.plots.style import new_figure, save_figure, style
from shgae.skeleton import Skeleton
from tests.builders.findings import effect, point, rate_report
from tests.builders.reports import compared, error_shares, estimate, evaluation, interval, scored

TROUBLE = st.text(st.sampled_from("ab_ $\\^{}|&<>%#\n\r\t\x1b\x07\u202e\u2028\u200b\udce9éжאあ日😀"), max_size=8)
NAMES = st.one_of(TROUBLE, st.text(max_size=12), st.text(st.characters(), min_size=60, max_size=90))
HISTORY = [{"epoch": e, "train_loss": 1 / e, "val_loss": 2 / e, "val_pck": 0.1 * e, "lr": 0.1**e} for e in (1, 2, 3)]
FONTS = (FAMILY, MONOSPACE)


def drawn_by(family: str) -> set[int]:
    return set(get_font(findfont(FontProperties(family=family))).get_charmap())


@settings(max_examples=300, deadline=None)
@given(name=NAMES, most=st.integers(3, 80), family=st.sampled_from(FONTS))
def test_a_label_is_short_printable_and_within_the_font(name: str, most: int, family: str) -> None:
    label = legible(name, most, family=family)
    assert len(label) <= most and label.isprintable()
    assert {ord(one) for one in label} <= drawn_by(family)
    if "<" not in name and "U" not in name:
        assert "<U+" not in re.sub(r"<U\+[0-9A-F]{4,6}>", "", label), "a number is torn"


@pytest.mark.parametrize(
    ("name", "label"),
    [
        ("модель_ü", "модель_ü"),
        ("$x_1^2$ & \\frac", "$x_1^2$ & \\frac"),
        ("日本", "<U+65E5><U+672C>"),
        ("\U00020000", "<U+20000>"),
        ("a\x1b[31m\u202eb\nc", "a [31m b c"),
        ("\udce9", "\N{REPLACEMENT CHARACTER}"),
        ("", ""),
    ],
)
def test_what_the_font_has_stays_and_what_it_lacks_is_told_by_its_number(name: str, label: str) -> None:
    assert legible(name) == label


def test_a_name_that_begins_with_an_underscore_is_not_left_out_of_a_legend() -> None:
    with style():
        axes = new_figure(3, 2).subplots()
        axes.plot([1, 2], label=label_of("_x"))
        assert [one.get_text() for one in axes.legend().get_texts()] == [" _x"]


def _overlay(names: list[str], skeleton: Skeleton) -> Figure:
    pose = overlays.Pose(np.full((4, 2), 20.0), np.ones(4), np.ones(4, np.bool_), (0, 0, 40, 40))
    photo = Image.new("RGB", (60, 50))
    return overlays.overlay_sheet([overlays.to_panel(name, photo, [pose], skeleton, 0.1) for name in names], 0.1)


def _poses(names: list[str], skeleton: Skeleton) -> Figure:
    xy, seen = np.full((2, 4, 2), 9.0, np.float32), np.full((2, 4), 2, np.uint8)
    crops = np.zeros((2, 16, 16, 3), np.float32)
    return poses.prediction_sheet(crops, (xy, seen), [(name, xy.astype(float)) for name in names], skeleton)


def _people(names: list[str], skeleton: Skeleton) -> Figure:
    picture, xy = np.zeros((16, 16, 3), np.float32), np.full((4, 2), 9.0)
    views = [[poses.View(picture, xy, np.full(4, 2, np.uint8), name)] for name in names]
    dropped = [sheets.Dropped(name, name, 1, (name,)) for name in names]
    return sheets.people_sheet(views, dropped, skeleton, names[0])


def _bars(names: list[str], skeleton: Skeleton) -> Figure:
    models = [scored(name, dict.fromkeys(skeleton.names, 0.5), sure=interval(0.4, 0.6)) for name in names]
    return bars.joint_bars(evaluation(*models), names[0])


def _errors(names: list[str], skeleton: Skeleton) -> Figure:
    shares = error_shares((0.2,) * 5)
    errors = ErrorTable(shares, None, dict.fromkeys(skeleton.names, shares))
    models = [replace(scored(name, dict.fromkeys(skeleton.names, 0.5)), errors=errors) for name in names]
    return error_bars.error_bars(evaluation(*models), names[0])


def _rates(names: list[str], _: Skeleton) -> Figure:
    given = GivenPoint("", 0.6, None, effect(0.08), effect(None), None, {})
    return rates.rate_curve(replace(rate_report(point(6, 0.5, 0.12)), given=dict.fromkeys(names, given)))


def _forest(names: list[str], _: Skeleton) -> Figure:
    found = [compared(name, "none", estimate(0, 0.2, seeds=1)) for name in names]
    return differences.forest_plot(found, names[0], {(name, "none"): name for name in names})


FIGURES: dict[str, Callable[[list[str], Skeleton], Figure]] = {
    "bars": _bars,
    "curves": lambda names, _: curves.study_curves(dict.fromkeys(names, HISTORY), 2),
    "a curve": lambda names, _: curves.study_curves({names[0]: HISTORY}, None),
    "trainings": lambda names, _: curves.training_curves(dict.fromkeys(names, HISTORY)),
    "rates of learning": lambda names, _: curves.learning_rates(dict.fromkeys(names, HISTORY)),
    "differences": _forest,
    "errors": _errors,
    "heat": lambda names, skeleton: heat_table.heat_table(np.full((4, 2), 0.5), skeleton.names, names, names[0]),
    "overlays": _overlay,
    "poses": _poses,
    "people": _people,
    "rates": _rates,
}


every_figure = pytest.mark.parametrize("kind", FIGURES)
HEALTH = [HealthCheck.function_scoped_fixture]
TWO_NAMES_AND_FOUR_JOINTS = given(
    names=st.lists(NAMES, min_size=2, max_size=2, unique=True),
    joints=st.lists(NAMES.filter(bool), min_size=4, max_size=4, unique=True),
)


@every_figure
@settings(max_examples=3, deadline=None, suppress_health_check=HEALTH)
@TWO_NAMES_AND_FOUR_JOINTS
def test_every_figure_takes_any_name(tmp_path: Path, kind: str, names: list[str], joints: list[str]) -> None:
    check_drawn(tmp_path, kind, names, joints)


@pytest.mark.torture
@every_figure
@settings(max_examples=100, deadline=None, suppress_health_check=HEALTH)
@TWO_NAMES_AND_FOUR_JOINTS
def test_every_figure_takes_many_more_names(tmp_path: Path, kind: str, names: list[str], joints: list[str]) -> None:
    check_drawn(tmp_path, kind, names, joints)


def check_drawn(folder: Path, kind: str, names: list[str], joints: list[str]) -> None:
    with warnings.catch_warnings():
        warnings.filterwarnings("error", message="Glyph")
        save_figure(FIGURES[kind](names, Skeleton(tuple(joints), ((0, 1),), ())), folder / "x.png", names[1])
    assert Image.open(folder / "x.png").width > 100


def test_what_a_figure_forgot_is_made_legible_when_it_is_saved(tmp_path: Path) -> None:
    with style():
        figure = new_figure(3, 2)
        figure.suptitle("日\nb\x1b$\\bad{$")
        figure.subplots().plot([1, 2])
    save_figure(figure, tmp_path / "x.svg", "")
    assert "<U+65E5>\nb $\\bad{$" in texts_of(figure)
    make_legible(figure)
    assert "<U+65E5>\nb $\\bad{$" in texts_of(figure)


def texts_of(figure: Figure) -> list[str]:
    return [one.get_text() for one in figure.findobj(Text) if isinstance(one, Text)]


@settings(max_examples=50)
@given(exponent=st.integers(-12, 12), factor=st.integers(1, 9))
def test_powers_of_ten_are_labelled_without_markup(exponent: int, factor: int) -> None:
    with style():
        axes = new_figure(3, 2).subplots()
    axes.set_yscale("log")
    axes.set_ylim(10.0**exponent, 10.0 ** (exponent + 1))
    form = PlainPowers(labelOnlyBase=False)
    form.set_axis(axes.yaxis)
    form.set_locs([])
    label = form(factor * 10.0**exponent)
    assert "$" not in label
    if label:
        found = re.fullmatch(r"(?:([2-9])×)?10([⁰¹²³⁴⁵⁶⁷⁸⁹⁻]+)", label)
        assert found and int(found[1] or 1) == factor
        assert int(found[2].translate(str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁻", "0123456789-"))) == exponent
