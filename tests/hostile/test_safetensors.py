"""Safetensors files that lie: refused, or read alike by every reader, at once and in little memory."""

from __future__ import annotations

import json
import random
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from shgae.artifacts.tensors import load_tensors, map_tensor, read_note, save_tensors
from shgae.errors import Refused
from tests.builders.artefacts import put
from tests.builders.tensor_files import BASE, HEADER_END, check_that_readers_agree, crafted, entry, outcome, same
from tests.hostile.conftest import heard, opened, peak_of, run
from tests.promises import Kept

MUTATED = "A safetensors file with another header is refused or read alike by every reader, within 1 s and 200 MB"
SECONDS, GROWTH = 1.0, 200_000_000
READERS: tuple[Callable[[Path], Any], ...] = (load_tensors, read_note, lambda path: map_tensor(path, "a"))


def check_cost(path: Path, growth: int = GROWTH) -> None:
    """All readers take it or refuse it in a short line, in time and memory."""
    for reader in READERS:
        # On a busy machine a processor's second does less: the best of three counts.
        assert any(seconds_of(reader, path, growth) < SECONDS for _ in range(3))


def seconds_of(reader: Callable[[Path], Any], path: Path, growth: int) -> float:
    """Seconds of processor time of a reader, who takes the file or refuses it in a short line and little memory."""

    def read() -> None:
        try:
            reader(path)
        except Refused as refused:
            assert len(refused.line().replace(str(path), "x")) <= 200  # noqa: PT017

    start = time.process_time()
    assert peak_of(read) < growth
    return time.process_time() - start


def mutated(number: int) -> bytes:
    """A small file with a header changed in bytes, tokens or values; its length is kept true, or not."""
    rng = random.Random(number)
    header, rest = BASE[8:HEADER_END], BASE[HEADER_END:]
    kind = number % 4
    if kind == 0:
        data = bytearray(header)
        for _ in range(rng.choice((1, 1, 2, 5))):
            data[rng.randrange(len(data))] = rng.randrange(256)
        header = bytes(data)
    elif kind == 1:
        start = rng.randrange(len(header))
        header = header[:start] + rng.choice(_TOKENS) + header[start + rng.randrange(4) :]
    elif kind == 2:
        value = json.loads(header)
        for _ in range(rng.choice((1, 2))):
            name = rng.choice((*value, rng.choice(("a", "b", "c", "../../x", "", "__metadata__"))))
            value[name] = rng.choice((rng.choice(_VALUES), entry(*(rng.choice(_VALUES) for _ in range(4)))))
        header = json.dumps(value).encode()
    else:
        start, end = sorted(rng.randrange(len(header)) for _ in range(2))
        header = header[:start] + header[start:end] * rng.choice((0, 2, 3)) + header[end:]
    length = (
        len(header) if rng.random() < 0.9 else rng.choice((0, 1, 7, len(header) - 1, len(header) + 9, 2**32, 2**63))
    )
    return length.to_bytes(8, "little") + header + rest


_TOKENS = (
    b"{",
    b"}",
    b"[",
    b"]",
    b",",
    b":",
    b'"',
    b"\\",
    b"\\u0000",
    b"\\ud800",
    b"null",
    b"true",
    b"-",
    b"1e9",
    b"NaN",
)
_VALUES: tuple[Any, ...] = (
    *(None, True, -1, 0, 1, 6, 24, 28, 2**31, 2**63, 10**40, 1.5, 1e300, "", "x", "F32", "U8", "BF16", "I64", [], {}),
    *([2, 3], [6], [4], [0, 24], [24, 28], [28, 24], [-1, 3], [2**32, 2**32], [[1]], {"note": "{}"}, {"note": "["}),
)


def try_mutated(folder: Path, numbers: range) -> None:
    def check() -> None:
        for number in numbers:
            start = time.process_time()
            check_that_readers_agree(put(folder / "x", mutated(number)))
            assert time.process_time() - start < SECONDS, number

    assert peak_of(check) < GROWTH


def test_a_mutated_header_is_refused_or_read_alike(tmp_path: Path, kept: Kept) -> None:
    try_mutated(tmp_path, range(400))
    kept(MUTATED, 400, "headers")


@pytest.mark.torture
def test_ten_thousand_mutated_headers_are_refused_or_read_alike(tmp_path: Path, kept: Kept) -> None:
    try_mutated(tmp_path, range(400, 10_400))
    kept(MUTATED, 10_000, "headers")


