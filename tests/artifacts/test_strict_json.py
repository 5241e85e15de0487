"""JSON is read strictly: nothing ambiguous, nothing that JSON does not know, nothing without a bound."""

from __future__ import annotations

import gzip
import hashlib
import json
import math
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shgae.artifacts import strict_json
from shgae.artifacts.strict_json import JsonFault, is_number, parse, read
from shgae.errors import Refused

SCALARS = st.none() | st.booleans() | st.integers(-(10**20), 10**20) | st.text()
SCALARS |= st.floats(allow_nan=False, allow_infinity=False)
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3)
)
ENCODINGS = ("utf-8", "utf-8-sig", "utf-16")


@settings(max_examples=150, deadline=None)
@given(value=VALUES, ascii=st.booleans(), encoding=st.sampled_from(ENCODINGS))
def test_what_json_writes_is_read_back_in_every_encoding_with_a_mark(value: Any, ascii: bool, encoding: str) -> None:
    text = json.dumps(value, ensure_ascii=ascii)
    assert parse(text) == value
    assert parse(text.encode(encoding)) == value


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ('{"a": 1, "b": {"c": 1, "c": 1}}', "key 'c' stands twice in one object"),
        ("[NaN]", "it holds NaN, which JSON does not know"),
        ("[-Infinity]", "it holds -Infinity, which JSON does not know"),
        ("[1e999]", "the number 1e999 is too large"),
        ("[-1" + "0" * 400 + ".5]", "the number -1000"),
        ("[1" + "0" * 5000 + "]", "a number in it has thousands of digits"),
        ("[" * 100_000, "nested too deeply"),
        ("[1,]", "no valid JSON"),
        ("", "no valid JSON"),
        (b"\xff", "not UTF-8 (byte 0)"),
        (b'"a\xff"', "not UTF-8 (byte 2)"),
    ],
)
def test_anything_else_is_a_fault_with_its_reason(text: str | bytes, why: str) -> None:
    with pytest.raises(JsonFault) as fault:
        parse(text)
    assert str(fault.value).startswith(why)
    assert len(str(fault.value)) < 200


@pytest.mark.parametrize(
    ("data", "why", "fix"),
    [
        (gzip.compress(b"[]"), "packed by gzip", "gunzip it"),
        (b"PK\x03\x04" + bytes(40), "a ZIP", "unzip it"),
        (b"PK\x03\x04" + bytes(26) + b"archive/data.pkl", "a checkpoint of PyTorch", "the JSON file"),
        (b"\x80\x04\x95\x05\0", "a pickle of Python", "a JSON of it"),
        (b"\x93NUMPY\1\0", "a file of numpy's arrays", "a JSON of it"),
        (b"PK\x03\x04" + bytes(26) + b"boxes.npy", "a file of numpy's arrays", "a JSON of it"),
        (b"PAR1\x15\4\x15\x80", "a Parquet file", "a JSON of it"),
        (b"MATLAB 5.0 MAT-file, Platform: GLNXA64", "a MATLAB file", "a JSON of it"),
        (b'<?xml version="1.0"?>\n<Error><Code>A</Code>', "a store's error page", "fetch the file again"),
        (b'<?xml version="1.0"?>\n<annotation>', "an XML", "a JSON of it"),
        (b"version https://git-lfs.github.com/spec/v1\n", "a pointer of Git LFS", "git lfs pull"),
        (b"\n<!DOCTYPE html><html>", "a web page, so its download failed", "fetch the file again"),
    ],
)
def test_what_people_take_for_json_is_called_by_its_name(tmp_path: Path, data: bytes, why: str, fix: str) -> None:
    (tmp_path / "a.json").write_bytes(data)
    with pytest.raises(Refused, match=rf"not JSON \({why}.*\)\. Try: {fix}"):
        read(tmp_path / "a.json", "boxes", "repair it")


