"""The JSON of each split may have a number of its own for the people's category."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from shgae.artifacts.store import open_artifact
from shgae.errors import Refused
from shgae.execution import Execution
from shgae.experiments import compare
from shgae.experiments.compare import GivenArm
from shgae.recipe_parts import CompareConfig, ShowConfig
from shgae.recipes import EvaluateConfig, PrepareConfig
from shgae.stages import evaluate, prepare, show
from tests.builders import crowded

HOW = Execution(device="cpu", workers=0)


def numbered(truth: dict[str, Any], number: int) -> dict[str, Any]:
    """The same people in a category of that number."""
    people = [one | {"category_id": number} for one in truth["annotations"]]
    return truth | {"annotations": people, "categories": [truth["categories"][0] | {"id": number}]}


def prepared(folder: Path, truth: dict[str, Any], output: str, **numbers: int) -> Path:
    sources = {}
    for split, number in numbers.items():
        path = folder / f"{output}-{split}.json"
        path.write_text(json.dumps(numbered(truth, number)))
        sources[split] = prepare.Source(path, folder)
    config = PrepareConfig(crop_size=128, hold_out=3)
    return prepare.run(sources, folder / output, config, HOW).artifact.path  # type: ignore[arg-type]


def test_results_of_a_split_have_its_own_number_or_that_of_train(tmp_path: Path) -> None:
    truth, results = crowded.drawn(tmp_path / "x", 1)
    data = prepared(tmp_path / "x", truth, "data", train=1, val=5)
    assert open_artifact(data, "data").facts["category_ids"] == {"val": 5}

    def written(name: str, *numbers: int) -> Path:
        path = tmp_path / name
        entries = [one | {"category_id": numbers[i % len(numbers)]} for i, one in enumerate(results)]
        path.write_text(json.dumps(entries))
        return path

    own, trains, both = written("own.json", 5), written("trains.json", 1), written("both.json", 1, 5)
    config = EvaluateConfig(resamples=100, split="val")
    official = tmp_path / "x" / "data-val.json"
    made = evaluate.run([own, trains], data, tmp_path / "out", config, HOW, official=official)
    first, second = made.report.models
    assert (first.pck, first.official) == (second.pck, second.official)
    for name in ("own", "trains"):
        entries = json.loads((tmp_path / "out" / f"predictions-{name}.json").read_text())
        assert {one["category_id"] for one in entries} == {5}
    with pytest.raises(Refused, match="category_id 1, people are of category_id 5"):
        evaluate.run([both], data, None, config, HOW)
    assert show.run(data, own, tmp_path / "s.png", ShowConfig(split="val", people=1), HOW).rows
    arms = [GivenArm(path.stem, (path,)) for path in (own, trains)]
    assert compare.run(arms, data, tmp_path / "c", CompareConfig(split="val"), HOW).report.persons == len(results)
    with pytest.raises(Refused, match="category_id 5, people are of category_id 1"):
        evaluate.run([own], data, None, EvaluateConfig(split="test"), HOW)


def test_where_all_agree_nothing_is_said(tmp_path: Path) -> None:
    truth, _ = crowded.drawn(tmp_path / "x", 1)
    facts = open_artifact(prepared(tmp_path / "x", truth, "data", train=5, val=5), "data").facts
    assert "category_ids" not in facts and facts["category_id"] == 5
