"""Files are hashed while their reader is at work, and none of them is believed before."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path

import pytest

from shgae.artifacts.checking import check_sizes, checking
from shgae.artifacts.store import Artifact
from shgae.errors import Refused
from shgae.execution import ProcessGroup
from tests.builders.artefacts import FILES, make

WORLD = ProcessGroup()
TENSORS = "x.safetensors"


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)


def lead_out(path: Path) -> None:
    away = path.parent.parent / "elsewhere"
    path.rename(away)
    path.symlink_to(away)


class Endless(Future[str | None]):
    """The hash of a file that takes for ever."""

    def result(self, timeout: float | None = None) -> str | None:
        raise AssertionError("it was waited for")


@pytest.fixture
def artifact(tmp_path: Path) -> Artifact:
    return make(tmp_path / "made")


def test_files_that_are_as_they_were_written_are_waited_for_and_looked_at(artifact: Artifact) -> None:
    check_sizes(artifact)
    with checking(artifact, FILES, WORLD) as files:
        files.wait(FILES)
        files.look()


def test_a_file_that_was_changed_is_refused_by_whoever_waits_for_it_and_no_other(artifact: Artifact) -> None:
    flip(artifact.path / TENSORS)
    others = [name for name in FILES if name != TENSORS]
    with checking(artifact, FILES, WORLD) as files:
        files.wait(others)
        with pytest.raises(Refused, match=f"{re.escape(TENSORS)} was changed"):
            files.wait(FILES)


def test_a_look_tells_what_was_found_by_then(artifact: Artifact) -> None:
    flip(artifact.path / TENSORS)
    with checking(artifact, FILES, WORLD) as files:
        with pytest.raises(Refused):
            files.wait(FILES)
        with pytest.raises(Refused, match=re.escape(TENSORS)):
            files.look()


def test_a_look_waits_for_nothing(artifact: Artifact, monkeypatch: pytest.MonkeyPatch) -> None:
    with checking(artifact, FILES, WORLD) as files:
        monkeypatch.setattr(files, "_hashed", {TENSORS: Endless()})
        files.look()


def test_who_stops_waits_for_no_file_and_those_not_begun_are_never_hashed(
    artifact: Artifact, monkeypatch: pytest.MonkeyPatch
) -> None:
    go, begun, ended = threading.Event(), list[str](), list[str]()

    def slow(_: Artifact, name: str) -> None:
        begun.append(name)
        go.wait(5)
        ended.append(name)

    monkeypatch.setattr("shgae.artifacts.checking.fault_of", slow)
    others = set(threading.enumerate())
    with checking(artifact, [str(number) for number in range(20)], WORLD):
        pass
    assert ended == []
    go.set()
    for thread in set(threading.enumerate()) - others:
        thread.join(5)
        assert not thread.is_alive()
    assert len(begun) == len(ended) < 20


@pytest.mark.parametrize(
    ("spoil", "why"),
    [
        (Path.unlink, "is missing"),
        (lambda path: path.write_bytes(b""), "has 0 bytes"),
        (lead_out, "is a link that leads out of the artefact"),
    ],
)
def test_what_shows_without_reading_is_refused_at_once(
    artifact: Artifact, spoil: Callable[[Path], object], why: str
) -> None:
    spoil(artifact.path / TENSORS)
    with pytest.raises(Refused, match=f"{re.escape(TENSORS)} {why}"):
        check_sizes(artifact)


def test_another_byte_in_a_file_of_the_same_size_does_not_show_without_reading(artifact: Artifact) -> None:
    flip(artifact.path / TENSORS)
    check_sizes(artifact)
