"""What was typed is shown as it was typed, and what was not typed is not."""

import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shgae.artifacts.command_line import command_line, shown, stamp, typed
from shgae.errors import shortened
from shgae.execution import Execution


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


@pytest.mark.parametrize(
    "name", [b"plain", b"a b", b"it's", b"b\xff.jpg", b"esc\x1b[31m'\\0", b"line\nbreak", "Käfer".encode()]
)
def test_a_command_to_copy_can_be_pasted_whatever_the_name(name: bytes) -> None:
    line = typed("info", os.fsdecode(name))
    assert line.isprintable()
    said = subprocess.run(
        ["bash", "-c", f'shgae() {{ printf %s "$2"; }}; {line}'], capture_output=True, check=True, timeout=60
    )
    assert said.stdout == name


def test_of_a_word_that_cannot_be_printed_what_is_ascii_is_left_to_read() -> None:
    assert typed("info", " ~\x1f\x7f'\\é") == "shgae info $' ~\\x1f\\x7f\\x27\\x5c\\xc3\\xa9'"
    assert typed("info", "é ~") == "shgae info 'é ~'"


def test_a_picture_is_signed_with_the_command_unless_that_is_not_wanted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["/usr/bin/shgae", "plot", "my run"])
    assert stamp(Execution(stamp=True)) == "shgae plot 'my run'"
    assert stamp(Execution(stamp=False)) == ""
