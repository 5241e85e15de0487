"""``shgae predict``: a model and photos -> the joints of the people in them, and pictures."""

from __future__ import annotations

import hashlib
import warnings
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image

from shgae.artifacts.command import stamp
from shgae.artifacts.disk_space import check_space
from shgae.artifacts.draft import Draft, new_artifact
from shgae.artifacts.durable import replacing
from shgae.artifacts.store import Artifact
from shgae.artifacts.tables import dumps
from shgae.data.boxes import read_boxes
from shgae.data.doubts import doubt_of_corners, is_by_corners
from shgae.data.photo_checks import told
from shgae.data.photo_files import Turned, read_header, same_photos
from shgae.data.photos import SUFFIXES, BoxedPhoto, boxed_photos, left_out, list_photos, whole_photos
from shgae.data.prefetch import prefetch
from shgae.errors import Refused
from shgae.evaluation.matching import read_sigmas
from shgae.execution import Execution, Progress
from shgae.inference.decoding import note_unpaired
from shgae.inference.device import describe, placed
from shgae.inference.group_log import GroupLog, remove_put_aside
from shgae.inference.pose_finder import TOO_THIN, PoseFinder, Row, in_groups
from shgae.inference.suppression import Suppression
from shgae.models.zoo import LoadedHourglass, load_hourglass
from shgae.plots.overlays import SHEET_PHOTOS
from shgae.recipes import PredictConfig, as_json
from shgae.reporting.predicted_photos import SHEET, Pictures
from shgae.skeleton import COCO_PERSON
from shgae.wording import counted, counted_people

PREDICTIONS = "predictions.json"
_ENTRY_BYTES = 1500
_MOST_SUFFIXES = 6
_SHEET_BYTES = 1_000_000
"""About what the sheet takes."""


@dataclass(frozen=True)
class PredictResult:
    """Finished predictions."""

    artifact: Artifact

    def to_json(self) -> dict[str, Any]:
        """What ``--json`` prints."""
        facts = {key: value for key, value in self.artifact.facts.items() if key != "skeleton"}
        return self.artifact.to_json() | facts | {"sheet": str(self.artifact.path / SHEET)}


def run(
    model: Path,
    photos: Sequence[Path],
    boxes: Path | None,
    output: Path,
    config: PredictConfig,
    execution: Execution,
    sigmas: Path | None = None,
) -> PredictResult:
    """Finds the joints of the people in photos.

    A photo that is missing, torn or none at all is counted and named, and the others go on.

    Args:
        model: an hourglass artefact or run directory (then its best weights).
        photos: files, and folders of which the photos directly inside are taken.
        boxes: a COCO dataset or list of detections that says where people are; None takes each photo as one person.
        output: the folder to make, with ``predictions.json`` (COCO results, photo pixels), ``sheet.png`` and overlays.
        config: decoding, batch size, number format, pictures.
        execution: device, threads, progress; ``resume`` continues after the last complete group of photos.
        sigmas: of ``config.nms`` (:func:`~shgae.evaluation.matching.read_sigmas`); None takes COCO's for its joints.

    Raises:
        Refused: the model, the boxes or the sigmas are refused, or there is nobody to predict.
        DiskError: the disk has less room than the results need.
        Interrupted: a signal came; complete groups are kept.
    """
    loaded = load_hourglass(model)
    trim = _suppression(loaded, config.nms, sigmas)
    request = _read_request(photos, boxes, loaded.artifact.facts["category_id"], config, execution)
    if config.flip_test:
        note_unpaired(loaded.skeleton, model, execution.progress)
    device, config = placed(config, execution)
    with (
        new_artifact(
            output,
            kind="predictions",
            config=as_json(config) | request.identity() | trim.identity(),
            parents={"model": loaded.artifact},
            execution=execution,
            resumable=True,
            inputs=[*request.inputs(), *([sigmas] if sigmas else [])],
            device=describe(device),
        ) as draft,
        warnings.catch_warnings(),
    ):
        # Sizes are checked in open_photo, which ends with a line of its own.
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)
        warnings.filterwarnings("ignore", module=r"PIL\.")  # torn EXIF blocks
        request.check_space(output, config, execution.progress)
        pictures = Pictures(loaded, request.photos, config)
        finder = PoseFinder(loaded, config, device, execution.workers)
        log = GroupLog(draft)
        _find_all(finder, request.photos, draft, log, pictures, trim, execution)
        facts = _collect(draft, log, request) | {"skeleton": loaded.skeleton.to_json()}
        pictures.sheet(draft, _spread(log, SHEET_PHOTOS), stamp(execution))
        log.put_aside()
        artifact = draft.commit(facts, volatile=(SHEET,))
    remove_put_aside(artifact.path)
    return PredictResult(artifact)


