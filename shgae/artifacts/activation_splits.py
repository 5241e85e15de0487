"""Activations for Python: their splits, each with its bottleneck tensors and people."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from shgae.arrays import Floats, Floats32, Ints
from shgae.artifacts.activations import Activations, stacks_of
from shgae.artifacts.compatibility import find_stacks
from shgae.artifacts.crops import PEOPLE, PeopleTable, read_people
from shgae.artifacts.store import Artifact, open_artifact, verify_files
from shgae.errors import Refused, quoted
from shgae.recipes import SPLITS
from shgae.wording import listed


class UnknownSplit(Refused, KeyError):
    """A split that is not there; a KeyError too, as a mapping raises it."""


class SplitActivations:
    """The bottleneck tensors of one split at one stack; they stay on disk until their rows are read."""

    def __init__(self, activations: ActivationSplits, split: str) -> None:
        """Opens a split; raises :class:`Refused` if a file of it was changed."""
        self.split = split
        """train, val or test."""
        verify_files(activations.artifact, (f"{split}/",))
        self._owner = activations
        self._rows = Activations(activations.artifact, split, stacks=(activations.stack,))

    def __len__(self) -> int:
        return len(self._rows)

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """(N, C, 4, 4)."""
        return (len(self), *self._owner.shape)

    @cached_property
    def mean(self) -> Floats:
        """(C, 4, 4) float64, over its people."""
        return self._rows.mean()

    @property
    def annotation_id(self) -> Ints:
        """(N,) ids of the people in the COCO JSON, in the order of the rows.

        Raises:
            Refused: the prepared data does not lie where the activations were made from it; see ``data`` of
                :func:`open_splits`.
        """
        return self._people.annotation_id

    @property
    def photo_id(self) -> Ints:
        """(N,) ids of their photos in the COCO JSON; raises as :attr:`annotation_id`."""
        return self._people.photo_id

    @cached_property
    def _people(self) -> PeopleTable:
        return read_people(self._owner.data(PEOPLE.format(split=self.split)), self.split).head(len(self))

    def read(self, rows: Any = slice(None)) -> Floats32:
        """The bottleneck tensors of rows, by default all: (n, C, 4, 4) float32.

        Whatever indexes a numpy array of N tells which: whole numbers, a slice, a mask.

        Raises:
            IndexError: there is no such row.
        """
        return self._rows.read(np.atleast_1d(np.arange(len(self))[rows]))


class ActivationSplits(Mapping[str, SplitActivations]):
    """Activations at one stack, by split; raises :class:`UnknownSplit` for one that is not there."""

    def __init__(self, artifact: Artifact, stack: int, data: Path | None) -> None:
        self.artifact = artifact
        """Where they lie, and everything that their manifest says."""
        self.stack = stack
        """As the artefact numbers it: from 0; -1 where it is the last one of an artefact that numbers none."""
        self._data = data
        self._opened: dict[str, SplitActivations] = {}

    @property
    def origin(self) -> str:
        """What a reconstruction says it is of: the id; of one stack of several, with ``/stack-N``."""
        return origin_of(self.artifact, self.stack)

    @cached_property
    def shape(self) -> tuple[int, int, int]:
        """(C, 4, 4) of one bottleneck."""
        channels, rows, columns = (int(number) for number in self.artifact.facts["shape"])
        return channels, rows, columns

    def data(self, *files: str) -> Artifact:
        """The prepared data that they were made from, with these files of it checked.

        Raises:
            Refused: it lies elsewhere, or is not that data any more.
        """
        parent = self.artifact.parent("data")
        if parent is None:
            raise Refused("activations", self.artifact.path, "they name no data", "shgae extract again")
        there = self._data or Path(os.path.realpath(self.artifact.path / parent.path))
        fix = "open_activations(..., data=FOLDER)"
        if not there.is_dir():
            why = f"the data that they were made from ({parent.id[:12]}) is not in {there}"
            raise Refused("activations", self.artifact.path, why, fix)
        found = open_artifact(there, "data", verify=False)
        if found.id != parent.id:
            why = f"the activations in {self.artifact.path} were made from other data ({parent.id[:12]})"
            raise Refused("data", there, why, fix)
        verify_files(found, files)
        return found

    def __getitem__(self, split: str) -> SplitActivations:
        if split not in tuple(self):
            raise UnknownSplit(
                f"split {quoted(split)}", self.artifact.path, f"it has {listed(tuple(self))}", "one of these"
            )
        if split not in self._opened:
            self._opened[split] = SplitActivations(self, split)
        return self._opened[split]

    def __iter__(self) -> Iterator[str]:
        return (split for split in SPLITS if self.artifact.facts["splits"].get(split))

    def __len__(self) -> int:
        return sum(1 for _ in self)


def origin_of(artifact: Artifact, stack: int) -> str:
    """See :attr:`ActivationSplits.origin`."""
    return artifact.id if len(stacks_of(artifact)) == 1 else f"{artifact.id}/stack-{stack}"


def open_splits(path: Path, stack: int | None = None, data: Path | None = None) -> ActivationSplits:
    """See :func:`shgae.open_activations`."""
    artifact = open_artifact(path, "activations", verify=False)
    held = stacks_of(artifact)
    (found,) = find_stacks("last" if stack is None else stack, held, path, f"stack={held[-1]}")
    return ActivationSplits(artifact, found, data)
