"""Predictions of arms that were trained anywhere: a study's own give the study's numbers, others what a loop finds."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import stats

from shgae.artifacts.crops import Crops
from shgae.artifacts.store import open_artifact
from shgae.errors import Refused
from shgae.evaluation.people import people_of
from shgae.evaluation.predictions import coco_results, from_cells
from shgae.evaluation.study_report import STUDY, StudyReport
from shgae.execution import Execution
from shgae.experiments import compare
from shgae.experiments.compare import GivenArm
from shgae.experiments.study import run as study_run
from shgae.metrics.power import minimum_detectable
from shgae.metrics.statistics import MANY_PHOTOS, VERDICT_PHOTOS, Verdict, effective_number
from shgae.recipe_parts import CompareConfig
from shgae.recipes import EvaluateConfig
from shgae.reporting import study as said
from shgae.reporting.plot_inputs import read_inputs
from shgae.skeleton import COCO_PERSON
from shgae.stages import evaluate
from tests.builders import studies
from tests.builders.chain import Chain, Notes

HOW = Execution(device="cpu", workers=0)
pytestmark = pytest.mark.usefixtures("sketched")
ARMS = ("none", "pca", "full")
TINY = dataclasses.replace(studies.TINY, arms=",".join(ARMS), ae_epochs=1)


@dataclasses.dataclass(frozen=True)
class Studied:
    """A small study, and the data that it is on."""

    folder: Path
    data: Path
    report: StudyReport

    def scores(self, arm: str, seed: int) -> Path:
        return self.folder / f"seed-{seed}" / f"arm-{arm}" / "scores"

    def network(self, arm: str, seed: int) -> Path:
        return self.folder / f"seed-{seed}" / f"arm-{arm}" / "finetuned"


@pytest.fixture(scope="module")
def studied(tmp_path_factory: pytest.TempPathFactory, chain: Chain) -> Studied:
    folder = tmp_path_factory.mktemp("study") / "study"
    return Studied(folder, chain.data, study_run.run(chain.baseline, chain.data, folder, TINY, HOW).report)


def numbers_of(report: StudyReport) -> tuple[Any, ...]:
    """What a study and a comparison of its scores both say; a study tests no single joints."""
    found = tuple(dataclasses.replace(one, joints=None) for one in report.differences)
    return found, report.verdict, report.persons, report.photos, {arm.name: arm.by_seed for arm in report.arms}


def test_a_studys_own_scores_give_its_numbers_to_the_last_bit(studied: Studied, tmp_path: Path) -> None:
    arms = [GivenArm("baseline", (studied.folder / "baseline" / "scores",))]
    arms += [GivenArm(arm, tuple(studied.scores(arm, seed) for seed in (0, 1))) for arm in ARMS]
    how = {"baseline": "none", "primary": "full"}
    found = compare.run(arms, studied.data, tmp_path / "out", CompareConfig(paired=True), HOW, **how).report
    assert numbers_of(found) == numbers_of(studied.report)
    assert found.budget is None
    assert all(one.groups.all for one in found.differences)
    assert found.scored_by_studies == ("baseline", *ARMS)


def test_files_that_evaluate_writes_of_its_networks_do_too(studied: Studied, tmp_path: Path) -> None:
    networks = [studied.network(arm, seed) for arm in ARMS for seed in (0, 1)]
    config = EvaluateConfig(precision="fp32", resamples=100)
    scored = evaluate.run(networks, studied.data, tmp_path / "e", config, HOW).report
    files = [tmp_path / "e" / f"predictions-{row.name}.json" for row in scored.models]
    arms = [GivenArm(arm, tuple(files[2 * place : 2 * place + 2])) for place, arm in enumerate(ARMS)]
    how = CompareConfig(paired=True)
    result = compare.run(arms, studied.data, tmp_path / "out", how, HOW, baseline="none", primary="full")
    wanted = {(one.arm, one.minus): one for one in studied.report.differences if one.fair}
    assert {(one.arm, one.minus) for one in result.report.differences} == wanted.keys()
    for one in result.report.differences:
        assert one.groups == wanted[one.arm, one.minus].groups
        assert one.p == wanted[one.arm, one.minus].p
    twice = [GivenArm("none", (studied.scores("none", 0), files[0])), arms[1]]
    with pytest.raises(Refused, match="twice"):
        compare.run(twice, studied.data, tmp_path / "twice", CompareConfig(), HOW)
    assert STUDY.read(result.artifact.file("report.json")) == result.report
    assert read_inputs([tmp_path / "out"]).reports[0][2] == result.report


def drawn(folder: Path, crops: Crops, name: str, off: float, runs: int, seed: int = 0) -> GivenArm:
    """Predictions of runs of an arm, of which a share ``off`` of joints is far away."""
    cells = people_of(crops, COCO_PERSON).cells
    numbers = np.random.default_rng(seed)
    files = []
    for run in range(runs):
        moved = np.where(numbers.random(cells.shape[:2])[..., None] < off, (cells + 16) % 32, cells)
        files.append(folder / f"{name}{run}.json")
        files[-1].write_text(json.dumps(list(coco_results(from_cells(name, moved, None, crops), crops, 1))))
    return GivenArm(name, tuple(files))


def compared(tmp_path: Path, data: Path, arms: list[GivenArm], **more: Any) -> StudyReport:
    output = tmp_path / f"out-{len(list(tmp_path.iterdir()))}"
    return compare.run(arms, data, output, CompareConfig(), HOW, **more).report


def test_predictions_of_nobody_in_the_split_are_told(tmp_path: Path, tiny_data: Path, crops: Crops) -> None:
    arms, notes = [drawn(tmp_path, crops, "without", 0.5, 1, 1), drawn(tmp_path, crops, "mine", 0.4, 1, 2)], Notes()
    (file,) = arms[1].files
    entries = json.loads(file.read_text())
    file.write_text(json.dumps([*entries, entries[0] | {"annotation_id": 10**9}]))
    compare.run(arms, tiny_data, tmp_path / "out", CompareConfig(), dataclasses.replace(HOW, progress=notes))
    assert any("1 of the predictions" in said and str(file) in said for said in notes.said)


def test_the_order_of_the_files_decides_nothing_unless_runs_are_said_to_be_pairs(
    tmp_path: Path, tiny_data: Path, crops: Crops
) -> None:
    arms = [drawn(tmp_path, crops, "without", 0.5, 3, 1), drawn(tmp_path, crops, "mine", 0.4, 3, 2)]
    turned = [arms[0], GivenArm("mine", arms[1].files[::-1])]
    one, other = (compared(tmp_path, tiny_data, each).differences[0] for each in (arms, turned))
    assert (one.p, one.verdict) == (other.p, other.verdict)
    assert one.groups.all is not None and other.groups.all is not None
    assert (one.groups.all.low, one.groups.all.by_seed) == (pytest.approx(other.groups.all.low), ())
    paired = [
        compare.run(each, tiny_data, tmp_path / f"paired-{i}", CompareConfig(paired=True), HOW).report.differences[0]
        for i, each in enumerate((arms, turned))
    ]
    errors = [found.groups.all.seed_error for found in paired if found.groups.all]
    assert errors[0] != errors[1]


def test_arms_with_other_numbers_of_runs_are_not_paired(tmp_path: Path, tiny_data: Path, crops: Crops) -> None:
    arms = [drawn(tmp_path, crops, "without", 0.5, 3, 1), drawn(tmp_path, crops, "mine", 0.4, 2, 2)]
    report = compared(tmp_path, tiny_data, arms)
    (one,) = report.differences
    by_arm = {arm.name: [run.all or 0.0 for run in arm.by_seed] for arm in report.arms}
    found = one.groups.all
    assert found is not None
    assert found.seed_error is not None
    assert (one.arm, one.minus, found.by_seed) == ("mine", "without", ())
    assert found.value == pytest.approx(np.mean(by_arm["mine"]) - np.mean(by_arm["without"]), abs=1e-12)
    welch = stats.ttest_ind(by_arm["mine"], by_arm["without"], equal_var=False)
    assert found.seed_error.error == pytest.approx(found.value / welch.statistic, rel=1e-9)
    assert found.seed_error.freedom == int(welch.df)
    notes = " ".join(said.notes(report))
    assert "not paired" in notes
    assert "Budget not checked: not trained here" in notes
    assert "2 and 3 seeds" in said.conclusion(report) or report.verdict is Verdict.TOO_FEW_PHOTOS


def test_the_minimum_detectable_difference_is_of_a_stated_spread_or_of_photos_alone(
    tmp_path: Path, tiny_data: Path
) -> None:
    crops = Crops(open_artifact(tiny_data, "data"), "train")
    photos, counts = len(np.unique(crops.photos)), np.unique(crops.photos, return_counts=True)[1]
    weight = effective_number(counts.astype(float))

    def least(runs: int, others: int, sd: float | None, paired: bool = True) -> StudyReport:
        arms = [drawn(tmp_path, crops, "without", 0.5, runs, 1), drawn(tmp_path, crops, "mine", 0.4, others, 2)]
        output = tmp_path / f"least-{runs}-{others}-{sd}-{paired}"
        return compare.run(arms, tiny_data, output, CompareConfig(split="train", sd=sd, paired=paired), HOW).report

    assert photos >= VERDICT_PHOTOS
    assert least(3, 3, None).detectable is None
    pairs = ((1, 1, None, None), (3, 3, 2.0, None), (3, 3, 0.01, None))
    for runs, others, sd, unpaired in (*pairs, (3, 3, 2.0, 3), (3, 1, 2.0, 3)):
        report = least(runs, others, sd, unpaired is None)
        found, whole = report.detectable, report.differences[0].groups.all
        assert found and whole
        spread = {"sd_seeds": (sd or 0) / 100, "sd_photos": found.sd_photos, "seeds": others, "photos": photos}
        assert found.difference == minimum_detectable(0.8, **spread, arms=2, unpaired=unpaired, differing=weight)
        assert found.sd_runs == (sd and pytest.approx(sd / 100))
        reach = stats.t.ppf(0.975, weight - 1) if weight < MANY_PHOTOS else 1.96
        seen = (whole.over_photos.high - whole.over_photos.low) / 2 / reach * np.sqrt(photos)
        assert found.sd_photos == pytest.approx(seen, rel=0.05)
        assert found.difference and found.difference > 0.01


def test_arms_that_are_alike_have_no_minimum_detectable_difference(tmp_path: Path, tiny_data: Path) -> None:
    """Their spread over photos is 0 and says nothing of photos on which better arms would differ."""
    crops = Crops(open_artifact(tiny_data, "data"), "train")
    arms = [drawn(tmp_path, crops, name, 0.5, 1, 1) for name in ("without", "mine")]
    report = compare.run(arms, tiny_data, tmp_path / "out", CompareConfig(split="train"), HOW).report
    assert report.verdict is Verdict.IDENTICAL
    assert report.detectable is None


def test_arms_that_differ_by_the_same_on_every_photo_have_none_either(tmp_path: Path, tiny_data: Path) -> None:
    crops = Crops(open_artifact(tiny_data, "data"), "train")
    cells, arms = people_of(crops, COCO_PERSON).cells, []
    for name, moved in (("without", 16), ("mine", 0)):
        file = tmp_path / f"{name}.json"
        file.write_text(json.dumps(list(coco_results(from_cells(name, (cells + moved) % 32, None, crops), crops, 1))))
        arms.append(GivenArm(name, (file,)))
    report = compare.run(arms, tiny_data, tmp_path / "out", CompareConfig(split="train"), HOW).report
    found = report.differences[0].groups.all
    assert found and found.value > 0.9
    assert report.detectable is None


def test_arms_that_differ_on_few_photos_have_none_either(tmp_path: Path, tiny_data: Path) -> None:
    crops = Crops(open_artifact(tiny_data, "data"), "train")
    arms = [drawn(tmp_path, crops, name, 0.5, 1, 1) for name in ("without", "mine")]
    entries = json.loads(arms[1].files[0].read_text())
    for entry in entries[:3]:
        entry["keypoints"] = [one + 300 * (place % 3 != 2) for place, one in enumerate(entry["keypoints"])]
    arms[1].files[0].write_text(json.dumps(entries))
    report = compare.run(arms, tiny_data, tmp_path / "out", CompareConfig(split="train"), HOW).report
    assert report.verdict is not Verdict.IDENTICAL
    assert report.detectable is None


def test_runs_that_tie_have_no_interval_over_runs(tmp_path: Path, tiny_data: Path) -> None:
    crops = Crops(open_artifact(tiny_data, "data"), "train")
    cells, files = people_of(crops, COCO_PERSON).cells, []
    for person in (None, 0, 1):
        moved = np.where((np.arange(len(cells)) == person)[:, None, None], (cells + 16) % 32, cells)
        files.append(tmp_path / f"{person}.json")
        files[-1].write_text(json.dumps(list(coco_results(from_cells("x", moved, None, crops), crops, 1))))
    arms = [GivenArm("right", (files[0],)), GivenArm("one-off", (files[1], files[2]))]
    report = compare.run(arms, tiny_data, tmp_path / "out", CompareConfig(split="train"), HOW).report
    found = report.differences[0].groups.all
    assert found and found.value < 0 and found.is_tied
    assert (found.low, found.high) == (found.over_photos.low, found.over_photos.high)
    assert report.detectable is None


def test_a_joint_is_tested_on_the_people_of_whom_more_runs_found_it(
    tmp_path: Path, tiny_data: Path, crops: Crops
) -> None:
    arms = [drawn(tmp_path, crops, "without", 0.6, 3, 1), drawn(tmp_path, crops, "mine", 0.3, 3, 2)]
    (one,) = compared(tmp_path, tiny_data, arms).differences
    assert one.joints is not None
    assert tuple(each.joint for each in one.joints) == COCO_PERSON.names
    people = people_of(crops, COCO_PERSON)
    given = {arm.name: [json.loads(path.read_text()) for path in arm.files] for arm in arms}

    def found(entry: dict[str, Any], row: int, k: int) -> bool:
        """Either in the joint's own cell, or half a crop away."""
        off = np.array(entry["keypoints"]).reshape(17, 3)[k, :2] - people.xy_photo[row, k]
        return bool(np.hypot(*off) < crops.people.square[row, 2] / 8)

    for k in range(17):
        leads = [
            sum(found(run[row], row, k) for run in given["mine"])
            - sum(found(run[row], row, k) for run in given["without"])
            for row in np.flatnonzero(people.cell_visibility[:, k] > 0)
        ]
        test = one.joints[k].test
        assert (test.only_first, test.only_second) == (sum(n < 0 for n in leads), sum(n > 0 for n in leads))
        assert test.both + test.neither == sum(n == 0 for n in leads)
        assert test.p_adjusted >= test.p


