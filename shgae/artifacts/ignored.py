"""Crowds and people without joints of prepared data, which OKS AP takes for ignored regions: ``ignored.jsonl``.

A row each, in the order of the JSON: ``annotation_id``, ``image_id``, ``splits`` (those with people in that photo),
``iscrowd``, ``bbox``, and where the JSON has them ``area`` and, of a crowd, ``keypoints``. All numbers are in pixels of
the photo. The file follows from the JSON alone, of which the facts hold the checksum, and is no part of the data's id.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from shgae.artifacts.crops import not_as_written
from shgae.artifacts.store import Artifact
from shgae.artifacts.strict_json import is_number
from shgae.artifacts.tables import read_rows
from shgae.metrics.people import Regions

IGNORED = "ignored.jsonl"


def read_regions(data: Artifact, split: str, joints: int) -> Regions | None:
    """The ignored regions of the photos of a split; None of data that was prepared before they were kept.

    Raises:
        Refused: a row is not what ``prepare`` writes.
    """
    if IGNORED not in data.manifest.files:
        return None
    rows = [_checked(row, data, joints) for row in read_rows(data.open(IGNORED))]
    rows = [row for row in rows if split in row["splits"]]
    points = [row.get("keypoints") or [0.0] * (3 * joints) for row in rows]
    table = np.array(points, np.float64).reshape(len(rows), joints, 3)
    return Regions(
        photo_id=np.array([row["image_id"] for row in rows], np.int64),
        is_crowd=np.array([row["iscrowd"] == 1 for row in rows], bool),
        box=np.array([row["bbox"] for row in rows], np.float64).reshape(len(rows), 4),
        area=np.array([row.get("area", np.nan) for row in rows], np.float64),
        xy_photo=table[..., :2],
        visibility=table[..., 2].astype(np.uint8),
    )


def _checked(row: dict[str, Any], data: Artifact, joints: int) -> dict[str, Any]:
    photo, box, area = row.get("image_id"), row.get("bbox"), row.get("area", 0)
    points = row.get("keypoints", [0] * (3 * joints))
    is_fine = type(photo) is int and -(2**63) <= photo < 2**63 and isinstance(row.get("splits"), list)
    is_fine = is_fine and row.get("iscrowd") in (0, 1) and _are_numbers([area], 1) and area >= 0
    is_fine = is_fine and _are_numbers(box, 4) and min(box[2:]) > 0 and _are_numbers(points, 3 * joints)  # type: ignore[index]
    if not is_fine or not set(points[2::3]) <= {0, 1, 2}:
        raise not_as_written(row, data, IGNORED)
    return row


def _are_numbers(values: Any, count: int) -> bool:
    return isinstance(values, list) and len(values) == count and all(map(is_number, values))
