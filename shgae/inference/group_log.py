"""What was found in each group of photos, row by row on the disk, so that an interrupted prediction goes on from it;
in the end, ``predictions.json`` of it.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from shgae.artifacts.draft import Draft
from shgae.artifacts.durable import replacing
from shgae.artifacts.hashing import hash_file
from shgae.artifacts.tables import append_row, dumps, read_rows, write_rows
from shgae.data.photo_decoding import HUGE
from shgae.data.photo_request import PhotoRequest
from shgae.data.photos import BoxedPhoto
from shgae.errors import Refused
from shgae.inference.pose_finder import TOO_THIN, Row

PREDICTIONS = "predictions.json"
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
        append_row(self._table, {"photos": rows, "sha256": _hash(rows)})

    def __iter__(self) -> Iterator[Row]:
        """Each photo of the complete groups."""
        for group in read_rows(self._table):
            yield from group["photos"]

    def put_aside(self) -> None:
        """Takes it out of the artefact; if the commit is interrupted, it is what a resumed run goes on from."""
        self._table.rename(self._aside)

    def remove(self) -> None:
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
    return hashlib.sha256(dumps(rows).encode()).hexdigest()


def _are_same(rows: Sequence[Row], group: Sequence[BoxedPhoto]) -> bool:
    photos = [hash_file(photo.path) if photo.path.is_file() else None for photo in group]
    return [row.get("sha256") for row in rows] == photos


def collect(draft: Draft, log: GroupLog, request: PhotoRequest) -> dict[str, Any]:
    """Writes ``predictions.json`` of all groups; returns what the manifest says of them.

    Raises:
        Refused: there is nobody in it.
    """
    people, scores, beyond, suppressed = 0, 0.0, 0, 0
    bad: list[dict[str, str]] = []
    undecided, outside = Counter[str](), Counter[str]()
    with replacing(draft.file(PREDICTIONS)) as file:
        for row in log:
            if row["fault"]:
                bad.append({"file": row["file_name"], "reason": row["fault"]})
            beyond += row["beyond"]
            suppressed += row.get("suppressed", 0)
            for entry in row["people"]:
                file.write(b",\n" if people else b"[\n")
                file.write(dumps(entry).encode())
                people += 1
                scores += sum(entry["keypoints"][2::3]) / (len(entry["keypoints"]) // 3)
                undecided.update(entry.get("undecided", ()))
                outside.update(entry.get("outside_photo", ()))
        file.write(b"\n]\n")
    if not people:
        log.remove()
        draft.file(PREDICTIONS).unlink()
        raise _nobody(request, bad, beyond)
    skipped = dict(request.skipped) | ({TOO_THIN: beyond} if beyond else {})
    return {
        "photos": len(request.photos) - len(bad),
        "people": people,
        "mean_score": round(scores / people, 6),
        "bad_photos": bad,
        "photos_without_box": request.without_box,
        "boxes_skipped": skipped,
        "boxes_sha256": request.boxes_sha256,
        "undecided": dict(sorted(undecided.items())),
        "outside_photo": dict(sorted(outside.items())),
    } | ({"suppressed": suppressed} if suppressed else {})


def _nobody(request: PhotoRequest, bad: Sequence[Mapping[str, str]], beyond: int) -> Refused:
    first, others = request.photos[0].path, len(bad) - 1
    if bad:
        more = "; 1 more photo is bad" if others == 1 else f"; {others:,} more photos are bad" if others else ""
        fix = "a smaller copy" if HUGE in bad[0]["reason"] else "other photos"
        return Refused("photos", first, f"nobody to predict: {bad[0]['reason']}{more}", fix)
    boxes = f"all {beyond:,} boxes are" if beyond > 1 else "the only box is"
    why = f"nobody to predict: {boxes} {TOO_THIN}"
    return Refused("boxes", request.boxes or first, why, "the photos that they belong to")