def test_more_runs_of_one_arm_do_not_find_joints_better(tmp_path: Path, tiny_data: Path, crops: Crops) -> None:
    few, many = drawn(tmp_path, crops, "without", 0.3, 1, 1), drawn(tmp_path, crops, "mine", 0.3, 3, 2)
    (uneven,) = compared(tmp_path, tiny_data, [few, many]).differences
    (even,) = compared(tmp_path, tiny_data, [few, GivenArm("mine", many.files[:1])]).differences
    assert uneven.joints == even.joints


def test_no_two_arms_are_compared_twice(tmp_path: Path, tiny_data: Path, crops: Crops) -> None:
    arms = [drawn(tmp_path, crops, name, 0.5, 1, seed) for seed, name in enumerate(("full", "none", "random"))]
    found = [(one.arm, one.minus) for one in compared(tmp_path, tiny_data, arms).differences]
    assert found == [("none", "full"), ("random", "none"), ("random", "full")]


def test_every_other_arm_is_compared_with_the_baseline_and_one_has_the_verdict(
    tmp_path: Path, tiny_data: Path, crops: Crops
) -> None:
    arms = [drawn(tmp_path, crops, name, off, 1, 3) for name, off in (("a", 0.5), ("b", 0.5), ("c", 0.1))]
    report = compared(tmp_path, tiny_data, arms, baseline="b", primary="c")
    assert [(one.arm, one.minus, one.primary) for one in report.differences] == [("c", "b", True), ("a", "b", False)]
    assert report.verdict == report.differences[0].verdict
    assert report.differences[1].verdict in (Verdict.IDENTICAL, Verdict.TOO_FEW_PHOTOS)


