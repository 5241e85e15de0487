"""Command lines in processes of their own that are killed, or whose disk fails, and what they leave."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import pytest

from shgae.artifacts.checkpoint import HISTORY
from shgae.artifacts.folders import partial_of
from shgae.artifacts.lineage import verify
from shgae.artifacts.store import open_artifact
from shgae.artifacts.tables import read_rows
from shgae.data.synthetic import SyntheticConfig, draw_dataset
from tests.end_to_end.conftest import ROOT, environment, one_line
from tests.faults.disk import Call, Fault, read_log

PAIR = "drawn/{0}/person_keypoints.json drawn/{0}/photos"
TINY = "--precision fp32 --epochs 2 --batch-size 2 --limit 4"
STEPS = {
    "prepare": f"prepare --train {PAIR.format('train')} --val {PAIR.format('val')} --crop-size 128 --limit 6",
    "train": f"train made/data {TINY} --width 4 --residual newell",
    "extract": "extract made/baseline made/data --precision fp32 --batch-size 2",
    "pretrain-ae": f"pretrain-ae made/activations {TINY} --code-size 3",
    "graft": "graft made/baseline made/autoencoder",
    "finetune": f"finetune made/grafted made/data {TINY}",
}
"""Every step of the chain, on a network of four channels."""
MAKES = dict(zip(STEPS, ("data", "baseline", "activations", "autoencoder", "grafted", "finetuned"), strict=True))
RESUMABLE = ("train", "extract", "pretrain-ae", "finetune")


@dataclass(frozen=True)
class Ended:
    """How a process ended."""

    code: int
    """Its exit code; -9 when it was killed."""
    out: str
    err: str
    calls: list[Call]
    """What it did to the disk, to its end."""
    killed: bool
    """Whether it was killed from without."""
    peak: int
    """Bytes of memory at most, without mapped files; 0 when it was killed."""

    def line(self) -> str:
        """The one line on standard error."""
        return one_line(self.err)


class Server:
    """Runs command lines, each in a new process."""

    def __init__(self, scratch: Path) -> None:
        self._scratch = scratch
        command = [sys.executable, "-m", "tests.faults.server"]
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment(), cwd=ROOT
        )

    def run(
        self,
        here: Path,
        words: str,
        fault: Fault = Fault(),  # noqa: B008
        *,
        kill_after: float | None = None,
        most_bytes_a_file: int | None = None,
        offline: bool = False,
        roomy: bool = False,
        save_every_step: bool = False,
        umask: int | None = None,
    ) -> Ended:
        """Runs ``shgae WORDS`` in a folder, with a fault of the disk below it, or killed after so many seconds.

        ``roomy`` makes it believe that there is room on the disk, so that it finds out by writing.
        """
        request: dict[str, Any] = {
            "words": [*words.split(), "--quiet"],
            "here": str(here),
            "scratch": str(self._scratch),
            "fault": [fault.how, fault.at],
            "kill_after": kill_after,
            "most_bytes_a_file": most_bytes_a_file,
            "offline": offline,
            "roomy": roomy,
            "save_every_step": save_every_step,
            "umask": umask,
            "timeout": 120,
        }
        self._stream(self._process.stdin).write(json.dumps(request) + "\n")
        self._stream(self._process.stdin).flush()
        answer = json.loads(self._stream(self._process.stdout).readline())
        assert not answer["timed_out"], words
        out, err = ((self._scratch / name).read_text() for name in ("out", "err"))
        calls = read_log(self._scratch / "log")
        peak = self._scratch / "peak"
        most = int(peak.read_text()) if peak.is_file() else 0
        peak.unlink(missing_ok=True)
        return Ended(answer["code"], out, err, calls, answer["killed"], most)

    def close(self) -> None:
        """Ends it."""
        self._process.kill()
        self._process.communicate(timeout=60)

    def _stream(self, stream: IO[str] | None) -> IO[str]:
        assert stream is not None
        return stream


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A process that has the program loaded, for all tests."""
    made = Server(tmp_path_factory.mktemp("server"))
    yield made
    made.close()


@dataclass(frozen=True)
class ProcessGroup:
    """The chain that was never disturbed."""

    folder: Path
    """``drawn/`` holds photos and JSON, ``made/`` the artefacts."""
    calls: dict[str, list[Call]]
    """What each step does to the disk."""
    seconds: dict[str, float]
    """How long each step takes."""

    def copy(self, to: Path) -> Path:
        """A folder with the same inputs, where steps may do what they like."""
        to.mkdir(exist_ok=True)
        for name in ("drawn", "made"):
            shutil.copytree(self.folder / name, to / name)
        return to

    def result(self, step: str) -> Result:
        """What the step gives."""
        return Result.of(self.folder / "made" / MAKES[step])


@dataclass(frozen=True)
class Result:
    """What must not depend on accidents: everything but times and the command line."""

    id: str
    files: dict[str, str]
    """Hashes, but for files that hold times."""
    history: list[dict[str, Any]]
    """Of a training, without times."""

    @classmethod
    def of(cls, folder: Path) -> Result:
        """Reads a complete artefact and verifies it, and its parents."""
        artifact = open_artifact(folder)
        assert not verify(artifact).missing
        files = {name: entry.sha256 for name, entry in artifact.manifest.files.items() if not entry.volatile}
        rows = list(read_rows(folder / HISTORY)) if (folder / HISTORY).is_file() else []
        return cls(artifact.id, files, [{k: v for k, v in row.items() if k != "seconds"} for row in rows])


def again(server: Server, here: Path, step: str, output: str) -> Ended:
    """What a user types next; of a step that was complete already nothing is left to do."""
    goes_on = step in RESUMABLE and (partial_of(here / output) / ".intent.json").is_file()
    return server.run(here, f"{STEPS[step]} -o {output}{' --resume' if goes_on else ''}")


def worth_trying(step: str, calls: Sequence[Call], numbers: Sequence[int]) -> list[int]:
    """These calls; of finetune, whose loop is that of train, the last of each name: every kind on every file."""
    if step != "finetune":
        return list(numbers)
    last = {calls[number].point: number for number in numbers}
    return sorted(last.values())


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory, server: Server) -> ProcessGroup:
    """Every step once, undisturbed."""
    folder = tmp_path_factory.mktemp("undisturbed")
    for split, photos in (("train", 5), ("val", 3)):
        config = SyntheticConfig(photos=photos, seed=photos, most_people=2)
        draw_dataset(folder / "drawn" / split, config)
    (folder / "made").mkdir()
    calls, seconds = {}, {}
    for step, words in STEPS.items():
        begun = time.monotonic()
        ended = server.run(folder, f"{words} -o made/{MAKES[step]}")
        assert ended.code == 0, ended.err
        calls[step], seconds[step] = ended.calls, time.monotonic() - begun
    return ProcessGroup(folder, calls, seconds)
