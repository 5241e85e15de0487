"""The joints of a person: names, mirror pairs and limbs. The only home of these numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

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
    def from_names(cls, names: Sequence[str], limbs: Sequence[tuple[int, int]] = ()) -> Skeleton:
        """Builds a skeleton whose mirror pairs follow from left/right in the names."""
        index = {name.lower(): i for i, name in enumerate(names)}
        pairs = set()
        for name, i in index.items():
            for left, right in _SIDES:
                j = index.get(name.replace(left, right, 1)) if left in name else None
                if j is not None and j != i:
                    pairs.add((i, j))
        return cls(tuple(names), tuple(sorted(pairs)), tuple((int(a), int(b)) for a, b in limbs))

    @classmethod
    def from_category(cls, category: Mapping[str, Any]) -> Skeleton:
        """Reads a COCO category (its ``skeleton`` counts joints from 1)."""
        limbs = [(a - 1, b - 1) for a, b in category.get("skeleton", [])]
        return cls.from_names(category["keypoints"], limbs)

    def to_json(self) -> dict[str, Any]:
        """The form in which a manifest keeps it."""
        return {"names": list(self.names), "limbs": [list(limb) for limb in self.limbs]}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Skeleton:
        """The inverse of :meth:`to_json`."""
        return cls.from_names(value["names"], [(a, b) for a, b in value["limbs"]])


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
