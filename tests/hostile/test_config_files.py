"""Config files that are broken: every command says which file and key, whatever stands in it."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from shgae.cli.config_file import read
from shgae.cli.fields import stages
from shgae.config import ConfigField, fields_of
from shgae.errors import Refused
from shgae.recipes import Recipe
from tests.hostile.conftest import run
from tests.promises import Kept

PROMISE = "A broken config file is refused in one line that names the file and the key"
FILE = Path("mine.toml")


def refused(text: str | bytes, *words: str) -> str:
    """The line that a command ends with, given this config; it holds the words and the file's name."""
    FILE.write_bytes(text if isinstance(text, bytes) else text.encode())
    end = run("train", "data", "-o", "out", "--config", FILE).check(longest=400)  # it may list all the right keys
    assert end.code == 2
    for word in (*words, "mine.toml: "):
        assert word in end.line, end.line
    return end.line


def fields() -> Iterator[tuple[str, ConfigField]]:
    """Every option of every table."""
    for stage, config in stages().items():
        for field in fields_of(config):
            yield stage.replace("_", "-"), field


@pytest.mark.parametrize("table", [stage.replace("_", "-") for stage in stages()])
def test_every_option_with_a_letter_missing_is_told_its_right_name(here: Path, table: str, kept: Kept) -> None:
    tried = 0
    for stage, field in fields():
        if stage == table and len(field.option) > 3:
            wrong = field.option[:2] + field.option[3:]
            line = refused(f"[{table}]\n{wrong} = 1\n", f"error: {table}.{wrong} in ")
            assert f"Try: {table}." in line
            tried += 1
    kept(PROMISE, tried, "unknown keys")


WRONG: dict[type, tuple[str, ...]] = {
    int: ('"3"', "3.5", "true", "[1]", "{a = 1}", "1979-05-27", "nan", "-9223372036854775809"),
    float: ('"0.5"', "true", "[0.5]", "{a = 1}", "07:32:00", "nan", "inf", "-inf"),
    bool: ("1", '"true"', "0.0", "[]"),
    str: ("1.5", "true", "[]", "{}", "1979-05-27T07:32:00Z"),
}


def test_every_option_of_a_wrong_type_or_out_of_range_is_named(here: Path, kept: Kept) -> None:
    tried = 0
    for table, field in fields():
        values = [value for value in WRONG[field.kind] if not (field.kind is str and not field.choices)]
        if limit := field.limit:
            values += [f"{limit.low - 1:g}", *(["0"] if limit.above else []), f"{limit.high * 2:.0f}"]
        elif field.choices:
            values += ['"nothing of that"', "-77"]
        for value in values:
            FILE.write_text(f"[{table}]\n{field.option} = {value}\n")
            with pytest.raises(Refused, match=rf"^{table}\.{field.option} in mine\.toml: .* is not .*Try: ") as end:
                read(FILE)
            assert len(end.value.line()) < 200
        tried += len(values)
    assert tried > 500
    kept(PROMISE, tried, "wrong values")


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("[train]\nepochs = 1\nepochs = 2\n", "train.epochs"),
        ("[train]\nepochs = 1\n[finetune]\nepochs = 1\n[train]\n", "error: train in "),
        ('recipe = "original"\nrecipe = "original"\n', "error: recipe in "),
        ("[train]\nbatch-size = 1\nbatch_size = 1\n", "train.batch_size"),
        ("[pretrain-ae]\n[pretrain_ae]\n", "pretrain_ae"),
        ("[train]\nepochs = 1 # epochs = 2\nlr = 1e-3\nlr = 1e-4", "train.lr"),
        ("epochs = 3\n", "epochs"),
        ("train = 3\n", "train"),
        ("[[train]]\nepochs = 3\n", "train"),
        ("[train.epochs]\nx = 3\n", "train.epochs"),
        ("train.epochs.x = 3\n", "train.epochs"),
        ('[train]\n"" = 3\n', "train."),
        ('[train]\n"epochs\\n" = 3\n', "train.epochs"),
    ],
)
def test_what_stands_twice_or_in_a_wrong_place_is_named(here: Path, text: str, key: str, kept: Kept) -> None:
    refused(text, key)
    kept(PROMISE, 1, "other faults")


