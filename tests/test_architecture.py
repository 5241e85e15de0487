"""The rules of the house that a machine can hold."""

from __future__ import annotations

import ast
import functools
from collections.abc import Iterator
from pathlib import Path

import pytest

from shgae.cli.commands import COMMANDS

ROOT = Path(__file__).parents[1]
FILES = sorted((ROOT / "shgae").rglob("*.py"))
NAMES = [path.relative_to(ROOT).as_posix() for path in FILES]
every_file = pytest.mark.parametrize("path", FILES, ids=NAMES)

LAYERS = (
    {"errors", "skeleton", "recipes", "execution", "wording"},
    {"metrics"},
    {"artifacts"},
    {"models", "data"},
    {"inference"},
    {"training", "analysis", "plots", "evaluation"},
    {"reporting"},
    {"stages"},
    {"experiments"},
    {"cli"},
)
"""Bottom first. A room imports from the layers below its own, never from a neighbour in its own."""
FRONT_DOORS = {"shgae/__init__.py", "shgae/__main__.py"}
LONGEST_FILE, LONGEST_FUNCTION = 350, 60


@functools.cache
def tree_of(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def room_of(path: Path) -> str:
    return path.relative_to(ROOT / "shgae").with_suffix("").parts[0]


def layer_of(room: str) -> int:
    return next(layer for layer, rooms in enumerate(LAYERS) if room in rooms)


def imports_of(path: Path) -> Iterator[str]:
    """Dotted names of every import, lazy and type-only ones too."""
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{name_of(path)}:{node.lineno} is a relative import"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def calls_of(path: Path) -> Iterator[str]:
    return (ast.unparse(node.func) for node in ast.walk(tree_of(path)) if isinstance(node, ast.Call))


def test_there_is_something_to_hold() -> None:
    assert len(FILES) > 40


@every_file
def test_every_room_is_known(path: Path) -> None:
    if name_of(path) not in FRONT_DOORS:
        assert layer_of(room_of(path)) >= 0


@every_file
def test_imports_run_one_way(path: Path) -> None:
    if name_of(path) in FRONT_DOORS:
        return
    room = room_of(path)
    for name in imports_of(path):
        top, _, rest = name.partition(".")
        other = rest.partition(".")[0]
        if top != "shgae" or other in ("", "__version__", room):
            continue
        is_below = layer_of(other) < layer_of(room)
        assert is_below or layer_of(other) == layer_of(room) == 0, f"{room} imports {name}"


@every_file
def test_only_the_demo_calls_other_commands_stages(path: Path) -> None:
    commands = {command.name.replace("-", "_") for command in COMMANDS} | {"import_model"}
    if room_of(path) != "stages" or path.stem not in commands - {"demo", "study"}:
        return
    others = {name.split(".")[2] for name in imports_of(path) if name.startswith("shgae.stages.")}
    assert not others & (commands - {path.stem})


@every_file
def test_no_module_is_a_drawer_for_everything(path: Path) -> None:
    assert not {"utils", "util", "misc", "common", "helpers", "helper"} & set(Path(name_of(path)).with_suffix("").parts)


@every_file
def test_only_the_command_line_prints(path: Path) -> None:
    assert room_of(path) == "cli" or "print" not in calls_of(path)


@every_file
def test_no_function_ends_the_process(path: Path) -> None:
    functions = [node for node in ast.walk(tree_of(path)) if isinstance(node, ast.FunctionDef)]
    calls = {ast.unparse(node.func) for f in functions for node in ast.walk(f) if isinstance(node, ast.Call)}
    assert not calls & {"exit", "quit", "sys.exit", "os._exit", "os.abort"}


@every_file
def test_nothing_that_is_loaded_can_run(path: Path) -> None:
    assert not set(calls_of(path)) & {"eval", "exec", "compile", "__import__", "os.system"}
    modules = {name.partition(".")[0] for name in imports_of(path)}
    assert not modules & {"pickle", "cPickle", "dill", "joblib", "marshal", "shelve", "cloudpickle"}


@every_file
def test_no_code_is_chosen_by_a_name_in_a_file_or_an_option(path: Path) -> None:
    ways = {"import_module", "entry_points", "spec_from_file_location", "exec_module", "run_path", "run_module"}
    assert not {call.rpartition(".")[2] for call in calls_of(path)} & ways
    modules = {name.partition(".")[0] for name in imports_of(path)}
    assert not modules & {"runpy", "imp", "yaml", "code", "codeop", "ctypes"}


def test_one_place_reads_foreign_weights_and_only_weights() -> None:
    loads = [
        (name_of(path), {keyword.arg: ast.unparse(keyword.value) for keyword in node.keywords})
        for path in FILES
        for node in ast.walk(tree_of(path))
        if isinstance(node, ast.Call) and ast.unparse(node.func) in ("torch.load", "load")
    ]
    assert len(loads) == 1
    assert loads[0][0].startswith("shgae/models/foreign")
    assert loads[0][1]["weights_only"] == "True"


@every_file
def test_files_and_functions_are_short(path: Path) -> None:
    lines = path.read_text(encoding="utf-8").count("\n")
    assert lines <= LONGEST_FILE
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            length = (node.end_lineno or node.lineno) - node.lineno
            assert length <= LONGEST_FUNCTION, f"{node.name} has {length} lines"


@pytest.mark.parametrize("command", sorted((ROOT / "shgae/cli/commands").glob("[!_]*.py")), ids=lambda path: path.stem)
def test_a_command_module_is_thin(command: Path) -> None:
    assert command.read_text(encoding="utf-8").count("\n") <= 60
    heavy = [node for node in tree_of(command).body if isinstance(node, ast.Import | ast.ImportFrom)]
    assert not [node for node in heavy if "stages" in ast.unparse(node)], "stages are imported inside the body"
