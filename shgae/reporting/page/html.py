"""One self-contained HTML page: everything that it shows lies inside it, and nothing in it runs.

What stands on a page is said by the dataclasses here and drawn by ``templates/``; every text is escaped there.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from shgae.errors import printable
from shgae.reporting.page.images import Picture
from shgae.reporting.page.lineage_graph import Family
from shgae.reporting.table import Grid

_PER_CENT = re.compile(r"(?<=\d) %")


@dataclass(frozen=True)
class Text:
    """A paragraph."""

    kind: ClassVar[str] = "text"
    text: str
    role: str = ""
    """``caution`` for what a reader must know, or nothing."""


@dataclass(frozen=True)
class FactList:
    """Names and values."""

    kind: ClassVar[str] = "facts"
    pairs: tuple[tuple[str, str], ...]
    codes: tuple[str, ...] = ()
    """Names of values in the type of a terminal."""
    dense: bool = False
    """Whether there are many short ones, to stand side by side."""


@dataclass(frozen=True)
class Figure:
    """Pictures that belong together, with one caption."""

    kind: ClassVar[str] = "figure"
    pictures: tuple[Picture, ...]
    caption: str
    titles: tuple[str, ...] = ()
    """What stands above each picture; empty or as many as there are pictures."""


@dataclass(frozen=True)
class Gallery:
    """Figures side by side, as many as there is room for."""

    kind: ClassVar[str] = "gallery"
    figures: tuple[Figure, ...]


@dataclass(frozen=True)
class Details:
    """Something that is folded away."""

    kind: ClassVar[str] = "details"
    summary: str
    blocks: tuple[Block, ...]


@dataclass(frozen=True)
class Drawing:
    """A family tree as boxes and lines; what it shows must be said in words next to it."""

    kind: ClassVar[str] = "drawing"
    family: Family
    label: str


@dataclass(frozen=True)
class Items:
    """A list; each item a title with an anchor, words after it, and links to other anchors."""

    kind: ClassVar[str] = "items"
    items: tuple[Item, ...]


@dataclass(frozen=True)
class Item:
    """One of :class:`Items`."""

    anchor: str
    title: str
    words: tuple[str, ...]
    """The first stands after the title, the others are paragraphs of their own."""
    lines: tuple[str, ...] = ()
    """Below them, in the type of a terminal."""
    links: tuple[tuple[str, str, str], ...] = ()
    """What it comes from: words before, anchor, title."""


Block = Text | Grid | FactList | Figure | Gallery | Details | Drawing | Items


@dataclass(frozen=True)
class Section:
    """A part of the page with a heading; parts inside it have none of their own."""

    anchor: str
    title: str
    blocks: tuple[Block, ...] = ()
    parts: tuple[Section, ...] = ()


@dataclass(frozen=True)
class Page:
    """A whole page."""

    title: str
    lead: str
    sections: tuple[Section, ...]
    foot: tuple[str, ...]


def render(page: Page) -> bytes:
    """The page as UTF-8 HTML; equal pages give equal bytes."""
    return (_environment().get_template("page.html").render(page=page) + "\n").encode()


def pictures_of(blocks: Sequence[Block]) -> list[Picture]:
    """Every picture in some blocks, in order."""
    found: list[Picture] = []
    for block in blocks:
        if isinstance(block, Figure):
            found += block.pictures
        elif isinstance(block, Gallery):
            found += pictures_of(block.figures)
        elif isinstance(block, Details):
            found += pictures_of(block.blocks)
    return found


@functools.cache
def _environment() -> Environment:
    return Environment(
        loader=PackageLoader("shgae.reporting.page"),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_speakable,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def _speakable(value: Any) -> Any:
    """Text as :func:`printable` has it; no line ends between a number and its per cent sign."""
    if isinstance(value, str) and not isinstance(value, Markup):
        return _PER_CENT.sub("\N{NO-BREAK SPACE}%", printable(value))
    return value
