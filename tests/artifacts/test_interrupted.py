"""Steps that end early, are continued or begun anew, and two writers of one target."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from shgae.artifacts import draft
from shgae.artifacts.draft import new_artifact
from shgae.artifacts.folders import INTENT, unfinished
from shgae.artifacts.manifest import MANIFEST
from shgae.artifacts.store import open_artifact, verify_files
from shgae.artifacts.tables import append_row
from shgae.errors import Refused
from shgae.execution import Execution
from tests.builders.artefacts import FILES, FORCE, RESUME, everything, fill, interrupted, make
from tests.builders.chain import Notes


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt, SystemExit])
def test_a_failure_leaves_the_old_target_and_clears_the_draft(tmp_path: Path, error: type[BaseException]) -> None:
    make(tmp_path / "data", value=1)
    before = everything(tmp_path)
    with (
        pytest.raises(error),
        new_artifact(tmp_path / "data", kind="data", config={}, parents={}, execution=FORCE) as made,
    ):
        made.write_json("x.json", {})
        raise error
    assert everything(tmp_path) == before


def test_a_resumable_draft_stays_and_is_continued(tmp_path: Path) -> None:
    partial = interrupted(tmp_path / "run")
    assert not (tmp_path / "run").exists()
    assert unfinished(tmp_path / "run") == unfinished(partial) == (partial, {"kind": "hourglass", "seed": 0})
    with new_artifact(
        tmp_path / "run", kind="hourglass", config={"seed": 0}, parents={}, execution=RESUME, resumable=True
    ) as made:
        assert made.resumed
        assert (made.path / "half.json").is_file()
        artifact = made.commit({})
    assert tuple(artifact.manifest.files) == ("half.json",)
    assert unfinished(tmp_path / "run") is None
    assert open_artifact(tmp_path / "run").id == artifact.id


@pytest.mark.parametrize(
    "content", ["", "{", "[]", "{}", '{"kind": null}', '{"kind": "x"}', '{"kind": "data", "kind": 1}']
)
def test_a_draft_that_does_not_say_what_it_is_can_be_begun_again_and_not_resumed(tmp_path: Path, content: str) -> None:
    partial = interrupted(tmp_path / "run")
    (partial / INTENT).write_text(content)
    before = everything(partial)
    for execution in (Execution(), RESUME, Execution(resume=True, force=True)):
        with pytest.raises(Refused, match=r"intent.json .*with --force"):
            make(tmp_path / "run", execution=execution, resumable=True)
    with pytest.raises(Refused, match="unfinished artefact in .*run.partial"):
        unfinished(partial)
    assert everything(partial) == before
    made = make(tmp_path / "run", execution=FORCE, resumable=True)
    assert set(made.manifest.files) == set(FILES)
    assert not partial.exists()


def test_one_that_was_made_meanwhile_leaves_no_empty_draft(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(draft, "mend", lambda target: target.mkdir())  # as another process would
    with pytest.raises(Refused, match="it exists already"):
        make(tmp_path / "run")
    assert [path.name for path in tmp_path.iterdir()] == ["run"]


def test_a_full_disk_is_met_by_name_and_leaves_no_empty_draft(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "write_text", full)  # the process id in the lock
    monkeypatch.setattr(os, "fsync", full)
    for is_begun in (False, True):
        with pytest.raises(OSError, match="No space") as caught:
            append_row(tmp_path / "log", {}) if is_begun else make(tmp_path / "run")
        assert str(caught.value.filename) == str(tmp_path / ("log" if is_begun else f"run.partial/{INTENT}"))
    assert [path.name for path in tmp_path.iterdir()] == ["log"]


@pytest.mark.parametrize("name", ["x" * 240, "\N{GRINNING FACE}" * 60, "loop/x"])
def test_a_place_that_cannot_take_it_to_the_end_is_refused_before_the_work(tmp_path: Path, name: str) -> None:
    (tmp_path / "loop").symlink_to("loop")
    with pytest.raises((Refused, OSError), match="at most 239|Too many levels"):
        make(tmp_path / name)
    assert [path.name for path in tmp_path.iterdir()] == ["loop"]
    assert make(tmp_path / ("x" * 239)).id == make(tmp_path / ("x" * 239), execution=FORCE).id


def test_a_new_draft_is_not_called_resumed(tmp_path: Path) -> None:
    with new_artifact(tmp_path / "run", kind="data", config={}, parents={}, execution=RESUME, resumable=True) as made:
        assert not made.resumed


def test_another_config_kind_or_parent_is_not_resumed_and_the_differences_are_named(tmp_path: Path) -> None:
    target, data = tmp_path / "run", make(tmp_path / "data")
    partial = interrupted(target, value=1)
    before = everything(partial)
    for kind, config, parents, difference in (
        ("hourglass", {"seed": 2}, {}, "seed: 2 here, 1 there"),
        ("hourglass", {"seed": 1, "lr": 0.1}, {}, "lr: 0.1 here, None there"),
        ("autoencoder", {"seed": 1}, {}, "kind: autoencoder here, hourglass there"),
        ("hourglass", {"seed": 1}, {"data": data}, f"data: {data.id} here, None there"),
    ):
        with (
            pytest.raises(Refused, match="begun otherwise") as caught,
            new_artifact(target, kind=kind, config=config, parents=parents, execution=RESUME, resumable=True),
        ):
            pass
        assert difference in caught.value.line()
        assert {name: content for name, content in everything(partial).items() if name != ".lock"} == {
            name: content for name, content in before.items() if name != ".lock"
        }


def test_of_many_differences_some_are_shown(tmp_path: Path) -> None:
    interrupted(tmp_path / "run")
    config = dict.fromkeys("bcdefgh", 1)
    with (
        pytest.raises(Refused, match=r"\(b: 1 here, None there; .*; e: 1 here, None there and 4 more\)"),
        new_artifact(tmp_path / "run", kind="hourglass", config=config, parents={}, execution=RESUME, resumable=True),
    ):
        pass


@pytest.mark.parametrize("value", [0, 1])
def test_another_run_that_force_clears_is_told(tmp_path: Path, value: int) -> None:
    partial, notes = interrupted(tmp_path / "run"), Notes()
    make(tmp_path / "run", "hourglass", value, execution=Execution(force=True, progress=notes))
    told = f"note: {partial}, another run that was interrupted, is given up (--force)"
    assert notes.said == ([told] if value else [])


def test_a_config_with_tuples_is_resumed(tmp_path: Path) -> None:
    for execution in (Execution(), RESUME):
        with new_artifact(
            tmp_path / "run", kind="data", config={"t": (1, 2)}, parents={}, execution=execution, resumable=True
        ) as made:
            made.write_json("half.json", {})
    assert made.resumed


def test_a_resumable_draft_that_holds_nothing_yet_is_cleared(tmp_path: Path) -> None:
    with new_artifact(
        tmp_path / "run", kind="data", config={}, parents={}, execution=Execution(), resumable=True
    ) as made:
        made.file("train/later.safetensors")
    assert list(tmp_path.iterdir()) == []


def test_to_resume_what_is_complete_is_refused_and_says_so(tmp_path: Path) -> None:
    make(tmp_path / "run")
    with pytest.raises(Refused, match="complete already"):
        make(tmp_path / "run", execution=RESUME, resumable=True)


def test_an_interrupted_run_is_neither_continued_nor_dropped_unasked(tmp_path: Path) -> None:
    partial = interrupted(tmp_path / "run", value=1)
    with pytest.raises(Refused, match="run.partial. Try: --resume .*--force"):
        make(tmp_path / "run", "hourglass", 1, resumable=True)
    with pytest.raises(Refused, match="run.partial. Try: another --output, or --force"):
        make(tmp_path / "run", "hourglass", 2)  # another step, one that cannot be resumed
    assert (partial / "half.json").is_file()


@pytest.mark.parametrize("resumable", [True, False])
def test_force_starts_an_interrupted_run_anew(tmp_path: Path, resumable: bool) -> None:
    interrupted(tmp_path / "run")
    artifact = make(tmp_path / "run", value=3, execution=FORCE, resumable=resumable)
    assert tuple(artifact.manifest.files) == FILES
    assert [path.name for path in tmp_path.iterdir()] == ["run"]


def test_clearing_a_draft_follows_no_symlink(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "file").touch()
    (interrupted(tmp_path / "run") / "link").symlink_to(tmp_path / "mine")
    make(tmp_path / "run", execution=FORCE)
    assert everything(tmp_path / "mine") == {"file": b""}


def test_what_a_killed_write_left_does_not_enter_the_artefact(tmp_path: Path) -> None:
    partial = interrupted(tmp_path / "run")
    (partial / "train").mkdir()
    append_row(partial / ".pieces.jsonl", {"name": "train/x.safetensors"})
    for torn in (".half.json.99.tmp", "train/.x.safetensors.99.tmp", MANIFEST):
        (partial / torn).write_text("torn")
    artifact = make(tmp_path / "run", "hourglass", execution=RESUME, resumable=True)
    assert everything(artifact.path).keys() == {*FILES, "half.json", MANIFEST}
    verify_files(open_artifact(tmp_path / "run"))


WRITER = """
import sys
from pathlib import Path
from shgae.artifacts.draft import new_artifact
from shgae.execution import Execution
with new_artifact(Path(sys.argv[1]), kind="data", config={}, parents={}, execution=Execution()) as made:
    made.write_json("half.json", {})
    print("begun", flush=True)
    sys.stdin.read()
