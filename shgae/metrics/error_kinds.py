"""In what way is a predicted joint wrong? Kinds, thresholds and similarity of Ronchi and Perona 2017.

*Benchmarking and Error Diagnosis in Multi-Instance Pose Estimation* (1707.05388, section 3.1) measures a joint by
COCO's similarity, exp(-d^2 / (2 area (2 sigma)^2)). Of the labelled joints near a predicted point the most similar one
decides, as in the authors' code (coco-analyze):

=============  ====================================================================================================
``good``       the joint itself, 0.85 or more: people who annotate a photo agree no better
``jitter``     the joint itself, 0.5 or more
``inversion``  the mirrored joint of the same person, 0.5 or more
``swap``       this joint or the mirrored one of another person in the photo, 0.5 or more
``miss``       nothing of these is as similar as 0.5
=============  ====================================================================================================

Of equally similar joints the person's own come first, of these the joint itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, Literal, TypeVar

import numpy as np

from shgae.arrays import Floats, Ints
from shgae.metrics.oks import LOWEST, coco_sigmas, joint_similarity, pairs_in_photos
from shgae.metrics.people import People, Points
from shgae.skeleton import COCO_PERSON, Skeleton, mirrored

T = TypeVar("T")
Kind = Literal["good", "jitter", "inversion", "swap", "miss"]
KINDS: tuple[Kind, ...] = ("good", "jitter", "inversion", "swap", "miss")
GOOD = 0.85
"""From this similarity on a joint is right."""
NOT_COUNTED = -1
"""In place of a kind: the joint has no label, or no sigma."""


@dataclass(frozen=True)
class ByKind(Generic[T]):
    """The same thing of each of :data:`KINDS`."""

    good: T
    jitter: T
    inversion: T
    swap: T
    miss: T

    def __getitem__(self, kind: Kind) -> T:
        """That of one kind, by its name."""
        found: T = getattr(self, kind)
        return found


def sigmas_of(people: People) -> Floats:
    """(K,) the given sigmas, or COCO's of the joints that have COCO's names; NaN where a joint has none."""
    if people.sigmas is not None:
        return people.sigmas
    own = Skeleton.from_names(people.joints).sources(COCO_PERSON)
    return np.array([np.nan if joint is None else coco_sigmas()[joint] for joint in own])


def kinds(points: Points, people: People, flip_pairs: Sequence[tuple[int, int]]) -> Ints:
    """The kind of every joint of N people: (N, K), places in :data:`KINDS`; :data:`NOT_COUNTED` without a label or a
    sigma.

    Joints that were not found are missed, and so are all of people who were not; people of one photo are the others of
    each other. ``flip_pairs`` are joints that change places in a mirror image."""
    sigmas, joints = sigmas_of(people), np.arange(len(people.joints))
    opposite = np.array(mirrored(len(people.joints), flip_pairs))
    labelled = (people.visibility > 0) & np.isfinite(sigmas)
    xy = np.where(labelled[..., None], people.xy_photo, 0.0)
    first, second = pairs_in_photos(people.photo_id)
    area = people.areas[second]

    def near(of: Ints) -> Floats:
        """(P, K) how similar each point of the first is to these joints of the second; -1 where there is none."""
        off = points.xy_photo[first] - xy[second][:, of]
        alike = joint_similarity(off, area, np.nan_to_num(sigmas[of], nan=1.0))
        return np.where(labelled[second][:, of], alike, -1.0)

    same, inverted = near(joints), near(opposite)
    is_own = first == second
    own, own_inverted = same[is_own], inverted[is_own]
    both = np.maximum(same, inverted)
    both[is_own] = -1.0
    others = np.maximum.reduceat(both, np.flatnonzero(np.diff(first, prepend=-1))) if len(first) else own
    best = np.maximum(np.maximum(own, own_inverted), others)
    found = np.select(
        [best < LOWEST, (own == best) & (own >= GOOD), own == best, own_inverted == best],
        [KINDS.index(kind) for kind in ("miss", "good", "jitter", "inversion")],
        KINDS.index("swap"),
    )
    found[~points.joints_found] = KINDS.index("miss")
    return np.where(labelled, found, NOT_COUNTED).astype(np.int64)


def indicators(found: Ints) -> tuple[Floats, Floats]:
    """Of each of N people how many joints are of each kind, and how many count: both (N, 5) float64."""
    of_kind = np.stack([(found == place).sum(1) for place in range(len(KINDS))], axis=1).astype(np.float64)
    return of_kind, np.repeat(of_kind.sum(1, keepdims=True), len(KINDS), axis=1)
