"""A config refuses what no field of it may be, knows how each is spelled, and comes back from what is stored."""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any, Literal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shgae.config import Config, ConfigField, Limit, Parsed, Stored, fields_of, from_stored, to_stored, within
from shgae.errors import Refused
from shgae.recipes import RECIPES, EvaluateConfig, FinetuneConfig, TrainConfig, as_json

STAGES = tuple(field.name for field in dataclasses.fields(RECIPES["improved"]))
MOST = 2**63 - 1


def halves(text: str) -> list[str]:
    """Two words with a plus between them."""
    if text.count("+") != 1:
        raise ValueError(f"{text} is no sum")
    return text.split("+")


@dataclass(frozen=True)
class Tent(Config):
    """A field of every kind."""

    poles: Annotated[int, Limit(2, 9)] = 3
    height: Annotated[float, Limit(0, above=True)] = 1.5
    weight: float = 1.0
    is_dry: bool = True
    owner: Annotated[str, Stored("holder")] = "me"
    shape: Annotated[Literal["dome", "tunnel"], Stored("form", {"dome": "igloo"})] = "dome"
    stack: Literal["0", "1"] = "0"
    beds: Literal[2, 4] = 2
    pegs_each: Annotated[int, Limit(4, step=4)] | None = None
    names: Annotated[str, Parsed(halves, "a+b")] = "x+y"
    told: Callable[[str], None] | str = print


def of(stage: str, name: str) -> ConfigField:
    config = type(getattr(RECIPES["improved"], stage))
    return next(field for field in fields_of(config) if field.name == name)


def tent(name: str) -> ConfigField:
    return next(field for field in fields_of(Tent) if field.name == name)


NUMBERS = [
    (stage, field)
    for stage in STAGES
    for field in fields_of(type(getattr(RECIPES["improved"], stage)))
    if field.kind in (int, float) and not field.choices
]


@pytest.mark.parametrize(
    ("limit", "inside", "outside", "text"),
    [
        (Limit(1), [1, 10**9], [0, -1, 10**400, float("nan"), float("inf")], "at least 1"),
        (Limit(0, above=True), [1e-9, 1], [0, -1e-9], "more than 0"),
        (Limit(0, 9, above=True), [1e-9, 9], [0, 9.1], "more than 0, at most 9"),
        (Limit(4, 1024, step=4), [4, 8, 1024], [0, 2, 6, 1028], "a multiple of 4, 4 to 1024"),
    ],
)
def test_a_limit_allows_what_it_says(limit: Limit, inside: list[float], outside: list[float], text: str) -> None:
    assert all(limit.allows(value) for value in inside)
    assert not any(limit.allows(value) for value in outside)
    assert str(limit) == text


@pytest.mark.parametrize(("stage", "field"), NUMBERS, ids=lambda value: getattr(value, "name", value))
def test_a_limit_holds_for_a_config_that_is_made_in_python(stage: str, field: ConfigField) -> None:
    config = getattr(RECIPES["improved"], stage)
    for value in (field.limit.low - 1, math.nan, "1", True, field.limit.high + 1):
        with pytest.raises(Refused, match=f"{type(config).__name__}.{field.name}: .* is not "):
            dataclasses.replace(config, **{field.name: value})


def test_a_whole_number_in_the_place_of_another_becomes_one_so_equal_configs_are_stored_equally() -> None:
    assert as_json(TrainConfig(lr=1)) == as_json(TrainConfig(lr=1.0))
    assert json.dumps(as_json(TrainConfig(lr=1))["lr"]) == "1.0"


def test_only_what_may_be_left_out_may_be_none() -> None:
    assert TrainConfig(limit=None).limit is None
    with pytest.raises(Refused, match="TrainConfig.epochs"):
        TrainConfig(epochs=None)


