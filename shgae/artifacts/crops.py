"""The people and crops of one split: written shard by shard, read at random without decoding a photo again.

::

    SPLIT/people.safetensors         one row a person, see :class:`PeopleTable`
    SPLIT/crops-00000.safetensors    "crops" (n <= 256, side, side, 3) uint8 RGB, zero where the photo does not reach

The side is the crop's, or larger by the context that was asked for; then the crop is the middle.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from shgae.arrays import Array, Bytes, Floats, Floats32, Ints
from shgae.artifacts.draft import Draft
from shgae.artifacts.hashing import state_of
from shgae.artifacts.input_file import open_input
from shgae.artifacts.store import Artifact
from shgae.artifacts.tables import read_rows
from shgae.artifacts.tensors import DTYPES, check_arrays, load_tensors, map_tensor, tensors_size
from shgae.errors import Refused

try:
    import resource
except ImportError:  # Windows has none, and no limit on open files that a program could move
    resource = None  # type: ignore[assignment]

PEOPLE = "{split}/people.safetensors"
ALL_PEOPLE = "people.jsonl"
"""One row a person of any split, dropped ones too."""
SHARD_ROWS = 256
_FAR = 1e12
"""Pixels: what a joint of an annotation, at most 1e9 away, gives stays well below."""
MEASURES: Mapping[str, tuple[int, ...]] = {"area": (), "head_box": (4,), "head_size": (), "center": (2,), "scale": ()}
"""What only some JSON give of a person, with the shape of one person's; each is a tensor where anybody has it."""


@dataclass(frozen=True)
class PeopleTable:
    """N people with K keypoints, in the order of their crops."""

    xy_crop: Floats32
    """(N, K, 2) joints in pixels of the crop; what stands where visibility is 0 has no meaning."""
    visibility: Bytes
    """(N, K) COCO's v: 0 not labelled, 1 labelled but hidden, 2 labelled and visible."""
    annotation_id: Ints
    """(N,) id in the COCO JSON."""
    photo_id: Ints
    """(N,) id of the photo in the COCO JSON."""
    square: Floats
    """(N, 3) the crop's x0, y0 and side in pixels of the photo."""
    box: Floats
    """(N, 4) the annotated box: x, y, width, height in pixels of the photo."""
    photo_size: Ints
    """(N, 2) width and height of the photo in pixels."""
    valid: Ints
    """(N, 4) x0, y0, x1, y1: the pixels of the crop that the photo covers."""
    area: Floats | None = None
    """(N,) COCO's area of the person in square pixels of the photo. This and what follows: NaN where a person lacks it,
    None where all do."""
    head_box: Floats | None = None
    """(N, 4) x, y, width, height of the head in pixels of the photo."""
    head_size: Floats | None = None
    """(N,) PCKh's normaliser in pixels of the photo, as the JSON gives it."""
    center: Floats | None = None
    """(N, 2) MPII's centre of the person, in pixels of the photo."""
    scale: Floats | None = None
    """(N,) MPII's scale: the person's height in units of 200 pixels of the photo."""

    def __len__(self) -> int:
        return len(self.annotation_id)

    def head(self, limit: int | None) -> PeopleTable:
        """The first ``limit`` people (all, when None)."""
        return PeopleTable(**{name: array[:limit] for name, array in self.arrays().items()})

    def arrays(self) -> dict[str, Array]:
        """Its tensors by name, without those of :data:`MEASURES` that it lacks."""
        return {name: array for name, array in vars(self).items() if array is not None}


def blank_people(people: int, joints: int, measures: Sequence[str]) -> PeopleTable:
    """A table to be filled: zeros, and NaN in these of :data:`MEASURES`, which nobody has yet."""
    formats = _formats(people, joints, measures).items()
    empty = dict.fromkeys(measures, np.nan)
    return PeopleTable(**{name: np.full(shape, empty.get(name, 0), DTYPES[dtype]) for name, (dtype, shape) in formats})


