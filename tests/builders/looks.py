"""A study that is looked at several times: the level of each look, and how often equal arms differ at one of them."""

from __future__ import annotations

from collections.abc import Sequence

from shgae.metrics.spending import followed, next_level


def levels(planned: int, looks: Sequence[int], alpha: float = 0.05) -> tuple[float, ...]:
    """The two-sided level of each look.

    Args:
        planned: the seeds that were registered.
        looks: the seeds at each look, rising; a look at the same seeds again is none.
        alpha: the level of all looks together.

    Returns:
        What each may use. 0 where a look at the planned seeds, or more, came before: it used all that was left, so
        seeds beyond the plan give an estimate and no verdict.
    """
    found: list[float] = []
    for place, seeds in enumerate(looks):
        found.append(next_level(planned, looks[:place], found, seeds, alpha))
    return tuple(found)


def overall(looks: Sequence[int], level: float | Sequence[float] = 0.05) -> float:
    """How often equal arms differ at one of these looks at least, each at a two-sided level of its own or the same."""
    return followed(looks, [level] * len(looks) if isinstance(level, float | int) else level)[-1]
