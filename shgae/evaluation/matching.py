"""Results of whole photos, which do not say whom they are of -> the people of a split, by COCO's greedy OKS."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from shgae.artifacts import strict_json
from shgae.artifacts.crops import PeopleTable
from shgae.artifacts.strict_json import JsonFault
from shgae.data.text_input import name_parts
from shgae.errors import Refused
from shgae.metrics import oks

Floats = npt.NDArray[np.float64]
_MOST = 1e6
_NUMBER = re.compile("[0-9]{1,18}")
_FIX = 'a JSON list of a number for each joint, or an object {"nose": 0.026, ...}'


def read_sigmas(path: Path, names: Sequence[str]) -> Floats:
    """(K,) OKS sigmas of these joints, from a JSON list in their order, or a JSON object by name.

    Raises:
        Refused: no such file, no JSON, or not one positive number for each joint.
    """
    value = strict_json.read(path, "sigmas", _FIX, utf16=True).value
    if isinstance(value, dict):
        if value.keys() != set(names):
            other = sorted(value.keys() ^ set(names))[0]
            raise Refused("sigmas", path, f"its joints are not those of the data ({other!r:.40})", _FIX)
        value = [value[name] for name in names]
    if not isinstance(value, list) or len(value) != len(names):
        raise Refused("sigmas", path, f"not {len(names)} numbers", _FIX)
    if not all(type(one) in (int, float) and 0 < one < _MOST for one in value):
        raise Refused("sigmas", path, "a sigma is not a positive number", _FIX)
    return np.array(value, np.float64)


def with_photo_ids(
    entries: Sequence[dict[str, Any]], photo_names: Callable[[], Mapping[int, str]]
) -> list[dict[str, Any]]:
    """Entries whose ``image_id`` is a text, as AlphaPose writes it, get the id of the photo that it names.

    It may be a photo's path, its file name, or its number with zeros before it and a suffix (``000000000139.jpg``).

    Args:
        entries: with whole numbers or texts as ``image_id``.
        photo_names: reads the names of the split's photos, by their ids.

    Raises:
        JsonFault: none of the texts names a photo, or several photos have the file name.
    """
    texts = {entry["image_id"] for entry in entries if isinstance(entry.get("image_id"), str)}
    if not texts:
        return list(entries)
    names = photo_names()
    of_path = {name_parts(name): photo for photo, name in names.items()}
    of_name = defaultdict[str, list[int]](list)
    for parts, photo in of_path.items():
        of_name[parts[-1]].append(photo)
    absent, found = min(names, default=0) - 1, dict[str, int]()
    for text in sorted(texts):
        parts = name_parts(text) or ("",)
        same_name = of_name.get(parts[-1], [])
        if parts not in of_path and len(same_name) > 1:
            raise JsonFault(f"image_id {text!r:.60} is the file name of {len(same_name)} photos")
        number = parts[-1].partition(".")[0]
        numbered = int(number) if _NUMBER.fullmatch(number) else absent
        named = of_path.get(parts, same_name[0] if same_name else numbered)
        found[text] = named if named in names else absent
    if set(found.values()) == {absent}:
        raise JsonFault(f"image_id {min(texts)!r:.60} is the name of no photo of the split, and so are the others")
    ids = (entry.get("image_id") for entry in entries)
    return [
        entry | {"image_id": found[said]} if isinstance(said, str) else entry
        for entry, said in zip(entries, ids, strict=True)
    ]


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

    Args:
        entries: results in COCO's format, in photo pixels.
        whole: the N people of the split.
        xy_photo: (N, K, 2) their joints in photo pixels.
        sigmas: (K,) of OKS.

    Raises:
        JsonFault: no entry is of a photo of the split.
    """
    of_photo: dict[int, list[int]] = defaultdict(list)
    for place, entry in enumerate(entries):
        of_photo[entry["image_id"]].append(place)
    rows: list[int | None] = [None] * len(entries)
    likeness = [0.0] * len(entries)
    area = whole.box[:, 2] * whole.box[:, 3]
    if whole.area is not None:
        area = np.where(np.isfinite(whole.area), whole.area, area)
    labelled = whole.visibility > 0
    people_of: dict[int, list[int]] = defaultdict(list)
    for row, photo in enumerate(whole.photo_id.tolist()):
        people_of[photo].append(row)
    if not of_photo.keys() & people_of.keys():
        raise JsonFault(f"none of its {len(entries):,} entries is of a photo of the split")
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
