"""Parts side by side: as many as allowed, each once, parents first; what is killed takes nothing else with it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import tempfile
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest

from shgae.artifacts.store import open_artifact
from shgae.errors import DiskError, Diverged, Interrupted, PeerLost, Refused
from shgae.execution import Execution, StopFlag, own_python
from shgae.experiments.part import Part
from shgae.experiments.study import jobs, locks, run, work
from shgae.experiments.study.parts import Study
from shgae.experiments.study.worker import UNHEARD
from shgae.recipes import StudyConfig
from tests.builders.artefacts import make
from tests.builders.chain import Chain, Notes
from tests.builders.studies import TINY, bytes_of

SMALL = replace(TINY, arms="none,random", seeds=1)
FAKE = """
import json, os, signal, sys, time
asked = json.loads(sys.stdin.readline())
name = asked["part"]
with open("log.jsonl", "a") as log:
    log.write(json.dumps({"part": name, "begun": time.monotonic(), "gpu": os.environ.get("CUDA_VISIBLE_DEVICES"),
                          "threads": os.environ["OMP_NUM_THREADS"]}) + "\\n")
if name == "killed":
    print("what Python says last", flush=True)
    os.kill(os.getpid(), signal.SIGKILL)
if name == "real-time":
    os.kill(os.getpid(), signal.SIGRTMIN + 3)
if name == "torn":
    print('{"shgae": "part", "no', flush=True)
    sys.exit(74)
if name == "full":
    print(json.dumps({"shgae": "part", "error": {"kind": "OSError", "number": 28, "where": "a/b", "why": "No space"}}))
    sys.exit(5)
if name == "halted":
    os.kill(os.getpid(), signal.SIGSTOP)
if name == "deaf":
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
if name == "saves":
    sys.stdin.read()
time.sleep(60 if name in ("long", "halted", "deaf") else 0.3)
print("what a library prints")
said = {"state": "made"}
if name == "diverges":
    said = {"error": {"kind": "Diverged", "what": "loss", "where": "step 3", "why": "it is NaN",
                      "fix": "a smaller --lr"}}
if name == "busy" and not os.path.exists("was busy"):
    open("was busy", "w").close()
    said = {"state": "busy"}
print(json.dumps({"shgae": "part", "note": "a note of " + name}))
print(json.dumps({"shgae": "part", **said}))
with open("log.jsonl", "a") as log:
    log.write(json.dumps({"part": name, "ended": time.monotonic()}) + "\\n")
