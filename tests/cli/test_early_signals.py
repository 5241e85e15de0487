"""A signal before a command is at work: while the commands are imported, and while an error's line is written."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
WAITS_AT = """
import os, sys, time

class Waiting:
    def find_spec(self, name, path=None, target=None):
        if name == os.environ["WAITS_AT"]:
            sys.meta_path.remove(self)
            os.write(2, b"there\\n")
            time.sleep(30)

sys.meta_path.insert(0, Waiting())
"""
"""A module that Python imports before all others: it waits where another one would be imported."""
MODULES = ("shgae.cli", "typer", "shgae.cli.commands", "shgae.recipes", "shgae.cli.console")
"""From the first that is imported to one that is imported when the command line was read."""
MODULE, NAME = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["scripts"]["shgae"].split(":")
STARTS = {
    "python -m shgae": ["-m", "shgae"],
    "shgae": ["-c", f"import sys; from {MODULE} import {NAME}; sys.exit({NAME}())"],
}


def ended(start: str, words: list[str], at: str, number: int, folder: Path, first: str = WAITS_AT) -> tuple[int, str]:
    """The exit code of a command line that is signalled where it would import a module, and what it says after."""
    (folder / "sitecustomize.py").write_text(first)
    path = os.pathsep.join([str(folder), str(ROOT)])
    environment = {**os.environ, "PYTHONPATH": path, "WAITS_AT": at}
    command = [sys.executable, *STARTS[start], *words]
    with subprocess.Popen(command, stderr=subprocess.PIPE, env=environment, start_new_session=True) as process:
        assert process.stderr is not None
        assert process.stderr.readline() == b"there\n", at
        process.send_signal(number)
        said = process.stderr.read().decode()
        return process.wait(60), said


CASES = [("shgae", at, signal.SIGINT, 130) for at in MODULES]
CASES += [("shgae", "typer", signal.SIGTERM, 143), ("shgae", "typer", signal.SIGHUP, 143)]
CASES += [("python -m shgae", "typer", signal.SIGINT, 130)]


@pytest.mark.parametrize(("start", "at", "number", "code"), CASES)
def test_a_signal_while_modules_are_imported_ends_it_with_its_code_and_no_word(
    start: str, at: str, number: int, code: int, tmp_path: Path
) -> None:
    assert ended(start, ["info", "nothing"], at, number, tmp_path) == (code, "")


def test_an_interrupt_in_the_middle_of_an_errors_line_is_an_interrupt(tmp_path: Path) -> None:
    found = ended("shgae", ["info", "nothing"], "shgae.cli.device_faults", signal.SIGINT, tmp_path)
    assert found == (130, "")


def test_what_a_script_ignores_in_its_background_stays_ignored(tmp_path: Path) -> None:
    ignores = "import signal\nsignal.signal(signal.SIGHUP, signal.SIG_IGN)\n"
    first = ignores + WAITS_AT.replace("time.sleep(30)", "time.sleep(0.5)")
    assert ended("shgae", ["--version"], "typer", signal.SIGHUP, tmp_path, first) == (0, "")
