"""An option that changes nothing without another one is refused, and not ignored."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from shgae.cli.app import command_tree
from shgae.cli.needs import NEEDS
from tests.end_to_end.conftest import PAIR, Shell


def test_every_option_in_the_table_is_one_of_its_command() -> None:
    commands = command_tree().commands
    for command, needs in NEEDS.items():
        options = {str(parameter.name) for parameter in commands[command].params}
        assert {option for one in needs for option in one.options} <= options


SPLIT_BY = f"prepare --train {PAIR} -o x --split-by crop"
MARGIN = f"prepare --train {PAIR} -o x --margin 0.2"
IDLE = {
    SPLIT_BY: ("--split-by", "--hold-out"),
    f"{MARGIN} --square mpii": ("--margin", "--square study"),
    f"prepare --train {PAIR} -o x --square coco --crop-policy pad": ("--crop-policy", "--square study"),
    "import weights.pth -o x --category person": ("--category", "--joints JSON"),
    "predict made/baseline drawn/val/photos -o x --nms 0.9": ("--nms", "--boxes JSON"),
    "evaluate p.json made/data --decode dark": ("--decode", "an hourglass"),
    "evaluate p.json p.json made/data --flip-test": ("--flip-test", "an hourglass"),
    "show made/data -o x.png --sigma-visible 2": ("--sigma-visible", "--targets"),
    "show made/data -o x.png --centres subpixel": ("--centres", "--targets"),
    "show made/data -o x.png --sigmas p.json": ("--sigmas", "PREDICTIONS"),
    "report made/data made/baseline -o x.html --people 3": ("--people", "an evaluation"),
    "report made/data made/baseline -o x.html --between a,b": ("--between", "an evaluation"),
    "analyze made/activations -o x --parts spectrum --clusters 2-3": ("--clusters", "--parts clusters"),
    "analyze made/activations -o x --parts clusters --traversals 2": ("--traversals", "--parts traversals"),
    "analyze made/activations -o x --parts spectrum --unit-people 9": ("--unit-people", "--parts code-units"),
    "study made/baseline made/data -o x --arms none,full --other-seeds 1": ("--other-seeds", "primary comparison"),
    "study made/baseline made/data -o x --code-seeds 2": ("--code-seeds", "--code-sizes"),
    "study made/baseline made/data -o x --arm-dropout 0.2": ("--arm-dropout", "with dropout"),
    "study made/baseline made/data -o x --arm-weight-decay 0.2": ("--arm-weight-decay", "with weight-decay"),
    "study made/baseline made/data -o x --arm-augment strong": ("--arm-augment", "none+augment"),
    "study made/baseline made/data -o x --plan --dry-run": ("--dry-run", "--plan"),
    "study made/baseline made/data -o x --only activations --plan": ("--only", "--plan"),
    "study made/baseline made/data -o x --only activations --jobs 2": ("--jobs", "--only"),
    "compare made/data -o x --arm a=p.json --arm b=p.json,q.json --paired": ("--paired", "equally many"),
}


@pytest.mark.parametrize("command", IDLE)
def test_an_option_that_would_change_nothing_is_refused(shell: Shell, command: str) -> None:
    for name in ("p.json", "q.json", "weights.pth"):
        Path(name).write_text("[]")
    line = shell.refused(*command.split())
    option, other = IDLE[command]
    assert option in line
    assert other in line


def test_with_what_it_needs_it_is_taken(shell: Shell) -> None:
    shell.run(*SPLIT_BY.split(), "--hold-out", 3, "--dry-run")
    shell.run(*MARGIN.split(), "--dry-run")
    shell.run("show", "made/data", "-o", "x.png", "--sigma-visible", 1, "--targets", "--people", 1)
    shell.run("evaluate", "made/baseline", "made/grafted", "made/data", "-o", "scores")
    assert "--people N" in shell.refused("report", "scores", "-o", "x.html", "--people", 0, "--between", "first,last")
    shell.run("report", "scores", "-o", "x.html", "--people", 1, "--between", "first,last")
    shell.run("analyze", "made/activations", "-o", "x", "--parts", "spectrum,clusters", "--clusters", "2-3")
    study = ("study", "made/baseline", "made/data", "-o", "s", "--precision", "fp32")
    shell.run(*study, "--arms", "none,full,dropout", "--arm-dropout", 0.2, "--other-seeds", 1, "--plan")


def test_a_recipe_and_a_file_may_hold_it_for_other_calls(shell: Shell) -> None:
    Path("mine.toml").write_text('[prepare]\nsplit_by = "crop"\nmargin = 0.2\nsquare = "coco"\n')
    for words in (("--config", "mine.toml"), ("--recipe", "original")):
        result = shell.json("prepare", "--train", *PAIR.split(), "-o", "x", *words, "--dry-run")
        assert json.dumps(result)
