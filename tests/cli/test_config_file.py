from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shgae.cli.app import main
from shgae.cli.commands import COMMANDS
from shgae.cli.config_file import ConfigFile, read, resolve
from shgae.errors import Refused
from shgae.recipes import RECIPES


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "mine.toml"


def test_keys_may_be_spelled_as_options_or_as_in_a_manifest(file: Path) -> None:
    file.write_text("[pretrain-ae]\ncode-size = 9\nbatch_size = 4\n")
    assert read(file) == ConfigFile(None, {"pretrain_ae": {"code_size": 9, "batch_size": 4}})


def test_an_empty_file_changes_nothing(file: Path) -> None:
    file.write_text("")
    assert resolve("train", {}, None, read(file)) == RECIPES["improved"].train


def test_the_command_line_comes_before_the_file_and_the_file_before_the_recipe(file: Path) -> None:
    file.write_text('recipe = "original"\n[pretrain-ae]\nepochs = 3\ncode-size = 9\n')
    original, improved = RECIPES["original"].pretrain_ae, RECIPES["improved"].pretrain_ae
    mine = read(file)
    assert resolve("pretrain_ae", {}, None, mine) == replace(original, epochs=3, code_size=9)
    assert resolve("pretrain_ae", {"epochs": 2}, "improved", mine) == replace(improved, epochs=2, code_size=9)


@pytest.mark.parametrize(
    ("text", "key", "said"),
    [
        ("[train]\nepoch = 3\n", "train.epoch", "train.epochs"),
        ("[trian]\nepochs = 3\n", "trian", "train"),
        ("epochs = 3\n", "epochs", "put it below [train] or [pretrain-ae] or [finetune]"),
        ("zzzz = 3\n", "zzzz", "one of"),
        ('[train]\ndevice = "cpu"\n', "train.device", "of the command line only"),
        ("[train]\ncrop-size = 128\n", "train.crop-size", "put it below [prepare]"),
        ("train = 3\n", "train", "[train]"),
        ('recipe = "orignal"\n', "recipe", "improved or original"),
        ("recipe = 1\n", "recipe", "improved or original"),
        ("recipe = []\n", "recipe", "improved or original"),
        ('[train]\nepochs = "3"\n', "train.epochs", "'3' is not a whole number"),
        ("[train]\nepochs = 3.0\n", "train.epochs", "a whole number"),
        ("[train]\nepochs = true\n", "train.epochs", "a whole number"),
        ("[train]\nepochs = 0\n", "train.epochs", "0 is not 1 to 1,000,000"),
        ("[train]\nlr = nan\n", "train.lr", "a finite number"),
        (f"[train]\nlr = 1{'0' * 400}\n", "train.lr", "more than 0"),
        ("[train]\nshuffle = 1\n", "train.shuffle", "true or false"),
        ('[train]\noptimizer = "adamw"\n', "train.optimizer", "rmsprop or adam or sgd"),
        ("[prepare]\ncrop-size = 64\n", "prepare.crop-size", "256 or 128"),
        ("[prepare]\ncrop-size = 256.0\n", "prepare.crop-size", "256 or 128"),
        ("[train]\nbatch-size = 3\nbatch_size = 3\n", "train.batch_size", "twice"),
        ("[pretrain-ae]\n[pretrain_ae]\n", "pretrain_ae", "twice"),
        ("[train]\nlr = 1\n# lr = 2\nlr = 3\n", "train.lr", "twice"),
        ("[train]\n[prepare]\n[train] # again\n", "train", "twice"),
        ("a = 1\na = 2\n", "a", "twice"),
    ],
)
def test_a_mistake_is_refused_with_the_file_the_key_and_what_is_wanted(
    file: Path, text: str, key: str, said: str
) -> None:
    file.write_text(text)
    with pytest.raises(Refused) as refused:
        read(file)
    line = refused.value.line()
    assert line.startswith(f"{key} in {file}:")
    assert said in line
    assert len(line) < 400


@pytest.mark.parametrize("content", [b"[train\n", b"epochs: 3\n", b"a = " + b"[" * 10_000])
def test_what_is_no_toml_is_refused_with_the_file(file: Path, content: bytes) -> None:
    file.write_bytes(content)
    with pytest.raises(Refused, match="not TOML") as refused:
        read(file)
    assert str(file) in refused.value.line()


@pytest.mark.parametrize(
    ("content", "found"),
    [("[train]".encode("utf-16"), "UTF-16, not UTF-8 (byte 0)"), (b"# \xe9\n[train]\n", "not UTF-8 (byte 2)")],
)
def test_a_text_of_another_kind_is_told_as_in_a_json(file: Path, content: bytes, found: str) -> None:
    file.write_bytes(content)
    with pytest.raises(Refused) as refused:
        read(file)
    assert refused.value.line() == f"config in {file}: {found}. Try: save it as UTF-8."


