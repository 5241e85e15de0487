"""Mutants: the code that guards what lies on disk and what comes in, changed in one place; do its tests notice?

``python -m tests.mutants`` draws a sample of each module's mutants, runs the module's tests on every one (first on the
code as it is: they must pass), prints the survivors and a table, and with ``--page FILE`` puts that table between its
two marks.

A mutant is one of these, anywhere in a module, in functions with decorators too:

* a comparison turned round or moved by its edge (``<`` and ``<=``), ``in`` and ``is`` turned round;
* ``and`` for ``or``, one operand of them left out, ``not`` left out; a condition that always or never holds;
* another arithmetic operator; a number larger by 1; True for False;
* a ``raise``, a call whose result nobody takes, an ``x += y``, a ``continue`` or ``break`` left out; None returned.

No mutants are made of texts, of what a ``raise`` says, of annotations and of decorators. Some change nothing that can
be seen (five threads for four); they survive and are counted. A mutant on which the tests take ten times as long as
they should counts as noticed.
"""

from __future__ import annotations

import argparse
import ast
import copy
import importlib
import os
import random
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, NoReturn

import pytest
from hypothesis import Phase, settings

from tests.promises import put_into

ROOT = Path(__file__).parents[1]
MARKS = ("<!-- mutants: make mutants -->", "<!-- end of mutants -->")
_STORE = (
    "artifacts/test_draft.py",
    "artifacts/test_run_log.py",
    "artifacts/test_lineage.py",
    "artifacts/test_store.py",
    "artifacts/test_commit.py",
    "artifacts/test_force.py",
    "artifacts/test_interrupted.py",
    "artifacts/test_disk_calls.py",
)
TESTS: dict[str, tuple[str, ...]] = {
    "artifacts/activations.py": ("artifacts/test_activations.py",),
    "artifacts/activation_splits.py": ("artifacts/test_activation_splits.py",),
    "artifacts/activation_writer.py": ("stages/test_extract_pieces.py",),
    "artifacts/checking.py": ("artifacts/test_checking.py", "stages/test_extract_pieces.py"),
    "artifacts/checkpoint.py": ("artifacts/test_checkpoint.py",),
    "artifacts/command_line.py": ("artifacts/test_command_line.py",),
    "artifacts/compatibility.py": (
        "artifacts/test_compatibility.py",
        "stages/test_chain.py",
        "stages/test_evaluate.py",
    ),
    "artifacts/crops.py": ("artifacts/test_crops.py",),
    "artifacts/disk_space.py": ("artifacts/test_disk_space.py",),
    "artifacts/draft.py": (*_STORE, "hostile/test_manifests.py"),
    "artifacts/facts.py": ("artifacts/test_facts.py",),
    "artifacts/file_kinds.py": ("artifacts/test_file_kinds.py",),
    "artifacts/folders.py": ("artifacts/test_folders.py", *_STORE),
    "artifacts/hashing.py": ("artifacts/test_hashing.py", *_STORE[:3]),
    "artifacts/ignored.py": ("stages/test_ignored_regions.py",),
    "artifacts/input_file.py": ("artifacts/test_input_file.py", "hostile/test_endless.py"),
    "artifacts/lineage.py": ("artifacts/test_lineage.py", "stages/test_info_and_verify.py"),
    "artifacts/locking.py": ("artifacts/test_locking.py",),
    "artifacts/durable.py": ("artifacts/test_durable.py", "artifacts/test_tables.py"),
    "artifacts/manifest.py": ("artifacts/test_manifest.py", *_STORE[:3], "hostile/test_manifests.py"),
    "artifacts/pieces.py": ("artifacts/test_pieces.py", "artifacts/test_ownership.py", "artifacts/test_interrupted.py"),
    "artifacts/output_file.py": ("artifacts/test_output_file.py", "stages/test_export_and_report.py"),
    "artifacts/reader_process.py": ("artifacts/test_reader_process.py",),
    "artifacts/reconstructions.py": ("artifacts/test_reconstructions.py",),
    "artifacts/run_log.py": _STORE[1::-1],
    "artifacts/scratch.py": ("artifacts/test_scratch.py",),
    "artifacts/store.py": (*_STORE, "artifacts/test_hashing.py", "hostile/test_manifests.py"),
    "artifacts/strict_json.py": ("artifacts/test_strict_json.py",),
    "artifacts/tables.py": ("artifacts/test_tables.py", "artifacts/test_tensors.py", "artifacts/test_manifest.py"),
    "artifacts/tensors.py": (
        "artifacts/test_tensors.py",
        "artifacts/test_torn_tensors.py",
        "artifacts/test_tables.py",
        "hostile/test_safetensors.py",
    ),
    "artifacts/typed_json.py": ("artifacts/test_typed_json.py", "evaluation/test_older_studies.py"),
    "cli/config_file.py": ("cli/test_config_file.py", "hostile/test_config_files.py"),
    "config.py": ("test_config.py", "cli/test_options.py", "cli/test_config_file.py"),
    "cli/fields.py": ("cli/test_options.py", "cli/test_config_file.py", "cli/test_help.py"),
    "data/boxes.py": ("data/test_boxes.py", "data/test_box_fixes.py", "data/test_box_categories.py"),
    "data/coco.py": (
        "data/test_coco.py",
        "data/test_coco_faults.py",
        "data/test_selection.py",
        "hostile/test_coco_json.py",
    ),
    "data/coco_json.py": (
        "data/test_coco.py",
        "data/test_coco_faults.py",
        "data/test_coco_habits.py",
        "hostile/test_coco_json.py",
    ),
    "data/photos.py": ("data/test_photos.py", "data/test_photo_request.py"),
    "data/selection.py": ("data/test_selection.py",),
    "models/foreign.py": ("models/test_foreign.py", "models/test_foreign_files.py", "stages/test_import_tuned.py"),
    "models/specs.py": ("models/test_specs.py", "models/test_zoo.py"),
}
"""By module of shgae/: its files of tests, in the order in which they run; the first failure ends a mutant."""
_BROUGHT = ("torch", "numpy", "safetensors.torch", "scipy.ndimage", "PIL.Image", "pycocotools.coco", "typer", "rich")
"""What the package stands on, loaded once: every child has it from its first moment."""
_OPPOSITES: dict[type[ast.AST], type[ast.AST]] = {
    one: other
    for pair in (
        *((ast.Eq, ast.NotEq), (ast.Lt, ast.LtE), (ast.Gt, ast.GtE), (ast.In, ast.NotIn), (ast.Is, ast.IsNot)),
        *((ast.And, ast.Or), (ast.Add, ast.Sub), (ast.Mult, ast.FloorDiv), (ast.Mod, ast.FloorDiv)),
        *((ast.BitOr, ast.BitAnd), (ast.LShift, ast.RShift)),
    )
    for one, other in (pair, pair[::-1])
}
_SHOWN = 60


