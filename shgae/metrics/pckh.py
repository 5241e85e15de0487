"""PCKh: a joint is correct where it is nearer to the annotation than a share of the head's size.

The head's size is 0.6 x the diagonal of the head box (Andriluka et al. 2014, MPII's evaluation). Published numbers of
one net differ by what is averaged:

=============  =======================================================================================================
``bearpaw``    pytorch-pose, and anibali's: mean over joints of each one's share, without pelvis and thorax
``mmpose``     MMPose and HRNet: all joints at once, so weighted by their count, without pelvis and thorax
``princeton``  pose-hg-train: all joints at once
=============  =======================================================================================================

The radius is strict here (``distance < radius``); MMPose counts a joint at the radius too, which no measured distance
of MPII's validation people is.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import scipy

from shgae.arrays import Bools, Floats
from shgae.errors import Inconsistent
from shgae.metrics import pck
from shgae.metrics.pck import Averaging
from shgae.metrics.people import Visibility
from shgae.skeleton import Skeleton

HEAD_SHARE = 0.6
RADII = (0.5, 0.1)
_LEFT_OUT = ("pelvis", "thorax")


@dataclass(frozen=True)
class Variant:
    """How a published PCKh averages."""

    averaging: Averaging
    every_joint: bool
    """False leaves out pelvis and thorax."""
    words: str


VARIANTS: Mapping[str, Variant] = {
    "bearpaw": Variant("joint", False, "over the people who have a joint, then over joints but pelvis and thorax"),
    "mmpose": Variant("micro", False, "over all joints of all people at once, but pelvis and thorax"),
    "princeton": Variant("micro", True, "over all joints of all people at once"),
}


def head_sizes(head_box: Floats) -> Floats:
    """(N,) sizes of heads of boxes (N, 4) x, y, width, height: 0.6 x their diagonal, in the boxes' unit."""
    sizes: Floats = HEAD_SHARE * np.hypot(head_box[:, 2], head_box[:, 3])
    return sizes


def counted_joints(variant: Variant, joints: Sequence[str]) -> Bools:
    """(K,) which joints a variant counts."""
    if variant.every_joint:
        return np.ones(len(joints), bool)
    places = Skeleton.from_names(_LEFT_OUT).sources(Skeleton.from_names(joints))
    return ~np.isin(np.arange(len(joints)), [place for place in places if place is not None])


@dataclass(frozen=True)
class Curve:
    """A PCK over radii."""

    radii: tuple[float, ...]
    shares: tuple[float, ...]
    """In [0, 1], a share a radius."""
    auc: float
    """Area under the curve by trapezoids, divided by the radii's range: 1 is perfect."""

    def __post_init__(self) -> None:
        """Raises :class:`~shgae.errors.Inconsistent` if there is not a share a radius."""
        if len(self.shares) != len(self.radii):
            raise Inconsistent(f"{len(self.shares)} shares, {len(self.radii)} radii")


def curve(
    distance: Floats,
    visibility: Visibility,
    radii: Sequence[float],
    averaging: Averaging = "joint",
) -> Curve | None:
    """A PCK at several radii; None where nobody has a joint.

    Args:
        distance: (N, K) in units of what the radius is a share of.
        visibility: (N, K) v = 0, 1, 2; 0 where a joint does not count.
        radii: two or more, ascending.
        averaging: see :data:`~shgae.metrics.pck.Averaging`.
    """
    shares = [pck.tally(distance < radius, visibility).pck(averaging).all for radius in radii]
    found = [share for share in shares if share is not None]
    if len(found) < len(shares):
        return None
    area = float(scipy.integrate.trapezoid(found, radii)) / (radii[-1] - radii[0])
    return Curve(tuple(map(float, radii)), tuple(found), area)