"""


def test_the_second_writer_is_told_the_first_ones_process_until_that_dies(tmp_path: Path) -> None:
    target = tmp_path / "data"
    first = subprocess.Popen([sys.executable, "-c", WRITER, target], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert first.stdin is not None and first.stdout is not None
    try:
        assert first.stdout.readline() == b"begun\n"
        for execution in (Execution(), FORCE, RESUME):
            with pytest.raises(Refused, match=f"process {first.pid} is writing it"):
                make(target, execution=execution)
        assert (tmp_path / "data.partial" / "half.json").is_file()
    finally:
        first.send_signal(signal.SIGKILL)
        first.communicate(timeout=20)
    with new_artifact(target, kind="data", config={}, parents={}, execution=Execution()) as made:
        artifact = fill(made, 1)
    assert tuple(artifact.manifest.files) == FILES
    assert [path.name for path in tmp_path.iterdir()] == ["data"]


def test_a_second_draft_of_the_same_process_is_refused_too(tmp_path: Path) -> None:
    with new_artifact(tmp_path / "data", kind="data", config={}, parents={}, execution=Execution()) as made:
        with pytest.raises(Refused, match=f"process {os.getpid()} is writing it"):
            make(tmp_path / "data", execution=FORCE)
        assert made.path.is_dir()
        fill(made, 1)
    open_artifact(tmp_path / "data")
