"""Models and files of predictions side by side: the same numbers, refusals, and what is written."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from shgae.artifacts.crops import Crops
from shgae.artifacts.store import open_artifact
from shgae.data import heatmaps
from shgae.errors import Refused
from shgae.evaluation.people import people_of
from shgae.evaluation.predictions import photo_points
from shgae.evaluation.report import EVALUATION, EvaluationReport
from shgae.evaluation.trainings import NOT_KNOWN, Control
from shgae.execution import Execution
from shgae.inference.batches import Inference
from shgae.metrics.comparison import by_joint, compare_models, resample_pck
from shgae.metrics.error_kinds import KINDS, kinds
from shgae.metrics.statistics import Verdict
from shgae.models.zoo import load_hourglass
from shgae.recipes import EvaluateConfig
from shgae.reporting.evaluation import sentence
from shgae.skeleton import COCO_PERSON
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
    def report(self) -> EvaluationReport:
        return self.result.report

    def file(self, name: str) -> Path:
        return self.folder / f"predictions-{name}.json"


@pytest.fixture(scope="module")
def scored(chain: Chain, tmp_path_factory: pytest.TempPathFactory) -> Scored:
    folder = tmp_path_factory.mktemp("scored") / "evaluation"
    return Scored(evaluate.run([chain.baseline, chain.finetuned], chain.data, folder, CONFIG, HOW), folder)


def numbers_of(report: EvaluationReport) -> EvaluationReport:
    """A report without what must differ between a model and its file: ids, trainings, and how points were found."""
    models = []
    for row in report.models:
        metrics = tuple(dataclasses.replace(metric, decoding="") for metric in row.metrics)
        models.append(dataclasses.replace(row, id=None, predictions_sha256=None, trained=None, metrics=metrics))
    pairs = tuple(dataclasses.replace(pair, trainings=NOT_KNOWN) for pair in report.comparisons)
    return dataclasses.replace(report, models=tuple(models), comparisons=pairs)


def test_the_files_alone_give_the_same_report_to_the_last_bit(scored: Scored, chain: Chain) -> None:
    files = [scored.file(name) for name in ("baseline", "finetuned")]
    again = evaluate.run(files, chain.data, None, CONFIG, HOW).report
    assert numbers_of(again) == numbers_of(scored.report)
    assert all(row.predictions_sha256 and row.id is None for row in again.models)
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


@pytest.mark.parametrize("output", [None, "evaluation"])
def test_determinism_is_asked_for_with_and_without_an_output(
    chain: Chain, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, output: str | None
) -> None:
    strict = []
    score = evaluate._score

    def watched(*inputs: Any, **data: Any) -> Any:
        strict.append(torch.are_deterministic_algorithms_enabled())
        return score(*inputs, **data)

    monkeypatch.setattr(evaluate, "_score", watched)
    how = EvaluateConfig(batch_size=8, precision="fp32", resamples=100)
    place = tmp_path / output if output else None
    evaluate.run([chain.baseline], chain.data, place, how, Execution(deterministic="error"))
    assert strict == [True]


def test_the_contracts_keys_hold_the_studys_pck(scored: Scored, chain: Chain) -> None:
    told = scored.result.to_json()
    assert (told["data"], told["split"], told["persons"]) == (str(chain.data), "test", scored.report.persons)
    for row in told["models"]:
        study = row["metrics"][0]
        assert study["name"] == "pck/person"
        assert row["pck"] == {group: study[group] for group in ("all", "v1", "v2")}
        assert {name: joint["all"] for name, joint in row["joints"].items()} == study["joints"]
        assert row["joints"]["nose"].keys() == {"all", "v1", "v2", "count", "interval"}
        assert row["interval"]["all"]["value"] == pytest.approx(row["pck"]["all"], abs=1e-12)
        assert row["interval"]["all"]["low"] <= row["pck"]["all"] <= row["interval"]["all"]["high"]


def test_the_report_is_read_back_as_it_was_written(scored: Scored, chain: Chain) -> None:
    read = EVALUATION.read(scored.folder / "report.json")
    assert read.data == open_artifact(chain.data).id
    assert read == dataclasses.replace(scored.report, data=read.data)
    assert json.loads((scored.folder / "report.json").read_text()) == EVALUATION.to_json(read)


def test_the_studys_ceiling_is_one_and_that_of_others_is_not(scored: Scored) -> None:
    (ceiling,) = scored.report.ceilings
    found = {metric.name: metric.all for metric in ceiling.metrics}
    assert found["pck/person"] == found["pck/micro"] == found["pck/joint"] == 1
    assert 0 < found["error_px/p50"] < 4  # crop pixels in a cell
    assert 0.5 < found["oks/person"] < 1
    assert (ceiling.interval, ceiling.id, ceiling.joints["nose"].interval) == (None, None, None)


def test_a_map_of_zeros_points_into_the_corner(scored: Scored, chain: Chain) -> None:
    floor = next(row for row in scored.report.floors if row.name == "zero map")
    people = Crops(open_artifact(chain.data), "test").people
    xy_photo = people.xy_crop * (people.square[:, 2] / 128)[:, None, None] + people.square[:, None, :2]
    corner = people.square[:, None, :2] + 0.5 * people.square[:, 2, None, None] / 128
    errors = np.linalg.norm(xy_photo - corner, axis=2)[people.visibility > 0]
    found = {metric.name: metric.all for metric in floor.metrics}
    assert found["error_px/p50"] == pytest.approx(np.median(errors), abs=1e-3)


def test_two_models_are_compared_on_their_hits(scored: Scored, chain: Chain) -> None:
    (pair,) = scored.report.comparisons
    assert (pair.first, pair.second) == ("baseline", "finetuned")
    crops = Crops(open_artifact(chain.data), "test")
    truth = crops.people.xy_crop.astype(int) / 4
    cells = [predictions.cells for predictions in scored.result.predictions]
    hits = [np.linalg.norm(one - np.minimum(np.round(truth), 31), axis=2) < 1.6 for one in cells]
    people = crops.people
    resampled = resample_pck(hits, people.visibility, people.photo_id, resamples=200)
    (wanted,) = compare_models(resampled, [(0, 1)])
    assert wanted.difference.all is not None and pair.difference.all is not None
    assert pair.difference.all.low == pytest.approx(wanted.difference.all.low, abs=1e-12)
    assert pair.joints["nose"] == by_joint(*hits, people.visibility)[0]
    assert (pair.verdict, pair.photos) == (wanted.verdict, wanted.photos)


def test_how_two_models_were_trained_is_said_and_makes_a_comparison_uncontrolled(scored: Scored) -> None:
    (pair,) = scored.report.comparisons
    assert pair.trainings.verdict is Control.NOT_CONTROLLED
    differing = {one.what: (one.first, one.second) for one in pair.trainings.differences}
    assert differing["stages"] == (("train",), ("train", "finetune"))
    assert differing["epochs"] == ((2,), (2, 1))
    assert "optimizer" not in differing and "data" not in differing
    assert "not controlled" in sentence(pair)


def test_kinds_of_errors_are_counted_and_compared(scored: Scored, chain: Chain) -> None:
    report, crops = scored.report, Crops(open_artifact(chain.data), "test")
    people = people_of(crops, COCO_PERSON)
    first, second = (kinds(one, people, COCO_PERSON.flip_pairs) for one in scored.result.predictions)
    for row, found in zip(report.models, (first, second), strict=True):
        assert row.errors is not None and row.errors.intervals is not None
        assert [row.errors.all.counts[kind] for kind in KINDS] == [(found == i).sum() for i in range(5)]
        assert row.errors.all.labels == (people.visibility > 0).sum()
        assert sum(row.errors.all.shares[kind] or 0 for kind in KINDS) == pytest.approx(1)
        for k, name in enumerate(report.joints):
            joint = row.errors.joints[name]
            assert [joint.counts[kind] for kind in KINDS] == [(found[:, k] == i).sum() for i in range(5)]
        miss = row.errors.intervals.miss
        assert miss is not None and miss.low <= miss.value <= miss.high
    (pair,) = report.comparisons
    assert pair.errors is not None and pair.errors.miss is not None
    labels = (people.visibility > 0).sum()
    assert pair.errors.miss.value == pytest.approx(((second == 4).sum() - (first == 4).sum()) / labels)
    assert all(row.errors is not None and row.errors.intervals is None for row in (*report.floors, *report.ceilings))


def test_a_model_against_the_best_guess_without_the_photo_has_an_interval(scored: Scored) -> None:
    best = max(row.pck.all or 0 for row in scored.report.floors)
    for row in scored.report.models:
        assert row.above_floor is not None and row.pck.all is not None
        assert row.above_floor.value == pytest.approx(row.pck.all - best)
        assert row.above_floor.low <= row.above_floor.value <= row.above_floor.high


def test_every_pair_of_three_models_is_compared(scored: Scored, chain: Chain) -> None:
    files = [scored.file("baseline"), scored.file("finetuned"), scored.file("baseline")]
    report = evaluate.run(files, chain.data, None, CONFIG, HOW).report
    pairs = [(pair.first, pair.second) for pair in report.comparisons]
    assert pairs == [("baseline", "finetuned"), ("baseline", "baseline-2"), ("finetuned", "baseline-2")]
    same = report.comparisons[1]
    assert same.difference.all is not None and same.verdict is Verdict.IDENTICAL
    assert (same.difference.all.low, same.difference.all.value, same.difference.all.high) == (0, 0, 0)


def test_a_seed_and_draws_go_into_the_intervals_only(scored: Scored, chain: Chain) -> None:
    config = dataclasses.replace(CONFIG, seed=7)
    other = evaluate.run([scored.file("baseline")], chain.data, None, config, HOW).report
    mine, theirs = scored.report.models[0], other.models[0]
    assert (other.bootstrap.resamples, other.bootstrap.seed) == (200, 7)
    assert (theirs.pck, theirs.interval == mine.interval) == (mine.pck, False)


def test_predictions_of_another_tool_are_named_after_their_file(scored: Scored, chain: Chain, tmp_path: Path) -> None:
    entries = json.loads(scored.file("baseline").read_text())
    for entry in entries:
        del entry["category_id"], entry["image_id"], entry["score"]
    entries.append(entries[0] | {"annotation_id": 10**12})
    foreign = tmp_path / "their tool.json"
    foreign.write_text(json.dumps(entries))
    notes = Notes()
    report = evaluate.run([foreign], chain.data, None, CONFIG, Execution(progress=notes)).report
    assert report.models[0].name == "their tool"
    assert report.models[0].pck == scored.report.models[0].pck
    assert [note for note in notes.said if "1 of the predictions" in note and str(foreign) in note]


@pytest.mark.parametrize("letter", ["x", "姿"])
def test_names_as_long_as_a_file_can_have_are_shortened_and_stay_apart(
    scored: Scored, chain: Chain, tmp_path: Path, letter: str
) -> None:
    paths = [tmp_path / f"{letter * (250 // len(letter.encode()) - 1)}{end}" for end in "ab"]
    for path in paths:
        path.write_bytes(scored.file("baseline").read_bytes())
    found = evaluate.run(paths, chain.data, tmp_path / "out", CONFIG, HOW)
    assert len({one.name for one in found.report.models}) == 2
    assert len(list((tmp_path / "out").glob("predictions-*.json"))) == 2


def test_models_of_one_name_are_told_apart_by_their_folders(scored: Scored, chain: Chain, tmp_path: Path) -> None:
    paths = [tmp_path / arm / "predictions-tuned.json" for arm in ("none", "full")]
    for path in paths:
        path.parent.mkdir()
        path.write_bytes(scored.file("baseline").read_bytes())
    found = evaluate.run([*paths, chain.baseline], chain.data, None, CONFIG, HOW).report
    assert [one.name for one in found.models] == ["none-tuned", "full-tuned", "baseline"]


def test_part_of_a_split_is_scored_from_the_file_of_the_whole(scored: Scored, chain: Chain) -> None:
    config = dataclasses.replace(CONFIG, limit=4)
    wanted = evaluate.run([chain.baseline], chain.data, None, config, HOW).report
    found = evaluate.run([scored.file("baseline")], chain.data, None, config, HOW).report
    assert numbers_of(found) == numbers_of(wanted)
    assert found.persons == 4


def test_the_predictions_of_another_split_are_refused(scored: Scored, chain: Chain) -> None:
    config = dataclasses.replace(CONFIG, split="val")
    with pytest.raises(Refused, match=r"predictions-baseline.json: nothing about annotation \d+"):
        evaluate.run([scored.file("baseline")], chain.data, None, config, HOW)


def test_an_output_that_holds_an_input_is_refused(scored: Scored, chain: Chain) -> None:
    force = Execution(workers=0, force=True)
    with pytest.raises(Refused, match="input"):
        evaluate.run([scored.file("baseline")], chain.data, scored.folder, CONFIG, force)
    assert scored.file("baseline").is_file()


def test_tables_lie_beside_the_report(scored: Scored) -> None:
    percent = f"{100 * (scored.report.models[0].pck.all or 0):.1f}"
    # Without the blanks that make columns line up.
    markdown, latex = (
        "\n".join(" ".join(line.split()) for line in (scored.folder / name).read_text().splitlines())
        for name in ("tables.md", "tables.tex")
    )
    assert f"| baseline | {percent} |" in markdown
    assert f"baseline & {percent} & " in latex
    assert sentence(scored.report.comparisons[0]) in markdown
    assert latex.count(r"\begin{table}") == latex.count(r"\end{table}") == 12


@pytest.mark.parametrize("broken", [float("nan"), float("inf")])
def test_maps_that_are_no_numbers_are_refused(chain: Chain, broken: float, monkeypatch: pytest.MonkeyPatch) -> None:
    loaded = load_hourglass(chain.baseline)
    with torch.no_grad():
        list(loaded.module.parameters())[-1].fill_(broken)  # the bias of the last maps
    monkeypatch.setattr(evaluate, "load_hourglass", lambda _: loaded)
    with pytest.raises(Refused, match="baseline: .*(NaN|infinity|finite)"):
        evaluate.run([chain.baseline], chain.data, None, CONFIG, HOW)


@pytest.mark.parametrize("how", [{"decode": "dark"}, {"decode": "quarter", "flip_test": True}, {"flip_test": True}])
def test_another_decoding_moves_points_and_leaves_the_studys_pck(
    scored: Scored, chain: Chain, how: dict[str, Any], tmp_path: Path
) -> None:
    config = dataclasses.replace(CONFIG, **how)
    found = evaluate.run([chain.baseline], chain.data, tmp_path / "out", config, HOW)
    row, before = found.report.models[0], scored.report.models[0]
    assert row.pck == before.pck
    metrics, old = ({metric.name: metric for metric in one.metrics} for one in (row, before))
    for name, metric in metrics.items():
        if name.startswith("pck/"):
            assert metric == old[name]
        else:
            assert metric.decoding != old[name].decoding
            assert ("mirror" in metric.decoding) == ("flip_test" in how)
    assert metrics["error_px/p50"] != old["error_px/p50"]
    points, cells = (one.predictions[0] for one in (found, scored.result))
    np.testing.assert_array_equal(points.cells, cells.cells)
    side = Crops(open_artifact(chain.data), "test").people.square[:, 2, None]
    moved = np.abs(points.xy_photo - cells.xy_photo).max(2) / side * 32
    assert moved.max() > 0.2
    if how == {"decode": "dark"}:
        assert np.median(moved) < 2
    assert found.artifact is not None
    assert found.artifact.manifest.config["decode" if "decode" in how else "flip_test"]
    assert not {"decode", "flip_test"} & open_artifact(scored.folder).manifest.config.keys()


def test_the_flip_test_finds_what_prediction_finds(chain: Chain) -> None:
    """The same maps are decoded by both: those of the mean of crop and mirror image."""
    config = dataclasses.replace(CONFIG, decode="dark", flip_test=True)
    found = evaluate.run([chain.baseline], chain.data, None, config, HOW).predictions[0]
    loaded, crops = load_hourglass(chain.baseline), Crops(open_artifact(chain.data), "test")
    inference = Inference(torch.device("cpu"), "fp32", 32, loaded.mean_rgb)
    rows = np.arange(len(crops))
    valid = torch.from_numpy(crops.people.valid)
    module = loaded.module.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    maps = inference.last_maps(module, torch.from_numpy(crops.read(rows)), valid, loaded.skeleton.flip_pairs)
    xy_crop = heatmaps.map_to_crop(heatmaps.dark_offset(maps, heatmaps.decode(maps).cells, 1.5)).numpy()
    xy_crop[..., 0] -= heatmaps.FLIP_LAG
    wanted = photo_points(xy_crop.astype(np.float64), crops.people, 128)
    np.testing.assert_allclose(found.xy_photo, wanted, atol=1e-2)
