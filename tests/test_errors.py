"""What errors are made of: one line, printable, and short where it repeats what stands in a file."""

from __future__ import annotations

import copy

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shgae.errors import DiskError, Diverged, Interrupted, PeerLost, Refused, ShgaeError, quoted, shortened


@given(st.text(max_size=300), st.integers(20, 200))
def test_a_shortened_text_keeps_its_ends_and_is_not_longer_than_asked(text: str, most: int) -> None:
    short = shortened(text, most)
    assert len(short) <= most
    if len(text) <= most:
        assert short == text
    else:
        head, gap, tail = short.partition(" ... ")
        assert gap
        assert len(head) + len(tail) <= most - 5
        assert text.startswith(head)


def test_words_are_not_cut_where_there_are_any() -> None:
    words = "one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen"
    for most in range(30, 80):
        assert set(shortened(words, most).split()) - {"..."} <= set(words.split())
        assert len(shortened(words, most)) > most - 25


def test_a_text_of_the_very_length_stays_whole_and_one_more_loses_its_middle() -> None:
    assert shortened("x" * 60) == "x" * 60
    assert shortened("a" * 33 + "b" * 100) == "a" * 33 + " ... " + "b" * 22
    assert len(shortened("x" * 61)) == 60


@given(st.text(max_size=20), st.text(max_size=20), st.text(max_size=20), st.text(max_size=20))
def test_an_error_is_one_printable_line(what: str, where: str, why: str, fix: str) -> None:
    line = Refused(what, where, why, fix).line()
    assert line.isprintable()
    assert line == " ".join(line.split())


@pytest.mark.parametrize(
    ("value", "text"),
    [("a", "'a'"), ({"b": [True, None, 1.5]}, '{"b": [true, null, 1.5]}'), (float("nan"), "NaN"), (3, "3")],
)
def test_a_value_is_quoted_as_its_file_spells_it(value: object, text: str) -> None:
    assert quoted(value) == text
    assert len(quoted([value] * 50)) <= 40


def test_a_number_that_python_writes_in_hexadecimal_alone_is_named() -> None:
    assert quoted(int("f" * 5000, 16)) == "a number of thousands of digits"


@pytest.mark.parametrize(
    "error",
    [
        *(kind("a", "b", "c", "d") for kind in (Refused, DiskError, Diverged, PeerLost)),
        Interrupted(15, "run", "it again", saved=False),
    ],
)
def test_an_error_comes_whole_out_of_another_process(error: ShgaeError) -> None:
    """A pool of processes ends, or waits for ever, where an error cannot be unpickled."""
    found = copy.copy(error)  # built of what pickle would write
    assert type(found) is type(error)
    assert (str(found), found.line(), found.exit_code) == (error.line(), error.line(), error.exit_code)
