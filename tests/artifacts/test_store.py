from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from shgae.artifacts.draft import new_artifact
from shgae.artifacts.folders import REPLACED, partial_of, unfinished
from shgae.artifacts.manifest import MANIFEST
from shgae.artifacts.store import open_artifact, verify_files
from shgae.artifacts.tables import append_row
from shgae.artifacts.tensors import load_tensors
from shgae.errors import Refused
from shgae.execution import Execution
from tests.artifacts.conftest import Killed, everything, fill, make, recorded

FILES = ("history.jsonl", "train/y.safetensors", "x.safetensors")
FORCE, RESUME = Execution(force=True), Execution(resume=True)


def interrupted(target: Path, value: int = 0, kind: str = "hourglass") -> Path:
    """What a resumable step leaves when it ends early; its one file tells which step it was."""
    with (
        pytest.raises(KeyboardInterrupt),
        new_artifact(
            target, kind=kind, config={"seed": value}, parents={}, execution=Execution(), resumable=True
        ) as made,
    ):
        made.write_json("half.json", {"of": value})
        raise KeyboardInterrupt
    return partial_of(target)


# A draft and its commit


def test_nothing_appears_at_the_target_before_the_commit(tmp_path: Path) -> None:
    target = tmp_path / "data"
    with new_artifact(target, kind="data", config={}, parents={}, execution=Execution()) as made:
        made.write_json("x.json", {})
        assert not target.exists()
        assert made.path == tmp_path / "data.partial"
        made.commit({})
        assert target.is_dir()
    assert [path.name for path in tmp_path.iterdir()] == ["data"]


def test_without_a_commit_nothing_is_left(tmp_path: Path) -> None:
    with new_artifact(tmp_path / "data", kind="data", config={}, parents={}, execution=Execution()) as made:
        made.write_json("x.json", {})
    assert list(tmp_path.iterdir()) == []


def test_what_a_commit_returns_is_what_is_opened(tmp_path: Path) -> None:
    with new_artifact(
        tmp_path / "deep" / "data", kind="data", config={"t": (1, 2)}, parents={}, execution=Execution()
    ) as made:
        made.write_json("a/b/x.json", {})
        committed = made.commit({"by_number": {10: "a", 9: "b"}, "shape": (256, 4, 4), "mean": 0.1 + 0.2})
    assert open_artifact(tmp_path / "deep" / "data", "data") == committed
    assert committed.facts == {"by_number": {"10": "a", "9": "b"}, "shape": [256, 4, 4], "mean": 0.1 + 0.2}
    assert committed.short_id == committed.id[:12]


def test_an_artefact_holds_its_files_and_nothing_hidden(tmp_path: Path) -> None:
    artifact = make(tmp_path / "data")
    assert everything(artifact.path).keys() == {*FILES, MANIFEST}
    assert tuple(artifact.manifest.files) == FILES
    assert artifact.file("train/y.safetensors") == tmp_path / "data" / "train" / "y.safetensors"
    assert [name for name, entry in artifact.manifest.files.items() if entry.volatile] == ["history.jsonl"]


def test_the_same_content_has_the_same_id_anywhere_and_at_any_time(tmp_path: Path) -> None:
    one, other = make(tmp_path / "one", value=1), make(tmp_path / "deep" / "other", value=1)
    assert one.id == other.id
    assert one.id != make(tmp_path / "third", value=2).id


def test_the_manifest_tells_when_where_and_with_what_it_was_made(tmp_path: Path) -> None:
    how = {"execution": Execution(), "device": "cuda:1"}
    with new_artifact(tmp_path / "data", kind="data", config={}, parents={}, **how) as made:  # type: ignore[arg-type]
        provenance = made.commit({}).manifest.provenance
    own = {"versions", "device", "deterministic", "processors", "processes", "command", "created"}
    assert provenance.keys() == own
    assert provenance["device"] == "cuda:1"
    assert provenance["versions"]["numpy"] == np.__version__
    assert "/" not in provenance["command"][0]


def test_the_files_are_synced_then_the_manifest_written_then_the_folder_renamed(tmp_path: Path) -> None:
    with new_artifact(tmp_path / "data", kind="data", config={}, parents={}, execution=Execution()) as made:
        for name in ("x.bin", "a/b/y.bin"):
            made.file(name).write_bytes(b"123")
        with recorded() as disk:
            made.commit({})
    temporary = f".{MANIFEST}.{os.getpid()}.tmp"
    size = (tmp_path / "data" / MANIFEST).stat().st_size
    assert disk.calls == [
        *(("fsync", "y.bin", 3), ("fsync", "x.bin", 3)),
        *(("fsync", "data.partial", None), ("fsync", "a", None), ("fsync", "b", None)),
        *(("fsync", temporary, size), ("replace", temporary, MANIFEST), ("fsync", "data.partial", None)),
        *(("rename", "data.partial", "data"), ("fsync", tmp_path.name, None)),
        *(("unlink", name) for name in (".origin.json", ".pieces.jsonl", ".lock", ".intent.json")),
    ]


