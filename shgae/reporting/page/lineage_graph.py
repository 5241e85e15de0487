"""A family tree as boxes in columns: parents to the left of their children, lines between them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean

BOX_WIDTH, BOX_HEIGHT = 120, 46
_COLUMN, _ROW, _MARGIN = 144, 66, 6
_TITLE_LETTERS = 15
"""That fit into a box."""


@dataclass(frozen=True)
class FamilyMember:
    """One to be drawn."""

    anchor: str
    title: str
    below: str
    """A second, smaller line."""
    parents: tuple[str, ...]
    """Anchors."""


@dataclass(frozen=True)
class GraphBox:
    """A member and its place, in CSS pixels from the upper left corner."""

    x: int
    y: int
    member: FamilyMember

    @property
    def title(self) -> str:
        """What fits of the title."""
        text = self.member.title
        return text if len(text) <= _TITLE_LETTERS else text[: _TITLE_LETTERS - 1] + "…"


@dataclass(frozen=True)
class Family:
    """A drawing, in CSS pixels."""

    width: int
    height: int
    boxes: tuple[GraphBox, ...]
    lines: tuple[str, ...]
    """Paths as SVG writes them."""
    box_width: int = BOX_WIDTH
    box_height: int = BOX_HEIGHT


def layout(members: Sequence[FamilyMember]) -> Family:
    """Places members, parents before their children, in columns by their longest line of descent; a line that others
    imply is left out, and parents that are not members are passed over."""
    parents = nearest({one.anchor: one.parents for one in members})
    column: dict[str, int] = {}
    for anchor, above in parents.items():
        column[anchor] = 1 + max((column[parent] for parent in above), default=-1)
    routes = {(p, child): _route(p, child, column) for child, above in parents.items() for p in above}
    place = _places(column, routes)
    boxes = tuple(GraphBox(*_corner(place[one.anchor]), one) for one in members)
    lines = tuple(_line([place[stop] for stop in route]) for route in routes.values())
    columns, rows = (1 + max(at[axis] for at in place.values()) for axis in (0, 1))
    width, height = (columns - 1) * _COLUMN + BOX_WIDTH, (rows - 1) * _ROW + BOX_HEIGHT
    return Family(width + 2 * _MARGIN, height + 2 * _MARGIN, boxes, lines)


def nearest(parents: Mapping[str, Sequence[str]]) -> dict[str, tuple[str, ...]]:
    """Of each child (parents first) the parents that are not ancestors of its other parents."""
    above: dict[str, set[str]] = {}
    kept: dict[str, tuple[str, ...]] = {}
    for child, all_of_them in parents.items():
        known = [one for one in dict.fromkeys(all_of_them) if one in above]
        implied = set().union(*(above[one] for one in known))
        kept[child] = tuple(one for one in known if one not in implied)
        above[child] = implied | set(known)
    return kept


def _route(parent: str, child: str, column: Mapping[str, int]) -> list[str]:
    """Parent, a stop in every column between, child."""
    between = range(column[parent] + 1, column[child])
    return [parent, *(f"{parent} {child} {stop}" for stop in between), child]


def _places(column: Mapping[str, int], routes: Mapping[tuple[str, str], Sequence[str]]) -> dict[str, tuple[int, int]]:
    """Column and row of every member and every stop: each as near as can be to what stands to its left."""
    where = dict(column)
    before: dict[str, list[str]] = {anchor: [] for anchor in column}
    for (parent, _), route in routes.items():
        for step, (left, right) in enumerate(zip(route, route[1:], strict=False), 1):
            where.setdefault(right, column[parent] + step)
            before.setdefault(right, []).append(left)
    row: dict[str, int] = {}
    for here in range(1 + max(where.values())):
        nodes = [node for node, place in where.items() if place == here]
        wanted = {node: fmean([row[left] for left in before[node]] or [0]) for node in nodes}
        next_free = 0
        for node in sorted(nodes, key=lambda node: (wanted[node], node not in column)):
            row[node] = max(next_free, int(wanted[node]))
            next_free = row[node] + 1
    return {node: (where[node], row[node]) for node in where}


def _corner(place: tuple[int, int]) -> tuple[int, int]:
    return _MARGIN + place[0] * _COLUMN, _MARGIN + place[1] * _ROW


def _line(stops: Sequence[tuple[int, int]]) -> str:
    """From the right side of the first box, straight through the stops, to the left side of the last."""
    ends = [_corner(stop) for stop in stops]
    half = BOX_HEIGHT // 2
    path = f"M{ends[0][0] + BOX_WIDTH} {ends[0][1] + half}"
    for (x0, y0), (x1, y1) in zip(ends, ends[1:], strict=False):
        middle = (x0 + BOX_WIDTH + x1) // 2
        path += f" C{middle} {y0 + half} {middle} {y1 + half} {x1} {y1 + half}"
        if (x1, y1) != ends[-1]:
            path += f" H{x1 + BOX_WIDTH}"
    return path
