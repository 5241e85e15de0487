"""Captions of drawn figures."""

from __future__ import annotations

import pytest

from shgae.reporting.page.sections import _caption


@pytest.mark.parametrize(
    ("name", "caption"),
    [
        ("curves-pck", "Losses and PCK over epochs."),
        ("rate", "PCK and FVU over the number of principal components."),
        ("rate-seed-0-full", "PCK and FVU over the number of principal components: seed-0-full."),
        ("learning-rate", "Learning rate over epochs."),
        ("rates", "rates."),
    ],
)
def test_a_drawn_figure_is_captioned_by_what_it_shows_and_its_run(name: str, caption: str) -> None:
    assert _caption(name) == caption
