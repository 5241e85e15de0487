"""Who goes to which split, and what that takes: the JSON of each split -> selections, before any crop is written."""

from __future__ import annotations

import itertools
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from shgae.artifacts.crops import split_size
from shgae.artifacts.tables import dumps
from shgae.data.coco import CocoPeople, read_coco
from shgae.data.crop_writer import look_for_photos
from shgae.data.cropping import MOST_AT_ONCE, cut_people
from shgae.data.geometry import around_crop
from shgae.data.photo_checks import Key, check_turns, find_twins, where_twins_are, with_twins_merged
from shgae.data.selection import CROWD, UNLABELLED, Selection, hold_out, limit, select
from shgae.errors import Refused
from shgae.execution import Execution, Progress
from shgae.recipes import SPLITS, PrepareConfig, Split
from shgae.wording import counted, counted_people

_TRIED = 32
"""Photos that a rehearsal cuts from; a crowd counts as several."""


@dataclass(frozen=True)
class Source:
    """Where one split comes from."""

    annotations: Path
    """COCO JSON with person keypoints."""
    photos: Path
    """The folder that its file names are relative to."""


class SplitPlan(NamedTuple):
    """Who goes to which split."""

    selections: list[Selection]
    twins: list[list[Key]]
    """Photos that are one photo under several ids."""
    turned: int
    """Photos that EXIF says to turn."""


def plan_splits(sources: Mapping[Split, Source], config: PrepareConfig, execution: Execution) -> SplitPlan:
    """Decides from the JSON alone, and the headers of photos, who goes to which split; notes what is doubtful.

    Raises:
        Refused: a JSON is refused, splits have other joints, or a photo is not there, or to be turned.
    """
    selections: list[Selection] = []
    for split in SPLITS:
        if split not in sources:
            continue
        people = read_coco(sources[split].annotations, sources[split].photos, config.category, config.exif)
        if selections:
            _check_same_joints(selections[0].people, people)
        selections.append(select(people, split, config))
        for note in (*people.notes, *selections[-1].doubts, *_boxless(selections[-1])):
            execution.progress.note(f"note: {people.path}: {note}")
    look_for_photos(selections, config)
    turned = check_turns(selections, execution)
    twins = find_twins(selections)
    selections = with_twins_merged(selections, twins)
    selections[0] = hold_out(selections[0], config)
    selections = [limit(selection, config) for selection in selections]
    _note_shared_photos(selections, twins, execution.progress)
    return SplitPlan(selections, twins, turned)


def _without_box(selection: Selection) -> int:
    return sum(fate.split is not None and not fate.has_box for fate in selection.fates)


def _boxless(selection: Selection) -> Iterator[str]:
    if count := _without_box(selection):
        which = "without a box, or with one of negative sides"
        yield f"{counted_people(count)} {which}: theirs is the one around the labelled joints"


def _check_same_joints(one: CocoPeople, other: CocoPeople) -> None:
    if one.skeleton.names != other.skeleton.names:
        count = f"{len(other.skeleton)} joints, {len(one.skeleton)} in {one.path}"
        why = count if len(one.skeleton) != len(other.skeleton) else f"other joints than in {one.path}"
        raise Refused("annotations", other.path, why, "splits with the same joints in the same order")


def _note_shared_photos(selections: Sequence[Selection], twins: Sequence[Sequence[Key]], progress: Progress) -> None:
    for i, one in enumerate(selections):
        for other in selections[i + 1 :]:
            if one.people.sha256 == other.people.sha256:
                progress.note(f"note: {one.source} and {other.source} come from one JSON: scores will flatter")
    shared = where_twins_are(selections, twins)
    for (first, second), count in shared.between.items():
        progress.note(
            f"note: {counted(count, 'photo')} of {second} also in {first}, byte for byte: scores will flatter"
        )
    for split, groups in shared.within.items():
        photos = counted(len(groups), "photo")
        progress.note(f"note: {photos} of {split} under several ids: each is kept in one split and counted once")


def crops_in_words(selections: Sequence[Selection]) -> str:
    people, everybody = sum(split_sizes(selections).values()), sum(len(one.people) for one in selections)
    return f"crops of {counted_people(people)} out of {everybody:,}"


def size_of(selections: Sequence[Selection], config: PrepareConfig) -> int:
    """The bytes that the files of the artefact will take."""
    side = config.crop_size + 2 * around_crop(config.crop_size, config.context)
    crops = tables = 0
    for selection in selections:
        of = selection.people
        crops += sum(split_size(people, len(of.skeleton), side, of.measures) for people in selection.counts.values())
        tables += sum(len(dumps(row)) + 1 for row in (*fate_rows(selection), *ignored_rows(selection)))
    return crops + tables


def cutting_time(selection: Selection, config: PrepareConfig, workers: int) -> float:
    """Seconds that all photos of a selection will take, by the first ones."""
    parts = sum(-(-len(fates) // MOST_AT_ONCE) for _, fates in selection.samples())
    begun = time.perf_counter()
    with closing(cut_people(selection, config, workers)) as cuts:
        tried = sum(1 for _ in itertools.islice(cuts, _TRIED))
    return (time.perf_counter() - begun) * parts / max(tried, 1)


def fate_rows(selection: Selection) -> Iterator[dict[str, Any]]:
    """A row of ``people.jsonl`` for every person: the split and the row in it, or why the person is in none."""
    taken: Counter[Split] = Counter()
    for photo, fates in selection:
        for fate in fates:
            row = None
            if fate.split is not None:
                row = taken[fate.split]
                taken[fate.split] += 1
            about = {"image_id": photo.id, "file_name": photo.file_name, "source": selection.source}
            yield {
                **{"annotation_id": fate.annotation_id, **about},
                **{"split": fate.split, "reason": fate.reason, "row": row},
                **selection.people.given(fate.annotation_id),
            }
    for annotation_id, (photo_id, reason, _) in selection.people.strays.items():
        about = {"image_id": photo_id if type(photo_id) is int else None, "file_name": None, "source": selection.source}
        yield {"annotation_id": annotation_id, **about, "split": None, "reason": reason, "row": None}


def ignored_rows(selection: Selection) -> Iterator[dict[str, Any]]:
    """A row for what OKS AP ignores in the photos of samples."""
    for photo, fates in selection:
        splits = sorted({fate.split for fate in fates if fate.split is not None})
        for fate in fates if splits else ():
            region = selection.people.region(fate.annotation_id, photo) if fate.reason in (CROWD, UNLABELLED) else None
            if region is not None:
                yield region | {"splits": splits}


def split_sizes(selections: Sequence[Selection]) -> dict[str, int]:
    """Samples of each split that has any."""
    counts = sum((selection.counts for selection in selections), Counter())
    return {split: counts[split] for split in SPLITS if counts[split]}


def described(selection: Selection) -> dict[str, Any]:
    """What the facts say of a JSON."""
    people, without_box = selection.people, _without_box(selection)
    about = {"sha256": people.sha256, "people": len(people), "photos": people.photo_count}
    return about | ({"without_box": without_box} if without_box else {})
