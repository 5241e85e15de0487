from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pytest
import typer

from shgae.cli.app import main
from shgae.cli.command import Outcome, command
from shgae.execution import Execution
from shgae.recipes import TrainConfig

Body = Callable[[TrainConfig, Execution], Outcome]


@dataclass
class Probe:
    """A command with train's options, and an outcome or a body of the test's choice; remembers what it was given."""

    body: Body | None = None
    outcome: Outcome = Outcome({"done": True})
    config: TrainConfig | None = None
    execution: Execution | None = None

    def __call__(self, *arguments: str) -> int:
        """Runs ``shgae probe ARGUMENTS``."""
        return main(["probe", *arguments])


@pytest.fixture
def probe(monkeypatch: pytest.MonkeyPatch) -> Probe:
    """``shgae probe``, in an application of its own."""
    seen = Probe()

    @command("probe", example="shgae probe", running=("device", "workers", "resume", "force"))
    def run(config: TrainConfig, execution: Execution) -> Outcome:
        """Does what the test says."""
        seen.config, seen.execution = config, execution
        return seen.body(config, execution) if seen.body else seen.outcome

    app = typer.Typer(add_completion=False, rich_markup_mode=None)
    app.callback()(lambda: None)
    run.add_to(app)
    monkeypatch.setattr("shgae.cli.app.app", app)
    return seen


class Clock:
    """A clock that a test puts on."""

    now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()