def split_size(people: int, joints: int, side: int, measures: Sequence[str] = ()) -> int:
    """Bytes of the files of a split with stored crops of this side and people of these measures."""
    whole, rest = divmod(people, SHARD_ROWS)
    shard = {rows: tensors_size({"crops": ("U8", (rows, side, side, 3))}) for rows in (SHARD_ROWS, rest)}
    numbers = _formats(people, joints, measures)
    return whole * shard[SHARD_ROWS] + (shard[rest] if rest else 0) + tensors_size(numbers)


def _formats(people: int, joints: int, measures: Sequence[str]) -> dict[str, tuple[str, tuple[int, ...]]]:
    """Number format and shape of each tensor of a table of people."""
    return {
        "xy_crop": ("F32", (people, joints, 2)),
        "visibility": ("U8", (people, joints)),
        "annotation_id": ("I64", (people,)),
        "photo_id": ("I64", (people,)),
        "square": ("F64", (people, 3)),
        "box": ("F64", (people, 4)),
        "photo_size": ("I64", (people, 2)),
        "valid": ("I64", (people, 4)),
    } | {name: ("F64", (people, *MEASURES[name])) for name in measures}


def photos_of(people: PeopleTable, data: Artifact, split: str) -> Ints:
    """(N,) the photo of each person of a split; one that is there under several ids has the first of them."""
    photos = people.photo_id.copy()
    for ids in data.facts.get("same_photos", {}).get(split, []):
        photos[np.isin(people.photo_id, ids)] = ids[0]
    return photos


def photo_names(data: Artifact, split: str) -> dict[int, str]:
    """File name of each photo of a split, by its id; of dropped people's photos too."""
    names = {}
    for row in all_people(data):
        if row.get("split") == split:
            photo = photo_of_row(row)
            if photo is None or not isinstance(row.get("file_name"), str):
                raise not_as_written(row, data, ALL_PEOPLE)
            names[photo] = row["file_name"]
    return names


def photo_of_row(row: Mapping[str, Any]) -> int | None:
    """The id of the photo that a row of :data:`ALL_PEOPLE` names; None where it names none."""
    photo = row.get("image_id", row.get("photo_id"))  # tables of older versions say photo_id
    return photo if type(photo) is int else None


def all_people(data: Artifact) -> Iterator[dict[str, Any]]:
    """The rows of :data:`ALL_PEOPLE`, of those too that were left out (their ``reason`` is a text); raises
    :class:`Refused` for one that ``prepare`` does not write."""
    for row in read_rows(data.open(ALL_PEOPLE)):
        texts = [row.get("reason"), row.get("source"), row.get("split"), row.get("file_name")]
        if not all(one is None or isinstance(one, str) for one in texts):
            raise not_as_written(row, data, ALL_PEOPLE)
        yield row


def not_as_written(row: Mapping[str, Any], data: Artifact, table: str) -> Refused:
    """The refusal of a row of a table of prepared data."""
    return Refused("table", data.path / table, f"not as prepare writes it ({row!r:.60})", "shgae prepare again")