LARGE: dict[str, Callable[[], bytes]] = {
    "a megabyte of comment": lambda: b"#" * 1_000_000,
    "a megabyte of options": lambda: b"[train]\nepochs = 3\n" + b"# more\n" * 140_000,
    "a key of megabytes": lambda: b"[train]\n" + b"k" * 99_000 + b" = 1",
    "a table of megabytes": lambda: b"[" + b"k" * 99_000 + b"]",
    "a recipe of megabytes": lambda: b"recipe = '" + b"k" * 99_000 + b"'",
    "a value of megabytes": lambda: b"[train]\nepochs = '" + b"k" * 99_000 + b"'",
    "a number of 99,000 digits": lambda: b"[train]\nepochs = " + b"1" * 99_000,
    "a key of 40,000 parts": lambda: b"[train]\nlr" + b".a" * 40_000 + b" = 1",
    "a table of 40,000 parts": lambda: b"[train" + b".a" * 40_000 + b"]",
    "tables of 100 parts": lambda: (b"[train" + b".a" * 99 + b"]\n") * 480,
    "keys of 100 parts": lambda: b"[train]\n" + b"".join(b"k%d" % i + b".a" * 98 + b" = 1\n" for i in range(480)),
    "7,000 keys": lambda: b"[train]\n" + b"\n".join(b"k%d = 1" % i for i in range(7000)),
    "7,000 tables": lambda: b"\n".join(b"[t%d]" % i for i in range(7000)),
    "10,000 tables of a list": lambda: b"[[a]]\n" * 10_000,
    "nested lists": lambda: b"a = " + b"[" * 40_000,
    "nested tables": lambda: b"a = " + b"{a = " * 15_000,
}


@pytest.mark.parametrize("kind", LARGE)
def test_a_config_that_is_large_is_refused_at_once_and_not_quoted_at_length(here: Path, kind: str, kept: Kept) -> None:
    refused(LARGE[kind]())
    kept(PROMISE, 1, "other faults")


def test_a_config_without_an_end_is_not_read_to_its_end(here: Path) -> None:
    FILE.symlink_to("/dev/zero")
    end = run("train", "data", "-o", "out", "--config", FILE).check(growth=50_000_000)
    assert "a device" in end.line


@pytest.mark.parametrize("data", [b"\xff\xfe", "[train]\n".encode("utf-16"), b"[train]\nlr = \x80"])
def test_what_is_not_utf_8_is_refused(here: Path, data: bytes) -> None:
    refused(data, "not UTF-8")


WHOLE = """# mine
recipe = "original"

[train]
epochs = 20
batch-size = 8
lr = 2.5e-4
shuffle = true
[pretrain-ae]
code_size = 50
decoder-output = "identity"
"""


@pytest.mark.torture
def test_a_config_with_anything_changed_is_read_or_refused_in_one_line(here: Path, kept: Kept) -> None:
    tokens = (
        "[",
        "]",
        "=",
        '"',
        "'",
        "\n",
        "#",
        ".",
        "-",
        "0",
        "9" * 400,
        "true",
        "[[",
        "'''",
        "\\",
        "\t",
        "é",
        "{",
        ",",
    )
    for seed in range(2000):
        rng = random.Random(seed)
        text = WHOLE
        for _ in range(rng.choice((1, 1, 2, 4))):
            start = rng.randrange(len(text))
            text = text[:start] + rng.choice((*tokens, "")) + text[start + rng.randrange(3) :]
        FILE.write_text(text)
        end = run("train", "data", "-o", "out", "--config", FILE).check(longest=400)
        assert end.code == 2  # there is no data
        assert "artefact in data" in end.line or "mine.toml: " in end.line
    kept("A config file with anything changed is read, or refused in one line", 2000, "changes")


def test_all_tables_of_the_recipe_are_tried() -> None:
    assert {stage for stage, _ in fields()} == {name.replace("_", "-") for name in Recipe.__annotations__}
