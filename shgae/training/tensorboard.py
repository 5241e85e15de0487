"""The history of a training for TensorBoard, in the folder ``tensorboard`` of a run.

The events are not part of the artefact's id, nor of what ``--resume`` compares: they hold times, and nothing that
``history.jsonl`` does not say.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import Any

from shgae.artifacts.draft import Draft
from shgae.errors import Refused

FOLDER = "tensorboard"
_EVENTS = "events.out.tfevents."


def check(*, wanted: bool) -> None:
    """Raises :class:`Refused` where it is wanted and the extra is missing; nothing is imported."""
    if wanted and importlib.util.find_spec("tensorboard") is None:
        why = "the package tensorboard is not installed"
        raise Refused("option", "--tensorboard", why, "pip install tensorboard, or leave it out")


def files_of(draft: Draft) -> tuple[str, ...]:
    """Names of the event files that a run wrote, inside it: the volatile part of what is committed."""
    return tuple(sorted(name for name in draft.files() if name.startswith(f"{FOLDER}/{_EVENTS}")))


@contextmanager
def scalars(
    draft: Draft, rows: Sequence[Mapping[str, Any]], *, wanted: bool
) -> Iterator[Callable[[Mapping[str, Any]], None]]:
    """Hands out what writes a history row as scalars, one a column, at the row's epoch.

    Events are written again from the earlier rows, so that no epoch stands there twice, whatever was interrupted and
    whether earlier runs wrote any; a run without ``wanted`` leaves none, as they would lack its epochs.

    Args:
        draft: of the run; other files in that folder are left alone.
        rows: what the history holds already.
        wanted: without it nothing is written, and nothing imported.
    """
    folder = draft.path / FOLDER
    for name in files_of(draft):
        draft.discard(name)
    with suppress(OSError):  # something of the user's lies there, or it is not there
        folder.rmdir()
    if not wanted:
        yield lambda _row: None
        return
    from torch.utils.tensorboard import SummaryWriter

    theirs = set(folder.glob(f"{_EVENTS}*"))
    with SummaryWriter(str(folder)) as writer:
        for path in set(folder.glob(f"{_EVENTS}*")) - theirs:
            draft.file(f"{FOLDER}/{path.name}")

        def write(row: Mapping[str, Any]) -> None:
            for name, value in row.items():
                if name != "epoch":
                    writer.add_scalar(name, value, row["epoch"])
            writer.flush()

        for row in rows:
            write(row)
        yield write
