"""``shgae predict``: a model and photos -> the joints of the people in them, and pictures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from shgae.arrays import Floats
from shgae.artifacts.command_line import stamp
from shgae.artifacts.compatibility import SQUARE
from shgae.artifacts.disk_space import check_space
from shgae.artifacts.draft import Draft, new_artifact
from shgae.artifacts.manifest import SHEET
from shgae.artifacts.store import Artifact
from shgae.data.photo_files import settled_pillow
from shgae.data.photo_request import PhotoRequest, read_request
from shgae.data.photos import BoxedPhoto
from shgae.errors import Refused
from shgae.evaluation.matching import read_sigmas
from shgae.execution import Execution, Progress
from shgae.inference.decoding import note_unpaired
from shgae.inference.device import describe, placed
from shgae.inference.group_log import GroupLog, collect, remove_put_aside
from shgae.inference.pose_finder import PoseFinder, Row, in_groups
from shgae.inference.torch_settings import settled
from shgae.models.zoo import LoadedHourglass, load_hourglass
from shgae.plots.overlays import SHEET_PHOTOS
from shgae.recipes import PredictConfig, as_json
from shgae.reporting.predicted_photos import PhotoPictures
from shgae.skeleton import COCO_PERSON
from shgae.wording import counted, counted_people

_ENTRY_BYTES = 1500
_SHEET_BYTES = 1_000_000
"""About what the sheet takes."""


@dataclass(frozen=True)
class PredictResult:
    artifact: Artifact

    def to_json(self) -> dict[str, Any]:
        facts = {key: value for key, value in self.artifact.facts.items() if key != "skeleton"}
        return self.artifact.to_json() | facts | {"sheet": str(self.artifact.path / SHEET)}


@settled_pillow
@settled()
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
    own_sigmas = _sigmas(loaded, config.nms, sigmas)
    category = loaded.artifact.facts["category_id"]
    request = read_request(photos, boxes, category, config, execution, loaded.skeleton.names)
    if config.flip_test:
        note_unpaired(loaded.skeleton, model, execution.progress)
    _note_squares(loaded, execution)
    device, config = placed(config, execution, output=output)
    with new_artifact(
        output,
        kind="predictions",
        config=as_json(config) | request.identity() | ({} if own_sigmas is None else {"sigmas": own_sigmas.tolist()}),
        parents={"model": loaded.artifact},
        execution=execution,
        resumable=True,
        inputs=[*request.inputs(), *([sigmas] if sigmas else [])],
        device=describe(device),
    ) as draft:
        _check_space(request, output, config, execution.progress)
        pictures = PhotoPictures(loaded, request.photos, config)
        finder = PoseFinder(loaded, config, device, execution.workers, own_sigmas)
        log = GroupLog(draft)
        _find_all(finder, request.photos, draft, log, pictures, execution)
        facts = collect(draft, log, request) | {"skeleton": loaded.skeleton.to_json()}
        pictures.sheet(draft, _spread(log, SHEET_PHOTOS), stamp(execution))
        log.put_aside()
        artifact = draft.commit(facts, volatile=(SHEET,))
    remove_put_aside(artifact.path)
    return PredictResult(artifact)


def _note_squares(loaded: LoadedHourglass, execution: Execution) -> None:
    if loaded.artifact.facts.get(SQUARE) == "mpii":
        execution.progress.note(
            f"note: {loaded.artifact.path} was trained on MPII's squares, which reach further down than up; here the "
            "square is 1.25 x the longer side of a box, around the box's middle"
        )


def _sigmas(loaded: LoadedHourglass, limit: float | None, sigmas: Path | None) -> Floats | None:
    """Those of OKS in a file, or None for COCO's."""
    joints = loaded.skeleton.names
    if limit is None and sigmas is not None:
        raise Refused("--sigmas", sigmas, "only --nms compares people by OKS", "--nms 0.9, or no --sigmas")
    given = None if sigmas is None else read_sigmas(sigmas, joints)
    if limit is not None and given is None and joints != COCO_PERSON.names:
        raise Refused("--nms", loaded.artifact.path, "OKS has no sigmas of its joints", "--sigmas FILE")
    return given


def _check_space(request: PhotoRequest, output: Path, config: PredictConfig, progress: Progress) -> None:
    """See :func:`~shgae.artifacts.disk_space.check_space`; an overlay takes about what its photo does."""
    size = _SHEET_BYTES + request.people * _ENTRY_BYTES + config.overlays * request.size
    overlays = ", with overlays," if config.overlays else ""
    what = f"predictions of {counted_people(request.people)} in {counted(len(request.photos), 'photo')}{overlays}"
    check_space(output, size, what, progress)


def _find_all(
    finder: PoseFinder,
    photos: Sequence[BoxedPhoto],
    draft: Draft,
    log: GroupLog,
    pictures: PhotoPictures,
    execution: Execution,
) -> None:
    """Finds everybody, draws overlays, and keeps a row a group: its photos are done."""
    groups = in_groups(photos, finder.batch_size)
    done = log.take_up(groups)
    path_of = {photo.file_name: photo.path for photo in photos}
    execution.progress.start("predict", len(photos), "photos", sum(len(group) for group in groups[:done]))
    for rows in finder.over(groups[done:]):
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
