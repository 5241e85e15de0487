"""The history of a training for TensorBoard, in the folder ``tensorboard`` of a run.

The events are not part of the artefact's id, nor of what ``--resume`` compares: they hold times, and nothing that
``history.jsonl`` does not say.
"""

from __future__ import annotations

import importlib.util
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from shgae.errors import Refused

FOLDER = "tensorboard"


def check(*, wanted: bool) -> None:
    """Raises :class:`Refused` where it is wanted and the extra is missing; nothing is imported."""
    if wanted and importlib.util.find_spec("tensorboard") is None:
        why = "the package tensorboard is not installed"
        raise Refused("option", "--tensorboard", why, "pip install tensorboard, or leave it out")


def files_of(folder: Path) -> tuple[str, ...]:
    """Names of the event files in a run, inside it: the volatile part of what is committed."""
    return tuple(path.relative_to(folder).as_posix() for path in sorted((folder / FOLDER).glob("*")) if path.is_file())


@contextmanager
def scalars(
    folder: Path, rows: Sequence[Mapping[str, Any]], *, wanted: bool
) -> Iterator[Callable[[Mapping[str, Any]], None]]:
    """Hands out what writes a history row as scalars, one a column, at the row's epoch.

    Events are written again from the earlier rows, so that no epoch stands there twice, whatever was interrupted and
    whether earlier runs wrote any; a run without ``wanted`` leaves none, as they would lack its epochs.

    Args:
        folder: of the run.
        rows: what the history holds already.
        wanted: without it nothing is written, and nothing imported.
    """
    shutil.rmtree(folder / FOLDER, ignore_errors=True)
    if not wanted:
        yield lambda _row: None
        return
    from torch.utils.tensorboard import SummaryWriter

    with SummaryWriter(str(folder / FOLDER)) as writer:

        def write(row: Mapping[str, Any]) -> None:
            for name, value in row.items():
                if name != "epoch":
                    writer.add_scalar(name, value, row["epoch"])
            writer.flush()

        for row in rows:
            write(row)
        yield write
