"""Accidents: a full disk, a damaged file, two at work in one place, a run that was cut short. Nothing is lost."""

from __future__ import annotations

import errno
import json
import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from shgae.artifacts.draft import new_artifact
from shgae.artifacts.folders import partial_of
from shgae.cli.app import main
from shgae.execution import Execution
from tests.end_to_end.conftest import PAIR, TRAIN, Shell, one_line, snapshot

Document = dict[str, Any]


def _cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:2000])


def _json_edit(change: Callable[[Document], object]) -> Callable[[Path], None]:
    def edit(path: Path) -> None:
        document = json.loads(path.read_text())
        change(document)
        path.write_text(json.dumps(document))

    return edit


def _flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[-7] ^= 1
    path.write_bytes(content)


@dataclass(frozen=True)
class Damage:
    """Something done to an artefact, and what the next step says."""

    artefact: str
    file: str
    harm: Callable[[Path], object]
    words: str
    steps: tuple[str, ...] = ()
    """Commands that read the file; NEXT, where there is none."""


DAMAGES = {
    "a manifest edited": Damage(
        "data", "manifest.json", _json_edit(lambda m: m["facts"].update(crop_size=256)), "its id does not fit"
    ),
    "a manifest of the future": Damage(
        "data", "manifest.json", _json_edit(lambda m: m.update(schema=99)), "schema 99, this shgae reads 1"
    ),
    "a manifest cut": Damage("data", "manifest.json", _cut, "no valid JSON"),
    "a manifest that is a list": Damage("data", "manifest.json", lambda p: p.write_text("[]"), "not a JSON object"),
    "no manifest": Damage("data", "manifest.json", Path.unlink, "no manifest.json in it"),
    "a shard of crops deleted": Damage(
        "data", "train/crops-00000.safetensors", Path.unlink, "train/crops-00000.safetensors is missing"
    ),
    "a shard of crops cut": Damage("data", "train/crops-00000.safetensors", _cut, "has 2000 bytes"),
    "a bit of the crops flipped": Damage("data", "val/crops-00000.safetensors", _flip, "was changed since"),
    "the people of a split deleted": Damage("data", "val/people.safetensors", Path.unlink, "is missing"),
    "a shard of the test split deleted": Damage(
        *("data", "test/crops-00000.safetensors", Path.unlink, "is missing"),
        ("evaluate made/baseline data", "verify data"),
    ),
    "weights deleted": Damage("baseline", "model.safetensors", Path.unlink, "model.safetensors is missing"),
    "a bit of the weights flipped": Damage("baseline", "model.safetensors", _flip, "was changed since"),
    "a bottleneck deleted": Damage("activations", "train/bottleneck-00000.safetensors", Path.unlink, "is missing"),
    "statistics cut": Damage("activations", "train/statistics.safetensors", _cut, "has 2000 bytes"),
    "a code flipped": Damage("autoencoder", "model.safetensors", _flip, "was changed since"),
}
NEXT = {
    "data": ["train data -o x", "extract made/baseline data -o x", "finetune made/grafted data -o x", "verify data"],
    "baseline": ["extract baseline made/data -o x", "graft baseline made/autoencoder -o x", "verify baseline"],
    "activations": ["pretrain-ae activations -o x", "verify activations"],
    "autoencoder": ["graft made/baseline autoencoder -o x", "verify autoencoder"],
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_an_artefact_that_was_damaged_is_refused_by_every_step_that_reads_it(shell: Shell, damage: str) -> None:
    done = DAMAGES[damage]
    done.harm(shell.copy(done.artefact) / done.file)
    for command in done.steps or NEXT[done.artefact]:
        line = shell.refused(*command.split())
        assert done.words in line
        assert f"in {done.artefact}" in line


def test_verify_tells_of_an_ancestor_that_is_gone(shell: Shell) -> None:
    shell.run("prepare", "--train", *PAIR.split(), "-o", "data", "--crop-size", 128, "--limit", 3)
    shell.run("extract", "made/baseline", "data", "-o", "activations")
    shutil.rmtree("data")
    before = snapshot(shell.here)
    assert main(["verify", "activations"]) == 2
    out, err = shell.read_streams()
    assert "missing: data " in out
    assert "its ancestor data" in one_line(err)
    assert snapshot(shell.here) == before
    shell.run("verify", "activations", "--allow-missing")


STEPS = {
    "prepare": f"prepare --train {PAIR} --crop-size 128",
    "train": " ".join(["train made/data", *TRAIN]),
    "extract": "extract made/baseline made/data",
    "pretrain-ae": "pretrain-ae made/activations --epochs 1",
    "graft": "graft made/baseline made/autoencoder",
    "finetune": "finetune made/grafted made/data --epochs 1 --batch-size 4",
    "evaluate": "evaluate made/baseline made/data",
    "predict": "predict made/baseline drawn/train/photos --batch-size 4",
}


def full_after(writes: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """From the given write on, the disk has no room."""
    left = [writes]
    fsync = os.fsync

    def fill(handle: int) -> None:
        left[0] -= 1
        if left[0] < 0:
            raise OSError(errno.ENOSPC, "No space left on device", "x.partial/file")
        fsync(handle)

    monkeypatch.setattr(os, "fsync", fill)


@pytest.mark.parametrize("step", STEPS)
def test_a_full_disk_is_exit_5_and_leaves_nothing_that_looks_whole(
    shell: Shell, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    before = snapshot(shell.here, *shell.shared)
    with monkeypatch.context() as patch:
        full_after(6 if step == "graft" else 12, patch)  # the log of a draft takes a write for each file
        assert main([*STEPS[step].split(), "-o", "x"]) == 5
    out, err = shell.read_streams()
    line = one_line(err)
    assert out == ""
    assert os.strerror(errno.ENOSPC) in line
    left = {path: content for path, content in snapshot(shell.here, *shell.shared).items() if path not in before}
    assert snapshot(shell.here, *shell.shared).items() >= before.items()
    assert all(path.startswith(str(shell.here / "x.partial")) for path in left)
    if step in ("train", "extract", "pretrain-ae", "finetune", "predict"):
        assert left, "what was done before the disk was full is kept"
        again = ["--resume"]
    else:
        assert not left
        again = []
    whole = shell.json(*STEPS[step].split(), "-o", "whole")
    assert shell.json(*STEPS[step].split(), "-o", "x", *again)["id"] == whole["id"]
    assert not partial_of(Path("x")).exists()


def test_a_full_disk_while_an_output_is_replaced_spares_the_old_one(
    shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    shell.copy("grafted")
    before = snapshot(shell.here)
    for writes in (0, 1, 2, 3):
        with monkeypatch.context() as patch:
            full_after(writes, patch)
            assert main([*STEPS["graft"].split(), "-o", "grafted", "--force"]) == 5
        one_line(shell.read_streams()[1])
        assert snapshot(shell.here) == before


@pytest.mark.parametrize("step", ["prepare", "extract", "predict"])
def test_too_little_room_is_told_before_the_work(shell: Shell, monkeypatch: pytest.MonkeyPatch, step: str) -> None:
    usage = shutil.disk_usage(".")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=64_000_100))
    line = shell.refused(*STEPS[step].split(), "-o", "x", code=5)
    assert "64.0 MB are free" in line


@pytest.mark.parametrize("step", STEPS)
def test_an_output_that_somebody_else_is_writing_is_refused(shell: Shell, step: str) -> None:
    with new_artifact(
        Path("x"), kind="hourglass", config={}, parents={}, execution=Execution(), resumable=True
    ) as other:
        other.write_json("theirs.json", {})
        for more in ([], ["--force"]):
            line = shell.refused(*STEPS[step].split(), "-o", "x", *more)
            assert f"process {os.getpid()} is writing it" in line


def interrupted(shell: Shell, monkeypatch: pytest.MonkeyPatch, *words: object) -> None:
    with monkeypatch.context() as patch:
        full_after(9, patch)
        assert main([str(word) for word in words]) == 5
    shell.read_streams()


def test_an_interrupted_run_goes_on_only_as_it_was_begun(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    train = ("train", "made/data", "-o", "x", *TRAIN)
    interrupted(shell, monkeypatch, *train)
    assert "x.partial. Try: --resume" in shell.refused(*train)
    line = shell.refused(*train[:-1], "3", "--resume", "--lr", "0.5")
    assert "begun otherwise (epochs: 3 here, 2 there; lr: 0.5 here, " in line
    shell.run("prepare", "--train", *PAIR.split(), "--val", *PAIR.split(), "-o", "other", "--crop-size", "128")
    assert "begun otherwise (data: " in shell.refused("train", "other", "-o", "x", *TRAIN, "--resume")
    assert "x.partial. Try: another --output" in shell.refused(*STEPS["graft"].split(), "-o", "x")
    for reader in ("extract x made/data -o y", "verify x"):
        assert "unfinished" in shell.refused(*reader.split())


def test_a_start_anew_that_is_refused_spares_the_interrupted_run(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    alone = shell.train_only()
    interrupted(shell, monkeypatch, "train", "made/data", "-o", "x", *TRAIN)
    for words in (("train", alone), ("train", "none"), ("train", "made/baseline"), ("graft", "none", "none")):
        shell.refused(*words, "-o", "x", "--force")


def test_a_folder_of_the_users_own_beside_the_output_is_spared(shell: Shell) -> None:
    Path("x.partial").mkdir()
    Path("x.partial/thesis.txt").write_text("years of work")
    for step in STEPS.values():
        assert "x.partial stands" in shell.refused(*step.split(), "-o", "x", "--force")
