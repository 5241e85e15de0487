"""People of an evaluation on whom two models do best, worst, or differ most, drawn with the annotation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import Image

from shgae.arrays import Floats
from shgae.artifacts.crops import ALL_PEOPLE, Crops, photo_names
from shgae.artifacts.manifest import REPORT
from shgae.errors import Refused
from shgae.evaluation.extremes import ScoredPeople, extremes
from shgae.evaluation.people import people_of
from shgae.evaluation.report import EVALUATION, EvaluationReport
from shgae.execution import Execution
from shgae.plots.overlays import Pose, draw_poses
from shgae.recipes import ReportConfig
from shgae.reporting.page.html import Block, Figure, Gallery, Section, Text
from shgae.reporting.page.images import Picture, of_photo
from shgae.reporting.page.inputs import Given, locate
from shgae.reporting.table import percent, points
from shgae.skeleton import Skeleton
from shgae.wording import counted, counted_people

PANEL_PIXELS = 288
"""Side of a drawn crop."""
PANEL_BYTES = 40_000
"""At most, of one of them."""
_FIRST_AND_LAST = "first,last"
_LEGEND = (
    "Orange: the person's left, blue: right, white: neither. Solid joints are right (within 5 % of the crop's side "
    "of the annotation), hollow joints with thin, pale limbs are wrong; in the annotation hollow means labelled but "
    "hidden (v = 1). Only labelled joints are drawn."
)
_EXTREMES = "These people were chosen for being extreme: they show what can happen, not what is usual."
_NEAR, _FAR = 1.0, 0.0


@dataclass(frozen=True)
class _Drawn:
    """What people are drawn from."""

    scored: ScoredPeople
    crops: Crops
    skeleton: Skeleton
    file_names: dict[int, str]
    """By photo id."""


@dataclass(frozen=True)
class _Sort:
    """Some people to be drawn together."""

    title: str
    rows: list[int]
    """Of the split."""
    words: tuple[Text, ...] = ()


def people_section(
    evaluations: Sequence[Given], given: Sequence[Given], config: ReportConfig, execution: Execution
) -> Section | None:
    """The best, the worst and the most changed people of each evaluation; None where none are wanted.

    Raises:
        Refused: ``config.between`` names no two models of any evaluation, or a file of the data was changed.
    """
    if not config.people:
        return None
    shown = [(one, EVALUATION.read(one.artifact.open(REPORT))) for one in evaluations if one.has(REPORT)]
    if not shown:
        return None
    pairs = [_pair(report, config.between) for _, report in shown]
    if not any(pairs):
        names = ", ".join(row.name for _, report in shown for row in report.models)
        fix = "two of these with a comma between, in that order"
        raise Refused("value", "--between", f"{config.between!r:.80} is not two of the models {names}", fix)
    parts: list[Section] = []
    for (one, report), pair in zip(shown, pairs, strict=True):
        if pair:
            suffix = f", {one.name}" if len(shown) > 1 else ""
            parts += _parts(one, report, pair, given, config.people, execution, suffix)
    return Section("people", "People", (Text(_EXTREMES, "caution"), Text(_LEGEND, "note")), tuple(parts))


def _pair(report: EvaluationReport, between: str) -> tuple[str, ...]:
    """The names of the two models that are compared; of one model alone, its own; empty where they are not in it."""
    names = [row.name for row in report.models]
    if between == _FIRST_AND_LAST:
        return (names[0], names[-1]) if len(names) > 1 else (names[0],)
    # Not split at the comma: a name may hold one.
    return next(((a, b) for a in names for b in names if a != b and f"{a},{b}" == between), ())


def _parts(
    evaluation: Given,
    report: EvaluationReport,
    pair: tuple[str, ...],
    given: Sequence[Given],
    count: int,
    execution: Execution,
    suffix: str,
) -> list[Section]:
    """A part of the page for each sort of people."""
    anchor = f"people-{evaluation.anchor}"
    data = locate(report.data, evaluation, given)
    if data is None:
        why = f"The prepared data {report.data[:12]} is not where the evaluation saw it, so nobody can be drawn."
        execution.progress.note(f"note: {why[0].lower()}{why[1:].rstrip('.')} (give its folder too)")
        return [Section(anchor, " and ".join(pair) + suffix, (Text(why),))]
    drawn = _open(evaluation, pair, report.split, data)
    chosen = _chosen(drawn.scored, pair, count)
    execution.progress.start("people", sum(len(one.rows) for one in chosen), "people")
    parts = []
    for number, one in enumerate(chosen, 1):
        figures = []
        for row in one.rows:
            execution.stop.raise_if_set("report", "the same command again", saved=False)
            figures.append(_figure(drawn, row))
            execution.progress.advance()
        shown: Block = Gallery(tuple(figures)) if figures else Text("Nobody.")
        parts.append(Section(f"{anchor}-{number}", one.title + suffix, (*one.words, shown)))
    execution.progress.finish()
    return parts


def _open(evaluation: Given, pair: tuple[str, ...], split: str, data: Given) -> _Drawn:
    from shgae.evaluation.predictions import read_predictions  # brings torch, which few pages need

    data.check((f"{split}/", ALL_PEOPLE))
    artifact = data.artifact
    crops = Crops(artifact, split, evaluation.artifact.config.get("limit"))
    skeleton = Skeleton.from_json(artifact.facts["skeleton"])
    files = [evaluation.artifact.open(f"predictions-{name}.json") for name in pair]
    found = [read_predictions(file, name, crops) for file, name in zip(files, pair, strict=True)]
    people = people_of(crops, skeleton)
    scored = ScoredPeople(tuple(one.predictions for one in found), people)
    return _Drawn(scored, crops, skeleton, photo_names(artifact, split))


def _chosen(scored: ScoredPeople, pair: tuple[str, ...], count: int) -> list[_Sort]:
    """The people of each sort."""
    found = extremes(scored)
    by = f"by the mean PCK of {' and '.join(pair)}" if len(pair) > 1 else f"by the PCK of {pair[0]}"
    chosen = [_Sort(f"Best found, {by}", found.best[:count]), _Sort(f"Worst found, {by}", found.worst[:count])]
    if len(pair) > 1:
        gained, lost, same = len(found.gained), len(found.lost), found.unchanged
        words = f"Of {counted_people(len(found.best))} {gained:,} gained, {lost:,} lost, {same:,} stayed as they were."
        between = f"from {pair[0]} to {pair[1]}"
        chosen += [
            _Sort(f"Most gained {between}", found.gained[:count], (Text(words),)),
            _Sort(f"Most lost {between}", found.lost[:count]),
        ]
    return chosen


def _figure(drawn: _Drawn, row: int) -> Figure:
    scored = drawn.scored
    people = scored.people
    photo, annotation = int(people.photo_id[row]), int(people.annotation_id[row])
    labelled, size = scored.labelled[row], drawn.crops.crop_size
    # As a network sees it.
    crop = Image.fromarray(drawn.crops.filled(np.array([row]))[0])
    crop = crop.resize((PANEL_PIXELS, PANEL_PIXELS), Image.Resampling.LANCZOS)
    table = drawn.crops.people
    visible = np.where(table.visibility[row] == 2, _NEAR, _FAR)
    whose = f"the person of annotation {annotation} in photo {photo}"
    pictures = [_panel(drawn, crop, table.xy_crop[row].astype(np.float64), visible, labelled, f"Annotation: {whose}")]
    titles, said = ["annotation"], []
    for one, hits, share in zip(scored.predictions, scored.hits, scored.shares[:, row], strict=True):
        x0, y0, side = table.square[row]
        xy_crop = (one.xy_photo[row] - (x0, y0)) * (size / side)
        right = f"{int(hits[row].sum())} of {counted(int(labelled.sum()), 'joint')}"
        confidence = np.where(hits[row], _NEAR, _FAR)
        shown = labelled & one.joints_found[row]
        pictures.append(_panel(drawn, crop, xy_crop, confidence, shown, f"{one.name}: {right} right, {whose}"))
        titles.append(f"{one.name} {percent(share, 0)} %")
        said.append(f"{one.name} {percent(share)} %")
    if len(said) > 1:
        change = float(scored.shares[1, row] - scored.shares[0, row])
        said.append(f"{points(change)} points" if change else "no change")
    name = f" ({drawn.file_names[photo]})" if photo in drawn.file_names else ""
    joints = counted(int(labelled.sum()), "joint")
    caption = f"Photo {photo}{name}, annotation {annotation}, {joints}. PCK: {', '.join(said)}."
    return Figure(tuple(pictures), caption, tuple(titles))


def _panel(drawn: _Drawn, crop: Image.Image, xy_crop: Floats, confidence: Floats, is_decided: Any, alt: str) -> Picture:
    picture = crop.copy()
    factor = PANEL_PIXELS / drawn.crops.crop_size
    box = (0.0, 0.0, float(PANEL_PIXELS), float(PANEL_PIXELS))
    draw_poses(picture, [Pose(xy_crop * factor, confidence, is_decided, box)], drawn.skeleton, min_score=0.5)
    return of_photo(picture, alt, PANEL_BYTES)
