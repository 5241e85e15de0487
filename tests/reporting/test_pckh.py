"""Tables and curves over radii: a row a joint or a radius, a column a predictor, in per cent."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pytest

from shgae.evaluation.report import EvaluationReport, Row
from shgae.metrics.pckh import Curve
from shgae.metrics.people import Metric
from shgae.reporting.evaluation_figures import radius_panels
from shgae.reporting.pckh import auc_rows, curve_tables, head_tables
from tests.builders.reports import evaluation, scored

JOINTS = ("nose", "chin")
RADII = tuple(step / 20 for step in range(12))


def metric(name: str, share: float, joints: Mapping[str, float | None], missing: int = 0) -> Metric:
    left_out = {"missing heads": missing} if missing else {}
    return Metric(name, "share", "", "", "", "", share, None, share / 2, joints, {"1-4": share}, 2, left_out)


def with_heads(name: str, share: float, nose: float | None, missing: int = 0) -> Row:
    """A predictor with this share of all joints, half as many of the visible ones, and this share of noses."""
    wrong: dict[str, float | None] = {"nose": 0.99, "chin": 0.98}
    counted = metric("pckh@0.5/mmpose", share, wrong, missing)
    every = metric("pckh@0.5/princeton", 0.97, {"nose": nose, "chin": 0.25})
    return scored(name, {"nose": 0.9, "chin": 0.9}, metrics=(counted, every))


def curved(name: str, **curves: Curve) -> Row:
    return replace(scored(name, {"nose": 0.3}), curves=curves)


def straight(slope: float, auc: float, radii: tuple[float, ...] = RADII) -> Curve:
    return Curve(radii, tuple(slope * radius for radius in radii), auc)


def report(*models: Row, floors: tuple[Row, ...] = (), ceilings: tuple[Row, ...] = ()) -> EvaluationReport:
    return replace(evaluation(*models), floors=floors, ceilings=ceilings)


def test_shares_of_joints_stand_over_those_of_hidden_and_visible_ones() -> None:
    floor = with_heads("mean", 0.1, None)
    (grid,) = head_tables(report(with_heads("a", 0.5, 0.75), with_heads("b", 0.4, 0.125), floors=(floor,)))
    assert grid.headings == ("joint", "a", "b", "mean")
    assert [row[0] for row in grid.rows[:2]] == list(JOINTS)
    assert [row[1:] for row in grid.rows] == [
        ("75.0", "12.5", "-"),
        ("25.0", "25.0", "25.0"),
        ("50.0", "40.0", "10.0"),
        ("-", "-", "-"),
        ("25.0", "20.0", "5.0"),
    ]
    assert grid.aside == 3


@pytest.mark.parametrize("name", ["pckh@0.5/mmpose", "pckh@0.5/princeton"])
def test_without_head_boxes_there_is_no_table_of_heads(name: str) -> None:
    joints: dict[str, float | None] = {"nose": 0.5}
    assert head_tables(report(scored("a", joints, metrics=(metric(name, 0.5, joints),)))) == []
    assert head_tables(report(scored("a", joints))) == []


def test_people_without_a_head_box_are_counted_below_the_table() -> None:
    (whole,) = head_tables(report(with_heads("a", 0.5, 0.75)))
    (some,) = head_tables(report(with_heads("a", 0.5, 0.75, missing=12_345)))
    assert some.caption.startswith(whole.caption) and some.caption.endswith(" 12,345")
    assert "\n" not in whole.caption


def test_areas_have_a_row_for_each_measure_that_somebody_has_and_a_dash_for_whom_has_none() -> None:
    both = curved("a", pckh=straight(1, 0.25), torso_pck=straight(1, 0.125, (0.0, 0.2)))
    half = curved("b", torso_pck=straight(1, 0.5, (0.0, 0.2)))
    rows = auc_rows([half, both, curved("c")])
    assert [row[1:] for row in rows] == [("-", "25.0", "-"), ("50.0", "12.5", "-")]
    assert [row[0].split()[-1] for row in rows] == ["0.55", "0.2"]
    assert [row[1:] for row in auc_rows([half])] == [("50.0",)]
    assert auc_rows([curved("c")]) == []


def test_a_panel_has_the_models_that_have_its_curve_and_what_is_no_model_in_grey() -> None:
    low, high = straight(0.1, 0.1), straight(1, 0.9)
    floors = (curved("mean", pckh=low, torso_pck=high), curved("nothing"))
    ceilings = (curved("cells", pckh=high),)
    heads, torsos = radius_panels(
        report(curved("a", pckh=low, torso_pck=high), curved("b", pckh=high), floors=floors, ceilings=ceilings)
    )
    assert (heads.models, heads.aside) == ([("a", low), ("b", high)], [("mean", low), ("cells", high)])
    assert (torsos.models, torsos.aside) == ([("a", high)], [("mean", high)])
    assert heads.unit != torsos.unit and heads.title != torsos.title


def test_a_measure_that_no_model_has_gets_no_panel() -> None:
    floors = (curved("mean", pckh=straight(1, 0.5), torso_pck=straight(1, 0.5)),)
    (panel,) = radius_panels(report(curved("a", torso_pck=straight(1, 0.5)), floors=floors))
    assert panel.unit == "the torso"
    assert radius_panels(report(curved("a"), floors=floors)) == []


def test_every_fifth_radius_but_the_first_stands_in_the_table_and_the_area_last() -> None:
    ceiling = curved("cells", pckh=straight(1.5, 0.75))
    made = report(curved("a", pckh=straight(1, 0.5)), curved("b"), ceilings=(ceiling,))
    (grid,) = curve_tables(made)
    assert grid.headings == ("radius", "a", "cells")
    assert grid.rows == (("0.25", "25.0", "37.5"), ("0.5", "50.0", "75.0"), ("AUC", "50.0", "75.0"))
    assert grid.aside == 1


def test_there_is_a_table_for_each_measure_that_somebody_has() -> None:
    one = curved("a", pckh=straight(1, 0.5), torso_pck=straight(1, 0.25))
    assert [grid.rows[-1] for grid in curve_tables(report(one))] == [("AUC", "50.0"), ("AUC", "25.0")]
    assert [len(curve_tables(report(curved("a", **{key: one.curves[key]})))) for key in one.curves] == [1, 1]
    assert curve_tables(report(curved("a"))) == []