@pytest.mark.parametrize("name", [".", "..", "/", "a/.."])
def test_a_target_without_a_name_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(Refused, match="no name for a new folder"):
        make(Path(name))


# A target that exists


def test_a_target_that_exists_is_refused_and_unharmed(tmp_path: Path) -> None:
    make(tmp_path / "data", value=1)
    before = everything(tmp_path)
    with pytest.raises(Refused, match="it exists already. Try: another --output, or --force"):
        make(tmp_path / "data", value=2)
    assert everything(tmp_path) == before


def test_force_replaces_an_artefact_and_leaves_nothing_of_it(tmp_path: Path) -> None:
    make(tmp_path / "data", value=1)
    new = make(tmp_path / "data", value=2, execution=FORCE)
    assert open_artifact(tmp_path / "data").id == new.id
    assert [path.name for path in tmp_path.iterdir()] == ["data"]
    assert everything(tmp_path / "data").keys() == {*FILES, MANIFEST}


@pytest.mark.parametrize("mine", ["notes.txt", "train/notes.txt", "evaluation/manifest.json", "deep/er/x"])
def test_force_keeps_what_the_user_put_inside(tmp_path: Path, mine: str) -> None:
    (path := make(tmp_path / "data", value=1).path / mine).parent.mkdir(parents=True, exist_ok=True)
    path.write_text("work")
    new = make(tmp_path / "data", value=2, execution=FORCE)
    assert mine not in new.manifest.files
    assert everything(tmp_path / "data").keys() == {*FILES, MANIFEST, mine}
    assert path.read_text() == "work"
    assert [path.name for path in tmp_path.iterdir()] == ["data"]


def test_force_keeps_what_the_user_put_where_the_new_artefact_has_a_file(tmp_path: Path) -> None:
    with new_artifact(tmp_path / "data", kind="data", config={}, parents={}, execution=Execution()) as made:
        made.write_json("other.json", {})
        made.commit({})
    (tmp_path / "data" / "x.safetensors").write_text("work")
    new = make(tmp_path / "data", execution=FORCE)
    verify_files(new)
    (aside,) = tmp_path.glob(".data.old-*")
    assert everything(aside) == {"x.safetensors": b"work"}


@pytest.mark.parametrize("force", [True, False])
def test_a_copy_of_the_users_is_no_remains_of_ours_whatever_its_name(tmp_path: Path, force: bool) -> None:
    make(tmp_path / "data", value=1).path.rename(tmp_path / ".data.old-best")
    before = everything(tmp_path / ".data.old-best")
    if force:
        make(tmp_path / "data", value=1)
    make(tmp_path / "data", value=2, execution=Execution(force=force))
    assert everything(tmp_path / ".data.old-best") == before


def test_what_the_user_put_into_a_draft_is_kept_and_no_part_of_the_artefact(tmp_path: Path) -> None:
    partial = interrupted(tmp_path / "run")
    (partial / "notes~").write_text("work")
    (partial / "out").symlink_to(tmp_path)
    artifact = make(tmp_path / "run", "hourglass", execution=RESUME, resumable=True)
    assert artifact.manifest.files.keys() == {*FILES, "half.json"}
    assert (artifact.path / "notes~").read_text() == "work"
    verify_files(artifact)


@pytest.mark.parametrize("resumable", [True, False])
def test_clearing_a_draft_spares_what_the_user_put_into_it(tmp_path: Path, resumable: bool) -> None:
    (interrupted(tmp_path / "run") / "notes~").write_text("work")
    with (
        pytest.raises(KeyboardInterrupt),
        new_artifact(
            tmp_path / "run", kind="data", config={}, parents={}, execution=FORCE, resumable=resumable
        ) as made,
    ):
        assert not (made.path / "half.json").exists()
        raise KeyboardInterrupt
    assert (tmp_path / "run.partial" / "notes~").read_text() == "work"
    make(tmp_path / "run", resumable=resumable)
    assert everything(tmp_path / "run").keys() == {*FILES, MANIFEST, "notes~"}


