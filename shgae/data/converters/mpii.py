"""MPII Human Pose (Andriluka et al. 2014): its files as they are passed on -> people.

==========  ==========================================================================================================
``.mat``    the official release, ``RELEASE.annolist``
``.h5``     Newell's (umich-vl/pose-hg-train), with centre and scale moved: centre y + 15 x scale, scale x 1.25;
            both are moved back. ``normalize`` is kept as ``head_size``. Needs h5py
``.json``   the list of bearpaw/pytorch-pose and of Convolutional Pose Machines: ``joint_self``, ``isValidation``
==========  ==========================================================================================================

A joint is labelled where x > 0 (Newell's rule). One without ``is_visible`` (head top and upper neck, which come from
the head box) is visible, as in the other two files.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from scipy.io.matlab import mat_struct

from shgae.arrays import Floats
from shgae.artifacts import strict_json
from shgae.artifacts.input_file import Source, path_of
from shgae.data.converters.hdf5_files import read_arrays
from shgae.data.converters.mat_files import field, number, read_variable, structs
from shgae.data.converters.people import BrokenPeople, Converted, ConvertedPerson, Malformed, file_name_of
from shgae.errors import Refused, quoted
from shgae.skeleton import MPII_PERSON
from shgae.wording import counted, counted_people, few

_JOINTS = len(MPII_PERSON)
_PIXELS = 200.0
"""Height of a person of scale 1."""
_SHIFT, _GROWTH = 15.0, 1.25
"""What Newell's files did to centre (y, times the scale) and to scale."""
_BOX = "box: the square of 200 px x scale around the centre, MPII's own measure of a person"
_INDEX = "coordinates as the file counts them (MATLAB's, from 1)"
FIX = "mpii_human_pose_v1_u12_1.mat, Newell's valid.h5, or mpii_annotations.json"


def read_mpii(source: Source) -> Converted:
    """The people of an MPII file, by its ending; a hostile .mat or .h5 can crash the process.

    The official release's split is train (its test people have no joints), the .json's train and val; that of a .h5 is
    its name.

    Raises:
        Refused: the file is missing or malformed, of another ending, or nobody in it has joints; h5py is missing.
    """
    path = path_of(source)
    readers: Mapping[str, Callable[[Source], Converted]] = {".mat": _release, ".h5": _newell, ".json": _bearpaw}
    if path.suffix.lower() not in readers:
        raise Refused("annotations", path, "its name does not end in .mat, .h5 or .json", FIX)
    try:
        found = readers[path.suffix.lower()](source)
        if not any(found.splits.values()):
            raise Malformed("nobody in it has joints")
    except Malformed as fault:
        raise Refused("annotations", path, str(fault), FIX) from fault
    return found


def _person(
    file_name: str, joints: Floats, visible: Any, center: Any, scale: float | None, **head: Any
) -> ConvertedPerson:
    """A person of joints (16, 2) and flags (16,), with MPII's own centre and scale where both are there."""
    labelled = ~(joints[:, 0] <= 0)  # a place that is NaN is broken, if it is labelled
    visibility = np.where(labelled, np.where(np.asarray(visible) > 0, 2, 1), 0).astype(np.uint8)
    xy_photo = np.where(labelled[:, None], joints, 0.0)
    if center is None or scale is None or not scale > 0 or any(np.isnan(center)):
        return ConvertedPerson(file_name, xy_photo, visibility, **head)
    x, y = (float(one) for one in center)
    side = _PIXELS * scale
    box = (x - side / 2, y - side / 2, side, side)
    return ConvertedPerson(file_name, xy_photo, visibility, box, center=(x, y), scale=float(scale), **head)


