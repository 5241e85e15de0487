"""The joints of a person: names, mirror pairs and limbs. The only home of these numbers."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from shgae.errors import Refused, quoted, shortened

MOST_JOINTS = 512
"""More than any data set has; a network has a map of each."""
_ENDS = "(base|index|joint|point|tip|top)?s?"
_UPPER = re.compile(f"(.*(head|nose|eye|neck|thorax|shoulder|elbow|wrist|hand)|ear){_ENDS}")
_LOWER = re.compile(f".*(pelvis|hip|knee|ankle|foot|heel|toe){_ENDS}")
"""Words of each half of a body: toe, bigtoe and toetip, but of a rear no ear."""
_MIDDLE = re.compile(
    "abdomen|back|base|beak|bell(y|ies)|bill|body|breast|caudal|cent(er|re)|chest|chin|crest|croup|crown|dorsal|fore?head|head"
    "|hips|jaw|lips?|mid(?!dle)|mouth|muzzle|nape|navel|neck|nose|pelvis|poll|rib|root|rump|sacrum|skull|snout|spine|sternum"
    "|stomach|tail|thorax|throat|tongue|top|torso|trunk|waist|withers"
    "|becken|brust|hals|kopf|nase|scheitel|bassin|bouche|cou$|menton|nez|tete|cabeza|cuello|nariz"
)
"""How words of the middle of a body begin, of which a mirror image leaves the joint in place."""
_WORDS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+|[^\W\d_]+")
"""The words of a name, in snake_case, kebab-case, camelCase or with dots."""
Side = Literal["left", "right"]
"""The person's own, not the picture's."""
_LEFT = "left l links linke linker linkes gauche izquierda izquierdo esquerda esquerdo sinistra sinistro"
_RIGHT = "right r rechts rechte rechter rechtes droite droit derecha derecho direita direito destra destro"
_SIDES: dict[str, Side] = dict.fromkeys(_LEFT.split(), "left")
_SIDES |= dict.fromkeys(_RIGHT.split(), "right")
"""Words of a side: English, German, French, Spanish, Portuguese, Italian."""
_OTHER: Mapping[Side, Side] = {"left": "right", "right": "left"}
_SYLLABLE = re.compile("left|right")
_Reading = tuple[tuple[Side, ...], str]
"""The sides that a name tells, in their order, and the name with * in their places."""


@dataclass(frozen=True)
class Skeleton:
    """K named keypoints; ``flip_pairs`` and ``limbs`` hold 0-based keypoint indices."""

    names: tuple[str, ...]
    """The K keypoint names, in channel order."""
    flip_pairs: tuple[tuple[int, int], ...]
    """Pairs that swap when a photo is mirrored."""
    limbs: tuple[tuple[int, int], ...]
    """Pairs that are drawn as a line."""

    def __post_init__(self) -> None:
        """Raises :class:`Refused` for a pair or a limb of a joint that is not there, and for a joint in two pairs."""
        for what, pairs in (("limbs", self.limbs), ("flip_pairs", self.flip_pairs)):
            for pair in pairs:
                if len(pair) != 2 or not all(0 <= joint < len(self.names) for joint in pair):
                    why = f"{quoted(pair)} is not a pair of joints of {len(self.names)}"
                    raise Refused(what, "the skeleton", why, "indices of names, counted from 0")
        paired = [joint for pair in self.flip_pairs for joint in pair]
        if len({*paired}) < len(paired):
            raise Refused(
                "flip_pairs", "the skeleton", "a joint has several partners, or is its own", "each joint once"
            )

    def __len__(self) -> int:
        return len(self.names)

    @classmethod
    def from_names(
        cls,
        names: Sequence[str],
        limbs: Sequence[tuple[int, int]] = (),
        flip_pairs: Sequence[tuple[int, int]] | None = None,
    ) -> Skeleton:
        """Builds a skeleton; mirror pairs that are not given follow from left and right in the names."""
        pairs = _pairs(names) if flip_pairs is None else {(int(min(a, b)), int(max(a, b))) for a, b in flip_pairs}
        return cls(tuple(names), tuple(sorted(pairs)), tuple((int(a), int(b)) for a, b in limbs))

    @classmethod
    def from_category(cls, category: Mapping[str, Any]) -> Skeleton:
        """Reads a COCO category; its ``skeleton``, and ``flip_pairs`` if it has them, count joints from 1."""
        limbs = [(a - 1, b - 1) for a, b in category.get("skeleton", [])]
        pairs = [(a - 1, b - 1) for a, b in category["flip_pairs"]] if "flip_pairs" in category else None
        return cls.from_names(category["keypoints"], limbs, pairs)

    def sources(self, other: Skeleton) -> tuple[int | None, ...]:
        """For each of these joints the joint of another skeleton that has its name, or None.

        Names are compared without regard to case, to space, hyphen or underscore, and to r and l for right and left.
        """
        index = {_plain(name): i for i, name in reversed(list(enumerate(other.names)))}
        return tuple(index.get(_plain(name)) for name in self.names)

    def halves(self) -> tuple[tuple[bool, ...], tuple[bool, ...]]:
        """Which joints are of the upper body and which of the lower, by their names; some may be of neither."""
        words = self._words()
        upper, lower = (tuple(any(map(part.fullmatch, one)) for one in words) for part in (_UPPER, _LOWER))
        return upper, lower

    def left_in_place(self) -> tuple[str, ...]:
        """Joints without a mirror partner, where others have one, and no name says that they are in the middle.

        Names say so by a word (nose), or by that of a pair (hip, where there are left_hip and right_hip).
        """
        paired, words = {joint for pair in self.flip_pairs for joint in pair}, self._words()
        pairs = [words[joint] for joint in paired]
        return tuple(
            name
            for joint, name in enumerate(self.names)
            if paired and joint not in paired
            if _side(name) or not (words[joint] in pairs or any(map(_MIDDLE.match, words[joint])))
        )

    def against_names(self) -> tuple[int, int] | None:
        """The first mirror pair with a joint that has another partner by its name, or with two joints of one side."""
        by_name = Skeleton.from_names(self.names)
        sides, paired = by_name.sides(), {joint for pair in by_name.flip_pairs for joint in pair}
        others = (pair for pair in self.flip_pairs if pair not in by_name.flip_pairs)
        return next(((a, b) for a, b in others if {a, b} & paired or (sides[a] and sides[a] == sides[b])), None)

    def mirror_note(self) -> str:
        """A line on :meth:`against_names` or :meth:`left_in_place`; nothing where there is no such joint."""
        if pair := self.against_names():
            names = shortened(" and ".join(self.names[joint] for joint in pair), 200)
            return f"note: a mirror image swaps {names}, against their names (prepare makes pairs by the names)"
        names = shortened(", ".join(self.left_in_place()), 200)
        fix = "left and right in names, or flip_pairs in the JSON's category, make pairs"
        return f"note: a mirror image leaves in place: {names} ({fix})" if names else ""

    def _words(self) -> list[list[str]]:
        """The words of each name, without those of its side."""
        plain = [re.sub("(?i)left|right", " ", name) for name in self.names]
        for a, b in self.flip_pairs:
            one, other = _by_letter(self.names[a]), _by_letter(self.names[b])
            if one and other and one[1] == other[1]:
                plain[a], plain[b] = (self.names[joint].strip()[1:] for joint in (a, b))
        return [[word for word in _words(name) if word not in _SIDES] for name in plain]

    def sides(self) -> tuple[Side | None, ...]:
        """The person's side that each of the K joints is of; None for neither, or where nothing tells.

        Mirror pairs tell first, read as :meth:`from_names` reads them; then names with left and right, or with l and r
        as words. Of a pair of which one name tells, the other joint is of the other side.
        """
        sides = [_side(name) for name in self.names]
        for a, b in self.flip_pairs:
            first, second = sides[a], sides[b]
            if said := _sides_of_pair(self.names[a], self.names[b]):
                sides[a], sides[b] = said
            elif first is None and second is not None:
                sides[a] = _OTHER[second]
            elif second is None and first is not None:
                sides[b] = _OTHER[first]
        return tuple(sides)

    def to_json(self) -> dict[str, Any]:
        """The form in which a manifest keeps it."""
        pairs = {"limbs": [list(limb) for limb in self.limbs], "flip_pairs": [list(pair) for pair in self.flip_pairs]}
        return {"names": list(self.names)} | pairs

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Skeleton:
        """The inverse of :meth:`to_json` (also of its older form, without mirror pairs)."""
        pairs = [(a, b) for a, b in value["flip_pairs"]] if "flip_pairs" in value else None
        return cls.from_names(value["names"], [(a, b) for a, b in value["limbs"]], pairs)


def mirrored(joints: int, flip_pairs: Iterable[Sequence[int]]) -> list[int]:
    """For each of so many joints the one that has its place in a mirror image."""
    places = list(range(joints))
    for a, b in flip_pairs:
        places[a], places[b] = b, a
    return places


def _pairs(names: Sequence[str]) -> set[tuple[int, int]]:
    """Pairs of names that are mirror images; a reading that comes first counts more.

    Sides are told by left and right anywhere in a name (left_knee, kneeLeft), by l and r as words (ankle_R, Knee.R,
    LShoulder) or the words of other languages (Knie links), or by a leading l and r (lknee). A mirror swaps every side
    of a name (left_eye_right_corner, right_eye_left_corner), or the first where no name has all of them swapped
    (leftbright, rightbright).
    """
    pairs: set[tuple[int, int]] = set()
    paired: set[int] = set()
    for swapped in (_all_swapped, _first_swapped):
        for reading in _READINGS:
            found: dict[_Reading, int] = {}
            for i, name in enumerate(names):
                if i not in paired and (said := reading(name)):
                    found.setdefault(said, i)
            for (sides, rest), i in found.items():
                j = found.get((swapped(sides), rest))
                if j is not None and not {i, j} & paired:
                    pairs.add((min(i, j), max(i, j)))
                    paired |= {i, j}
    return pairs


def _all_swapped(sides: tuple[Side, ...]) -> tuple[Side, ...]:
    return tuple(_OTHER[side] for side in sides)


def _first_swapped(sides: tuple[Side, ...]) -> tuple[Side, ...]:
    return (_OTHER[sides[0]], *sides[1:])


def _sides_of_pair(one: str, other: str) -> tuple[Side, Side] | None:
    """Of names that differ in sides only, the first that does."""
    for reading in _READINGS:
        a, b = reading(one), reading(other)
        if a and b and a[1] == b[1] and a[0] != b[0]:
            return next((first, second) for first, second in zip(a[0], b[0], strict=True) if first != second)
    return None


def _side(name: str) -> Side | None:
    """The side that one name tells first; of l and r only as words next to another (L5 is a vertebra)."""
    if said := _by_syllable(name):
        return said[0][0]
    said = _by_word(name)
    return said[0][0] if said and any(map(str.isalpha, said[1])) else None


def _by_words(name: str) -> _Reading | None:
    """As :func:`_by_word`, of a name with several sides."""
    said = _by_word(name)
    return said if said and len(said[0]) > 1 else None


def _by_word(name: str) -> _Reading | None:
    """Sides and the rest of a name of several words, l, r, left, right or those of another language among them."""
    words = _words(name)
    sides = tuple(_SIDES[word] for word in words if word in _SIDES)
    return (sides, "_".join("*" if word in _SIDES else word for word in words)) if sides and len(words) > 1 else None


def _by_syllable(name: str) -> _Reading | None:
    """Sides and the rest of a name with left or right in it."""
    sides = tuple(_SIDES[said] for said in _SYLLABLE.findall(name.lower()))
    return (sides, _SYLLABLE.sub("*", name.lower())) if sides else None


def _by_letter(name: str) -> _Reading | None:
    """Side and the rest of a name that begins with l or r."""
    plain = name.strip().lower()
    return ((_SIDES[plain[0]],), plain[1:]) if len(plain) > 2 and plain[0] in "lr" else None


_READINGS = (_by_words, _by_syllable, _by_word, _by_letter)
"""What a name tells of its sides; the first counts most."""


def _words(name: str) -> list[str]:
    return [word.lower() for word in _WORDS.findall(name)]


def _plain(name: str) -> str:
    plain = re.sub(r"[\s_-]+", "_", name.strip().lower())
    return re.sub(r"^(r|l)_", lambda side: {"r": "right_", "l": "left_"}[side[1]], plain)


def _skeleton(names: str, limbs: str) -> Skeleton:
    pairs = (limb.split("-") for limb in limbs.split())
    return Skeleton.from_names(names.split(), [(int(a), int(b)) for a, b in pairs])


COCO_PERSON = _skeleton(
    "nose left_eye right_eye left_ear right_ear left_shoulder right_shoulder left_elbow right_elbow "
    "left_wrist right_wrist left_hip right_hip left_knee right_knee left_ankle right_ankle",
    "15-13 13-11 16-14 14-12 11-12 5-11 6-12 5-6 5-7 6-8 7-9 8-10 1-2 0-1 0-2 1-3 2-4 3-5 4-6",
)
"""COCO 2017's person: K = 17."""

MPII_PERSON = _skeleton(
    "right_ankle right_knee right_hip left_hip left_knee left_ankle pelvis thorax neck head_top right_wrist "
    "right_elbow right_shoulder left_shoulder left_elbow left_wrist",
    "0-1 1-2 2-6 5-4 4-3 3-6 6-7 7-8 8-9 10-11 11-12 12-7 15-14 14-13 13-7",
)
"""MPII Human Pose's person: K = 16."""

LSP_PERSON = _skeleton(
    "right_ankle right_knee right_hip left_hip left_knee left_ankle right_wrist right_elbow right_shoulder "
    "left_shoulder left_elbow left_wrist neck head_top",
    "0-1 1-2 2-3 5-4 4-3 2-8 3-9 6-7 7-8 8-12 11-10 10-9 9-12 12-13",
)
"""Leeds Sports Pose's person: K = 14."""
