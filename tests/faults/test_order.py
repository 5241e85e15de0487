"""What is written is durable before it is believed: the order of calls, and the modes of what they make."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path, PurePosixPath

import pytest

from shgae.artifacts.checkpoint import HISTORY
from tests.faults.conftest import MAKES, STEPS, ProcessGroup, Server
from tests.faults.disk import Call
from tests.promises import Kept

HIDDEN = (".lock", ".intent.json")
"""What marks a folder as unfinished, and is taken away when it is whole."""
MODES = "Files and folders have the modes that the umask asks for"


class PowerCut:
    """What would be lost if the power went: files and folders with changes that no fsync has made durable."""

    def __init__(self) -> None:
        self.files: set[str] = set()
        self.folders: set[str] = set()

    def follow(self, call: Call) -> None:
        """One call; fails where something takes its place, or its final name, before it is durable."""
        here, above = call.path, str(PurePosixPath(call.path).parent)
        if call.kind in ("create", "write"):
            self.files.add(here)
            if call.kind == "create":
                self.folders.add(above)
        elif call.kind == "mkdir":
            self.folders.add(above)
        elif call.kind == "fsync":
            self.files.discard(here)
            self.folders.discard(here)
        elif call.kind == "unlink":
            self.files.discard(here)
        elif call.kind == "rename":
            within = [one for one in self.files | self.folders if one == here or one.startswith(f"{here}/")]
            lost = [one for one in within if not one.endswith(HIDDEN)]
            assert not lost, f"{here} takes the place of {call.target} before {lost} is durable"
            self.files -= set(within)
            self.folders |= {above, str(PurePosixPath(call.target).parent)}


def follow(calls: Sequence[Call]) -> PowerCut:
    """All calls of a step."""
    cut = PowerCut()
    for call in calls:
        cut.follow(call)
    return cut


@pytest.mark.parametrize("step", STEPS)
def test_nothing_takes_its_place_before_it_is_durable_and_the_place_is_durable_at_the_end(
    world: ProcessGroup, step: str
) -> None:
    calls = [call for call in world.calls[step] if call.path.startswith(f"made/{MAKES[step]}") or call.path == "made"]
    cut = follow(calls)
    written = {PurePosixPath(call.path).name for call in calls if call.kind == "create"}
    assert {name for name in written if not name.startswith(".")} <= {HISTORY}, "files grow beside their place"
    assert not cut.files
    assert "made" not in cut.folders
    renames = [call for call in calls if call.kind == "rename"]
    assert (renames[-1].path, renames[-1].target) == (f"made/{MAKES[step]}.partial", f"made/{MAKES[step]}")
    assert renames[-2].target.endswith("/manifest.json"), "the manifest comes last"
    for number, call in enumerate(calls):
        if call.kind == "rename":
            after = next(one for one in calls[number + 1 :] if one.kind != "read")
            assert (after.kind, after.path) == ("fsync", str(PurePosixPath(call.target).parent))


def test_a_missing_fsync_would_be_seen(world: ProcessGroup) -> None:
    calls = [call for call in world.calls["train"] if call.path.startswith("made/baseline")]
    syncs = [number for number, call in enumerate(calls) if call.kind == "fsync" and call.path.endswith(".tmp")]
    for number in syncs:
        with pytest.raises(AssertionError, match="before"):
            follow([*calls[:number], *calls[number + 1 :]])


@pytest.mark.torture
@pytest.mark.parametrize("mask", [0o022, 0o077])
def test_what_a_step_makes_has_the_modes_that_the_umask_asks_for(
    server: Server, world: ProcessGroup, tmp_path: Path, kept: Kept, mask: int
) -> None:
    here, looked = world.copy(tmp_path / "here"), 0
    for step, words in STEPS.items():
        assert server.run(here, f"{words} -o {step}", umask=mask).code == 0
        for path in (here / step, *(here / step).rglob("*")):
            wanted = (0o777 if path.is_dir() else 0o666) & ~mask
            assert path.stat().st_mode & 0o777 == wanted, path
            looked += 1
    kept(MODES, looked, "files and folders")
