"""Splices of a tiny chain: what they say equals what other commands and loops by hand say."""

from __future__ import annotations

import json
import math
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import shgae
from shgae.analysis.site import Site
from shgae.analysis.splice.report import SPLICE_REPORT, CostVerdict
from shgae.analysis.splicer import Splicer
from shgae.artifacts.activations import Activations
from shgae.artifacts.crops import Crops
from shgae.artifacts.store import open_artifact
from shgae.data import heatmaps
from shgae.data.datasets import load_pose_batch, to_images
from shgae.errors import Refused
from shgae.execution import Execution
from shgae.models.zoo import load_hourglass
from shgae.recipes import EvaluateConfig, HeatmapConfig, PrepareConfig, SpliceConfig, Stack
from shgae.stages import evaluate, extract, graft, prepare, splice
from shgae.training.objectives import heatmap_errors
from tests.builders.chain import Chain, Notes, Sites
from tests.builders.tiny import TINY, TINY_EXTRACT

HOW = Execution()
EXACT = SpliceConfig(precision="fp32", batch_size=4)
NAMES = ["id", "ae", "pca-6", "random-ae", "shuffle", "mean", "zero"]


@pytest.fixture(scope="module")
def spliced(chain: Chain) -> dict[str, Any]:
    """The baseline with its autoencoder."""
    return splice.run(chain.baseline, chain.data, None, EXACT, HOW, chain.autoencoder, chain.activations).to_json()


@pytest.fixture(scope="module")
def tuned(chain: Chain) -> dict[str, Any]:
    return splice.run(chain.finetuned, chain.data, None, EXACT, HOW).to_json()


def names(report: dict[str, Any]) -> list[str]:
    return [one["name"] for one in report["replacements"]]


def pck_of(model: Path, data: Path) -> dict[str, float | None]:
    config = EvaluateConfig(precision="fp32", batch_size=4)
    scored: dict[str, float | None] = evaluate.run([model], data, None, config, HOW).to_json()["models"][0]["pck"]
    return scored


def test_the_untouched_bottleneck_and_the_autoencoder_score_as_evaluate_says(
    chain: Chain, spliced: dict[str, Any]
) -> None:
    effects = spliced["skips_on"]["effects"]
    assert names(spliced) == NAMES
    assert effects["id"]["pck"] == pck_of(chain.baseline, chain.data)
    assert effects["ae"]["pck"] == pck_of(chain.grafted, chain.data)
    assert effects["id"]["distance"] == effects["id"]["moved_p95"] == 0


def test_a_grafted_model_tells_the_same_as_the_plain_one_with_its_autoencoder_given(
    chain: Chain, spliced: dict[str, Any]
) -> None:
    own = splice.run(chain.grafted, chain.data, None, EXACT, HOW, None, chain.activations).to_json()
    for side in ("skips_on", "skips_off"):
        assert own[side] == spliced[side]
    assert own["code"] == spliced["code"]
    assert "taken out" in own["replacements"][0]["meaning"]


def test_every_number_of_a_replacement_is_that_of_a_loop_by_hand(chain: Chain, spliced: dict[str, Any]) -> None:
    artifact = open_artifact(chain.data)
    crops = Crops(artifact, "test")
    loaded = load_hourglass(chain.baseline)
    model, mean = loaded.module, Activations(open_artifact(chain.activations), "train").mean()
    config = replace(TINY)
    error = cells = distance = 0.0
    for row in range(len(crops)):
        batch = load_pose_batch(crops, np.array([row]))
        with torch.inference_mode():
            descent = model.descend(to_images(batch.crops, batch.valid, loaded.mean_rgb))
            here = torch.from_numpy(mean).float()[None]
            maps, untouched = (model.ascend(descent, x, skips=False) for x in (here, descent.bottleneck))
        targets = heatmaps.encode(batch.xy_crop, batch.visibility, config, crop_size=128)
        squares, counted = heatmap_errors(maps[:, None], targets, batch.visibility, config.unlabelled)
        error, cells = error + squares.item(), cells + counted.item()
        distance += (maps - untouched).square().sum().item()
    found = spliced["skips_off"]["effects"]["mean"]
    assert found["loss"] == pytest.approx(error / cells, rel=1e-4)
    assert found["distance"] == pytest.approx(distance / len(crops), rel=1e-4)


