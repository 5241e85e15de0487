"""The chosen size of a code is one of those that were tried."""

from __future__ import annotations

from dataclasses import replace

import pytest

from shgae.errors import Inconsistent
from shgae.evaluation.study_sizes import CodeSize, CodeSizes

SIZES = tuple(CodeSize(size, 1000 + size, 0.5, 0.1, 0.4, (0.4,)) for size in (5, 10, 25))


@pytest.mark.parametrize("size", [5, 10, 25])
def test_the_best_size_is_the_chosen_one_wherever_it_stands(size: int) -> None:
    found = CodeSizes((0,), SIZES, size, ((0, 0.2),))
    assert found.best == CodeSize(size, 1000 + size, 0.5, 0.1, 0.4, (0.4,))
    assert replace(found, sizes=SIZES[::-1]).best == found.best


@pytest.mark.parametrize("size", [0, 6, 1005])
def test_a_chosen_size_that_was_not_tried_is_refused(size: int) -> None:
    with pytest.raises(Inconsistent):
        CodeSizes((0,), SIZES, size, ())
    with pytest.raises(Inconsistent):
        CodeSizes((0,), (), size, ())