@pytest.mark.parametrize(
    ("arms", "options"),
    [
        ([("a", 1)], {}),
        ([("a", 1), ("a", 1)], {}),
        ([("a", 1), ("b", 1)], {"baseline": "c"}),
        ([("a", 1), ("b", 1)], {"primary": "a"}),
        ([("baseline", 2), ("b", 1)], {}),
        ([("a", 1), ("baseline", 1)], {}),
    ],
)
def test_what_cannot_be_compared_is_refused(
    tmp_path: Path, tiny_data: Path, crops: Crops, arms: list[tuple[str, int]], options: dict[str, str]
) -> None:
    given = [drawn(tmp_path, crops, name, 0.5, runs) for name, runs in arms]
    with pytest.raises(Refused):
        compared(tmp_path, tiny_data, given, **options)


def test_one_run_twice_in_an_arm_is_refused_for_it_would_narrow_the_interval(
    tmp_path: Path, tiny_data: Path, crops: Crops
) -> None:
    once, other = drawn(tmp_path, crops, "a", 0.5, 2), drawn(tmp_path, crops, "b", 0.4, 2)
    twice = dataclasses.replace(once, files=(once.files[0], once.files[0]))
    with pytest.raises(Refused, match="twice"):
        compared(tmp_path, tiny_data, [twice, other])
    copied = tmp_path / "copied.json"
    copied.write_text(json.dumps(json.loads(once.files[0].read_text())[::-1], indent=2))
    with pytest.raises(Refused, match="twice"):
        compared(tmp_path, tiny_data, [dataclasses.replace(once, files=(once.files[0], copied)), other])
    entries = json.loads(once.files[0].read_text())
    copied.write_text(json.dumps([entries[0] | {"found": False}, *entries[1:]]))
    compared(tmp_path, tiny_data, [dataclasses.replace(once, files=(once.files[0], copied)), other])
    both = [once, dataclasses.replace(other, files=once.files)]  # the same runs in two arms are no difference
    assert compared(tmp_path, tiny_data, both).verdict is Verdict.IDENTICAL


def test_an_arm_is_a_name_and_files(tmp_path: Path) -> None:
    assert GivenArm.parse("a=x.json,y/z.json") == GivenArm("a", (Path("x.json"), Path("y/z.json")))
    (tmp_path / "o,o.json").write_text("[]")
    assert GivenArm.parse(f"a b={tmp_path}/o,o.json").files == (tmp_path / "o,o.json",)
    for text in ("", "a", "a=", "=x.json", "a\n=x.json", f"{'a' * 99}=x"):
        with pytest.raises(Refused):
            GivenArm.parse(text)


def test_other_people_are_refused(studied: Studied, tmp_path: Path, tiny_data: Path, crops: Crops) -> None:
    mine = drawn(tmp_path, crops, "mine", 0.5, 1)
    theirs = [GivenArm(arm, (studied.scores(arm, 0),)) for arm in ("none", "full")]
    with pytest.raises(Refused, match="other people"):
        compare.run(theirs, studied.data, tmp_path / "out", CompareConfig(split="val"), HOW)
    with pytest.raises(Refused):
        compared(tmp_path, tiny_data, [mine, GivenArm("b", (tmp_path / "none.json",))])
