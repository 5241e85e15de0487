"""The crops of all splits, written as photos come, and what is done about photos that cannot be read."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass

import numpy as np

from shgae.artifacts.crops import CropWriter, blank_people
from shgae.artifacts.draft import Draft
from shgae.data.coco import CocoPeople
from shgae.data.cropping import BadPhoto, Cut, Sample, cut_people, missing_photos, photos_to_cut, too_many
from shgae.data.geometry import around_crop, to_crop
from shgae.data.selection import Selection, without_photos
from shgae.errors import Refused
from shgae.execution import Execution
from shgae.recipes import PrepareConfig, Split

_ENOUGH = 10
"""Bad photos beyond those allowed, after which no more are looked for."""


@dataclass(frozen=True)
class Written:
    """What was cut out."""

    selections: list[Selection]
    """Without the people of bad photos."""
    mean_rgb: tuple[float, float, float]
    """Mean colour of train in [0, 1]."""
    bad: list[BadPhoto]
    """In the order of the photos."""


def look_for_photos(selections: Sequence[Selection], config: PrepareConfig) -> None:
    """Looks for every photo that has samples, without opening any: a missing one is told at once, not after hours.

    Raises:
        Refused: more of them are missing, or led out of their folder, than ``config.max_bad_photos``.
    """
    missing = [bad for selection in selections for bad in missing_photos(selection)]
    if len(missing) > config.max_bad_photos:
        raise too_many(missing, sum(map(photos_to_cut, selections)))


def write_crops(
    unfinished: Draft, selections: Sequence[Selection], config: PrepareConfig, execution: Execution
) -> Written:
    """Decodes every photo that has samples and writes their crops.

    Once there are more bad photos than allowed, nothing is written any more, but the others are looked at too, so that
    they are told at once and not one a run.

    Raises:
        Refused: too many photos are bad, or a split has no others.
        Interrupted: a signal came.
    """
    mean = _Mean()
    bad: list[BadPhoto] = []
    left = []
    execution.progress.start("cutting crops", sum(one.counts.total() for one in selections), "people")
    for selection in selections:
        writers = {
            split: _SplitWriter(unfinished, split, config, people, selection.people)
            for split, people in selection.counts.items()
        }
        mine: list[BadPhoto] = []
        for cut in _cuts(unfinished, selection, config, execution):
            if cut.bad is not None:
                mine.append(cut.bad)
                execution.progress.note(f"bad {cut.bad.fault.what} {cut.bad.fault.where}: {cut.bad.fault.why}")
            if len(bad) + len(mine) >= config.max_bad_photos + _ENOUGH:
                break
            if len(bad) + len(mine) > config.max_bad_photos:
                continue
            for sample in cut.samples:
                writers[sample.split].add(sample)
                if sample.split == "train":
                    mean.add(sample)
        bad += mine
        if len(bad) <= config.max_bad_photos:
            left.append(_finish(selection, mine, writers))
    if len(bad) > config.max_bad_photos:
        raise too_many(bad, sum(map(photos_to_cut, selections)))
    execution.progress.finish()
    return Written(left, mean.value(), bad)


def _cuts(unfinished: Draft, selection: Selection, config: PrepareConfig, execution: Execution) -> Iterator[Cut]:
    with closing(cut_people(selection, config, execution.workers)) as cuts:
        for cut in cuts:
            execution.stop.raise_if_set(unfinished.target, "the same command again", saved=False)
            yield cut
            execution.progress.advance(cut.people)


def _finish(selection: Selection, bad: Sequence[BadPhoto], writers: dict[Split, _SplitWriter]) -> Selection:
    left = without_photos(selection, {one.photo.id for one in bad})
    for split, writer in writers.items():
        if not left.counts[split]:
            raise Refused(f"split {split}", selection.people.photos, "all its photos are bad", bad[0].fault.fix)
        writer.finish()
    return left


class _SplitWriter:
    """The crops of one split and, next to them, the rows of its table."""

    def __init__(self, unfinished: Draft, split: str, config: PrepareConfig, people: int, of: CocoPeople) -> None:
        self._crop_size = config.crop_size
        side = config.crop_size + 2 * around_crop(config.crop_size, config.context)
        self._writer = CropWriter(unfinished, split, side, people)
        self._rows = 0
        self._table = blank_people(people, len(of.skeleton), of.measures)

    def add(self, sample: Sample) -> None:
        person, row, table = sample.person, self._rows, self._table
        # Zero where there is no label: the number there has no meaning, and might not fit in a float32.
        is_labelled = person.visibility > 0
        table.xy_crop[row, is_labelled] = to_crop(person.xy_labelled, sample.square, self._crop_size)
        table.visibility[row] = person.visibility
        table.annotation_id[row] = person.annotation_id
        table.photo_id[row] = sample.photo.id
        table.square[row] = sample.square
        table.box[row] = person.box
        table.photo_size[row] = sample.photo.size or (0, 0)
        table.valid[row] = sample.valid
        arrays = table.arrays()
        for name, value in person.measures.items():
            arrays[name][row] = value
        self._writer.add(sample.stored)
        self._rows += 1

    def finish(self) -> None:
        self._writer.finish(self._table.head(self._rows))


class _Mean:
    """Mean colour in whole numbers, so that neither order nor size costs precision."""

    def __init__(self) -> None:
        self._sums, self._pixels = np.zeros(3, np.int64), 0

    def add(self, sample: Sample) -> None:
        valid = sample.valid
        seen = sample.pixels[valid.y0 : valid.y1, valid.x0 : valid.x1]
        # Rows first: both axes at once take numpy 25 times as long.
        self._sums += seen.sum(axis=0, dtype=np.uint32).sum(axis=0, dtype=np.int64)
        self._pixels += seen.shape[0] * seen.shape[1]

    def value(self) -> tuple[float, float, float]:
        red, green, blue = (total / (255 * self._pixels) for total in self._sums.tolist())
        return red, green, blue
