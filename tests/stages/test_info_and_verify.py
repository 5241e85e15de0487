from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import numpy as np
import pytest

from shgae.artifacts.checkpoint import CHECKPOINT, Position, save_checkpoint
from shgae.artifacts.draft import new_artifact
from shgae.artifacts.manifest import PLAN
from shgae.artifacts.store import Artifact, open_artifact
from shgae.cli.app import main
from shgae.cli.command import ancestor
from shgae.errors import Refused
from shgae.execution import Execution
from shgae.stages import info, verify


def make(target: Path, kind: str, value: int, **parents: Artifact) -> Artifact:
    with new_artifact(target, kind=kind, config={"seed": value}, parents=parents, execution=Execution()) as made:
        made.write_tensors("x.safetensors", {"x": np.full(3, value)})
        return made.commit({"parameters": 12_345 + value})


@pytest.fixture
def graft(tmp_path: Path) -> Path:
    data = make(tmp_path / "data", "data", 1)
    base = make(tmp_path / "base", "hourglass", 2, data=data)
    activations = make(tmp_path / "activations", "activations", 3, model=base, data=data)
    autoencoder = make(tmp_path / "ae", "autoencoder", 4, activations=activations)
    return make(tmp_path / "grafted", "hourglass", 5, model=base, autoencoder=autoencoder).path


def test_info_tells_what_a_folder_holds_and_its_whole_family(graft: Path) -> None:
    result = info.run(graft)
    assert (result.kind, result.complete, result.config, result.facts) == (
        "hourglass",
        True,
        {"seed": 5},
        {"parameters": 12_350},
    )
    assert result.files == 1
    assert result.bytes == (graft / "x.safetensors").stat().st_size
    family = [(one.depth, one.role, one.kind, one.present) for one in result.lineage]
    assert family == [
        (0, "", "hourglass", True),
        (1, "model", "hourglass", True),
        (2, "data", "data", True),
        (1, "autoencoder", "autoencoder", True),
        (2, "activations", "activations", True),
        (3, "model", "hourglass", True),
        (4, "data", "data", True),
        (3, "data", "data", True),
    ]