@pytest.mark.parametrize(
    ("config", "stored"),
    [
        (FinetuneConfig(trainable="head", joint_mismatch="reset"), {"train": "head", "joints": "new-head"}),
        (FinetuneConfig(), {"train": "all", "joints": "same"}),
        (FinetuneConfig(joint_mismatch="match"), {"joints": "match"}),
        (EvaluateConfig(resamples=100), {"draws": 100}),
    ],
)
def test_renamed_fields_are_stored_and_read_under_the_names_that_ids_were_made_with(config, stored) -> None:
    kept = as_json(config)
    assert kept.items() >= stored.items()
    assert type(config)(**from_stored(type(config), kept)) == config


@pytest.mark.parametrize(
    ("stage", "name", "value", "kept"),
    [
        *(("train", "epochs", 3, 3), ("train", "lr", 1, 1.0), ("train", "shuffle", False, False)),
        *(("train", "residual", "newell", "newell"), ("prepare", "crop_size", 128, 128)),
        ("pretrain_ae", "stack", 1, "1"),
    ],
)
def test_a_value_is_kept_as_its_own_kind(stage: str, name: str, value: object, kept: object) -> None:
    found = of(stage, name).check(value)
    assert (found, type(found)) == (kept, type(kept))


@pytest.mark.parametrize(
    ("stage", "name", "value", "why"),
    [
        ("train", "epochs", 3.0, "3.0 is not a whole number"),
        ("train", "epochs", True, "true is not a whole number"),
        ("train", "epochs", "3", "'3' is not a whole number"),
        ("train", "epochs", 0, "0 is not 1 to 1,000,000"),
        ("train", "lr", "fast", "'fast' is not a number"),
        ("train", "lr", True, "true is not a number"),
        ("train", "shuffle", 1, "1 is not true or false"),
        ("train", "residual", "other", "'other' is not original or newell"),
        ("train", "residual", 1, "'1' is not original or newell"),
        ("prepare", "crop_size", 64, "64 is not 256 or 128"),
        ("prepare", "crop_size", 256.0, "256.0 is not 256 or 128"),
        ("prepare", "crop_size", "128", "'128' is not 256 or 128"),
        ("train", "epochs", "x" * 99, f"'{'x' * 20} ... {'x' * 13}' is not a whole number"),
    ],
)
def test_a_value_of_another_kind_is_refused_with_what_is_wanted(stage: str, name: str, value: object, why: str) -> None:
    with pytest.raises(ValueError) as caught:
        of(stage, name).check(value)
    assert str(caught.value) == why


@given(st.integers(-50, 50), st.integers(0, 50), st.booleans(), st.integers(1, 7), st.integers(-60, 110))
def test_a_limit_allows_the_multiples_between_its_ends(
    low: int, length: int, above: bool, step: int, value: int
) -> None:
    allowed = [number for number in range(low + above, low + length + 1) if number % step == 0]
    assert Limit(low, low + length, above, step).allows(value) == (value in allowed)


@pytest.mark.parametrize(
    ("high", "shown"),
    [(999, "999"), (9_999, "9999"), (10_000, "10,000"), (MOST - 1, f"{MOST - 1:,}"), (1e4, "10000"), (0.25, "0.25")],
)
def test_a_long_number_is_shown_with_commas(high: float, shown: str) -> None:
    assert str(Limit(0, high)).split()[-1] == str(Limit(0, high, above=True)).split()[-1] == shown


@pytest.mark.parametrize("limit", [Limit(3), Limit(4, 64, step=4), Limit(0, above=True), Limit(0, 2, above=True)])
def test_the_example_of_a_limit_is_allowed_by_it(limit: Limit) -> None:
    assert limit.allows(float(limit.example))


