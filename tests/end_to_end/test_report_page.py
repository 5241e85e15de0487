"""The page in a browser: nothing missing, nothing fetched, nothing wider than the screen, and all of it by keyboard."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest
from PIL import Image, ImageStat

from tests.builders.reported import Reported
from tests.end_to_end.browser import CHROMIUM, Pipe, Tab, chromium

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed (Debian's package chromium)")

PHONE, DESKTOP = 390, 1280
LUMINANCE = """
(() => {
  const part = c => { c /= 255; return c <= .04045 ? c / 12.92 : ((c + .055) / 1.055) ** 2.4 };
  const light = text => { const [r, g, b] = text.match(/[\\d.]+/g).map(Number);
                          return .2126 * part(r) + .7152 * part(g) + .0722 * part(b) };
  const ground = element => { for (let e = element; e; e = e.parentElement) {
    const colour = getComputedStyle(e).backgroundColor; if (!/, 0\\)$/.test(colour)) return colour } };
  const texts = [...document.querySelectorAll('p, td, th, a, dt, dd, summary, figcaption, code, h1, h2, h3')];
  return Math.min(...texts.map(e => [light(getComputedStyle(e).color), light(ground(e))].sort((a, b) => b - a))
    .map(([high, low]) => (high + .05) / (low + .05)));
})()
"""
"""The lowest contrast of any text, by WCAG 2.2."""


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pipe]:
    with chromium(tmp_path_factory.mktemp("profile")) as pipe:
        yield pipe


@pytest.fixture(params=[(PHONE, False), (PHONE, True), (DESKTOP, False), (DESKTOP, True)], ids=str)
def tab(request: pytest.FixtureRequest, browser: Pipe, reported: Reported) -> Tab:
    width, dark = request.param
    return browser.open(reported.page, width, dark=dark)


def unfold(tab: Tab) -> None:
    tab.evaluate("document.querySelectorAll('details').forEach(details => details.open = true)")


def test_nothing_complains_and_nothing_leaves_the_page(tab: Tab, reported: Reported) -> None:
    unfold(tab)
    assert tab.complaints == []
    assert {one for one in tab.requests if not one.startswith("data:")} == {reported.page.resolve().as_uri()}


def test_all_pictures_are_there(tab: Tab, reported: Reported) -> None:
    unfold(tab)
    widths = tab.evaluate("[...document.images].map(image => image.complete ? image.naturalWidth : 0)")
    assert len(widths) == reported.result.pictures
    assert min(widths) > 0


def test_the_page_is_never_wider_than_the_screen(tab: Tab) -> None:
    unfold(tab)
    assert tab.evaluate("document.documentElement.scrollWidth") <= tab.width
    free = "[...document.querySelectorAll('p, h1, h2, h3, img, code, dd')].filter(e => !e.closest('.scroll, .wide'))"
    assert tab.evaluate(f"Math.max(...{free}.map(e => e.getBoundingClientRect().right))") <= tab.width


def test_text_can_be_told_from_its_ground(tab: Tab) -> None:
    unfold(tab)
    assert tab.evaluate(LUMINANCE) >= 4.5


def test_headings_are_in_order_and_every_landmark_is_there_once(tab: Tab) -> None:
    levels = tab.evaluate("[...document.querySelectorAll('h1, h2, h3, h4, h5, h6')].map(h => +h.tagName[1])")
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(b - a <= 1 for a, b in pairwise(levels))
    for landmark in ("main", "nav", "body > header", "body > footer"):
        assert tab.evaluate(f"document.querySelectorAll('{landmark}').length") == 1
    assert tab.evaluate("document.title") == "What shgae found"
    assert tab.evaluate("document.documentElement.lang") == "en"
    assert tab.evaluate("[...document.images].every(image => image.alt.length > 10)")


def test_the_keyboard_reaches_the_content_first_and_sees_where_it_is(tab: Tab) -> None:
    def press() -> None:
        for kind in ("keyDown", "keyUp"):
            tab.send("Input.dispatchKeyEvent", type=kind, key="Tab", code="Tab", windowsVirtualKeyCode=9)

    press()
    assert tab.evaluate("document.activeElement.getAttribute('href')") == "#main"
    assert tab.evaluate("document.activeElement.getBoundingClientRect().left") >= 0
    press()
    assert tab.evaluate("document.activeElement.closest('nav') !== null")
    assert tab.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
    assert tab.evaluate("parseFloat(getComputedStyle(document.activeElement).outlineWidth)") >= 2
    boxes = "[...document.querySelectorAll('.scroll, .wide')].filter(e => e.scrollWidth > e.clientWidth)"
    assert tab.evaluate(f"{boxes}.every(e => e.tabIndex === 0)")


def test_it_reads_without_scripts(browser: Pipe, reported: Reported) -> None:
    tab = browser.open(reported.page, DESKTOP)
    assert tab.evaluate("document.scripts.length") == 0


def test_printed_it_is_dark_on_white_and_unfolded(browser: Pipe, reported: Reported) -> None:
    tab = browser.open(reported.page, DESKTOP, dark=True)
    tab.send("Emulation.setEmulatedMedia", media="print")
    assert tab.evaluate("getComputedStyle(document.body).color") == "rgb(0, 0, 0)"
    assert tab.evaluate("getComputedStyle(document.querySelector('nav')).display") == "none"
    inside = "document.querySelector('details > :not(summary)')"
    assert tab.evaluate(f"{inside}.checkVisibility({{contentVisibilityAuto: true}})")


@pytest.mark.parametrize("dark", [False, True])
def test_the_page_has_the_ground_that_the_reader_likes(
    browser: Pipe, reported: Reported, tmp_path: Path, dark: bool
) -> None:
    browser.open(reported.page, DESKTOP, dark=dark).screenshot(tmp_path / "page.png", height=900)
    (light,) = ImageStat.Stat(Image.open(tmp_path / "page.png").convert("L")).mean
    assert (light < 80) == dark
