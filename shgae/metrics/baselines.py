"""What a predictor that never looks at the photo would score."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt


def mean_pose(
    xy_crop: npt.NDArray[np.floating[Any]], visibility: npt.NDArray[np.integer[Any]]
) -> npt.NDArray[np.float64]:
    """The mean place of each joint over the people who have it labelled.

    Args:
        xy_crop: (N, K, 2) joints in crop pixels.
        visibility: (N, K) v = 0, 1, 2; 0 is left out.

    Returns:
        (K, 2) in crop pixels; 0, 0 for a joint that nobody has.
    """
    labelled = (visibility > 0)[..., None]
    total: npt.NDArray[np.float64] = np.where(labelled, xy_crop, 0).sum(0, dtype=np.float64)
    mean: npt.NDArray[np.float64] = total / np.maximum(labelled.sum(0), 1)
    return mean