def test_fidelity_is_measured_around_the_training_mean(chain: Chain, spliced: dict[str, Any]) -> None:
    source = open_artifact(chain.activations)
    mean, rows = Activations(source, "train").mean(), Activations(source, "test")
    x = rows.read(np.arange(len(rows))).astype(np.float64)
    spread = ((x - mean) ** 2).sum()
    fidelity = {one["name"]: one["fidelity"] for one in spliced["replacements"]}
    assert fidelity["id"]["fvu"] == 0
    assert fidelity["mean"]["fvu"] == pytest.approx(1, rel=1e-5)
    assert fidelity["zero"]["fvu"] == pytest.approx((x**2).sum() / spread, rel=1e-5)
    assert fidelity["zero"]["relu_floor"] == pytest.approx((np.minimum(x, 0) ** 2).sum() / spread, rel=1e-5)
    with torch.inference_mode():
        rebuilt = shgae.open_autoencoder(chain.autoencoder)(torch.from_numpy(x).float()).numpy()
    assert fidelity["ae"]["fvu"] == pytest.approx(((x - rebuilt) ** 2).sum() / spread, rel=1e-4)
    assert sum(fidelity["ae"]["error_by_channel"]) == pytest.approx(fidelity["ae"]["fvu"])


def test_the_bottlenecks_need_not_have_been_extracted(chain: Chain, spliced: dict[str, Any]) -> None:
    found = splice.run(chain.baseline, chain.data, None, EXACT, HOW, chain.autoencoder).to_json()
    assert "activations" in spliced["training"] and "activations" not in found["training"]
    for side in ("skips_on", "skips_off"):
        for name in NAMES:
            one, other = (report[side]["effects"][name]["loss"] for report in (found, spliced))
            assert one == pytest.approx(other, rel=1e-4)


@pytest.mark.parametrize("size", [1, 64])
def test_batch_size_changes_nothing_but_rounding(chain: Chain, spliced: dict[str, Any], size: int) -> None:
    config = replace(EXACT, batch_size=size)
    found = splice.run(chain.baseline, chain.data, None, config, HOW, chain.autoencoder, chain.activations).to_json()
    for side in ("skips_on", "skips_off"):
        for name in NAMES:
            mine, theirs = (report[side]["effects"][name] for report in (found, spliced))
            assert mine["pck"] == theirs["pck"]
            assert mine["distance"] == pytest.approx(theirs["distance"], rel=1e-4)


def test_another_seed_deals_bottlenecks_out_otherwise_and_draws_another_autoencoder(
    chain: Chain, spliced: dict[str, Any]
) -> None:
    config = replace(EXACT, seed=1)
    found = splice.run(chain.baseline, chain.data, None, config, HOW, chain.autoencoder, chain.activations).to_json()
    mine, theirs = (report["skips_off"]["effects"] for report in (found, spliced))
    changed = {name for name in NAMES if mine[name]["distance"] != theirs[name]["distance"]}
    assert changed == {"shuffle", "random-ae"}


def test_every_check_passes(spliced: dict[str, Any], tuned: dict[str, Any]) -> None:
    for report in (spliced, tuned):
        assert len(report["checks"]) == 5
        assert all(one["passed"] for one in report["checks"])


