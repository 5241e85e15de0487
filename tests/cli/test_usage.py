"""A command line that is not understood is answered in one line of plain words, with the help to read."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
import typer

from shgae.cli.app import flags, main, usage_line


def command(*options: str, off: tuple[str, ...] = ()) -> Any:
    """A command of the parser's with these options, one parameter each."""
    parameters = [SimpleNamespace(opts=[option], secondary_opts=[]) for option in options]
    return SimpleNamespace(params=[*parameters, SimpleNamespace(opts=["--shuffle"], secondary_opts=list(off))])


COMMANDS = {"train": command("--epochs", "--lr"), "prepare": command("--crop-size"), "rate": command("--crop-size")}


class Wrong(typer.TyperException):
    """An error of the parser's, of an option or of none."""

    def __init__(self, message: str, option_name: str | None = None) -> None:
        super().__init__(message)
        if option_name is not None:
            self.option_name = option_name


def line(error: Wrong, words: str = "train x") -> str:
    return usage_line(error, words.split(), COMMANDS)


def test_an_unknown_command_is_refused_with_the_nearest_one(capsys) -> None:
    assert main(["trian"]) == 2
    assert capsys.readouterr().err == "error: No such command 'trian'. Did you mean 'train'? Try: shgae --help.\n"


@pytest.mark.parametrize(
    ("words", "line"),
    [
        ("train x -o y --crop-size 3", "--crop-size is not an option of shgae train, but of prepare. Try: shgae train"),
        ("train x -o y --widht 3", "No such option: --widht (Possible options: --width). Try: shgae train --help."),
        ("train x -o y --epochs many", "Invalid value for '--epochs': not a whole number. Try: shgae train --help."),
        ("train x -o y --lr fast", "Invalid value for '--lr': not a number."),
        ("plot x -o y --from-epoch 0", "value in --from-epoch: 0 is not at least 1."),
    ],
)
def test_a_command_line_that_is_not_understood_is_answered_in_plain_words(words: str, line: str, capsys) -> None:
    assert main(words.split()) == 2
    assert capsys.readouterr().err.startswith(f"error: {line}")


@pytest.mark.parametrize(
    ("said", "plain"),
    [
        ("Invalid value for '--seed': Value error, 3 is odd", "Invalid value for '--seed': 3 is odd"),
        ("'--n': Input should be a valid integer, got a number with a fraction", "'--n': not a whole number"),
        ("'--n': Unable to parse input string as an integer, exceeded maximum size", "'--n': not a whole number"),
        ("'--n': Input should be a valid integer", "'--n': not a whole number"),
        ("'--n': Input should be a valid number, unable to parse", "'--n': not a number"),
        ("'--n': Input should be greater than or equal to 5", "'--n': less than 5"),
        ("Another thing", "Another thing"),
    ],
)
def test_what_the_library_of_the_parser_says_is_put_in_plain_words(said: str, plain: str) -> None:
    assert line(Wrong(said)) == f"{plain}. Try: shgae train --help."


@pytest.mark.parametrize(
    ("words", "fix"),
    [
        ("train x -o y --optimizer Adam", "--optimizer adam"),
        ("train x -o y --recipe imporved", "--recipe improved"),
        ("prepare --train a b -o y --crop-size 129", "--crop-size 128"),
        ("train x -o y --optimizer zzzz", "shgae train --help"),
    ],
)
def test_in_place_of_a_choice_that_is_none_the_next_is_advised(words: str, fix: str, capsys) -> None:
    assert main(words.split()) == 2
    assert capsys.readouterr().err.endswith(f"Try: {fix}.\n")


@pytest.mark.parametrize(("end", "kept"), [(".", "."), ("?", "?"), ("!", "!."), ("", ".")])
def test_a_line_ends_in_one_stop(end: str, kept: str) -> None:
    assert line(Wrong(f"Is it{end}")) == f"Is it{kept} Try: shgae train --help."


def test_a_path_that_may_not_be_read_wants_permissions_and_no_help() -> None:
    said = "Invalid value for '--train': path 'a.json' is not readable."
    assert line(Wrong(said)) == f"{said} Try: check its permissions."


@pytest.mark.parametrize(("words", "help_of"), [("train x", "shgae train"), ("x train", "shgae"), ("--lr 3", "shgae")])
def test_the_help_is_that_of_the_command_where_there_is_one(words: str, help_of: str) -> None:
    assert line(Wrong("Wrong"), words) == f"Wrong. Try: {help_of} --help."


def test_an_option_of_other_commands_is_told_with_all_of_them() -> None:
    found = line(Wrong("No such option", "--crop-size"))
    assert found.startswith("--crop-size ") and "of shgae train," in found and "prepare and rate" in found
    assert "No such option" not in found


@pytest.mark.parametrize(("words", "where"), [("--quiet info x", "of shgae,"), ("info -o", "of shgae info,")])
def test_an_option_of_most_commands_is_told_in_a_short_line(words: str, where: str, capsys) -> None:
    assert main(words.split()) == 2
    told = capsys.readouterr().err
    assert where in told and len(told) <= 200


@pytest.mark.parametrize(("option", "words"), [("--epochs", "train x"), ("--crop", "train x"), ("", "train x")])
def test_an_option_of_this_command_or_of_none_is_left_to_the_parser(option: str, words: str) -> None:
    assert line(Wrong("No such option", option), words) == "No such option. Try: shgae train --help."


def test_an_option_with_a_form_that_turns_it_off_is_known_by_both() -> None:
    assert list(flags(command("--epochs", off=("--no-shuffle", "-N")))) == [
        "--epochs",
        "--shuffle",
        "--no-shuffle",
        "-N",
    ]
    assert list(flags(SimpleNamespace(params=[]))) == []


@pytest.mark.parametrize(
    ("words", "option"),
    [
        ("prepare --train a.json a --train b.json b -o x", "--train"),
        ("predict model photos --boxes a.json --boxes=b.json -o x", "--boxes"),
        ("evaluate model data -o x --output y", "--output"),
        ("train data -o x --config a.toml --config b.toml", "--config"),
        ("rate model acts data --stack 0 --stack 1", "--stack"),
    ],
)
def test_a_path_or_stack_where_one_counts_is_refused_twice(words: str, option: str, capsys) -> None:
    assert main(words.split()) == 2
    assert capsys.readouterr().err.startswith(f"error: option in {option}: given twice")


def test_other_options_may_be_repeated(capsys) -> None:
    words = "rate model acts data -o x -q -q --force --force --given a=a.npz --given b=b.npz --seed 1 --seed 2"
    assert main(words.split()) == 2
    assert "given twice" not in capsys.readouterr().err
