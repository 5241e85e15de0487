"""Models and files of predictions side by side: the same numbers, refusals, and what is written."""

from __future__ import annotations

import copy
import dataclasses
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from shgae.artifacts.crops import Crops
from shgae.artifacts.store import open_artifact
from shgae.errors import Refused
from shgae.execution import Execution
from shgae.metrics.comparison import compare
from shgae.models.zoo import load_hourglass
from shgae.recipes import EvaluateConfig
from shgae.stages import evaluate
from tests.builders.chain import Chain, Notes

HOW = Execution(workers=0)
CONFIG = EvaluateConfig(precision="fp32", resamples=200)


@dataclasses.dataclass(frozen=True)
class Scored:
    """Two models of the chain, scored once."""

    result: evaluate.EvaluateResult
    folder: Path

    @property
    def report(self) -> dict[str, Any]:
        return self.result.report

    def file(self, name: str) -> Path:
        return self.folder / f"predictions-{name}.json"


@pytest.fixture(scope="module")
def scored(chain: Chain, tmp_path_factory: pytest.TempPathFactory) -> Scored:
    folder = tmp_path_factory.mktemp("scored") / "evaluation"
    return Scored(evaluate.run([chain.baseline, chain.finetuned], chain.data, folder, CONFIG, HOW), folder)


def numbers_of(report: dict[str, Any]) -> dict[str, Any]:
    """A report without what must differ between a model and its file: ids, and how points were found."""
    report = copy.deepcopy(report)
    for row in report["models"]:
        for key in ("id", "predictions_sha256"):
            row.pop(key, None)
        for metric in row["metrics"]:
            del metric["decoding"]
    return report


def test_the_files_alone_give_the_same_report_to_the_last_bit(scored: Scored, chain: Chain) -> None:
    files = [scored.file(name) for name in ("baseline", "finetuned")]
    again = evaluate.run(files, chain.data, None, CONFIG, HOW).report
    assert numbers_of(again) == numbers_of(scored.report)
    assert all("predictions_sha256" in row and "id" not in row for row in again["models"])
    mixed = evaluate.run([chain.baseline, files[1]], chain.data, None, CONFIG, HOW).report
    assert numbers_of(mixed) == numbers_of(scored.report)


def test_a_files_predictions_are_written_again_as_they_are(scored: Scored, chain: Chain, tmp_path: Path) -> None:
    result = evaluate.run([scored.file("baseline")], chain.data, tmp_path / "again", CONFIG, HOW)
    assert (tmp_path / "again" / "predictions-baseline.json").read_bytes() == scored.file("baseline").read_bytes()
    assert result.artifact is not None
    assert list(result.artifact.manifest.config["predictions_sha256"]) == ["baseline"]
    assert [parent.role for parent in result.artifact.manifest.parents] == ["data"]


@pytest.mark.parametrize(("batch_size", "workers"), [(1, 0), (5, 2), (64, 1)])
def test_neither_batches_nor_workers_change_a_number(
    scored: Scored, chain: Chain, batch_size: int, workers: int
) -> None:
    config = dataclasses.replace(CONFIG, batch_size=batch_size)
    models = [chain.baseline, chain.finetuned]
    found = evaluate.run(models, chain.data, None, config, Execution(workers=workers)).report
    assert found == scored.report


def test_the_contracts_keys_hold_the_studys_pck(scored: Scored) -> None:
    for row in scored.report["models"]:
        study = row["metrics"][0]
        assert study["name"] == "pck/person"
        assert row["pck"] == {group: study[group] for group in ("all", "v1", "v2")}
        assert {name: joint["all"] for name, joint in row["joints"].items()} == study["joints"]
        assert row["interval"]["all"]["value"] == pytest.approx(row["pck"]["all"], abs=1e-12)
        assert row["interval"]["all"]["low"] <= row["pck"]["all"] <= row["interval"]["all"]["high"]


def test_the_report_is_json_that_was_written_as_it_is(scored: Scored) -> None:
    written = json.loads((scored.folder / "report.json").read_text())
    assert written == scored.report | {"data": scored.result.scored.data}
    assert scored.result.scored.to_json() == written


def test_the_studys_ceiling_is_one_and_that_of_others_is_not(scored: Scored) -> None:
    (ceiling,) = scored.report["ceilings"]
    found = {metric["name"]: metric["all"] for metric in ceiling["metrics"]}
    assert found["pck/person"] == found["pck/micro"] == found["pck/joint"] == 1
    assert 0 < found["error_px/p50"] < 4  # crop pixels in a cell
    assert 0.5 < found["oks/person"] < 1
    assert "interval" not in ceiling


def test_a_map_of_zeros_points_into_the_corner(scored: Scored, chain: Chain) -> None:
    floor = next(row for row in scored.report["floors"] if row["name"] == "zero map")
    people = Crops(open_artifact(chain.data), "test").people
    xy_photo = people.xy_crop * (people.square[:, 2] / 128)[:, None, None] + people.square[:, None, :2]
    corner = people.square[:, None, :2] + 0.5 * people.square[:, 2, None, None] / 128
    errors = np.linalg.norm(xy_photo - corner, axis=2)[people.visibility > 0]
    found = {metric["name"]: metric["all"] for metric in floor["metrics"]}
    assert found["error_px/p50"] == pytest.approx(np.median(errors), abs=1e-3)