def test_a_fine_tuned_graft_is_also_tried_with_its_autoencoder_from_before(chain: Chain, tuned: dict[str, Any]) -> None:
    assert names(tuned) == ["id", "ae", "old-ae", *NAMES[2:]]
    effects = tuned["skips_on"]["effects"]
    assert effects["ae"]["pck"] == pck_of(chain.finetuned, chain.data)
    assert effects["old-ae"]["loss"] != effects["ae"]["loss"]
    assert tuned["tuned"] and set(tuned["skips_on"]["ae_ahead"]) == set(names(tuned)) - {"ae"}
    assert [one["second"] for one in tuned["skips_on"]["changes"]] == ["zero", "mean", "id", "old-ae"]
    given = splice.run(chain.finetuned, chain.data, None, EXACT, HOW, chain.autoencoder).to_json()
    assert given["skips_on"] == tuned["skips_on"]


def test_an_autoencoder_that_is_gone_is_left_out_with_a_note(chain: Chain, tmp_path: Path) -> None:
    shutil.copytree(chain.finetuned, tmp_path / "elsewhere" / "finetuned")
    notes = Notes()
    config = replace(EXACT, limit=3)
    model = tmp_path / "elsewhere" / "finetuned"
    found = splice.run(model, chain.data, None, config, Execution(progress=notes)).to_json()
    assert "old-ae" not in names(found)
    assert any("before fine-tuning" in note for note in notes.said)


def test_the_autoencoder_alone_is_enough_to_find_it(chain: Chain, tmp_path: Path, tuned: dict[str, Any]) -> None:
    for name in ("finetuned", "autoencoder", "activations"):
        shutil.copytree(getattr(chain, name), tmp_path / name)
    found = splice.run(tmp_path / "finetuned", chain.data, None, EXACT, HOW).to_json()
    assert found["skips_on"]["effects"]["old-ae"] == tuned["skips_on"]["effects"]["old-ae"]


def test_a_model_without_an_autoencoder_is_spliced_with_what_there_is(chain: Chain) -> None:
    notes = Notes()
    how = Execution(progress=notes)
    found = splice.run(chain.baseline, chain.data, None, EXACT, how, None, chain.activations).to_json()
    assert names(found) == ["id", "pca-23", "shuffle", "mean", "zero"]  # 24 people span 23 directions
    assert found["code"] is None and found["skips_on"]["ae_ahead"] == {}
    assert any("no autoencoder" in note for note in notes.said)
    assert all(one["passed"] for one in found["checks"])


@pytest.mark.parametrize("stack", ["0", "1"])
def test_any_stack_can_be_the_site_and_later_ones_run_on(sites: Sites, stack: str) -> None:
    config = replace(EXACT, stack=stack)
    code = sites.codes[int(stack)]
    found = splice.run(sites.baseline, sites.data, None, config, HOW, code, sites.activations).to_json()
    assert found["stack"] == int(stack)
    assert found["skips_on"]["effects"]["id"]["pck"] == pck_of(sites.baseline, sites.data)
    assert all(one["passed"] for one in found["checks"])


def test_a_graft_in_an_earlier_stack_stays_while_a_later_one_is_spliced(sites: Sites, tmp_path: Path) -> None:
    graft.run(sites.baseline, [sites.codes[0]], tmp_path / "first", HOW, (0,))
    notes = Notes()
    found = splice.run(tmp_path / "first", sites.data, None, EXACT, Execution(progress=notes)).to_json()
    assert found["skips_on"]["effects"]["id"]["pck"] == pck_of(tmp_path / "first", sites.data)
    assert any("with --stack 0 there is one" in note for note in notes.said)
    for later in ("1", "last"):
        config = replace(EXACT, stack=later)
        with pytest.raises(Refused, match="activations in .*: of model .*, not of .*first"):
            splice.run(tmp_path / "first", sites.data, None, config, HOW, None, sites.activations)
    first = replace(EXACT, stack="0")
    splice.run(tmp_path / "first", sites.data, None, replace(first, limit=3), HOW, None, sites.activations)


