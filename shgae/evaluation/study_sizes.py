"""What a study with ``--code-sizes`` reports: PCK against the size of the code, before and after fine-tuning."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class CodeSize:
    """Arm full with a code of one size."""

    size: int
    parameters: int
    """Of the network with this autoencoder."""
    val: float
    """PCK on val after fine-tuning, 0 to 1, mean over seeds: by this the size is chosen."""
    before: float | None
    """PCK of the compared split before fine-tuning, 0 to 1, mean over seeds; None if nobody has a labelled joint."""
    after: float | None
    """The same after fine-tuning."""
    after_by_seed: tuple[float | None, ...]


@dataclass(frozen=True)
class CodeSizes:
    """The curve; every number but those on val is of the split on which the arms are compared."""

    seeds: tuple[int, ...]
    sizes: tuple[CodeSize, ...]
    """Rising."""
    chosen: int
    """The size with the best PCK on val; of equal ones the smallest."""
    components: tuple[tuple[int, float | None], ...]
    """Numbers of principal components and the baseline's PCK with its bottleneck projected on them, from 0, which is
    the training mean."""
