"""The one training loop: steps, epochs, checkpoints, the best model, the history.

::

    DRAFT/model.safetensors         weights of the best epoch
    DRAFT/checkpoint.safetensors    weights and optimizer of the last step, and where it stands
    DRAFT/history.jsonl             a row an epoch

The straight order inside: read ahead -> step -> (checkpoint) -> validate -> best -> history -> checkpoint.
"""

from __future__ import annotations

import dataclasses
import functools
import itertools
import math
import time
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any, Generic, NamedTuple

import torch
from torch import nn

from shgae.artifacts.checkpoint import CHECKPOINT, HISTORY, MODEL, Position, load_checkpoint, save_checkpoint, section
from shgae.artifacts.draft import Draft
from shgae.artifacts.tables import read_rows
from shgae.data.datasets import Rows, in_chunks, pinned
from shgae.data.prefetch import prefetch
from shgae.errors import Diverged, Refused
from shgae.execution import Execution
from shgae.inference.device import BEYOND_FP16
from shgae.inference.torch_settings import searching, without_tf32
from shgae.models.zoo import load_state, state_arrays
from shgae.recipes import FitConfig
from shgae.training import distributed, recording
from shgae.training.batch_norm import statistics_kept
from shgae.training.compiling import compiled, described, searches, whole_rows
from shgae.training.freezing import train_mode
from shgae.training.health import Measured, StepStatistics, Watchdog, measure
from shgae.training.loss_scale import after_step, first_position, unscale
from shgae.training.objectives import BatchT, Objective
from shgae.training.optim import build_optimizer, learning_rate, load_optimizer, optimizer_arrays
from shgae.training.position import after_epoch, history_fault, position_fault
from shgae.training.seeding import epoch_order
from shgae.training.tensorboard import scalars

CHECKPOINT_SECONDS = 600.0
"""Within a long epoch the state is saved this often."""


@dataclass(frozen=True)
class FitSummary:
    """How a training ended."""

    best_epoch: int
    """Counted from 1; its weights are in model.safetensors."""
    best: dict[str, Any]
    """The history row of the best epoch."""
    history: list[dict[str, Any]]
    """A row an epoch."""


def fit(
    model: nn.Module,
    objective: Objective[BatchT],
    config: FitConfig,
    draft: Draft,
    execution: Execution,
) -> FitSummary:
    """Trains a model in place and leaves its best weights in the draft.

    Args:
        model: on its device; in which mode does not matter.
        objective: what is trained.
        config: how long and how.
        draft: where everything is written; if it was resumed, training goes on from its checkpoint, exactly.
        execution: threads, progress and the wish to stop.

    Raises:
        Diverged: a number was not finite, or the weights stood still; the checkpoint before it stays.
        Interrupted: a signal came; the step was finished and saved.
    """
    world = execution.world
    distributed.prepare(model, config, world)
    fitting = _Fitting(model, objective, config, draft, execution)
    rows = fitting.restore()
    execution.progress.training(rows, of=config.epochs, best_epoch=fitting.position.best_epoch)
    watched = scalars(draft, rows, wanted=execution.tensorboard) if world.is_main else nullcontext(lambda _row: None)
    trying = searching() if searches(fitting.network, execution) else nullcontext()
    with watched as write, trying, without_tf32():  # a backward pass lies outside of autocast()
        while fitting.position.epoch < config.epochs:
            fitting.train_epoch()
            write(fitting.close_epoch())
    if execution.compile:
        draft.provenance["compiled"] = described(fitting.network, config, execution)
    if execution.cuda_graphs:
        draft.provenance["cuda_graphs"] = recording.described(fitting.network, config, execution)
    history = world.broadcast(list(read_rows(draft.file(HISTORY))) if world.is_main else [])
    best_epoch = fitting.position.best_epoch
    return FitSummary(best_epoch, history[best_epoch - 1], history)


def reads_late(device: torch.device, config: FitConfig) -> bool:
    """Whether a step is judged when the next one is under way, so that a GPU need not stand still for it.

    Not in fp16, where the numbers decide whether the step is taken.
    """
    return device.type == "cuda" and config.precision != "fp16"


class _Step(NamedTuple):
    """A step that is done, or under way on a GPU."""

    at: Position
    """Where the training stood before it."""
    lr: float
    rows: Rows
    measured: Measured


