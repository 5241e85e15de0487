"""The whole method by command line: every step speaks JSON, survives a signal, and a changed byte is found."""

from __future__ import annotations

import json
import shlex
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from shgae.artifacts.checkpoint import CHECKPOINT, HISTORY
from shgae.artifacts.tensors import read_note
from shgae.cli.app import main
from tests.builders.chain import Chain
from tests.end_to_end.conftest import PAIR, TINY_CONFIG, TRAIN, Shell, environment, one_line

SPLITS = ("train", "val", "test")
TINY = ("--precision", "fp32", "--batch-size", 4, "--epochs", 2)
LONG = ("train", "made/data", "-o", "x", *TRAIN[:-3], "2", "--epochs", "4", "--quiet")
"""A training of a few seconds."""


def test_the_whole_chain_speaks_json(shell: Shell) -> None:
    sources = [
        word
        for split in SPLITS
        for word in (f"--{split}", f"drawn/{split}/person_keypoints.json", f"drawn/{split}/photos")
    ]
    made: dict[str, dict[str, Any]] = {}

    def step(output: str, *words: object) -> dict[str, Any]:
        made[output] = shell.json(*words, "-o", output)
        assert made[output]["output"] == output
        return made[output]

    data = step("data", "prepare", *sources, "--crop-size", 128)
    assert set(data["splits"]) == set(SPLITS)
    people = [json.loads(line) for line in Path("data/people.jsonl").read_text().splitlines()]
    assert data["splits"]["train"] == sum(person["split"] == "train" for person in people)
    assert sum(data["dropped"].values()) == sum(person["split"] is None for person in people)

    base = step("base", "train", "data", *TRAIN)
    assert [row["epoch"] for row in base["history"]] == [1, 2]
    assert base["best"] == base["history"][base["best_epoch"] - 1]

    activations = step("activations", "extract", "base", "data", "--precision", "fp32")
    assert activations["splits"] == data["splits"]
    assert activations["shape"] == [16, 4, 4]
    assert activations["bytes"] == sum(data["splits"].values()) * 16 * 4 * 4 * 4

    code = step("code", "pretrain-ae", "activations", *TINY, "--code-size", 6)
    assert {"mse", "fvu", "relu_floor", "dead_units", "code_size"} <= code["validation"].keys()

    grafted = step("grafted", "graft", "base", "code")
    assert grafted["parameters"] == base["parameters"] + code["parameters"]
    assert grafted["sites"] == [{"stack": 0, "code_size": 6, "shared_with": []}]
    tuned = step("tuned", "finetune", "grafted", "data", *TINY)
    assert tuned["parameters"] == grafted["parameters"]

    report = step("evaluation", "evaluate", "base", "grafted", "tuned", "data")
    assert (report["data"], report["split"], report["persons"]) == ("data", "test", data["splits"]["test"])
    assert [model["name"] for model in report["models"]] == ["base", "grafted", "tuned"]
    for model in report["models"]:
        assert set(model["pck"]) == {"all", "v1", "v2"}
        assert len(model["joints"]) == 17
        assert len(json.loads(Path(f"evaluation/predictions-{model['name']}.json").read_text())) == report["persons"]

    for output, result in made.items():
        info = shell.json("info", output)
        assert (info["id"], info["kind"], info["complete"]) == (result["id"], result["kind"], True)
    verified = {Path(path).name for path in shell.json("verify", "evaluation")["verified"]}
    assert verified == made.keys()
    assert shell.json("verify", "tuned")["missing"] == []


