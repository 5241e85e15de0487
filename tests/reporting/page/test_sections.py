"""A page has a section of every kind that is there, in one order, with what an artefact holds and no more."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from shgae.artifacts.draft import new_artifact
from shgae.errors import Refused
from shgae.execution import Execution
from shgae.reporting.page.html import Figure, Items, Section, Text, pictures_of
from shgae.reporting.page.inputs import Given
from shgae.reporting.page.sections import Findings, _caption, _unsaid, concluded, findings_of, sections_of
from shgae.reporting.table import Grid

FACTS: dict[str, dict[str, Any]] = {
    "data": {
        "splits": {"val": 2000, "train": 1, "test": 3},
        "dropped": {"crowd": 7},
        "crop_size": 128,
        "crop_policy": "pad",
        "margin": 0.25,
        "skeleton": {"names": ["nose", "chin"], "flip_pairs": [], "limbs": []},
    },
    "figures": {"figures": ["b", "a"]},
    "predictions": {},
}
SVG = b'<svg xmlns="http://www.w3.org/2000/svg" width="10pt" height="10pt" viewBox="0 0 10 10"></svg>'


def given(path: Path, kind: str, files: dict[str, bytes] | None = None) -> Given:
    """An artefact with these files, as a page gets it."""
    with new_artifact(path, kind=kind, config={}, parents={}, execution=Execution()) as draft:
        for name, content in (files or {}).items():
            draft.file(name).write_bytes(content)
        draft.write_json("x.json", {"of": path.name})
        return Given(path.name, draft.commit(FACTS.get(kind, {})))


def png(folder: Path, side: int = 4) -> bytes:
    Image.new("RGB", (side, side)).save(folder / "made.png")
    return (folder / "made.png").read_bytes()


def test_sections_come_in_one_order_with_a_part_for_each_artefact(tmp_path: Path) -> None:
    members = [
        given(tmp_path / "d1", "data"),
        given(tmp_path / "p", "predictions", {"sheet.png": png(tmp_path)}),
        given(tmp_path / "f", "figures", {"a.svg": SVG, "b.svg": SVG}),
        given(tmp_path / "d2", "data"),
        given(tmp_path / "m", "hourglass"),
    ]
    made = sections_of(members)
    assert [(section.anchor, [part.title for part in section.parts]) for section in made] == [
        ("figures", ["f"]),
        ("predictions", ["p"]),
        ("data", ["d1", "d2"]),
    ]
    anchors = [part.anchor for section in made for part in section.parts]
    assert len(set(anchors)) == len(anchors)


def test_an_artefact_that_shows_nothing_has_no_part(tmp_path: Path) -> None:
    assert sections_of([given(tmp_path / "p", "predictions")]) == []
    assert sections_of([]) == []


def test_people_are_counted_by_split_in_the_splits_order_and_the_dropped_stand_aside(tmp_path: Path) -> None:
    (section,) = sections_of([given(tmp_path / "d", "data")])
    (table,) = section.parts[0].blocks
    assert isinstance(table, Grid)
    assert table.rows == (("train", "1"), ("val", "2,000"), ("test", "3"), ("dropped: crowd", "7"))
    assert table.aside == 1


@pytest.mark.parametrize(
    ("files", "shown"),
    [
        ({"a.svg": SVG, "a.png": b"png"}, "image/svg+xml"),
        ({"a.png": b"png"}, "image/png"),
        ({"a.svg": SVG + b" " * 200_000, "a.png": b"png"}, "image/png"),
    ],
)
def test_a_figure_is_shown_once_as_svg_where_that_fits(tmp_path: Path, files: dict[str, bytes], shown: str) -> None:
    there = {name: png(tmp_path) if content == b"png" else content for name, content in files.items()}
    (section,) = sections_of([given(tmp_path / "f", "figures", there)])
    assert [picture.type for picture in pictures_of(section.parts[0].blocks)] == [shown]


def test_figures_come_in_the_artefacts_order(tmp_path: Path) -> None:
    (section,) = sections_of([given(tmp_path / "f", "figures", {"a.svg": SVG, "b.svg": SVG})])
    assert [block.caption for block in section.parts[0].blocks if isinstance(block, Figure)] == ["b.", "a."]


def test_a_picture_that_is_none_is_refused_by_its_file(tmp_path: Path) -> None:
    with pytest.raises(Refused) as caught:
        sections_of([given(tmp_path / "p", "predictions", {"sheet.png": b"no picture"})])
    assert (caught.value.what, caught.value.where) == ("picture", str(tmp_path / "p" / "sheet.png"))


def test_a_table_of_a_page_leaves_out_what_was_said_above() -> None:
    grid = Grid("t", ("a", "b"), (("x", "1"), ("y", "2")), "said\nkept\nkept too", 1, ("b",))
    assert _unsaid(grid, ["said", "never said"]) == Grid(
        "t", ("a", "b"), (("x", "1"), ("y", "2")), "kept\nkept too", 1, ("b",)
    )


def test_where_nothing_is_compared_nothing_is_concluded(tmp_path: Path) -> None:
    members = [given(tmp_path / "d", "data"), given(tmp_path / "s", "splice")]
    assert findings_of(members) == []
    made = concluded([])
    assert [type(block) for block in made.blocks] == [Text]
    assert made.blocks[0].role == "caution"  # type: ignore[union-attr]


@pytest.mark.parametrize(("kind", "cautions"), [("splice", 0), ("evaluation", 1)])
def test_what_is_concluded_stands_word_for_word_with_a_link_to_where_it_comes_from(
    tmp_path: Path, kind: str, cautions: int
) -> None:
    one = given(tmp_path / "x", kind)
    made = concluded([Findings(one, ("First.", "Second."), "its-anchor")])
    assert isinstance(made, Section)
    items = made.blocks[0]
    assert isinstance(items, Items)
    (item,) = items.items
    assert (item.title, item.words) == ("x", ("", "First.", "Second."))
    assert [link[1] for link in item.links] == ["its-anchor"]
    assert len(made.blocks) - 1 == cautions


@pytest.mark.parametrize(
    ("name", "caption"),
    [
        ("curves-pck", "Losses and PCK over epochs."),
        ("rate", "PCK and FVU over the number of principal components."),
        ("rate-seed-0-full", "PCK and FVU over the number of principal components: seed-0-full."),
        ("learning-rate", "Learning rate over epochs."),
        ("radii-x", "Joints found over the radius within which they count, by model: x."),
        ("rates", "rates."),
    ],
)
def test_a_drawn_figure_is_captioned_by_what_it_shows_and_its_run(name: str, caption: str) -> None:
    assert _caption(name) == caption
