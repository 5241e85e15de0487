"""A disk that is full, or fails, at any call of any step: exit 5 and one line, and nothing that was whole is harmed."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from shgae.artifacts.folders import partial_of
from tests.end_to_end.conftest import snapshot
from tests.faults.conftest import MAKES, RESUMABLE, STEPS, Ended, ProcessGroup, Result, Server, again, worth_trying
from tests.faults.disk import Fault
from tests.promises import Kept

ENDS = "A step whose disk is full or fails ends with exit 5 and one line; done again, it gives the same bits"
UNHARMED = (
    "A step whose disk is full or fails harms nothing that was there, and leaves no temporary file behind its next run"
)
WORDS = {"full": "No space left on device", "io": "Input/output error", "limit": "File too large"}
SOME = (("graft", "full"), ("train", "full"), ("prepare", "io"))


def numbers(world: ProcessGroup, step: str, how: str) -> list[int]:
    """Numbers of the calls that can fail so: a full disk is not met by reading; of equal readings the last counts."""
    calls = list(enumerate(world.calls[step]))
    if how == "full":
        return [number for number, call in calls if call.kind in ("create", "write", "mkdir", "fsync")]
    last = {call.point: number for number, call in calls}
    return [number for number, call in calls if call.kind != "read" or last[call.point] == number]


def check(server: Server, world: ProcessGroup, here: Path, step: str, output: str, ended: Ended, words: str) -> None:
    """Whether a step that met a failing disk said so, and gives what it would have given when it is done again."""
    met = ended.calls[-1] if ended.calls else "the limit"
    if ended.code:  # a failure while it cleans up behind itself is no failure of the step
        assert (ended.code, ended.out) == (5, ""), f"{met}: {ended.err}"
        assert words in ended.line(), met
    if not (here / output).exists():
        done = again(server, here, step, output)
        assert done.code == 0, f"{met}: {done.err}"
    assert Result.of(here / output) == world.result(step), met
    assert not partial_of(here / output).exists(), met
    left = {path.name for path in here.rglob("*") if path.name.endswith(".tmp") or ".old-" in path.name}
    assert not left, met


def fail_at(server: Server, world: ProcessGroup, here: Path, step: str, how: str, points: list[int]) -> None:
    """Lets each of these calls fail, one run after another."""
    before = snapshot(here / "made", here / "drawn")
    for number in points:
        output = f"failed-{number}"
        ended = server.run(here, f"{STEPS[step]} -o {output}", Fault(how, number))
        check(server, world, here, step, output, ended, WORDS[how])
        shutil.rmtree(here / output)
    assert snapshot(here / "made", here / "drawn") == before
    assert {path.name for path in here.iterdir()} == {"made", "drawn"}


@pytest.mark.parametrize(("step", "how"), SOME)
def test_the_last_writes_and_the_last_call_of_a_step_may_fail(
    server: Server, world: ProcessGroup, tmp_path: Path, step: str, how: str
) -> None:
    points = numbers(world, step, how)
    fail_at(server, world, world.copy(tmp_path / "here"), step, how, [points[len(points) // 2], points[-1]])


@pytest.mark.torture
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("how", ["full", "io"])
@pytest.mark.parametrize("step", STEPS)
def test_every_call_of_a_step_may_fail(
    server: Server, world: ProcessGroup, tmp_path: Path, kept: Kept, step: str, how: str
) -> None:
    points = worth_trying(step, world.calls[step], numbers(world, step, how))
    fail_at(server, world, world.copy(tmp_path / "here"), step, how, points)
    for promise in (ENDS, UNHARMED):
        kept(promise, len(points), {"full": "calls without room", "io": "calls that fail (EIO)"}[how])


@pytest.mark.parametrize(
    "step", [pytest.param(step, marks=[] if step == "graft" else pytest.mark.torture) for step in STEPS]
)
def test_the_system_itself_refuses_to_write_more(
    server: Server, world: ProcessGroup, tmp_path: Path, kept: Kept, step: str
) -> None:
    here = world.copy(tmp_path / "here")
    made = world.folder / "made" / MAKES[step]
    largest = max(path.stat().st_size for path in made.rglob("*.safetensors"))
    limits = (600, largest // 2, largest - 1)
    for limit in limits:
        output = f"limited-{limit}"
        ended = server.run(here, f"{STEPS[step]} -o {output}", most_bytes_a_file=limit)
        assert ended.code == 5
        check(server, world, here, step, output, ended, WORDS["limit"])
    kept(ENDS, len(limits), "files that the system cut (RLIMIT_FSIZE)")


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of its own, of 64 kB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    if os.geteuid() or mount("-t", "tmpfs", "-o", "size=64k", "tmpfs", folder):
        pytest.skip("no disk may be mounted here")
    yield folder
    subprocess.run(["umount", folder], timeout=60, check=True)


def mount(*words: object) -> int:
    """The exit code of mount."""
    command = ["mount", *(str(word) for word in words)]
    return subprocess.run(command, capture_output=True, timeout=60).returncode


@pytest.mark.torture
@pytest.mark.parametrize("step", [step for step in RESUMABLE if step != "extract"])
def test_a_disk_that_is_really_full_loses_nothing(
    server: Server, world: ProcessGroup, tmp_path: Path, small_disk: Path, kept: Kept, step: str
) -> None:
    here = world.copy(tmp_path / "here")
    words = STEPS[step].replace("made/", f"{here}/made/")
    for pages in (1, 2, 3, 5, 7):
        assert mount("-o", f"remount,size={4096 * pages}", small_disk) == 0
        ended = server.run(small_disk, f"{words} -o {pages}", roomy=True)
        assert ended.code == 5
        assert WORDS["full"] in ended.line()
        assert mount("-o", "remount,size=8m", small_disk) == 0
        resumed = " --resume" if (small_disk / f"{pages}.partial" / ".intent.json").is_file() else ""
        assert server.run(small_disk, f"{words} -o {pages}{resumed}", roomy=True).code == 0
        made = Result.of(small_disk / str(pages))
        assert (made.id, made.files) == (world.result(step).id, world.result(step).files)
        shutil.rmtree(small_disk / str(pages))
        assert not list(small_disk.iterdir())
    kept(ENDS, 5, "disks that were really full")
