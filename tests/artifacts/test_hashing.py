"""A file is hashed once while it stays as it is, and anew whenever it may not have stayed so."""

from __future__ import annotations

import hashlib
import os
import signal
import time
from collections.abc import Sequence
from io import BufferedReader
from pathlib import Path

import numpy as np
import pytest

from shgae.artifacts import hashing
from shgae.artifacts.hashing import (
    hash_file,
    hash_open,
    known_hash,
    learn,
    led_out,
    misfit,
    of_each,
    state_of,
    unlike,
    was_written,
)
from shgae.artifacts.input_file import open_input
from shgae.artifacts.store import verify_files
from shgae.errors import Interrupted, Refused
from shgae.execution import Execution, ProcessGroup, Progress, StopFlag
from tests.builders.artefacts import make


def known(path: Path) -> str:
    """What is known of the file at a path."""
    with open_input(path) as file:
        return known_hash(file)


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the files that are read, in a process that knows none."""
    names: list[str] = []

    def watched(file: BufferedReader) -> str:
        names.append(Path(file.name).name)
        return hash_open(file)

    monkeypatch.setattr(hashing, "hash_open", watched)
    monkeypatch.setattr(hashing, "_known", {})
    return names


@pytest.fixture
def rested(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every file counts as long unchanged."""
    monkeypatch.setattr(hashing, "_RESTED", -(10**18))


def test_a_file_is_hashed_over_its_whole_content(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"ab" * 300_000)
    assert hash_file(tmp_path / "x") == hashlib.sha256(b"ab" * 300_000).hexdigest()


def test_a_file_that_is_open_is_hashed_from_its_beginning_and_is_there_again(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"one")
    with open_input(tmp_path / "x") as file:
        file.read(1)
        assert hash_open(file) == hashlib.sha256(b"one").hexdigest()
        assert file.read() == b"one"


def test_a_file_that_stays_as_it_is_is_read_once(tmp_path: Path, read: list[str], rested: None) -> None:
    (tmp_path / "x").write_bytes(b"one")
    for _ in range(3):
        assert known(tmp_path / "x") == hashlib.sha256(b"one").hexdigest()
    (tmp_path / "x").rename(tmp_path / "y")
    assert known(tmp_path / "y") == hashlib.sha256(b"one").hexdigest()
    assert read[0] == "x" and len(read) <= 2  # a rename may be a change of the file, as on ext4


def test_a_change_of_equal_length_and_date_is_noticed(tmp_path: Path, read: list[str], rested: None) -> None:
    path = tmp_path / "x"
    path.write_bytes(b"one")
    before = path.stat()
    known(path)
    while path.stat().st_ctime_ns == before.st_ctime_ns:
        path.write_bytes(b"two")
        os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert path.stat().st_mtime_ns == before.st_mtime_ns
    assert known(path) == hashlib.sha256(b"two").hexdigest()


def test_a_file_that_was_just_changed_is_read_again(tmp_path: Path, read: list[str]) -> None:
    (tmp_path / "x").write_bytes(b"one")
    for _ in range(2):
        known(tmp_path / "x")
    assert read == ["x", "x"]


@pytest.mark.parametrize(("since", "reads"), [(0, 2), (2_000_000_000, 2), (2_000_000_001, 1)])
@pytest.mark.parametrize("dated", [-3_000_000_000, 3_000_000_000], ids=["older content", "a date to come"])
def test_a_file_counts_as_resting_two_seconds_after_its_last_change(
    tmp_path: Path, read: list[str], monkeypatch: pytest.MonkeyPatch, since: int, reads: int, dated: int
) -> None:
    path = tmp_path / "x"
    path.write_bytes(b"one")
    written = path.stat().st_mtime_ns
    os.utime(path, ns=(written, written + dated))
    last = max(path.stat().st_mtime_ns, path.stat().st_ctime_ns)
    monkeypatch.setattr(time, "time_ns", lambda: last + since)
    for _ in range(2):
        known(path)
    assert len(read) == reads


