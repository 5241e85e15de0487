"""The category of a COCO JSON with the joints that are used: which one it is, and what it says of them."""

from __future__ import annotations

import shlex
from array import array
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from shgae.artifacts.strict_json import JsonFault
from shgae.data.text_input import is_id, is_text, plain_name
from shgae.errors import quoted
from shgae.skeleton import MOST_JOINTS, Skeleton
from shgae.wording import counted, few

_MOST_LISTED, _LONGEST_NAME = 5, 80
PERSON = 1
"""COCO's number for people."""
_PEOPLE = frozenset(
    ("person", "people", "human", "pedestrian", "athlete", "player", "man", "woman")
    + ("persons", "humans", "pedestrians", "athletes", "players", "men", "women")
)
"""What categories of people are called."""


def choose_category(dataset: Mapping[str, Any], name: str | None) -> tuple[dict[str, Any], tuple[str, ...]]:
    """The category of the people, and notes about it.

    Args:
        dataset: the JSON object; its categories and annotations are lists of objects.
        name: the category to take; None takes the only one with keypoints, or of several the one called person.

    Returns:
        A copy of the category; its joints have plain names (:func:`~shgae.data.text_input.plain_name`), its skeleton
        holds nothing but lines between them, counted from 1; and what a user should hear about the lines left out.

    Raises:
        JsonFault: there is not exactly one such category, its joints or mirror pairs contradict the format, or there
            are more than :data:`~shgae.skeleton.MOST_JOINTS`.
    """
    found = [category for category in dataset["categories"] if category.get("keypoints")]
    wanted = name if name is not None or len(found) == 1 else "person"
    chosen = [one for one in found if wanted is None or one.get("name") == wanted]
    chosen = chosen or [one for one in found if wanted is not None and _is_called(one, wanted)]
    if len(chosen) != 1:
        raise _not_one(found, chosen, name, dataset)
    category = dict(chosen[0])
    names = _joints_of(category)
    if not names or len(names) < len(category["keypoints"]):
        raise JsonFault("the category's keypoints are not a list of different names")
    if twice := next((joint for joint, count in Counter(names).items() if count > 1), None):
        raise JsonFault(f"the category's keypoints have {quoted(twice)} twice, and are not a list of different names")
    category["keypoints"] = names
    if len(names) > MOST_JOINTS:
        why = f"its category has {len(names):,} joints, networks have maps of {MOST_JOINTS} at most"
        raise JsonFault(why, f"a JSON of {MOST_JOINTS} joints or fewer")
    category["flip_pairs"], said = _mirror_pairs(category.pop("flip_pairs", None), names)
    category["skeleton"], notes = _lines(category.get("skeleton"), len(names))
    return category, (*said, *notes, *_others(category, dataset))


def category_of_people(categories: Any, category_id: int, joints: Sequence[str]) -> tuple[int, str]:
    """The number that a dataset has for the people of boxes, and a note where that is not plain, else "".

    It is that of the category with these joints, or called person, or else by another word for people, or the only one
    with keypoints, or the model's own ``category_id``, or the only one at all; where there are several such, or no
    categories, ``category_id``. A model of another number than COCO's for people, 1, may be one of animals: of it the
    own number comes before a name.

    Raises:
        JsonFault: there is none of these, or several are called so and none has the number.
    """
    listed = [one for one in categories if isinstance(one, dict)] if isinstance(categories, list) else []
    listed = [one for one in listed if is_id(one.get("id"))]
    if not listed:
        return category_id, ""
    posed = [one for one in listed if one.get("keypoints")]
    of_joints = [one for one in posed if _joints_of(one) == list(map(plain_name, joints))]
    called = [one for one in listed if _is_called(one, "person")]
    called = called or [one for one in listed if _is_called(one, *_PEOPLE)]
    own = [one for one in listed if one["id"] == category_id]
    named = [own, called] if category_id != PERSON else [called]
    others = [posed] if called else [posed, own, listed]
    for found in (of_joints, *named, *(each for each in others if len(each) == 1)):
        numbers = {one["id"] for one in found}
        if category_id in numbers or len(numbers) == 1:
            number = category_id if category_id in numbers else numbers.pop()
            one = next(one for one in found if one["id"] == number)
            is_plain = found is of_joints or not is_text(one.get("name"))
            is_plain = is_plain or (number == category_id and _is_called(one, "person"))
            return number, "" if is_plain else f"boxes are those of category {number}, {quoted(one['name'])}"
    if called:
        said = few([f"{one['id']} {quoted(one['name'], 30)}" for one in called], _MOST_LISTED)
        other = "".join(f" {quoted(one.get('name'), 30)}" for one in own)
        why = f"several of its categories are people ({said}), this model's number is {category_id}{other}"
        raise JsonFault(why, "the boxes of one of them alone")
    why = f"of its categories none is called person, and {category_id}, this model's people, is not there"
    raise JsonFault(why, "person as the name of the people's category")