def test_the_artefact_holds_what_json_prints_and_its_parents(chain: Chain, tmp_path: Path) -> None:
    ways = {"autoencoder": chain.autoencoder, "activations": chain.activations}
    result = splice.run(chain.baseline, chain.data, tmp_path / "out", EXACT, HOW, **ways)
    written = json.loads((tmp_path / "out" / "report.json").read_text())
    shown = json.loads(json.dumps(result.to_json(), allow_nan=False))
    assert written == {key: value for key, value in shown.items() if key not in ("says", "output", "kind", "id")}
    assert SPLICE_REPORT.read(tmp_path / "out" / "report.json") == result.report
    made = open_artifact(tmp_path / "out", "splice")
    assert {parent.role for parent in made.manifest.parents} == {"model", "data", "autoencoder", "activations"}
    assert made.manifest.config["split"] == "test"
    splice.run(chain.baseline, chain.data, tmp_path / "again", EXACT, Execution(workers=0), **ways)
    assert open_artifact(tmp_path / "again").id == made.id


def test_without_a_test_split_it_takes_val(tmp_path: Path, drawn: dict[Any, prepare.Source], chain: Chain) -> None:
    some = {split: drawn[split] for split in ("train", "val")}
    prepare.run(some, tmp_path / "data", PrepareConfig(crop_size=128), HOW)
    assert splice.run(chain.baseline, tmp_path / "data", None, EXACT, HOW).report.split == "val"
    with pytest.raises(Refused, match="split test"):
        splice.run(chain.baseline, tmp_path / "data", None, replace(EXACT, split="test"), HOW)


def test_what_belongs_to_another_model_or_stack_is_refused(chain: Chain, sites: Sites) -> None:
    def refused(model: Path, *given: Path | None, stack: Stack = "last") -> Refused:
        with pytest.raises(Refused) as caught:
            splice.run(model, sites.data, None, replace(EXACT, stack=stack), HOW, *given)
        return caught.value

    another = refused(sites.baseline, chain.autoencoder)
    assert (another.what, another.where) == ("autoencoder", str(chain.autoencoder))
    assert str(sites.baseline) in another.why
    tuned = refused(chain.finetuned, None, chain.activations)
    assert (tuned.what, tuned.where) == ("activations", str(chain.activations))
    assert str(chain.finetuned) in tuned.why
    assert refused(sites.baseline, sites.codes[1], stack="0").where == str(sites.codes[1])
    assert refused(sites.baseline, stack="3").what == "stack 3"


def test_activations_of_another_stack_only_are_refused(sites: Sites, tmp_path: Path) -> None:
    extract.run(sites.baseline, sites.data, tmp_path / "acts", replace(TINY_EXTRACT, stack="1"), HOW)
    with pytest.raises(Refused, match="stack 2 in .*acts: it has stack 1 only"):
        splice.run(sites.baseline, sites.data, None, EXACT, HOW, None, tmp_path / "acts")


def test_a_single_person_gives_numbers_without_intervals(chain: Chain) -> None:
    found = splice.run(chain.baseline, chain.data, None, replace(EXACT, limit=1), HOW, chain.autoencoder).to_json()
    assert "shuffle" not in names(found)
    assert found["skips_on"]["effects"]["ae"]["pck_lost"] is None
    assert all(math.isfinite(found["skips_on"]["effects"][name]["distance"]) for name in names(found))
    assert found["skips_on"]["cost"]["verdict"] == CostVerdict.TOO_FEW
    assert len(found["says"]) == 2
    json.dumps(found, allow_nan=False)


def test_a_model_that_does_not_say_its_target_maps_is_scored_with_the_usual_ones(chain: Chain) -> None:
    loaded = load_hourglass(chain.baseline)
    manifest = loaded.artifact.manifest
    facts = {key: value for key, value in manifest.facts.items() if key != "heatmap"}
    silent = replace(loaded, artifact=replace(loaded.artifact, manifest=replace(manifest, facts=facts)))
    notes = Notes()
    how = Execution(progress=notes)
    first, other = (Splicer(Site(one, 0), torch.device("cpu"), "fp32", 4, how) for one in (silent, loaded))
    assert first.heatmap == HeatmapConfig()
    assert len(notes.said) == 1
    assert other.heatmap.sigma_visible == TINY.sigma_visible
    assert len(notes.said) == 1