def test_info_of_an_ancestor_that_is_gone_says_so(graft: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shutil.rmtree(graft.parent / "ae")
    gone = [one.kind for one in info.run(graft).lineage if not one.present]
    assert gone == ["autoencoder"]
    assert main(["info", str(graft)]) == 0
    _, proposed = capsys.readouterr().out.rstrip().rsplit("next: shgae ", 1)
    assert main(proposed.split()) == 0, "what it proposes works"


def test_info_is_json_and_a_tree_on_the_command_line(graft: Path, capsys) -> None:
    assert main(["info", str(graft), "--json"]) == 0
    result = json.loads(capsys.readouterr().out)
    assert result["lineage"][0]["id"] == result["id"]
    assert main(["info", str(graft)]) == 0
    text = capsys.readouterr().out
    assert f"hourglass {result['id'][:12]}  {graft}" in text
    assert "autoencoder: autoencoder" in text
    assert "12,350" in text


@pytest.mark.parametrize("name", ["new", "new.partial"])
def test_info_of_an_unfinished_artefact_says_so(tmp_path: Path, capsys, name: str) -> None:
    target = tmp_path / "new"
    with (
        pytest.raises(RuntimeError),
        new_artifact(
            target, kind="hourglass", config={"epochs": 3}, parents={}, execution=Execution(), resumable=True
        ) as d,
    ):
        d.write_tensors("x.safetensors", {"x": np.zeros(3)})
        raise RuntimeError
    result = info.run(tmp_path / name)
    assert (result.complete, result.id, result.kind, result.config) == (False, None, "hourglass", {"epochs": 3})
    assert result.files == 1
    assert main(["info", str(tmp_path / name)]) == 0
    text = capsys.readouterr().out
    assert "unfinished hourglass" in text
    assert "--resume" in text


def test_info_of_an_interrupted_training_tells_where_it_stands_and_how_it_began(graft: Path, capsys) -> None:
    target = graft.parent / "run"
    parents = {"data": open_artifact(graft.parent / "data")}
    with (
        pytest.raises(RuntimeError),
        new_artifact(
            target,
            kind="hourglass",
            config={"epochs": 9},
            parents=parents,
            execution=Execution(),
            resumable=True,
            device="cpu (threads: 3)",
        ) as d,
    ):
        save_checkpoint(d.file(CHECKPOINT), {"x": np.zeros(3)}, Position(4, 17, best_epoch=3, best_score=0.5))
        raise RuntimeError
    result = info.run(target)
    assert result.facts == {"epochs_done": 4, "steps_of_the_next": 17, "best_epoch": 3, "best_score": 0.5}
    assert result.provenance["device"] == "cpu (threads: 3)"
    assert "torch" in result.provenance["versions"] and "torch" not in result.provenance
    (parent,) = result.lineage
    assert (parent.role, parent.path, parent.present) == ("data", parents["data"].path, True)
    assert main(["info", str(target)]) == 0
    text = capsys.readouterr().out
    assert re.search(r"epochs done +4\n", text)
    assert re.search(r"steps of the next +17\n", text)
    assert re.search(r"PCK % +50\n", text), "in the unit of the history"
    assert re.search(r"command +\S", text)


@pytest.mark.parametrize("command", ["info", "verify"])
def test_what_is_no_artefact_is_refused(tmp_path: Path, capsys, command: str) -> None:
    for path in (tmp_path, tmp_path / "nothing", Path().resolve().root):
        assert main([command, str(path)]) == 2
        assert capsys.readouterr().err.count("\n") == 1


@pytest.mark.parametrize("words", ["info", "verify", "plot -o figures", "report -o page"])
def test_a_study_without_a_report_is_told_from_no_artefact(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, words: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "study").mkdir()
    (tmp_path / "study" / PLAN).write_text("{}")
    command, *rest = words.split()
    assert main([command, "study", *rest]) == 2
    said = capsys.readouterr().err
    assert said.startswith("error: study in study: ") and "no report" in said
    with pytest.raises(Refused, match="a study, wanted an hourglass"):
        open_artifact(tmp_path / "study", "hourglass")


def test_verify_hashes_up_the_whole_chain(graft: Path) -> None:
    result = verify.run(graft)
    assert {path.name for path in result.verified} == {"data", "base", "activations", "ae", "grafted"}
    assert result.missing == ()
    assert result.fault() is None


@pytest.mark.parametrize("name", ["data", "base", "activations", "ae", "grafted"])
def test_verify_names_the_file_that_was_changed_wherever_it_is(graft: Path, name: str) -> None:
    file = graft.parent / name / "x.safetensors"
    content = bytearray(file.read_bytes())
    content[-1] ^= 1
    file.write_bytes(content)
    with pytest.raises(Refused, match=f"{name}: x.safetensors was changed"):
        verify.run(graft)


def test_an_ancestor_that_is_gone_is_exit_2_unless_allowed(graft: Path, capsys) -> None:
    shutil.rmtree(graft.parent / "base")
    assert main(["verify", str(graft)]) == 2
    out, err = capsys.readouterr()
    assert f"missing: hourglass {verify.run(graft).missing[0].id[:12]}" in out
    assert "--allow-missing if it was deleted" in err
    assert main(["verify", str(graft), "--allow-missing", "--json"]) == 0
    result = json.loads(capsys.readouterr().out)
    assert [one["kind"] for one in result["missing"]] == ["hourglass"]
    assert len(result["verified"]) == 4


def test_info_counts_people_as_the_tables_do_under_the_key_of_before(tmp_path: Path, capsys) -> None:
    with new_artifact(tmp_path / "e", kind="evaluation", config={}, parents={}, execution=Execution()) as made:
        made.write_json("report.json", {})
        made.commit({"persons": 20})
    assert main(["info", str(tmp_path / "e")]) == 0
    shown = capsys.readouterr().out.split()
    assert shown[shown.index("people") + 1] == "20" and "persons" not in shown
    assert main(["info", str(tmp_path / "e"), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["facts"]["persons"] == 20


def test_the_next_command_knows_where_the_ancestors_lie(graft: Path, monkeypatch) -> None:
    monkeypatch.chdir(graft.parent)
    assert (ancestor(graft, "model"), ancestor(graft, "data")) == (Path("base"), Path("data"))
    shutil.rmtree(graft.parent / "data")
    assert ancestor(graft, "data") == "DATA"


def test_info_shows_options_by_the_names_of_the_help_and_as_they_are_stored_in_json(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = {"train": "all", "joints": "same"}
    with new_artifact(tmp_path / "tuned", kind="hourglass", config=config, parents={}, execution=Execution()) as made:
        made.commit({})
    assert main(["info", str(tmp_path / "tuned")]) == 0
    shown = " ".join(capsys.readouterr().out.split())
    assert "trainable all" in shown and "joint mismatch error" in shown
    assert main(["info", str(tmp_path / "tuned"), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["config"] == config
