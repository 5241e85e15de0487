"""SIGKILL, at any moment of any step: what is there is whole, and the step done again gives the same bits."""

from __future__ import annotations

import random
import signal
from collections.abc import Sequence
from pathlib import Path

import pytest

from shgae.artifacts.checkpoint import CHECKPOINT, load_checkpoint
from shgae.artifacts.folders import partial_of
from tests.faults.conftest import RESUMABLE, STEPS, ProcessGroup, Result, Server, again, worth_trying
from tests.faults.disk import Call, Fault
from tests.promises import Kept

SAME = "A step that is killed (SIGKILL) at any moment and done again, or resumed, in a new process gives the same bits"
SAVED = "From the first checkpoint on, a whole one is on the disk at every moment"
SOME = ("train", "extract", "graft")
"""Steps that every run of the tests kills."""


def changing(calls: Sequence[Call]) -> list[int]:
    """Numbers of the calls that change something on the disk."""
    return [number for number, call in enumerate(calls) if call.kind != "read"]


def check_saved(here: Path, output: str, calls: Sequence[Call]) -> int:
    """Whether a checkpoint is whole, if one was ever put in place; 1 if so."""
    if not any(call.kind == "rename" and call.target.endswith(f"/{CHECKPOINT}") for call in calls[:-1]):
        return 0
    folder = here / output if (here / output).is_dir() else partial_of(here / output)
    arrays, position = load_checkpoint(folder / CHECKPOINT)
    assert arrays and position.epoch + position.step > 0
    return 1


def killed_at(server: Server, world: ProcessGroup, here: Path, step: str, number: int) -> int:
    """Kills a step at one call, does it again and compares; returns how many checkpoints were looked at."""
    output = f"killed-{number}"
    ended = server.run(here, f"{STEPS[step]} -o {output}", Fault("kill", number))
    assert ended.code == -signal.SIGKILL
    looked = check_saved(here, output, ended.calls)
    if not (here / output).exists():
        done = again(server, here, step, output)
        assert done.code == 0, f"killed at {ended.calls[-1]}: {done.err}"
    assert Result.of(here / output) == world.result(step), f"killed at {ended.calls[-1]}"
    left = {path.name for path in here.iterdir() if not path.name.startswith("killed-")} - {"drawn", "made"}
    left |= {path.name for path in (here / output).rglob("*.tmp")}
    assert not left and not partial_of(here / output).exists(), f"killed at {ended.calls[-1]}"
    return looked


@pytest.mark.parametrize("step", SOME)
def test_killed_in_the_middle_of_a_write_and_before_a_rename_it_is_done_again(
    server: Server, world: ProcessGroup, tmp_path: Path, step: str
) -> None:
    here, calls = world.copy(tmp_path / "here"), world.calls[step]
    saves = [n for n, call in enumerate(calls) if call.kind == "write" and ".safetensors" in call.path]
    renames = [n for n, call in enumerate(calls) if call.kind == "rename"]
    for number in (saves[-1], renames[-1]):
        killed_at(server, world, here, step, number)


@pytest.mark.torture
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("step", STEPS)
def test_killed_at_every_call_to_the_disk_the_step_done_again_gives_the_same_bits(
    server: Server, world: ProcessGroup, tmp_path: Path, kept: Kept, step: str
) -> None:
    here, calls = world.copy(tmp_path / "here"), world.calls[step]
    points = worth_trying(step, calls, changing(calls))
    looked = sum(killed_at(server, world, here, step, number) for number in points)
    kept(SAME, len(points), "kills at a call to the disk")
    if looked:
        kept(SAVED, looked, "kills")


@pytest.mark.torture
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("step", STEPS)
def test_killed_again_and_again_at_random_times_the_step_gives_the_same_bits(
    server: Server, world: ProcessGroup, tmp_path: Path, kept: Kept, step: str
) -> None:
    here, draw = world.copy(tmp_path / "here"), random.Random(step)
    kills, run, looked = 0, 0, 0
    while kills < KILLS_A_STEP:
        output, words = f"run-{run}", STEPS[step]
        for _ in range(MOST_TRIES):
            after = draw.uniform(0, 1.1 * world.seconds[step])
            ended = server.run(here, f"{words} -o {output}", kill_after=after, save_every_step=True)
            kills += ended.killed
            if ended.killed and (here / output).exists() or ended.code == 0:
                break
            assert ended.killed, ended.err
            looked += check_saved(here, output, ended.calls)
            goes_on = step in RESUMABLE and (partial_of(here / output) / ".intent.json").is_file()
            words = STEPS[step] + (" --resume" if goes_on else "")
        else:
            assert again(server, here, step, output).code == 0
        assert Result.of(here / output) == world.result(step)
        run += 1
    kept(SAME, kills, "kills at a random time")
    if looked:
        kept(SAVED, looked, "kills")


KILLS_A_STEP, MOST_TRIES = 12, 6
