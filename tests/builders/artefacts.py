"""Small artefacts, and a disk whose every call can be written down, fail or be the last."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from shgae.artifacts.draft import Draft, new_artifact
from shgae.artifacts.folders import partial_of
from shgae.artifacts.store import Artifact
from shgae.execution import Execution

FILES = ("history.jsonl", "train/y.safetensors", "x.safetensors")
"""Of every artefact that :func:`make` makes."""
FORCE, RESUME = Execution(force=True), Execution(resume=True)
_CALLS = ("fsync", "replace", "rename", "unlink", "rmdir", "mkdir")


def make(
    target: Path,
    kind: str = "data",
    value: int = 0,
    *,
    parents: Mapping[str, Artifact] | None = None,
    execution: Execution | None = None,
    resumable: bool = False,
) -> Artifact:
    """A small artefact: one tensor file at the top, one in a folder, and a table of times."""
    with new_artifact(
        target,
        kind=kind,
        config={"seed": value},
        parents=parents or {},
        execution=execution or Execution(),
        resumable=resumable,
    ) as made:
        return fill(made, value)


def fill(made: Draft, value: int) -> Artifact:
    """Writes the files of :func:`make` and commits."""
    made.write_tensors("x.safetensors", {"x": np.full(3, value, np.float32)})
    made.write_tensors("train/y.safetensors", {"y": np.arange(4) + value})
    made.write_json("history.jsonl", {"seconds": value})
    return made.commit({"rows": 3}, volatile=("history.jsonl",))


def everything(folder: Path) -> dict[str, bytes]:
    """Content of every file below a folder, hidden ones too."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


def put(path: Path, content: bytes) -> Path:
    """Writes a file anew; some file systems flush one that is overwritten, which makes hundreds slow."""
    path.unlink(missing_ok=True)
    path.write_bytes(content)
    return path


def replace_by_folder(path: Path) -> None:
    """Puts a folder in the place of a file."""
    path.unlink()
    path.mkdir()


class Killed(BaseException):
    """Stands for SIGKILL: from here on the process does nothing more to the disk."""


class Disk:
    """Counts the calls that change a disk; one of them can fail, or be the one before which the process dies."""

    def __init__(self) -> None:
        self.calls: list[tuple[Any, ...]] = []
        self.fails_at: int | None = None
        self.dies_at: int | None = None

    def meet(self, call: tuple[Any, ...]) -> None:
        """Writes a call down, or ends it."""
        number = len(self.calls)
        self.calls.append(call)
        if self.dies_at is not None and number >= self.dies_at:
            raise Killed
        if number == self.fails_at:
            raise OSError(errno.ENOSPC, "No space left on device")


@contextmanager
def recorded(*, fails_at: int | None = None, dies_at: int | None = None) -> Iterator[Disk]:
    """The disk calls of a block; one of them may fail, or be the last."""
    disk = Disk()
    disk.fails_at, disk.dies_at = fails_at, dies_at
    with pytest.MonkeyPatch.context() as patch:
        for name in _CALLS:
            patch.setattr(os, name, _watched(disk, name, getattr(os, name)))
        yield disk


def _watched(disk: Disk, name: str, real: Callable[..., Any]) -> Callable[..., Any]:
    def watched(*args: Any, **options: Any) -> Any:
        if name == "mkdir" and Path(args[0]).is_dir():
            return real(*args, **options)  # filelock asks for its folder again, which changes nothing
        if name == "fsync":
            path = Path(f"/proc/self/fd/{args[0]}").readlink()
            disk.meet((name, path.name, None if path.is_dir() else path.stat().st_size))
        else:
            disk.meet((name, *(Path(os.fsdecode(path)).name for path in args[:2] if not isinstance(path, int))))
        return real(*args, **options)

    return watched


def interrupted(target: Path, value: int = 0, kind: str = "hourglass") -> Path:
    """What a resumable step leaves when it ends early; its one file tells which step it was."""
    with (
        pytest.raises(KeyboardInterrupt),
        new_artifact(
            target, kind=kind, config={"seed": value}, parents={}, execution=Execution(), resumable=True
        ) as made,
    ):
        made.write_json("half.json", {"of": value})
        raise KeyboardInterrupt
    return partial_of(target)