class Mutant(NamedTuple):
    """A module with one place changed."""

    line: int
    change: str
    """``BEFORE -> AFTER``."""
    source: str
    """The whole module, without its comments."""


@dataclass
class Count:
    """What became of a module's mutants."""

    module: str
    made: int
    """How many there are."""
    tried: int = 0
    noticed: int = 0


def mutants(source: str) -> Iterator[Mutant]:
    """Every mutant of a module, in order of its nodes."""
    tree = ast.parse(source)
    for holder, key, node in list(_places(tree)):
        for changed in _changes(node):
            holder[key] = changed
            yield Mutant(
                node.lineno, f"{_shown(node)} -> {_shown(changed)}", ast.unparse(ast.fix_missing_locations(tree))
            )
        holder[key] = node


def _places(tree: ast.AST) -> Iterator[tuple[Any, Any, Any]]:
    """Where each node hangs: a list or an object's fields, the place in it, the node; without what is not changed."""
    for name, value in ast.iter_fields(tree):
        if name in ("annotation", "returns", "decorator_list"):
            continue
        inside = list(enumerate(value)) if isinstance(value, list) else [(name, value)]
        for key, node in inside:
            if not isinstance(node, ast.AST) or isinstance(node, ast.JoinedStr):
                continue
            if isinstance(node, ast.stmt | ast.expr):
                yield (value if isinstance(value, list) else vars(tree)), key, node
            if not isinstance(node, ast.Raise):
                yield from _places(node)


