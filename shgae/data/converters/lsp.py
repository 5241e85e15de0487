"""Leeds Sports Pose (Johnson and Everingham 2010) and its Extended Training set (2011): ``joints.mat`` -> people.

LSP's ``joints`` is (3, 14, 2000), its third row 1 for a hidden joint; the extended set's is (14, 3, 10000), its third
column 1 for a labelled joint, all of them visible. The file holds no names: photo n is imNNNN.jpg, or imNNNNN.jpg in
the extended set. LSP's first 1,000 are for training, the others for testing.
"""

from __future__ import annotations

import numpy as np

from shgae.arrays import Floats
from shgae.artifacts.input_file import Source, path_of
from shgae.data.converters.mat_files import read_variable
from shgae.data.converters.people import BrokenPeople, Converted, ConvertedPerson, Malformed
from shgae.errors import Refused
from shgae.skeleton import LSP_PERSON

_JOINTS = len(LSP_PERSON)
FIX = "joints.mat of LSP (3 x 14 x 2000) or of LSP Extended (14 x 3 x 10000)"
_TRAINING = 1000


def read_lsp(source: Source) -> Converted:
    """The people of LSP (splits train and test) or of LSP Extended (train); a hostile file can crash the process.

    Raises:
        Refused: the file is missing, malformed, or of version 7.3.
    """
    joints = read_variable(source, "joints", FIX)
    broken = BrokenPeople()
    if isinstance(joints, np.ndarray) and joints.ndim == 2:  # of one person, for MATLAB has no third axis of 1
        joints = joints[..., None]
    try:
        is_number = isinstance(joints, np.ndarray) and np.issubdtype(joints.dtype, np.number) and joints.ndim == 3
        if not is_number or np.iscomplexobj(joints):
            raise Malformed("joints is not an array of numbers of three axes")
        if joints.shape[:2] == (3, _JOINTS):
            every = joints.transpose(2, 1, 0).astype(np.float64)
            splits = {
                "train": _people(every[:_TRAINING], "im{:04d}.jpg", broken, hidden=True),
                "test": _people(every[_TRAINING:], "im{:04d}.jpg", broken, hidden=True, first=_TRAINING + 1),
            }
        elif joints.shape[:2] == (_JOINTS, 3):
            every = joints.transpose(2, 0, 1).astype(np.float64)
            splits = {"train": _people(every, "im{:05d}.jpg", broken, hidden=False)}
        else:
            raise Malformed(f"joints is {' x '.join(map(str, joints.shape))}")
        left_out = broken.notes(sum(map(len, splits.values())))
    except Malformed as fault:
        raise Refused("annotations", path_of(source), str(fault), FIX) from fault
    notes = (
        "box: the format has none",
        "photo names: the format has none, they follow from the order (im0001.jpg, ...)",
        *left_out,
    )
    return Converted(LSP_PERSON, {name: people for name, people in splits.items() if people}, notes)


def _people(joints: Floats, name: str, broken: BrokenPeople, *, hidden: bool, first: int = 1) -> list[ConvertedPerson]:
    """The sound people of joints (N, 14, 3); the third number flags a hidden joint, or a labelled one."""
    flags = joints[..., 2]
    visibility = (np.where(flags == 1, 1, 2) if hidden else np.where(flags == 1, 2, 0)).astype(np.uint8)
    xy_photo = np.where((visibility > 0)[..., None], joints[..., :2], 0.0)
    people: list[ConvertedPerson] = []
    for row in range(len(joints)):
        photo = name.format(first + row)
        with broken.counted():
            if not np.isin(flags[row], (0, 1)).all():
                raise Malformed(f"the flag of a joint of {photo} is neither 0 nor 1")
            people.append(ConvertedPerson(photo, xy_photo[row], visibility[row]))
    return people
