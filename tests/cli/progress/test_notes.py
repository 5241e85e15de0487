from __future__ import annotations

import io

import pytest
from rich.console import Console

from shgae.cli.progress.lines import Lines
from shgae.cli.progress.screen import Screen

SAID = ("note: it is dark", "arm none, seed 2: note: it is dark", "epoch 1", "epoch 1", "note: it is cold")


@pytest.mark.parametrize("kind", ["lines", "screen"])
def test_a_note_of_several_steps_is_shown_once_and_every_other_line_each_time(kind: str) -> None:
    stream = io.StringIO()
    progress = Lines(stream) if kind == "lines" else Screen(Console(file=stream, force_terminal=True, width=80))
    for line in SAID:
        progress.note(line)
    assert stream.getvalue().split("\n") == ["note: it is dark", "epoch 1", "epoch 1", "note: it is cold", ""]
