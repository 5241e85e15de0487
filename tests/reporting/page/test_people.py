"""Each person on a page is drawn as it was scored."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from shgae.evaluation.extremes import ScoredPeople
from shgae.evaluation.people import people_of
from shgae.evaluation.predictions import Predictions
from shgae.execution import Execution
from shgae.inference.decoding import ARGMAX
from shgae.recipes import ReportConfig
from shgae.reporting.page.people import PANEL_BYTES, PANEL_PIXELS, _chosen, _Drawn, _figure, people_section
from shgae.skeleton import COCO_PERSON
from tests.builders.networks import first_people


def test_nobody_is_drawn_unasked() -> None:
    assert people_section([], [], ReportConfig(people=3), Execution()) is None


@pytest.fixture(scope="module")
def drawn_people(tiny_data: Path) -> _Drawn:
    """One model that is right about everybody, and one that finds nobody's joints."""
    crops, _, _ = first_people(tiny_data)
    people = people_of(crops, COCO_PERSON)
    joint_score = np.ones((len(people), 17), np.float32)
    right = Predictions(
        people.xy_photo, people.cells, np.ones(len(people)), ARGMAX, name="right", joint_score=joint_score
    )
    wrong = dataclasses.replace(right, name="wrong", cells=(people.cells + 16) % 32, xy_photo=people.xy_photo + 40)
    return _Drawn(ScoredPeople((right, wrong), people), crops, COCO_PERSON, {int(people.photo_id[0]): "a.png"})


def test_two_models_have_people_that_gained_and_lost_and_one_has_not(drawn_people: _Drawn) -> None:
    scored = drawn_people.scored
    best, worst, gained, lost = _chosen(scored, ("right", "wrong"), 2)
    assert len(best.rows) == len(worst.rows) == len(lost.rows) == 2
    assert gained.rows == [] and "0 gained" in gained.words[0].text
    alone = ScoredPeople(scored.predictions[:1], scored.people)
    assert [one.title for one in _chosen(alone, ("right",), 2)] == [
        "Best found, by the PCK of right",
        "Worst found, by the PCK of right",
    ]


def test_a_person_is_drawn_as_annotated_and_by_each_model(drawn_people: _Drawn) -> None:
    figure = _figure(drawn_people, 0)
    labelled = int((drawn_people.scored.people.visibility[0] > 0).sum())
    assert len(figure.pictures) == 3
    assert figure.titles == ("annotation", "right 100 %", "wrong 0 %")
    assert f"{labelled} of {labelled}" in figure.pictures[1].alt
    assert f"0 of {labelled}" in figure.pictures[2].alt
    assert "(a.png)" in figure.caption
    elsewhere = np.flatnonzero(drawn_people.scored.people.photo_id != drawn_people.scored.people.photo_id[0])
    assert "(a.png)" not in _figure(drawn_people, int(elsewhere[0])).caption
    for picture in figure.pictures:
        assert (picture.width, picture.height) == (PANEL_PIXELS, PANEL_PIXELS)
        assert len(picture.data) <= PANEL_BYTES
    assert len({picture.data for picture in figure.pictures}) == 3