def _release(source: Source) -> Converted:
    release = structs(read_variable(source, "RELEASE", FIX), "RELEASE")
    if len(release) != 1:
        raise Malformed("RELEASE is not one struct")
    photos = _structs(release[0], "annolist")
    people: list[ConvertedPerson] = []
    left_out: Counter[str] = Counter()
    broken = BrokenPeople()
    for photo in photos:
        for person in _structs(photo, "annorect"):
            points = [point for one in _structs(person, "annopoints") for point in _structs(one, "point")]
            if not points:
                left_out["people without joints"] += 1
                continue
            image = _structs(photo, "image")
            with broken.counted():
                name = file_name_of(field(image[0], "name") if image else None)
                people.append(_release_person(name, person, points, left_out))
    notes = [_BOX, _INDEX, *broken.notes(len(people))]
    notes += [f"{what}: {count:,}" for what, count in sorted(left_out.items())]
    return Converted(MPII_PERSON, {"train": people}, tuple(notes))


def _structs(struct: mat_struct, name: str) -> list[mat_struct]:
    value = field(struct, name)
    return [] if value is None else structs(value, name)


def _release_person(name: str, person: mat_struct, points: list[mat_struct], left_out: Counter[str]) -> ConvertedPerson:
    joints, visible = np.zeros((_JOINTS, 2)), np.zeros(_JOINTS)
    for point in points:
        x, y, joint = (number(field(point, key), f"{key} of a point of {name}") for key in ("x", "y", "id"))
        if x is None or y is None or joint is None or joint not in range(_JOINTS):
            raise Malformed(f"a point of {name} lacks x, y or an id of 0 to {_JOINTS - 1}")
        flag = number(field(point, "is_visible"), f"is_visible of a point of {name}")
        left_out["joints at x <= 0, not taken"] += not x > 0
        left_out["joints without is_visible, taken as visible"] += flag is None and x > 0
        joints[int(joint)], visible[int(joint)] = (x, y), 1.0 if flag is None else flag
    place = _structs(person, "objpos")
    center = [number(field(place[0], key), f"objpos of {name}") for key in "xy"] if place else [None, None]
    scale = number(field(person, "scale"), f"scale of {name}")
    x1, y1, x2, y2 = (number(field(person, key), f"{key} of {name}") for key in ("x1", "y1", "x2", "y2"))
    head_box = None
    if x1 is not None and y1 is not None and x2 is not None and y2 is not None and x2 > x1 and y2 > y1:
        head_box = (x1, y1, x2 - x1, y2 - y1)
    left_out["people without a head box"] += head_box is None
    has_place = None not in center and scale is not None and scale > 0
    left_out["people without centre or scale, and so without a box"] += not has_place
    return _person(name, joints, visible, center if has_place else None, scale, head_box=head_box)


def _newell(source: Source) -> Converted:
    shapes = {"part": (_JOINTS, 2), "visible": (_JOINTS,), "center": (2,), "scale": (), "normalize": ()}
    found = read_arrays(source, shapes, ("imgname",), FIX)
    scale = found["scale"] / _GROWTH
    center = found["center"] - np.stack([np.zeros_like(scale), _SHIFT * scale], axis=1)
    broken = BrokenPeople()
    people = []
    for i, (name, normalize) in enumerate(zip(found["imgname"], found["normalize"].tolist(), strict=True)):
        with broken.counted():
            head = {"head_size": normalize} if normalize > 0 else {}
            file_name, joints = file_name_of(_name(name)), _without_place(found["part"][i], found["visible"][i])
            people.append(_person(file_name, joints, found["visible"][i], center[i], scale[i], **head))
    stray = int(((found["visible"] > 0) & (found["part"][..., 0] <= 0)).sum())
    notes = [_BOX, "head box: the format has none, but PCKh's normaliser (head_size)", _INDEX]
    notes += broken.notes(len(people))
    if stray:
        notes.append(f"joints flagged visible at x <= 0, not taken: {stray:,}")
    if headless := sum(person.head_size is None for person in people):
        notes.append(f"without a head size above 0: {counted(headless, 'person', 'people')}")
    notes += _without_box(people)
    return Converted(MPII_PERSON, {path_of(source).stem: people}, tuple(notes))


def _name(value: Any) -> Any:
    """A photo's name, which older files hold as the codes of its letters."""
    if isinstance(value, np.ndarray) and value.ndim == 1 and np.issubdtype(value.dtype, np.number):
        codes = value[value > 0]
        return "".join(chr(int(code)) for code in codes) if len(codes) and codes.max() < 128 else None
    return value


