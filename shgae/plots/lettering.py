"""Text in pictures: whatever a file, a folder or a person is called can be read, and nothing of it is obeyed."""

from __future__ import annotations

import functools
import itertools
import re
from typing import Any

from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties, findfont, get_font
from matplotlib.text import Text
from matplotlib.ticker import LogFormatterSciNotation

from shgae.errors import printable, shortened

FAMILY, MONOSPACE = "DejaVu Sans", "DejaVu Sans Mono"
"""Come with matplotlib: the same on every machine."""
LONGEST_NAME = 60
"""Characters of a name in a legend or a title."""
_SHORTEST = 9
"""From here on a name that is too long loses its end, not its middle."""
_POWER = re.compile(r"\$\\mathdefault\{(-?)(?:([\d.]+)\\times)?10\^\{(-?\d+)\}\}\$")
_SUPERSCRIPTS = str.maketrans("-0123456789", "\N{SUPERSCRIPT MINUS}⁰¹²³⁴⁵⁶⁷⁸⁹")


def legible(text: str, most: int = LONGEST_NAME, *, family: str = FAMILY) -> str:
    """A text of one line as a label: :func:`~shgae.errors.printable`, of at most so many characters (a longer one loses
    its middle), and what the font lacks as ``<U+65E5>``."""
    return _fitted(printable(text), most, _file_of(FontProperties(family=family)))


def label_of(name: str) -> str:
    """:func:`legible`, for a legend: the library leaves out what begins with an underscore."""
    plain = legible(name)
    return f" {plain}" if plain.startswith("_") else plain


def make_legible(figure: Figure) -> None:
    """Holds every text of a figure to what :func:`legible` promises, whatever was forgotten; but for its length."""
    for one in figure.findobj(Text):
        assert isinstance(one, Text)
        font = _file_of(one.get_fontproperties())
        lines = [_replaced(printable(line), font) for line in one.get_text().split("\n")]
        if (text := "\n".join(lines)) != one.get_text() and not one.get_parse_math():
            one.set_text(text)


class PlainPowers(LogFormatterSciNotation):
    """The library's labels of a logarithmic axis, without its mark-up for formulas: ``2×10⁻³``."""

    def __call__(self, x: float, pos: int | None = None) -> str:
        """See :class:`matplotlib.ticker.Formatter`."""
        return _POWER.sub(_in_plain, super().__call__(x, pos))


def plain_powers(axis: Axis) -> None:
    """Labels a logarithmic axis with :class:`PlainPowers`."""
    axis.set_major_formatter(PlainPowers())
    axis.set_minor_formatter(PlainPowers(labelOnlyBase=False))


def _in_plain(power: re.Match[str]) -> str:
    sign, factor, exponent = power.groups()
    return f"{sign}{f'{factor}×' if factor else ''}10{exponent.translate(_SUPERSCRIPTS)}"


def _fitted(text: str, most: int, font: str) -> str:
    """Cut before characters are replaced, so that no ``<U+65E5>`` is torn."""
    shorter = (shortened(text, length) for length in range(most, _SHORTEST, -1))
    heads = (f"{text[:length].rstrip()}..." for length in range(min(_SHORTEST, len(text) - 1), -1, -1))
    every = (_replaced(one, font) for one in itertools.chain([text], shorter, heads))
    return next((one for one in every if _length(one) <= most), "...")


def _length(text: str) -> int:
    """In letters of usual width: ``<U+65E5>`` is as wide as eleven."""
    return len(text) + 3 * text.count("<U+")


def _replaced(text: str, font: str) -> str:
    if text.isascii():
        return text
    drawn = _characters(font)
    return "".join(one if ord(one) in drawn else f"<U+{ord(one):04X}>" for one in text)


@functools.cache
def _characters(font: str) -> frozenset[int]:
    charmap: dict[int, Any] = get_font(font).get_charmap()
    return frozenset(charmap)


def _file_of(font: FontProperties) -> str:
    return str(findfont(font))
