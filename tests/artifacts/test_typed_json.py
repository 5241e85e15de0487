from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Generic, Literal, NotRequired, TypedDict, TypeVar

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shgae.artifacts.typed_json import Schema, Upgrade, from_json, part, to_json
from shgae.config import Limit
from shgae.errors import Inconsistent, Refused


class Colour(StrEnum):
    RED = "red"
    BLUE = "blue"


@dataclass(frozen=True)
class Span:
    low: float
    high: float | None


T = TypeVar("T")


@dataclass(frozen=True)
class Sides(Generic[T]):
    left: T
    right: Mapping[str, T]


@dataclass(frozen=True)
class Whole:
    name: str
    count: int
    spans: tuple[Span, ...]
    pair: tuple[int, str]
    by_name: Mapping[str, Span | None]
    by_number: Mapping[int, tuple[float, ...]]
    by_colour: Mapping[Colour, int]
    colour: Colour | None
    mode: Literal["plain", 2]
    free: Mapping[str, Any]
    sides: Sides[Annotated[float, Limit(0, 1)] | None]
    said: int | str = 0

    def __post_init__(self) -> None:
        if self.count < 0:
            raise Inconsistent("a count below 0")


WHOLE = Whole(
    name="a",
    count=1,
    spans=(Span(0.5, 1.0), Span(0.0, None)),
    pair=(3, "x"),
    by_name={"one": None, "two": Span(1.0, 2.0)},
    by_number={-1: (0.25,), 10: ()},
    by_colour={Colour.BLUE: 4},
    colour=Colour.RED,
    mode=2,
    free={"any": [1, None, {"deep": 0.5}]},
    sides=Sides(None, {"x": 0.5}),
)
FINITE = st.floats(-1e100, 1e100)
NUMBERS = st.integers(-(10**18), 10**18)
SPANS = st.builds(Span, FINITE, st.none() | FINITE)
SHARES = st.floats(0, 1)
COLOURS = st.sampled_from(Colour)
TEXT = st.text(st.characters(exclude_categories=["Cs"]))
WHOLES = st.builds(
    Whole,
    name=TEXT,
    count=st.integers(0, 10**18),
    spans=st.lists(SPANS, max_size=3).map(tuple),
    pair=st.tuples(NUMBERS, TEXT),
    by_name=st.dictionaries(TEXT, st.none() | SPANS, max_size=3),
    by_number=st.dictionaries(st.integers(-(10**9), 10**9), st.lists(FINITE, max_size=2).map(tuple), max_size=3),
    by_colour=st.dictionaries(COLOURS, NUMBERS, max_size=2),
    colour=st.none() | COLOURS,
    mode=st.sampled_from(["plain", 2]),
    free=st.dictionaries(TEXT, st.none() | st.booleans() | FINITE | TEXT, max_size=3),
    sides=st.builds(Sides, st.none() | SHARES, st.dictionaries(TEXT, st.none() | SHARES, max_size=2)),
    said=NUMBERS | TEXT,
)


@settings(deadline=None, max_examples=100)
@given(WHOLES)
def test_what_is_written_is_read_back_equal(whole: Whole) -> None:
    assert from_json(Whole, json.loads(json.dumps(to_json(whole), allow_nan=False)), "here") == whole


def broken(path: str, value: Any) -> dict[str, Any]:
    """The whole as JSON, with another value (or none: ...) at ``a.b.0``."""
    content = json.loads(json.dumps(to_json(WHOLE)))
    *way, last = path.split(".")
    place: Any = content
    for step in way:
        place = place[int(step) if isinstance(place, list) else step]
    key = int(last) if isinstance(place, list) else last
    if value is ...:
        del place[key]
    else:
        place[key] = value
    return dict(content)


