"""What is shown of the units of a code, by hand."""

from __future__ import annotations

from shgae.analysis.latent.report import CodeUnit
from shgae.metrics.statistics import Interval
from shgae.reporting.latent import analysis_tables
from shgae.reporting.table import Grid
from tests.builders.findings import analysis_report, unit

CLEAR, UNCLEAR = Interval(0.02, 0.01, 0.03, 0.005), Interval(0.01, -0.01, 0.03, 0.01)


def units_table(*units: CodeUnit, people: int = 20) -> Grid:
    return analysis_tables(analysis_report(*units, people=people))[-1]


def test_every_part_has_a_table() -> None:
    titles = [grid.title for grid in analysis_tables(analysis_report(unit(0, CLEAR)))]
    assert [title.split()[0] for title in titles] == ["Principal", "K-means", "Traversals", "Skips", "Units"]


def test_of_one_photo_no_cost_is_told_and_no_unit_is_called_constant() -> None:
    grid = units_table(unit(0, None), unit(1, None, deviation=0.0), people=1)
    assert grid.title.endswith("tried on 1 person")
    assert grid.rows == ()
    assert grid.caption.splitlines()[1:] == [
        "fewer than two photos: no interval, so no cost",
        "1 more unit of one value for everybody",
    ]


def test_the_joint_that_loses_most_is_named_where_one_loses() -> None:
    grid = units_table(unit(0, CLEAR, ankle=0.25), unit(1, UNCLEAR))
    assert grid.rows == (("0", "2.0 (1.0 to 3.0)", "40", "ankle", "25.0"), ("1", "1.0 (-1.0 to 3.0)", "40", "-", "-"))


def test_captions_name_the_people_and_clouds_that_numbers_are_of() -> None:
    spectra, clusters = analysis_tables(analysis_report())[:2]
    assert spectra.caption.splitlines()[:1] == [
        "components that hold so much of the variance; above chance: above the broken-stick rule for as many pieces as "
        "vary (under 30), and above white noise"
    ]
    assert clusters.caption.splitlines()[1:] == [
        "highest silhouette of 100 people: 0.700; of 2 clouds of one mode each: elliptical up to 0.600, copula up to "
        "0.200"
    ]
