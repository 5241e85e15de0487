"""An analysis of a tiny chain: every part against the network itself, and what is left out is said."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from shgae.analysis.latent.network import Network, decode_code
from shgae.analysis.latent.report import ANALYSIS_REPORT
from shgae.analysis.site import open_site
from shgae.analysis.splicer import Splicer
from shgae.artifacts.activations import Activations
from shgae.artifacts.crops import Crops
from shgae.artifacts.store import open_artifact
from shgae.errors import Refused
from shgae.execution import Execution
from shgae.models.zoo import load_hourglass
from shgae.recipes import AnalyzeConfig, EvaluateConfig, SpliceConfig
from shgae.stages import analyze, evaluate, splice
from tests.builders.chain import Chain, Sites

HOW = Execution()
PARTS = ("spectrum", "code_spectrum", "clusters", "direction_clusters", "traversals", "skips", "code_units")
EXACT = AnalyzeConfig(precision="fp32", batch_size=4, clusters="2-3", traversals=2)


@pytest.fixture(scope="module")
def folder(chain: Chain, tmp_path_factory: pytest.TempPathFactory) -> Path:
    output = tmp_path_factory.mktemp("analysis") / "out"
    analyze.run([chain.autoencoder, chain.data, chain.activations, chain.baseline], output, EXACT, HOW)
    return output


@pytest.fixture(scope="module")
def report(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / "report.json").read_text())
    return found


def way(report: dict[str, Any], bottleneck: str, skips: str) -> dict[str, Any]:
    return next(one for one in report["skips"] if (one["bottleneck"], one["skips"]) == (bottleneck, skips))


def test_given_everything_nothing_is_left_out_and_every_picture_opens(folder: Path, report: dict[str, Any]) -> None:
    assert report["left_out"] == {}
    assert all(report[part] for part in PARTS)
    names = [one["file"] for one in report["figures"]]
    assert {"spectrum.png", "clusters.png", "skips.png", "traversal-bottleneck-1.png", "traversal-code-2.png"} <= set(
        names
    )
    for one in report["figures"]:
        assert Image.open(folder / one["file"]).width > 400
        assert one["title"] and one["alt"]
    assert (folder / "spectrum.svg").read_text().startswith("<?xml")
    assert open_artifact(folder, "analysis").facts["parts"] == [
        "spectrum",
        "clusters",
        "traversals",
        "skips",
        "code-units",
    ]


def test_skips_on_and_off_agree_with_evaluate_and_splice(report: dict[str, Any], chain: Chain) -> None:
    config = EvaluateConfig(precision="fp32", batch_size=4)
    scored = evaluate.run([chain.baseline], chain.data, None, config, HOW).to_json()["models"][0]
    assert way(report, "as it is", "all on")["pck"] == scored["pck"]
    ways = (None, chain.activations)
    spliced = splice.run(chain.baseline, chain.data, None, SpliceConfig(precision="fp32", batch_size=4), HOW, *ways)
    sides = spliced.to_json()
    assert way(report, "as it is", "all off")["pck"] == sides["skips_off"]["effects"]["id"]["pck"]
    assert way(report, "training mean", "all on")["pck"] == sides["skips_on"]["effects"]["mean"]["pck"]
    assert way(report, "training mean", "all off")["pck"] == sides["skips_off"]["effects"]["mean"]["pck"]
    levels = {one["skips"] for one in report["skips"]}
    assert levels == {"all on", "off at 32", "off at 16", "off at 8", "all off"}


def test_one_level_off_is_the_network_with_that_skip_left_out(chain: Chain) -> None:
    loaded = load_hourglass(chain.baseline)
    images = torch.rand(2, 3, 128, 128) - 0.4
    hourglass = loaded.module.hourglass()
    with torch.no_grad():
        descent = loaded.module.descend(images)
        whole = loaded.module.ascend(descent, descent.bottleneck)
        without = descent._replace(skips=(descent.skips[0], None, descent.skips[2]))
        found = loaded.module.ascend(without, descent.bottleneck)
        hourglass.skips[1].register_forward_hook(lambda _module, _inputs, output: torch.zeros_like(output))
        by_hand = loaded.module(images)[:, -1]
    assert torch.allclose(found, by_hand, atol=1e-6) and not torch.allclose(found, whole, atol=1e-4)


def network_of(chain: Chain) -> tuple[Network, Splicer]:
    site = open_site(chain.baseline, "last")
    splicer = Splicer(site, torch.device("cpu"), "fp32", 4, HOW)
    return Network(splicer), splicer


def test_the_mean_person_is_the_mean_of_all_descents(chain: Chain) -> None:
    network, splicer = network_of(chain)
    crops = Crops(open_artifact(chain.data), "train")
    rest = network.rest(crops)
    descents = [splicer.descend(batch) for batch in splicer.batches(crops)]
    assert rest.people == len(crops)
    for level, skip in enumerate(rest.descent.skips):
        each = torch.cat([one.skips[level] for one in descents])  # type: ignore[misc]
        assert torch.allclose(skip[0], each.mean(0), atol=1e-4)  # type: ignore[index]
    assert torch.allclose(
        rest.descent.stack_input[0], torch.cat([one.stack_input for one in descents]).mean(0), atol=1e-4
    )


def test_a_traversal_through_the_mean_decodes_the_mean(report: dict[str, Any], chain: Chain) -> None:
    network, _ = network_of(chain)
    rest = network.rest(Crops(open_artifact(chain.data), "train"))
    mean = torch.from_numpy(Activations(open_artifact(chain.activations), "train").mean()).float()[None]
    for side, skips in (("skips_on", True), ("skips_off", False)):
        middle = network.decode(rest, mean, skips).xy_crop[0]
        for one in report["traversals"]["bottleneck"]:
            assert np.allclose(one["joints"][side][3], middle, atol=0.01)
            assert len(one["joints"][side]) == 7


def test_a_unit_at_its_mean_costs_what_a_loop_over_people_says(report: dict[str, Any], chain: Chain) -> None:
    units = report["code_units"]["units"]
    assert len(units) == 6
    site = open_site(chain.grafted, "last")
    module, code = site.loaded.module, site.own
    assert code is not None
    train = Activations(open_artifact(chain.activations), "train")
    with torch.no_grad():
        values = code.encode(torch.from_numpy(train.read(np.arange(len(train)))))
    varying = [unit for unit in units if unit["lost"]]
    assert {unit["unit"] for unit in varying} == set(np.flatnonzero(np.ptp(values.numpy(), axis=0)).tolist())
    for unit in varying[:2]:
        number = unit["unit"]
        assert unit["mean"] == pytest.approx(float(values[:, number].mean()), rel=1e-4)

        def held(x: torch.Tensor, number: int = number) -> torch.Tensor:
            own = code.encode(x)
            own[:, number] = values[:, number].mean()
            return code.decode(own)

        scores = []
        for graft in (lambda x: code.decode(code.encode(x)), held):
            module.hourglass().graft.forward = graft  # type: ignore[method-assign]
            scores.append(_pck(module, chain, site.loaded.mean_rgb))
        assert unit["lost"]["value"] == pytest.approx(scores[0] - scores[1], abs=1e-9)
        del module.hourglass().graft.forward


def _pck(module: Any, chain: Chain, mean_rgb: tuple[float, float, float]) -> float:
    from shgae.data.datasets import load_pose_batch, to_images
    from shgae.metrics import pck
    from shgae.training.objectives import hits

    crops = Crops(open_artifact(chain.data), "test")
    batch = load_pose_batch(crops, np.arange(len(crops)))
    with torch.no_grad():
        maps = module(to_images(batch.crops, batch.valid, mean_rgb))[:, -1]
    return float(pck.tally(*hits(maps, batch)).pck()["all"] or 0.0)


def test_codes_below_zero_are_decoded_as_zero(chain: Chain) -> None:
    code = open_site(chain.grafted, "last").own
    assert code is not None
    places = torch.tensor([[-1.0, 2, 0, 1, -3, 0]])
    assert torch.equal(decode_code(code, places), decode_code(code, places.clamp(min=0)))


@pytest.mark.usefixtures("sketched")
def test_activations_alone_give_spectrum_and_clusters_and_say_what_else_needs(chain: Chain, tmp_path: Path) -> None:
    found = analyze.run([chain.activations], tmp_path / "out", EXACT, HOW).report
    assert found.spectrum and found.clusters and found.code_spectrum is None
    assert set(found.left_out) == {"traversals", "skips", "code-units"}
    assert "model" in found.left_out["skips"] and "data" in found.left_out["skips"]
    assert "components" in found.clusters.space


@pytest.mark.usefixtures("sketched")
def test_a_model_and_data_give_the_skips_alone(chain: Chain, tmp_path: Path) -> None:
    found = analyze.run([chain.baseline, chain.data], tmp_path / "out", EXACT, HOW).report
    assert found.skips and not found.spectrum and set(found.left_out) >= {"spectrum", "traversals"}


@pytest.mark.usefixtures("sketched")
@pytest.mark.parametrize("part", ["code-units", "atlas"])
def test_a_grafted_model_brings_its_autoencoder_and_the_earlier_name_of_a_part_is_taken(
    chain: Chain, tmp_path: Path, report: dict[str, Any], part: str
) -> None:
    config = replace(EXACT, parts=part)
    found = analyze.run([chain.grafted, chain.data, chain.activations], tmp_path / "out", config, HOW)
    assert found.report.code_units == ANALYSIS_REPORT.from_json(report, "here").code_units


@pytest.mark.usefixtures("sketched")
def test_equal_inputs_give_equal_numbers(chain: Chain, tmp_path: Path, report: dict[str, Any]) -> None:
    inputs = [chain.activations, chain.baseline, chain.data, chain.autoencoder]
    assert analyze.run(inputs, tmp_path / "out", EXACT, HOW).report == ANALYSIS_REPORT.from_json(report, "here")


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"parts": "traversals,dreams"}, "'dreams' is none of"),
        ({"parts": "code-units"}, "it needs"),
        ({"clusters": "1-3"}, "not a range"),
        ({"clusters": "9-3"}, "not a range"),
        ({"clusters": "many"}, "not a range"),
        ({"clusters": "40-41"}, "too few for 40"),
    ],
)
def test_what_cannot_be_done_is_refused_before_the_bottlenecks_are_passed_over(
    chain: Chain, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change: dict[str, str], why: str
) -> None:
    monkeypatch.setattr("shgae.analysis.latent.measure.read_latent", lambda *_: pytest.fail("they are"))
    with pytest.raises(Refused, match=why):
        analyze.run([chain.activations], tmp_path / "out", replace(EXACT, **change), HOW)
    assert not (tmp_path / "out").exists()


@pytest.mark.usefixtures("sketched")
@pytest.mark.parametrize(
    ("people", "done"), [(1, {"skips"}), (2, {"spectrum", "code_spectrum", "traversals", "skips", "code_units"})]
)
def test_a_part_that_too_few_people_do_not_allow_is_left_out_unless_it_is_asked_for(
    chain: Chain, tmp_path: Path, people: int, done: set[str]
) -> None:
    inputs = [chain.activations, chain.baseline, chain.data, chain.autoencoder]
    few = replace(EXACT, clusters=AnalyzeConfig.clusters, limit=people)
    found = analyze.run(inputs, tmp_path / "out", few, HOW).report
    assert {part for part in PARTS if getattr(found, part)} == done
    assert "people" in found.left_out["clusters"] and "skips" not in found.left_out
    for asked in ({"clusters": "2-3"}, {"parts": "clusters"}):
        with pytest.raises(Refused, match="too few for 2 clusters"):
            analyze.run(inputs, tmp_path / "no", replace(few, **asked), HOW)


def test_one_person_alone_is_refused(chain: Chain, tmp_path: Path) -> None:
    with pytest.raises(Refused, match="one person"):
        analyze.run([chain.activations], tmp_path / "out", AnalyzeConfig(precision="fp32", limit=1), HOW)


def test_two_of_a_kind_and_strangers_are_refused(chain: Chain, sites: Sites, tmp_path: Path) -> None:
    with pytest.raises(Refused, match="model too"):
        analyze.run([chain.baseline, chain.finetuned], tmp_path / "out", EXACT, HOW)
    with pytest.raises(Refused, match="not of"):
        analyze.run([sites.activations, chain.baseline, chain.data], tmp_path / "out", EXACT, HOW)
    with pytest.raises(Refused, match="not pre-trained on"):
        analyze.run([sites.activations, chain.autoencoder], tmp_path / "out", EXACT, HOW)
