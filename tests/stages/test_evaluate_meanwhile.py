"""What takes the place of an input while it is read is not scored; answers that contradict themselves are refused."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

import pytest

from shgae.artifacts.crops import PEOPLE
from shgae.artifacts.store import open_artifact
from shgae.artifacts.tensors import load_tensors
from shgae.errors import Refused
from shgae.evaluation.report import EVALUATION
from shgae.execution import Execution
from shgae.models import foreign
from shgae.models.foreign import read_foreign
from shgae.recipes import EvaluateConfig, PrepareConfig, Split
from shgae.stages import evaluate, prepare
from tests.builders.chain import Chain

HOW = EvaluateConfig(batch_size=8, precision="fp32", resamples=100, split="test")


def test_data_that_is_replaced_during_the_forward_pass_is_not_scored(
    chain: Chain, drawn: dict[Split, prepare.Source], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = tmp_path / "data"
    shutil.copytree(chain.data, data)
    wanted = evaluate.run([chain.baseline], data, None, HOW, Execution()).report
    others = {split: drawn[split] for split in drawn} | {"train": drawn["val"]}
    real = evaluate.predict

    def meanwhile(*arguments: Any, **named: Any) -> Any:
        prepare.run(others, data, PrepareConfig(crop_size=128), Execution(force=True))
        return real(*arguments, **named)

    monkeypatch.setattr(evaluate, "predict", meanwhile)
    found = evaluate.run([chain.baseline], data, None, HOW, Execution()).report
    assert EVALUATION.to_json(found) == EVALUATION.to_json(wanted)
    assert open_artifact(data).id != open_artifact(chain.data).id


def test_a_file_that_is_replaced_between_the_check_and_the_reading_is_refused(chain: Chain, tmp_path: Path) -> None:
    data = tmp_path / "data"
    shutil.copytree(chain.data, data)
    artifact, name = open_artifact(data), PEOPLE.format(split="val")
    before = load_tensors(artifact.open(name))
    with artifact.open(name) as held:
        other = (data / PEOPLE.format(split="train")).read_bytes()
        (data / name).unlink()
        (data / name).write_bytes(other)
        with pytest.raises(Refused, match="val/people.safetensors (was changed|has)"):
            artifact.open(name)
        assert load_tensors(held).keys() == before.keys()  # the handle stays what it was


def test_a_checkpoint_that_changes_while_it_is_read_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "x.pth"
    path.write_bytes(b"before")

    def meanwhile(*_: object) -> tuple[dict[str, Any], str]:
        with path.open("r+b") as file:
            file.write(b"after!")
        os.utime(path, ns=(1, 1))
        return {}, ""

    monkeypatch.setattr(foreign, "_read_in_child", meanwhile)
    with pytest.raises(Refused, match="was changed while"):
        read_foreign(path)


@pytest.fixture(scope="module")
def answers(chain: Chain, tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    output = tmp_path_factory.mktemp("answers") / "e"
    evaluate.run([chain.baseline], chain.data, output, HOW, Execution())
    found: list[dict[str, Any]] = json.loads((output / "predictions-baseline.json").read_text())
    return found


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"image_id": 999}, r"entry 0 has annotation_id \d+, of photo \d+, and image_id 999"),
        ({"category_id": 999}, "category_id 999"),
    ],
)
def test_an_answer_that_contradicts_itself_is_refused(
    chain: Chain, answers: list[dict[str, Any]], tmp_path: Path, change: dict[str, int], why: str
) -> None:
    (tmp_path / "p.json").write_text(json.dumps([answers[0] | change, *answers[1:]]))
    with pytest.raises(Refused, match=why):
        evaluate.run([tmp_path / "p.json"], chain.data, None, HOW, Execution())


def test_an_answer_that_says_its_photo_or_leaves_it_out_is_read(
    chain: Chain, answers: list[dict[str, Any]], tmp_path: Path
) -> None:
    (tmp_path / "p.json").write_text(json.dumps([{**answers[0], "image_id": None}, *answers[1:]]))
    report = evaluate.run([tmp_path / "p.json", chain.baseline], chain.data, None, HOW, Execution()).report
    assert report.models[0].pck == report.models[1].pck