def test_two_models_are_compared_on_their_hits(scored: Scored, chain: Chain) -> None:
    (pair,) = scored.report["comparisons"]
    assert (pair["first"], pair["second"]) == ("baseline", "finetuned")
    crops = Crops(open_artifact(chain.data), "test")
    truth = crops.people.xy_crop.astype(int) / 4
    cells = [predictions.cells for predictions in scored.result.predictions]
    hits = [np.linalg.norm(one - np.minimum(np.round(truth), 31), axis=2) < 1.6 for one in cells]
    wanted = compare(hits[0], hits[1], crops.people.visibility, crops.people.photo_id, draws=200)
    assert wanted.all is not None
    assert pair["difference"]["all"]["low"] == pytest.approx(wanted.all.low, abs=1e-12)
    assert pair["joints"]["nose"] == dataclasses.asdict(wanted.joints[0])
    assert pair["sentence"] == wanted.sentence("baseline", "finetuned")


def test_every_pair_of_three_models_is_compared(scored: Scored, chain: Chain) -> None:
    files = [scored.file("baseline"), scored.file("finetuned"), scored.file("baseline")]
    report = evaluate.run(files, chain.data, None, CONFIG, HOW).report
    pairs = [(pair["first"], pair["second"]) for pair in report["comparisons"]]
    assert pairs == [("baseline", "finetuned"), ("baseline", "baseline-2"), ("finetuned", "baseline-2")]
    same = report["comparisons"][1]["difference"]["all"]
    assert (same["low"], same["value"], same["high"]) == (0, 0, 0)


def test_a_seed_and_draws_go_into_the_intervals_only(scored: Scored, chain: Chain) -> None:
    config = dataclasses.replace(CONFIG, seed=7)
    other = evaluate.run([scored.file("baseline")], chain.data, None, config, HOW).report
    mine, theirs = scored.report["models"][0], other["models"][0]
    assert other["bootstrap"] == {"draws": 200, "seed": 7}
    assert (theirs["pck"], theirs["interval"] == mine["interval"]) == (mine["pck"], False)


def test_predictions_of_another_tool_are_named_after_their_file(scored: Scored, chain: Chain, tmp_path: Path) -> None:
    entries = json.loads(scored.file("baseline").read_text())
    for entry in entries:
        del entry["category_id"], entry["image_id"], entry["score"]
    entries.append(entries[0] | {"annotation_id": 10**12})
    foreign = tmp_path / "their tool.json"
    foreign.write_text(json.dumps(entries))
    notes = Notes()
    report = evaluate.run([foreign], chain.data, None, CONFIG, Execution(progress=notes)).report
    assert report["models"][0]["name"] == "their tool"
    assert report["models"][0]["pck"] == scored.report["models"][0]["pck"]
    assert [note for note in notes.said if "1 of the predictions in" in note and "nobody in this split" in note]


def test_part_of_a_split_is_scored_from_the_file_of_the_whole(scored: Scored, chain: Chain) -> None:
    config = dataclasses.replace(CONFIG, limit=4)
    wanted = evaluate.run([chain.baseline], chain.data, None, config, HOW).report
    found = evaluate.run([scored.file("baseline")], chain.data, None, config, HOW).report
    assert numbers_of(found) == numbers_of(wanted)
    assert found["persons"] == 4


def test_the_predictions_of_another_split_are_refused(scored: Scored, chain: Chain) -> None:
    config = dataclasses.replace(CONFIG, split="val")
    with pytest.raises(Refused, match=r"predictions-baseline.json: nothing about annotation \d+"):
        evaluate.run([scored.file("baseline")], chain.data, None, config, HOW)


def test_an_output_that_holds_an_input_is_refused(scored: Scored, chain: Chain) -> None:
    force = Execution(workers=0, force=True)
    with pytest.raises(Refused, match="an input of this step"):
        evaluate.run([scored.file("baseline")], chain.data, scored.folder, CONFIG, force)
    assert scored.file("baseline").is_file()


def test_tables_lie_beside_the_report(scored: Scored) -> None:
    percent = f"{100 * scored.report['models'][0]['pck']['all']:.1f}"
    # Without the blanks that make columns line up.
    markdown, latex = (
        "\n".join(" ".join(line.split()) for line in (scored.folder / name).read_text().splitlines())
        for name in ("tables.md", "tables.tex")
    )
    assert f"| baseline | {percent} |" in markdown
    assert f"baseline & {percent} & " in latex
    assert scored.report["comparisons"][0]["sentence"] in markdown
    assert latex.count(r"\begin{table}") == latex.count(r"\end{table}") == 6


@pytest.mark.parametrize("broken", [float("nan"), float("inf")])
def test_maps_that_are_no_numbers_are_refused(chain: Chain, broken: float, monkeypatch: pytest.MonkeyPatch) -> None:
    loaded = load_hourglass(chain.baseline)
    with torch.no_grad():
        list(loaded.module.parameters())[-1].fill_(broken)  # the bias of the last maps
    monkeypatch.setattr(evaluate, "load_hourglass", lambda _: loaded)
    with pytest.raises(Refused, match=r"baseline: (a map holds NaN|a prediction is not a finite number)"):
        evaluate.run([chain.baseline], chain.data, None, CONFIG, HOW)
