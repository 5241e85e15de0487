"""What is wrong with the paths of a command line is told before anything slow is imported."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from shgae.cli.app import main
from shgae.cli.inputs import Photos
from shgae.errors import Refused
from tests.builders.chain import Chain

WRONG = [
    ("train nothing -o out", "artefact in nothing: no such folder, wanted prepared data"),
    ("extract nothing data -o out", "artefact in nothing: no such folder, wanted an hourglass"),
    ("pretrain-ae file -o out", "artefact in file: it is a file, wanted activations"),
    ("graft nothing ae -o out", "artefact in nothing"),
    (
        "finetune folder data -o out",
        "artefact in folder: no manifest.json in it, so it is not an hourglass. Try: a folder that",
    ),
    (
        "train folder -o out",
        "artefact in folder: no manifest.json in it, so it is not prepared data. Try: a folder that",
    ),
    ("evaluate file nothing", "artefact in nothing: no such folder, wanted prepared data"),
    ("splice nothing data", "artefact in nothing"),
    ("rate nothing a data", "artefact in nothing"),
    ("rate nothing a data --given x", "value in --given: 'x' is not NAME=FILE"),
    ("rate nothing a data --given =file", "value in --given: '=file' is not NAME=FILE"),
    ("analyze nothing -o out", "artefact in nothing"),
    ("study nothing data -o out", "artefact in nothing"),
    ("predict nothing photos -o out", "artefact in nothing"),
    ("export nothing -o out.onnx", "artefact in nothing"),
    ("plot nothing -o out", "artefact in nothing"),
    ("report nothing -o out.html", "artefact in nothing"),
    ("info nothing", "artefact in nothing"),
    ("verify-resume nothing", "artefact in nothing"),
    ("verify nothing", "artefact in nothing"),
    ("import nothing -o out", "checkpoint in nothing: no such file"),
    ("import folder -o out", "checkpoint in folder: it is a folder"),
    ("import file --joints nothing -o out", "joints in nothing: no such file"),
    ("prepare --train nothing folder -o out", "annotations in nothing: no such file"),
    ("prepare --train file nothing -o out", "photos in nothing: no such folder"),
    ("import file --like nothing -o out", "artefact in nothing: no such folder, wanted an hourglass"),
    ("convert mpii nothing -o out", "annotations in nothing: no such file"),
    ("train nothing -o out --epochs 0", "value in --epochs"),
    ("train nothing -o out --epochs many", "Invalid value for '--epochs': not a whole number"),
    ("train nothing -o out --epoch-count 3", "No such option: --epoch-count"),
    ("trian nothing -o out", "No such command 'trian'"),
    ("evaluate nothing nothing --split all", "Invalid value for '--split'"),
    ("train nothing -o out --device gpu", "value in --device"),
    ("train nothing -o out --config nothing", "config in nothing"),
    ("train nothing -o out --seed " + "9" * 5000, "Invalid value for '--seed' / '-s': not a whole number"),
    # Paths that no disk has are an input's fault.
    ("import " + "x" * 300 + " -o out", "path in xxx"),
    ("info " + "x" * 300, "path in xxx"),
    ("import loop -o out", "checkpoint in loop: a link in a circle"),
    # The value of an option was forgotten, and the next option is not a name for a folder.
    ("train nothing -o --force", "option in --output: its value is missing, --force stands in its place"),
    ("train nothing --output=--json", "option in --output: its value is missing, --json stands in its place"),
    ("import file -o out --joints -q", "option in --joints: its value is missing, -q stands in its place"),
]


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "file").write_text("{}")
    (tmp_path / "folder").mkdir()
    (tmp_path / "loop").symlink_to("loop")
    (tmp_path / "lost").symlink_to("blob")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_of_photos_of_which_none_is_there_a_link_is_called_so(here: Path) -> None:
    for name, why in {"lost": "a link to a file that is not there", "nothing": "no such file or folder"}.items():
        with pytest.raises(Refused) as refused:
            Photos().check([here / name])
        assert refused.value.why == why


@pytest.mark.parametrize(("words", "line"), WRONG)
def test_a_wrong_path_or_value_is_refused_by_name(here: Path, capsys, words: str, line: str) -> None:
    assert main(words.split()) == 2
    assert capsys.readouterr().err.startswith(f"error: {line}")
    assert not (here / "out").exists()


def test_none_of_them_waits_for_torch_or_numpy(here: Path) -> None:
    script = (
        "import sys\nfrom shgae.cli.app import main\n"
        f"for words in {[words for words, _ in WRONG]}:\n    assert main(words.split()) == 2, words\n"
        "    assert not {'torch', 'numpy'} & sys.modules.keys(), words\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr


def test_an_artefact_of_another_kind_and_an_output_that_exists_are_told_by_the_same_words(
    here: Path, chain: Chain, capsys
) -> None:
    assert main(["train", str(chain.baseline), "-o", "out"]) == 2
    assert "an hourglass, wanted prepared data" in capsys.readouterr().err
    assert main(["train", str(chain.data), "-o", "folder"]) == 2
    assert "output in folder: it exists already" in capsys.readouterr().err
    for given, why in {"x=nothing": "no such file", "x=folder": "it is a folder", "ae=file": "shgae's own"}.items():
        assert main(["splice", str(chain.baseline), str(chain.data), "--given", given]) == 2
        assert why in capsys.readouterr().err
    twice = ["--given", "x=file", "--given", "x=file"]
    assert main(["rate", str(chain.baseline), str(chain.activations), str(chain.data), *twice]) == 2
    assert "called x" in capsys.readouterr().err
    assert main(["evaluate", str(chain.data), str(chain.data)]) == 2
    assert "prepared data, wanted an hourglass" in capsys.readouterr().err
    (here / "folder" / "predictions-a.json").write_text("[]")
    for words in (["show", str(chain.data), "folder", "-o", "out.png"], ["evaluate", "folder", str(chain.data)]):
        assert main(words) == 2
        assert "Try: folder/predictions-a.json" in capsys.readouterr().err


def test_a_dry_run_says_that_the_run_itself_would_refuse_its_output(here: Path, chain: Chain, capsys) -> None:
    words = ["extract", str(chain.baseline), str(chain.data), "--dry-run", "-o"]
    said = "note: without --dry-run this would be refused: output in folder: it exists already"
    for more, wanted in (["folder"], True), (["out"], False), (["folder", "--force"], False), (["folder", "-q"], False):
        assert main([*words, *more]) == 0
        assert (said in capsys.readouterr().err) == wanted


@pytest.mark.parametrize("name", ["fig.png", "fig.svg", "fig.pdf", "fig.html", "fig.htm", "fig.onnx"])
def test_no_folder_is_called_as_a_file_is(here: Path, chain: Chain, capsys, name: str) -> None:
    for words in (["plot", str(chain.baseline)], ["evaluate", str(chain.baseline), str(chain.data)]):
        assert main([*words, "-o", name, "--force"]) == 2
        assert f"output in {name}: it would be a folder" in (said := capsys.readouterr().err)
        assert "Try: --output fig, the folder" in said
    assert not (here / name).exists()


@pytest.mark.parametrize(
    "words",
    [
        "prepare --train=~/nothing folder -o out",
        "prepare --train file ~/nothing -o out",
        "train ~/nothing -o out",
        "plot folder ~/nothing -o out",
        "train folder -o out --config=~/nothing",
        "predict file ~/nothing -o out",
    ],
)
def test_a_path_may_begin_at_the_home_folder(here: Path, monkeypatch: pytest.MonkeyPatch, capsys, words: str) -> None:
    monkeypatch.setenv("HOME", str(here / "home"))
    refused: list[Path] = []
    for way in ("~", str(here / "home")):
        assert main(words.replace("~", way).split()) == 2
        refused.append(capsys.readouterr().err)
    assert refused[0] == refused[1]
    assert not (here / "~").exists()


def test_an_output_may_lie_in_the_home_folder(here: Path, chain: Chain, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(here))
    assert main(["show", str(chain.data), "--output=~/folder/sheet.png", "-q"]) == 0
    assert (here / "folder" / "sheet.png").is_file() and not (here / "~").exists()
