"""A table before it is drawn: texts in rows, and the same for Markdown and LaTeX. The terminal's form is the cli's."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar

from tabulate import SEPARATING_LINE, tabulate

from shgae.artifacts.draft import Draft
from shgae.errors import printable, printable_lines
from shgae.evaluation.study_differences import Estimate, Range
from shgae.metrics.pck import Group
from shgae.metrics.statistics import ALPHA, Interval
from shgae.wording import counted, counted_people, tenths

GROUPS: tuple[tuple[Group, str], ...] = (("all", "all"), ("v1", "hidden (v=1)"), ("v2", "visible (v=2)"))
"""Which joints are counted, and the heading of each."""
_MARKDOWN = re.compile(r"([\\`*_{}\[\]<>|#~$]|&(?=#?\w+;))")
_LATEX = {
    **{character: f"\\{character}" for character in "&%$#_{}"},
    **{character: f"{{{character}}}" for character in "[*"},  # where a row begins, an option of the row before
    "|": r"\textbar{}",
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
}
_MINUS = re.compile(r"(?<=[ (])-(?=[ \d])|^-(?=\d)")
"""Where TeX would set a hyphen."""


@dataclass(frozen=True)
class Grid:
    """A table: the first column and those of words read from the left, the others are numbers."""

    kind: ClassVar[str] = "table"
    """Among the blocks of a page."""
    title: str
    headings: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    """As many texts each as there are headings."""
    caption: str = ""
    """Lines below it."""
    aside: int = 0
    """How many of the last rows are not results of their own but something to compare with."""
    words: tuple[str, ...] = ()
    """Headings of columns, besides the first, that hold words."""

    @property
    def is_left(self) -> tuple[bool, ...]:
        """Of each column, whether it reads from the left."""
        return tuple(place == 0 or heading in self.words for place, heading in enumerate(self.headings))

    def __post_init__(self) -> None:
        """Makes every text :func:`~shgae.errors.printable`: names of models, joints and files stand in them."""
        texts = {
            "title": printable(self.title),
            "caption": printable_lines(self.caption),
            "headings": tuple(map(printable, self.headings)),
            "words": tuple(map(printable, self.words)),
            "rows": tuple(tuple(map(printable, row)) for row in self.rows),
        }
        for name, value in texts.items():
            object.__setattr__(self, name, value)

    def filled(self) -> Grid:
        """Without the columns in which no row has a value; the first column stays, and so does a table without rows."""
        if not self.rows:
            return self
        columns = zip(*self.rows, strict=True)
        kept = [not place or any(text not in ("", "-") for text in column) for place, column in enumerate(columns)]
        headings, *rows = (tuple(itertools.compress(row, kept)) for row in (self.headings, *self.rows))
        return replace(self, headings=headings, rows=tuple(rows))

    def markdown(self) -> str:
        """The table with its title and caption, for GitHub's Markdown."""
        lines = [f"**{_in_markdown(self.title)}**", "", self._drawn("pipe", _in_markdown, self.rows), ""]
        if self.caption:
            lines += ["  \n".join(_in_markdown(line) for line in self.caption.splitlines()), ""]
        return "\n".join(lines)

    def latex(self) -> str:
        r"""A ``table`` that needs no package; its ``\\label`` is the author's to add."""
        rows: list[Any] = list(self.rows)
        if 0 < self.aside < len(rows):
            rows.insert(len(rows) - self.aside, SEPARATING_LINE)
        words = ". ".join([self.title, *self.caption.splitlines()])
        table = self._drawn("latex_raw", _in_latex, rows)
        return "\n".join(
            [r"\begin{table}", r"\centering", table, rf"\caption{{{_in_latex(words)}.}}", r"\end{table}", ""]
        )

    def _drawn(self, form: str, escaped: Callable[[str], str], rows: Sequence[Any]) -> str:
        texts = [row if row is SEPARATING_LINE else tuple(map(escaped, row)) for row in rows]
        texts = texts or [("",) * len(self.headings)]  # without a row the library forgets the columns
        sides = ["left" if is_left else "right" for is_left in self.is_left]
        headings = [*map(escaped, self.headings)]
        return str(tabulate(texts, headings, tablefmt=form, disable_numparse=True, colalign=sides))


def percent(share: float | None, digits: int = 1) -> str:
    """A share in per cent; a dash for None."""
    return "-" if share is None else f"{100 * share:.{digits}f}"


def points(difference: float | None) -> str:
    """A difference of shares in signed percentage points; a dash for None."""
    return "-" if difference is None else tenths(100 * difference, "+")


def stated(share: float) -> str:
    """What somebody chose, in per cent, with all its digits: a margin is not to be rounded."""
    text = f"{100 * share:.1f}"
    return text if abs(float(text) - 100 * share) < 1e-9 else f"{100 * share:g}"


def span(one: Interval | Estimate | Range | None, show: Callable[[float], str] = percent) -> str:
    """An interval; a dash for None."""
    return "-" if one is None else f"{show(one.low)} to {show(one.high)}"


def signed_points(one: Interval | Estimate | None) -> str:
    """A difference of shares in points with its interval, all with their signs; a dash for None."""
    return "-" if one is None else _around(one, points)


def interval_points(one: Interval | None) -> str:
    """A difference of shares in points with its interval, no sign where it is above 0; a dash for None."""
    return "-" if one is None else _around(one, lambda end: tenths(100 * end))


def _around(one: Interval | Estimate, show: Callable[[float], str]) -> str:
    """A value with its interval; of 0 without any spread no interval, which would tell of precision."""
    return f"{show(one.value)} ({span(one, show) if one.value or one.low or one.high else 'no difference'})"


def number(value: float | None) -> str:
    """Three digits; a dash for None."""
    return "-" if value is None else f"{value:.3g}"


def p_value(p: float | None) -> str:
    """Three digits, or as many as show on which side of 0.05 it is; a dash for None. None is 0, some are rounded so."""
    if not p:
        return "-" if p is None else "<1e-300"
    said = (f"{p:.{digits}g}" for digits in range(3, 18))
    return next(text for text in said if (float(text) < ALPHA) == (p < ALPHA))


def fvu(value: float | None, found: Interval | None) -> str:
    """A fraction of variance unexplained with its interval, three digits; a dash for None."""
    return number(value) if found is None else f"{number(value)} ({span(found, number)})"


def people_title(split: str, persons: int, photos: int, stack: int) -> str:
    """What stands above a table of a split's people at one stack."""
    return f"{split}: {counted_people(persons)} of {counted(photos, 'photo')}, stack {stack}"


def _in_markdown(text: str) -> str:
    return _MARKDOWN.sub(r"\\\1", text)


def _in_latex(text: str) -> str:
    return _MINUS.sub("$-$", "".join(_LATEX.get(character, character) for character in text))


def pages(tables: Sequence[Grid], *texts: str) -> dict[str, bytes]:
    """Files and their content: the tables in Markdown, the texts below; in LaTeX, the texts as comments above."""
    shown = [printable_lines(text) for text in texts]
    markdown = [*(table.markdown() for table in tables), *(f"{_in_markdown(text)}\n" for text in shown)]
    comments = "".join(f"% {line}\n" for text in shown for line in text.split("\n"))
    latex = [*([comments] if comments else []), *(table.latex() for table in tables)]
    return {"tables.md": "\n".join(markdown).encode(), "tables.tex": "\n".join(latex).encode()}


def write_pages(draft: Draft, tables: Sequence[Grid], *texts: str) -> None:
    """Writes :func:`pages` into an artefact."""
    for name, content in pages(tables, *texts).items():
        draft.write(name, content)