def test_json_lines_are_told_from_something_behind_a_value() -> None:
    for text, is_lines in (('{"a": 1}\n{"a": 2}\n', True), ('{"a": 1}]', False)):
        with pytest.raises(JsonFault) as fault:
            parse(text)
        assert ("JSON lines" in str(fault.value)) == is_lines


def test_numbers_that_are_not_finite_may_be_the_readers_matter() -> None:
    assert parse("[NaN, Infinity, -Infinity, 1e999, -1e999, 1.5]", constant=float)[1:] == [
        math.inf,
        -math.inf,
        math.inf,
        -math.inf,
        1.5,
    ]


def test_the_reader_is_told_what_was_written() -> None:
    assert parse("[NaN, -Infinity, 1e999, -1e999, 1.5]", constant=str) == ["NaN", "-Infinity", "1e999", "-1e999", 1.5]


def test_every_object_goes_through_the_readers_hands_innermost_first() -> None:
    seen: list[dict[str, Any]] = []
    assert parse('{"a": {"b": 1}, "c": 2}', each=lambda one: seen.append(one) or len(one)) == 2
    assert seen == [{"b": 1}, {"a": 1, "c": 2}]


def test_a_file_is_read_with_its_hash_or_refused_by_name(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_bytes(b"[1]")
    assert read(path, "boxes", "repair it") == ([1], hashlib.sha256(b"[1]").hexdigest())
    for bad, why in ((tmp_path / "none", "no such file"), (path / "x", "no such file"), (tmp_path, "it is a folder")):
        with pytest.raises(Refused, match=f"boxes in .*: {why}"):
            read(bad, "boxes", "repair it")
    path.write_bytes(b"{")
    with pytest.raises(Refused, match="boxes in .*: no valid JSON.* Try: repair it"):
        read(path, "boxes", "repair it")


def test_a_file_in_utf_16_is_read_only_where_it_may_be(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_bytes("[1]".encode("utf-16"))
    assert read(path, "sigmas", "x", utf16=True).value == [1]
    with pytest.raises(Refused, match="UTF-16, not UTF-8"):
        read(path, "boxes", "x")


def test_not_more_is_read_than_its_bound(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.json"
    path.write_bytes(b"[1]" + b" " * 1000)
    monkeypatch.setattr(strict_json, "MOST_BYTES", 1003)
    assert read(path, "JSON", "x").value == [1]
    monkeypatch.setattr(strict_json, "MOST_BYTES", 1002)
    with pytest.raises(Refused, match="more than 1,002 bytes"):
        read(path, "JSON", "x")


@pytest.mark.parametrize("text", ["[" + "[]," * 400 + "0]", '{"a": [' + "0," * 900 + "0]}", "[" + "{}," * 400 + "0]"])
def test_values_that_would_take_too_much_memory_are_refused_before_they_are_made(
    text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    parse(text)
    monkeypatch.setattr(strict_json, "_MOST_MEMORY", 20_000)
    made: list[dict[str, object]] = []
    with pytest.raises(JsonFault, match="memory, at most"):
        parse(text, each=made.append)
    assert made == []


def test_the_largest_of_coco_is_far_below_the_bound() -> None:
    # instances_train2017: 860,001 annotations with an object, a box and polygons of some 60 numbers each
    objects, lists, numbers = 2 * 860_001, 4 * 860_001, 70 * 860_001
    size = strict_json._BRACKET * (objects + lists) + strict_json._COMMA * numbers
    assert size < strict_json._MOST_MEMORY / 3


def test_a_number_is_neither_a_truth_nor_nan_nor_further_from_0_than_was_said() -> None:
    for value in (0, -3, 0.5, 2**53 - 1, -(2.0**53 - 1)):
        assert is_number(value), value
    for value in (True, None, "1", [1], math.nan, math.inf, 2**53, -(2.0**53)):
        assert not is_number(value), value
    assert is_number(1e300, sys.float_info.max)
    assert not any(is_number(value, sys.float_info.max) for value in (10**400, -math.inf, math.nan, False))
