"""What a prediction was asked of: photos, with the boxes that say where people are, or each as one person."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from shgae.artifacts.tables import dumps
from shgae.config import some
from shgae.data.boxes import OTHER_CATEGORY, BoxFile, read_boxes
from shgae.data.doubts import BoxForms
from shgae.data.photo_checks import told
from shgae.data.photo_files import Turned, read_header, same_photos
from shgae.data.photos import SUFFIXES, BoxedPhoto, boxed_photos, have_more, left_out, list_photos, whole_photos
from shgae.data.prefetch import prefetch
from shgae.errors import Refused
from shgae.execution import Execution, Progress
from shgae.recipes import PredictConfig
from shgae.wording import counted, few

_MOST_SUFFIXES = 6
_MOST_CATEGORIES = 5


@dataclass(frozen=True)
class PhotoRequest:
    """What was asked for."""

    photos: tuple[BoxedPhoto, ...]
    """Those to look at."""
    without_box: int
    """Photos that the JSON has no box for."""
    skipped: Mapping[str, int]
    """Boxes that are nobody to look for, by reason."""
    boxes: Path | None
    boxes_sha256: str | None

    def identity(self) -> dict[str, Any]:
        """Its part of the config: names, ids and sizes on disk, for another list of photos is another request."""
        lines = (dumps([photo.file_name, photo.image_id, _size(photo.path)]) for photo in self.photos)
        photos = hashlib.sha256("\n".join(lines).encode()).hexdigest()
        return {"photos_sha256": photos, "boxes_sha256": self.boxes_sha256}

    def inputs(self) -> list[Path]:
        return [*(photo.path for photo in self.photos), *([self.boxes] if self.boxes else [])]

    @property
    def people(self) -> int:
        return sum(photo.people for photo in self.photos)

    @property
    def size(self) -> int:
        return sum(_size(photo.path) for photo in self.photos)


def read_request(
    given: Sequence[Path],
    boxes: Path | None,
    category_id: int,
    config: PredictConfig,
    execution: Execution,
    joints: Sequence[str] = (),
) -> PhotoRequest:
    """Reads which photos and boxes are meant; what is left out or odd is noted.

    Args:
        given: files, and folders of which the photos directly inside are taken.
        boxes: a COCO dataset or list of detections; None takes each photo as one person.
        category_id, joints: the people's, see :func:`~shgae.data.boxes.read_boxes`.

    Raises:
        Refused: there is no photo, the boxes are refused, or a photo is to be turned.
    """
    progress = execution.progress
    some("photos", given)
    if not any(path.exists() for path in given):
        raise Refused("photos", given[0], "no such file or folder", "check the path")
    listed, empty = list_photos(given)
    skipped_files = [f"{count:,} {suffix}" for suffix, count in left_out(given).items()][:_MOST_SUFFIXES]
    if have_more(given, listed):
        skipped_files.append("photos in subfolders, which are not opened")
    others = ", ".join(skipped_files)
    if not listed:
        why = "it holds no photo"
        raise Refused("photos", given[0], f"{why} ({others})" if others else why, f"a folder of {', '.join(SUFFIXES)}")
    if others:
        progress.note(f"note: files that are left out, by their names or places: {others}")
    for folder in empty:
        progress.note(f"note: {folder} holds no photo")
    _note_twins(listed, progress)
    if boxes is None:
        whole = tuple(whole_photos(listed)[: config.limit])
        _look_at(whole, config, execution)
        return PhotoRequest(whole, 0, {}, None, None)
    file = read_boxes(boxes, category_id, joints)
    if file.note:
        progress.note(f"note: {file.note}")
    photos, skipped = boxed_photos(listed, file, progress.note)
    without = len(listed) - len(photos)
    if without:
        progress.note(f"note: {without:,} of {len(listed):,} photos have no box")
    for reason, count in sorted(skipped.items()):
        which = _categories(file) if reason == OTHER_CATEGORY else ""
        progress.note(f"note: {counted(count, 'box', 'boxes')} skipped: {reason}{which}")
    photos = photos[: config.limit]
    _look_at(photos, config, execution)
    return PhotoRequest(tuple(photos), without, dict(sorted(skipped.items())), boxes, file.sha256)


def _categories(file: BoxFile) -> str:
    """The numbers of the other categories, the most frequent first, and a doubt where they may count from 0."""
    counts = file.other_categories
    each = [f"{category}: {counted(count, 'box', 'boxes')}" for category, count in counts.most_common()]
    doubt = f"; are ids counted from 0? people are {file.category_id} here" if file.is_list and 0 in counts else ""
    return f" ({few(each, _MOST_CATEGORIES)}){doubt}"


def _note_twins(photos: Sequence[Path], progress: Progress) -> None:
    twins = same_photos(enumerate(photos))
    if twins:
        first, second = (photos[place].name for place in twins[0][:2])
        count = f"{counted(len(twins), 'photo')} under several names, byte for byte"
        progress.note(f"note: {count} ({first} and {second}): each is predicted on its own")


def _look_at(photos: Sequence[BoxedPhoto], config: PredictConfig, execution: Execution) -> None:
    """Notes photos that EXIF says to turn, or refuses them (:func:`~shgae.data.photo_checks.told`), and odd boxes."""
    turned = Turned()
    headers = prefetch((photo.path for photo in photos), read_header, execution.workers)
    boxes = BoxForms()
    for photo, header in zip(photos, headers, strict=True):
        turned.add(photo.path, header, photo.size)
        for box in photo.boxes or ():
            boxes.add(box.xywh, header.size_by(config.exif) if header else None)
    told_of = {} if any(photo.boxes for photo in photos) else {"unclear": "people are found best in upright photos"}
    if note := told(turned, config.exif, **told_of):
        execution.progress.note(note)
    scores = [box.score for photo in photos for box in photo.boxes or ()]
    if 0 < (without := scores.count(None)) < len(scores):
        execution.progress.note(f"note: {without:,} of {len(scores):,} boxes without a score: it counts as 1")
    if twice := sum(len(photo.boxes) - len({box.xywh for box in photo.boxes}) for photo in photos if photo.boxes):
        count = counted(twice, "box", "boxes")
        execution.progress.note(f"note: {count} twice, number for number in one photo: each counts")
    if note := boxes.note():
        execution.progress.note(f"note: {note}")


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0
