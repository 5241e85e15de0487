"""Annotation files of other data sets, read so that no file harms the process that asks.

scipy's and h5py's readers are written in C, and a hostile file makes them crash (structs nested a few thousand deep),
take all memory (sizes that it only claims) or never end. So a process of its own reads .mat and .h5 files, bounded in
memory and time, and answers with plain JSON. JSON files are read strictly, here.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Literal

import numpy as np

from shgae.artifacts import reader_process, strict_json
from shgae.artifacts.input_file import Source, open_input
from shgae.data.converters import lsp, mpii
from shgae.data.converters.people import Converted, ConvertedPerson, Malformed
from shgae.errors import Refused
from shgae.execution import StopFlag
from shgae.skeleton import Skeleton

DataSet = Literal["mpii", "lsp"]
_READERS: Mapping[str, tuple[Callable[[Source], Converted], str]] = {
    "mpii": (mpii.read_mpii, mpii.FIX),
    "lsp": (lsp.read_lsp, lsp.FIX),
}
_MEMORY_LIMIT = 8 << 30
"""Bytes that the reader may take beyond what it starts with: MPII's release becomes some 2 GB of objects."""
_TIME_LIMIT = 600.0
"""Seconds that it may take."""
_MOST_ANSWERED = 1 << 29


def read_annotations(data_set: DataSet, path: Path, stop: StopFlag | None = None) -> Converted:
    """The people of a file, as :func:`shgae.data.converters.mpii.read_mpii` or ``read_lsp`` finds them.

    The wish to stop is heard while it is read.

    Raises:
        Refused: the file is missing or malformed, its reader crashed or needed too much, or a package is missing.
        Interrupted: a signal came.
    """
    read, fix = _READERS[data_set]
    if path.suffix.lower() == ".json":
        return read(path)
    stop = StopFlag() if stop is None else stop
    with open_input(path, "annotations") as file:
        try:
            words = [str(_MEMORY_LIMIT), data_set, str(path)]
            answer = reader_process.ask(__name__, words, file, _TIME_LIMIT, _MOST_ANSWERED, stop)
        except reader_process.TooLong as error:
            why = f"reading it took more than {_TIME_LIMIT:.0f} s, or it holds more than annotations can"
            raise Refused("annotations", path, why, fix) from error
    stop.raise_if_set(path, "the same command again", saved=False)
    if answer.code < 0:
        why = f"its reader crashed (signal {-answer.code}), as by structs that are nested too deeply"
        raise Refused("annotations", path, why, fix)
    if answer.code not in (0, reader_process.REFUSES):
        raise RuntimeError(f"the reader of {path} failed:\n{answer.err}")
    try:
        found = strict_json.parse(answer.out)
        if answer.code == reader_process.REFUSES:
            raise Refused("annotations", path, found["why"], found["fix"])
        return _converted(found)
    except (strict_json.JsonFault, Malformed, ValueError, KeyError, TypeError) as error:
        raise Refused("annotations", path, f"what was read is not people ({type(error).__name__})", fix) from error


def _converted(found: Any) -> Converted:
    splits = {split: [_person(*row) for row in rows] for split, rows in found["splits"].items()}
    return Converted(Skeleton.from_json(found["skeleton"]), splits, tuple(found["notes"]))


def _person(name: str, joints: list[list[float]], visibility: list[int], *rest: Any) -> ConvertedPerson:
    given: list[Any] = [tuple(one) if isinstance(one, list) else one for one in rest]
    box, head_box, head_size, center, scale = given
    xy_photo, flags = np.array(joints, np.float64), np.array(visibility, np.uint8)
    return ConvertedPerson(name, xy_photo, flags, box, head_box, head_size, center, scale)


def _row(person: ConvertedPerson) -> list[Any]:
    numbers = [person.box, person.head_box, person.head_size, person.center, person.scale]
    return [person.file_name, person.xy_photo.tolist(), person.visibility.tolist(), *numbers]


def _child(parent: int, memory: int, data_set: str, path: str) -> int:
    """Reads standard input, a file of that path; the whole life of the reader."""
    reader_process.begin(parent, memory)
    file = sys.stdin.buffer
    file.raw.name = path  # type: ignore[union-attr]  # a handle's name is the path, as open_input has it
    answer: dict[str, Any]
    try:
        found = _READERS[data_set][0](file)  # type: ignore[arg-type]
        splits = {split: [_row(person) for person in people] for split, people in found.splits.items()}
        answer, code = {"skeleton": found.skeleton.to_json(), "splits": splits, "notes": found.notes}, 0
    except Refused as error:
        answer, code = {"why": error.why, "fix": error.fix}, reader_process.REFUSES
    except MemoryError:
        why = "it needs more memory than annotations may"
        answer, code = {"why": why, "fix": _READERS[data_set][1]}, reader_process.REFUSES
    with suppress(BrokenPipeError):
        sys.stdout.buffer.write(json.dumps(answer).encode())
        sys.stdout.buffer.flush()
    return code


if __name__ == "__main__":
    sys.exit(_child(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3], sys.argv[4]))
