"""What people's tables become before they are scored."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from shgae.artifacts.crops import Crops
from shgae.errors import Refused
from shgae.evaluation.people import people_of
from shgae.evaluation.predictions import Predictions, from_cells
from shgae.evaluation.scoring import score
from shgae.metrics import pose_scores
from shgae.metrics.people import People
from shgae.skeleton import COCO_PERSON


def exact(crops: Crops, people: People) -> Predictions:
    return from_cells("exact", people.cells, None, crops)


def test_the_annotation_in_photo_pixels_is_that_of_the_json(crops: Crops, tiny_data: Path) -> None:
    people, table = people_of(crops, COCO_PERSON), crops.people
    for i in range(len(people)):
        x0, y0, side = table.square[i]
        np.testing.assert_allclose(people.xy_photo[i], table.xy_crop[i] * side / 128 + [x0, y0], rtol=1e-6)
    assert (people.map_size, people.joints) == (32, COCO_PERSON.names)
    np.testing.assert_array_equal(people.box, table.box)


def test_a_joint_outside_the_crop_has_no_target_but_is_annotated(crops: Crops) -> None:
    xy_crop, visibility = crops.people.xy_crop.copy(), crops.people.visibility.copy()
    visibility[0, 0], xy_crop[0, 0] = 2, (140, -30)
    crops.people = dataclasses.replace(crops.people, xy_crop=xy_crop, visibility=visibility)
    people = people_of(crops, COCO_PERSON)
    assert (people.visibility[0, 0], people.cell_visibility[0, 0]) == (2, 0)
    found = {metric.name: metric for metric in score(exact(crops, people), people).metrics}
    assert found["pck/micro"].all == 1
    assert found["box_pck@0.2/micro"].joints["nose"] == pytest.approx(1 - 1 / (visibility[:, 0] > 0).sum())


def test_the_middle_of_a_joints_own_cell_is_at_most_a_cell_away(crops: Crops) -> None:
    people = people_of(crops, COCO_PERSON)
    off = np.abs(exact(crops, people).xy_photo - people.xy_photo)[people.visibility > 0]
    cell = (crops.people.square[:, 2] * 4 / 128)[:, None].repeat(17, axis=1)[people.visibility > 0]
    assert (off <= cell[:, None]).all()


def test_a_prediction_that_is_not_finite_is_refused_and_any_other_fault_is_ours(
    crops: Crops, monkeypatch: pytest.MonkeyPatch
) -> None:
    people = people_of(crops, COCO_PERSON)
    found = exact(crops, people)
    xy_photo = found.xy_photo.copy()
    xy_photo[0, 0, 0] = np.nan
    with pytest.raises(Refused, match="exact: .*finite"):
        score(dataclasses.replace(found, xy_photo=xy_photo), people)
    monkeypatch.setattr(pose_scores.pck, "hits", lambda *_: np.zeros((1, 2)) + np.zeros((1, 3)))
    with pytest.raises(ValueError, match="broadcast"):
        score(found, people)
