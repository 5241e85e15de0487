"""A training whose terminal is closed saves and ends, as with SIGTERM."""

from __future__ import annotations

import os
import pty
import sys
from pathlib import Path

from shgae.artifacts.checkpoint import CHECKPOINT, load_checkpoint
from tests.end_to_end.conftest import TRAIN, Shell, environment

LONG = ("train", "made/data", "-o", "x", *TRAIN[:-1], "500")


def test_a_training_whose_terminal_is_closed_is_saved(shell: Shell) -> None:
    child, terminal = pty.fork()
    if child == 0:
        os.execve(sys.executable, [sys.executable, "-m", "shgae", *LONG], environment() | {"TERM": "xterm"})
    said = b""
    while b"epoch 1/500" not in said or b"train loss" not in said:
        said += os.read(terminal, 4096)
    os.close(terminal)
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == 143
    _, position = load_checkpoint(Path("x.partial") / CHECKPOINT)
    assert position.epoch >= 1