@pytest.mark.parametrize(
    ("limit", "value", "advised"),
    [
        (Limit(0, 256), 100_000, "256"),
        (Limit(1, 1_000_000), 10**30, "1000000"),
        (Limit(0, 1), 5.0, "1"),
        (Limit(0, 0.25), 5.0, "0.25"),
        (Limit(0, 1000, above=True), math.inf, "1000"),
        (Limit(4, 1023, step=4), 2048, "1020"),
        (Limit(4, 1023, step=4), 30, "28"),
        (Limit(4, 1023, step=4), 1, "4"),
        (Limit(0, 9, above=True), 0, "0.1"),
        (Limit(0, 9), -3, "0"),
        (Limit(3, 9), 2, "3"),
        (Limit(3, 9), "many", "3"),
        (Limit(3, 9), math.nan, "3"),
        (Limit(3), 10**30, "3"),
    ],
)
def test_the_next_number_that_is_allowed_is_advised(limit: Limit, value: object, advised: str) -> None:
    assert limit.nearest(value, limit.example) == advised and limit.allows(float(advised))


def test_what_is_advised_is_the_same_on_the_command_line_in_a_file_and_in_python() -> None:
    field = of("train", "batch_size")
    assert field.nearest(10**9) == "1000000" and field.assigned("b", 10**9) == "b = 1000000"
    with pytest.raises(Refused, match="Try: batch_size = 1000000"):
        TrainConfig(batch_size=10**9)
    with pytest.raises(Refused, match="Try: jobs 4"):
        within(Limit(2, 4), "jobs", 5)


@pytest.mark.parametrize("value", [2, 3, 4, np.int64(3)])
def test_an_argument_within_its_limit_is_given_back(value: int) -> None:
    assert within(Limit(2, 4), "jobs", value) == value


@pytest.mark.parametrize("value", [1, 5, -3, 3.0, True, "3", None])
def test_an_argument_beyond_its_limit_or_no_whole_number_is_refused_by_its_name(value: Any) -> None:
    with pytest.raises(Refused) as caught:
        within(Limit(1 + (value == 1), 4), "jobs", value)
    assert caught.value.where == "jobs"


def test_a_field_knows_its_kind_its_choices_its_limit_and_its_spelling() -> None:
    found = {one.name: one for one in fields_of(Tent)}
    assert list(found) == [field.name for field in dataclasses.fields(Tent)]
    kinds = {name: one.kind for name, one in found.items() if name != "told"}
    assert kinds == {
        **{"poles": int, "height": float, "weight": float, "is_dry": bool, "owner": str},
        **{"shape": str, "stack": str, "beds": int, "pegs_each": int, "names": str},
    }
    choices = {name: one.choices for name, one in found.items() if one.choices}
    assert choices == {"shape": ("dome", "tunnel"), "stack": ("0", "1"), "beds": (2, 4)}
    limits = {name: one.limit for name, one in found.items() if one.limit}
    assert limits == {"poles": Limit(2, 9), "height": Limit(0, above=True), "pegs_each": Limit(4, step=4)}
    assert [name for name, one in found.items() if one.is_optional and name != "told"] == ["pegs_each"]
    assert [name for name, one in found.items() if one.parsed] == ["names"]
    stored = {name: one.stored.name for name, one in found.items() if one.stored.name != name}
    assert stored == {"owner": "holder", "shape": "form"}
    assert found["pegs_each"].option == "pegs-each" and found["poles"].option == "poles"


@pytest.mark.parametrize(
    ("name", "line"),
    [
        *(("poles", "pins = 3"), ("height", "pins = 1.5"), ("weight", "pins = 1"), ("is_dry", "pins = true")),
        *(("owner", 'pins = "..."'), ("shape", 'pins = "dome"'), ("beds", "pins = 2"), ("names", 'pins = "a+b"')),
    ],
)
def test_what_is_advised_is_a_line_of_a_config_file_with_texts_in_quotes(name: str, line: str) -> None:
    assert tent(name).assigned("pins") == line


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_a_number_without_a_limit_is_finite(value: float) -> None:
    with pytest.raises(ValueError):
        tent("weight").check(value)
    assert tent("weight").check(-1e300) == -1e300


