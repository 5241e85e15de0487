"""The rules of the house that a machine can hold: a test a rule, and each names every offender."""

from __future__ import annotations

import ast
import functools
import re
from collections.abc import Iterator
from pathlib import Path

from shgae.cli.commands import COMMANDS

ROOT = Path(__file__).parents[1]
FILES = sorted((ROOT / "shgae").rglob("*.py"))
TESTS = sorted((ROOT / "tests").rglob("*.py"))

LAYERS = (
    {"arrays", "config", "errors", "skeleton", "recipes", "recipe_parts", "execution", "wording", "option_lists"},
    {"metrics"},
    {"artifacts"},
    {"models", "data"},
    {"inference"},
    {"training", "analysis", "evaluation"},
    {"plots"},
    {"reporting"},
    {"stages"},
    {"experiments"},
    {"cli"},
)
"""Bottom first. A room imports from the layers below its own, never from a neighbour in its own."""
FRONT_DOORS = {"shgae/__init__.py", "shgae/__main__.py"}
SHARED_STAGES = {"pose_training"}
"""What train and finetune share: the one module of stages/ that is no command."""
LONGEST_FILE, LONGEST_FUNCTION, LONGEST_COMMAND = 350, 60, 60


@functools.cache
def tree_of(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


@functools.cache
def nodes_of(path: Path) -> tuple[ast.AST, ...]:
    return tuple(ast.walk(tree_of(path)))


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def room_of(path: Path) -> str:
    return path.relative_to(ROOT / "shgae").with_suffix("").parts[0]


def layer_of(room: str) -> int:
    return next((layer for layer, rooms in enumerate(LAYERS) if room in rooms), -1)


def imports_of(path: Path, *, whole: bool = True) -> Iterator[str]:
    """Dotted names of every import; with ``whole``, lazy and type-only ones too."""
    for node in nodes_of(path) if whole else tree_of(path).body:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (f"{'.' * node.level}{node.module}.{alias.name}" for alias in node.names)


@functools.cache
def calls_of(path: Path) -> set[str]:
    return {ast.unparse(node.func) for node in nodes_of(path) if isinstance(node, ast.Call)}


def lines_of(path: Path) -> int:
    return path.read_text(encoding="utf-8").count("\n")


def test_there_is_something_to_hold() -> None:
    assert len(FILES) > 40


def test_every_room_is_known() -> None:
    assert [name_of(path) for path in FILES if layer_of(room_of(path)) < 0 and name_of(path) not in FRONT_DOORS] == []


def test_no_import_is_relative() -> None:
    assert [(name_of(path), name) for path in FILES + TESTS for name in imports_of(path) if name.startswith(".")] == []


def test_imports_run_one_way() -> None:
    wrong = []
    for path in FILES:
        if name_of(path) in FRONT_DOORS:
            continue
        room = room_of(path)
        for name in imports_of(path):
            top, _, rest = name.partition(".")
            other = rest.partition(".")[0]
            if top != "shgae" or other in ("", "__version__", room):
                continue
            is_below = layer_of(other) < layer_of(room)
            if not (is_below or layer_of(other) == layer_of(room) == 0):
                wrong.append((name_of(path), name))
    assert wrong == []


def test_no_analysis_imports_another_and_what_they_share_imports_none() -> None:
    analyses = {path.parent.name for path in (ROOT / "shgae/analysis").glob("*/__init__.py")}
    assert len(analyses) >= 3
    wrong = [
        (name_of(path), name)
        for path in (ROOT / "shgae/analysis").rglob("*.py")
        for name in imports_of(path)
        if name.startswith("shgae.analysis.") and name.split(".")[2] in analyses - {path.parent.name}
    ]
    assert wrong == []


def test_figures_are_drawn_from_reports_and_no_artefact_is_opened() -> None:
    wrong = [
        (name_of(path), name)
        for path in FILES
        if room_of(path) == "plots"
        for name in imports_of(path)
        if name.split(".")[:2] in (["shgae", room] for room in ("artifacts", "models", "inference", "training"))
        and not name.startswith("shgae.artifacts.durable.")  # a figure is whole or not there
    ]
    assert wrong == []


def test_no_modules_import_each_other() -> None:
    modules = {".".join(path.relative_to(ROOT).with_suffix("").parts): path for path in FILES}
    wanted = {
        module: {name for one in imports_of(path, whole=False) for name in (one, one.rpartition(".")[0])}
        & modules.keys()
        for module, path in modules.items()
    }
    while free := [module for module, others in wanted.items() if not others & wanted.keys()]:
        for module in free:
            del wanted[module]
    assert wanted == {}


def test_only_experiments_call_several_stages() -> None:
    commands = {path.stem for path in (ROOT / "shgae/stages").glob("[!_]*.py")} - SHARED_STAGES
    wrong = []
    for path in FILES:
        others = {name.split(".")[2] for name in imports_of(path) if name.startswith("shgae.stages.")}
        if room_of(path) == "stages" and others & (commands - {path.stem}):
            wrong.append((name_of(path), others))
    assert wrong == []


def test_a_command_calls_one_stage_and_the_rest_of_the_command_line_none() -> None:
    wrong = []
    for path in FILES:
        if room_of(path) == "cli":
            of = {name.split(".")[2] for name in imports_of(path) if name.startswith("shgae.stages.")}
            if of and (path.parent.name != "commands" or of != {path.stem}):
                wrong.append((name_of(path), sorted(of)))
    assert wrong == []


def test_a_file_of_stages_is_a_command() -> None:
    names = {command.name.replace("-", "_") for command in COMMANDS} | {"import_model"}
    assert {path.stem for path in (ROOT / "shgae/stages").glob("[!_]*.py")} - SHARED_STAGES <= names


def test_no_module_is_a_drawer_for_everything() -> None:
    drawers = {"utils", "util", "misc", "common", "helpers", "helper"}
    assert [name_of(path) for path in FILES + TESTS if drawers & {*path.relative_to(ROOT).with_suffix("").parts}] == []


def test_only_the_command_line_prints() -> None:
    assert [name_of(path) for path in FILES if room_of(path) != "cli" and "print" in calls_of(path)] == []


def test_no_function_ends_the_process() -> None:
    ends = {"exit", "quit", "sys.exit", "os._exit", "os.abort"}
    by_a_signal = [("shgae/__main__.py", "_end"), ("shgae/cli/interrupts.py", "_abandon")]
    wrong = [
        (name_of(path), function.name)
        for path in FILES
        for function in nodes_of(path)
        if isinstance(function, ast.FunctionDef)
        for node in ast.walk(function)
        if isinstance(node, ast.Call) and ast.unparse(node.func) in ends
    ]
    assert wrong == by_a_signal


def test_nothing_that_is_loaded_can_run() -> None:
    runs = {"eval", "exec", "compile", "__import__", "os.system"}
    loads = {"pickle", "cPickle", "dill", "joblib", "marshal", "shelve", "cloudpickle"}
    assert [(name_of(path), found) for path in FILES if (found := calls_of(path) & runs)] == []
    assert [(name_of(path), name) for path in FILES for name in imports_of(path) if name.split(".")[0] in loads] == []


def test_no_code_is_chosen_by_a_name_in_a_file_or_an_option() -> None:
    ways = {"import_module", "entry_points", "spec_from_file_location", "exec_module", "run_path", "run_module"}
    loads = {"runpy", "imp", "yaml", "code", "codeop", "ctypes"}
    called = [(name_of(path), call) for path in FILES for call in calls_of(path) if call.rpartition(".")[2] in ways]
    assert called == []
    assert [(name_of(path), name) for path in FILES for name in imports_of(path) if name.split(".")[0] in loads] == []


def test_processes_of_ours_are_started_in_one_way() -> None:
    assert [name_of(path) for path in FILES if "sys.executable" in path.read_text()] == ["shgae/execution.py"]


def test_one_place_reads_foreign_weights_and_only_weights() -> None:
    loads = [
        (name_of(path), {keyword.arg: ast.unparse(keyword.value) for keyword in node.keywords})
        for path in FILES
        for node in nodes_of(path)
        if isinstance(node, ast.Call) and ast.unparse(node.func) in ("torch.load", "load")
    ]
    assert len(loads) == 1
    assert loads[0][0].startswith("shgae/models/foreign")
    assert loads[0][1]["weights_only"] == "True"


def test_annotation_files_are_read_through_one_door() -> None:
    room = "shgae.data.converters."
    doors = (f"{room}annotations", f"{room}people")
    outside = [path for path in FILES if "converters" not in path.parts]
    wrong = [(name_of(path), name) for path in outside for name in imports_of(path) if name.startswith(room)]
    assert [one for one in wrong if not one[1].startswith(doors)] == []


def test_commands_that_read_finished_artefacts_begin_without_torch() -> None:
    """It takes a second to import."""
    modules = {".".join(path.relative_to(ROOT).with_suffix("").parts): path for path in FILES}
    for command in ("info", "plot", "report", "verify"):
        reached, todo = set[str](), [f"shgae.stages.{command}"]
        while todo:
            module = todo.pop()
            names = {name for one in imports_of(modules[module], whole=False) for name in (one, one.rpartition(".")[0])}
            assert not any(name.partition(".")[0] == "torch" for name in names), (command, module)
            reached.add(module)
            todo += (names & modules.keys()) - reached
        assert len(reached) > 3


def test_files_are_short() -> None:
    assert [(name_of(path), lines_of(path)) for path in FILES + TESTS if lines_of(path) > LONGEST_FILE] == []


def test_functions_are_short() -> None:
    functions = [
        (name_of(path), node.name, (node.end_lineno or node.lineno) - node.lineno)
        for path in FILES
        for node in nodes_of(path)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    ]
    assert [one for one in functions if one[2] > LONGEST_FUNCTION] == []


def test_a_command_module_is_thin_and_imports_its_stage_when_it_is_called() -> None:
    commands = sorted((ROOT / "shgae/cli/commands").glob("[!_]*.py"))
    assert [(name_of(path), lines_of(path)) for path in commands if lines_of(path) > LONGEST_COMMAND] == []
    early = [(name_of(path), name) for path in commands for name in imports_of(path, whole=False) if ".stages" in name]
    assert early == []


def test_the_table_of_a_room_names_its_modules() -> None:
    wrong = []
    for room in (path for path in FILES if path.name == "__init__.py"):
        text = ast.get_docstring(tree_of(room)) or ""
        table = re.findall(r"^``(\w+)`` +", text, re.M) if "====" in text else []
        there = {path.stem for path in room.parent.glob("*.py")} | {
            path.parent.name for path in room.parent.glob("*/*.py")
        }
        if table and set(table) != there - {"__init__"}:
            wrong.append((name_of(room), sorted(set(table) ^ (there - {"__init__"}))))
    assert wrong == []


def test_no_test_imports_a_test() -> None:
    wrong = [(name_of(path), name) for path in TESTS for name in imports_of(path) if ".test_" in name]
    assert wrong == []
