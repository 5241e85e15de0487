from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any, Generic, Literal, TypeVar

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shgae.artifacts.typed_json import Schema, from_json, to_json
from shgae.errors import Refused


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
    sides: Sides[Span | None]
    said: int | str = 0

    def __post_init__(self) -> None:
        if self.count < 0:
            raise ValueError("a count below 0")


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
    sides=Sides(None, {"x": Span(0.0, 1.0)}),
)
FINITE = st.floats(allow_nan=False, allow_infinity=False)
SPANS = st.builds(Span, FINITE, st.none() | FINITE)
COLOURS = st.sampled_from(Colour)
TEXT = st.text(st.characters(exclude_categories=["Cs"]))
WHOLES = st.builds(
    Whole,
    name=TEXT,
    count=st.integers(0),
    spans=st.lists(SPANS, max_size=3).map(tuple),
    pair=st.tuples(st.integers(), TEXT),
    by_name=st.dictionaries(TEXT, st.none() | SPANS, max_size=3),
    by_number=st.dictionaries(st.integers(-(10**9), 10**9), st.lists(FINITE, max_size=2).map(tuple), max_size=3),
    by_colour=st.dictionaries(COLOURS, st.integers(), max_size=2),
    colour=st.none() | COLOURS,
    mode=st.sampled_from(["plain", 2]),
    free=st.dictionaries(TEXT, st.none() | st.booleans() | FINITE | TEXT, max_size=3),
    sides=st.builds(Sides, st.none() | SPANS, st.dictionaries(TEXT, st.none() | SPANS, max_size=2)),
    said=st.integers() | TEXT,
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
        ("sides.right.x.low", None, "sides.right.x.low: expected a number"),
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


SPAN = Schema(
    Span,
    version=3,
    older={1: lambda old: {"low": old["from"], "to": old["to"]}, 2: lambda old: {"low": old["low"], "high": old["to"]}},
)


def test_a_report_carries_its_schema_and_is_read_back(tmp_path: Path) -> None:
    (tmp_path / "report.json").write_text(json.dumps(SPAN.to_json(Span(1.0, 2.0))))
    assert json.loads((tmp_path / "report.json").read_text())["schema"] == 3
    assert SPAN.read(tmp_path / "report.json") == Span(1.0, 2.0)


@pytest.mark.parametrize("old", [{"from": 1, "to": 2}, {"schema": 2, "low": 1, "to": 2}])
def test_a_report_of_an_earlier_schema_is_read_step_by_step(old: dict[str, Any]) -> None:
    assert SPAN.from_json(old, "here") == Span(1.0, 2.0)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ({"schema": 4, "low": 1, "high": 2}, "schema 4, this shgae reads 1, 2, 3"),
        ({"schema": 0}, "schema 0"),
        ({"schema": "3"}, "schema 3"),
        ({"schema": True, "from": 1, "to": 2}, "schema True, this"),
        ({"schema": [3], "low": 1, "high": 2}, "schema [3], this"),
        ({"from": 1}, "not in the form of schema 1"),
        ({"from": "x", "to": 2}, "low: expected a number"),
    ],
)
def test_a_report_of_an_unknown_schema_or_not_of_its_own_is_refused(content: dict[str, Any], said: str) -> None:
    with pytest.raises(Refused, match="report in here") as refused:
        SPAN.from_json(content, "here")
    assert said in str(refused.value)


@pytest.mark.parametrize(
    "read",
    [lambda old: 1 / old["low"], lambda old: next(iter(old["high"])), lambda old: old["high"][3], lambda old: old.low],
    ids=["nothing to divide by", "nobody in it", "too few", "no object"],
)
def test_whatever_an_old_report_lacks_is_told_as_its_fault(read: Callable[[Any], Any]) -> None:
    schema = Schema(Span, version=2, older={1: read})
    with pytest.raises(Refused, match="report in here: not in the form of schema 1"):
        schema.from_json({"low": 0, "high": []}, "here")
