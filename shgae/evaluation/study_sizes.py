"""What a study with ``--code-sizes`` reports: PCK against the size of the code, before and after fine-tuning."""

from __future__ import annotations

from dataclasses import dataclass

from shgae.errors import Inconsistent


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

    def __post_init__(self) -> None:
        """Raises :class:`~shgae.errors.Inconsistent` where the chosen size is none of them."""
        if self.chosen not in {one.size for one in self.sizes}:
            raise Inconsistent("a chosen size that was not tried")

    @property
    def best(self) -> CodeSize:
        """That of the chosen size."""
        return next(one for one in self.sizes if one.size == self.chosen)