def _changes(node: ast.AST) -> Iterator[ast.AST]:
    def so(**fields: Any) -> ast.AST:
        changed = copy.copy(node)
        vars(changed).update(fields)
        return changed

    match node:
        case ast.Compare():
            for place, operator in enumerate(node.ops):
                other = _OPPOSITES[type(operator)]()
                yield so(ops=[*node.ops[:place], other, *node.ops[place + 1 :]])
        case ast.BoolOp():
            yield so(op=_OPPOSITES[type(node.op)]())
            for place in range(len(node.values)):
                left = [*node.values[:place], *node.values[place + 1 :]]
                yield so(values=left) if len(left) > 1 else left[0]
        case ast.UnaryOp(op=ast.Not()):
            yield node.operand
        case ast.BinOp() if type(node.op) in _OPPOSITES:
            yield so(op=_OPPOSITES[type(node.op)]())
        case ast.Constant(value=bool()):
            yield so(value=not node.value)
        case ast.Constant(value=int() | float() as number):
            yield so(value=number + 1)
        case ast.If() | ast.IfExp():
            yield from (so(test=ast.Constant(always)) for always in (True, False))
        case ast.Raise() | ast.Expr(value=ast.Call()) | ast.AugAssign() | ast.Continue() | ast.Break():
            yield ast.copy_location(ast.Pass(), node)
        case ast.Return(value=ast.expr()) if not (isinstance(node.value, ast.Constant) and node.value.value is None):
            yield so(value=ast.Constant(None))
    for place, loop in enumerate(getattr(node, "generators", ())):
        if loop.ifs:
            free = ast.comprehension(loop.target, loop.iter, [], 0)
            yield so(generators=[*node.generators[:place], free, *node.generators[place + 1 :]])  # type: ignore[attr-defined]


def _shown(node: ast.AST) -> str:
    text = ast.unparse(node).splitlines()[0]
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]} ..."


class _Run:
    """The tests of a module at work in a child process, on a tree of their own."""

    def __init__(self, module: str, source: str, limit: float) -> None:
        self.begun = time.monotonic()
        self._limit = limit
        self._home = tempfile.TemporaryDirectory(prefix="shgae-mutant-")
        tree = Path(self._home.name) / "tree"
        shutil.copytree(ROOT, tree, ignore=shutil.ignore_patterns(".*", "demo", "runs"))
        (tree / "shgae" / module).write_text(source)
        self.output = Path(self._home.name) / "output"
        sys.stdout.flush()
        self._process = os.fork()
        if not self._process:
            _test(tree, [f"tests/{name}" for name in TESTS[module]], self.output)

    def passed(self) -> bool | None:
        """Whether all tests passed; None while they run."""
        done, status = os.waitpid(self._process, os.WNOHANG)
        if not done and time.monotonic() - self.begun < self._limit:
            return None
        if not done:
            os.killpg(self._process, signal.SIGKILL)
            os.waitpid(self._process, 0)
        return bool(done) and os.waitstatus_to_exitcode(status) == 0

    def close(self) -> None:
        """Takes its tree away."""
        self._home.cleanup()


