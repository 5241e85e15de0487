"""Command lines that errors and notes show are whole: typed as they stand, nothing is missing."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

import shgae
from shgae.cli.app import app

SHOWN = re.compile(r"(?<!as )\bshgae ([a-z-]+)((?: (?:--?[a-z][a-z-]*|[A-Z./0-9]+\b))+)")
"""A command with its words, not a sentence such as "shgae extract again" or "as shgae evaluate -o writes it"."""
COMMANDS: dict[str, Any] = vars(typer.main.get_command(app))["commands"]


def texts(path: Path) -> Iterator[str]:
    """Every text of a module that is no docstring, on one line, X for what is put into it."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        for child in ast.iter_child_nodes(node):
            is_example = isinstance(node, ast.keyword) and node.arg == "example"  # of help, with names of its own
            if is_example or isinstance(node, ast.Expr | ast.JoinedStr | ast.FormattedValue):
                continue
            if isinstance(child, ast.JoinedStr):
                parts = [str(one.value) if isinstance(one, ast.Constant) else "X" for one in child.values]
                yield " ".join("".join(parts).split())
            elif isinstance(child, ast.Constant) and isinstance(child.value, str):
                yield " ".join(child.value.split())


def shown() -> list[str]:
    root = Path(shgae.__file__).parent
    found = {
        line[0]
        for path in root.rglob("*.py")
        for text in texts(path)
        for line in SHOWN.finditer(text)
        if line[1] in COMMANDS
    }
    return sorted(found)


def missing(line: str) -> list[str]:
    """What is missing of a command line."""
    name, *words = line.split()[1:]
    command = COMMANDS[name]
    given = command.make_context(name, words, resilient_parsing=True).params
    return [str(one.name) for one in command.params if one.required and not given.get(str(one.name))]


def test_a_line_without_its_output_is_found() -> None:
    assert missing("shgae extract X X") == ["output"]
    assert missing("shgae extract --stack X") == ["model", "data", "output"]
    assert missing("shgae extract X X -o NAME") == []
    assert SHOWN.search("shgae extract again, with a model") is None


@pytest.mark.parametrize("line", [line for line in shown() if "--help" not in line])
def test_a_command_line_that_is_shown_is_whole(line: str) -> None:
    assert missing(line) == []