def test_a_piece_that_was_changed_since_is_not_gone_on_from(tmp_path: Path) -> None:
    half = interrupted(tmp_path / "run") / "half.json"
    whole = half.read_bytes()
    for content in (whole[:-1], whole + b" ", bytes([whole[0] ^ 1, *whole[1:]]), b""):
        half.write_bytes(content)
        with pytest.raises(Refused, match=r"half.json was changed since it was written. Try: --force"):
            make(tmp_path / "run", "hourglass", execution=RESUME, resumable=True)
    half.write_bytes(whole)
    make(tmp_path / "run", "hourglass", execution=RESUME, resumable=True)


@pytest.mark.parametrize("damage", ["gone", "../../x", "[]", "{}", '{"name": "a", "sha256": 1}'])
def test_a_draft_whose_log_is_damaged_is_not_gone_on_from_and_deletes_nothing_else(tmp_path: Path, damage: str) -> None:
    (tmp_path / "x").write_text("work")
    log = interrupted(tmp_path / "run") / ".pieces.jsonl"
    log.unlink() if damage == "gone" else log.write_text(damage.replace("../../x", '{"name": "../x"}') + "\n")
    with pytest.raises(Refused, match="Try: --force"):
        make(tmp_path / "run", "hourglass", execution=RESUME, resumable=True)
    make(tmp_path / "run", "hourglass", execution=FORCE, resumable=True)
    assert (tmp_path / "x").read_text() == "work"


def test_a_file_that_was_replaced_or_was_to_be_when_a_run_was_killed_is_believed(tmp_path: Path) -> None:
    partial = interrupted(tmp_path / "run")
    for value in range(5):  # each of these runs is killed before the file that it announced is there
        with (
            pytest.raises(KeyboardInterrupt),
            new_artifact(
                tmp_path / "run", kind="hourglass", config={"seed": 0}, parents={}, execution=RESUME, resumable=True
            ) as made,
        ):
            made.pieces.expect("half.json", str(value).encode())
            raise KeyboardInterrupt
    (partial / ".pieces.jsonl").open("a").write('{"name": "torn')
    make(tmp_path / "run", "hourglass", execution=RESUME, resumable=True)


def test_force_takes_an_empty_folder(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    assert make(tmp_path / "data", execution=FORCE).path == tmp_path / "data"


@pytest.mark.parametrize("content", ["", "{", "[]", '{"manifest_version": 3, "name": "a browser extension"}'])
def test_force_spares_a_folder_that_is_no_artefact_even_with_a_manifest_of_its_own(
    tmp_path: Path, content: str
) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.tex").write_text("years of work")
    if content:
        (tmp_path / "mine" / MANIFEST).write_text(content)
    before = everything(tmp_path)
    with pytest.raises(Refused, match="no artefact, so --force spares it"):
        make(tmp_path / "mine", execution=FORCE)
    assert everything(tmp_path) == before


def test_force_spares_a_file_and_a_symlink(tmp_path: Path) -> None:
    real = make(tmp_path / "real", value=1)
    (tmp_path / "link").symlink_to(real.path)
    (tmp_path / "dangling").symlink_to(tmp_path / "nowhere")
    (tmp_path / "file").write_text("mine")
    before = everything(tmp_path)
    for name in ("link", "dangling", "file"):
        with pytest.raises(Refused, match="--force spares it"):
            make(tmp_path / name, value=2, execution=FORCE)
    assert everything(tmp_path) == before
    assert (tmp_path / "link").is_symlink()


def test_force_replaces_an_artefact_that_is_damaged_or_of_another_schema(tmp_path: Path) -> None:
    path = make(tmp_path / "data").path
    for edit in ({"schema": 9}, {"id": "0" * 64}):
        manifest = json.loads((path / MANIFEST).read_text())
        (path / MANIFEST).write_text(json.dumps(manifest | edit))
        make(path, execution=FORCE)
        open_artifact(path)


def test_an_output_that_holds_an_input_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = make(tmp_path / "data")
    inner = make(tmp_path / "data" / "inner", value=1)
    before = everything(tmp_path)
    monkeypatch.chdir(tmp_path)
    for parent in (data, inner):
        with pytest.raises(Refused, match="an input of this step"):
            make(Path("data"), "hourglass", parents={"data": parent}, execution=FORCE)
    assert everything(tmp_path) == before


def test_a_target_that_somebody_makes_meanwhile_is_spared(tmp_path: Path) -> None:
    with (
        pytest.raises(Refused, match="it exists already"),
        new_artifact(
            tmp_path / "data", kind="data", config={}, parents={}, execution=Execution(), resumable=True
        ) as made,
    ):
        made.write_json("x.json", {"hours": "of work"})
        (tmp_path / "data").mkdir()
        (tmp_path / "data" / "mine").touch()
        made.commit({})
    assert everything(tmp_path / "data") == {"mine": b""}
    assert (tmp_path / "data.partial" / "x.json").is_file()


# Steps that end early


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
            pytest.raises(Refused, match="it was begun otherwise") as caught,
            new_artifact(target, kind=kind, config=config, parents=parents, execution=RESUME, resumable=True),
        ):
            pass
        assert difference in caught.value.line()
        assert {name: content for name, content in everything(partial).items() if name != ".lock"} == {
            name: content for name, content in before.items() if name != ".lock"
        }


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
    with pytest.raises(Refused, match="it is complete already"):
        make(tmp_path / "run", execution=RESUME, resumable=True)