def _suppression(loaded: LoadedHourglass, limit: float | None, sigmas: Path | None) -> Suppression:
    joints = loaded.skeleton.names
    if limit is None and sigmas is not None:
        raise Refused("--sigmas", sigmas, "only --nms compares people by OKS", "--nms 0.9, or no --sigmas")
    given = None if sigmas is None else read_sigmas(sigmas, joints)
    if limit is not None and given is None and joints != COCO_PERSON.names:
        raise Refused("--nms", loaded.artifact.path, "OKS has no sigmas of its joints", "--sigmas FILE")
    return Suppression(joints, limit, given)


@dataclass(frozen=True)
class _Request:
    """What was asked for."""

    photos: tuple[BoxedPhoto, ...]
    """Those to look at."""
    without_box: int
    """Photos that the JSON has no box for."""
    skipped: Mapping[str, int]
    """Boxes that are nobody to look for, by reason."""
    boxes: Path | None
    boxes_sha256: str | None

    def identity(self) -> dict[str, Any]:
        """Its part of the config: names, ids and sizes on disk, for another list of photos is another request."""
        lines = (dumps([photo.file_name, photo.image_id, _size(photo.path)]) for photo in self.photos)
        photos = hashlib.sha256("\n".join(lines).encode()).hexdigest()
        return {"photos_sha256": photos, "boxes_sha256": self.boxes_sha256}

    def inputs(self) -> list[Path]:
        """The files that are read."""
        return [*(photo.path for photo in self.photos), *([self.boxes] if self.boxes else [])]

    def check_space(self, output: Path, config: PredictConfig, progress: Progress) -> None:
        """See :func:`~shgae.artifacts.disk_space.check_space`; an overlay takes about what its photo does."""
        people = sum(photo.people for photo in self.photos)
        size = _SHEET_BYTES + people * _ENTRY_BYTES + config.overlays * sum(_size(photo.path) for photo in self.photos)
        overlays = ", with overlays," if config.overlays else ""
        what = f"predictions of {counted_people(people)} in {counted(len(self.photos), 'photo')}{overlays}"
        check_space(output, size, what, progress)


def _read_request(
    given: Sequence[Path], boxes: Path | None, category_id: int, config: PredictConfig, execution: Execution
) -> _Request:
    progress = execution.progress
    if not any(path.exists() for path in given):
        raise Refused("photos", given[0], "no such file or folder", "check the path")
    listed, empty = list_photos(given)
    others = ", ".join(f"{count:,} {suffix}" for suffix, count in list(left_out(given).items())[:_MOST_SUFFIXES])
    if not listed:
        why = "it holds no photo"
        raise Refused("photos", given[0], f"{why} ({others})" if others else why, f"a folder of {', '.join(SUFFIXES)}")
    if others:
        progress.note(f"note: not taken for photos, by their names: {others}")
    for folder in empty:
        progress.note(f"note: {folder} holds no photo")
    _note_twins(listed, progress)
    if boxes is None:
        whole = tuple(whole_photos(listed)[: config.limit])
        _look_at(whole, config, execution)
        return _Request(whole, 0, {}, None, None)
    file = read_boxes(boxes, category_id)
    photos, skipped = boxed_photos(listed, file)
    without = len(listed) - len(photos)
    if without:
        progress.note(f"note: {without:,} of {len(listed):,} photos have no box")
    for reason, count in sorted(skipped.items()):
        progress.note(f"note: {counted(count, 'box', 'boxes')} skipped: {reason}")
    photos = photos[: config.limit]
    _look_at(photos, config, execution)
    return _Request(tuple(photos), without, dict(sorted(skipped.items())), boxes, file.sha256)


