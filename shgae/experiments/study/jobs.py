"""``study --jobs N``: N parts side by side, each in a process of its own (:mod:`shgae.experiments.study.worker`).

With NVIDIA or AMD GPUs each process sees one of them; on CPUs each computes on one core, or on as many as
``OMP_NUM_THREADS`` says. So a part is computed in the same way whatever N is, and the report has the same bytes.
"""

from __future__ import annotations

import dataclasses
import json
import os
import signal
import subprocess
import tempfile
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

import torch

from shgae.errors import DiskError, Diverged, Interrupted, PeerLost, Refused, ShgaeError, shortened
from shgae.execution import PATIENCE, Execution, own_python, signal_name
from shgae.experiments.part import Part
from shgae.experiments.study import locks
from shgae.experiments.study.parts import Study
from shgae.experiments.study.work import Work
from shgae.experiments.study.worker import HOW, UNHEARD

_WORKER = ("-m", "shgae.experiments.study.worker")
_DEFER = 1.0
"""Seconds after which a part is tried again that another process is making."""
_ERRORS: Mapping[str, type[ShgaeError]] = {one.__name__: one for one in (Refused, Diverged, DiskError, PeerLost)}


@dataclass
class _Child:
    """A process that makes a part."""

    part: Part
    slot: int
    process: subprocess.Popen[bytes]
    said: IO[bytes]
    begun: float = field(default_factory=time.monotonic)

    def lines(self) -> tuple[list[dict[str, Any]], list[str]]:
        """What it said, a JSON object a line; and what libraries, or Python itself, printed."""
        self.said.seek(0)
        lines = [line for line in self.said.read().decode(errors="replace").splitlines() if line.strip()]
        own: list[dict[str, Any]] = []
        for line in filter(_is_own, lines):
            with suppress(ValueError):  # a full disk cut it
                own.append(json.loads(line))
        return own, [line for line in lines if not _is_own(line)]


def _is_own(line: str) -> bool:
    return line.startswith('{"shgae": ')


def side_by_side(work: Work, jobs: int) -> None:
    """Makes everything that is left, ``jobs`` parts at once.

    A part that fails, or that is killed, takes nothing with it but what is made from it: the others go on, then the
    first failure is raised.

    Raises:
        Refused, Diverged, DiskError: as the part.
        PeerLost: the process of a part was killed.
        Interrupted: a signal came; it went on to all processes, which saved what they had.
    """
    running: list[_Child] = []
    failed: dict[Path, Exception] = {}
    later: dict[Path, float] = {}
    try:
        while True:
            _stop(work, running)
            for part in work.ready():
                is_taken = part.path in failed or any(child.part is part for child in running)
                if is_taken or len(running) == jobs or later.get(part.path, 0.0) > time.monotonic():
                    continue
                if locks.is_held(work.study.output, work.study.name_of(part)):
                    later[part.path] = time.monotonic() + _DEFER
                    if not running:
                        work.says_waiting()
                else:
                    slot = min(set(range(jobs)) - {child.slot for child in running})
                    running.append(_start(work.study, part, slot, work.execution))
                    work.begins(part, jobs, len(running))
            if not running and all(part.path in failed for part in work.ready()):
                break
            for child in [child for child in running if child.process.poll() is not None]:
                running.remove(child)
                _end(work, child, failed, later)
            time.sleep(locks.PAUSE / 4)
    finally:
        _wait(running)
    if failed:
        raise next(iter(failed.values()))


def _stop(work: Work, running: list[_Child]) -> None:
    number = work.execution.stop.signal_number
    if number is None:
        return
    for child in running:
        child.process.send_signal(number)
    raise Interrupted(number, work.study.output, "the same command again")


