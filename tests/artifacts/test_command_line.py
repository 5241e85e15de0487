"""What was typed is shown as it was typed, and what was not typed is not."""

import shlex
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shgae.artifacts.command_line import command_line, shown, typed
from shgae.errors import shortened


@pytest.mark.parametrize(
    ("argv", "text"),
    [
        (["/usr/bin/shgae", "rate", "my model", "-o", "x"], "shgae rate 'my model' -o x"),
        (["/site-packages/shgae/__main__.py", "demo"], "shgae demo"),
        (["work/sweep.py", "--fast"], "called from Python: sweep.py --fast"),
        ([""], "called from Python: python"),
        ([], "called from Python: python"),
    ],
)
def test_the_true_command_is_shown(argv: list[str], text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", argv)
    assert shown(command_line()) == text


def test_a_long_command_keeps_its_beginning_and_its_output() -> None:
    text = shown(["shgae", "predict", "model", *(f"photos/{i}.jpg" for i in range(99)), "-o", "found"], 80)
    assert text.startswith("shgae predict model photos/0.jpg") and " ... " in text and text.endswith("-o found")


@given(st.lists(st.text(min_size=1)), st.integers(30, 200))
def test_it_is_never_longer_than_there_is_room_and_whole_where_it_fits(words: list[str], most: int) -> None:
    whole = shlex.join(["shgae", *words])
    text = shown(["shgae", *words], most)
    assert len(text) <= most
    assert text == (whole if len(whole) <= most else shortened(whole, most))


def test_without_a_word_about_room_there_is_room_for_a_thousand_characters() -> None:
    assert len(shown(["shgae", "x" * 5000])) == 1000


def test_a_path_in_a_command_to_copy_is_not_taken_for_an_option() -> None:
    assert typed("plot", Path("--x"), "-o", Path("-y/z")) == "shgae plot ./--x -o ./-y/z"
    assert typed("plot", Path("a/-b"), "-o", Path("/-c")) == "shgae plot a/-b -o /-c"