COSTLY: dict[str, Callable[[], bytes]] = {
    "300,000 empty tensors": lambda: b"{" + b",".join(b'"%d":{}' % i for i in range(300_000)) + b"}",
    "a million lists": lambda: b'{"a":[' + b"[]," * 1_300_000 + b"[]]}",
    "a million objects": lambda: b'{"a":[' + b"{}," * 1_300_000 + b"{}]}",
    "two million numbers": lambda: b'{"a":[' + b"0," * 1_900_000 + b"0]}",
    "an entry of 360,000 keys": lambda: b'{"a":{' + b",".join(b'"%d":0' % i for i in range(360_000)) + b"}}",
    "nested without end": lambda: b'{"a":' * 700_000,
    "a name of megabytes": lambda: b'{"' + b"x" * 3_900_000 + b'":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}',
    "a format of megabytes": lambda: b'{"a":{"dtype":"' + b"x" * 3_900_000 + b'","shape":[0],"data_offsets":[0,0]}}',
    "a million axes": lambda: b'{"a":{"dtype":"U8","shape":[' + b"9," * 1_000_000 + b'1],"data_offsets":[0,0]}}',
    "axes of 4,000 digits": lambda: b'{"a":{"shape":[' + b",".join([b"9" * 4000] * 900) + b'],"data_offsets":[0,0]}}',
    "a note nested without end": lambda: b'{"__metadata__":{"note":"' + b"[" * 3_900_000 + b'"}}',
    "20,000 tensors": lambda: b"{" + b",".join(b'"%d":%b' % (i, _EMPTY) for i in range(19_999)) + b"}",
}
_EMPTY = b'{"dtype":"U8","shape":[0],"data_offsets":[0,0]}'


@pytest.mark.parametrize("kind", COSTLY)
def test_a_header_that_would_cost_much_costs_little(tmp_path: Path, kind: str, kept: Kept) -> None:
    unparsed = kind in ("300,000 empty tensors", "a million lists", "a million objects")
    check_cost(crafted(tmp_path / "x.safetensors", COSTLY[kind]()), 40_000_000 if unparsed else GROWTH)
    kept(MUTATED, 1, "headers")


@pytest.mark.parametrize("command", ["import x.safetensors -o out", "info x.safetensors", "evaluate x.safetensors y"])
def test_a_header_of_46_megabytes_is_refused_at_once_by_every_command(here: Path, command: str) -> None:
    header = b"{" + b",".join(b'"%06d":%b' % (i, _EMPTY) for i in range(820_000)) + b"}"
    assert len(header) > 46_000_000
    crafted(Path("x.safetensors"), header)
    assert run(*command.split()).check(seconds=SECONDS, growth=GROWTH).code == 2


TWICE = {
    "a tensor twice": b'{"a":%b,"a":%b}' % (_EMPTY, _EMPTY),
    "a key twice": b'{"a":{"dtype":"U8","dtype":"U8","shape":[0],"data_offsets":[0,0]}}',
    "metadata twice": b'{"__metadata__":{"note":"{}"},"__metadata__":{"note":"{}"},"a":%b}' % _EMPTY,
    "a note twice": b'{"__metadata__":{"note":"{}","note":"[]"},"a":%b}' % _EMPTY,
}


@pytest.mark.parametrize("kind", TWICE)
def test_what_stands_twice_is_refused(here: Path, kind: str) -> None:
    path = crafted(Path("x.safetensors"), TWICE[kind])
    for reader in READERS:
        with pytest.raises(Refused, match="stands twice"):
            reader(path)
    assert "stands twice" in run("import", path, "-o", "out").check().line


def test_numbers_that_are_none_are_read_to_the_bit(tmp_path: Path) -> None:
    bits = np.array([0x7FC00000, 0xFFC00001, 0x7F800001, 0x7F800000, 0xFF800000, 0x80000000], np.uint32)
    save_tensors(tmp_path / "x", {"a": bits.view(np.float32)})
    for array in (load_tensors(tmp_path / "x", finite=False)["a"], map_tensor(tmp_path / "x", "a")):
        assert same(array.view(np.uint32), bits)


@pytest.mark.parametrize(
    "name", ["../../x", "/etc/x", "a/../../x", "..", "\0", "a\nb", "\N{GRINNING FACE}", "x" * 10_000]
)
def test_a_tensor_called_like_a_path_is_a_tensor_and_no_path(here: Path, name: str) -> None:
    save_tensors(Path("x.safetensors"), {name: np.arange(3)})
    before = {path for path in here.parent.rglob("*")}
    with heard() as events:
        assert outcome(lambda: load_tensors(Path("x.safetensors"))).keys() == {name}
    assert opened(events) <= {(here / "x.safetensors").resolve()}
    assert {path for path in here.parent.rglob("*")} == before