def test_every_step_proposes_the_next_one_and_it_works_as_proposed(shell: Shell) -> None:
    Path("tiny.toml").write_text(TINY_CONFIG)
    pairs = [f"--{split} drawn/{split}/person_keypoints.json drawn/{split}/photos" for split in ("train", "val")]
    words = ["prepare", *" ".join(pairs).split(), "-o", "data", "--crop-size", "128"]
    done: list[list[str]] = []
    while words:
        config = [] if words[0] in ("graft", "plot", "verify") else ["--config", "tiny.toml"]
        *_, last = shell.run(*words, *config).splitlines()
        done.append(words)
        words = shlex.split(last.removeprefix("next: shgae ")) if last.startswith("next: ") else []
    steps = "prepare train extract pretrain-ae graft finetune finetune evaluate plot verify"
    assert " ".join(step for step, *_ in done) == steps
    assert [Path(word).name for word in done[-3][1:5]] == ["baseline", "finetuned", "control", "data"]
    control, tuned = (shell.json("info", run) for run in ("control", "finetuned"))
    assert control["config"] == tuned["config"]
    assert [one["path"] for one in control["lineage"] if one["role"] == "model"] == [str(shell.here / "baseline")]


def test_a_folder_of_the_usual_name_that_holds_something_else_spoils_no_finished_training(shell: Shell) -> None:
    Path("finetuned").mkdir()
    *_, last = shell.run("finetune", "made/baseline", "made/data", "-o", "control", *TINY).splitlines()
    assert [Path(word).name for word in last.split()[2:6]] == ["evaluate", "baseline", "control", "data"]


def test_data_without_a_val_split_says_so_and_proposes_no_training(shell: Shell) -> None:
    out = shell.run("prepare", "--train", *PAIR.split(), "-o", "data", "--limit", 2)
    assert "next: " not in out
    assert "--hold-out-val N" in out


def test_doctor_speaks_json(shell: Shell) -> None:
    assert shell.json("doctor")["usable"] is True


def test_verify_names_the_byte_that_was_flipped_at_the_other_end_of_the_chain(shell: Shell, chain: Chain) -> None:
    for folder in (chain.baseline.parent, chain.data.parent):
        shutil.copytree(folder, shell.here / "moved" / folder.name)
    tuned, data = (Path("moved") / path.parent.name / path.name for path in (chain.finetuned, chain.data))
    assert len(shell.json("verify", tuned)["verified"]) == 6
    crops = data / "val" / "crops-00000.safetensors"
    content = bytearray(crops.read_bytes())
    content[len(content) // 2] ^= 1
    crops.write_bytes(content)
    line = shell.refused("verify", tuned)
    assert f"{data}: val/crops-00000.safetensors " in line


def interrupt(number: signal.Signals, *words: str) -> subprocess.CompletedProcess[str]:
    """Runs the program until one more epoch is done, then sends a signal."""
    history = Path("x.partial") / HISTORY
    rows = history.read_text().count("\n") if history.exists() else 0
    command = [sys.executable, "-m", "shgae", *words]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment())
    try:
        deadline = time.monotonic() + 100
        while not (history.exists() and history.read_text().count("\n") > rows):
            assert process.poll() is None, process.communicate(timeout=60)[1]
            assert time.monotonic() < deadline
            time.sleep(0.005)
        process.send_signal(number)
        out, err = process.communicate(timeout=60)
    finally:
        process.kill()
    return subprocess.CompletedProcess(command, process.returncode, out, err)


def test_a_training_goes_on_after_a_signal_to_the_result_of_an_uninterrupted_one(shell: Shell) -> None:
    done = interrupt(signal.SIGINT, *LONG)
    assert (done.returncode, done.stdout) == (130, "")
    assert done.stderr.count("\n") == 1
    line = one_line(done.stderr, shell.here)
    assert line.startswith("error: interrupted in x.partial: ")
    assert "--resume" in line
    assert not Path("x").exists()
    assert read_note(Path("x.partial") / CHECKPOINT)["step"] > 0, "in the middle of an epoch"
    assert main(["info", "x"]) == 0
    assert "unfinished hourglass in" in shell.read_streams()[0]
    resumed = shell.json(*LONG, "--resume")
    whole = shell.json(*LONG[:3], "whole", *LONG[4:])
    assert resumed["id"] == whole["id"]
    assert [row["val_pck"] for row in resumed["history"]] == [row["val_pck"] for row in whole["history"]]
