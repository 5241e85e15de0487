"""Results of whole photos, which do not say whom they are of -> the people of a split, by COCO's greedy OKS."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from shgae.artifacts import strict_json
from shgae.artifacts.crops import PeopleTable
from shgae.artifacts.strict_json import JsonFault
from shgae.data.text_input import name_parts, plain_name
from shgae.errors import Refused
from shgae.metrics import oks
from shgae.metrics.people import Floats, area_of
from shgae.skeleton import COCO_PERSON

OTHER_SPLIT = "predictions of everybody in this split, or --split for another one"
"""What to do where people of the split are lacking."""
_LEAST, _MOST = 1e-6, 1e6
_NUMBER = re.compile("[0-9]{1,18}")
_FIX = 'a JSON list of a number for each joint, or an object {"nose": 0.026, ...}'


def read_sigmas(path: Path, names: Sequence[str]) -> Floats:
    """(K,) OKS sigmas of these joints, from a JSON list in their order, or a JSON object by name.

    Raises:
        Refused: no such file, no JSON, or not one positive number for each joint.
    """
    value = strict_json.read(path, "sigmas", _FIX, utf16=True).value
    if isinstance(value, dict):
        names = list(map(plain_name, names))
        value = {plain_name(name): sigma for name, sigma in value.items()}
        if value.keys() != set(names):
            other = sorted(value.keys() ^ set(names))[0]
            raise Refused("sigmas", path, f"its joints are not those of the data ({other!r:.40})", _FIX)
        value = [value[name] for name in names]
    if not isinstance(value, list) or len(value) != len(names):
        raise Refused("sigmas", path, f"not {len(names)} numbers", _FIX)
    if not all(type(one) in (int, float) and _LEAST < one < _MOST for one in value):
        raise Refused("sigmas", path, f"a sigma is not a number between {_LEAST:g} and {_MOST:g}", _FIX)
    return np.array(value, np.float64)


def sigmas_for(names: Sequence[str], path: Path | None) -> Floats | None:
    """(K,) OKS sigmas of these joints: those of a file (:func:`read_sigmas`), or COCO's; None where they have none."""
    if path is not None:
        return read_sigmas(path, names)
    return oks.coco_sigmas() if tuple(names) == COCO_PERSON.names else None


def with_photo_ids(
    entries: Sequence[dict[str, Any]], photo_names: Callable[[], Mapping[int, str]]
) -> list[dict[str, Any]]:
    """Entries that name their photo get its id in the split as ``image_id``.

    A name is a ``file_name``, as Ultralytics writes it next to a number of its own, or a text in place of the id, as
    AlphaPose does: a path, a file name, one without its suffix, or the id with zeros before it and a suffix
    (``000000000139.jpg``). A ``file_name`` says nothing next to an ``annotation_id``, or where none is of the split.

    Args:
        entries: with whole numbers, texts or nothing as ``image_id``.
        photo_names: reads the names of the split's photos, by their ids.

    Raises:
        JsonFault: there are names as ids and none is a photo's, or a name is that of several photos.
    """
    file_names = {*map(_file_name, entries)} - {None}
    if not file_names and not any(isinstance(entry.get("image_id"), str) for entry in entries):
        return list(entries)
    index = _PhotoNames(photo_names())
    are_known = any(index.photos(name) for name in file_names if name is not None)
    named = [_named(entry, are_known) for entry in entries]
    names = sorted({name for name in named if name is not None})
    if names and not any(map(index.photos, names)):
        why = f"photo {names[0]!r:.60} is not of the split" + (", nor is any other that it names" if names[1:] else "")
        raise JsonFault(why, OTHER_SPLIT)
    return [
        entry if name is None else entry | {"image_id": index.photo(name, entry.get("image_id"))}
        for entry, name in zip(entries, named, strict=True)
    ]


def _named(entry: Mapping[str, Any], are_known: bool) -> str | None:
    """What an entry calls its photo, by its file name if these are known; None where it has the photo's id."""
    said = entry.get("image_id")
    by_name = _file_name(entry) if are_known or said is None else None
    return by_name or (said if isinstance(said, str) else None)


def _file_name(entry: Mapping[str, Any]) -> str | None:
    name: str | None = entry.get("file_name")
    return name if entry.get("annotation_id") is None else None


