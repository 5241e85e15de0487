"""``shgae prepare``: photos and COCO JSON -> crops, splits, mean colour, and a row for every person."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from shgae.artifacts.command_line import stamp
from shgae.artifacts.crops import ALL_PEOPLE
from shgae.artifacts.disk_space import DryRun, check_space, free_bytes
from shgae.artifacts.draft import Draft, new_artifact
from shgae.artifacts.ignored import IGNORED
from shgae.artifacts.manifest import SHEET
from shgae.artifacts.store import Artifact
from shgae.artifacts.tables import write_rows
from shgae.data.crop_writer import Written, write_crops
from shgae.data.geometry import FAMILY_MARGIN
from shgae.data.photo_checks import Key, where_twins_are
from shgae.data.photo_files import settled_pillow
from shgae.data.split_plan import Source as Source
from shgae.data.split_plan import (
    crops_in_words,
    cutting_time,
    described,
    fate_rows,
    ignored_rows,
    plan_splits,
    size_of,
    split_sizes,
)
from shgae.errors import Refused
from shgae.execution import Execution
from shgae.recipes import PrepareConfig, Split, as_json
from shgae.skeleton import Skeleton

_SHEET_BYTES = 600_000
"""About the most that it takes."""


@dataclass(frozen=True)
class PrepareResult:
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
        shared = self.artifact.facts.get("shared_photos", {})
        counts = {"splits": dict(self.splits), "dropped": dict(self.dropped), "bad_photos": self.bad_photos}
        skeleton = Skeleton.from_json(self.artifact.facts["skeleton"])
        pairs = [[skeleton.names[a], skeleton.names[b]] for a, b in skeleton.flip_pairs]
        said = {"mirror_pairs": pairs, "exif_turned": self.turned, "mean_rgb": list(self.mean_rgb), "bytes": self.size}
        return self.artifact.to_json() | counts | {"shared_photos": shared} | said


@settled_pillow
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
        selections, twins, turned = plan_splits(sources, config, execution)
        needed = size_of(selections, config) + sheet * _SHEET_BYTES
        if said := selections[0].people.skeleton.mirror_note():
            execution.progress.note(said)
        what = crops_in_words(selections) + ", with a sheet," * sheet
        check_space(output, needed, what, execution.progress)
        written = write_crops(unfinished, selections, config, execution)
        selections = written.selections
        write_rows(unfinished.file(ALL_PEOPLE), (row for selection in selections for row in fate_rows(selection)))
        write_rows(unfinished.file(IGNORED), (row for selection in selections for row in ignored_rows(selection)))
        facts = _facts(written, twins, config)
        if sheet:
            _draw(unfinished, facts, execution)
        artifact = unfinished.commit(facts, volatile=(SHEET, IGNORED))
    size = sum(entry.size for entry in artifact.manifest.files.values())
    counts = facts["splits"], facts["dropped"]
    return PrepareResult(artifact, *counts, len(written.bad), written.mean_rgb, size, turned)


def _facts(written: Written, twins: Sequence[Sequence[Key]], config: PrepareConfig) -> dict[str, Any]:
    """What the manifest says of the crops."""
    selections = written.selections
    facts = {
        "skeleton": selections[0].people.skeleton.to_json(),
        "category_id": selections[0].people.category_id,
        "mean_rgb": list(written.mean_rgb),
        "crop_size": config.crop_size,
        **_cropping(config),
        "splits": split_sizes(selections),
        "dropped": dict(sorted(sum((selection.dropped for selection in selections), Counter()).items())),
        "sources": {selection.source: described(selection) for selection in selections},
    }
    numbers = {selection.source: selection.people.category_id for selection in selections}
    if others := {split: number for split, number in numbers.items() if number != facts["category_id"]}:
        facts["category_ids"] = others
    if config.context != 1:
        facts["context"] = config.context
    shared = where_twins_are(selections, twins)
    if shared.within:
        facts["same_photos"] = shared.within
    if shared.between:
        facts["shared_photos"] = {"-".join(pair): count for pair, count in shared.between.items()}
    if written.bad:
        facts["bad_photos"] = [
            {"file": bad.photo.file_name, "source": bad.source, "reason": bad.reason} for bad in written.bad
        ]
    return facts


def _draw(unfinished: Draft, facts: Mapping[str, Any], execution: Execution) -> None:
    # What draws takes longer to import than refusals may.
    from shgae.plots.style import save_figure
    from shgae.reporting.people_sheet import small_sheet

    save_figure(small_sheet(unfinished.preview(facts)), unfinished.file(SHEET), stamp(execution))


@settled_pillow
def dry_run(sources: Mapping[Split, Source], output: Path, config: PrepareConfig, execution: Execution) -> DryRun:
    """Says what :func:`run` would make, but for its sheet; nothing is written.

    Raises:
        Refused: as :func:`run`, but for photos that cannot be read.
    """
    _check_options(sources, config)
    selections = plan_splits(sources, config, execution).selections
    seconds = sum(cutting_time(selection, config, execution.workers) for selection in selections)
    return DryRun(output, crops_in_words(selections), size_of(selections, config), free_bytes(output), seconds)


def _check_options(sources: Mapping[Split, Source], config: PrepareConfig) -> None:
    if "train" not in sources:
        raise Refused("--train", "the options", "there is nothing to train on", "--train JSON PHOTOS")
    held_out: Mapping[Split, tuple[str, int]] = {
        "test": ("--hold-out", config.hold_out),
        "val": ("--hold-out-val", config.hold_out_val),
    }
    for split, (option, people) in held_out.items():
        if people and split in sources:
            raise Refused(option, "the options", f"--{split} is given too", f"--{split} alone, or {option} alone")


def _cropping(config: PrepareConfig) -> dict[str, Any]:
    """The facts of how squares are cut; networks that are trained on them keep them."""
    if config.square == "study":
        return {"crop_policy": config.crop_policy, "margin": config.margin}
    return {"crop_policy": "pad", "margin": FAMILY_MARGIN, "square": config.square}
