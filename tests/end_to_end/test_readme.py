"""The README is true: its commands run, its options exist, its tables and its tree are those of the program."""

from __future__ import annotations

import re
import runpy
import shlex
import shutil
from pathlib import Path
from typing import Any

import typer.main

from shgae.cli import config_file
from shgae.cli.app import app
from shgae.cli.commands import COMMANDS
from shgae.cli.fields import stages
from shgae.config import fields_of
from shgae.recipes import RECIPES, SPLITS
from tests.builders.chain import Chain
from tests.end_to_end.conftest import ROOT, TINY_CONFIG, Shell

README = (ROOT / "README.md").read_text(encoding="utf-8")
GROUP: Any = typer.main.get_command(app)
WHOSE = {
    "networks": ("train", "finetune"),
    "train": ("train",),
    "finetune": ("finetune",),
    "autoencoder": ("pretrain_ae",),
}
"""What a bracket behind an option in the table of recipes means, as stages."""


def blocks(language: str) -> list[str]:
    """The fenced blocks of a language; "" are those without one."""
    fenced = re.findall(r"^```(\w*)\n(.*?)^```$", README, re.DOTALL | re.MULTILINE)
    return [text for name, text in fenced if name == language]


def block(language: str, holding: str) -> str:
    return next(text for text in blocks(language) if holding in text)


def commands_of(text: str) -> list[list[str]]:
    """The command lines of a bash block, word by word, without their comments."""
    lines = [part for line in text.splitlines() for part in line.split("&&")]
    return [words for line in lines if (words := shlex.split(line, comments=True))]


def options_of(name: str) -> set[str]:
    parameters = GROUP.commands[name].params
    return {flag for one in parameters for flag in (*one.opts, *one.secondary_opts)} | {"-h", "--help"}


def rows_of(heading: str) -> list[list[str]]:
    """The cells of the table below a heading."""
    section = README.partition(f"## {heading}\n")[2].partition("\n## ")[0]
    lines = [line for line in section.splitlines() if line.startswith("| ")]
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines[2:]]


def coded(cell: str) -> list[str]:
    return re.findall(r"`([^`]+)`", cell)


def test_the_chain_on_coco_runs_line_by_line_and_python_opens_what_it_made(shell: Shell) -> None:
    for split in ("train", "val"):
        shutil.copy(f"drawn/{split}/person_keypoints.json", f"person_keypoints_{split}2017.json")
        Path(f"{split}2017").symlink_to(f"drawn/{split}/photos")
    Path("tiny.toml").write_text(TINY_CONFIG)
    lines = commands_of(block("bash", "shgae prepare"))
    assert [words[1] for words in lines] == [
        *("prepare", "train", "extract", "pretrain-ae", "graft", "finetune", "finetune", "evaluate", "info", "verify")
    ]
    for program, *words in lines:
        assert program == "shgae"
        words = ["3" if before == "--hold-out" else word for before, word in zip(["", *words], words, strict=False)]
        shell.run(*words, *(["--config", "tiny.toml"] if "--config" in options_of(words[0]) else []))
    found = runpy.run_path(str(_written("readme.py", block("python", "open_model"))))
    assert found["maps"].shape == (2, 1, 17, 64, 64)
    assert found["bottleneck"].shape == (2, 16, 4, 4)
    assert found["code"].shape == (2, 50)


def test_the_lines_on_several_stacks_run_one_after_another(shell: Shell) -> None:
    Path("tiny.toml").write_text(TINY_CONFIG)
    Path("data").symlink_to("made/data")
    lines = commands_of(block("bash", "graft two"))
    assert [words[1] for words in lines].count("graft") == 2
    for _, *words in lines:
        shell.run(*words, *(["--config", "tiny.toml"] if "--config" in options_of(words[0]) else []))
    grafts = {name: shell.json("info", name)["facts"]["spec"]["grafts"] for name in ("both", "shared")}
    assert all(isinstance(own, dict) for own in grafts["both"])
    assert grafts["shared"][1] == 0


def test_the_lines_on_seeing_inside_run(shell: Shell) -> None:
    for name in ("data", "baseline", "activations", "autoencoder", "finetuned"):
        Path(name).symlink_to(f"made/{name}")
    Path("tiny.toml").write_text(TINY_CONFIG.replace("epochs = 1", "epochs = 2"))
    shell.run("finetune", "baseline", "data", "-o", "control", "--config", "tiny.toml")
    shell.run("evaluate", "baseline", "finetuned", "data", "-o", "evaluation")
    lines = commands_of(block("bash", "shgae analyze"))
    assert [words[1] for words in lines] == ["analyze", "plot", "report"]
    for _, *words in lines:
        shell.run(*words)
    assert "<html" in Path("report.html").read_text()


def test_the_lines_on_using_a_model_run_and_so_does_the_onnx_snippet(shell: Shell) -> None:
    Path("finetuned").symlink_to("made/finetuned")
    Path("photos").symlink_to("drawn/val/photos")
    shutil.copy("drawn/val/person_keypoints.json", "people.json")
    for _, *words in commands_of(block("bash", "shgae predict")):
        shell.run(*words)
    shutil.copy(next(iter(sorted(Path("photos").iterdir()))), "person.png")
    code = block("python", "onnxruntime")
    found = runpy.run_path(str(_written("use.py", code)))
    assert found["maps"].shape == (17, 32, 32)


def _written(name: str, text: str) -> Path:
    Path(name).write_text(text)
    return Path(name)