def _joints_of(category: Mapping[str, Any]) -> list[str]:
    names = category["keypoints"]
    return [plain_name(one) for one in names if is_text(one)] if isinstance(names, list) else []


def _is_called(category: Mapping[str, Any], *names: str) -> bool:
    called = category.get("name")
    return isinstance(called, str) and _plain(called) in map(_plain, names)


def _plain(name: str) -> str:
    return plain_name(name).strip().casefold()


def _not_one(
    found: list[dict[str, Any]], chosen: list[dict[str, Any]], name: str | None, dataset: Mapping[str, Any]
) -> JsonFault:
    rule = "not exactly one category with keypoints (or one called person), as person_keypoints_*.json has"
    if not found:
        return _without_names(dataset)
    if len(chosen) > 1:
        called = quoted(chosen[0].get("name"), 30)
        return JsonFault(f"{len(chosen)} categories with keypoints are called {called}", "a name of its own for each")
    people = _people(dataset)
    named = [one for one in sorted(found, key=lambda one: -people[one["id"]]) if is_text(one.get("name"))]
    if not named:
        return JsonFault(rule)
    names = few([f"{one['name']:.30} ({people[one['id']]:,} annotations)" for one in named], _MOST_LISTED)
    why = rule if name is None else f"no category called {name:.30} has keypoints"
    first = str(named[0]["name"])
    fix = f"--category {shlex.quote(first)}" if len(first) <= _LONGEST_NAME else "--category and the whole name"
    return JsonFault(f"{why}: it has {names}", fix)