def _note_twins(photos: Sequence[Path], progress: Progress) -> None:
    twins = same_photos(enumerate(photos))
    if twins:
        first, second = (photos[place].name for place in twins[0][:2])
        count = f"{counted(len(twins), 'photo')} under several names, byte for byte"
        progress.note(f"note: {count} ({first} and {second}): each is predicted on its own")


def _look_at(photos: Sequence[BoxedPhoto], config: PredictConfig, execution: Execution) -> None:
    """Notes photos that EXIF says to turn, or refuses them (:func:`~shgae.data.photo_checks.told`), and odd boxes."""
    turned = Turned()
    headers = prefetch((photo.path for photo in photos), read_header, execution.workers)
    boxes: list[bool] = []
    for photo, header in zip(photos, headers, strict=True):
        turned.add(photo.path, header, photo.size)
        boxes += [is_by_corners(box.xywh, header.size_by(config.exif)) for box in photo.boxes or () if header]
    told_of = {} if boxes else {"unclear": "people are found best in upright photos"}
    if note := told(turned, config.exif, **told_of):
        execution.progress.note(note)
    if note := doubt_of_corners(sum(boxes), len(boxes)):
        execution.progress.note(f"note: {note}")


def _find_all(
    finder: PoseFinder,
    photos: Sequence[BoxedPhoto],
    draft: Draft,
    log: GroupLog,
    pictures: Pictures,
    trim: Suppression,
    execution: Execution,
) -> None:
    """Finds everybody, draws overlays, and keeps a row a group: its photos are done."""
    groups = in_groups(photos, finder.batch_size)
    done = log.take_up(groups)
    path_of = {photo.file_name: photo.path for photo in photos}
    execution.progress.start("predict", len(photos), "photos", sum(len(group) for group in groups[:done]))
    for found in finder.over(groups[done:]):
        rows = [trim.of(row) for row in found]
        for row in rows:
            if row["fault"]:
                execution.progress.note(f"bad photo {path_of[row['file_name']]}: {row['fault']}")
        pictures.overlays(draft, rows, execution.workers)
        log.append(rows)
        execution.progress.advance(len(rows))
        execution.stop.raise_if_set(draft.path, "the same command with --resume")
    execution.progress.finish()


def _spread(log: GroupLog, most: int) -> list[Row]:
    """Photos that lie evenly among those with people."""
    names = [row["file_name"] for row in log if row["people"]]
    count = min(len(names), most)
    chosen = {names[place * len(names) // count] for place in range(count)}
    return [row for row in log if row["file_name"] in chosen]


def _collect(draft: Draft, log: GroupLog, request: _Request) -> dict[str, Any]:
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


def _nobody(request: _Request, bad: Sequence[Mapping[str, str]], beyond: int) -> Refused:
    first, others = request.photos[0].path, len(bad) - 1
    if bad:
        more = "; 1 more photo is bad" if others == 1 else f"; {others:,} more photos are bad" if others else ""
        return Refused("photos", first, f"nobody to predict: {bad[0]['reason']}{more}", "other photos")
    boxes = f"all {beyond:,} boxes are" if beyond > 1 else "the only box is"
    why = f"nobody to predict: {boxes} {TOO_THIN}"
    return Refused("boxes", request.boxes or first, why, "the photos that they belong to")


def _size(path: Path) -> int:
    """Bytes of a file; 0 where there is none."""
    try:
        return path.stat().st_size
    except OSError:
        return 0