@pytest.mark.parametrize(
    ("path", "value", "said"),
    [
        ("name", 1, "name: expected a text"),
        ("name", None, "name: expected a text"),
        ("count", 1.0, "count: expected a whole number"),
        ("count", True, "count: expected a whole number"),
        ("count", -1, "a count below 0"),
        ("said", ..., "said: missing"),
        ("more", 1, "more: unknown key"),
        ("spans", {}, "spans: expected a list"),
        ("spans.1.low", "x", "spans[1].low: expected a number"),
        ("spans.1.low", True, "spans[1].low: expected a number"),
        ("spans.1.low", math.nan, "spans[1].low: is not finite"),
        ("spans.1.low", math.inf, "spans[1].low: is not finite"),
        ("spans.1.low", 10**400, "spans[1].low: is not finite"),
        ("spans.1.high", ..., "spans[1].high: missing"),
        ("spans.1.width", 0, "spans[1].width: unknown key"),
        ("spans.1", 3, "spans[1]: expected an object"),
        ("pair", [1], "pair: 1 items, expected 2"),
        ("pair.0", "x", "pair[0]: expected a whole number"),
        ("by_name.two.high", [], "by_name.two.high: expected a number"),
        ("by_number.x", [], "by_number.x: the key is not a whole number"),
        ("by_number.010", [], "by_number.010: the key is not a whole number"),
        ("by_number.10", [None], "by_number.10[0]: expected a number"),
        ("by_colour.green", 1, "by_colour.green: 'green', expected one of red, blue"),
        ("colour", "green", "colour: 'green', expected one of red, blue"),
        ("mode", 2.0, "mode: 2.0, expected one of plain, 2"),
        ("spans.1.low", 1e101, "spans[1].low: is not finite, or beyond 1e+100"),
        ("pair.0", 10**18 + 1, "pair[0]: is beyond 1,000,000,000,000,000,000"),
        ("sides.right.x", "0.5", "sides.right.x: expected a number"),
        ("sides.right.x", 1.5, "sides.right.x: 1.5 is not 0 to 1"),
        ("sides.left", -1, "sides.left: -1.0 is not 0 to 1"),
        ("free.any", 10**19, "free.any: is beyond"),
        ("free.any", {"deep": [math.nan]}, "free.any.deep[0]: is not finite"),
    ],
)
def test_what_is_not_of_the_type_is_refused_by_the_path_of_its_key(path: str, value: Any, said: str) -> None:
    with pytest.raises(Refused) as refused:
        from_json(Whole, broken(path, value), "here/report.json")
    assert said in str(refused.value)
    assert refused.value.where == "here/report.json"


def test_a_whole_number_stands_for_a_number() -> None:
    read = from_json(Span, {"low": 1, "high": None}, "here")
    assert (read.low, type(read.low)) == (1.0, float)


@pytest.mark.parametrize("wrong", [{"low": math.nan}, {"low": "x"}, {"low": np.int64(1)}, {"high": np.array(1.0)}])
def test_what_could_not_be_read_back_is_a_bug_and_no_refusal(wrong: dict[str, Any]) -> None:
    with pytest.raises(TypeError, match=next(iter(wrong))):
        to_json(dataclasses.replace(Span(0.0, 1.0), **wrong))


def test_a_numpy_float_is_written_as_a_number() -> None:
    assert to_json(Span(np.float64(0.1), None)) == {"low": 0.1, "high": None}


class First(TypedDict):
    spans: list[FirstSpan]


class FirstSpan(TypedDict):
    start: float
    to: NotRequired[float]


class Second(TypedDict):
    to: Any


def from_first(old: First) -> dict[str, Any]:
    if not old["spans"]:
        raise Inconsistent("no span")
    (span,) = old["spans"]
    return {"low": span["start"], "to": span.get("to")}


def from_second(old: Second) -> dict[str, Any]:
    return {key: value for key, value in old.items() if key != "to"} | {"high": old["to"]}


SPAN = Schema(Span, version=3, older={1: Upgrade(First, from_first), 2: Upgrade(Second, from_second)})


