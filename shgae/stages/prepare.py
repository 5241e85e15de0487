"""``shgae prepare``: photos and COCO JSON -> crops, splits, mean colour, and a row for every person."""

from __future__ import annotations

import math
import warnings
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from shgae.artifacts.crops import CropWriter, PeopleTable
from shgae.artifacts.store import Artifact, Draft, draft
from shgae.artifacts.tables import write_rows
from shgae.data.coco import CocoPeople, read_coco
from shgae.data.cutting import Sample, check_photos, cut_people
from shgae.data.geometry import to_crop
from shgae.data.selection import Selection, hold_out, limit, select
from shgae.errors import Refused
from shgae.execution import Execution, Progress
from shgae.recipes import SPLITS, PrepareConfig, Split, as_json
from shgae.stages.disk import check_space
from shgae.stages.result import made

_ROW_BYTES = 200  # About what a row of people.jsonl takes.


@dataclass(frozen=True)
class Source:
    """Where one split comes from."""

    annotations: Path
    """COCO JSON with person keypoints."""
    photos: Path
    """The folder that its file names are relative to."""


@dataclass(frozen=True)
class PrepareResult:
    """What ``prepare`` made."""

    artifact: Artifact
    splits: Mapping[str, int]
    """Samples of each split."""
    dropped: Mapping[str, int]
    """People that are no samples, by reason."""
    mean_rgb: tuple[float, float, float]
    """Mean colour of the train split in [0, 1], over the pixels that photos cover."""
    size: int
    """Bytes of all files."""

    def to_json(self) -> dict[str, Any]:
        """What ``--json`` prints."""
        rest = {"mean_rgb": list(self.mean_rgb), "bytes": self.size}
        return made(self.artifact) | {"splits": dict(self.splits), "dropped": dict(self.dropped)} | rest


def run(sources: Mapping[Split, Source], output: Path, config: PrepareConfig, execution: Execution) -> PrepareResult:
    """Makes the artefact ``data`` at ``output``: a folder a split, and ``people.jsonl`` with every person's fate.

    Everything is planned from the JSON alone; then each photo is decoded once. What comes out does not depend on
    ``execution``. Within a split, people come in the JSON's order of photos, then of annotations.

    Args:
        sources: JSON and photos of each split; train must be there.
        output: the folder to make.
        config: crops, hold-out, limit, and what to do about broken people.
        execution: threads, force, progress and the wish to stop.

    Raises:
        Refused: an option, a JSON or a photo is refused; nothing is left behind.
        DiskError: the disk has less room than the crops need.
        Interrupted: a signal came; nothing is left behind.
    """
    _check_options(sources, config)
    inputs = [path for source in sources.values() for path in (source.annotations, source.photos)]
    with draft(
        output, kind="data", config=as_json(config), parents={}, execution=execution, inputs=inputs
    ) as unfinished:
        selections = _plan(sources, config)
        _note_shared_people(selections, execution.progress)
        splits = _splits(selections)
        what = f"crops of {sum(splits.values()):,} people out of {sum(len(one.people) for one in selections):,}"
        check_space(output, _size(selections, config.crop_size), what, execution.progress)
        write_rows(unfinished.file("people.jsonl"), (row for selection in selections for row in _rows(selection)))
        with warnings.catch_warnings():
            # Sizes are checked in open_photo, which ends with a line of its own.
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            mean_rgb = _cut_all(unfinished, selections, config, execution)
        dropped = dict(sorted(sum((selection.dropped for selection in selections), Counter()).items()))
        facts = {
            "skeleton": selections[0].people.skeleton.to_json(),
            "category_id": selections[0].people.category_id,
            "mean_rgb": list(mean_rgb),
            "crop_size": config.crop_size,
            "crop_policy": config.crop_policy,
            "margin": config.margin,
            "splits": splits,
            "dropped": dropped,
            "sources": {selection.source: _describe(selection.people) for selection in selections},
        }
        artifact = unfinished.commit(facts)
    size = sum(entry.size for entry in artifact.manifest.files.values())
    return PrepareResult(artifact, splits, dropped, mean_rgb, size)


def _check_options(sources: Mapping[Split, Source], config: PrepareConfig) -> None:
    if "train" not in sources:
        raise Refused("--train", "the options", "there is nothing to train on", "--train JSON PHOTOS")
    if config.hold_out < 0:
        raise Refused("--hold-out", "the options", f"{config.hold_out} is negative", "a number of people")
    if config.hold_out and "test" in sources:
        raise Refused("--hold-out", "the options", "--test is given too", "one of the two")
    if config.limit is not None and config.limit < 1:
        raise Refused("--limit", "the options", f"{config.limit} leaves nobody", "1 or more")
    if not (math.isfinite(config.margin) and config.margin >= 0):
        raise Refused("--margin", "the options", f"{config.margin} is no growth", "0.1 for 10 %")


def _plan(sources: Mapping[Split, Source], config: PrepareConfig) -> list[Selection]:
    selections: list[Selection] = []
    for split in SPLITS:
        if split not in sources:
            continue
        people = read_coco(sources[split].annotations, sources[split].photos)
        if selections:
            _check_same_joints(selections[0].people, people)
        selection = select(people, split, config)
        if split == "train" and config.hold_out:
            selection = hold_out(selection, config)
        selections.append(limit(selection, config))
    for selection in selections:
        check_photos(selection)  # One that is missing is better known now than after hours.
    return selections


