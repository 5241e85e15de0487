"""Numbers with their nouns."""

from __future__ import annotations

import pytest

from shgae.wording import counted, counted_people, few, listed, tenths, whole


@pytest.mark.parametrize(
    ("number", "said"), [(0, "0 people"), (1, "1 person"), (2, "2 people"), (124_040, "124,040 people")]
)
def test_one_is_a_person_and_all_other_numbers_are_people(number: int, said: str) -> None:
    assert counted_people(number) == said
    assert counted_people(number, "training") == said.replace(" ", " training ")


def test_a_noun_takes_an_s_unless_it_says_otherwise() -> None:
    assert (counted(1, "photo"), counted(2, "photo"), counted(3, "box", "boxes")) == ("1 photo", "2 photos", "3 boxes")


def test_the_last_of_several_words_follows_an_and() -> None:
    assert [listed("abc"[:number]) for number in range(4)] == ["", "a", "a and b", "a, b and c"]


def test_of_many_words_the_first_are_said_and_the_others_counted() -> None:
    assert [few("abcde"[:number]) for number in range(6)] == [
        *("", "a", "a, b", "a, b, c", "a, b, c and 1 more", "a, b, c and 2 more")
    ]
    assert few(["a"] * 1001, 1) == "a and 1,000 more"


@pytest.mark.parametrize(
    ("number", "said"),
    [(0.0, ("0.0", "0")), (0.04, ("0.04", "0.04")), (-0.3, ("-0.3", "-0.3")), (69.6, ("69.6", "70"))],
)
def test_what_is_not_0_is_not_rounded_to_0(number: float, said: tuple[str, str]) -> None:
    assert (tenths(number), whole(number)) == said