def _test(tree: Path, tests: Sequence[str], output: Path) -> NoReturn:
    """The whole life of a child process: 0 if all tests passed."""
    code = 1
    try:
        os.setsid()
        for stream in (1, 2):
            os.dup2(os.open(output, os.O_WRONLY | os.O_CREAT | os.O_APPEND), stream)
        for name in [name for name in sys.modules if name.partition(".")[0] in ("tests", "shgae")]:
            del sys.modules[name]
        os.chdir(tree)
        sys.path.insert(0, str(tree))
        os.environ["PYTHONPATH"] = str(tree)  # for the processes that tests start
        # The same examples for every mutant, and no time spent on making the one that fails small.
        phases = (Phase.explicit, Phase.generate)
        settings.register_profile("mutants", deadline=None, derandomize=True, database=None, phases=phases)
        options = ["-x", "--tb=line", "--hypothesis-profile=mutants", f"--basetemp={tree.parent / 'tests'}"]
        code = int(pytest.main([*options, "-p", "no:xdist", "-p", "no:cacheprovider", "-p", "no:benchmark", *tests]))
    finally:
        sys.stdout.flush()
        os._exit(code)


def _control(module: str) -> float:
    """Seconds that a module's tests take on the code as it is, without comments; ends the program if they fail."""
    run = _Run(module, ast.unparse(ast.parse((ROOT / "shgae" / module).read_text())), 600)
    while (passed := run.passed()) is None:
        time.sleep(0.02)
    seconds = time.monotonic() - run.begun
    if not passed:
        sys.exit(f"{run.output.read_text()}\nerror: the tests of {module} fail on the code as it is")
    run.close()
    return seconds


def _try(module: str, chosen: Sequence[Mutant], count: Count, jobs: int) -> None:
    """Runs the tests on each of these mutants, some at once, and prints the survivors."""
    limit = 10 * _control(module) + 20
    waiting, running = list(reversed(chosen)), list[tuple[Mutant, _Run]]()
    while waiting or running:
        while waiting and len(running) < jobs:
            mutant = waiting.pop()
            running.append((mutant, _Run(module, mutant.source, limit)))
        for mutant, run in running.copy():
            if (passed := run.passed()) is None:
                continue
            run.close()
            running.remove((mutant, run))
            count.tried += 1
            count.noticed += not passed
            if passed:
                _say(f"shgae/{module}:{mutant.line}: {mutant.change}")
        time.sleep(0.01)


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def table(counts: Sequence[Count], seed: int) -> str:
    """The counts as a Markdown table, and under it what was drawn."""
    total = Count("**all**", *(sum(getattr(one, name) for one in counts) for name in ("made", "tried", "noticed")))
    lines = ["| module of `shgae/` | mutants | tried | noticed | share |", "| --- | --- | --- | --- | --- |"]
    for one in (*counts, total):
        name = one.module if one is total else f"`{one.module}`"
        share = f"{100 * one.noticed / one.tried:.0f} %" if one.tried else "-"
        lines.append(f"| {name} | {one.made:,} | {one.tried} | {one.noticed} | {share} |")
    return "\n".join((*lines, "", f"Drawn with `--seed {seed}`."))


def main(words: Sequence[str] | None = None) -> None:
    """Tries a sample of mutants."""
    parser = argparse.ArgumentParser(prog="python -m tests.mutants", description="Do the tests notice?")
    parser.add_argument("modules", nargs="*", default=[*TESTS], help="all, if none is named", metavar="MODULE")
    parser.add_argument("--seed", type=int, default=2, help="of the draw")
    parser.add_argument("--per-module", type=int, default=20, help="how many mutants of each are tried")
    parser.add_argument("--jobs", type=int, default=2, help="how many at once")
    parser.add_argument("--page", type=Path, help="a text to put the table into")
    given = parser.parse_args(words)
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    for name in _BROUGHT:
        importlib.import_module(name)
    counts = []
    for module in given.modules:
        made = list(mutants((ROOT / "shgae" / module).read_text()))
        chosen = random.Random(f"{given.seed} {module}").sample(made, min(given.per_module, len(made)))
        counts.append(Count(module, len(made)))
        _try(module, sorted(chosen, key=lambda mutant: mutant.line), counts[-1], given.jobs)
        _say(f"{module}: {counts[-1].noticed} of {counts[-1].tried} noticed")
    _say(table(counts, given.seed))
    if given.page:
        given.page.write_text(put_into(given.page.read_text(), table(counts, given.seed), MARKS))


if __name__ == "__main__":
    main()
