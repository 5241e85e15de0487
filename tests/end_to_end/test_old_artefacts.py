"""Artefacts that were made when schema 1 was new are read for ever, or refused by their schema; the numbers stay.

``tests/artifacts/schema_1.tar.xz`` holds one of each kind: four drawn people and a network of four channels, made by
``prepare --limit 2``, ``train --width 4 --residual newell --epochs 1``, ``extract``, ``pretrain-ae --code-size 3``,
``graft``, ``evaluate``, ``predict``, ``splice``, ``rate``, ``analyze``, ``study`` and ``plot``, all in fp32, with small
pictures. It is never made again: what a later schema makes is kept beside it.
"""

from __future__ import annotations

import json
import shutil
import tarfile
from pathlib import Path
from typing import Any

import pytest
import torch

import shgae
from shgae.analysis.latent.report import ANALYSIS_REPORT
from shgae.analysis.rate.report import RATE_REPORT
from shgae.analysis.splice.report import SPLICE_REPORT
from shgae.artifacts.checkpoint import CHECKPOINT, load_checkpoint
from shgae.artifacts.lineage import verify
from shgae.artifacts.manifest import KINDS
from shgae.artifacts.store import open_artifact
from shgae.cli.app import main
from shgae.evaluation.report import EVALUATION
from shgae.evaluation.study_report import STUDY
from shgae.metrics.statistics import Verdict
from shgae.option_lists import PARTS
from tests.builders.old_artefacts import IDS
from tests.end_to_end.conftest import ROOT, one_line

PROMISED = "study/report"
"""Its arms were not kept, so some of its ancestors are missing."""


