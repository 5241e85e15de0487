"""Photos that a user names, what results call them, and whom to look for in each.

No path of a JSON is ever opened: its file names only pick among the photos that were given.
"""

from __future__ import annotations

import os
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import takewhile
from pathlib import Path, PurePosixPath

from shgae.artifacts.manifest import MANIFEST
from shgae.data.boxes import CROWD, NO_AREA, NO_BOX, Box, BoxedImage, BoxFile
from shgae.data.text_input import find_names, name_parts, plain_name
from shgae.errors import Refused, shortened

SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".bmp", ".ppm", ".gif")
"""What makes a file of a folder a photo, in lower or upper case."""
_COCO_2014 = re.compile(r"\ACOCO_(train|val|test)201[45]_(?=[0-9]{12}(\.|\Z))")
"""What the names of COCO's photos of 2014 have more than those of 2017."""
_SHORT_LOOK = 20_000
"""Files and folders of one that is given, after which no more are looked at."""
NOT_GIVEN = "of a photo that was not given"
_FIXES = {
    NO_AREA: "boxes with an area, in x, y, width, height",
    NO_BOX: "bbox as its key: x, y, width, height",
    CROWD: "iscrowd 0, where a box is of one person",
}
"""Where no box is left, by the reason of most."""


@dataclass(frozen=True, slots=True)
class BoxedPhoto:
    """A photo and whom to look for in it."""

    path: Path
    file_name: str
    """What results call it: its name, or where several have that name, its path as given."""
    image_id: int
    boxes: tuple[Box, ...] | None = None
    """None: the whole photo is one person."""
    size: tuple[int, int] | None = None
    """Width and height in pixels that it must have, if the JSON has them."""
    fault: str | None = None
    """What the JSON has wrong about it: nobody is looked for."""

    @property
    def people(self) -> int:
        return 1 if self.boxes is None else len(self.boxes)


def list_photos(given: Sequence[Path]) -> tuple[list[Path], list[Path]]:
    """Files as they are, folders as the photos directly in them, by name; each path once.

    Hidden files of folders are left out. Whether a file is there, and a photo, is not looked at. Links to one file are
    photos of their own: stores of data keep equal frames as one file.

    Returns:
        The photos, and the folders that hold none.
    """
    photos: dict[Path, Path] = {}
    empty = []
    for path in given:
        found = [path]
        if path.is_dir():
            names = sorted(one.name for one in path.iterdir() if one.suffix.lower() in SUFFIXES and _is_entry(one))
            found = [path / name for name in names if not name.startswith(".")]
            empty += [] if found else [path]
        for photo in found:
            photos.setdefault(_place(photo), photo)
    return list(photos.values()), empty


def _place(photo: Path) -> Path:
    """One path for all ways to write it; a link stays one."""
    return Path(os.path.realpath(photo.parent), photo.name)


def _is_entry(path: Path) -> bool:
    """Whether something in a folder is a file, or a link that should lead to one: a bad photo where it does not."""
    return path.is_file() or (path.is_symlink() and not path.is_dir())


def whole_photos(photos: Sequence[Path]) -> list[BoxedPhoto]:
    """Every photo as one person."""
    return list(map(BoxedPhoto, photos, _file_names(photos), _image_ids(photos)))


def boxed_photos(
    photos: Sequence[Path], file: BoxFile, note: Callable[[str], None] = lambda _: None
) -> tuple[list[BoxedPhoto], Counter[str]]:
    """The photos that the JSON has boxes for, in their own order, and the boxes left out, by reason.

    An image with a file name is the photo with a path that ends so, whatever its suffix; one without, the photo with
    the image's id as its stem. Of names that are absolute paths or addresses, what all of them begin with does not
    count; nor does what COCO's names of 2014 have before the number.

    Raises:
        Refused: an image could be two photos, a photo two images, or no box is of a given photo.
    """
    index = _Index(photos, file.images)
    image_of: dict[int, BoxedImage] = {}
    skipped = file.skipped.copy()
    for image in file.images:
        found = index.places(image)
        if not found:
            skipped[NOT_GIVEN] += len(image.boxes)
            continue
        if len(found) > 1:
            why = f"{image.where} could be {photos[found[0]]} or {photos[found[1]]}"
            raise Refused("boxes", file.path, why, "one photo of that name at a time")
        if (other := image_of.setdefault(found[0], image)) is not image:
            why = f"{other.where} and {image.where} are both {photos[found[0]]}"
            raise Refused("boxes", file.path, why, "one image a photo")
    if not image_of:
        raise _none_of(photos, file, skipped, index)
    if index.elsewhere:
        folder = shortened(str(PurePosixPath(*index.elsewhere)))
        note(f"note: boxes name photos in {folder}, which are not given: those of equal names here are taken for them")
    whole, made = whole_photos(photos), []
    for place, image in sorted(image_of.items()):
        number = whole[place].image_id if image.image_id is None else image.image_id
        one = replace(whole[place], image_id=number, boxes=tuple(image.boxes), size=image.size)
        made.append(replace(one, fault=image.fault))
    return made, skipped


def left_out(given: Sequence[Path]) -> dict[str, int]:
    """How many files of the folders given are not taken for photos, by suffix; without hidden ones."""
    files = [one for path in given if path.is_dir() for one in path.iterdir() if one.is_file()]
    others = [one.suffix.lower() for one in files if not one.name.startswith(".")]
    return dict(sorted(Counter(suffix or "no suffix" for suffix in others if suffix not in SUFFIXES).items()))


