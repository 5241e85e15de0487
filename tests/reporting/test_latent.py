"""What is said of an atlas, in words and as a table, by hand."""

from __future__ import annotations

import dataclasses
from typing import Any

from shgae.analysis.latent.network import Unit
from shgae.analysis.latent.text import of_network
from shgae.metrics.statistics import Interval
from shgae.reporting.latent import analysis_tables
from shgae.reporting.table import Grid

CLEAR, UNCLEAR = Interval(0.02, 0.01, 0.03, 0.005), Interval(0.01, -0.01, 0.03, 0.01)


def unit(number: int, lost: Interval | None, deviation: float = 0.5, ankle: float = 0.0) -> Unit:
    return Unit(number, 0.4, 1.0, deviation, lost, {"nose": 0.0, "ankle": ankle}, (), None)


def atlas(*units: Unit, people: int = 20) -> Grid:
    report: dict[str, Any] = dict.fromkeys(("spectrum", "clusters", "walks", "skips"))
    report["atlas"] = {"people": people, "units": [dataclasses.asdict(one) | {"unit": one.number} for one in units]}
    (grid,) = analysis_tables(report)
    return grid


def test_units_that_cost_are_counted_in_good_grammar() -> None:
    one, two, none = unit(0, CLEAR), unit(1, CLEAR), unit(2, UNCLEAR)
    (said,) = of_network([], [one, none], 20)
    assert said.startswith(
        "2 of 2 units of the code vary; held at the mean one at a time, one of them costs PCK beyond"
    )
    assert "2 of them cost PCK" in of_network([], [one, two, none], 20)[0]
    assert "none of them costs PCK" in of_network([], [none], 20)[0]
    assert of_network([], [unit(0, None, deviation=0.0)], 20) == ["None of the 1 units of the code varies."]
    assert of_network([], [], 0) == []


def test_of_one_photo_no_cost_is_told_and_no_unit_is_called_constant() -> None:
    units = [unit(0, None), unit(1, None, deviation=0.0)]
    assert of_network([], units, 1) == ["1 of 2 units of the code vary; too few photos to say what each costs."]
    grid = atlas(*units, people=1)
    assert grid.title.endswith("tried on 1 person")
    assert grid.rows == ()
    assert "what a unit costs cannot be told" in grid.caption
    assert "1 more unit has one value for everybody" in grid.caption


def test_the_joint_that_loses_most_is_named_where_one_loses() -> None:
    grid = atlas(unit(0, CLEAR, ankle=0.25), unit(1, UNCLEAR))
    assert grid.rows == (("0", "2.0 (1.0 to 3.0)", "40", "ankle", "25.0"), ("1", "1.0 (-1.0 to 3.0)", "40", "-", "-"))