def test_a_report_carries_its_schema_and_is_read_back(tmp_path: Path) -> None:
    (tmp_path / "report.json").write_text(json.dumps(SPAN.to_json(Span(1.0, 2.0))))
    assert json.loads((tmp_path / "report.json").read_text())["schema"] == 3
    assert SPAN.read(tmp_path / "report.json") == Span(1.0, 2.0)


@pytest.mark.parametrize("old", [{"spans": [{"start": 1, "to": 2}]}, {"schema": 2, "low": 1, "to": 2}])
def test_a_report_of_an_earlier_schema_is_read_step_by_step(old: dict[str, Any]) -> None:
    assert SPAN.from_json(old, "here") == Span(1.0, 2.0)
    assert SPAN.from_json({"spans": [{"start": 1}]}, "here") == Span(1.0, None)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ({"schema": 4, "low": 1, "high": 2}, "schema 4, this shgae reads 1, 2, 3"),
        ({"schema": 0}, "schema 0"),
        ({"schema": "3"}, "schema 3"),
        ({"schema": True, "spans": []}, "schema True, this"),
        ({"schema": [3], "low": 1, "high": 2}, "schema [3], this"),
        ({}, "report of schema 1 in here: spans: missing"),
        ({"spans": 1}, "report of schema 1 in here: spans: expected a list"),
        ({"spans": [{"to": 1}]}, "report of schema 1 in here: spans[0].start: missing"),
        ({"spans": [{"start": "x"}]}, "report of schema 1 in here: spans[0].start: expected a number"),
        ({"spans": []}, "report in here: no span"),
        ({"schema": 2, "low": 1}, "report of schema 2 in here: to: missing"),
        ({"schema": 2, "low": "x", "to": 2}, "report in here: low: expected a number"),
        ({"schema": 2, "low": 1, "to": 2, "more": 3}, "report in here: more: unknown key"),
    ],
)
def test_a_report_of_an_unknown_schema_or_not_of_its_own_is_refused(content: dict[str, Any], said: str) -> None:
    with pytest.raises(Refused, match="here") as refused:
        SPAN.from_json(content, "here")
    assert said in str(refused.value)


@pytest.mark.parametrize(
    "slip",
    [lambda old: 1 / old["low"], lambda old: next(iter(old["high"])), lambda old: old["hihg"], lambda old: old.low],
    ids=["a division by 0", "the next of none", "a misspelt key", "a misspelt name"],
)
def test_a_bug_of_an_upgrade_is_never_told_as_the_fault_of_the_report(slip: Callable[[Any], Any]) -> None:
    class Old(TypedDict):
        low: float
        high: list[float]

    Old.__annotations__.update(low=float, high=list[float])
    schema = Schema(Span, version=2, older={1: Upgrade(Old, slip)})
    with pytest.raises((ZeroDivisionError, StopIteration, KeyError, AttributeError)):
        schema.from_json({"low": 0, "high": []}, "here")


def test_a_bug_of_a_class_that_checks_itself_is_never_told_as_the_fault_of_the_report() -> None:
    @dataclass(frozen=True)
    class Slip:
        low: float

        def __post_init__(self) -> None:
            float("x")

    Slip.__annotations__.update(low=float)
    with pytest.raises(ValueError, match="could not convert"):
        from_json(Slip, {"low": 1}, "here")


def test_a_part_of_an_older_report_is_refused_by_its_path_and_the_file() -> None:
    class Old(TypedDict):
        spans: list[Any]

    Old.__annotations__.update(spans=list[Any])

    def step(old: Any) -> dict[str, Any]:
        return to_json(part(Span, old["spans"][0], "spans[0]"))

    schema = Schema(Span, version=2, older={1: Upgrade(Old, step)})
    assert schema.from_json({"spans": [{"low": 1, "high": 2}]}, "here") == Span(1.0, 2.0)
    with pytest.raises(Refused, match=r"report in here: spans\[0\]\.high: expected a number"):
        schema.from_json({"spans": [{"low": 1, "high": "x"}]}, "here")