sys.exit(4 if "error" in said else 0)
"""


def fake(study: Path, monkeypatch: pytest.MonkeyPatch, *parts: tuple[str, str, tuple[str, ...]]) -> work.Work:
    """Parts of these names, steps and parents, made by a process that only says so."""
    monkeypatch.setattr(jobs, "_WORKER", ("-c", FAKE))
    monkeypatch.chdir(study)
    whole = Study(study / "m", study / "d", study, StudyConfig(arms="none", seeds=1), width=16, stack=0, split="test")
    made = [
        Part(step, name, study / name, "data", {}, {one: study / one for one in parents}, print)
        for name, step, parents in parts
    ]
    return work.Work(whole, made, Execution(progress=Notes()))


def log(study: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in (study / "log.jsonl").read_text().splitlines()]


@pytest.mark.parametrize("count", [1, 2, 3])
def test_so_many_at_once_parents_first_and_scores_last(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, count: int
) -> None:
    todo = fake(
        *(tmp_path, monkeypatch),
        *(("base", "score", ()), ("a", "pretrain", ()), ("b", "finetune", ("a",)), ("c", "finetune", ())),
        *(("d", "finetune", ()), ("of b", "score", ("b",))),
    )
    jobs.side_by_side(todo, count)
    assert sorted(todo.made) == ["a", "b", "base", "c", "d", "of b"]
    said, running, most = log(tmp_path), 0, 0
    for line in said:
        running += 1 if "begun" in line else -1
        most = max(most, running)
    assert most == count
    at = {(line["part"], "begun" in line): place for place, line in enumerate(said)}
    assert at["a", False] < at["b", True]
    assert max(at[name, False] for name in "abcd") < min(at["base", True], at["of b", True])
    assert {line["threads"] for line in said if "begun" in line} == {os.environ["OMP_NUM_THREADS"]}


@pytest.mark.parametrize(("name", "error"), [("killed", PeerLost), ("diverges", Diverged)])
def test_what_fails_costs_only_what_is_made_from_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, error: type[Exception]
) -> None:
    todo = fake(
        *(tmp_path, monkeypatch),
        *((name, "pretrain", ()), ("child", "finetune", (name,)), ("c", "finetune", ()), ("s", "score", ("c",))),
    )
    with pytest.raises(error) as caught:
        jobs.side_by_side(todo, 2)
    assert todo.made == ["c"], "scores wait for every training"
    assert "SIGKILL and said last: what Python says last" in str(caught.value) or "it is NaN" in str(caught.value)


def test_what_another_process_makes_is_tried_again_and_notes_are_passed_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jobs, "_DEFER", 0.05)
    todo = fake(tmp_path, monkeypatch, ("busy", "finetune", ()), ("c", "finetune", ()))
    jobs.side_by_side(todo, 2)
    assert sorted(todo.made) == ["busy", "c"]
    progress = todo.execution.progress
    assert isinstance(progress, Notes) and "c: a note of c" in progress.said


@pytest.mark.parametrize(
    ("name", "error", "said"),
    [
        ("real-time", PeerLost, f"ended by signal {getattr(signal, 'SIGRTMIN', 0) + 3}"),
        ("torn", DiskError, f"in {tempfile.gettempdir()}: no room"),
        ("full", OSError, "failed: full: No space in a/b"),
    ],
)
def test_the_end_of_a_process_is_told_in_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, error: type[Exception], said: str
) -> None:
    todo = fake(tmp_path, monkeypatch, (name, "pretrain", ()), ("c", "finetune", ()))
    with pytest.raises(error):
        jobs.side_by_side(todo, 2)
    progress = todo.execution.progress
    assert isinstance(progress, Notes) and any(said in line and "Errno" not in line for line in progress.said)
    assert todo.made == ["c"]


def test_what_a_process_said_is_closed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kept: list[jobs._Child] = []
    start = jobs._start
    monkeypatch.setattr(jobs, "_start", lambda *of: kept.append(start(*of)) or kept[-1])
    jobs.side_by_side(fake(tmp_path, monkeypatch, ("c", "finetune", ())), 1)
    assert [child.said.closed for child in kept] == [True]


def test_a_part_that_another_process_holds_is_waited_for_without_starting_any(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jobs, "_DEFER", 0.05)
    todo = fake(tmp_path, monkeypatch, ("c", "finetune", ()))
    with locks.held(tmp_path, "c"):
        working = threading.Thread(target=jobs.side_by_side, args=(todo, 2))
        working.start()
        working.join(1)
        assert not (tmp_path / "log.jsonl").exists()
    working.join(60)
    assert todo.made == ["c"]
    progress = todo.execution.progress
    assert isinstance(progress, Notes)
    assert [line for line in progress.said if "waiting" in line] == ["waiting for another process, which makes c"]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="it needs a disk that is always full")
def test_a_process_that_has_no_room_to_say_what_became_of_its_part_says_that_by_its_exit_code(tmp_path: Path) -> None:
    command, environment = own_python("-m", "shgae.experiments.study.worker")
    asked = json.dumps({"output": str(tmp_path)}).encode() + b"\n"
    with Path("/dev/full").open("wb") as full:
        ended = subprocess.run(
            command, env=environment, input=asked, stdout=full, stderr=full, timeout=100, check=False
        )
    assert ended.returncode == UNHEARD


@pytest.mark.parametrize("name", ["long", "halted", "deaf"])
def test_a_signal_goes_on_to_every_part(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setattr(jobs, "PATIENCE", 0.5 if name == "deaf" else 60)
    todo = fake(tmp_path, monkeypatch, (name, "finetune", ()), ("c", "finetune", ()))
    stop = StopFlag()
    todo.execution = Execution(stop=stop)
    threading.Timer(0.8, lambda: setattr(stop, "signal_number", signal.SIGTERM)).start()
    begun = time.monotonic()
    with pytest.raises(Interrupted):
        jobs.side_by_side(todo, 2)
    assert time.monotonic() - begun < 30


def test_a_keyboard_interrupt_of_python_lets_every_part_save(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    todo = fake(tmp_path, monkeypatch, ("saves", "finetune", ()))

    def interrupted(*_: object) -> None:
        while not (tmp_path / "log.jsonl").exists():
            time.sleep(0.02)
        raise KeyboardInterrupt

    monkeypatch.setattr(todo, "begins", interrupted)
    with pytest.raises(KeyboardInterrupt):
        jobs.side_by_side(todo, 1)
    assert ["ended" in line for line in log(tmp_path)] == [False, True]


@pytest.mark.parametrize(("visible", "seen"), [(None, ["0", "1", "0"]), ("3,5", ["3", "5", "3"])])
def test_each_place_has_a_gpu_of_its_own(monkeypatch: pytest.MonkeyPatch, visible: str | None, seen: list[str]) -> None:
    monkeypatch.setattr(jobs.torch.cuda, "device_count", lambda: 2)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible or "")
    assert [jobs._place(slot, "auto")["CUDA_VISIBLE_DEVICES"] for slot in range(3)] == seen
    assert "CUDA_VISIBLE_DEVICES" not in jobs._place(1, "cuda:1")


def test_what_another_process_made_meanwhile_is_kept(tmp_path: Path) -> None:
    whole = Study(tmp_path, tmp_path, tmp_path, StudyConfig(arms="none", seeds=1), width=16, stack=0, split="test")
    part = Part("finetune", "training", tmp_path / "a", "data", {"value": 0}, {}, lambda _: pytest.fail("made twice"))
    todo = work.Work(whole, [part], Execution())
    with locks.held(tmp_path, "a"):
        other = threading.Timer(0.5, lambda: make(tmp_path / "a"))
        other.start()
        assert not work._make(todo, part)
        other.join()
    part = replace(part, config=open_artifact(tmp_path / "a").manifest.config)
    todo.left = [part]
    work.in_turn(todo)
    assert todo.made == [] and todo.left == []


def test_side_by_side_in_turn_and_part_by_part_end_in_the_same_report(chain: Chain, tmp_path: Path) -> None:
    how = Execution(workers=0)
    run.run(chain.baseline, chain.data, tmp_path / "turn", SMALL, how)
    asked = (chain.baseline, chain.data, tmp_path / "parts", SMALL)
    listed = run.listing(*asked, how).parts
    assert {part.state for part in listed} == {"to do"}
    with pytest.raises(Refused, match="4 are missing"):
        run.only(*asked, "baseline/scores", how)
    with pytest.raises(Refused, match="'seed-7'"):
        run.only(*asked, "seed-7", how)
    last = [part.name for part in listed if part.step == "finetune"][-1]
    assert last == "seed-0/arm-random/finetuned"
    assert len(run.only(*asked, last, how).made) == 3, "with what it is made from"
    states = {part.name: part.state for part in run.listing(*asked, how).parts}
    assert states["seed-0/arm-random/grafted"] == states[last] == "done"
    assert states["seed-0/arm-none/finetuned"] == "to do"
    result = run.run(*asked, how, jobs=2)
    assert len(result.made) == 4
    assert bytes_of(tmp_path / "parts") == bytes_of(tmp_path / "turn")
