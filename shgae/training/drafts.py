"""The folder of a training while it runs: room on the disk, what is announced, and what is committed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import nn

from shgae.artifacts.checkpoint import HISTORY
from shgae.artifacts.disk_space import check_space
from shgae.artifacts.draft import Draft, new_artifact
from shgae.artifacts.store import Artifact
from shgae.errors import Interrupted
from shgae.execution import Execution, Progress
from shgae.inference.device import announce, describe
from shgae.inference.torch_settings import determinism
from shgae.recipes import FitConfig, as_json
from shgae.training import tensorboard
from shgae.training.loop import FitSummary
from shgae.training.optim import OPTIMIZER_NUMBERS


@contextmanager
def training_draft(
    output: Path,
    kind: str,
    config: FitConfig,
    parents: Mapping[str, Artifact],
    model: nn.Module,
    execution: Execution,
    device: torch.device,
) -> Iterator[Draft]:
    """A resumable draft with room on its disk for the training of a network; the device is announced.

    Raises:
        Refused, DiskError: see :func:`~shgae.artifacts.draft.new_artifact` and :func:`check_training_space`.
    """
    with (
        new_artifact(
            output,
            kind=kind,
            config=as_json(config),
            parents=parents,
            execution=execution,
            resumable=True,
            device=describe(device),
        ) as draft,
        determinism(execution.deterministic),
    ):
        check_training_space(draft, model, config, execution.progress)
        announce(device, config.precision, execution.progress)
        try:
            yield draft
        except Interrupted:
            if draft.files():  # they stay: wherever it was heard, in validation say, this is gone on with
                execution.stop.raise_if_set(draft.path, "the same command with --resume")
            raise


def commit_training(draft: Draft, summary: FitSummary, facts: Mapping[str, Any]) -> Artifact:
    """The finished artefact; its id leaves out the history, which holds times."""
    told = {"best_epoch": summary.best_epoch, "epochs": len(summary.history)}
    return draft.commit({**facts, **told}, volatile=(HISTORY, *tensorboard.files_of(draft)))


def training_size(model: nn.Module, optimizer: str) -> int:
    """The most bytes that a training has on disk: its best weights, and a checkpoint next to the one it replaces."""
    state = sum(tensor.nbytes for tensor in model.state_dict().values())
    learning = sum(parameter.nbytes for parameter in model.parameters() if parameter.requires_grad)
    return int(state + 2 * (state + OPTIMIZER_NUMBERS[optimizer] * learning))


def check_training_space(draft: Draft, model: nn.Module, config: FitConfig, progress: Progress) -> None:
    """:func:`check_space` for a training that writes into a draft; of several processes the first one looks."""
    if draft.world.is_main:
        size = training_size(model, config.optimizer) - draft.size()
        check_space(draft.target, size, "weights and checkpoints", progress, "another disk")