def test_the_hash_of_a_file_that_changes_while_it_is_read_is_not_kept(
    tmp_path: Path, rested: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    def overtaken(file: BufferedReader) -> str:
        found = hash_open(file)
        Path(file.name).write_bytes(b"two, and longer")
        return found

    (tmp_path / "x").write_bytes(b"one")
    monkeypatch.setattr(hashing, "_known", {})
    monkeypatch.setattr(hashing, "hash_open", overtaken)
    known(tmp_path / "x")
    assert hashing._known == {}


def test_an_artefact_is_not_hashed_twice_unless_that_is_asked_for(
    tmp_path: Path, read: list[str], rested: None
) -> None:
    artifact = make(tmp_path / "a")
    read.clear()  # to make it is to hash it too
    verify_files(artifact)
    once = sorted(read)
    verify_files(artifact)
    assert sorted(read) == once == ["history.jsonl", "x.safetensors", "y.safetensors"]
    verify_files(artifact, anew=True)
    assert len(read) == 6
    (tmp_path / "a" / "history.jsonl").write_text('{"seconds": 7}\n')
    with pytest.raises(Refused, match="history.jsonl"):
        verify_files(artifact)


class OneOfTwo(ProcessGroup):
    """One of two processes, of which the other one filled in these arrays, one after another."""

    def __init__(self, rank: int, others: Sequence[np.ndarray] = ()) -> None:
        self.rank, self.size, self.others, self.own = rank, 2, list(others), list[np.ndarray]()

    def merge_disjoint(self, array: np.ndarray) -> np.ndarray:
        self.own.append(array.copy())
        return array + self.others.pop(0) if self.others else array


def test_two_processes_hash_half_of_an_artefact_each_and_know_it_whole(
    tmp_path: Path, read: list[str], rested: None
) -> None:
    artifact = make(tmp_path / "a")
    hashing._known.clear()  # to make it is to hash it too
    read.clear()
    second = OneOfTwo(1)
    verify_files(artifact, execution=Execution(world=second))
    assert read == ["y.safetensors"]
    hashing._known.clear()
    read.clear()
    verify_files(artifact, execution=Execution(world=OneOfTwo(0, second.own)))
    verify_files(artifact)
    assert sorted(read) == ["history.jsonl", "x.safetensors"]


def test_what_another_process_hashed_is_known_where_it_is_the_same_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = ("mine", "its", "mine but other", "its but other", "mine unread", "its since replaced")
    files, states = [], []
    for name in names:
        (tmp_path / name).write_bytes(name.encode())
        files.append((tmp_path / name, hash_file(tmp_path / name)))
        with open_input(tmp_path / name) as file:
            states.append(state_of(file))
    known = {states[place]: files[place][1] for place in (0, 1, 5)} | {states[2]: "0" * 64, states[3]: "0" * 64}
    other = OneOfTwo(1)
    monkeypatch.setattr(hashing, "_known", {states[place]: known[states[place]] for place in (1, 3, 5)})
    learn(files, other)
    (tmp_path / names[5]).write_bytes(b"longer than it was then")
    here = {states[place]: known[states[place]] for place in (0, 2)}
    monkeypatch.setattr(hashing, "_known", here.copy())
    learn(files, OneOfTwo(0, other.own))
    assert hashing._known == here | {states[1]: files[1][1]}


def test_long_hashing_is_told_in_megabytes_that_add_up() -> None:
    class Told(Progress):
        def __init__(self) -> None:
            self.tasks: list[list[object]] = []

        def start(self, what: str, total: int, unit: str, done: int = 0) -> None:
            self.tasks.append([what, total, unit])

        def advance(self, amount: int = 1, facts: str = "") -> None:
            self.tasks[-1].append(amount)

        def finish(self) -> None:
            self.tasks[-1].append("done")

    told = Told()
    sizes = [("a", 700_000_001), ("b", 999_999), ("c", 3_500_000)]
    assert of_each(str.upper, sizes, "checking data", Execution(progress=told)) == ["A", "B", "C"]
    assert of_each(str.upper, sizes[1:], "checking data", Execution(progress=told)) == ["B", "C"]
    assert told.tasks == [["checking data", 704, "MB", 700, 1, 3, "done"]]
    told.tasks.clear()
    of_each(str.upper, [("a", 499_999_999)], "checking data", Execution(progress=told))
    of_each(str.upper, [("a", 500_000_000)], "checking data", Execution(progress=told))
    assert told.tasks == [["checking data", 500, "MB", 500, "done"]]


def test_a_wish_to_stop_long_hashing_is_heard_between_two_files_and_the_rest_is_left() -> None:
    stop, seen = StopFlag(), []

    def work(item: int) -> int:
        seen.append(item)
        time.sleep(0.001)
        stop.signal_number = signal.SIGINT
        return item

    files = [(item, 10_000_000) for item in range(200)]
    with pytest.raises(Interrupted, match="in checking data: .* nothing was written"):
        of_each(work, files, "checking data", Execution(stop=stop))
    assert len(seen) < 100
    assert len(of_each(work, files, "hashing data", Execution(stop=stop), stops=False)) == 200


def test_short_hashing_is_done_before_a_wish_to_stop_is_heard() -> None:
    stop = StopFlag()
    stop.signal_number = signal.SIGINT
    assert of_each(str.upper, [("a", 1), ("b", 2)], "checking data", Execution(stop=stop)) == ["A", "B"]


def test_a_link_is_followed_inside_its_folder_and_no_further(tmp_path: Path) -> None:
    root = tmp_path / "a"
    (root / "deep").mkdir(parents=True)
    (root / "x").write_bytes(b"one")
    (tmp_path / "outside").write_bytes(b"one")
    (root / "deep" / "in").symlink_to("../x")
    (root / "deep" / "out").symlink_to("../../outside")
    (root / "folder").symlink_to(tmp_path)
    (tmp_path / "link").symlink_to(root)
    for where in (root, tmp_path / "link"):
        assert [led_out(where / name, where) for name in ("x", "deep/in", "nothing")] == [None] * 3
        for name in ("deep/out", "folder/outside", "../outside"):
            assert led_out(where / name, where) is not None


def test_what_is_unlike_is_said_in_words(tmp_path: Path) -> None:
    path = tmp_path / "x"
    sha256 = hashlib.sha256(b"one").hexdigest()
    assert unlike(path, sha256, 3, anew=True) == "is missing"
    path.write_bytes(b"one")
    assert unlike(path, sha256, 3, anew=True) is None
    assert unlike(path, sha256, 4, anew=True) == "has 3 bytes, 4 were written"
    path.write_bytes(b"two")
    assert unlike(path, sha256, 3, anew=False) == "was changed since it was written"


def test_a_file_that_may_not_be_read_is_not_taken_for_a_damaged_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "x"
    path.touch()

    def forbid(*_: object) -> int:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(os, "open", forbid)
    assert "permissions" in str(unlike(path, "0" * 64, 0, anew=True))


def test_a_file_is_written_to_where_its_content_changes_and_not_where_another_takes_its_place(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"before")
    with path.open("rb") as file:
        state = state_of(file)
    assert not was_written(path, state)
    path.chmod(0o600)
    assert not was_written(path, state)
    (tmp_path / "b").write_bytes(b"another one")
    with path.open("rb"):  # so that its inode is not given to another
        (tmp_path / "b").replace(path)
        assert not was_written(path, state)
        path.unlink()
        assert not was_written(path, state)


@pytest.mark.parametrize("content", [b"after!", b"longer than before", b""])
def test_a_file_of_another_size_or_time_was_written_to(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"before")
    os.utime(path, ns=(1, 1))
    with path.open("rb") as file:
        state = state_of(file)
    path.write_bytes(content)
    assert was_written(path, state)


def test_a_file_of_another_size_or_none_is_told_unread(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"one")
    assert [misfit(tmp_path / "x", size) for size in (2, 3)] == ["has 3 bytes, 2 were written", None]
    assert misfit(tmp_path / "y", 3) == misfit(tmp_path, 3) == "is missing"