class _Fitting(Generic[BatchT]):
    """The moving parts of one :func:`fit`."""

    def __init__(
        self, model: nn.Module, objective: Objective[BatchT], config: FitConfig, draft: Draft, execution: Execution
    ) -> None:
        self.model, self.objective, self.config = model, objective, config
        rows = whole_rows(config, objective.samples)
        self.network = compiled(model, config, execution, rows)
        if execution.cuda_graphs:
            self.network = recording.recorded(self.network, config, execution, rows)
        self.draft, self.execution, self.world = draft, execution, execution.world
        self.optimizer = build_optimizer(model, config)
        self.position = first_position(config.precision)
        self.steps = -(-objective.samples // config.batch_size)
        self.device = next(model.parameters()).device
        self._late = reads_late(self.device, config)
        self._saved_at = time.monotonic()
        self._gradient: float | None = None
        self._unread: _Step | None = None

    def restore(self) -> list[dict[str, Any]]:
        """Goes back to the checkpoint of a resumed draft; returns the history, which is cut to its epochs."""
        path = self.draft.file(CHECKPOINT)
        history, rows = self.draft.file(HISTORY), list[dict[str, Any]]()
        if self.draft.resumed and path.is_file():
            if not self._has(CHECKPOINT) or (history.is_file() and not self._has(HISTORY)):
                why = f"{CHECKPOINT} or {HISTORY} is not what this training wrote"
                raise Refused("resume", self.draft.path, why, "--force to start again")
            arrays, self.position = load_checkpoint(path)
            load_state(self.model, section(arrays, "model."), path)
            load_optimizer(self.model, self.optimizer, section(arrays, "optimizer."))
            at = self.position
            self.execution.progress.note(f"going on in epoch {at.epoch + 1}/{self.config.epochs} after step {at.step}")
            if at.epoch:
                rows = list(itertools.islice(read_rows(history), at.epoch))  # those past the checkpoint come again
            if len(rows) < at.epoch or (at.best_epoch and not self._has(MODEL)):
                why = f"{HISTORY} or {MODEL} lacks what the checkpoint in epoch {at.epoch + 1} had"
                raise Refused("resume", self.draft.path, why, "--force to start again")
            if fault := history_fault(rows, self.objective.samples) or self._position_fault(rows):
                raise Refused("resume", self.draft.path, fault, "--force to start again")
        # Not made before there is a row: a run that ends at once leaves nothing to resume.
        if self.world.is_main and history.is_file():
            self.draft.write_rows(HISTORY, rows)
        self._watchdog = Watchdog(self.model, self.optimizer)
        return rows

    def _position_fault(self, rows: Sequence[Mapping[str, Any]]) -> str | None:
        try:
            scores = [self.objective.score(row) for row in rows]
        except KeyError as error:
            return f"its history has no {error.args[0]}"
        return position_fault(self.position, scores, self.config, self.objective.samples)

    def _has(self, name: str) -> bool:
        return bool(self.world.broadcast(self.draft.has(name)))

    def save(self) -> None:
        """Replaces the checkpoint by what is now; weights that are not finite never replace the last good ones."""
        if self._unread:
            step, self._unread = self._unread, None
            self._accept(step, self._judge(step))
        if not self.world.is_main:
            return
        finite = torch.stack([tensor.isfinite().all() for tensor in self.model.state_dict().values()])
        if not finite.all():
            raise self._diverged("a weight is not finite any more")
        arrays = {f"model.{name}": array for name, array in state_arrays(self.model).items()}
        moments = optimizer_arrays(self.model, self.optimizer)
        arrays |= {f"optimizer.{name}": array for name, array in moments.items()}
        expect = functools.partial(self.draft.pieces.expect, CHECKPOINT)
        save_checkpoint(self.draft.file(CHECKPOINT), arrays, self.position, expect)
        self._saved_at = time.monotonic()

    def train_epoch(self) -> None:
        """Runs the steps of the current epoch that are not done yet."""
        config, epoch = self.config, self.position.epoch
        order = epoch_order(self.objective.samples, epoch=epoch, seed=config.seed, shuffle=config.shuffle)
        chunks = list(in_chunks(order, config.batch_size))[self.position.step :]

        def load(rows: Rows) -> list[BatchT]:
            """This process's micro-batches of a step."""
            cut = distributed.split_micro_batches(rows, config.micro_batches, self.world)
            return [pinned(self.objective.load(micro_batch, epoch), self.device) for micro_batch in cut]

        what = f"epoch {epoch + 1}/{config.epochs}"
        self.execution.progress.start(what, self.objective.samples, "samples", self.position.samples)
        train_mode(self.model)
        for rows, batches in zip(chunks, prefetch(chunks, load, self.execution.workers), strict=True):
            self._step(rows, batches)
            if self.world.any_stopped(self.execution.stop):
                self.save()
                self.world.broadcast(None)  # nobody leaves before it is saved: the others would be ended soon after
                self.execution.stop.raise_if_set(self.draft.path, "the same command with --resume")
            elif time.monotonic() - self._saved_at > CHECKPOINT_SECONDS:
                self.save()
        self.execution.progress.finish()
        self.save()  # validation may take long, and may be interrupted

    def _step(self, rows: Rows, batches: Sequence[BatchT]) -> None:
        """One update of the weights; the batches are this process's micro-batches of the rows."""
        begun = time.monotonic()
        at = self.position
        lr = self._learning_rate(at)
        for group in self.optimizer.param_groups:
            group["lr"] = lr
        self.optimizer.zero_grad(set_to_none=True)
        step = _Step(at, lr, rows, measure(self.model, self._gradients(rows, batches), at.scale))
        reading = None if self._late else self._judge(step)
        overflowed = reading is not None and reading.overflowed
        if not overflowed:
            if at.scale != 1:
                unscale(self.model, at.scale)
            self.optimizer.step()
        at = after_step(at, overflowed=overflowed, scales=self.config.precision == "fp16")
        self.position = dataclasses.replace(at, step=at.step + 1, samples=at.samples + len(rows))
        if self._late:
            before, self._unread = self._unread, step
            if before:
                step, reading = before, self._judge(before)
        if reading:
            self._accept(step, reading)
        seconds = self.position.seconds + time.monotonic() - begun
        self.position = dataclasses.replace(self.position, seconds=seconds)
        self.execution.progress.advance(len(rows), f"loss {reading.loss:.3g}  lr {lr:.2g}" if reading else "")

    def _judge(self, step: _Step) -> StepStatistics:
        """Reads a step; raises :class:`Diverged` if it is unsound."""
        reading = step.measured.read()
        if fault := reading.fault():
            before = f", {self._gradient:.3g} a step before" if self._gradient is not None else ""
            why = f"{fault}; gradient norm {reading.gradient:.3g}{before}"
            fix = "a look at these samples, or a smaller --lr, with --force"
            fix = fix if self.config.precision != "fp16" else f"{BEYOND_FP16}, with --force"
            raise self._diverged(why, f" ({self.objective.name_rows(step.rows)})", fix, step.at)
        return reading

    def _accept(self, step: _Step, reading: StepStatistics) -> None:
        """Counts a sound step; raises :class:`Diverged` if the weights stand still."""
        loss_sum = self.position.loss_sum + reading.loss * len(step.rows)
        if not reading.overflowed:
            if fault := self._watchdog.look(reading, step.lr):
                fix = "--force to begin again, with another --lr or --seed"
                raise self._diverged(fault, fix=fix, at=step.at)
            self._gradient = reading.gradient
        self.position = dataclasses.replace(self.position, loss_sum=loss_sum)

    def _gradients(self, rows: Rows, batches: Sequence[BatchT]) -> torch.Tensor:
        """The loss of a step, over all processes; its gradient, times the scale, is left in the weights."""
        weight, losses = self.objective.weight(rows, self.position.epoch), []
        for number, batch in enumerate(batches):
            # Undivided, the statistics are those of the whole batch, the same in every process.
            updated = self.config.micro_batches == 1 or (self.world.is_main and number == 0)
            with statistics_kept(self.model, updated=updated):
                loss = self.objective.loss(self.network, batch, weight)
            (loss * self.position.scale if self.position.scale != 1 else loss).backward()  # type: ignore[no-untyped-call]
            losses.append(loss.detach())
        return self.world.all_reduce_gradients(self.model, losses)

    def close_epoch(self) -> dict[str, Any]:
        """Validates, keeps the model if it is the best so far, records the epoch and returns its row."""
        at = self.position
        lr = self._learning_rate(at)
        self.world.broadcast_model(self.model)
        self.model.eval()
        values = dict(self.world.broadcast(self.objective.validate(self.model, self.execution)))
        if wrong := [f"{name} is {value:g}" for name, value in values.items() if not math.isfinite(value)]:
            raise self._diverged(f"in validation {', '.join(wrong)}")
        self.position = after_epoch(at, self.objective.score(values))
        better = self.position.stale_epochs == 0
        if better and self.world.is_main:
            self.draft.write_tensors(MODEL, state_arrays(self.model))
        row = {"epoch": at.epoch + 1, "lr": lr, "train_loss": at.loss_sum / at.samples, **values}
        whole = row | {"seconds": round(at.seconds, 3), "samples": at.samples}
        if self.world.is_main:
            history = self.draft.file(HISTORY)
            self.draft.write_rows(HISTORY, [*(read_rows(history) if history.is_file() else ()), whole])
        self.save()
        self.execution.progress.record(row, of=self.config.epochs, best=better)
        return whole

    def _diverged(
        self, why: str, what: str = "", fix: str = "a smaller --lr, with --force", at: Position | None = None
    ) -> Diverged:
        at = at or self.position
        where = f"epoch {at.epoch + 1}, step {min(at.step + 1, self.steps)}{what}"
        return Diverged(
            "training", where, f"{why}; learning rate {self._learning_rate(at):g} of --lr {self.config.lr:g}", fix
        )

    def _learning_rate(self, at: Position) -> float:
        return learning_rate(
            self.config,
            epoch=at.epoch,
            step=min(at.step, self.steps - 1),
            steps=self.steps,
            plateau_factor=at.lr_factor,
        )
