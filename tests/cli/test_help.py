from __future__ import annotations

import os
import subprocess
import sys

import pytest

from shgae.cli import fields
from shgae.cli.app import command_tree, main
from shgae.cli.commands import COMMANDS
from shgae.cli.fields import stages
from shgae.config import fields_of

NAMES = [command.name for command in COMMANDS]
HEAVY = ("torch", "numpy", "matplotlib", "scipy", "sklearn", "safetensors", "PIL", "pycocotools")
GROUP = command_tree()


def help_of(name: str, capsys: pytest.CaptureFixture[str]) -> str:
    assert main([name, "--help"]) == 0
    return capsys.readouterr().out


def test_the_chain_stands_first_and_in_order(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--help"]) == 0
    text = capsys.readouterr().out
    chain = ["prepare", "train", "import", "extract", "pretrain-ae", "graft", "finetune", "evaluate"]
    places = [text.index(f"\n  {name} ") for name in [*chain, "demo", "info", "verify", "doctor"]]
    assert places == sorted(places)


@pytest.mark.parametrize("name", NAMES)
def test_help_has_a_sentence_an_example_and_the_folder_that_is_written(name: str, capsys) -> None:
    text = help_of(name, capsys)
    sentence = text.split("\n\n")[1]
    assert sentence.strip().endswith(".")
    assert f"\n  Example\n    shgae {name}" in text
    makes_a_folder = any("--output" in parameter.opts for parameter in GROUP.commands[name].params)
    assert ("\n  Writes\n" in text) == makes_a_folder


@pytest.mark.parametrize("name", ["", *NAMES])
def test_help_fits_a_terminal_of_80_columns(name: str, capsys, monkeypatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    assert main([*filter(None, [name]), "--help"]) == 0
    assert [line for line in capsys.readouterr().out.splitlines() if len(line) > 80] == []


def test_every_command_stands_in_one_of_four_sections_its_summary_on_at_most_two_lines(capsys) -> None:
    assert main(["--help"]) == 0
    text = capsys.readouterr().out
    headings = [line for line in text.splitlines() if line.endswith(":") and not line.startswith(" ")]
    assert headings == ["Options:", "Method:", "Analysis:", "Output:", "Maintenance:"]
    commands = text.partition("Method:")[2].splitlines()
    assert len([line for line in commands if line.strip()]) - 3 <= 2 * len(NAMES)


@pytest.mark.parametrize(("name", "inputs"), [("graft", "MODEL AE..."), ("evaluate", "MODEL... DATA"), ("doctor", "")])
def test_the_usage_names_the_inputs_as_the_help_does(name: str, inputs: str, capsys) -> None:
    assert help_of(name, capsys).splitlines()[0] == f"Usage: shgae {name} [OPTIONS] {inputs}".strip()


@pytest.mark.parametrize("command", COMMANDS, ids=NAMES)
def test_the_example_is_a_line_that_the_command_takes(command) -> None:
    example = command.help.rpartition("Example\n  ")[2].split()
    assert example[:2] == ["shgae", command.name]
    GROUP.commands[command.name].make_context(command.name, example[2:])


@pytest.mark.parametrize("stage", stages())
def test_every_field_of_a_config_is_an_option_in_the_help(stage: str, capsys) -> None:
    text = help_of(stage.replace("_", "-"), capsys)
    flat = " ".join(text.split())
    for field in fields_of(stages()[stage]):
        assert f"--{field.option}" in text
        assert " ".join(fields.help_of(stages()[stage], field.name).split()[:4]) in flat
        assert all(str(choice) in text for choice in field.choices)


def test_where_the_recipes_differ_the_help_says_both(capsys) -> None:
    flat = " ".join(help_of("train", capsys).split())
    assert "[improved: cosine; original: plateau]" in flat
    assert "[default: 16]" in flat


@pytest.mark.parametrize("name", NAMES)
def test_no_two_options_of_a_command_share_a_name(name: str) -> None:
    parameters = GROUP.commands[name].params
    flags = [flag for parameter in parameters for flag in (*parameter.opts, *parameter.secondary_opts)]
    assert len(flags) == len(set(flags))


@pytest.mark.parametrize("name", NAMES)
def test_every_command_can_be_quiet_and_speak_json(name: str) -> None:
    flags = {flag for parameter in GROUP.commands[name].params for flag in parameter.opts}
    assert {"--json", "--quiet", "-q"} <= flags


def test_no_help_imports_anything_that_is_slow_and_no_table_what_computes() -> None:
    script = (
        "import sys\nfrom shgae.cli.app import main\n"
        f"for name in {NAMES}:\n    main([name, '--help'])\n"
        "main(['--help'])\n"
        f"print([name for name in {HEAVY} if name in sys.modules], file=sys.stderr)\n"
        "import shgae.cli.tables, shgae.analysis.latent.clusters\n"
        "print([name for name in ('torch', 'scipy.stats', 'sklearn') if name in sys.modules], file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=True)
    assert done.stderr == "[]\n[]\n"


def test_help_answers_at_once() -> None:
    def seconds() -> float:
        # Of the processor, not of the clock: others may be using the machine.
        begun = os.times()
        subprocess.run([sys.executable, "-m", "shgae", "train", "--help"], capture_output=True, check=True, timeout=60)
        ended = os.times()
        return ended.children_user + ended.children_system - begun.children_user - begun.children_system

    # 0.2 s where nothing else runs; torch alone would take longer than the bound.
    assert min(seconds() for _ in range(3)) < 0.8


@pytest.mark.parametrize("name", NAMES)
def test_the_options_of_the_commands_own_stand_before_those_that_all_have(name: str, capsys) -> None:
    lines = help_of(name, capsys).splitlines()
    order = ["Arguments:", "Options:", "Method:", "Running:", "Showing:"]
    headings = [line for line in lines if line in order]
    assert headings == sorted(headings, key=order.index)


def test_the_help_of_a_study_says_what_force_and_resume_do_to_a_study(capsys) -> None:
    own, other = (" ".join(help_of(name, capsys).split()) for name in ("study", "train"))
    for text, of_study in (("Continue an interrupted run", False), ("a study always goes on", True)):
        assert (text in own, text in other) == (of_study, not of_study)
    for text, of_study in (("Replace an output that exists", False), ("Register another plan", True)):
        assert (text in own, text in other) == (of_study, not of_study)


def test_a_switch_is_said_to_be_on_or_off(capsys) -> None:
    assert "epoch of pre-training. [improved: yes; original: no]" in " ".join(help_of("study", capsys).split())
    assert "at their foot. [default: yes]" in " ".join(help_of("plot", capsys).split())
