from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from shgae.cli.commands import COMMANDS
from shgae.cli.completions import main, scripts

FOLDER = Path(__file__).parents[2] / "completions"
CASES = [
    (["tr"], {"train"}),
    ([""], {command.name for command in COMMANDS}),
    (["train", "--opt"], {"--optimizer"}),
    (["train", "--optimizer", ""], {"rmsprop", "adam", "sgd"}),
    (["pretrain-ae", "--decoder-output", "i"], {"identity"}),
    (["evaluate", "model", "data", "--split", "t"], {"train", "test"}),
    (["train", "data", "--no-s"], {"--no-shuffle"}),
    (["graft", "--opt"], set()),
    (["finetune", "--trainable", "h"], {"head"}),
    (["prepare", "--trainable", "h"], set()),
    (["prepare", "--train", "h"], set()),
    (["import", "--joints", "m"], set()),
]


def test_the_stored_scripts_are_what_the_program_would_write(tmp_path: Path) -> None:
    main(tmp_path)
    fresh = {path.name: path.read_text(encoding="utf-8") for path in tmp_path.iterdir()}
    stored = {path.name: path.read_text(encoding="utf-8") for path in FOLDER.iterdir()}
    assert stored == fresh, "run: python -m shgae.cli.completions completions"


@pytest.mark.parametrize("name", ["shgae.bash", "shgae.zsh", "shgae.fish"])
def test_every_command_stands_in_every_script(name: str) -> None:
    text = scripts()[name]
    assert all(command.name in text for command in COMMANDS)


@pytest.mark.parametrize(("words", "wanted"), CASES)
def test_bash_completes_commands_options_and_choices(words: list[str], wanted: set[str]) -> None:
    bash = shutil.which("bash")
    if bash is None:
        pytest.skip("no bash on this system")
    script = 'source "$1"; shift; COMP_WORDS=(shgae "$@"); COMP_CWORD=$#; _shgae; printf "%s\\n" "${COMPREPLY[@]}"'
    command = [bash, "--norc", "-c", script, "bash", str(FOLDER / "shgae.bash"), *words]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=20)
    found = set(done.stdout.split())
    assert {word for word in found if not (words == [""] and word.startswith("-"))} == wanted
    assert done.stderr == ""


@pytest.mark.parametrize(("words", "wanted"), [case for case in CASES if case[1]])
def test_fish_completes_commands_options_and_choices(words: list[str], wanted: set[str]) -> None:
    fish = shutil.which("fish")
    if fish is None:
        pytest.skip("no fish on this system")
    script = f"source {FOLDER / 'shgae.fish'}; complete -C 'shgae {' '.join(words)}'"
    done = subprocess.run([fish, "--no-config", "-c", script], capture_output=True, text=True, check=True, timeout=20)
    assert {line.split("\t")[0] for line in done.stdout.splitlines()} >= wanted


def test_zsh_reads_its_script() -> None:
    zsh = shutil.which("zsh")
    if zsh is None:
        pytest.skip("no zsh on this system")
    done = subprocess.run([zsh, "-n", str(FOLDER / "shgae.zsh")], capture_output=True, text=True, timeout=20)
    assert (done.returncode, done.stderr) == (0, "")