def _without_box(people: Sequence[ConvertedPerson]) -> list[str]:
    if count := sum(person.box is None for person in people):
        return [f"without centre or scale, and so without a box: {counted(count, 'person', 'people')}"]
    return []


def _bearpaw(source: Source) -> Converted:
    entries = strict_json.read(source, "annotations", FIX, constant=float).value
    if not isinstance(entries, list):
        raise Malformed("no list of people")
    splits: dict[str, list[ConvertedPerson]] = defaultdict(list)
    others: Counter[str] = Counter()
    jointless = 0
    broken = BrokenPeople()
    for place, entry in enumerate(entries):
        if not isinstance(entry, dict):
            raise Malformed(f"entry {place} is not an object")
        if entry.get("dataset", "MPI") not in ("MPI", "MPII"):
            others[quoted(entry["dataset"], 20)] += 1
            continue
        if "joint_self" in entry and entry["joint_self"] in (None, []):
            jointless += 1
            continue
        with broken.counted():
            split, person = _bearpaw_person(entry, f"entry {place}")
            splits[split].append(person)
    left_out = f"people of other data sets, left out: {counted_people(others.total())} ({few([*others])})"
    if entries and others.total() == len(entries):
        raise Malformed(f"nobody in it is of MPII ({left_out})")
    notes = [_BOX, "head box: the format has none (the official .mat has it)", _INDEX]
    notes += broken.notes(sum(map(len, splits.values())))
    if jointless:
        notes.append(f"people without joints: {jointless:,}")
    if others:
        notes.append(left_out)
    notes += _without_box([person for people in splits.values() for person in people])
    return Converted(MPII_PERSON, splits, tuple(notes))


def _bearpaw_person(entry: Mapping[str, Any], where: str) -> tuple[str, ConvertedPerson]:
    if "joint_self" not in entry:
        form = ", but joints_vis, as lists of HRNet and MMPose have" if "joints_vis" in entry else ""
        raise Malformed(f"{where} has no joint_self{form}")
    joints = _numbers(entry["joint_self"], (_JOINTS, 3), f"joint_self of {where}")
    center, scale = (entry.get(key) for key in ("objpos", "scale_provided"))
    center = None if center in (None, []) else _numbers(center, (2,), f"objpos of {where}")
    scale = None if scale is None else float(_numbers(scale, (), f"scale_provided of {where}"))
    is_validation = entry.get("isValidation")
    if type(is_validation) not in (int, float, bool) or is_validation not in (0, 1):
        raise Malformed(f"isValidation of {where} is neither 0 nor 1")
    xy, visible = _without_place(joints[:, :2], joints[:, 2]), joints[:, 2]
    if (np.isnan(visible) & (xy[:, 0] > 0)).any():
        raise Malformed(f"joint_self of {where} has a joint without a flag")
    person = _person(file_name_of(entry.get("img_paths")), xy, np.nan_to_num(visible), center, scale)
    return ("val" if is_validation else "train"), person


def _without_place(joints: Floats, visible: Floats) -> Floats:
    """Joints (16, 2), 0 where one that is not flagged visible has no place: it is not labelled."""
    is_absent = np.isnan(joints).any(1) & ~(visible > 0)
    return np.where(is_absent[:, None], 0.0, joints)


def _numbers(value: Any, shape: tuple[int, ...], what: str) -> Floats:
    """Nested lists of numbers, NaN or null for none, as an array of that shape; raises :class:`Malformed` for anything
    else."""
    wanted = " x ".join(map(str, shape)) or "one number"
    rows = value if isinstance(value, list) else [value]
    flat = [one for row in rows for one in (row if isinstance(row, list) else [row])]
    if not all(one is None or (type(one) in (int, float) and not abs(one) >= 2**53) for one in flat):
        raise Malformed(f"{what} holds something that is not a number, or not finite, or too large")
    try:
        array = np.array(value, np.float64)
    except ValueError as error:
        raise Malformed(f"{what} is not {wanted}") from error
    if array.shape != shape:
        raise Malformed(f"{what} is not {wanted}")
    return array