def test_an_interrupted_run_is_neither_continued_nor_dropped_unasked(tmp_path: Path) -> None:
    partial = interrupted(tmp_path / "run", value=1)
    with pytest.raises(Refused, match="an interrupted run lies in run.partial. Try: --resume to continue it, or --for"):
        make(tmp_path / "run", "hourglass", 1, resumable=True)
    with pytest.raises(Refused, match="an interrupted run lies in run.partial. Try: another --output, or --force"):
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


# A folder of the user's own where the draft would be


@pytest.mark.parametrize("execution", [Execution(), FORCE, RESUME], ids=["plain", "force", "resume"])
def test_a_users_own_folder_called_partial_is_spared(tmp_path: Path, execution: Execution) -> None:
    (tmp_path / "data.partial").mkdir()
    (tmp_path / "data.partial" / "mine").write_text("work")
    for resumable in (True, False):
        with pytest.raises(Refused, match="data.partial stands in the way, and it is no unfinished artefact"):
            make(tmp_path / "data", execution=execution, resumable=resumable)
    assert everything(tmp_path) == {"data.partial/mine": b"work"}


def test_a_symlink_or_a_file_called_partial_is_spared(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "one.partial").symlink_to(tmp_path / "mine")
    (tmp_path / "two.partial").write_text("mine")
    for name in ("one", "two"):
        with pytest.raises(Refused, match="in the way"):
            make(tmp_path / name, execution=FORCE)
    assert everything(tmp_path) == {"two.partial": b"mine"}
    assert (tmp_path / "one.partial").is_symlink()


def test_a_target_below_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(Refused, match="a file stands in the way"):
        make(tmp_path / "file" / "data")


# Two writers

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


# Killed, or out of space, at every call that changes the disk