def _without_names(dataset: Mapping[str, Any]) -> JsonFault:
    """The fault of a file of boxes, such as COCO's instances_*.json, or of people with joints without names."""
    if any(isinstance(one.get("keypoints"), dict) for one in dataset["categories"]):
        fix = "the names in their order, as a list"
        return JsonFault("the category's keypoints are an object, and not a list of different names", fix)
    why = "no category has keypoints, the names of joints"
    given = (one.get("keypoints") for one in dataset["annotations"])
    joints = next((len(numbers) // 3 for numbers in given if isinstance(numbers, array) and numbers), 0)
    if not joints:
        fix = "person_keypoints_*.json, or another JSON of keypoints"
        return JsonFault(f"{why}, and no annotation has joints", fix)
    fix = f"the {joints} names in their order, as keypoints of the category"
    return JsonFault(f"{why}, though annotations have {joints} joints", fix)


def _others(chosen: Mapping[str, Any], dataset: Mapping[str, Any]) -> tuple[str, ...]:
    """A note where other categories have people with joints, whether or not they name them."""
    others = {one.get("id"): one for one in dataset["categories"] if is_id(one.get("id")) and one["id"] != chosen["id"]}
    people: Counter[int] = Counter()
    for one in dataset["annotations"]:
        number, joints = one.get("category_id"), one.get("keypoints")
        if is_id(number) and number in others:
            people[number] += bool(others[number].get("keypoints")) or (isinstance(joints, array) and any(joints))
    left_out = [one for number, one in others.items() if people[number]]
    if not left_out:
        return ()
    names = few([quoted(one.get("name"), 30) for one in left_out], _MOST_LISTED)
    which = "one" if all(one.get("keypoints") for one in left_out) else "one that names its joints"
    where = f"of other categories with keypoints ({names}), left out: --category takes {which}"
    return (f"{counted(people.total(), 'annotation')} {where}",)


def _people(dataset: Mapping[str, Any]) -> Counter[int]:
    return Counter(one.get("category_id") for one in dataset["annotations"] if type(one.get("category_id")) is int)


def _mirror_pairs(pairs: Any, names: list[str]) -> tuple[list[list[int]], tuple[str, ...]]:
    """The pairs that swap in a mirror, counted from 1, and a note where they are not as they are given.

    Where none is given, or an empty list, names tell. They also tell pairs that count from 0, as MMPose's do: counted
    from 1, those would swap a nose for an eye.
    """
    by_name = Skeleton.from_names(names)
    if pairs is None or pairs == []:
        return [[a + 1, b + 1] for a, b in by_name.flip_pairs], ()
    if not isinstance(pairs, list):
        raise JsonFault("the category's flip_pairs is not a list")
    flat = [joint for pair in pairs if isinstance(pair, list) for joint in pair if type(joint) is int]
    if len({*flat}) < len(flat):
        raise JsonFault("the category's flip_pairs name a joint twice")
    from_zero, from_one = (_counted_from(first, pairs, len(names)) for first in (0, 1))
    strange = Skeleton.from_names(names, flip_pairs=from_one).against_names()
    if from_zero and not Skeleton.from_names(names, flip_pairs=from_zero).against_names():
        named = {*by_name.flip_pairs}
        names_tell = named.issuperset(from_zero) and not named.issuperset(from_one)
        if (not from_one or strange or names_tell) and named.intersection(from_zero):
            note = "the category's flip_pairs counts joints from 0, by their names: it is read so"
            return [[a + 1, b + 1] for a, b in pairs], (note,)
    if not from_one:
        raise JsonFault("the category's flip_pairs is not a list of pairs of joints, counted from 1")
    if strange:
        pair = " and ".join(quoted(names[joint], 30) for joint in strange)
        fix = "pairs of a left and its right, or no flip_pairs: names tell then"
        raise JsonFault(f"the category's flip_pairs, counted from 1, joins {pair}, against their names", fix)
    return pairs, ()


def _counted_from(first: int, pairs: list[Any], joints: int) -> list[tuple[int, int]]:
    """The pairs as indices of joints; nothing where one is not a pair of these."""
    if not all(_is_pair(pair, joints, first) for pair in pairs):
        return []
    return [(min(pair) - first, max(pair) - first) for pair in pairs]


def _lines(pairs: Any, joints: int) -> tuple[list[list[int]], tuple[str, ...]]:
    """The lines to draw, and a note where some are left out: no person is worse for a line that cannot be drawn."""
    if pairs is None:
        return [], ()
    if not isinstance(pairs, list):
        return [], ("the category's skeleton is not a list of pairs of joints: no lines are drawn",)
    if pairs and all(_is_pair(pair, joints, first=0) for pair in pairs) and any(0 in pair for pair in pairs):
        return [[a + 1, b + 1] for a, b in pairs], ("the category's skeleton counts joints from 0: it is read so",)
    lines = [pair for pair in pairs if _is_pair(pair, joints)]
    left_out = len(pairs) - len(lines)
    if not left_out:
        return lines, ()
    why = f"{left_out:,} of the {len(pairs):,} lines of the category's skeleton do not join two of its {joints} joints"
    return lines, (f"{why}, counted from 1: they are not drawn",)


def _is_pair(pair: Any, joints: int, first: int = 1) -> bool:
    is_pair = isinstance(pair, list) and len(pair) == 2
    return is_pair and all(type(end) is int and first <= end < first + joints for end in pair)
