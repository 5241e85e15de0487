"""A study is registered before its first part: what may be added, what is refused, and what a report says of it."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from shgae.artifacts.durable import write_bytes
from shgae.artifacts.manifest import PLAN
from shgae.artifacts.store import open_artifact
from shgae.errors import Refused
from shgae.evaluation.study_registration import STUDY_PLAN, AnalysisPlan, check_registered, plan_bytes
from shgae.evaluation.study_report import STUDY, STUDY_COSTS, StudyCosts, read_study
from shgae.execution import Execution
from shgae.experiments.study import run
from shgae.inference import device
from shgae.stages import info, plot, verify
from tests.builders.chain import Chain
from tests.builders.plans import PLANNED
from tests.builders.studies import TINY, Whole, read_plan


def test_a_plan_is_read_back_and_known_by_its_bytes(tmp_path: Path) -> None:
    write_bytes(tmp_path / PLAN, plan_bytes(PLANNED))
    assert STUDY_PLAN.read(tmp_path / PLAN) == PLANNED
    assert STUDY_PLAN.read(tmp_path / PLAN).sha256 == PLANNED.sha256
    assert replace(PLANNED, margin=2.0).sha256 != PLANNED.sha256


WITHOUT_FULL = "arms: full is not among them, and it is in the primary comparison"


@pytest.mark.parametrize(
    "added",
    [
        {},
        {"seeds": (0, 1, 2, 3)},
        {"seeds": (0, 1)},
        {"arms": ("none", "pca", "full"), "other_seeds": (0,)},
        {"arms": ("none", "full", "dropout"), "other_seeds": (0, 1, 2), "strengths": {"dropout": {"dropout": 0.3}}},
        {"code_sizes": (5, 50), "code_seeds": (0,)},
    ],
)
def test_numbers_of_seeds_may_differ_and_arms_and_code_sizes_may_be_added(added: dict[str, object]) -> None:
    assert PLANNED.misses(replace(PLANNED, **added)) == []  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"seeds": (1, 2, 3)}, "seed: 1 here, 0 there"),
        (
            {"arms": ("none", "pca"), "primary": None},
            WITHOUT_FULL,
        ),
        ({"split": "val"}, "split: val here, test there"),
        ({"limit": 9}, "limit: 9 here, None there"),
        ({"margin": 0.5}, "margin: 0.5 here, 1.0 there"),
        ({"data": "3" * 64}, f"data: {'3' * 64} here, {'2' * 64} there"),
        ({"options": {"lr": 1e-3, "epochs": 15}}, "lr: 0.001 here, 0.0005 there"),
    ],
)
def test_another_plan_is_told_by_what_differs(changed: dict[str, object], said: str) -> None:
    assert PLANNED.misses(replace(PLANNED, **changed)) == [said]  # type: ignore[arg-type]


def test_the_strength_of_a_planned_arm_is_fixed() -> None:
    planned = replace(PLANNED, arms=("none", "full", "dropout"), strengths={"dropout": {"dropout": 0.1}})
    wanted = replace(planned, strengths={"dropout": {"dropout": 0.2}})
    assert planned.misses(wanted) == ["dropout: 0.2 here, 0.1 there"]


def test_a_plan_without_a_comparison_gets_none_later() -> None:
    planned = replace(PLANNED, primary=None, arms=("none",))
    assert planned.misses(PLANNED) == ["primary: full - none here, none there"]


@pytest.mark.parametrize(
    "change",
    [
        *({"margin": 0.0}, {"margin": 101.0}, {"limit": 0}, {"limit": -1}, {"arms": ["none", "none", "full"]}),
        *({"seeds": [0, 0]}, {"seeds": [-1]}, {"other_seeds": [7]}, {"code_sizes": [0]}, {"code_seeds": [-1]}),
        *({"primary": ["full", "full"]}, {"primary": ["full", "pca"]}),
        *({"analysis": {**vars(AnalysisPlan()), "alpha": 1.0}}, {"analysis": {**vars(AnalysisPlan()), "resamples": 0}}),
    ],
    ids=str,
)
def test_a_plan_that_no_study_registers_is_refused_where_it_is_read(tmp_path: Path, change: dict[str, object]) -> None:
    (tmp_path / PLAN).write_text(json.dumps(STUDY_PLAN.to_json(PLANNED) | change))
    with pytest.raises(Refused) as refused:
        STUDY_PLAN.read(tmp_path / PLAN)
    assert refused.value.where == str(tmp_path / PLAN)


@pytest.mark.parametrize("change", [{"batch": 0}, {"milliseconds": {"full": -1.0}}])
def test_costs_that_nobody_measures_are_refused(change: dict[str, object]) -> None:
    costs = StudyCosts("cpu", "fp32", 16, {"none": 2.0})
    assert STUDY_COSTS.from_json(STUDY_COSTS.to_json(costs), "here") == costs
    with pytest.raises(Refused):
        STUDY_COSTS.from_json(STUDY_COSTS.to_json(costs) | change, "here")


@pytest.mark.parametrize("empty", ["arms", "seeds"])
def test_a_plan_of_nothing_is_refused(tmp_path: Path, empty: str) -> None:
    with pytest.raises(ValueError, match="a seed"):
        replace(PLANNED, **{empty: ()})
    (tmp_path / PLAN).write_bytes(plan_bytes(PLANNED).replace(b'"margin"', b'"leeway"'))
    with pytest.raises(Refused, match="leeway: unknown key"):
        STUDY_PLAN.read(tmp_path / PLAN)


def test_the_plan_is_written_first_and_its_hash_stands_in_the_report(whole: Whole, chain: Chain) -> None:
    plan, told = read_plan(whole.output), whole.report.registered
    assert told is not None
    assert (plan.primary, plan.seeds, plan.margin, plan.split) == (("full", "none"), (0, 1), 1.0, "test")
    assert (plan.baseline, plan.data) == (open_artifact(chain.baseline).id, open_artifact(chain.data).id)
    assert told.sha256 == plan.sha256 == whole.result.artifact.facts["plan"]
    assert (told.added_arms, told.missing_arms, [one.seeds for one in told.looks]) == ((), (), [2])
    first_part = min(path.stat().st_mtime_ns for path in whole.output.rglob("manifest.json"))
    assert (whole.output / PLAN).stat().st_mtime_ns < first_part


def test_no_score_is_made_before_the_last_training(whole: Whole) -> None:
    scored = [path.stat().st_mtime_ns for path in whole.output.rglob("scores/manifest.json")]
    trained = [path.stat().st_mtime_ns for path in whole.output.rglob("finetuned/manifest.json")]
    assert len(scored) == len(trained) + 1 and min(scored) > max(trained)


def test_a_plan_that_was_edited_after_a_report_is_refused(whole: Whole, chain: Chain, tmp_path: Path) -> None:
    study = shutil.copytree(whole.output, tmp_path / "study")
    first = read_plan(study).sha256
    write_bytes(study / PLAN, plan_bytes(replace(read_plan(study), margin=50.0)))
    asked = replace(TINY, margin=50.0)
    with pytest.raises(Refused, match=first[:12]):
        run.run(chain.baseline, chain.data, study, asked, Execution())
    forced = run.run(chain.baseline, chain.data, study, replace(TINY, margin=2.0), Execution(force=True))
    assert forced.report.registered is not None
    assert first in forced.report.registered.replaced


def test_a_study_keeps_its_number_format_on_another_machine(
    chain: Chain, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plans, config = [], replace(TINY, precision="auto")
    for is_native in (True, False):
        monkeypatch.setattr(device, "multiplies_bf16", lambda _device, found=is_native: found)
        plans.append(run.listing(chain.baseline, chain.data, tmp_path / "study", config, Execution()).plan)
    assert plans[0] == plans[1]
    assert read_plan(tmp_path / "study").options["precision"] == "bf16"
    with pytest.raises(Refused, match="precision: fp32 here, bf16 there"):
        run.listing(chain.baseline, chain.data, tmp_path / "study", replace(TINY, precision="fp32"), Execution())


def test_a_report_that_cannot_be_read_is_in_nobodys_way_by_force(whole: Whole, chain: Chain, tmp_path: Path) -> None:
    study = shutil.copytree(whole.output, tmp_path / "study")
    (study / "report/report.json").write_text('{"schema": 6}')
    with pytest.raises(Refused, match="--force"):
        run.run(chain.baseline, chain.data, study, TINY, Execution())
    assert run.run(chain.baseline, chain.data, study, TINY, Execution(force=True)).report == whole.report


def test_a_report_without_its_plan_or_with_another_is_refused(whole: Whole, tmp_path: Path) -> None:
    study = shutil.copytree(whole.output, tmp_path / "study")
    write_bytes(study / PLAN, plan_bytes(replace(read_plan(study), margin=2.0)))
    for read in (info.run, verify.run, lambda path: read_study(open_artifact(path / "report"))):
        with pytest.raises(Refused, match="of plan"):
            read(study)
    with pytest.raises(Refused, match="of plan"):
        plot.run([study], tmp_path / "figures", Execution())
    (study / PLAN).unlink()
    assert read_study(open_artifact(study / "report")) == whole.report
    with_report, report = open_artifact(study / "report"), whole.report.registered
    files = {name: entry for name, entry in with_report.manifest.files.items() if name != PLAN}
    bare = replace(with_report, manifest=replace(with_report.manifest, files=files))
    assert report is not None
    with pytest.raises(Refused, match="nothing was registered"):
        check_registered(report, bare)
    content = json.loads((study / "report/report.json").read_text())
    with pytest.raises(Refused, match="registered: missing"):
        STUDY.from_json({key: one for key, one in content.items() if key != "registered"}, "here")
