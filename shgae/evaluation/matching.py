"""Results of whole photos, which do not say whom they are of -> the people of a split, by COCO's greedy OKS."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from shgae.arrays import Floats
from shgae.artifacts import strict_json
from shgae.artifacts.crops import PeopleTable
from shgae.artifacts.strict_json import JsonFault
from shgae.data.text_input import find_names, name_parts, plain_name, stem_of
from shgae.errors import Refused
from shgae.metrics import oks
from shgae.metrics.people import area_of
from shgae.skeleton import COCO_PERSON

OTHER_SPLIT = "predictions of everybody in this split, --split for another one, or the --limit that they were made with"
"""What to do where people of the split are lacking."""
_LEAST, _MOST = 1e-6, 1e6
_LEAST_SHARE = 0.01
"""No person covers less of the own box: of COCO's with joints nobody covers less than a tenth."""
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
    AlphaPose does: a path, a file name, one without its suffix or with another, or else the id, perhaps with zeros
    before it and a suffix (``000000000139.jpg``). A ``file_name`` says nothing next to an ``annotation_id``, or where
    none is of the split (but see :func:`count_misnamed`). An entry of another photo gets None, and its name as
    ``file_name``.

    Args:
        entries: with whole numbers, texts or nothing as ``image_id``.
        photo_names: reads the names of the split's photos, by their ids.

    Raises:
        JsonFault: there are names as ids and none is a photo's, or a name may be that of several photos.
    """
    file_names = {name for entry in entries if (name := _file_name(entry)) is not None}
    said = {entry["image_id"] for entry in entries if isinstance(entry.get("image_id"), str)}
    if not file_names and not said:
        return list(entries)
    index = _PhotoNames(photo_names(), file_names | said)
    are_known = any(map(index.knows, file_names))
    named = [_named(entry, are_known) for entry in entries]
    names = sorted({name for name in named if name is not None})
    if names and not any(map(index.knows, names)):
        why = f"photo {names[0]!r:.60} is not of the split" + (", nor is any other that it names" if names[1:] else "")
        raise JsonFault(why, OTHER_SPLIT)
    return [
        entry if name is None else entry | {"image_id": index.photo(name, entry.get("image_id")), "file_name": name}
        for entry, name in zip(entries, named, strict=True)
    ]


def count_misnamed(
    entries: Sequence[dict[str, Any]], whole: PeopleTable, photo_names: Callable[[], Mapping[int, str]]
) -> int:
    """How many entries have a ``file_name`` that is not of the photo which their id names, whatever its suffix.

    Args:
        entries: with the ids of :func:`with_photo_ids`.
        whole: the people of the split.
        photo_names: see :func:`with_photo_ids`.

    Raises:
        JsonFault: most of them have: equal ids of other photos.
    """
    said = [entry for entry in entries if entry.get("file_name") is not None]
    names = photo_names() if said else {}
    photo_of = dict(zip(whole.annotation_id.tolist(), whole.photo_id.tolist(), strict=True))
    given = [photo_of.get(one["annotation_id"]) if _is_of_person(one) else one["image_id"] for one in said]
    pairs = zip(said, given, strict=True)
    known = [(one["file_name"], photo) for one, photo in pairs if photo is not None and photo in names]
    others = [(name, photo) for name, photo in known if not _may_be(name, photo, names[photo])]
    if 2 * len(others) > len(known):
        (name, photo), count = others[0], f"{len(others):,} of {len(known):,} entries are so"
        why = f"photo {photo} of the split is {names[photo]!r:.60}, an entry calls it {name!r:.60} ({count})"
        raise JsonFault(why, f"{OTHER_SPLIT}; without file_name if they are of these photos")
    return len(others)


def _may_be(said: str, photo: int, name: str) -> bool:
    """Whether a photo of that id and name can be called so."""
    last, own = (name_parts(said) or ("",))[-1], (name_parts(name) or ("",))[-1]
    # Where photos are called by their ids, names that hold the id are of crops, or COCO's of 2014.
    numbers = _NUMBER.findall(stem_of(last)) if _is(stem_of(own), photo) else [stem_of(last)]
    return bool(find_names({last}, [own])[last]) or any(_is(number, photo) for number in numbers)


def _is(number: str, photo: int) -> bool:
    return bool(_NUMBER.fullmatch(number)) and int(number) == photo


def count_twice(entries: Sequence[Mapping[str, Any]]) -> int:
    """How many results of whole photos are another one of their photo, joint for joint; those without any are none."""
    results = [one for one in entries if not _is_of_person(one) and any(one["keypoints"])]
    return len(results) - len({hash((one["image_id"], one.get("file_name"), *one["keypoints"])) for one in results})


def without_strangers(entries: Sequence[Mapping[str, Any]], photo_names: Mapping[int, str]) -> list[dict[str, Any]]:
    """Entries of which :func:`with_photo_ids` knew no photo get its id among these ones; without those of none.

    Raises:
        JsonFault: a name may be that of several photos.
    """
    names = {one["file_name"] for one in entries if one.get("image_id") is None}
    index = _PhotoNames(photo_names, names)
    ids = [index.photo(one["file_name"], None) if one.get("image_id") is None else one["image_id"] for one in entries]
    return [{**one, "image_id": photo} for one, photo in zip(entries, ids, strict=True) if photo is not None]


def _named(entry: Mapping[str, Any], are_known: bool) -> str | None:
    """What an entry calls its photo, by its file name if these are known; None where it has the photo's id."""
    said = entry.get("image_id")
    by_name = _file_name(entry) if are_known or said is None else None
    return by_name or (said if isinstance(said, str) else None)


