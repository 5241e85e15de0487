"""``shgae convert``: annotations as MPII and LSP are passed on -> COCO keypoint JSON, for ``shgae prepare``."""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from shgae.artifacts.durable import write_bytes
from shgae.artifacts.output_file import check_file, make_room
from shgae.artifacts.tables import dumps
from shgae.data.converters.annotations import DataSet, read_annotations
from shgae.data.converters.people import photo_sizes, to_coco
from shgae.data.photo_files import settled_pillow
from shgae.errors import Refused
from shgae.execution import Execution
from shgae.wording import counted, listed

_SUFFIX = ".json"
_SPLITS = ("train", "val", "valid", "test")


@dataclass(frozen=True)
class ConvertResult:
    """The files that were made."""

    output: Path
    files: Mapping[str, Path]
    """Split -> its COCO JSON."""
    people: Mapping[str, int]
    """Split -> people in it."""
    photos: int
    joints: int
    """Labelled joints of all people."""
    visible: int
    """Those of v = 2; the others are hidden, v = 1."""
    notes: tuple[str, ...]
    """What the format lacks, and what was left out."""

    def to_json(self) -> dict[str, Any]:
        return {
            "output": str(self.output),
            "files": {split: str(path) for split, path in self.files.items()},
            "people": dict(self.people),
            "photos": self.photos,
            "joints": self.joints,
            "visible": self.visible,
            "hidden": self.joints - self.visible,
            "notes": list(self.notes),
        }


@settled_pillow
def run(data_set: DataSet, file: Path, output: Path, photos: Path | None, execution: Execution) -> ConvertResult:
    """Writes ``SPLIT.json`` into the folder ``output``, for every split that the file tells apart.

    Args:
        data_set: the data set of the file.
        file: see :func:`~shgae.data.converters.annotations.read_annotations`.
        output: the folder; made where it is missing.
        photos: the folder of the photos, for the sizes that the formats lack; None leaves sizes out.
        execution: force and progress.

    Raises:
        Refused: the file is missing or malformed, a package to read it is missing, or an output exists.
    """
    converted = read_annotations(data_set, file, execution.stop)
    splits = {split: people for split, people in converted.splits.items() if people}
    targets = {split: output / f"{split}{_SUFFIX}" for split in splits}
    if os.path.realpath(file) in map(os.path.realpath, targets.values()):
        raise Refused("output", output, "the file itself would be replaced", "another --output")
    for path in targets.values():
        check_file(path, (_SUFFIX,), execution.force, example="train")
    names = list(dict.fromkeys(person.file_name for people in splits.values() for person in people))
    sizes = dict(photo_sizes(names, photos)) if photos else {}
    make_room(output, *(path.name for path in targets.values()))
    for split, people in splits.items():
        write_bytes(targets[split], (dumps(to_coco(people, converted.skeleton, sizes)) + "\n").encode())
    everybody = [person.visibility for people in splits.values() for person in people]
    labelled, visible = (sum(int((one >= least).sum()) for one in everybody) for least in (1, 2))
    notes = (*converted.notes, *_about_sizes(len(names), len(sizes), photos), *_left_there(output, targets.values()))
    counts = {split: len(people) for split, people in splits.items()}
    return ConvertResult(output, targets, counts, len(names), labelled, visible, notes)


def _left_there(output: Path, made: Collection[Path]) -> list[str]:
    """A note on splits in the folder that are of another run: together with the new ones they would be a mixture."""
    paths = (output / f"{split}{_SUFFIX}" for split in _SPLITS)
    left = [path.name for path in paths if path not in made and path.is_file()]
    return [f"not of this file: {listed(left)}, from before in {output}"] if left else []


def _about_sizes(photos: int, known: int, folder: Path | None) -> list[str]:
    if folder is None:
        return ["photo sizes: the format has none, shgae prepare reads them of the photos (--photos DIR does so now)"]
    if known < photos:
        which = f"not in {folder}, or turned by EXIF"
        return [f"photo sizes: {counted(photos - known, 'photo')} without one: {which}"]
    return []