class CropWriter:
    """Fills one split of a draft with at most so many crops; holds one shard in memory."""

    def __init__(self, draft: Draft, split: str, side: int, most: int) -> None:
        self._draft, self._split = draft, split
        self._shard = np.zeros((min(SHARD_ROWS, most), side, side, 3), np.uint8)
        self._rows = 0

    def add(self, crop: Bytes) -> None:
        """Adds the next crop: (side, side, 3) uint8 RGB."""
        self._shard[self._rows % SHARD_ROWS] = crop
        self._rows += 1
        if self._rows % SHARD_ROWS == 0:
            self._write(SHARD_ROWS)

    def finish(self, people: PeopleTable) -> None:
        """Writes the last shard and the table of people; raises ValueError if their numbers differ."""
        if self._rows % SHARD_ROWS:
            self._write(self._rows % SHARD_ROWS)
        if self._rows != len(people):
            raise ValueError(f"{self._rows} crops, {len(people)} people")
        self._draft.write_tensors(PEOPLE.format(split=self._split), people.arrays())

    def _write(self, rows: int) -> None:
        name = shard_name(self._split, (self._rows - 1) // SHARD_ROWS)
        self._draft.write_tensors(name, {"crops": self._shard[:rows]})


def read_people(data: Artifact, split: str) -> PeopleTable:
    """The people of a split without their crops; raises :class:`Refused` if the data lacks the split."""
    splits: dict[str, Any] = data.facts["splits"]
    if not splits.get(split):
        has = ", ".join(name for name, people in splits.items() if people)
        fixes = {
            "val": "--val or --hold-out-val at shgae prepare",
            "test": "--test or --hold-out at shgae prepare, or --split val",
        }
        fix = fixes.get(split, "shgae prepare again")
        raise Refused(f"split {split}", data.path, f"this data has {has} only", fix)
    file = PEOPLE.format(split=split)
    arrays = load_tensors(data.open(file), finite=False)  # NaN: a person lacks it
    skeleton, visibility = data.facts.get("skeleton"), arrays.get("visibility")
    joints = len(skeleton["names"]) if skeleton else visibility.shape[-1] if visibility is not None else 0
    wanted = _formats(int(splits[split]), joints, [name for name in MEASURES if name in arrays])
    check_arrays(data.file(file), arrays, wanted)
    people = PeopleTable(**arrays)
    _check_values(people, data.file(file))
    return people


def _check_values(people: PeopleTable, where: Path) -> None:
    """Raises :class:`Refused` for numbers that :mod:`shgae.data.crop_writer` does not write."""
    is_labelled, valid = people.visibility > 0, people.valid
    sound = {
        "visibility": (people.visibility <= 2).all(1),
        "xy_crop": (np.abs(np.where(is_labelled[..., None], people.xy_crop, 0)) < _FAR).all((1, 2)),
        "square": (np.abs(people.square) < _FAR).all(1) & (people.square[:, 2] > 0),
        "box": (np.abs(people.box) < _FAR).all(1),
        "photo_size": (people.photo_size >= 0).all(1),
        "valid": (valid[:, 0] <= valid[:, 2]) & (valid[:, 1] <= valid[:, 3]),
    }
    for name, is_sound in sound.items():
        if not is_sound.all():
            why = f"{name} of annotation {people.annotation_id[~is_sound][0]} is out of range"
            raise Refused("people", where, why, "shgae prepare again")
    ids, counts = np.unique(people.annotation_id, return_counts=True)
    if (counts > 1).any():
        raise Refused("people", where, f"annotation {ids[counts > 1][0]} is there twice", "shgae prepare again")


class Crops:
    """One split, opened for reading; the crops stay on disk until their rows are asked for."""

    def __init__(self, data: Artifact, split: str, limit: int | None = None, *, checked: bool = True) -> None:
        """Opens a split (train, val or test) of prepared data, or its first ``limit`` people.

        The files of the crops are hashed now; if not ``checked``, :meth:`check_same` tells later, once they were, that
        they are still the ones that are read.

        Raises:
            Refused: the data lacks it, or a file was changed.
        """
        self.crop_size = int(data.facts["crop_size"])
        self.whole = read_people(data, split)
        """All people of the split; ``people`` are those that are opened."""
        self.people = self.whole.head(limit)
        self.photos = photos_of(self.people, data, split)
        """See :func:`photos_of`."""
        shards = -(-len(self.people) // SHARD_ROWS)
        _allow_open_files(shards)
        self.files = tuple(shard_name(split, shard) for shard in range(shards))
        """Of the crops, inside the data; each has :data:`SHARD_ROWS` rows."""
        self._data, self._split = data, split
        self._states: dict[str, tuple[int, ...]] = {}
        self._shards = [self._opened(name, checked) for name in self.files]
        stored, side = int(data.facts["splits"][split]), self._shards[0].shape[-2:][0] if self._shards[0].ndim else 0
        for number, shard in enumerate(self._shards):
            rows = min(SHARD_ROWS, stored - number * SHARD_ROWS)
            wanted = {"crops": ("U8", (rows, max(side, self.crop_size), max(side, self.crop_size), 3))}
            check_arrays(data.file(self.files[number]), {"crops": shard}, wanted)

    def _opened(self, name: str, checked: bool) -> Array:
        file = self._data.open(name) if checked else open_input(self._data.file(name))
        self._states[name] = state_of(file)
        return map_tensor(file, "crops")

    def check_same(self, names: Sequence[str]) -> None:
        """Raises :class:`Refused` where another file lies now at the place of one that is read."""
        for name in names:
            with open_input(self._data.file(name)) as file:
                if state_of(file) != self._states[name]:
                    why = f"{name} was replaced while it was read"
                    raise Refused(self._data.manifest.kind, self._data.path, why, "the same command again")

    def __len__(self) -> int:
        return len(self.people)

    def photo_names(self) -> dict[int, str]:
        """See :func:`photo_names`."""
        return photo_names(self._data, self._split)

    def files_of(self, rows: Ints) -> list[str]:
        """The files that hold the crops of these rows (n,)."""
        return [self.files[shard] for shard in np.unique(self._places(rows) // SHARD_ROWS).tolist()]

    @property
    def stored_size(self) -> int:
        """Rows and columns of what is stored of a person: the crop, in the middle, and the context around it."""
        return int(self._shards[0].shape[1])

    def read(self, rows: Ints, *, context: bool = False) -> Bytes:
        """The crops of these rows, with their context or without: (n, size, size, 3) uint8 RGB.

        Raises:
            IndexError: there is no such row.
            Refused: a file of them was written to since it was opened.
        """
        names = self.files_of(rows)
        self._data.check_unwritten(names, self._states)  # before: one that became shorter would kill the process
        size = self.stored_size if context else self.crop_size
        around = (self.stored_size - size) // 2
        middle = slice(around, around + size)
        out = np.empty((len(rows), size, size, 3), np.uint8)
        shards, places = np.divmod(self._places(rows), SHARD_ROWS)
        for crop, shard, place in zip(out, shards.tolist(), places.tolist(), strict=True):
            crop[...] = self._shards[shard][place, middle, middle]
        self._data.check_unwritten(names, self._states)
        return out

    def _places(self, rows: Ints) -> Ints:
        """Rows (n,) counted from 0; negative ones count from the end, as numpy's do for the people."""
        count = len(self)
        if len(rows) and not (-count <= rows.min() and rows.max() < count):
            raise IndexError(f"rows {rows.min()} to {rows.max()} of {count} people")
        return rows % count

    def filled(self, rows: Ints) -> Bytes:
        """The crops of these rows, (n, size, size, 3) uint8 RGB, with the mean colour outside the photo: for people."""
        out, mean = self.read(rows), np.round(255 * np.array(self._data.facts["mean_rgb"]))
        x, y = np.arange(out.shape[2]), np.arange(out.shape[1])[:, None]
        for crop, (x0, y0, x1, y1) in zip(out, self.people.valid[rows], strict=True):
            crop[(x < x0) | (x >= x1) | (y < y0) | (y >= y1)] = mean
        return out


def _allow_open_files(files: int) -> None:
    # A mapped file keeps its descriptor; all of COCO needs some 600, and macOS lets a process have 256 unless it asks.
    if resource is None:
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = 2 * files + 256
    if soft != resource.RLIM_INFINITY and soft < wanted:
        most = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))


def shard_name(split: str, shard: int) -> str:
    """The file of a shard inside the artefact."""
    return f"{split}/crops-{shard:05d}.safetensors"