def _file_name(entry: Mapping[str, Any]) -> str | None:
    name: str | None = entry.get("file_name")
    return None if _is_of_person(entry) else name


def _is_of_person(entry: Mapping[str, Any]) -> bool:
    return entry.get("annotation_id") is not None


class _PhotoNames:
    """The photos of a split, by what the results of one file call them."""

    def __init__(self, photos: Mapping[int, str], texts: Collection[str]) -> None:
        self._path = {photo: there for photo, name in photos.items() if (there := name_parts(name))}
        parts = {text: name_parts(text) or ("",) for text in texts}
        ids = list(self._path)
        found = find_names({one[-1] for one in parts.values()}, [self._path[photo][-1] for photo in ids])
        self._called = {text: self._nearest([ids[i] for i in found[one[-1]]], one) for text, one in parts.items()}
        self._number = {text: self._id(one[-1]) for text, one in parts.items()}
        self._are_names = any(called and self._number[text] not in called for text, called in self._called.items())
        """Whether a photo is called otherwise than by its id: then no text with a suffix is an id."""

    def _nearest(self, called: list[int], parts: tuple[str, ...]) -> list[int]:
        """Of photos with one file name those of this path, or of as much of it as both have; else all."""
        same = [photo for photo in called if self._path[photo] == parts]
        return same or [photo for photo in called if _end_alike(self._path[photo], parts)] or called

    def _id(self, name: str) -> int | None:
        number = stem_of(name)
        return int(number) if _NUMBER.fullmatch(number) and int(number) in self._path else None

    def knows(self, text: str) -> bool:
        """Whether a text is the name or the id of a photo."""
        return bool(self._called[text]) or self._number[text] is not None

    def photo(self, text: str, said: object) -> int | None:
        """The id of the photo with one of the names; None where there is none.

        Args:
            text: the name.
            said: what the entry has as its ``image_id``; it counts where several have the name.

        Raises:
            JsonFault: several photos may be meant.
        """
        found, number = self._called[text], self._number[text]
        if number is not None and found != [number]:
            is_id = text == said == str(number)
            if self._are_names and is_id:
                why = f"photo {text!r:.60} may be a name or an id, and these are two photos"
                raise JsonFault(why, "ids as whole numbers, or names with their suffix")
            found = [number] if not self._are_names and (is_id or not found) else found
            if found == [number] and type(said) is int and said != number and said in self._path:
                raise JsonFault(f"photo {text!r:.60} has image_id {said}", "entries without file_name or image_id")
        if len(found) > 1 and said not in found:
            raise JsonFault(f"photo {text!r:.60} may be {len(found)} of the split", "names with their folders")
        return next((photo for photo in found if photo == said), [*found, None][0])


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

    Entries are results in COCO's format, in photo pixels; so are the joints (N, K, 2) of the N people of the split. Of
    somebody who covers next to nothing of the own box, the box's area decides who is matched.

    Raises:
        JsonFault: no entry is of a photo of the split.
    """
    of_photo: dict[int | None, list[int]] = defaultdict(list)
    for place, entry in enumerate(entries):
        of_photo[entry["image_id"]].append(place)
    rows: list[int | None] = [None] * len(entries)
    likeness = [0.0] * len(entries)
    own, of_box = area_of(whole.area, whole.box), area_of(None, whole.box)
    # By an area in fractions of the photo nobody is like anybody.
    area = np.where(own < _LEAST_SHARE * of_box, of_box, own)
    labelled = whole.visibility > 0
    people_of: dict[int | None, list[int]] = defaultdict(list)
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
        points = np.where(predicted.any(-1, keepdims=True), predicted[..., :2], np.inf)
        near, alike = (
            oks.similarity(points, xy_photo[people], labelled[people], each[people], sigmas) for each in (area, own)
        )
        for rank, (place, person) in enumerate(zip(ranked, oks.match(near).tolist(), strict=True)):
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
