"""Texts of options with several values mean what they say, and are refused wherever a config is made."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shgae import option_lists
from shgae.config import Config
from shgae.errors import Refused
from shgae.execution import Execution, device_name
from shgae.option_lists import ARMS, LETTERS, PARTS
from shgae.recipes import AnalyzeConfig, RateConfig, StudyConfig


@pytest.mark.parametrize(
    ("asked", "found"),
    [("full,none", ("none", "full")), (" none , a,", ("none",)), ("a,b,c,d,e", tuple(LETTERS)), ("e", ("full",))],
)
def test_arms_come_in_one_order_each_once(asked: str, found: tuple[str, ...]) -> None:
    assert option_lists.chosen_arms(asked) == found


@pytest.mark.parametrize(("text", "sizes"), [("", ()), ("50, 5,5", (5, 50)), ("4096", (4096,))])
def test_sizes_of_a_code_rise_each_once(text: str, sizes: tuple[int, ...]) -> None:
    assert option_lists.code_sizes(text) == sizes


@pytest.mark.parametrize(("text", "found"), [("2-10", range(2, 11)), (" 5 ", range(5, 6)), ("2 - 3", range(2, 4))])
def test_numbers_of_clusters_go_from_the_first_to_the_last(text: str, found: range) -> None:
    assert option_lists.cluster_range(text) == found


def test_components_rise_each_once_and_none_at_all_is_always_among_them() -> None:
    assert option_lists.component_numbers("10, 1,10") == (0, 1, 10)


def test_parts_are_named_one_by_one_or_all_at_once_and_by_their_earlier_names() -> None:
    assert option_lists.wanted_parts("all") == list(PARTS)
    assert option_lists.wanted_parts("skips, walks,atlas") == ["skips", "traversals", "code-units"]


WRONG: list[tuple[type[Config], str, list[str]]] = [
    (StudyConfig, "arms", ["", " , ", "f", "a,f", "ab", "A"]),
    (StudyConfig, "code_sizes", ["0", "4097", "5,x", "-5", "5.0", "\N{SUPERSCRIPT TWO}", "9" * 5000]),
    (RateConfig, "components", ["", "1,,2", "-1", "1.5", "many", "1;2", "9" * 12, "²"]),
    (AnalyzeConfig, "clusters", ["", "1-3", "9-3", "2-51", "many", "2-", "-2", "²-3", "2-3-4"]),
    (AnalyzeConfig, "parts", ["", "skips,dreams", "skips,", "All"]),
    (Execution, "device", ["", "abacus", "tpu", "meta", "cuda:", "cuda:x", "cuda:-1", "cpu:0", "CPU", "cuda:²"]),
    (Execution, "deterministic", ["", "maybe", "on"]),
]


@pytest.mark.parametrize(
    ("config", "field", "text"), [(config, field, text) for config, field, texts in WRONG for text in texts]
)
def test_a_text_that_means_nothing_is_refused_wherever_a_config_is_made(
    config: type[Any], field: str, text: str
) -> None:
    with pytest.raises(Refused) as caught:
        config(**{field: text})
    assert caught.value.where == f"{config.__name__}.{field}"
    assert len(caught.value.line()) < 300
    name, _, example = caught.value.fix.partition(" = ")
    assert getattr(config(**{name: example.strip('"')}), field), "the fix is taken"


@given(st.text(alphabet="0123456789,- aekfulnoe", max_size=12))
def test_any_text_is_read_or_refused_as_a_value(text: str) -> None:
    for parse in (
        option_lists.chosen_arms,
        option_lists.code_sizes,
        option_lists.component_numbers,
        option_lists.cluster_range,
        option_lists.wanted_parts,
        device_name,
    ):
        try:
            found = parse(text)
        except ValueError as error:
            assert str(error)
        else:
            assert parse is option_lists.code_sizes or found
    assert set(option_lists.chosen_arms("e,a")) <= set(ARMS)