def test_the_config_file_is_accepted(shell: Shell) -> None:
    path = _written("mine.toml", block("toml", "recipe"))
    assert config_file.read(path).values
    assert "none: no such folder" in shell.refused("train", "none", "-o", "x", "--config", path)


def test_every_command_line_names_commands_and_options_that_exist() -> None:
    known = {command.name for command in COMMANDS}
    typed = [words for text in blocks("bash") for words in commands_of(text)]
    typed += [text.split() for text in coded(README) if text.startswith("shgae ")]
    for words in typed:
        if words[0] != "shgae" or not words[1].islower():
            continue
        assert words[1] in known
        assert {word for word in words if word.startswith("-")} <= options_of(words[1])


def test_every_option_that_is_named_anywhere_exists() -> None:
    known = set().union(*(options_of(command.name) for command in COMMANDS))
    of_others = ("torchrun --nnodes", "#SBATCH")
    ours = "\n".join(line for line in README.splitlines() if not line.startswith(of_others))
    named = set(re.findall(r"(?<![\w-])--[a-z][a-z-]*", ours))
    assert len(named) > 10
    assert named <= known


def test_every_make_target_exists() -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    typed = {words[1] for text in blocks("bash") for words in commands_of(text) if words[0] == "make"}
    typed |= {text.split()[1] for text in coded(README) if text.startswith("make ")}
    assert {"demo", "test"} <= typed <= targets


def test_what_the_recipes_differ_in_is_what_the_table_says() -> None:
    for options, original, improved, _ in rows_of("What the recipes differ in"):
        bracket = re.search(r"\((.*)\)$", options)
        having = [stage for stage, config in stages().items() if set(coded(options)) <= _options(config)]
        for recipe, values in (("original", original), ("improved", improved)):
            for option, value in zip(coded(options), values.split(", "), strict=True):
                for stage in WHOSE[bracket[1]] if bracket else having:
                    config = getattr(RECIPES[recipe], stage)  # type: ignore[index]
                    assert _same(getattr(config, option.strip("-").replace("-", "_")), value), (recipe, stage, option)


def _options(config: type) -> set[str]:
    return {f"--{field.option}" for field in fields_of(config)}


def _same(value: object, said: str) -> bool:
    if isinstance(value, bool):
        return said == ("yes" if value else "no")
    return float(said) == value if isinstance(value, float) else said == value


def test_the_artefacts_hold_the_files_that_the_table_says(chain: Chain, shell: Shell) -> None:
    shell.run("evaluate", "made/baseline", "made/data", "-o", "evaluation")
    shell.run("predict", "made/baseline", "drawn/val/photos", "-o", "predictions")
    few = ("--arms", "a", "--seeds", "1", "--epochs", "1", "--batch-size", "4")
    shell.run("study", "made/baseline", "made/data", "-o", "study", *few)
    shell.run("splice", "made/baseline", "made/data", "--ae", "made/autoencoder", "-o", "splice")
    shell.run("rate", "made/baseline", "made/activations", "made/data", "-o", "rate")
    shell.run("analyze", "made/activations", "made/baseline", "made/data", "-o", "analysis", "--traversals", "1")
    shell.run("plot", "made/baseline", "rate", "-o", "figures")
    folders = {
        "prepare": [chain.data],
        "train": [chain.baseline],
        "finetune": [chain.finetuned],
        "extract": [chain.activations],
        "pretrain-ae": [chain.autoencoder],
        "graft": [chain.grafted],
        "evaluate": [shell.here / "evaluation"],
        "predict": [shell.here / "predictions"],
        "study": [shell.here / "study" / "report"],
        "splice": [shell.here / "splice"],
        "rate": [shell.here / "rate"],
        "analyze": [shell.here / "analysis"],
        "plot": [shell.here / "figures"],
        "import": [],
    }
    told = []
    for steps, kind, files in rows_of("What lies in an artefact"):
        for step in coded(steps):
            told.append(step)
            for folder in folders[step]:
                assert shell.json("info", folder)["kind"] == kind.split()[0]
                _check_files(folder, coded(files))
    assert sorted(told) == sorted(folders)


def _check_files(folder: Path, told: list[str]) -> None:
    """Every file of the table lies in the folder, and every file of the folder but the manifest is in the table."""
    there = {path for path in folder.rglob("*") if path.is_file()} - {folder / "manifest.json"}
    found = set()
    for pattern in told:
        for split in SPLITS if "SPLIT" in pattern else ("",):
            hits = set(folder.glob(pattern.replace("SPLIT", split).replace("NAME", "*")))
            assert hits, f"{pattern} in {folder}"
            found |= hits
    assert found == there


def tree() -> dict[str, int]:
    """The names in the tree of the house, with their indentation."""
    lines = block("", "shgae/\n").splitlines()
    return {match[2]: len(match[1]) for line in lines if (match := re.match(r"( *)([a-z_]+(?:\.py|/))", line))}


def test_the_tree_of_the_house_is_the_real_one() -> None:
    house = tree()
    assert house["shgae/"] == 0
    for name, indent in house.items():
        path = ROOT / ("shgae" if indent else "") / name
        assert path.is_dir() if name.endswith("/") else path.is_file(), name
    rooms = {f"{path.parent.name}/" for path in (ROOT / "shgae").glob("*/__init__.py")}
    modules = {path.name for path in (ROOT / "shgae").glob("[!_]*.py")}
    assert {name for name, indent in house.items() if indent} == rooms | modules
