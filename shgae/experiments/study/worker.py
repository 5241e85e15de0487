"""A process that makes one part of a study: what to make comes as one line of JSON, what became of it goes as such.

Started by :mod:`shgae.experiments.study.jobs`. It ends, and saves, when standard input does.
"""

from __future__ import annotations

import errno
import json
import os
import signal
import sys
import threading
from contextlib import suppress
from pathlib import Path
from typing import Any

from shgae.artifacts.manifest import PLAN
from shgae.errors import ShgaeError
from shgae.evaluation.study_registration import STUDY_PLAN
from shgae.execution import Execution, Progress, StopFlag
from shgae.experiments.study import locks
from shgae.experiments.study.parts import Study
from shgae.recipes import StudyConfig

HOW = ("device", "deterministic", "workers", "compile", "cuda_graphs", "force")
"""What it is told of the execution."""
UNHEARD = 74
"""How it ends where there was no room for what became of the part."""


class _Notes(Progress):
    """Tells the lines that stay."""

    def note(self, text: str) -> None:
        with suppress(OSError):  # a full disk: the part is made without
            _say(note=text)


def main() -> int:
    """Makes the part, says what became of it, and returns the exit code."""
    code, became = _made()
    try:
        _say(**became)
    except OSError:
        return UNHEARD
    return code


def _made() -> tuple[int, dict[str, Any]]:
    asked = json.loads(sys.stdin.readline())
    stop = StopFlag()
    threading.Thread(target=_until_the_end, args=(stop,), daemon=True).start()
    with stop.listening():
        try:
            study = _study(asked)
            part = next(part for part in study.parts() if study.name_of(part) == asked["part"])
            execution = Execution(progress=_Notes(), stop=stop, **{key: asked[key] for key in HOW})
            with locks.held(study.output, asked["part"]) as mine:
                state = "busy" if not mine else "kept" if part.is_made(execution) else "made"
                if state == "made":
                    part.make(execution)
        except ShgaeError as error:
            said = {"what": error.what, "where": error.where, "why": error.why, "fix": error.fix}
            return error.exit_code, {"error": {"kind": type(error).__name__, **said}}
        except OSError as error:
            said = {"where": str(error.filename or ""), "why": error.strerror or str(error)}
            return 5, {"error": {"kind": "OSError", "number": error.errno or 0, **said}}
        except Exception as error:
            return 1, {"error": {"kind": "bug", "why": f"{type(error).__name__}: {error}"}}
    return 0, {"state": state}


def _study(asked: dict[str, Any]) -> Study:
    output = Path(asked["output"])
    return Study(
        model=Path(asked["model"]),
        data=Path(asked["data"]),
        output=output,
        config=StudyConfig(**asked["config"]),
        width=int(asked["width"]),
        stack=int(asked["stack"]),
        split=asked["split"],
        registered=STUDY_PLAN.read(output / PLAN),
    )


def _until_the_end(stop: StopFlag) -> None:
    while os.read(0, 1):  # not through sys.stdin: at the end of the process its lock would be held
        pass
    stop.signal_number = signal.SIGTERM


def _say(**what: Any) -> None:
    line = json.dumps({"shgae": "part", **what}).encode() + b"\n"
    sys.stdout.flush()
    if os.write(1, line) < len(line):  # not through sys.stdout, which would try once more at the end of the process
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


if __name__ == "__main__":
    raise SystemExit(main())
