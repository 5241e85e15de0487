"""``shgae prepare``: photos and COCO JSON -> crops, splits, mean colour, and a row for every person."""

from __future__ import annotations

import itertools
import time
import warnings
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from PIL import Image

from shgae.artifacts.command import stamp
from shgae.artifacts.crops import ALL_PEOPLE, split_size
from shgae.artifacts.disk_space import DryRun, check_space, free_bytes
from shgae.artifacts.draft import Draft, new_artifact
from shgae.artifacts.ignored import IGNORED
from shgae.artifacts.store import Artifact
from shgae.artifacts.tables import dumps, write_rows
from shgae.data.coco import CocoPeople, read_coco
from shgae.data.crop_writer import look_for_photos, write_crops
from shgae.data.cropping import MOST_AT_ONCE, cut_people
from shgae.data.geometry import FAMILY_MARGIN, around_crop
from shgae.data.photo_checks import Key, check_turns, find_twins, where_twins_are, with_twins_merged
from shgae.data.selection import CROWD, UNLABELLED, Selection, hold_out, limit, select
from shgae.errors import Refused
from shgae.execution import Execution, Progress
from shgae.recipes import SPLITS, PrepareConfig, Split, as_json
from shgae.skeleton import Skeleton
from shgae.wording import counted, counted_people

SHEET = "sheet.png"
"""Some of the people, and a table of those left out."""
_SHEET_BYTES = 600_000
"""About the most that it takes."""
_TRIED = 32
"""Photos that a rehearsal cuts from; a crowd counts as several."""


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
    """People that are not samples, by reason."""
    bad_photos: int
    """Photos that could not be used, of those that ``max_bad_photos`` allows."""
    mean_rgb: tuple[float, float, float]
    """Mean colour of the train split in [0, 1], over the pixels that photos cover."""
    size: int
    """Bytes of all files."""
    turned: int = 0
    """Photos that EXIF says to turn."""

    def to_json(self) -> dict[str, Any]:
        """What ``--json`` prints."""
        counts = {"splits": dict(self.splits), "dropped": dict(self.dropped), "bad_photos": self.bad_photos}
        skeleton = Skeleton.from_json(self.artifact.facts["skeleton"])
        pairs = [[skeleton.names[a], skeleton.names[b]] for a, b in skeleton.flip_pairs]
        said = {"mirror_pairs": pairs, "exif_turned": self.turned, "mean_rgb": list(self.mean_rgb), "bytes": self.size}
        return self.artifact.to_json() | counts | said


def run(
    sources: Mapping[Split, Source], output: Path, config: PrepareConfig, execution: Execution, *, sheet: bool = False
) -> PrepareResult:
    """Makes the artefact ``data`` at ``output``: a folder a split, and ``people.jsonl`` with every person's fate.

    Everything is planned from the JSON alone; then each photo is decoded once. What comes out does not depend on
    ``execution``. Within a split, people come in the JSON's order of photos, then of annotations.

    Args:
        sources: JSON and photos of each split; train must be there.
        output: the folder to make.
        config: crops, hold-out, limit, and what to do about broken people and photos.
        execution: threads, force, progress and the wish to stop.
        sheet: whether to draw some people, ``sheet.png``; it is not a part of the artefact's id.

    Raises:
        Refused: an option, a JSON or a photo is refused; nothing remains.
        DiskError: the disk has less room than the crops need.
        Interrupted: a signal came; nothing remains.
    """
    _check_options(sources, config)
    inputs = [path for source in sources.values() for path in (source.annotations, source.photos)]
    with new_artifact(
        output, kind="data", config=as_json(config), parents={}, execution=execution, inputs=inputs
    ) as unfinished:
        with warnings.catch_warnings():
            # Sizes are checked in open_photo, which ends with a line of its own.
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            selections, twins, turned = _plan(sources, config, execution)
            check_space(output, _size(selections, config) + sheet * _SHEET_BYTES, _what(selections), execution.progress)
            written = write_crops(unfinished, selections, config, execution)
        selections = written.selections
        write_rows(unfinished.file(ALL_PEOPLE), (row for selection in selections for row in _rows(selection)))
        write_rows(unfinished.file(IGNORED), (row for selection in selections for row in _ignored(selection)))
        splits = _splits(selections)
        dropped = dict(sorted(sum((selection.dropped for selection in selections), Counter()).items()))
        facts = {
            "skeleton": selections[0].people.skeleton.to_json(),
            "category_id": selections[0].people.category_id,
            "mean_rgb": list(written.mean_rgb),
            "crop_size": config.crop_size,
            **_cropping(config),
            "splits": splits,
            "dropped": dropped,
            "sources": {selection.source: _describe(selection) for selection in selections},
        }
        if config.context != 1:
            facts["context"] = config.context
        if same := where_twins_are(selections, twins).within:
            facts["same_photos"] = same
        if written.bad:
            facts["bad_photos"] = [
                {"file": bad.photo.file_name, "source": bad.source, "reason": bad.reason} for bad in written.bad
            ]
        if sheet:
            _draw(unfinished, facts, execution)
        artifact = unfinished.commit(facts, volatile=(SHEET, IGNORED))
    size = sum(entry.size for entry in artifact.manifest.files.values())
    return PrepareResult(artifact, splits, dropped, len(written.bad), written.mean_rgb, size, turned)