def test_a_file_that_is_not_there_and_a_folder_are_refused(tmp_path: Path, capsys) -> None:
    for path in (tmp_path / "missing.toml", tmp_path):
        assert main(["train", "data", "-o", str(tmp_path / "out"), "--config", str(path)]) == 2
        assert capsys.readouterr().err.startswith(f"error: config in {path}:")


def as_toml(value: bool | float | str) -> str:
    if isinstance(value, str):
        return '"' + "".join(f"\\U{ord(character):08x}" for character in value) + '"'
    return str(value).lower() if isinstance(value, bool) else repr(value)


@settings(max_examples=150, deadline=None)
@given(
    table=st.sampled_from(["train", "prepare", "evaluate", "x"]),
    option=st.sampled_from(["epochs", "lr", "seed", "limit", "split", "crop-size", "margin", "shuffle", "y"]),
    value=st.booleans() | st.integers() | st.floats() | st.text(st.characters(exclude_categories=["Cs"]), max_size=5),
)
def test_any_value_is_either_kept_as_it_is_or_refused(
    tmp_path_factory: pytest.TempPathFactory, table: str, option: str, value: bool | float | str
) -> None:
    file = tmp_path_factory.getbasetemp() / "any.toml"
    file.write_text(f"[{table}]\n{option} = {as_toml(value)}\n", encoding="utf-8")
    try:
        kept = read(file).values[table][option.replace("-", "_")]
    except Refused:
        return
    assert kept == value


def test_a_file_has_at_most_a_hundred_thousand_bytes_and_a_line_at_most_a_hundred_dots(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    head = b"[train]\nepochs = 7\n# "
    path.write_bytes(head + b"x" * (100_000 - len(head)))
    assert read(path).values == {"train": {"epochs": 7}}
    path.write_bytes(head + b"x" * (100_001 - len(head)))
    with pytest.raises(Refused, match="more than 100,000 bytes"):
        read(path)
    path.write_bytes(head + b"." * 100)
    assert read(path).values == {"train": {"epochs": 7}}
    path.write_bytes(head + b"." * 101)
    with pytest.raises(Refused, match="100 dots"):
        read(path)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('[prepare]\ncrop-size = "128"\n', "Try: crop-size = 128."),
        ('[train]\nshuffle = "no"\n', "Try: shuffle = false."),
        ("[train]\nno-shuffle = true\n", "Try: shuffle = false."),
        ('[train]\noptimizer = "Adam"\n', 'Try: optimizer = "adam".'),
        ("[rate]\ncomponents = [1, 2]\n", 'Try: components = "1,2".'),
        ('recipe = "imporved"\n', 'Try: recipe = "improved".'),
        ('[train]\nepochs = 3\nrecipe = "original"\n', "Try: put it above the first table."),
        ("[train]\nEPOCHS = 3\n", "Try: train.epochs (did you mean that?)."),
        ("[train]\nLR = 0.1\n", "Try: train.lr (did you mean that?)."),
        ("[Train]\nlr = 0.1\n", "Try: train (did you mean that?)."),
        ("[train]\noptimizer = adam\n", 'optimizer in mine.toml: adam without quotes. Try: optimizer = "adam".'),
        ("[train]\nshuffle = False # no\n", "Try: shuffle = false."),
        ("[graft]\nstack = 0\n", "shgae graft takes no options from a file. Try: shgae graft --help."),
        ("train:\n  epochs: 3\n", "not TOML, but YAML"),
        ("[train]\nepochs: 3\n", "not TOML, but INI"),
        ('{"train": {"epochs": 3}}', "not TOML, but JSON"),
    ],
)
def test_what_was_meant_is_advised(file: Path, text: str, said: str) -> None:
    file.write_text(text)
    with pytest.raises(Refused) as refused:
        read(file)
    assert said in refused.value.line().replace(f"{file}", "mine.toml")


@pytest.mark.parametrize(
    "text",
    [
        '[report]\ntitle = """\nx = 1\nx = 2\n"""\n[train]\nlr = 0,1\n',
        "[report]\ntitle = '''\nx = 1\n\"\"\"\nx = 2\n'''\n[train]\nlr = 0,1\n",
        "[train]\n#lr = 0.1\n# lr = 0.1\nepochs = 3 4\n",
    ],
)
def test_lines_of_a_text_or_comment_are_not_keys_that_stand_twice(file: Path, text: str) -> None:
    file.write_text(text)
    with pytest.raises(Refused, match="not TOML"):
        read(file)


def test_every_command_has_a_table_or_is_known_to_have_none(file: Path) -> None:
    for command in COMMANDS:
        file.write_text(f"[{command.name}]\n")
        with suppress(Refused):
            read(file)
            continue
        with pytest.raises(Refused, match=f"shgae {command.name} takes no options from a file"):
            read(file)