@pytest.fixture
def old(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the artefacts, which is the current one."""
    with tarfile.open(ROOT / "tests" / "artifacts" / "schema_1.tar.xz") as archive:
        archive.extractall(tmp_path, filter="data")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def ran(capsys: pytest.CaptureFixture[str], words: str) -> dict[str, Any]:
    """What a command that must succeed prints with --json."""
    code = main([*words.split(), "--json"])
    out, err = capsys.readouterr()
    assert code == 0, err
    result: dict[str, Any] = json.loads(out)
    return result


def test_there_is_one_of_every_kind_that_there_was() -> None:
    assert {kind for kind, _ in IDS.values()} == set(KINDS[:11])


@pytest.mark.parametrize("name", IDS)
def test_an_old_artefact_has_the_id_that_it_had_and_every_byte_is_verified(old: Path, name: str) -> None:
    kind, identity = IDS[name]
    artefact = open_artifact(old / name, kind)
    assert artefact.short_id == identity
    missing = verify(artefact).missing
    assert not missing or name == PROMISED


def test_old_networks_give_the_numbers_that_they_gave(old: Path) -> None:
    images = torch.linspace(-0.5, 0.5, 3 * 128 * 128).reshape(1, 3, 128, 128)
    deviations = {"baseline": 0.95203, "grafted": 0.58648}
    with torch.no_grad():
        for name, deviation in deviations.items():
            model = shgae.open_model(old / name)
            assert float(model(images).std()) == pytest.approx(deviation, rel=1e-3)
            assert float(model.bottleneck(images).mean()) == pytest.approx(-0.036329, rel=1e-3)
        code = shgae.open_autoencoder(old / "autoencoder").encode(torch.linspace(-2, 2, 64).reshape(1, 4, 4, 4))
    assert code[0].tolist() == pytest.approx([0.4380, 0, 0.4590], abs=1e-3)
    arrays, position = load_checkpoint(old / "baseline" / CHECKPOINT)
    assert position.epoch == 1
    assert any(name.startswith("optimizer.") or name.startswith("model.") for name in arrays)


def test_every_step_goes_on_from_old_artefacts(old: Path, capsys: pytest.CaptureFixture[str]) -> None:
    again = ran(capsys, "graft baseline autoencoder -o again")
    assert again["id"][:12] == IDS["grafted"][1], "a graft computes nothing, so it is the same to the bit"
    tiny = "--precision fp32 --batch-size 2 --epochs 1"
    ran(capsys, "extract grafted data --precision fp32 -o extracted")
    ran(capsys, f"pretrain-ae activations --code-size 3 {tiny} -o code")
    ran(capsys, f"finetune grafted data {tiny} -o tuned")
    scored = ran(capsys, "evaluate baseline grafted data --resamples 100 --precision fp32 -o scored")
    before = json.loads(Path("evaluation/report.json").read_text())
    assert [one["pck"] for one in scored["models"]] == [one["pck"] for one in before["models"]]
    ran(capsys, "evaluate evaluation/predictions-grafted.json data --resamples 100")


@pytest.mark.usefixtures("sketched")
def test_old_results_are_drawn_and_reported(old: Path, capsys: pytest.CaptureFixture[str]) -> None:
    everything = [name for name in IDS if name not in ("figures", "predictions")]
    ran(capsys, f"report {' '.join(everything)} -o report.html")
    ran(capsys, "plot baseline analysis evaluation study -o drawn")
    for name in IDS:
        assert ran(capsys, f"info {name}")["complete"] is True


def test_old_reports_are_read_as_the_dataclasses_of_today(old: Path) -> None:
    spliced, rated, analysed = (old / name / "report.json" for name in ("splice", "rate", "analysis"))
    before = {path: json.loads(path.read_text()) for path in (spliced, rated, analysed)}
    splice = SPLICE_REPORT.read(spliced)
    effects = before[spliced]["skips_on"]["effects"]
    assert {name: one.pck["all"] for name, one in splice.skips_on.effects.items()} == {
        name: one["pck"]["all"] for name, one in effects.items()
    }
    assert splice.skips_on.cost and splice.skips_on.cost.cost == splice.skips_on.effects["mean"].pck_lost
    assert splice.replacements[0].fidelity.relu_floor == before[spliced]["replacements"][0]["fidelity"]["sign_floor"]
    rate = RATE_REPORT.read(rated)
    assert [one.n_components for one in rate.points] == [one["numbers"] for one in before[rated]["points"]]
    assert all(one.at_least is None for one in rate.equal_pck.values())
    analysis = ANALYSIS_REPORT.read(analysed)
    assert analysis.spectrum and analysis.spectrum.rank == before[analysed]["spectrum"]["determined"]
    assert analysis.spectrum.above_chance <= before[analysed]["spectrum"]["above_chance"]
    assert set(analysis.left_out) <= set(PARTS)


def test_old_reports_are_read_with_the_numbers_that_they_have(old: Path) -> None:
    before = json.loads((old / "evaluation/report.json").read_text())
    report = EVALUATION.read(old / "evaluation/report.json")
    assert [row.pck.all for row in report.models] == [one["pck"]["all"] for one in before["models"]]
    (pair,), (said,) = report.comparisons, before["comparisons"]
    assert pair.verdict is Verdict.NO_SIGNIFICANT_DIFFERENCE and pair.difference.all is not None
    assert pair.difference.all.low == said["difference"]["all"]["low"]
    assert (pair.p, pair.p_adjusted) == (None, None), "it had no p"
    assert report.bootstrap.resamples == before["bootstrap"]["draws"]

    before = json.loads((old / "study/report/report.json").read_text())
    study = STUDY.read(old / "study/report/report.json")
    assert [arm.name for arm in study.arms] == ["baseline", "none", "random"]
    assert [(one.arm, one.minus) for one in study.differences] == [("random", "none"), ("none", "baseline")]
    assert study.verdict is Verdict.NO_SIGNIFICANT_DIFFERENCE and study.differences[0].groups.all is not None
    told = before["differences"][0]["groups"]["all"]
    assert (study.differences[0].groups.all.low, study.differences[0].margin) == (told["low"], None)
    assert (study.limit, study.ae_epochs, study.devices) == (2, None, ()), "the sentence of its time said the limit"


def test_an_artefact_of_a_later_schema_is_refused_by_its_number(old: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = old / "data" / "manifest.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"schema": 2}))
    shutil.rmtree(old / "grafted")
    assert main(["train", "data", "-o", "x"]) == 2
    assert "schema 2, this shgae reads 1" in one_line(capsys.readouterr().err)
