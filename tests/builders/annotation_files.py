"""MPII's and LSP's annotations, drawn, in the files that they are passed on in."""

from __future__ import annotations

import json
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from scipy.io import savemat

from shgae.arrays import Floats

HEAD = (8, 9)
"""Upper neck and head top, which the official release gives no ``is_visible``."""


@dataclass
class MpiiPeople:
    """N people of 16 joints."""

    names: list[str]
    joints: Floats
    """(N, 16, 2), 0 where not labelled."""
    visible: npt.NDArray[np.int64]
    """(N, 16) 1 visible, 0 hidden or not labelled."""
    center: Floats
    scale: Floats
    head: Floats
    """(N, 4) x1, y1, x2, y2."""


def mpii_people(n: int, seed: int = 0) -> MpiiPeople:
    """People of whole pixels, some joints hidden or not labelled; every second photo has two."""
    numbers = np.random.default_rng(seed)
    joints = numbers.integers(1, 900, (n, 16, 2)).astype(np.float64)
    labelled = numbers.random((n, 16)) < 0.8
    labelled[:, HEAD] = True
    visible = (numbers.random((n, 16)) < 0.7) & labelled
    visible[:, HEAD] = True
    corner = numbers.integers(1, 500, (n, 2))
    return MpiiPeople(
        [f"{2 * i // 3:09d}.jpg" for i in range(n)],
        np.where(labelled[..., None], joints, 0.0),
        visible.astype(np.int64),
        numbers.integers(100, 800, (n, 2)).astype(np.float64),
        numbers.integers(8, 60, n) / 8,
        np.concatenate([corner, corner + numbers.integers(10, 90, (n, 2))], axis=1).astype(np.float64),
    )


def struct_array(items: list[dict[str, Any]]) -> npt.NDArray[Any]:
    """A MATLAB struct array (1, n) of items that have the same fields."""
    array = np.zeros((1, len(items)), [(key, object) for key in (items[0] if items else ())])
    for place, item in enumerate(items):
        array[0, place] = tuple(item.values())
    return array


def save_release(path: Path, people: MpiiPeople) -> Path:
    """The official release's structure: ``RELEASE.annolist(i).annorect(j).annopoints.point(k)``."""
    photos: dict[str, list[dict[str, Any]]] = {}
    for i, name in enumerate(people.names):
        x1, y1, x2, y2 = people.head[i]
        points = [
            {
                **{"x": people.joints[i, k, 0], "y": people.joints[i, k, 1], "id": float(k)},
                "is_visible": np.zeros((0, 0)) if k in HEAD else str(people.visible[i, k]),
            }
            for k in range(16)
            if people.joints[i, k, 0] > 0
        ]
        rect = {
            **{"x1": x1, "y1": y1, "x2": x2, "y2": y2},
            "annopoints": struct_array([{"point": struct_array(points)}]),
            "scale": people.scale[i],
            "objpos": struct_array([{"x": people.center[i, 0], "y": people.center[i, 1]}]),
        }
        photos.setdefault(name, []).append(rect)
    annolist = [
        {"image": struct_array([{"name": name}]), "annorect": struct_array(rects), "vididx": np.zeros((0, 0))}
        for name, rects in photos.items()
    ]
    # A test photo: its people have a place, and no joints.
    nobody = struct_array([{"scale": 2.0, "objpos": struct_array([{"x": 5.0, "y": 6.0}])}])
    annolist.append({"image": struct_array([{"name": "t.jpg"}]), "annorect": nobody, "vididx": np.zeros((0, 0))})
    release = {"annolist": struct_array(annolist), "img_train": np.array([[1] * len(photos) + [0]]), "version": "12"}
    savemat(path, {"RELEASE": struct_array([release])}, do_compression=True)
    return path


def save_bearpaw(path: Path, people: MpiiPeople, validation: int) -> Path:
    """bearpaw's list, whose first people are for training and last ones, so many, for validation."""
    n = len(people.names)
    entries = [
        {
            **{"dataset": "MPI", "isValidation": float(i >= n - validation), "img_paths": people.names[i]},
            **{"objpos": people.center[i].tolist(), "scale_provided": people.scale[i]},
            "joint_self": np.column_stack([people.joints[i], people.visible[i]]).tolist(),
            "numOtherPeople": 0,
        }
        for i in range(n)
    ]
    path.write_text(json.dumps(entries))
    return path


def newell_arrays(people: MpiiPeople) -> dict[str, npt.NDArray[Any]]:
    """The arrays of Newell's .h5, whose centre and scale are moved."""
    down = np.stack([np.zeros_like(people.scale), 15 * people.scale], axis=1)
    return {
        "part": people.joints,
        "visible": people.visible.astype(np.float64),
        "center": people.center + down,
        "scale": people.scale * 1.25,
        "normalize": 0.6 * np.hypot(*(people.head[:, 2:] - people.head[:, :2]).T),
        "imgname": np.array([name.encode() for name in people.names]),
    }


def save_newell(path: Path, people: MpiiPeople) -> Path:
    """Newell's .h5; the test is skipped where h5py is not there."""
    h5py = pytest.importorskip("h5py")
    with h5py.File(path, "w") as file:
        for name, array in newell_arrays(people).items():
            file[name] = array
    return path


def save_lsp(path: Path, joints: Floats) -> Path:
    """joints.mat of any array."""
    savemat(path, {"joints": joints})
    return path


def nested_mat(depth: int, name: bytes = b"RELEASE") -> bytes:
    """A .mat file (version 5) of one variable: cells in cells, so many deep."""

    def element(kind: int, data: bytes) -> bytes:
        return struct.pack("<II", kind, len(data)) + data + b"\0" * (-len(data) % 8)

    def matrix(array_class: int, content: bytes, called: bytes = b"") -> bytes:
        flags, dimensions = struct.pack("<II", array_class, 0), struct.pack("<ii", 1, 1)
        return element(14, element(6, flags) + element(5, dimensions) + element(1, called) + content)

    cell, double = 1, 6
    found = matrix(double, element(9, struct.pack("<d", 1.0)))
    for level in range(depth):
        found = matrix(cell, found, name if level == depth - 1 else b"")
    return b"MATLAB 5.0 MAT-file".ljust(124) + struct.pack("<H2s", 0x0100, b"IM") + found