def _wait(running: list[_Child]) -> None:
    """Lets processes save and end, whatever ended us, a KeyboardInterrupt say: they notice that their input ended."""
    try:
        for child in running:
            assert child.process.stdin is not None
            child.process.stdin.close()
            child.process.send_signal(signal.SIGCONT)  # one that was stopped would not notice
        until = time.monotonic() + PATIENCE
        for child in running:
            with suppress(subprocess.TimeoutExpired):
                child.process.wait(max(until - time.monotonic(), 0))
    finally:
        for child in running:
            child.process.kill()
            child.said.close()


def _start(study: Study, part: Part, slot: int, execution: Execution) -> _Child:
    asked = {
        "model": str(study.model),
        "data": str(study.data),
        "output": str(study.output),
        "config": dataclasses.asdict(study.config),
        "width": study.width,
        "stack": study.stack,
        "split": study.split,
        "part": study.name_of(part),
        **{key: getattr(execution, key) for key in HOW},
    }
    said = tempfile.TemporaryFile(prefix="shgae-")  # noqa: SIM115
    command, environment = own_python(*_WORKER)
    process = subprocess.Popen(
        args=command,
        env=environment | _place(slot, execution.device),
        stdin=subprocess.PIPE,  # ends when we do: it notices
        stdout=said,
        stderr=subprocess.STDOUT,
        start_new_session=True,  # a Ctrl-C comes once, through us
    )
    assert process.stdin is not None
    process.stdin.write(json.dumps(asked).encode() + b"\n")
    process.stdin.flush()
    return _Child(part, slot, process, said)


def _place(slot: int, device: str) -> dict[str, str]:
    own = {"OMP_NUM_THREADS": os.environ.get("OMP_NUM_THREADS", "1")}
    if device in ("auto", "cuda") and (count := torch.cuda.device_count()):
        visible = os.environ.get("CUDA_VISIBLE_DEVICES") or ",".join(map(str, range(count)))
        own["CUDA_VISIBLE_DEVICES"] = visible.split(",")[slot % count]
    return own


def _end(work: Work, child: _Child, failed: dict[Path, Exception], later: dict[Path, float]) -> None:
    """What became of a part."""
    part, code = child.part, child.process.returncode
    with child.said:
        lines, printed = child.lines()
    if child.process.stdin is not None:
        child.process.stdin.close()
    for line in lines:
        if "note" in line:
            work.execution.progress.note(f"{part.title}: {line['note']}")
    state = next((line["state"] for line in reversed(lines) if "state" in line), None)
    if code == 0 and state == "busy":
        later[part.path] = time.monotonic() + _DEFER
    elif code == 0 and state is not None:
        work.ends(part, time.monotonic() - child.begun if state == "made" else None)
    else:
        failed[part.path] = error = _failure(part, code, lines, printed)
        why = f"{error.strerror} in {error.filename or 'a file'}" if isinstance(error, OSError) else error
        work.execution.progress.note(f"failed: {part.title}: {why}")


def _failure(part: Part, code: int, lines: list[dict[str, Any]], printed: list[str]) -> Exception:
    if code == UNHEARD:
        why, fix = "no room for what the process of a part says", "make room there, then the same command again"
        return DiskError("temporary files", tempfile.gettempdir(), why, f"{fix}; or another folder as TMPDIR")
    error = next((line["error"] for line in reversed(lines) if "error" in line), None)
    if error is None or error["kind"] == "Interrupted":
        name = f"by {signal_name(-code)}" if code < 0 else f"with exit code {code}"
        last = f" and said last: {shortened(printed[-1])}" if printed else ""
        why = f"the process that made it ended {name}{last}" if error is None else "its process was asked to stop"
        fix = "the same command again, which keeps the other parts; if memory ran out, fewer --jobs"
        return PeerLost("part", part.title, why, fix)
    if error["kind"] in _ERRORS:
        return _ERRORS[error["kind"]](error["what"], error["where"], error["why"], error["fix"])
    if error["kind"] == "OSError":
        return OSError(error["number"], error["why"], error["where"])
    return RuntimeError(f"{part.title}: {error['why']}")
