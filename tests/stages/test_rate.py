"""Rate curves of a tiny chain."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from shgae.analysis.rate.curve import RankVerdict
from shgae.analysis.rate.report import RATE_REPORT
from shgae.analysis.splicer import Splicer
from shgae.artifacts.activations import Activations
from shgae.artifacts.manifest import RATE
from shgae.artifacts.store import open_artifact
from shgae.errors import Refused
from shgae.execution import Execution
from shgae.recipes import EvaluateConfig, HeatmapConfig, RateConfig, SpliceConfig
from shgae.reporting.rate import rate_table
from shgae.stages import evaluate, extract, rate, splice
from tests.builders.chain import Chain, Sites
from tests.builders.tiny import TINY_EXTRACT

HOW = Execution()
KS = "0,1,6,20,4096"
EXACT = RateConfig(precision="fp32", batch_size=4, components=KS)
SIZE = 16 * 16


@pytest.fixture(scope="module")
def rated(chain: Chain) -> dict[str, Any]:
    return rate.run(chain.baseline, chain.activations, chain.data, None, EXACT, HOW, chain.autoencoder).to_json()


def report_of(shown: dict[str, Any]) -> dict[str, Any]:
    """What of it stands in ``report.json``."""
    return {key: value for key, value in shown.items() if key not in ("says", "output", "kind", "id")}


def at(report: dict[str, Any], numbers: int) -> dict[str, Any]:
    return next(point for point in report["points"] if point["n_components"] == numbers)


def test_all_components_are_the_bottleneck_as_it_is_and_none_are_its_mean(rated: dict[str, Any], chain: Chain) -> None:
    assert {point["n_components"] for point in rated["points"]} >= {0, 1, 6, 20, SIZE}
    assert at(rated, 0)["fvu"] == pytest.approx(1)
    assert at(rated, SIZE)["fvu"] == pytest.approx(0, abs=1e-5)
    config = EvaluateConfig(precision="fp32", batch_size=4)
    scored = evaluate.run([chain.baseline, chain.grafted], chain.data, None, config, HOW).to_json()["models"]
    assert rated["untouched"]["skips_on"]["pck"] == scored[0]["pck"]
    assert rated["autoencoder"]["skips_on"]["pck"] == scored[1]["pck"]
    for side in ("skips_on", "skips_off"):
        whole = at(rated, SIZE)[side]
        assert whole["distance"] < 1e-6 * at(rated, 0)[side]["distance"]
        assert whole["pck"]["all"] == pytest.approx(rated["untouched"][side]["pck"]["all"], abs=0.02)


def test_the_curve_agrees_with_the_splices_of_the_same_ranks(rated: dict[str, Any], chain: Chain) -> None:
    config = SpliceConfig(precision="fp32", batch_size=4)
    ways = (chain.autoencoder, chain.activations)
    spliced = splice.run(chain.baseline, chain.data, None, config, HOW, *ways).to_json()
    fidelity = {one["name"]: one["fidelity"] for one in spliced["replacements"]}
    pairs = ((at(rated, 6), "pca-6"), (at(rated, 0), "mean"), (rated["autoencoder"], "ae"))
    for point, name in pairs:
        assert point["fvu"] == pytest.approx(fidelity[name]["fvu"], rel=1e-4)
        for side in ("skips_on", "skips_off"):
            assert point[side]["loss"] == pytest.approx(spliced[side]["effects"][name]["loss"], rel=1e-4)


def test_variance_unexplained_is_that_of_a_projection_by_hand(rated: dict[str, Any], chain: Chain) -> None:
    source = open_artifact(chain.activations)
    train, test = (Activations(source, split) for split in ("train", "test"))
    rows = train.read(np.arange(len(train))).reshape(len(train), -1).astype(np.float64)
    mean = rows.mean(0)
    _, _, directions = np.linalg.svd(rows - mean, full_matrices=False)
    x = test.read(np.arange(len(test))).reshape(len(test), -1) - mean
    for k in (1, 6):
        left = x - x @ directions[:k].T @ directions[:k]
        assert at(rated, k)["fvu"] == pytest.approx((left**2).sum() / (x**2).sum(), rel=1e-3)
    assert rated["rank"] == min(len(rows) - 1, SIZE)
    found, wanted = rated["equal_fvu"]["components"], rated["autoencoder"]["fvu"]
    if found is not None:
        fewest = int(found)
        assert fewest <= rated["rank"]
        left = x - x @ directions[:fewest].T @ directions[:fewest]
        assert (left**2).sum() / (x**2).sum() <= wanted * (1 + 1e-3)


def test_a_grafted_model_brings_its_own_autoencoder(rated: dict[str, Any], chain: Chain) -> None:
    own = rate.run(chain.grafted, chain.activations, chain.data, None, EXACT, HOW).to_json()
    assert own["autoencoder"] == rated["autoencoder"]
    assert own["points"] == rated["points"]
    with pytest.raises(Refused, match="of its own at stack 0"):
        rate.run(chain.grafted, chain.activations, chain.data, None, EXACT, HOW, chain.autoencoder)


def test_without_an_autoencoder_there_is_just_the_curve(chain: Chain) -> None:
    found = rate.run(chain.baseline, chain.activations, chain.data, None, EXACT, HOW).to_json()
    assert found["autoencoder"] is found["equal_fvu"] is None
    assert found["equal_pck"] == {} and found["needed"]["cost"] == at(found, 0)["skips_on"]["pck_lost"]
    assert [point["n_components"] for point in found["points"]] == [0, 1, 6, 20, SIZE]


def test_a_single_person_gives_a_curve_without_intervals(chain: Chain, tmp_path: Path) -> None:
    alone = replace(EXACT, limit=1)
    found = rate.run(chain.baseline, chain.activations, chain.data, tmp_path / "one", alone, HOW, chain.autoencoder)
    assert {point.skips_on.pck_lost for point in found.report.points} == {None}
    assert (tmp_path / "one" / RATE).is_file()
    assert {one.verdict for one in found.report.equal_pck.values()} == {RankVerdict.TOO_FEW}


def test_of_a_tuned_graft_no_number_of_components_is_told(chain: Chain, tmp_path: Path) -> None:
    extract.run(chain.finetuned, chain.data, tmp_path / "own", TINY_EXTRACT, HOW)
    found = rate.run(chain.finetuned, tmp_path / "own", chain.data, None, EXACT, HOW).report
    assert found.tuned and found.equal_fvu is None and found.equal_pck == {}
    assert found.taken_out and (found.taken_out.first, found.taken_out.second) == ("ae", "id")
    table = rate_table(found)
    assert table.rows[-1][0] == "autoencoder taken out" and "taken out" in table.caption


def test_ranks_beyond_what_the_people_determine_are_marked(rated: dict[str, Any]) -> None:
    table = rate_table(RATE_REPORT.from_json(report_of(rated), "here"))
    marked = [row[0] for row in table.rows if row[0].endswith("*")]
    assert marked == [f"{k}*" for k in (0, 1, 6, 20, SIZE) if k > rated["rank"]] and marked
    assert f"beyond {rated['rank']} components" in table.caption


@pytest.mark.parametrize("size", [1, 64])
def test_batch_size_changes_nothing_but_rounding(rated: dict[str, Any], chain: Chain, size: int) -> None:
    config = replace(EXACT, batch_size=size)
    found = rate.run(chain.baseline, chain.activations, chain.data, None, config, HOW, chain.autoencoder).to_json()
    for mine, theirs in zip(found["points"], rated["points"], strict=True):
        assert mine["fvu"] == pytest.approx(theirs["fvu"], abs=1e-6)
        assert mine["skips_off"]["loss"] == pytest.approx(theirs["skips_off"]["loss"], rel=1e-4)


@pytest.mark.parametrize("stack", ["0", "2"])
def test_each_stack_has_a_curve(sites: Sites, stack: str) -> None:
    config = replace(EXACT, stack=stack, components="4")
    code = sites.codes[int(stack)]
    found = rate.run(sites.baseline, sites.activations, sites.data, None, config, HOW, code).to_json()
    assert found["stack"] == int(stack)
    assert {point["n_components"] for point in found["points"]} >= {0, 4}


def test_the_artefact_holds_the_report_and_a_picture(chain: Chain, tmp_path: Path) -> None:
    result = rate.run(chain.grafted, chain.activations, chain.data, tmp_path / "out", EXACT, HOW)
    written = json.loads((tmp_path / "out" / "report.json").read_text())
    shown = json.loads(json.dumps(result.to_json(), allow_nan=False))
    assert written == report_of(shown)
    assert RATE_REPORT.read(tmp_path / "out" / "report.json") == result.report
    made = open_artifact(tmp_path / "out", "rate")
    assert {parent.role for parent in made.manifest.parents} == {"model", "data", "activations"}
    assert Image.open(tmp_path / "out" / "rate.png").width > 800


def test_activations_of_another_model_are_refused(chain: Chain) -> None:
    with pytest.raises(Refused, match="activations in .*: of model .*, not of .*finetuned"):
        rate.run(chain.finetuned, chain.activations, chain.data, None, EXACT, HOW)


@pytest.mark.parametrize("name", ["rate", "splice"])
def test_target_maps_that_cannot_be_read_are_refused_before_the_work(
    chain: Chain, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setattr(Splicer, "heatmap", property(lambda _: HeatmapConfig(sigma_visible=-1.0)))
    output = tmp_path / "made" / "out"
    runs = {
        "rate": lambda: rate.run(chain.baseline, chain.activations, chain.data, output, EXACT, HOW),
        "splice": lambda: splice.run(chain.baseline, chain.data, output, SpliceConfig(), HOW),
    }
    with pytest.raises(Refused, match="sigma"):
        runs[name]()
    assert not output.parent.exists()
