"""An artefact is opened whole and of the wanted kind, or refused by what is wrong with it."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest

from shgae.artifacts.manifest import MANIFEST, PLAN, REPORT
from shgae.artifacts.store import agree, open_artifact
from shgae.artifacts.tensors import load_tensors
from shgae.errors import Refused
from shgae.execution import ProcessGroup
from tests.builders.artefacts import FILES, interrupted, make, put, replace_by_folder


def rewritten(change: Callable[[bytes], bytes]) -> Callable[[Path], object]:
    return lambda path: path.write_bytes(change(path.read_bytes()))


def links_to(other: Path) -> Callable[[Path], object]:
    """Puts a link to another file in the place of one."""
    return lambda path: (path.unlink(), path.symlink_to(other))


DAMAGES: dict[str, tuple[Callable[[Path], object], str]] = {
    "deleted": (Path.unlink, "is missing"),
    "a folder in its place": (replace_by_folder, "is missing"),
    "emptied": (lambda path: os.truncate(path, 0), "has 0 bytes"),
    "cut to a byte": (lambda path: os.truncate(path, 1), "has 1 bytes"),
    "cut in half": (lambda path: os.truncate(path, path.stat().st_size // 2), "were written"),
    "without its last byte": (lambda path: os.truncate(path, path.stat().st_size - 1), "were written"),
    "longer": (rewritten(lambda data: data + b"\0"), "were written"),
    "first bit flipped": (rewritten(lambda data: bytes([data[0] ^ 1]) + data[1:]), "was changed"),
    "last bit flipped": (rewritten(lambda data: data[:-1] + bytes([data[-1] ^ 128])), "was changed"),
}


@pytest.mark.parametrize(("damage", "why"), DAMAGES.values(), ids=DAMAGES)
@pytest.mark.parametrize("name", FILES)
def test_a_damaged_file_is_refused_by_name(
    tmp_path: Path, name: str, damage: Callable[[Path], object], why: str
) -> None:
    damage(make(tmp_path / "data").path / name)
    with pytest.raises(Refused, match=f"data: {name} {why}|data: {name} has .* {why}"):
        open_artifact(tmp_path / "data", "data")
    open_artifact(tmp_path / "data", verify=False)


@pytest.mark.parametrize("name", FILES)
def test_a_file_of_another_run_is_refused_by_name(tmp_path: Path, name: str) -> None:
    one, other = make(tmp_path / "one", value=1), make(tmp_path / "other", value=2)
    shutil.copy(other.path / name, one.path / name)
    with pytest.raises(Refused, match=f"{name} was changed"):
        open_artifact(one.path)


@pytest.mark.parametrize("name", FILES)
def test_every_single_flipped_bit_is_seen(tmp_path: Path, name: str) -> None:
    path = make(tmp_path / "data").path / name
    whole = path.read_bytes()
    for place in range(0, len(whole), 7):
        with path.open("r+b") as file:
            file.seek(place)
            file.write(bytes([whole[place] ^ (1 << place % 8)]))
        with pytest.raises(Refused, match=name):
            open_artifact(tmp_path / "data")
        with path.open("r+b") as file:
            file.write(whole)
    open_artifact(tmp_path / "data")


def test_several_damaged_files_are_counted(tmp_path: Path) -> None:
    path = make(tmp_path / "data").path
    for number, name in enumerate(reversed(FILES)):
        (path / name).unlink()
        more = rf" \(and {number} more\)" if number else ""
        with pytest.raises(Refused, match=rf"{name} is missing{more}\. "):
            open_artifact(path)


@pytest.mark.parametrize("name", FILES)
def test_a_file_is_opened_as_it_was_written_or_refused_by_name(tmp_path: Path, name: str) -> None:
    artifact = make(tmp_path / "data")
    whole = (artifact.path / name).read_bytes()
    with artifact.open(name) as file:
        assert file.read() == whole
    away = put(tmp_path / "away", whole)
    for damage in (lambda path: put(path, bytes(len(whole))), lambda path: os.truncate(path, 3), links_to(away)):
        damage(artifact.path / name)
        with pytest.raises(Refused, match=f"data: {name} "):
            artifact.open(name)
        with pytest.raises(Refused, match=f"data: {name} "):
            open_artifact(artifact.path)


def test_an_artefact_knows_its_config_its_parents_and_itself(tmp_path: Path) -> None:
    data = make(tmp_path / "data", value=7)
    model = make(tmp_path / "model", "hourglass", parents={"data": data})
    assert dict(data.config) == {"seed": 7} and dict(data.facts) == {"rows": 3}
    assert len(data.short_id) == 12 and data.id.startswith(data.short_id)
    assert (parent := model.parent("data")) and parent.id == data.id
    assert data.parent("data") is model.parent("model") is None
    assert data.to_json() == {"output": str(data.path), "kind": "data", "id": data.id}


def test_a_file_that_the_user_put_into_the_folder_is_tolerated_and_not_part_of_it(tmp_path: Path) -> None:
    artifact = make(tmp_path / "data")
    (artifact.path / "notes.txt").write_text("my notes")
    assert open_artifact(artifact.path) == artifact
    with pytest.raises(Refused, match="file notes.txt in .* not part"):
        artifact.file("notes.txt")
    with pytest.raises(Refused, match="not part"):
        artifact.file("../data/x.safetensors")


@pytest.mark.parametrize(
    ("kind", "wanted", "sentence"),
    [
        ("activations", ("data",), "it holds activations, wanted prepared data"),
        ("data", ("hourglass",), "it holds prepared data, wanted an hourglass"),
        ("hourglass", ("autoencoder",), "it holds an hourglass, wanted an autoencoder"),
        ("autoencoder", ("hourglass", "activations"), "it holds an autoencoder, wanted an hourglass or activations"),
        ("evaluation", ("data",), "it holds an evaluation, wanted prepared data"),
    ],
)
def test_an_artefact_of_another_kind_is_refused_and_both_kinds_are_named(
    tmp_path: Path, kind: str, wanted: tuple[str, ...], sentence: str
) -> None:
    path = make(tmp_path / "x", kind).path
    with pytest.raises(Refused, match=sentence) as fault:
        open_artifact(path, *wanted)
    assert "Try: another folder, or another order of the arguments" in str(fault.value), "an option has no order"
    assert open_artifact(path, *wanted, kind).manifest.kind == kind


def test_a_folder_that_is_no_artefact_is_refused_for_what_it_is(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "folder").mkdir()
    interrupted(tmp_path / "run")
    for name, why in {
        "none": "no such folder, wanted an hourglass",
        "folder": "no manifest.json in it, so it is not an hourglass",
        "file": "it is a file, wanted an hourglass",
        "run": "unfinished: its step was interrupted, or is still at work. Try: that step again, with --resume",
        "run.partial": "unfinished: its step was interrupted",
    }.items():
        with pytest.raises(Refused, match=why):
            open_artifact(tmp_path / name, "hourglass")
    with pytest.raises(Refused, match="wanted an artefact"):
        open_artifact(tmp_path / "none")


def test_a_folder_of_a_study_is_refused_by_how_far_it_has_come(tmp_path: Path) -> None:
    (tmp_path / PLAN).touch()
    with pytest.raises(Refused, match="it holds a study, wanted prepared data. Try: one of the artefacts in it"):
        open_artifact(tmp_path, "data")
    with pytest.raises(Refused, match="study in .*: it has no report yet"):
        open_artifact(tmp_path)
    (tmp_path / REPORT).touch()
    for kinds in ((), ("data",)):
        with pytest.raises(Refused, match=f"no {MANIFEST} in it"):
            open_artifact(tmp_path, *kinds)


def test_the_tensors_of_an_artefact_are_what_was_written(tmp_path: Path) -> None:
    artifact = make(tmp_path / "data", value=7)
    np.testing.assert_array_equal(load_tensors(artifact.file("x.safetensors"))["x"], np.full(3, 7, np.float32))


@pytest.mark.parametrize(
    ("kinds", "fix"),
    [
        (("data",), "a folder that shgae prepare made"),
        (("hourglass", "autoencoder"), "a folder that shgae train or shgae pretrain-ae made"),
        (("figures",), "check the path"),
        ((), "check the path"),
    ],
)
def test_an_empty_folder_is_refused_with_the_command_that_makes_what_is_wanted(
    tmp_path: Path, kinds: tuple[str, ...], fix: str
) -> None:
    with pytest.raises(Refused) as caught:
        open_artifact(tmp_path, *kinds)
    assert caught.value.fix == fix


class Two(ProcessGroup):
    """The first of two processes, of which the other one found faults."""

    def __init__(self, faults: Sequence[int]) -> None:
        self.rank, self.size, self.faults = 0, 2, faults

    def merge_disjoint(self, array: np.ndarray) -> np.ndarray:
        return np.maximum(array, np.asarray(self.faults, array.dtype))


def test_what_another_process_found_is_refused_here_too(tmp_path: Path) -> None:
    artifact = make(tmp_path / "made")
    agree(artifact, FILES, {}, Two([0, 0, 0]))
    with pytest.raises(Refused, match=f"{FILES[1]} is another file"):
        agree(artifact, FILES, {}, Two([0, 1, 0]))
    with pytest.raises(Refused, match=rf"{FILES[0]} is torn \(and 2 more\)\. "):
        agree(artifact, FILES, {FILES[0]: f"{FILES[0]} is torn"}, Two([0, 1, 1]))
    (artifact.path / FILES[1]).unlink()
    with pytest.raises(Refused, match=f"{FILES[1]} is missing\\. "):
        agree(artifact, FILES, {}, Two([0, 1, 0]))
