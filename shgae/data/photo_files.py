"""Photos as files, looked at without decoding them: their size, their EXIF turn, and which are the same photo."""

from __future__ import annotations

import os
import threading
import warnings
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ContextDecorator, ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import TypeVar
from urllib.parse import quote, unquote

from PIL import ExifTags, Image, ImageFile

from shgae.artifacts.hashing import hash_file
from shgae.artifacts.input_file import open_input
from shgae.data.text_input import is_photo_name, leads_out, name_parts, plain_name
from shgae.errors import Refused
from shgae.recipes import Exif

FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "PPM", "GIF")
"""What is decoded. Named one by one: EPS would run Ghostscript, and Pillow turns a TIFF by its EXIF tag."""
JPEGS = ("JPEG", "MPO")
"""What Pillow calls a JPEG, without and with a second picture after it."""
TURNS: Mapping[int, Image.Transpose] = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""By EXIF's orientation: what makes the stored pixels upright."""
_SIDEWAYS = range(5, 9)
_MOST_SUBFOLDERS = 20
"""In which a photo is looked for that is not where it is said to be."""

Size = tuple[int, int]
Key = TypeVar("Key")


@dataclass(frozen=True, slots=True)
class Header:
    """What a photo says of itself."""

    size: Size
    """Width and height of the stored pixels."""
    orientation: int
    """EXIF's: 1 as stored, 2 to 8 one of :data:`TURNS`."""
    is_jpeg: bool = True
    """Cameras write JPEG; in a PNG or WebP the block is mostly a leftover, which OpenCV heeds and others do not."""

    @property
    def is_turned(self) -> bool:
        """Whether the upright photo is not the stored one."""
        return self.orientation in TURNS

    @property
    def upright_size(self) -> Size:
        """Width and height once it is turned."""
        return (self.size[1], self.size[0]) if self.orientation in _SIDEWAYS else self.size

    def size_by(self, exif: Exif) -> Size:
        """Width and height of the photo that is cut from."""
        return self.upright_size if exif == "apply" else self.size


class _SettledPillow(ContextDecorator):
    """Around a whole command, for threads read the photos: Pillow's warnings of large photos and torn EXIF blocks are
    kept back, and what a program has told Pillow to take or refuse does not hold.

    Commands may run in threads: the first saves what was set, and the last puts it back. Sizes are checked in
    :func:`~shgae.data.photo_decoding.open_photo`, which ends with a line of its own.
    """

    def __init__(self) -> None:
        self._lock, self._commands, self._undo = threading.Lock(), 0, ExitStack()

    def __enter__(self) -> None:
        with self._lock:
            if not self._commands:
                self._undo.enter_context(_as_pillow_begins())
            self._commands += 1

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._commands -= 1
            if not self._commands:
                self._undo.close()


settled_pillow = _SettledPillow()


@contextmanager
def _as_pillow_begins() -> Iterator[None]:
    before = ImageFile.LOAD_TRUNCATED_IMAGES, Image.MAX_IMAGE_PIXELS
    ImageFile.LOAD_TRUNCATED_IMAGES, Image.MAX_IMAGE_PIXELS = False, 2**30 // 12
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", module=r"PIL\.")
            yield
    finally:
        ImageFile.LOAD_TRUNCATED_IMAGES, Image.MAX_IMAGE_PIXELS = before


def read_header(path: Path) -> Header | None:
    """Reads size and orientation, not the pixels; None where that fails, as decoding will."""
    try:
        with open_input(path) as file, Image.open(file, formats=FORMATS) as photo:
            return Header(photo.size, orientation_of(photo), photo.format in JPEGS)
    except Exception:  # About ten types, by format; whoever decodes it says which.
        return None


def orientation_of(photo: Image.Image) -> int:
    """EXIF's orientation, 1 to 8; 1 where there is none, or it is torn."""
    try:
        # Not the photo's own method: a PNG's decodes the pixels in search of a block that may follow them. Without XMP,
        # which Pillow takes where EXIF says nothing, and which no browser turns a photo by.
        bare = Image.Image()
        bare.info = {key: value for key, value in photo.info.items() if "xmp" not in str(key)}
        found = bare.getexif().get(ExifTags.Base.Orientation, 1)
    except Exception:  # A torn EXIF block fails in many ways, and the pixels are good.
        return 1
    return int(found) if found in TURNS else 1