def _check_same_joints(one: CocoPeople, other: CocoPeople) -> None:
    if one.skeleton.names != other.skeleton.names:
        count = f"{len(other.skeleton)} joints, {len(one.skeleton)} in {one.path}"
        why = count if len(one.skeleton) != len(other.skeleton) else f"other joints than in {one.path}"
        raise Refused("annotations", other.path, why, "splits with the same joints in the same order")


def _note_shared_people(selections: Sequence[Selection], progress: Progress) -> None:
    for i, one in enumerate(selections):
        for other in selections[i + 1 :]:
            if one.people.sha256 == other.people.sha256:
                progress.note(f"note: {one.source} and {other.source} come from one JSON: scores will flatter")


def _size(selections: Sequence[Selection], crop_size: int) -> int:
    """The bytes that the artefact will take."""
    joints = len(selections[0].people.skeleton)
    # The numbers of a PeopleTable: joints and visibility, two ids, square, box, photo size, valid.
    table_row = joints * (2 * 4 + 1) + 8 * (1 + 1 + 3 + 4 + 2 + 4)
    people = sum(len(selection.people) for selection in selections)
    return sum(_splits(selections).values()) * (3 * crop_size**2 + table_row) + people * _ROW_BYTES


def _rows(selection: Selection) -> Iterator[dict[str, Any]]:
    taken: Counter[Split] = Counter()
    for photo, fates in selection:
        for fate in fates:
            row = None
            if fate.split is not None:
                row = taken[fate.split]
                taken[fate.split] += 1
            yield {
                "annotation_id": fate.annotation_id,
                "photo_id": photo.id,
                "file_name": photo.file_name,
                "source": selection.source,
                "split": fate.split,
                "reason": fate.reason,
                "row": row,
            }


def _cut_all(
    unfinished: Draft, selections: list[Selection], config: PrepareConfig, execution: Execution
) -> tuple[float, float, float]:
    """Writes every crop; returns the mean colour of train."""
    mean = _Mean()
    progress = execution.progress
    progress.start("cutting crops", sum(_splits(selections).values()), "person")
    for selection in selections:
        joints = len(selection.people.skeleton)
        writers = {
            split: _SplitWriter(unfinished, split, config.crop_size, people, joints)
            for split, people in selection.counts.items()
        }
        with closing(cut_people(selection, config.crop_size, execution.workers)) as photos:
            for samples in photos:
                execution.stop.raise_if_set(unfinished.target, "the same command again", saved=False)
                for sample in samples:
                    writers[sample.split].add(sample)
                    if sample.split == "train":
                        mean.add(sample)
                progress.advance(len(samples))
        for writer in writers.values():
            writer.finish()
    progress.finish()
    return mean.value()


class _SplitWriter:
    """The crops of one split and, beside them, the rows of its table."""

    def __init__(self, unfinished: Draft, split: str, crop_size: int, people: int, joints: int) -> None:
        self._writer = CropWriter(unfinished, split, crop_size, people)
        self._crop_size = crop_size
        self._rows = 0
        self._table = PeopleTable(
            xy_crop=np.zeros((people, joints, 2), np.float32),
            visibility=np.zeros((people, joints), np.uint8),
            annotation_id=np.zeros(people, np.int64),
            photo_id=np.zeros(people, np.int64),
            square=np.zeros((people, 3), np.float64),
            box=np.zeros((people, 4), np.float64),
            photo_size=np.zeros((people, 2), np.int64),
            valid=np.zeros((people, 4), np.int64),
        )

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
        table.photo_size[row] = sample.photo.size
        table.valid[row] = sample.valid
        self._writer.add(sample.pixels)
        self._rows += 1

    def finish(self) -> None:
        self._writer.finish(self._table)


@dataclass
class _Mean:
    """Mean colour in whole numbers, so that neither order nor size costs precision."""

    sums: list[int] = field(default_factory=lambda: [0, 0, 0])
    pixels: int = 0

    def add(self, sample: Sample) -> None:
        valid = sample.valid
        seen = sample.pixels[valid.y0 : valid.y1, valid.x0 : valid.x1]
        # Rows first: both axes at once take numpy 25 times as long.
        columns = seen.sum(axis=0, dtype=np.uint32)
        for channel, total in enumerate(columns.sum(axis=0, dtype=np.int64).tolist()):
            self.sums[channel] += total
        self.pixels += seen.shape[0] * seen.shape[1]

    def value(self) -> tuple[float, float, float]:
        red, green, blue = (total / (255 * self.pixels) for total in self.sums)
        return red, green, blue


def _splits(selections: Sequence[Selection]) -> dict[str, int]:
    counts = sum((selection.counts for selection in selections), Counter())
    return {split: counts[split] for split in SPLITS if counts[split]}


def _describe(people: CocoPeople) -> dict[str, Any]:
    return {"sha256": people.sha256, "people": len(people), "photos": people.photo_count}
