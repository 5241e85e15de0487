"""Pictures on the page of a tiny chain."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from shgae.artifacts.draft import new_artifact
from shgae.artifacts.store import open_artifact
from shgae.errors import Refused
from shgae.execution import Execution
from shgae.plots.style import new_figure, style
from shgae.reporting.page.html import pictures_of
from shgae.reporting.page.images import MOST_BYTES, of_figure
from shgae.reporting.page.inputs import open_given
from shgae.reporting.page.people import PANEL_BYTES, people_section
from shgae.reporting.page.sections import sections_of
from shgae.reporting.page.training import training_section
from shgae.stages import evaluate, report
from tests.builders.chain import Chain, Notes
from tests.builders.page_elements import Elements
from tests.builders.reported import CONFIG, HOW, SCORED, Reported, brute_force


@pytest.mark.usefixtures("sketched")
def test_the_people_drawn_are_the_best_the_worst_and_the_most_changed(reported: Reported) -> None:
    shares, annotations = brute_force(reported, ("baseline", "finetuned"))
    given = open_given(reported.inputs, Execution())
    evaluation = [one for one in given if one.kind == "evaluation"]
    section = people_section(evaluation, given, CONFIG, HOW)
    assert section is not None
    mean, change = shares.mean(0), shares[1] - shares[0]
    wanted = {
        "Best": (mean, np.sort(mean)[::-1][:2]),
        "Worst": (mean, np.sort(mean)[:2]),
        "Most gained": (change, np.sort(change[change > 0])[::-1][:2]),
        "Most lost": (change, np.sort(change[change < 0])[:2]),
    }
    for part in section.parts:
        values, extremes = next(found for name, found in wanted.items() if part.title.startswith(name))
        captions = [figure.caption for block in part.blocks if block.kind == "gallery" for figure in block.figures]
        drawn = [int(caption.partition("annotation ")[2].partition(",")[0]) for caption in captions]
        assert [values[annotations.tolist().index(one)] for one in drawn] == pytest.approx(list(extremes))
        for caption, one in zip(captions, drawn, strict=True):
            mine = shares[:, annotations.tolist().index(one)]
            assert f"baseline {100 * mine[0]:.1f} %, finetuned {100 * mine[1]:.1f} %" in caption


def test_a_page_is_the_same_whatever_the_caller_has_told_pillow(
    reported: Reported, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = report.run([reported.evaluation], tmp_path / "expected.html", CONFIG, HOW)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)
    assert report.run([reported.evaluation], tmp_path / "found.html", CONFIG, HOW).sha256 == expected.sha256


@pytest.mark.usefixtures("sketched")
def test_two_models_can_be_named_and_strangers_are_refused(reported: Reported, tmp_path: Path) -> None:
    named = replace(CONFIG, between="grafted,baseline")
    made = report.run([reported.evaluation], tmp_path / "page.html", named, HOW)
    assert "from grafted to baseline" in made.path.read_text()
    with pytest.raises(Refused, match="grafted,theirs"):
        report.run([reported.evaluation], tmp_path / "x.html", replace(CONFIG, between="grafted,theirs"), HOW)
    assert not (tmp_path / "x.html").exists()


@pytest.mark.usefixtures("sketched")
def test_one_model_has_best_and_worst_people_only_and_none_can_be_wanted(chain: Chain, tmp_path: Path) -> None:
    evaluate.run([chain.baseline], chain.data, tmp_path / "alone", SCORED, HOW)
    made = report.run([tmp_path / "alone"], tmp_path / "page.html", CONFIG, HOW)
    assert "PCK of baseline" in made.path.read_text()
    assert "Most gained" not in made.path.read_text()
    assert made.pictures == 3 + 2 * 2 * 2, (
        "bars of joints, errors and curves over radii, and two panels of two people of either sort"
    )
    none = report.run([tmp_path / "alone"], tmp_path / "none.html", replace(CONFIG, people=0), HOW)
    assert "People" not in none.sections


@pytest.mark.usefixtures("sketched")
def test_without_the_data_nobody_is_drawn_and_that_is_said(reported: Reported, tmp_path: Path) -> None:
    shutil.copytree(reported.evaluation, tmp_path / "away" / "evaluation")
    notes = Notes()
    how = replace(HOW, progress=notes)
    made = report.run([tmp_path / "away" / "evaluation"], tmp_path / "page.html", CONFIG, how)
    assert made.pictures == 3
    (note,) = notes.said
    assert open_artifact(reported.data).short_id in note
    both = [tmp_path / "away" / "evaluation", reported.data]
    assert report.run(both, tmp_path / "both.html", CONFIG, HOW).pictures > 2


def test_every_picture_stays_below_its_bound(reported: Reported) -> None:
    given = open_given(reported.inputs, Execution())
    people = people_section([one for one in given if one.kind == "evaluation"], given, CONFIG, HOW)
    assert people is not None
    drawn = [picture for part in people.parts for picture in pictures_of(part.blocks)]
    training = training_section(given)
    assert training is not None
    sections = [*sections_of(given), training]
    others = [picture for one in sections for part in one.parts for picture in pictures_of(part.blocks)]
    assert max(len(picture.data) for picture in drawn) <= PANEL_BYTES
    assert max(len(picture.data) for picture in others) <= MOST_BYTES
    assert reported.result.pictures == len(drawn) + len(others)
    assert all(picture.alt for picture in (*drawn, *others))


@pytest.mark.parametrize(("points", "kind"), [(10, "image/svg+xml"), (20_000, "image/png")])
def test_a_figure_that_is_too_large_as_svg_becomes_a_png(points: int, kind: str) -> None:
    with style():
        figure = new_figure(3, 2)
        figure.subplots().scatter(*np.random.default_rng(0).random((2, points)))
    assert of_figure(figure, "x").type == kind


def test_drawn_figures_are_shown_once_each_as_what_fits(chain: Chain, tmp_path: Path) -> None:
    size = {"small.svg": 10, "small.png": 10, "large.svg": MOST_BYTES, "large.png": 10, "alone.png": 10}
    opened = open_artifact(chain.baseline)
    with new_artifact(tmp_path / "drawn", kind="figures", config={}, parents={"run": opened}, execution=HOW) as made:
        for name, length in size.items():
            svg = f'<svg xmlns="http://www.w3.org/2000/svg" width="9pt" height="9pt"><!--{" " * length}--></svg>'
            if name.endswith("svg"):
                made.file(name).write_text(svg)
            else:
                Image.new("RGB", (30, 20)).save(made.file(name))
        made.commit({"figures": ["small", "large", "alone"]})
    result = report.run([tmp_path / "drawn"], tmp_path / "page.html", CONFIG, HOW)
    places = [str(image["src"]) for image in Elements(result.path.read_bytes()).named("img")]
    assert [place.partition(";")[0] for place in places] == ["data:image/svg+xml", *["data:image/png"] * 2]
