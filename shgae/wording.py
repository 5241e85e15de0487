"""How a number is said with its noun, in every room."""

from __future__ import annotations


def counted(number: int, one: str, many: str = "") -> str:
    """A number with its noun: ``1 photo``, ``2,000 people``."""
    return f"{number:,} {one if number == 1 else many or f'{one}s'}"


def counted_people(number: int, which: str = "") -> str:
    """``1 person``, ``2,000 people``; with ``which``, ``1 training person``."""
    kind = f"{which} " if which else ""
    return counted(number, f"{kind}person", f"{kind}people")
