"""Boxes stand apart, lines go from left to right, and a line that others imply is left out."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence

from hypothesis import given
from hypothesis import strategies as st

from shgae.reporting.page.lineage_graph import BOX_HEIGHT, BOX_WIDTH, FamilyMember, layout, nearest

CHAIN = {"data": (), "base": ("data",), "code": ("base",), "graft": ("base", "code"), "scores": ("data", "graft")}


def members(parents: Mapping[str, Sequence[str]]) -> list[FamilyMember]:
    return [FamilyMember(name, name, "", tuple(above)) for name, above in parents.items()]


@st.composite
def families(draw: st.DrawFn) -> dict[str, tuple[str, ...]]:
    names = [str(i) for i in range(draw(st.integers(1, 12)))]
    return {
        name: tuple(draw(st.sets(st.sampled_from(names[:i])) if i else st.just(()))) for i, name in enumerate(names)
    }


def above(name: str, parents: Mapping[str, Sequence[str]]) -> set[str]:
    """Everybody on a way up, by walking every way."""
    return {one for parent in parents[name] for one in (parent, *above(parent, parents))}


def test_of_a_chain_only_the_nearest_parents_have_a_line() -> None:
    kept = {"data": (), "base": ("data",), "code": ("base",), "graft": ("code",), "scores": ("graft",)}
    assert nearest(CHAIN) == kept
    assert len(layout(members(CHAIN)).lines) == 4


def test_parents_who_are_not_there_are_passed_over() -> None:
    assert nearest({"a": ("gone",)}) == {"a": ()}


@given(families())
def test_the_lines_that_are_kept_say_who_descends_from_whom_and_none_is_needless(parents) -> None:
    kept = nearest(parents)
    for name in parents:
        assert above(name, kept) == above(name, parents)
        for one in kept[name]:
            assert one not in set().union(*(above(other, parents) for other in parents[name] if other != one), set())


@given(families())
def test_no_two_boxes_touch_and_all_lie_inside(parents) -> None:
    family = layout(members(parents))
    assert len(family.boxes) == len(parents)
    for a, b in itertools.combinations(family.boxes, 2):
        assert abs(a.x - b.x) >= BOX_WIDTH or abs(a.y - b.y) >= BOX_HEIGHT
    for box in family.boxes:
        assert 0 <= box.x <= family.width - BOX_WIDTH
        assert 0 <= box.y <= family.height - BOX_HEIGHT
    place = {box.member.anchor: box.x for box in family.boxes}
    assert all(place[parent] < place[child] for child in parents for parent in parents[child])


def test_a_long_line_runs_past_the_boxes_between() -> None:
    parents = {"a": (), "b": ("a",), "c": ("b",), "side": ("a",), "end": ("c", "side")}
    family = layout(members(parents))
    rows = {(box.x, box.y) for box in family.boxes}
    (long,) = [line for line in family.lines if " H" in line]
    stop = next(int(word) for word in long.split(" H")[1].split() if word.isdigit()) - BOX_WIDTH
    y = int(long.split(" H")[0].split()[-1]) - BOX_HEIGHT // 2
    assert (stop, y) not in rows


def test_a_long_name_is_cut() -> None:
    (box,) = layout([FamilyMember("a", "a-name-that-does-not-fit", "", ())]).boxes
    assert box.title == "a-name-that-do…"
