"""Groups of predicted photos -> ``predictions.json``, and what the manifest says of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from shgae.artifacts.draft import Draft
from shgae.artifacts.durable import replacing
from shgae.artifacts.tables import dumps
from shgae.data.photo_decoding import HUGE
from shgae.data.photo_request import PhotoRequest
from shgae.errors import Refused
from shgae.inference.group_log import GroupLog
from shgae.inference.pose_finder import TOO_THIN

PREDICTIONS = "predictions.json"


def collect(draft: Draft, log: GroupLog, request: PhotoRequest) -> dict[str, Any]:
    """Writes ``predictions.json``; returns the facts.

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