@pytest.mark.parametrize("value", [MOST + 1, 10**400])
def test_a_number_that_no_file_can_keep_is_refused_and_the_largest_that_one_can_is_said(value: int) -> None:
    assert tent("pegs_each").check(MOST - 3) == MOST - 3
    with pytest.raises(ValueError, match="9.22337e"):
        tent("pegs_each").check(value)
    with pytest.raises(ValueError) as caught:
        tent("pegs_each").check(3)
    assert "9.22337e" not in str(caught.value), "what is too small is told no largest one"


def test_a_text_that_means_nothing_is_refused_with_what_its_parser_says() -> None:
    assert Tent(names="one+two").names == "one+two"
    with pytest.raises(Refused, match="no sum") as caught:
        Tent(names="one")
    assert caught.value.where == "Tent.names"
    assert "a+b" in caught.value.fix


def test_a_whole_number_means_the_choice_that_is_spelled_like_it() -> None:
    assert Tent(stack=1).stack == "1"  # type: ignore[arg-type]
    for value in (2, True, 1.0):
        with pytest.raises(Refused):
            Tent(stack=value)  # type: ignore[arg-type]


@pytest.mark.parametrize(("name", "value"), [("owner", 1), ("owner", None), ("is_dry", 0), ("poles", 3.0)])
def test_a_value_of_no_choice_is_of_its_own_kind(name: str, value: object) -> None:
    with pytest.raises(ValueError):
        tent(name).check(value)


def test_what_only_python_can_give_is_not_checked() -> None:
    assert Tent(told=repr).told is repr
    assert Tent(told=None).told is None  # type: ignore[arg-type]


@given(
    st.builds(
        Tent,
        poles=st.integers(2, 9),
        height=st.integers(1, 9) | st.floats(0.1, 9),
        is_dry=st.booleans(),
        owner=st.text(),
        shape=st.sampled_from(["dome", "tunnel"]),
        pegs_each=st.none() | st.integers(1, 99).map(lambda number: 4 * number),
    )
)
def test_a_config_comes_back_from_what_is_stored_of_it(config: Tent) -> None:
    stored = to_stored(config)
    assert len(stored) == len(fields_of(Tent))
    assert stored["form"] == {"dome": "igloo", "tunnel": "tunnel"}[config.shape]
    assert stored["holder"] == config.owner and not {"shape", "owner"} & stored.keys()
    assert type(stored["height"]) is float
    assert Tent(**from_stored(Tent, stored)) == config


def test_stored_keys_that_the_config_does_not_have_stay_as_they_are() -> None:
    stored = {"form": "igloo", "igloo": "dome", "holder": "igloo", "poles": 4, "pegs_each": [1]}
    found = from_stored(Tent, stored)
    assert found == {"shape": "dome", "igloo": "dome", "owner": "igloo", "poles": 4, "pegs_each": [1]}


@dataclass(frozen=True)
class Odd(Config):
    """Fields as nobody has them yet."""

    inside: Annotated[int | None, Limit(1)] = None
    stored: Annotated[int, Stored("before")] | None = None
    free: float = 1.0
    above: Annotated[float, Limit(0.5, above=True)] = 1.0
    step: Annotated[int, Limit(3, step=4)] = 4


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("inside", -5),
        ("inside", "1"),
        ("stored", "1"),
        ("free", 10**400),
        ("free", math.nan),
        ("above", 0.5),
        ("step", 3),
    ],
)
def test_a_field_is_checked_however_its_type_is_spelt_and_the_fix_is_taken(name: str, value: Any) -> None:
    with pytest.raises(Refused) as refused:
        Odd(**{name: value})
    assert refused.value.where == f"Odd.{name}"
    Odd(
        **{
            name: float(refused.value.fix.partition(" = ")[2])
            if name in ("free", "above")
            else int(refused.value.fix[-1])
        }
    )
