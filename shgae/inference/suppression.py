"""People of a photo that a detector found twice: kept once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from shgae.arrays import Floats
from shgae.inference.pose_finder import Row
from shgae.metrics.oks import oks_nms


@dataclass(frozen=True, eq=False)
class Suppression:
    """What is done about such people."""

    joints: tuple[str, ...]
    """The K names."""
    limit: float | None
    """The highest OKS at which two people of a photo are kept; None keeps everybody."""
    sigmas: Floats | None
    """(K,) of OKS; None takes COCO's."""

    def identity(self) -> dict[str, Any]:
        """Its part of a config, besides the limit."""
        return {} if self.sigmas is None else {"sigmas": self.sigmas.tolist()}

    def of(self, row: Row) -> Row:
        """A photo's row without the people that :func:`~shgae.metrics.oks.oks_nms` drops, counted as ``suppressed``.

        Those that remain no longer say which annotation they are of: one of two boxes of a person may be gone.
        """
        if self.limit is None:
            return row
        people, shape = row["people"], (len(row["people"]), len(self.joints))
        table = np.array([one["keypoints"] for one in people], np.float64).reshape(*shape, 3)
        flat = [[name in one.get("undecided", ()) for name in self.joints] for one in people]
        decided = ~np.array(flat, bool).reshape(shape)
        score = np.array([one["score"] for one in people], np.float64)
        area = np.array([one["bbox"][2] * one["bbox"][3] for one in people], np.float64)
        kept = oks_nms(table[..., :2], decided, score, area, self.limit, self.sigmas)
        rest = [
            {key: value for key, value in one.items() if key != "annotation_id"}
            for one, is_kept in zip(people, kept.tolist(), strict=True)
            if is_kept
        ]
        return row | {"people": rest, "suppressed": len(people) - len(rest)}
