"""The joints of a person: names, mirror pairs and limbs. The only home of these numbers."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

_UPPER = ("head", "nose", "eye", "ear", "neck", "thorax", "shoulder", "elbow", "wrist", "hand")
_LOWER = ("pelvis", "hip", "knee", "ankle", "foot", "heel", "toe")
_SIDES = (("left", "right"), ("l_", "r_"), ("l-", "r-"))


@dataclass(frozen=True)
class Skeleton:
    """K named keypoints; ``flip_pairs`` and ``limbs`` hold 0-based keypoint indices."""

    names: tuple[str, ...]
    """The K keypoint names, in channel order."""
    flip_pairs: tuple[tuple[int, int], ...]
    """Pairs that swap when a photo is mirrored."""
    limbs: tuple[tuple[int, int], ...]
    """Pairs that are drawn as a line."""

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
        pairs = _mirrored(names) if flip_pairs is None else {(min(a, b), max(a, b)) for a, b in flip_pairs}
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
        upper, lower = (
            tuple(any(part in name.lower() for part in parts) for name in self.names) for parts in (_UPPER, _LOWER)
        )
        return upper, lower

    def to_json(self) -> dict[str, Any]:
        """The form in which a manifest keeps it."""
        pairs = {"limbs": [list(limb) for limb in self.limbs], "flip_pairs": [list(pair) for pair in self.flip_pairs]}
        return {"names": list(self.names)} | pairs

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Skeleton:
        """The inverse of :meth:`to_json` (also of its older form, without mirror pairs)."""
        pairs = [(a, b) for a, b in value["flip_pairs"]] if "flip_pairs" in value else None
        return cls.from_names(value["names"], [(a, b) for a, b in value["limbs"]], pairs)


def _mirrored(names: Sequence[str]) -> set[tuple[int, int]]:
    index = {name.lower(): i for i, name in enumerate(names)}
    pairs = set()
    for name, i in index.items():
        for left, right in _SIDES:
            j = index.get(name.replace(left, right, 1)) if left in name else None
            if j is not None and j != i:
                pairs.add((min(i, j), max(i, j)))
    return pairs


def _plain(name: str) -> str:
    plain = re.sub(r"[\s_-]+", "_", name.strip().lower())
    return re.sub(r"^(r|l)_", lambda side: {"r": "right_", "l": "left_"}[side[1]], plain)


COCO_PERSON = Skeleton.from_names(
    (
        "nose",
        "left_eye",
        "right_eye",
        "left_ear",
        "right_ear",
        "left_shoulder",
        "right_shoulder",
        "left_elbow",
        "right_elbow",
        "left_wrist",
        "right_wrist",
        "left_hip",
        "right_hip",
        "left_knee",
        "right_knee",
        "left_ankle",
        "right_ankle",
    ),
    (
        (15, 13),
        (13, 11),
        (16, 14),
        (14, 12),
        (11, 12),
        (5, 11),
        (6, 12),
        (5, 6),
        (5, 7),
        (6, 8),
        (7, 9),
        (8, 10),
        (1, 2),
        (0, 1),
        (0, 2),
        (1, 3),
        (2, 4),
        (3, 5),
        (4, 6),
    ),
)
"""COCO 2017's person: K = 17."""

MPII_PERSON = Skeleton.from_names(
    (
        "right_ankle",
        "right_knee",
        "right_hip",
        "left_hip",
        "left_knee",
        "left_ankle",
        "pelvis",
        "thorax",
        "neck",
        "head_top",
        "right_wrist",
        "right_elbow",
        "right_shoulder",
        "left_shoulder",
        "left_elbow",
        "left_wrist",
    ),
    (
        (0, 1),
        (1, 2),
        (2, 6),
        (5, 4),
        (4, 3),
        (3, 6),
        (6, 7),
        (7, 8),
        (8, 9),
        (10, 11),
        (11, 12),
        (12, 7),
        (15, 14),
        (14, 13),
        (13, 7),
    ),
)
"""MPII Human Pose's person: K = 16."""

LSP_PERSON = Skeleton.from_names(
    (
        "right_ankle",
        "right_knee",
        "right_hip",
        "left_hip",
        "left_knee",
        "left_ankle",
        "right_wrist",
        "right_elbow",
        "right_shoulder",
        "left_shoulder",
        "left_elbow",
        "left_wrist",
        "neck",
        "head_top",
    ),
    (
        (0, 1),
        (1, 2),
        (2, 3),
        (5, 4),
        (4, 3),
        (2, 8),
        (3, 9),
        (6, 7),
        (7, 8),
        (8, 12),
        (11, 10),
        (10, 9),
        (9, 12),
        (12, 13),
    ),
)
"""Leeds Sports Pose's person: K = 14."""
