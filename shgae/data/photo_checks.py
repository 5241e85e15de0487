"""What is asked of the photos of a selection before any is decoded: which are turned, and which are the same photo."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from itertools import combinations
from pathlib import Path
from typing import NamedTuple

from shgae.data.coco import Photo
from shgae.data.photo_files import Turned, read_header, same_photos
from shgae.data.prefetch import prefetch
from shgae.data.selection import Selection
from shgae.errors import Refused
from shgae.execution import Execution
from shgae.recipes import SPLITS, Exif
from shgae.wording import counted

_UNCLEAR = "nothing tells whether what belongs to it is of the upright photo"
_UNLIKELY = "not JPEGs; is what belongs to them of upright photos, as OpenCV reads them? then --exif apply"
Key = tuple[int, int]
"""Which selection, and the id of a photo in it."""


def check_turns(selections: Sequence[Selection], execution: Execution) -> int:
    """Counts photos that EXIF says to turn, and notes what is done about them; returns how many there are.

    Raises:
        Refused: under ``refuse``, where boxes and joints are of the upright photos, or might be.
    """
    count = 0
    for selection in selections:
        turned, photos = Turned(), list(_photos(selection))
        headers = prefetch((path for _, path in photos), read_header, execution.workers)
        for (photo, path), header in zip(photos, headers, strict=True):
            turned.add(path, header, selection.people.said_size(photo.id))
        if note := told(turned, selection.people.exif, f" of {selection.source}"):
            execution.progress.note(note)
        count += len(turned.all)
    return count


def told(turned: Turned, exif: Exif, whose: str = "", unclear: str = _UNCLEAR) -> str | None:
    """A note on photos that EXIF says to turn; None where there are none.

    Raises:
        Refused: under ``refuse``, where what comes with them is of the upright photos, or might be.
    """
    if not turned.all:
        return None
    count = counted(len(turned.all), "photo")
    if exif == "apply":
        return f"note: {count}{whose} turned as EXIF says (--exif apply)"
    if exif == "ignore":
        return f"note: EXIF says to turn {count}{whose}, which is not done (--exif ignore)"
    if turned.upright:
        raise _refused(turned.upright, "by its size, what belongs to it is of the upright photo", "--exif apply")
    if turned.refused:
        fix = "--exif apply (upright, as browsers show it) or --exif ignore (as stored)"
        raise _refused(turned.refused, unclear, fix)
    why = "the JSON's sizes are of the stored pixels" if turned.stored else _UNLIKELY
    return f"note: EXIF says to turn {count}{whose}, which is not done: {why}"


def _refused(photos: Sequence[Path], why: str, fix: str) -> Refused:
    others = len(photos) - 1
    more = f" ({others:,} more {'photos are' if others > 1 else 'photo is'} so)" if others else ""
    return Refused("photo", photos[0], f"EXIF says to turn it, and {why}{more}", fix)


def find_twins(selections: Sequence[Selection]) -> list[list[Key]]:
    """Photos with samples that are one photo under several ids, in one JSON or in several."""
    files = [((i, photo.id), path) for i, one in enumerate(selections) for photo, path in _photos(one)]
    return same_photos(files)


def with_twins_merged(selections: Sequence[Selection], twins: Sequence[Sequence[Key]]) -> list[Selection]:
    """The selections with the ids of one photo taken together, so that a hold-out moves all of them or none."""
    merged = []
    for i, selection in enumerate(selections):
        number = {photo.id: fates[0].photo for photo, fates in selection}
        groups = [[number[photo] for j, photo in group if j == i] for group in twins]
        first = {one: min(group) for group in groups for one in group}
        fates = (replace(fate, photo=first.get(fate.photo, fate.photo)) for fate in selection.fates)
        merged.append(replace(selection, fates=tuple(fates)) if first else selection)
    return merged


class Shared(NamedTuple):
    """Where the same photos are."""

    within: dict[str, list[list[int]]]
    """By split, the ids of each photo that has several there."""
    between: dict[tuple[str, str], int]
    """By two splits, how many photos both have."""


def where_twins_are(selections: Sequence[Selection], twins: Sequence[Sequence[Key]]) -> Shared:
    """The splits that photos with several ids went to."""
    wanted = {key for group in twins for key in group}
    into: dict[Key, set[str]] = {}
    for i, selection in enumerate(selections):
        for photo, fates in selection:
            if (i, photo.id) in wanted:
                into[i, photo.id] = {fate.split for fate in fates if fate.split is not None}
    shared = Shared({}, {})
    for group in twins:
        ids = {split: sorted({key[1] for key in group if split in into[key]}) for split in SPLITS}
        for split in SPLITS:
            if len(ids[split]) > 1:
                shared.within.setdefault(split, []).append(ids[split])
        for pair in combinations([split for split in SPLITS if ids[split]], 2):
            shared.between[pair] = shared.between.get(pair, 0) + 1
    return shared


def _photos(selection: Selection) -> Iterator[tuple[Photo, Path]]:
    """The photos that have samples, and where they lie; without those that are missing or lie outside."""
    for photo, _ in selection.samples():
        with suppress(Refused):
            yield photo, selection.people.photo_path(photo)
