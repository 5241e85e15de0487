"""One replacement scores more than another where the interval of the difference says so."""

from __future__ import annotations

import pytest

from shgae.analysis.changes import Change, ChangeVerdict, change
from shgae.metrics.statistics import Interval
from tests.builders.findings import interval


@pytest.mark.parametrize(
    ("difference", "verdict"),
    [
        (None, ChangeVerdict.TOO_FEW),
        (interval(0.2), ChangeVerdict.HIGHER),
        (interval(0.05), ChangeVerdict.NO_DIFFERENCE),
        (interval(-0.2), ChangeVerdict.LOWER),
    ],
)
def test_a_difference_is_one_where_its_interval_excludes_zero(
    difference: Interval | None, verdict: ChangeVerdict
) -> None:
    assert change("ae", "pca-6", difference, 40) == Change(verdict, "ae", "pca-6", difference)


def test_of_fewer_than_ten_photos_there_is_no_verdict() -> None:
    assert change("ae", "pca-6", interval(0.2), 9).verdict == ChangeVerdict.TOO_FEW
    assert change("ae", "pca-6", interval(0.2), 10).verdict == ChangeVerdict.HIGHER
