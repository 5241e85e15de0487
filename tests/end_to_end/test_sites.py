"""Autoencoders at several stacks by command line: what is said, proposed and refused."""

from __future__ import annotations

import shlex
import shutil
from pathlib import Path

import pytest

from shgae.cli.app import main
from tests.builders.chain import Chain
from tests.end_to_end.conftest import TRAIN, Shell

QUICK = ("--precision", "fp32", "--batch-size", 4, "--epochs", 1)


@pytest.fixture(scope="module")
def two_stacks(chain: Chain, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A network of two stacks, its bottlenecks, and an autoencoder of each and of both: base, acts, code-0, ...

    As deep as a test's own folder: the ways from artefacts to their parents hold in a copy.
    """
    here = tmp_path_factory.mktemp("stacks") / "here"
    commands = [
        ("train", chain.data, "-o", here / "base", *TRAIN[:-1], 1, "--stacks", 2),
        ("extract", here / "base", chain.data, "-o", here / "acts", "--stack", "all", "--precision", "fp32"),
        *(
            ("pretrain-ae", here / "acts", "--stack", stack, "-o", here / f"code-{stack}", "--code-size", 6, *QUICK)
            for stack in ("0", "1", "all")
        ),
    ]
    for words in commands:
        assert main([*map(str, words), "--quiet"]) == 0
    return here


@pytest.fixture
def stacks(shell: Shell, two_stacks: Path) -> Shell:
    """A shell in a folder with a copy of these artefacts."""
    shutil.copytree(two_stacks, shell.here, dirs_exist_ok=True)
    return shell


def proposed(out: str) -> list[str]:
    """The next command, as it is proposed."""
    return shlex.split(out.splitlines()[-1].removeprefix("next: shgae "))


def test_a_chain_at_every_stack_speaks_json(stacks: Shell) -> None:
    grafted = stacks.json("graft", "base", "code-0", "code-1", "--stack", 0, "--stack", "last", "-o", "own")
    assert grafted["sites"] == [{"stack": stack, "code_size": 6, "shared_with": []} for stack in (0, 1)]
    shared = stacks.json("graft", "base", "code-all", "--stack", 1, "--stack", 0, "-o", "shared")
    assert [site["shared_with"] for site in shared["sites"]] == [[1], [0]]
    assert grafted["parameters"] - shared["parameters"] == stacks.json("info", "code-all")["facts"]["parameters"]
    for name in ("own", "shared"):
        tuned = stacks.json("finetune", name, "made/data", *QUICK, "-o", f"{name}-tuned")
        assert tuned["parameters"] == stacks.json("info", name)["facts"]["parameters"]
    report = stacks.json("evaluate", "base", "own-tuned", "shared-tuned", "made/data")
    assert [model["name"] for model in report["models"]] == ["base", "own-tuned", "shared-tuned"]
    assert stacks.json("verify", "own-tuned")["missing"] == []


def test_what_is_proposed_after_several_stacks_works_as_proposed(stacks: Shell) -> None:
    words = proposed(stacks.run("extract", "base", "made/data", "-o", "all", "--stack", "all"))
    assert words == ["pretrain-ae", "all", "--stack", "0", "-o", "autoencoder-0"]
    words = proposed(stacks.run(*words, *QUICK))
    assert words == ["graft", "base", "autoencoder-0", "--stack", "0", "-o", "grafted"]
    out = stacks.run(*words)
    assert any(line.startswith("stack 0 ") and "its own, code of 50" in line for line in out.splitlines())
    words = proposed(out)
    assert words[:2] == ["finetune", "grafted"]
    stacks.run(*words, *QUICK)


def test_one_autoencoder_of_all_stacks_is_scored_at_each_and_proposed_to_be_shared(stacks: Shell) -> None:
    out = stacks.run("pretrain-ae", "acts", "--stack", "all", "-o", "both", *QUICK)
    pooled = "all stacks together, against their common mean"
    assert pooled in out and pooled in " ".join(stacks.run("info", "both").split())
    _, _, each = out.partition("Of each stack")
    assert [line.split()[:2] for line in each.splitlines()[1:3]] == [["stack", "0"], ["stack", "1"]]
    words = proposed(out)
    assert words == ["graft", "base", "both", "--stack", "0", "--stack", "1", "-o", "grafted"]
    lines = stacks.run(*words).splitlines()
    assert any(line.startswith("stack 1 ") and "shared with stack 0" in line for line in lines)


def test_the_last_stack_needs_no_option_all_the_way(stacks: Shell) -> None:
    words = proposed(stacks.run("extract", "base", "made/data", "-o", "last", "--limit", 4))
    assert words == ["pretrain-ae", "last", "-o", "autoencoder"]
    words = proposed(stacks.run(*words, *QUICK))
    assert words == ["graft", "base", "autoencoder", "-o", "grafted"]
    assert any(line.startswith("stack 1 ") and "of its own" in line for line in stacks.run(*words).splitlines())


def test_what_does_not_fit_ends_in_one_line_and_changes_nothing(stacks: Shell) -> None:
    stacks.run("graft", "base", "code-0", "--stack", "0", "-o", "one")
    ends = {
        "extract base made/data --stack 2": "stack 2 in base: ",
        "extract made/baseline made/data --stack 1": "stack 1 in made/baseline: ",
        "pretrain-ae made/activations --stack 1": "stack 1 in made/activations: ",
        "pretrain-ae acts --stack 2": "stack 2 in acts: ",
        "graft base code-0": "autoencoder in code-0: ",
        "graft base code-0 code-1": "autoencoders in code-0, code-1: ",
        "graft base code-1 code-0 --stack 0 --stack 1": "autoencoder in code-1: ",
        "graft base code-1 --stack 1 --stack last": "stack 1 in base: ",
        "graft base code-1 --stack 5": "stack 5 in base: ",
        "graft base code-1 --stack 8": "8 is not",
        "graft base code-1 --stack all": "all is not",
        "graft one code-0 --stack 0": "stack 0 in one: ",
        "graft one code-1": "autoencoder in code-1: ",
        "graft base": "Missing argument 'AE...'",
    }
    for words, said in ends.items():
        assert said in stacks.refused(*words.split(), "-o", "x"), words


def test_the_shard_of_one_stack_that_was_deleted_stops_those_who_read_it(stacks: Shell) -> None:
    Path("acts/train/stack-1/bottleneck-00000.safetensors").unlink()
    for stack in ("1", "last", "all"):
        line = stacks.refused("pretrain-ae", "acts", "--stack", stack, "-o", "x")
        assert "train/stack-1/bottleneck-00000.safetensors is missing" in line
    stacks.run("pretrain-ae", "acts", "--stack", "0", "-o", "x", *QUICK)
    assert "is missing" in stacks.refused("verify", "x")


def test_a_second_stack_is_taken_by_graft_alone(shell: Shell) -> None:
    for words in (("extract", "made/baseline", "made/data"), ("pretrain-ae", "made/activations")):
        line = shell.refused(*words, "--stack", 0, "--stack", 0, "-o", "x")
        assert "--stack: given twice" in line
    assert "given twice" in shell.refused(*TWICE.split(), "-o", "x")


TWICE = "graft made/baseline made/autoencoder --stack 0 --stack 0"
