"""What was found in each group of photos, row by row on the disk, so that an interrupted prediction goes on from it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from shgae.artifacts.draft import Draft
from shgae.artifacts.hashing import hash_file
from shgae.artifacts.tables import append_row, dumps, read_rows, write_rows
from shgae.data.photos import BoxedPhoto
from shgae.errors import Refused
from shgae.inference.pose_finder import Row

_GROUPS, _PUT_ASIDE = "groups.jsonl", ".groups.jsonl"


class GroupLog:
    """The complete groups of a draft of predictions."""

    def __init__(self, draft: Draft) -> None:
        self._table, self._aside = draft.file(_GROUPS), draft.file(_PUT_ASIDE)

    def take_up(self, groups: Sequence[Sequence[BoxedPhoto]]) -> int:
        """How many of these groups an earlier run completed; what does not fit them any more is forgotten."""
        if self._aside.is_file():
            self._aside.rename(self._table)
        if not self._table.is_file():
            return 0
        write_rows(self._table, self._sound(groups))
        return sum(1 for _ in read_rows(self._table))

    def append(self, rows: Sequence[Row]) -> None:
        """Keeps the photos of one more group."""
        append_row(self._table, {"photos": rows, "sha256": _hash(rows)})

    def __iter__(self) -> Iterator[Row]:
        """Each photo of the complete groups."""
        for group in read_rows(self._table):
            yield from group["photos"]

    def put_aside(self) -> None:
        """Takes it out of the artefact; if the commit is interrupted, it is what a resumed run goes on from."""
        self._table.rename(self._aside)

    def remove(self) -> None:
        """Leaves nothing to go on from."""
        self._table.unlink()

    def _sound(self, groups: Sequence[Sequence[BoxedPhoto]]) -> Iterator[dict[str, Any]]:
        """The groups up to the first that is not what was written; those after it are looked at again."""
        with suppress(Refused, ValueError, TypeError, AttributeError):  # a kill can tear the last line
            for row, group in zip(read_rows(self._table), groups, strict=False):
                if row.get("sha256") != _hash(row.get("photos")) or not _are_same(row["photos"], group):
                    return
                yield row


def remove_put_aside(folder: Path) -> None:
    """Removes what :meth:`GroupLog.put_aside` left in a finished artefact."""
    (folder / _PUT_ASIDE).unlink(missing_ok=True)


def _hash(rows: Any) -> str:
    """By which a later run knows that a group is what was found."""
    return hashlib.sha256(dumps(rows).encode()).hexdigest()


def _are_same(rows: Sequence[Row], group: Sequence[BoxedPhoto]) -> bool:
    """Whether the photos of a group are those that were decoded."""
    photos = [hash_file(photo.path) if photo.path.is_file() else None for photo in group]
    return [row.get("sha256") for row in rows] == photos
