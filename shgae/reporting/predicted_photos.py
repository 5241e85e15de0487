"""Pictures of predictions: an overlay a photo, and a page of photos to look at first."""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO

from PIL import Image

from shgae.artifacts.draft import Draft
from shgae.artifacts.manifest import SHEET
from shgae.data.photo_decoding import open_photo
from shgae.data.photos import BoxedPhoto
from shgae.errors import Refused
from shgae.inference.decoding import perfect_height
from shgae.inference.pose_finder import CHANGED, Row
from shgae.models.zoo import LoadedHourglass
from shgae.plots.overlays import Pose, draw_poses, overlay_sheet, to_panel
from shgae.plots.style import save_figure
from shgae.recipes import PredictConfig

OVERLAY = "overlays/{name}.jpg"
_JPEG_QUALITY = 90


class PhotoPictures:
    """Photos with the joints drawn on them."""

    def __init__(self, loaded: LoadedHourglass, photos: Sequence[BoxedPhoto], config: PredictConfig) -> None:
        self._skeleton, self._config = loaded.skeleton, config
        self._perfect = perfect_height(loaded)
        self._path_of = {photo.file_name: photo.path for photo in photos}
        self._overlay_of = _overlay_names(photos)

    def overlays(self, draft: Draft, rows: Sequence[Row], workers: int) -> None:
        """Draws every photo of some rows that has people, each whole or not at all."""
        if not self._config.overlays:
            return

        def draw(row: Row) -> None:
            # Opened once more: photos that wait for their turn in the network would fill the memory.
            photo = self._open(row)
            draw_poses(photo, self._poses(row), self._skeleton, self._config.min_score)
            buffer = BytesIO()
            photo.save(buffer, "JPEG", quality=_JPEG_QUALITY, subsampling=0)
            draft.write(self._overlay_of[row["file_name"]], buffer.getvalue())

        # Where one fails, those under way are waited for: none may write in the draft once it is given up.
        with ThreadPoolExecutor(max(workers, 1)) as pool:
            list(pool.map(draw, (row for row in rows if row["people"])))

    def sheet(self, draft: Draft, rows: Sequence[Row], command: str) -> None:
        """Draws the page of these photos."""
        panels = [
            to_panel(row["file_name"], self._open(row), self._poses(row), self._skeleton, self._config.min_score)
            for row in rows
        ]
        save_figure(overlay_sheet(panels, self._config.min_score), draft.file(SHEET), command)

    def _open(self, row: Row) -> Image.Image:
        """The photo again, if it is the one in which these joints were found."""
        path = self._path_of[row["file_name"]]

        def check(sha256: str) -> None:
            if sha256 != row["sha256"]:
                raise Refused("photo", path, CHANGED, "the same command with --resume")

        return open_photo(path, exif=self._config.exif, seen=check)

    def _poses(self, row: Row) -> list[Pose]:
        return [Pose.of_result(entry, self._skeleton, self._perfect) for entry in row["people"]]


def _overlay_names(photos: Sequence[BoxedPhoto]) -> dict[str, str]:
    """Where the overlay of each photo lies, by the photo's file name; no two in one place."""
    taken: set[str] = set()
    names = {}
    for photo in photos:
        # Room for the suffix, a number, and what a file is called while it is written.
        stem = os.fsdecode(os.fsencode(photo.path.stem)[:200]).lstrip(".") or "photo"
        name, number = stem, 1
        while name.casefold() in taken:
            number += 1
            name = f"{stem}-{number}"
        taken.add(name.casefold())
        names[photo.file_name] = OVERLAY.format(name=name)
    return names