def _draw(unfinished: Draft, facts: Mapping[str, Any], execution: Execution) -> None:
    # What draws takes longer to import than refusals may.
    from shgae.plots.style import save_figure
    from shgae.reporting.people_sheet import small_sheet

    save_figure(small_sheet(unfinished.preview(facts)), unfinished.file(SHEET), stamp(execution))


def dry_run(sources: Mapping[Split, Source], output: Path, config: PrepareConfig, execution: Execution) -> DryRun:
    """Says what :func:`run` would make, but for its sheet; nothing is written.

    Raises:
        Refused: as :func:`run`, but for photos that cannot be read.
    """
    _check_options(sources, config)
    selections = _plan(sources, config, execution).selections
    seconds = sum(_cutting_time(selection, config, execution.workers) for selection in selections)
    return DryRun(output, _what(selections), _size(selections, config), free_bytes(output), seconds)


def _cutting_time(selection: Selection, config: PrepareConfig, workers: int) -> float:
    """Seconds that all photos of a selection will take, by the first ones."""
    parts = sum(-(-len(fates) // MOST_AT_ONCE) for _, fates in selection.samples())
    begun = time.perf_counter()
    around = around_crop(config.crop_size, config.context)
    with closing(cut_people(selection, config.crop_size, workers, around)) as cuts:
        tried = sum(1 for _ in itertools.islice(cuts, _TRIED))
    return (time.perf_counter() - begun) * parts / max(tried, 1)


def _check_options(sources: Mapping[Split, Source], config: PrepareConfig) -> None:
    if "train" not in sources:
        raise Refused("--train", "the options", "there is nothing to train on", "--train JSON PHOTOS")
    if config.hold_out and "test" in sources:
        raise Refused("--hold-out", "the options", "--test is given too", "--test alone, or --hold-out alone")


class _Plan(NamedTuple):
    """Who goes to which split."""

    selections: list[Selection]
    twins: list[list[Key]]
    """Photos that are one photo under several ids."""
    turned: int
    """Photos that EXIF says to turn."""


def _plan(sources: Mapping[Split, Source], config: PrepareConfig, execution: Execution) -> _Plan:
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
    if config.hold_out:
        selections[0] = hold_out(selections[0], config)
    selections = [limit(selection, config) for selection in selections]
    _note_shared_photos(selections, twins, execution.progress)
    return _Plan(selections, twins, turned)


def _without_box(selection: Selection) -> int:
    return sum(fate.split is not None and not fate.has_box for fate in selection.fates)


def _boxless(selection: Selection) -> Iterator[str]:
    if count := _without_box(selection):
        yield f"{counted_people(count)} without a box: theirs is the one around the labelled joints"


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


def _what(selections: Sequence[Selection]) -> str:
    people, everybody = sum(_splits(selections).values()), sum(len(one.people) for one in selections)
    return f"crops of {counted_people(people)} out of {everybody:,}"


def _size(selections: Sequence[Selection], config: PrepareConfig) -> int:
    """The bytes that the files of the artefact will take."""
    side = config.crop_size + 2 * around_crop(config.crop_size, config.context)
    crops = 0
    for selection in selections:
        for people in selection.counts.values():
            of = selection.people
            crops += split_size(people, len(of.skeleton), side, of.measures)
    tables = itertools.chain.from_iterable((*_rows(selection), *_ignored(selection)) for selection in selections)
    return crops + sum(len(dumps(row)) + 1 for row in tables)


def _rows(selection: Selection) -> Iterator[dict[str, Any]]:
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


def _ignored(selection: Selection) -> Iterator[dict[str, Any]]:
    """What OKS AP ignores in the photos of samples."""
    for photo, fates in selection:
        splits = sorted({fate.split for fate in fates if fate.split is not None})
        for fate in fates if splits else ():
            region = selection.people.region(fate.annotation_id, photo) if fate.reason in (CROWD, UNLABELLED) else None
            if region is not None:
                yield region | {"splits": splits}


def _splits(selections: Sequence[Selection]) -> dict[str, int]:
    counts = sum((selection.counts for selection in selections), Counter())
    return {split: counts[split] for split in SPLITS if counts[split]}


def _cropping(config: PrepareConfig) -> dict[str, Any]:
    """The facts of how squares are cut, which networks take over."""
    if config.square == "study":
        return {"crop_policy": config.crop_policy, "margin": config.margin}
    return {"crop_policy": "pad", "margin": FAMILY_MARGIN, "square": config.square}


def _describe(selection: Selection) -> dict[str, Any]:
    people, without_box = selection.people, _without_box(selection)
    about = {"sha256": people.sha256, "people": len(people), "photos": people.photo_count}
    return about | ({"without_box": without_box} if without_box else {})
