"""OKS non-maximum suppression: of several predictions of one person, the best scored one is kept.

Greedy, as Xiao et al. 2018 (Simple Baselines, 1804.06208) and HRNet (``lib/nms/nms.py``) have it: the best scored
prediction is kept, those that are more similar to it than the limit are not, and so on with what is left. Two
predictions are compared by COCO's similarity with the mean of their areas. Theirs are of the padded crops, here they
are of the boxes themselves, so a limit keeps a little more.
"""

from __future__ import annotations

import numpy as np

from shgae.arrays import Bools, Floats
from shgae.metrics.oks import joint_similarity


def oks_nms(
    xy_photo: Floats, decided: Bools, score: Floats, area: Floats, limit: float, sigmas: Floats | None = None
) -> Bools:
    """(N,) which predictions of one photo are kept.

    Args:
        xy_photo: (N, K, 2) joints in photo pixels.
        decided: (N, K) which joints have a place; two predictions are compared by those that both have, and are not
            similar without any.
        score: (N,); of equal scores the first one counts as better.
        area: (N,) in square photo pixels.
        limit: the highest similarity at which both are kept, 0 to 1.
        sigmas: (K,) of the joints; None takes COCO's, of its 17.
    """
    kept = np.zeros(len(score), bool)
    left = np.argsort(-score, kind="stable")
    while len(left):
        best, left = left[0], left[1:]
        kept[best] = True
        alike = joint_similarity(xy_photo[left] - xy_photo[best], (area[left] + area[best]) / 2, sigmas)
        shared = decided[left] & decided[best]
        mean = (alike * shared).sum(1) / np.maximum(shared.sum(1), 1)
        left = left[mean <= limit]
    return kept