@pytest.fixture(scope="module")
def old(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An artefact that is to be replaced."""
    return make(tmp_path_factory.mktemp("old") / "data", value=1).path


def new(target: Path, execution: Execution, resumable: bool) -> str:
    return make(target, value=2, execution=execution, resumable=resumable).id


resumable_or_not = pytest.mark.parametrize("resumable", [False, True], ids=["at one go", "resumable"])
MOST_CALLS = 60


@resumable_or_not
@pytest.mark.parametrize("over", [False, True], ids=["new target", "over an old one"])
def test_killed_at_any_call_the_old_artefact_or_the_new_one_stands_and_the_step_can_be_done_again(
    tmp_path: Path, old: Path, over: bool, resumable: bool
) -> None:
    target, ids = tmp_path / "data", {open_artifact(old).id, new(tmp_path / "data", FORCE, resumable)}
    shutil.rmtree(target)
    between = 0
    for call in range(MOST_CALLS):
        if over:
            shutil.copytree(old, target)
        with recorded(dies_at=call) as disk, contextlib.suppress(Killed):
            new(target, FORCE, resumable)
        if call >= len(disk.calls):
            break
        if target.exists():
            assert open_artifact(target).id in ids
        elif over:  # between the two renames; both are whole, and the next writer sets it right
            between += 1
            assert {open_artifact(path).id for path in (*tmp_path.glob(".data.old-*"), partial_of(target))} == ids
        new(target, Execution(force=True, resume=call % 2 == 0), resumable)
        assert open_artifact(target).id in ids
        assert [path.name for path in tmp_path.iterdir()] == ["data"], f"killed before {disk.calls[call]}"
        shutil.rmtree(target)
    assert 20 < call < MOST_CALLS - 1
    assert between == over


@resumable_or_not
def test_out_of_space_at_any_call_the_old_artefact_or_the_new_one_stands(
    tmp_path: Path, old: Path, resumable: bool
) -> None:
    target, ids = tmp_path / "data", {open_artifact(old).id, new(tmp_path / "data", FORCE, resumable)}
    for call in range(MOST_CALLS):
        shutil.rmtree(target)
        shutil.copytree(old, target)
        with recorded(fails_at=call) as disk, contextlib.suppress(OSError):
            new(target, FORCE, resumable)
        assert open_artifact(target).id in ids
        if call >= len(disk.calls):
            break
        new(target, FORCE, resumable)
        assert [path.name for path in tmp_path.iterdir()] == ["data"], f"failed at {disk.calls[call]}"
    assert 20 < call < MOST_CALLS - 1


def test_killed_while_it_drops_an_interrupted_run_that_run_is_whole_or_never_resumed(tmp_path: Path) -> None:
    target, resumed = tmp_path / "run", 0
    for call in range(MOST_CALLS):
        partial = interrupted(target, value=1)
        for name in ("a", "b", "c"):
            (partial / name).write_text("work")
        with recorded(dies_at=call) as disk, contextlib.suppress(Killed):
            new(target, FORCE, resumable=True)
        if call >= len(disk.calls):
            break
        with (
            contextlib.suppress(Refused),
            new_artifact(
                target, kind="hourglass", config={"seed": 1}, parents={}, execution=RESUME, resumable=True
            ) as made,
        ):
            if made.resumed:
                resumed += 1
                assert everything(partial).keys() >= {"a", "b", "c", "half.json"}
        for folder in tmp_path.iterdir():
            shutil.rmtree(folder)
    assert 0 < resumed < call < MOST_CALLS - 1


@resumable_or_not
def test_an_old_artefact_that_a_kill_put_aside_comes_back_unless_force_is_given(
    tmp_path: Path, old: Path, resumable: bool
) -> None:
    shutil.copytree(old, tmp_path / ".data.old-99")
    (tmp_path / ".data.old-99" / REPLACED).touch()
    (tmp_path / ".data.old-mine").mkdir()
    with (
        pytest.raises(Refused, match="it exists already"),
        new_artifact(tmp_path / "data", kind="data", config={}, parents={}, execution=Execution(), resumable=resumable),
    ):
        pytest.fail("hours of work were begun that can never be committed")
    assert open_artifact(tmp_path / "data").id == open_artifact(old).id
    assert (tmp_path / ".data.old-mine").is_dir()


# Opening


def replace_by_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def rewritten(change: Callable[[bytes], bytes]) -> Callable[[Path], object]:
    return lambda path: path.write_bytes(change(path.read_bytes()))


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
    with pytest.raises(Refused, match=f"{name} was changed since it was written"):
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
    for name in FILES:
        (path / name).unlink()
    with pytest.raises(Refused, match=r"history.jsonl is missing \(and 2 more\)"):
        open_artifact(path)


def test_a_file_that_the_user_put_into_the_folder_is_tolerated_and_not_part_of_it(tmp_path: Path) -> None:
    artifact = make(tmp_path / "data")
    (artifact.path / "notes.txt").write_text("my notes")
    assert open_artifact(artifact.path) == artifact
    with pytest.raises(Refused, match="file notes.txt in .* not part of this data"):
        artifact.file("notes.txt")
    with pytest.raises(Refused, match="not part of this data"):
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
    with pytest.raises(Refused, match=sentence):
        open_artifact(path, *wanted)
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
    with pytest.raises(Refused, match="no such folder, wanted an artefact"):
        open_artifact(tmp_path / "none")


def test_the_tensors_of_an_artefact_are_what_was_written(tmp_path: Path) -> None:
    artifact = make(tmp_path / "data", value=7)
    np.testing.assert_array_equal(load_tensors(artifact.file("x.safetensors"))["x"], np.full(3, 7, np.float32))


# Parents


def test_parents_are_recorded_with_their_own_parents(tmp_path: Path) -> None:
    data = make(tmp_path / "data")
    base = make(tmp_path / "runs" / "base", "hourglass", 1, parents={"data": data})
    activations = make(tmp_path / "activations", "activations", 2, parents={"model": base, "data": data})
    model, prepared = open_artifact(activations.path).manifest.parents
    assert (model.role, model.kind, model.id, model.path) == ("model", "hourglass", base.id, "../runs/base")
    assert (prepared.role, prepared.kind, prepared.id, prepared.path) == ("data", "data", data.id, "../data")
    assert [(one.role, one.id, one.path) for one in model.parents] == [("data", data.id, "../../data")]
    assert activations.parent("model") == model
    assert activations.parent("autoencoder") is None


def test_another_parent_gives_another_id(tmp_path: Path) -> None:
    ids = set()
    for value in (1, 2):
        data = make(tmp_path / f"data{value}", value=value)
        ids.add(make(tmp_path / f"base{value}", "hourglass", 5, parents={"data": data}).id)
    assert len(ids) == 2
