"""What the parts found goes into a report without its maps."""

from __future__ import annotations

import numpy as np
import pytest

from shgae.analysis.latent.measure import Found, report_of
from shgae.analysis.latent.network import DecodedPose, Traversal
from shgae.analysis.latent.report import STEPS


def test_parts_that_were_left_out_are_empty_and_told() -> None:
    report = report_of(Found(), {"skips": "it needs a model"}, ())
    assert report.split is report.spectrum is report.clusters is report.traversals is report.code_units is None
    assert (report.skips, report.left_out) == ((), {"skips": "it needs a model"})


def test_of_a_traversal_the_joints_are_kept_to_a_hundredth_of_a_pixel() -> None:
    steps = len(STEPS)
    xy = np.full((steps, 3, 2), 1.2345, np.float32)
    xy[-2] += 10  # c = +2
    decoded = DecodedPose(xy, np.ones((steps, 3), np.float32), np.zeros((steps, 32, 32), np.float32))
    one = Traversal(1, 0.5, 0.25, {"skips_on": decoded, "skips_off": decoded}, np.arange(steps))
    traversals = report_of(Found(rest=9, traversals={"bottleneck": [one]}), {}, ()).traversals
    assert traversals is not None
    assert (traversals.people, traversals.code) == (9, ())
    (found,) = traversals.bottleneck
    assert found.joints["skips_on"][0] == ((1.23, 1.23),) * 3
    assert found.nearest_rows == tuple(range(steps))
    assert found.moved.skips_off == pytest.approx(10 * np.sqrt(2) / 128)