def have_more(given: Sequence[Path], taken: Sequence[Path]) -> bool:
    """Whether photos that are not taken lie deeper in the folders given, as far as a short look tells.

    Hidden files and folders do not count, nor do artefacts, which have pictures of their own.
    """
    known = {_place(photo) for photo in taken}
    for path in given:
        seen = 0
        for folder, folders, names in os.walk(path):
            if MANIFEST in names:
                folders.clear()
                continue
            folders[:] = [name for name in folders if not name.startswith(".")]
            here = Path(os.path.realpath(folder))
            photos = [here / name for name in names if not name.startswith(".")]
            if any(one.suffix.lower() in SUFFIXES and one not in known and _is_entry(one) for one in photos):
                return True
            if (seen := seen + len(names) + len(folders)) > _SHORT_LOOK:
                break
    return False


def _none_of(photos: Sequence[Path], file: BoxFile, skipped: Mapping[str, int], index: _Index) -> Refused:
    """The refusal of boxes of which none is of a given photo, with a fix that fits the cause."""
    if not file.images and not skipped:
        why = "it holds no box: its detector found nobody"
        return Refused("boxes", file.path, why, "a detector of a lower threshold, or no --boxes")
    reasons = ", ".join(f"{reason}: {count:,}" for reason, count in skipped.items())
    given = "the only photo" if len(photos) == 1 else f"one of the {len(photos):,} photos"
    why, fix = f"no box is of {given} ({reasons})", "photos called as its file_name says"
    if not file.images and file.other_categories:
        (other, _), *_ = file.other_categories.most_common(1)
        why += f"; people have category_id {file.category_id}, most boxes have {other}"
        fix = f"category_id {file.category_id}, if they are people"
    elif not file.images:
        fix = _FIXES[max(_FIXES, key=lambda reason: skipped.get(reason, 0))]
    named = [image.file_name for image in file.images if image.file_name is not None]
    if named:
        fix = f"photos with a path that ends in {shortened(str(PurePosixPath(*index.ending(named[0]))))}"
    unnamed = [image.image_id for image in file.images if image.file_name is None]
    if unnamed:
        why += f"; image_id {unnamed[0]} wants a photo named {unnamed[0]} (zeros before it are fine)"
        fix = "photos named so, or file_name in the JSON"
    return Refused("boxes", file.path, why, fix)


class _Index:
    """Photos by name and by number."""

    def __init__(self, photos: Sequence[Path], images: Sequence[BoxedImage]) -> None:
        self._photos = photos
        self._numbers: Mapping[int | None, list[int]] = defaultdict(list)
        names = [_without_year(plain_name(photo.name)) for photo in photos]
        for place, name in enumerate(names):
            if (number := _number(Path(name))) is not None:
                self._numbers[number].append(place)
        said = {plain_name(image.file_name) for image in images if image.file_name is not None}
        self._as_it_is = said & set(names)
        last = {parts[-1] for parts in map(self._parts, said) if parts}
        paths = {name for name in said if _is_elsewhere(name)}
        is_here = not paths.isdisjoint(plain_name(str(photo.absolute())) for photo in photos)
        self.elsewhere = () if is_here else os.path.commonprefix([name_parts(name)[:-1] for name in paths])
        """The folder of another machine: what all names begin with that are no relative paths, if none is a photo's."""
        self._places = find_names(last | self._as_it_is, names)

    def places(self, image: BoxedImage) -> list[int]:
        """Where the photos stand that an image could be."""
        if image.file_name is None:
            return self._numbers.get(image.image_id, [])
        if "\\" in image.file_name and plain_name(image.file_name) in self._as_it_is:
            return self._places[plain_name(image.file_name)]
        parts = self._parts(image.file_name)
        same_name = self._places[parts[-1]] if parts else []
        if not same_name and image.image_id is None and image.file_name.isdecimal():
            return self._numbers.get(_number(Path(image.file_name)), [])  # an id as a text
        shared = {place: self._shared(place, parts) for place in same_name}
        most, least = max(shared.values(), default=0), len(self.ending(image.file_name)) - 1
        return [place for place in same_name if shared[place] == most >= least]

    def ending(self, file_name: str) -> tuple[str, ...]:
        """Folders and file that the path of the photo ends in."""
        parts = self._parts(file_name)
        return parts[len(self.elsewhere) :] if _is_elsewhere(file_name) else parts

    @staticmethod
    def _parts(file_name: str) -> tuple[str, ...]:
        *folders, name = name_parts(file_name) or ("",)
        return (*folders, _without_year(name)) if name else ()

    def _shared(self, place: int, parts: tuple[str, ...]) -> int:
        """How many folders a photo has in common with a path, from the last one up."""
        folders = map(plain_name, self._photos[place].absolute().parent.parts[::-1])
        pairs = zip(folders, parts[-2::-1], strict=False)
        return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], pairs))


def _is_elsewhere(file_name: str) -> bool:
    """Whether a name is an absolute path or an address, and not relative to a folder of photos."""
    parts = name_parts(file_name)
    return len(parts) > 1 and (parts[0] in ("/", "//", "..") or parts[0].endswith(":"))


def _without_year(name: str) -> str:
    return _COCO_2014.sub("", name)


def _file_names(photos: Sequence[Path]) -> list[str]:
    count = Counter(photo.name for photo in photos)
    return [photo.name if count[photo.name] == 1 else str(photo) for photo in photos]


def _image_ids(photos: Sequence[Path]) -> list[int]:
    """The numbers that all stems are, if they differ; else 1, 2, ..."""
    numbers = [number for photo in photos if (number := _number(photo)) is not None]
    is_numbered = len(numbers) == len(set(numbers)) == len(photos)
    return numbers if is_numbered else list(range(1, len(photos) + 1))


def _number(photo: Path) -> int | None:
    stem = photo.stem
    return int(stem) if stem.isascii() and stem.isdecimal() and len(stem) <= 18 else None