class _PhotoNames:
    """The photos of a split, by what results call them."""

    def __init__(self, names: Mapping[int, str]) -> None:
        self._path = {photo: name_parts(name) for photo, name in names.items()}
        self._absent = min(names, default=0) - 1
        self._called: Mapping[str, list[int]] = defaultdict(list)
        for photo, parts in self._path.items():
            for name in {parts[-1], PurePosixPath(parts[-1]).stem}:
                self._called[name].append(photo)

    def photos(self, text: str) -> list[int]:
        """The photos that may be meant: an id, or by the path, by as much of it as both have, or by the file name."""
        parts = name_parts(text) or ("",)
        number = parts[-1].partition(".")[0]
        by_id = [int(number)] if _NUMBER.fullmatch(number) and int(number) in self._path else []
        called = self._called.get(parts[-1], [])
        if not called or by_id and text == str(by_id[0]):
            return by_id
        same = [photo for photo in called if self._path[photo] == parts]
        return same or [photo for photo in called if _end_alike(self._path[photo], parts)] or called

    def photo(self, text: str, said: object) -> int:
        """Its id, for which ``said`` counts where several have the name; an id that no photo has where there is none.

        Raises:
            JsonFault: several photos have the name.
        """
        found = self.photos(text)
        if len(found) > 1 and said not in found:
            raise JsonFault(f"photo {text!r:.60} may be {len(found)} of the split", "names with their folders")
        return next((photo for photo in found if photo == said), [*found, self._absent][0])


def _end_alike(a: tuple[str, ...], b: tuple[str, ...]) -> bool:
    """Whether one path is the end of the other, the suffix of the file aside."""
    shared = min(len(a), len(b)) - 1
    return a[-shared - 1 : -1] == b[-shared - 1 : -1]


def is_of_whole_photos(entries: Sequence[dict[str, Any]], people: PeopleTable, whole: PeopleTable) -> bool:
    """Whether no entry says whom it is of, and the photos do not tell."""
    if not entries or any(entry.get("annotation_id") is not None for entry in entries):
        return False
    given = Counter(entry["image_id"] for entry in entries)
    is_alone = len(set(whole.photo_id.tolist())) == len(whole)
    return not (is_alone and all(given[photo] == 1 for photo in people.photo_id.tolist()))


def match_people(
    entries: Sequence[dict[str, Any]], whole: PeopleTable, xy_photo: Floats, sigmas: Floats
) -> tuple[list[int | None], list[float]]:
    """Of each entry the row of the split that COCO's greedy OKS gives it, or None, and how like they are.

    Entries are results in COCO's format, in photo pixels; so are the joints (N, K, 2) of the N people of the split.

    Raises:
        JsonFault: no entry is of a photo of the split.
    """
    of_photo: dict[int, list[int]] = defaultdict(list)
    for place, entry in enumerate(entries):
        of_photo[entry["image_id"]].append(place)
    rows: list[int | None] = [None] * len(entries)
    likeness = [0.0] * len(entries)
    area = area_of(whole.area, whole.box)
    labelled = whole.visibility > 0
    people_of: dict[int, list[int]] = defaultdict(list)
    for row, photo in enumerate(whole.photo_id.tolist()):
        people_of[photo].append(row)
    if not of_photo.keys() & people_of.keys():
        raise JsonFault(f"none of its {len(entries):,} entries is of a photo of the split", OTHER_SPLIT)
    for photo, places in of_photo.items():
        people = people_of.get(photo)
        if not people:
            continue
        ranked = sorted(places, key=lambda place: -score_of(entries[place]))
        predicted = np.array([entries[place]["keypoints"] for place in ranked], np.float64).reshape(len(ranked), -1, 3)
        alike = oks.similarity(predicted[..., :2], xy_photo[people], labelled[people], area[people], sigmas)
        for rank, (place, person) in enumerate(zip(ranked, oks.match(alike).tolist(), strict=True)):
            if person >= 0:
                rows[place], likeness[place] = people[person], float(alike[rank, person])
    return rows, likeness


def score_of(entry: dict[str, Any]) -> float:
    """A person's score, or the mean of its joints'."""
    score = entry.get("score")
    return float(np.mean(entry["keypoints"][2::3])) if score is None else float(score)


def with_missing(
    entries: Sequence[dict[str, Any]], rows: Sequence[int | None], people: PeopleTable
) -> tuple[list[dict[str, Any]], list[int | None], int]:
    """The same with an entry for everybody who has none, and how many these are."""
    there = {row for row in rows if row is not None}
    missing = [row for row in range(len(people)) if row not in there]
    nothing = {"keypoints": [0.0] * (3 * people.visibility.shape[1]), "score": 0.0, "found": False}
    marked = [entry | {"found": True} for entry in entries]
    return [*marked, *([nothing] * len(missing))], [*rows, *missing], len(missing)
