from __future__ import annotations

import codecs
import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shgae.artifacts import tables
from shgae.artifacts.tables import append_row, as_read, dumps, read_json, read_rows, write_json, write_list, write_rows
from shgae.errors import Refused
from tests.builders.artefacts import everything, put, recorded

SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text()
TEXT = st.text(st.characters(exclude_categories=["Cs"]))
ROWS = st.lists(st.dictionaries(TEXT, st.none() | st.integers() | TEXT | st.lists(st.booleans())), max_size=4)


@settings(deadline=None, max_examples=50)
@given(ROWS)
def test_rows_come_back_as_they_were_written(folder: Path, rows: list[dict[str, Any]]) -> None:
    write_rows(folder / "rows.jsonl", rows)
    assert list(read_rows(folder / "rows.jsonl")) == rows
    assert (folder / "rows.jsonl").read_bytes().count(b"\n") == len(rows)


VALUES = st.recursive(
    SCALARS, lambda one: st.lists(one, max_size=3) | st.dictionaries(TEXT, one, max_size=3), max_leaves=6
)


@settings(deadline=None, max_examples=50)
@given(st.lists(VALUES, max_size=3))
def test_a_list_written_item_by_item_has_the_bytes_of_one_written_whole(folder: Path, items: list[Any]) -> None:
    write_json(folder / "whole.json", items)
    write_list(folder / "items.json", iter(items))
    assert (folder / "items.json").read_bytes() == (folder / "whole.json").read_bytes()


def test_a_row_is_added_at_the_end_and_synced(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    write_rows(path, [{"epoch": 1}])
    with recorded() as disk:
        append_row(path, {"epoch": 2})
    assert list(read_rows(path)) == [{"epoch": 1}, {"epoch": 2}]
    assert disk.calls == [("fsync", "rows.jsonl", path.stat().st_size)]


def test_a_table_whose_rows_fail_halfway_leaves_the_old_table(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    write_rows(path, [{"old": 1}])
    before = everything(tmp_path)

    def rows() -> Iterator[dict[str, int]]:
        yield {"new": 1}
        raise RuntimeError("no more")

    with pytest.raises(RuntimeError, match="no more"):
        write_rows(path, rows())
    assert everything(tmp_path) == before


@pytest.mark.parametrize("call", [0, 1])
def test_a_table_that_cannot_be_made_durable_leaves_the_old_table(tmp_path: Path, call: int) -> None:
    path = tmp_path / "rows.jsonl"
    write_rows(path, [{"old": 1}])
    before = everything(tmp_path)
    with pytest.raises(OSError, match="No space"), recorded(fails_at=call):
        write_rows(path, [{"new": 1}])
    assert everything(tmp_path) == before


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
def test_numbers_that_json_does_not_know_are_not_written(tmp_path: Path, value: float) -> None:
    for write in (lambda: write_json(tmp_path / "x", {"a": value}), lambda: write_rows(tmp_path / "x", [{"a": value}])):
        with pytest.raises(ValueError, match="JSON compliant"):
            write()
    assert everything(tmp_path) == {}


@settings(deadline=None, max_examples=100)
@given(st.recursive(SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3)))
def test_json_text_does_not_depend_on_the_order_of_keys(value: Any) -> None:
    def turned(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: turned(value[key]) for key in reversed(value)}
        return [turned(one) for one in value] if isinstance(value, list) else value

    assert dumps(turned(value)) == dumps(value)


def test_an_object_is_turned_into_what_json_gives_back() -> None:
    assert as_read({"shape": (256, 4, 4), "loss": 0.1 + 0.2, "by_row": {10: "a", 9: "b"}}) == {
        "shape": [256, 4, 4],
        "loss": 0.1 + 0.2,
        "by_row": {"10": "a", "9": "b"},
    }


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "no valid JSON"),
        (b"{", "no valid JSON"),
        (b"\xff\xfe", "no valid JSON"),
        (b"[" * 100_000, "nested too deeply"),
        (b"[]", "not a JSON object"),
        (b"null", "not a JSON object"),
        (b'"text"', "not a JSON object"),
    ],
)
def test_a_file_that_holds_no_json_object_is_refused(tmp_path: Path, content: bytes, why: str) -> None:
    path = tmp_path / "x.json"
    path.write_bytes(content)
    with pytest.raises(Refused, match=f"x.json: {why}"):
        read_json(path)


@pytest.mark.parametrize("line", [b"{", b"[1]", b"17", b"\xff", b"", b"[" * 100_000])
def test_a_line_that_holds_no_json_object_is_refused_by_its_number(tmp_path: Path, line: bytes) -> None:
    path = tmp_path / "x.jsonl"
    path.write_bytes(b'{"a": 1}\n' + line + b'\n{"b": 2}\n')
    rows = read_rows(path)
    assert next(rows) == {"a": 1}
    with pytest.raises(Refused, match="x.jsonl:2: .*not (a )?JSON"):
        next(rows)


def test_a_row_longer_than_it_may_be_is_refused_though_its_beginning_is_json(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tables, "_MOST_LINE", 20)
    path = tmp_path / "x.jsonl"
    path.write_bytes(b'{"a": 1}'.ljust(19) + b"\n" + b'{"b": 2}'.ljust(20) + b"\n")
    rows = read_rows(path)
    assert next(rows) == {"a": 1}
    with pytest.raises(Refused, match="x.jsonl:2: .*more than 20 bytes"):
        next(rows)


@pytest.mark.parametrize("mark", [codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE])
def test_a_json_file_may_be_in_utf_16(tmp_path: Path, mark: bytes) -> None:
    (tmp_path / "x.json").write_bytes(mark + '{"a": 1}'.encode("utf-16-le" if mark[0] == 0xFF else "utf-16-be"))
    assert read_json(tmp_path / "x.json") == {"a": 1}


def test_rows_before_a_torn_last_line_can_be_read(tmp_path: Path) -> None:
    path = tmp_path / "x.jsonl"
    write_rows(path, [{"epoch": 1}, {"epoch": 2}])
    os.truncate(path, path.stat().st_size - 4)
    assert next(read_rows(path)) == {"epoch": 1}


@pytest.mark.parametrize("read", [read_json, lambda path: next(read_rows(path))], ids=["json", "rows"])
def test_a_file_that_is_not_there_is_refused(tmp_path: Path, read: Any) -> None:
    with pytest.raises(Refused, match="none: no such file"):
        read(tmp_path / "none")


@settings(deadline=None, max_examples=100)
@given(st.binary(max_size=30))
def test_any_bytes_are_refused_or_an_object(folder: Path, content: bytes) -> None:
    put(folder / "x", content)
    with contextlib.suppress(Refused):
        assert isinstance(read_json(folder / "x"), dict)
    with contextlib.suppress(Refused):
        assert all(isinstance(row, dict) for row in read_rows(folder / "x"))


def test_a_file_of_json_can_be_read_by_people_and_rows_have_a_line_each(tmp_path: Path) -> None:
    write_json(tmp_path / "x.json", {"b": [1], "a": "ü"})
    assert (tmp_path / "x.json").read_bytes() == b'{\n  "a": "\\u00fc",\n  "b": [\n    1\n  ]\n}\n'
    write_rows(tmp_path / "x.jsonl", [{"b": [1], "a": 2}, {}])
    assert (tmp_path / "x.jsonl").read_bytes() == b'{"a": 2, "b": [1]}\n{}\n'