@dataclass
class Turned:
    """Photos that EXIF says to turn, by what the sizes that come with their boxes show."""

    stored: list[Path] = field(default_factory=list)
    """The size is of the stored pixels."""
    upright: list[Path] = field(default_factory=list)
    """The size is of the upright photo."""
    unclear: list[Path] = field(default_factory=list)
    """It could be either, or there is none."""
    unlikely: list[Path] = field(default_factory=list)
    """As above, but the photo is not a JPEG: taken as stored."""

    def add(self, path: Path, header: Header | None, said: Size | None) -> None:
        """Sorts a photo in, if it is one that is turned."""
        if header is None or not header.is_turned:
            return
        if said is None or header.size == header.upright_size:
            (self.unclear if header.is_jpeg else self.unlikely).append(path)
        elif said == header.size:
            self.stored.append(path)
        elif said == header.upright_size:
            self.upright.append(path)

    @property
    def all(self) -> list[Path]:
        return [*self.stored, *self.upright, *self.unclear, *self.unlikely]

    @property
    def refused(self) -> list[Path]:
        """Those of which nobody can tell what their boxes mean.

        Photos of one source come from one program: where sizes show that it took the stored pixels of some, and of
        none the upright photo, it took the stored pixels of all.
        """
        return [] if self.stored and not self.upright else self.unclear


def same_photos(paths: Iterable[tuple[Key, Path]]) -> list[list[Key]]:
    """Keys of photos that are one file, or hold the same bytes: a list for each such photo, in the order of the keys.

    Only files of equal size are read. A file that cannot be read is not the twin of another.
    """
    by_file: dict[str, list[Key]] = defaultdict(list)
    for key, path in paths:
        by_file[os.path.realpath(path)].append(key)
    by_size: dict[int, list[str]] = defaultdict(list)
    for file in by_file:
        try:
            by_size[os.stat(file).st_size].append(file)  # noqa: PTH116
        except OSError:
            continue
    groups: list[list[Key]] = []
    for files in by_size.values():
        by_bytes: dict[str, list[Key]] = defaultdict(list)
        for file in files:
            by_bytes[_digest(file) if len(files) > 1 else ""] += by_file[file]
        groups += [keys for keys in by_bytes.values() if len(keys) > 1]
    return groups


def _digest(file: str) -> str:
    try:
        return hash_file(Path(file))
    except (OSError, Refused):
        return file


class PhotoFolder:
    """Finds photos below a folder by the names that a JSON gives them; never leaves the folder."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._root = folder, Path(os.path.realpath(folder))
        self._names: dict[Path, dict[str, list[str]]] = {}

    def path(self, file_name: str) -> Path:
        """Where a name points, whether or not there is a file.

        The very name counts most; then the one with slashes for backslashes; then a name that reads the same,
        its umlauts composed or not.
        """
        exact = self._folder / file_name
        parts = name_parts(file_name)
        slashed = self._folder.joinpath(*parts)
        if slashed == exact or exact.is_file():
            return exact if exact.is_file() or file_name.isascii() else self._same_name(parts) or exact
        return slashed if slashed.is_file() else self._same_name(parts) or slashed

    def is_inside(self, path: Path) -> bool:
        """Whether no link leads a path out of the folder."""
        return Path(os.path.realpath(path)).is_relative_to(self._root)

    def advice(self, file_name: str) -> str:
        """What to do about a photo that is not there: the folder in which it is, or how it is called in this one."""
        *above, name = name_parts(file_name)
        parents = [*self._folder.parents, *self._folder.absolute().parents][: len(above)]
        for folder in [*parents, *self._subfolders]:
            if folder.joinpath(*above, name).is_file():
                return f"the folder {folder}"
        for other, what in (
            (unquote(file_name), "decoded (%20 is a blank)"),
            (quote(file_name), "with %20 for a blank"),
        ):
            may_be = other != file_name and is_photo_name(other) and not leads_out(other)
            if may_be and self.path(other).is_file():
                return f"the names in the JSON {what}, for the folder has {other}"
        found = self._stems.get(_stem(name))
        return (
            f"{found}, which the folder has, as its name in the JSON" if found else "the folder that holds the photos"
        )

    @cached_property
    def _subfolders(self) -> list[Path]:
        """Those directly in the folder, if they are few; without links."""
        with os.scandir(self._folder) as entries:
            found = sorted(entry.name for entry in entries if entry.is_dir(follow_symlinks=False))
        return [self._folder / name for name in found] if len(found) <= _MOST_SUBFOLDERS else []

    @cached_property
    def _stems(self) -> dict[str, str]:
        """Names in the folder itself, by what is left of them without suffix and case."""
        names = (name for same in self._inside(self._folder).values() for name in same)
        return {_stem(name): name for name in sorted(names, reverse=True)}

    def _same_name(self, parts: Sequence[str]) -> Path | None:
        here = [self._folder]
        for part in parts:
            here = [path / name for path in here for name in self._inside(path).get(part, ())]
        files = [path for path in here if path.is_file()]
        return files[0] if len(files) == 1 else None

    def _inside(self, folder: Path) -> dict[str, list[str]]:
        """What lies in a folder, by plain names."""
        if folder not in self._names:
            names: dict[str, list[str]] = defaultdict(list)
            if folder.is_dir() and self.is_inside(folder):
                for name in os.listdir(folder):  # noqa: PTH208
                    names[plain_name(name)].append(name)
            self._names[folder] = dict(names)
        return self._names[folder]


def _stem(name: str) -> str:
    return plain_name(PurePosixPath(name).stem).casefold()
