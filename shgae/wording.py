"""How a number is said with its noun, in every room."""

from __future__ import annotations

from collections.abc import Sequence


def counted(number: int, one: str, many: str = "") -> str:
    """A number with its noun: ``1 photo``, ``2,000 people``."""
    return f"{number:,} {one if number == 1 else many or f'{one}s'}"


def counted_people(number: int, which: str = "") -> str:
    """``1 person``, ``2,000 people``; with ``which``, ``1 training person``."""
    kind = f"{which} " if which else ""
    return counted(number, f"{kind}person", f"{kind}people")


def listed(words: Sequence[str]) -> str:
    """Words in a row: ``a``, ``a and b``, ``a, b and c``."""
    return " and ".join(filter(None, (", ".join(words[:-1]), *words[-1:])))


def few(words: Sequence[str], most: int = 3) -> str:
    """The first of some words, and how many more there are: ``a, b, c and 2 more``."""
    return ", ".join(words[:most]) + (f" and {len(words) - most:,} more" if len(words) > most else "")


def duration(seconds: float) -> str:
    """A time for people: ``12 s``, ``3 min 20 s``, ``2 h 05 min``."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"


def tenths(points: float, sign: str = "") -> str:
    """A number of points with one digit, or up to three where fewer would make 0 of it; ``sign`` is "+" or nothing."""
    return _rounded(points, 1, sign)


def whole(per_cent: float) -> str:
    """A number of per cent without digits, or with up to three where fewer would make 0 of it."""
    return _rounded(per_cent, 0)


def _rounded(number: float, fewest: int, sign: str = "") -> str:
    digits = next((digits for digits in range(fewest, 4) if round(number, digits)), fewest)
    return f"{round(number, digits) + 0.0:{sign}.{digits}f}"  # + 0.0: there is no minus zero
