"""A page shows what it is told, escaped, with headings, captions and alternative texts, and fetches nothing."""

from __future__ import annotations

import re

import pytest
from PIL import Image

from shgae.reporting.page.html import (
    Block,
    Details,
    Drawing,
    FactList,
    Figure,
    Gallery,
    Item,
    Items,
    Page,
    Section,
    Text,
    pictures_of,
    render,
)
from shgae.reporting.page.images import Picture, of_photo
from shgae.reporting.page.lineage_graph import FamilyMember, layout
from shgae.reporting.table import Grid
from tests.builders.page_elements import HOSTILE, Elements


def picture(alt: str = "a grey square") -> Picture:
    return of_photo(Image.new("RGB", (8, 8), "#888888"), alt)


def every_block(text: str) -> tuple[Block, ...]:
    """One of each sort, with this text wherever there is a place for one."""
    figure = Figure((picture(text), picture(text)), text, (text, text))
    item = Item("somewhere", text, (text, text), (text,), ((text, "main", text),))
    return (
        Text(text, "caution"),
        Grid(text, (text, "b"), ((text, text),), text, 1, (text,)),
        FactList(((text, text),), (text,)),
        Gallery((figure,)),
        Details(text, (figure, Text(text))),
        Drawing(layout([FamilyMember("a", text, text, ())]), text),
        Items((item,)),
    )


def page_of(*blocks: Block, title: str = "A page") -> bytes:
    return render(Page(title, "about", (Section("one", "One", blocks),), ("end",)))


def test_hostile_text_stays_text_wherever_it_stands() -> None:
    section = Section("one", HOSTILE, every_block(HOSTILE), (Section("two", HOSTILE, every_block(HOSTILE)),))
    made = Elements(render(Page(HOSTILE, HOSTILE, (section,), (HOSTILE,))))
    assert not made.named("script")
    assert {image["src"][:23] for image in made.named("img") if image["src"]} == {"data:image/jpeg;base64,"}
    assert not [name for _, attributes in made.found for name in attributes if name.startswith("on")]
    assert made.text.count("<script>alert('x')</script>") > 20
    assert not set(made.text) & {"\x00", "\x1b", "\u202e"}


def test_half_a_surrogate_pair_is_shown_as_on_a_terminal() -> None:
    assert "b\N{REPLACEMENT CHARACTER}.jpg" in Elements(page_of(Text("b\udcff.jpg"))).text


def test_no_line_ends_between_a_number_and_its_per_cent_sign() -> None:
    assert "95\N{NO-BREAK SPACE}% of it, PCK % all" in page_of(Text("95 % of it, PCK % all")).decode()


def test_numbers_that_are_none_are_shown_as_they_are_told() -> None:
    made = Elements(page_of(Grid("t", ("a", "b"), (("nan", "NaN"), ("inf", "-")))))
    assert "NaN" in made.text


def test_equal_pages_are_equal_bytes_and_end_in_a_line() -> None:
    assert page_of(*every_block("x")) == page_of(*every_block("x"))
    assert page_of().endswith(b"</html>\n")
    assert page_of().startswith(b"<!DOCTYPE html>")


def test_nothing_can_be_fetched() -> None:
    made = Elements(page_of(*every_block("x")))
    policy = next(meta["content"] for meta in made.named("meta") if meta.get("http-equiv"))
    assert policy is not None
    assert policy.startswith("default-src 'none'; img-src data:;")
    places = [value for _, attributes in made.found for key, value in attributes.items() if key in ("href", "src")]
    assert places
    assert all(place and place.startswith(("#", "data:")) for place in places)
    assert not re.search(rb"url\((?!#)|@import", page_of(*every_block("x")))


def test_every_link_leads_to_a_place_and_no_two_places_share_a_name() -> None:
    section = Section("one", "One", every_block("x"), (Section("two", "Two", (FactList((("a", "b"),)),)),))
    made = Elements(render(Page("t", "l", (section, Section("three", "Three")), ())))
    places = [attributes["id"] for _, attributes in made.found if "id" in attributes]
    assert len(places) == len(set(places))
    links = {str(a["href"])[1:] for a in made.named("a")}
    assert links <= set(places)
    assert {"one", "three", "main"} <= links
    labels = [value for _, attributes in made.found if (value := attributes.get("aria-labelledby"))]
    assert set(labels) <= set(places)


def test_a_table_names_its_columns_and_rows() -> None:
    made = Elements(page_of(Grid("scores", ("model", "PCK", "why"), (("a", "1", "x"), ("b", "2", "y")), aside=1)))
    assert [one["scope"] for one in made.named("th")] == ["col", "col", "col", "row", "row"]
    assert len(made.named("td")) == 4
    assert [one.get("class") for one in made.named("tr")] == [None, None, "aside"]
    region = next(one for one in made.named("div") if one.get("class") == "scroll")
    assert (region["role"], region["tabindex"]) == ("region", "0")
    assert made.named("caption")[0]["id"] == region["aria-labelledby"]


def test_pictures_have_their_size_and_words() -> None:
    made = Elements(page_of(Figure((picture("what is seen"),), "caption")))
    (image,) = made.named("img")
    assert (image["alt"], image["width"], image["height"]) == ("what is seen", "8", "8")


def test_pictures_inside_other_blocks_are_counted() -> None:
    assert len(pictures_of(every_block("x"))) == 4


def test_a_block_of_no_known_sort_is_no_page() -> None:
    with pytest.raises(Exception, match="kind"):
        page_of("text")  # type: ignore[arg-type]
