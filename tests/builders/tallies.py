"""Maps of people, right with a given probability."""

from __future__ import annotations

import numpy as np

from shgae.analysis.effects import Tally, Truth

SIZE, JOINTS = 16, 4


def truth_of(people: int, numbers: np.random.Generator, photos: int | None = None) -> Truth:
    cells = numbers.integers(0, SIZE, (people, JOINTS, 2))
    visibility = numbers.integers(0, 3, (people, JOINTS)).astype(np.uint8)
    return Truth(cells, visibility, numbers.integers(0, photos or people, people), SIZE)


def tally_of(truth: Truth, numbers: np.random.Generator, hit: float, distance: float = 1.0) -> Tally:
    """Each joint right with probability ``hit``, else far away."""
    people = len(truth.cells)
    found = Tally(people, JOINTS)
    is_hit = numbers.uniform(size=(people, JOINTS, 1)) < hit
    found.cells = np.where(is_hit, truth.cells, (truth.cells + SIZE // 2) % SIZE)
    found.error = numbers.uniform(1 - hit, 1.1 - hit, people)
    found.counted = np.full(people, 2.0)
    found.distance = numbers.uniform(0, distance, people)
    return found
