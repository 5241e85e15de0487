"""A short trial of a training that was done before, repeated in a process of its own and stopped at will.

``python -m shgae.experiments.resume.trial`` is the whole life of such a process: it reads a :class:`Trial` as JSON,
trains, and ends with 0, or with 143 when it was to stop after a step and did.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from shgae.artifacts.folders import unfinished
from shgae.artifacts.lineage import ancestors_of
from shgae.artifacts.manifest import Parent
from shgae.artifacts.run_log import read_origin
from shgae.artifacts.store import open_artifact
from shgae.config import from_stored, within
from shgae.errors import DiskError, Diverged, Interrupted, Refused, ShgaeError
from shgae.execution import STEPS, Execution, Progress, StopFlag, own_python
from shgae.recipes import AutoencoderConfig, FinetuneConfig, FitConfig, TrainConfig
from shgae.stages import finetune, pretrain_ae, train

STOPPED = 128 + signal.SIGTERM
_EPOCHS = 3


class _Training(NamedTuple):
    """One of the trainings."""

    roles: tuple[str, ...]
    """Its parents, in the order of its arguments."""
    config: type[FitConfig]
    run: Callable[..., Any]


_TRAININGS: Mapping[str, _Training] = {
    "train": _Training(("data",), TrainConfig, train.run),
    "finetune": _Training(("model", "data"), FinetuneConfig, finetune.run),
    "pretrain-ae": _Training(("activations",), AutoencoderConfig, pretrain_ae.run),
}


@dataclass(frozen=True)
class Trial:
    """What is trained, from what and how; plain JSON."""

    command: str
    """train, finetune or pretrain-ae."""
    inputs: list[str]
    """The folders of its parents, in the order of its arguments."""
    config: dict[str, Any]
    device: str
    deterministic: Any
    workers: int

    def train(self, output: Path, *, steps: int | None, resume: bool) -> None:
        """Trains here, in this process: to the end, or so many steps (then :class:`Interrupted` says so)."""
        stop = StopFlag()
        how = Execution(
            device=self.device,
            deterministic=self.deterministic,
            workers=self.workers,
            resume=resume,
            progress=Progress() if steps is None else StopAfter(steps, stop),
            stop=stop,
        )
        training = _TRAININGS[self.command]
        training.run(*map(Path, self.inputs), output, training.config(**self.config), how)


class StopAfter(Progress):
    """Asks a training to stop after so many steps."""

    def __init__(self, steps: int, stop: StopFlag) -> None:
        self._left, self._stop, self._trains = steps, stop, False

    def start(self, what: str, total: int, unit: str, done: int = 0) -> None:  # noqa: ARG002
        """See :class:`~shgae.execution.Progress`; validation is not a step."""
        self._trains = what.startswith("epoch ")

    def advance(self, amount: int = 1, facts: str = "") -> None:  # noqa: ARG002
        self._left -= self._trains
        if self._trains and self._left == 0:
            self._stop.signal_number = signal.SIGTERM

    def finish(self) -> None:
        self._trains = False


def trial_of(path: Path, steps: int, execution: Execution) -> Trial:
    """A trial of about so many steps, over up to three epochs, of a finished or interrupted training.

    Raises:
        Refused: it is not a training of ours, or one of its parents is not there any more.
    """
    within(STEPS, "steps", steps)
    begun = unfinished(path)
    if begun:
        folder, config = begun
        origin = read_origin(folder)
        parents = tuple(origin.parents) if origin else ()
    else:
        manifest = open_artifact(path, "hourglass", "autoencoder", verify=False).manifest
        folder, config, parents = path, dict(manifest.config), manifest.parents
    roles = tuple(parent.role for parent in parents)
    command = next((name for name, training in _TRAININGS.items() if training.roles == roles), "")
    type_ = _TRAININGS[command].config if command else FitConfig
    options = from_stored(type_, {key: value for key, value in config.items() if key not in ("kind", *roles)})
    if not command or "epochs" not in options or not options.keys() <= {f.name for f in dataclasses.fields(type_)}:
        why = "it was not trained by this shgae, so there is nothing to resume"
        raise Refused("verify-resume", path, why, "the folder of a train, finetune or pretrain-ae")
    sources = _present(parents, folder, path)
    samples = open_artifact(sources[-1], verify=False).facts["splits"]["train"]
    short = _shortened(type_(**options), samples, steps)
    inputs = [str(source.absolute()) for source in sources]
    return Trial(
        command, inputs, dataclasses.asdict(short), execution.device, execution.deterministic, execution.workers
    )


def _present(parents: tuple[Parent, ...], folder: Path, path: Path) -> list[Path]:
    found = [one for one in ancestors_of(parents, folder) if one.depth == 1]
    for one in found:
        if not one.present:
            why = f"its {one.role} {one.id[:12]} is not in {one.path}"
            raise Refused("parent", path, why, "move that folder to this place again")
    return [one.path for one in found]


def _shortened(config: FitConfig, samples: int, steps: int) -> FitConfig:
    samples = min(samples, config.limit or samples)
    an_epoch = min(-(-steps // _EPOCHS), -(-samples // config.batch_size))
    # The last step of an epoch is a small one where it can be: such steps are the ones that go wrong.
    limit = min(samples, an_epoch * config.batch_size - config.batch_size // 2)
    return dataclasses.replace(config, limit=limit, epochs=-(-steps // an_epoch))


def in_new_process(trial: Trial, output: Path, *, steps: int | None, resume: bool, stop: StopFlag) -> bool:
    """Trains in a new process, to the end or so many steps; returns whether it came to its end.

    Raises:
        Refused, Diverged, DiskError: as the training says.
        Interrupted: ``stop`` was set meanwhile; the process was ended too.
    """
    job = {"trial": dataclasses.asdict(trial), "output": str(output), "steps": steps, "resume": resume}
    command, environment = own_python("-m", __name__)
    pipes: dict[str, Any] = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
    with subprocess.Popen(command, env=environment, text=True, start_new_session=True, **pipes) as child:
        try:
            out, err = _answer(child, json.dumps(job), stop)
        finally:
            child.kill()
    stop.raise_if_set("verify-resume", "the same command again", saved=False)
    if child.returncode in (0, STOPPED):
        return child.returncode == 0
    kinds = {one.exit_code: one for one in (Refused, Diverged, DiskError)}
    if child.returncode in kinds and out:
        raise kinds[child.returncode](**json.loads(out))
    raise RuntimeError(f"a training in a process of its own ended with {child.returncode}:\n{err}")


def _answer(child: subprocess.Popen[str], job: str, stop: StopFlag) -> tuple[str, str]:
    waiting: str | None = job
    while True:
        try:
            return child.communicate(waiting, timeout=0.2)
        except subprocess.TimeoutExpired:
            waiting = None
            if stop:
                child.terminate()


def _child() -> int:
    job = json.load(sys.stdin)
    try:
        with contextlib.redirect_stdout(sys.stderr):
            Trial(**job["trial"]).train(Path(job["output"]), steps=job["steps"], resume=job["resume"])
    except Interrupted as end:
        return end.exit_code
    except ShgaeError as error:
        json.dump({"what": error.what, "where": error.where, "why": error.why, "fix": error.fix}, sys.stdout)
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(_child())
