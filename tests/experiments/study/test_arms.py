"""Arms differ from each other in what they are called after and in nothing else; sizes of the code are arms too."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from shgae.artifacts.manifest import CODE_SIZES, REPORT
from shgae.artifacts.store import open_artifact
from shgae.errors import Refused
from shgae.evaluation.study_report import COSTS, STUDY_COSTS, StudyReport, read_study
from shgae.execution import Execution
from shgae.experiments.study import arms, run
from shgae.experiments.study.parts import Study
from shgae.models.zoo import load_hourglass
from shgae.option_lists import ARMS, size_of
from shgae.recipes import ReportConfig, StudyConfig, as_json
from shgae.skeleton import Skeleton
from shgae.stages import plot, report
from tests.builders.chain import Chain
from tests.builders.studies import TINY

NEW = "none,full,wide,dropout,weight-decay,none+augment,full+augment"
MANY = replace(TINY, arms=NEW, seeds=1, ae_epochs=1, code_sizes="2,6,9")


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory, chain: Chain) -> Path:
    output = tmp_path_factory.mktemp("arms") / "study"
    run.run(chain.baseline, chain.data, output, MANY, Execution(workers=0))
    return output


@pytest.fixture(scope="module")
def found(study: Path) -> StudyReport:
    return read_study(open_artifact(study / "report"))


def study_of(config: StudyConfig) -> Study:
    return Study(Path("model"), Path("data"), Path("study"), config, width=256, stack=0, split="test")


@pytest.mark.parametrize(
    ("arm", "own"),
    [
        ("dropout", {"dropout": 0.1}),
        ("weight-decay", {"weight_decay": 0.05}),
        ("none+augment", {"augment": "newell", "rotation": 30.0}),
        ("full+augment", {"augment": "newell", "flip": 0.5}),
        ("wide", {}),
        ("code-5", {}),
    ],
)
def test_an_arm_is_trained_as_arm_none_but_for_its_own_options(arm: str, own: dict[str, object]) -> None:
    config = StudyConfig(precision="fp32")
    changed = as_json(arms.finetuning(arm, config, 3))
    plain = as_json(arms.finetuning("none", config, 3))
    assert own.items() <= changed.items()
    differing = {key for key in changed.keys() | plain.keys() if changed.get(key) != plain.get(key)}
    assert own.keys() <= differing | set() and differing <= set(arms.arm_of(arm).own)


def test_the_optimizer_is_equal_in_every_arm() -> None:
    for optimizer in ("rmsprop", "sgd", "adam"):
        config = StudyConfig(precision="fp32", optimizer=optimizer)  # type: ignore[arg-type]
        assert {arms.finetuning(arm, config, 0).optimizer for arm in ARMS} == {optimizer}


def test_an_augmentation_that_these_joints_do_not_allow_is_refused_before_any_arm_is_trained(
    chain: Chain, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Skeleton, "halves", lambda joints: ((False,) * len(joints),) * 2)
    config = replace(TINY, arms="none,none+augment", arm_augment="strong")
    with pytest.raises(Refused) as caught:
        run.run(chain.baseline, chain.data, tmp_path / "study", config, Execution())
    assert (caught.value.what, caught.value.fix) == ("--half-body", "--arms without none+augment")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("arm", "options", "where"),
    [
        ("dropout", {"arm_dropout": 0.0}, "--arm-dropout"),
        ("weight-decay", {"arm_weight_decay": 0.0}, "--arm-weight-decay"),
        ("full+augment", {"augment": "newell"}, "--augment"),
        ("none+augment", {"augment": "auto"}, "--augment"),
    ],
)
def test_an_arm_that_would_be_arm_none_is_refused(arm: str, options: dict[str, object], where: str) -> None:
    with pytest.raises(Refused) as caught:
        arms.finetuning(arm, StudyConfig(**options), 0)  # type: ignore[arg-type]
    assert caught.value.where == where


def test_the_wide_code_is_as_large_as_the_bottleneck_up_to_the_largest_code() -> None:
    sizes = {width: arms.pretraining("wide", StudyConfig(), 0, width).code_size for width in (16, 256, 512)}
    assert sizes == {16: 256, 256: 4096, 512: 4096}


def test_other_arms_and_sizes_have_fewer_seeds_and_the_primary_comparison_comes_first() -> None:
    study = study_of(StudyConfig(arms="none,pca,full", seeds=4, other_seeds=2, code_sizes="5,50", precision="fp32"))
    trained = [(part.arm, part.place) for part in study.parts() if part.step == "finetune"]
    assert [arm for arm, _ in trained] == ["none", "full"] * 4 + ["pca", "code-5", "pca"]
    assert {arm: len(study.seeds_of(arm)) for arm in ("none", "full", "pca", "code-5")} == {
        **{"none": 4, "full": 4},
        **{"pca": 2, "code-5": 1},
    }
    assert study.repetition(50) == "full", "it has this size"
    assert study.repetitions == ("code-5",)


@pytest.mark.parametrize(("name", "size"), [("code-5", 5), ("code-4096", 4096), ("full", None), ("code-05", None)])
def test_a_repetition_is_known_by_its_name(name: str, size: int | None) -> None:
    assert size_of(name) == size


def test_every_arm_is_reported_with_what_it_is_compared_with(found: StudyReport) -> None:
    assert [arm.name for arm in found.arms] == ["baseline", *NEW.split(",")]
    pairs = {(one.arm, one.minus) for one in found.differences}
    assert {("full", "none"), ("full", "wide"), ("wide", "none"), ("dropout", "none")} <= pairs
    assert {("full", "dropout"), ("full+augment", "none+augment"), ("none+augment", "none")} <= pairs
    assert [one.primary for one in found.differences][0] and (found.differences[0].arm == "full")


def test_rivals_and_augmentation_change_what_is_learned_and_not_the_network(study: Path, found: StudyReport) -> None:
    counts = {arm.name: (arm.parameters, arm.gflop) for arm in found.arms}
    for arm in ("dropout", "weight-decay", "none+augment"):
        assert counts[arm] == counts["none"] == counts["baseline"]
    assert counts["full+augment"] == counts["full"] > counts["none"]
    assert counts["wide"] > counts["full"]
    ids = {open_artifact(study / f"seed-0/arm-{arm}/finetuned").id for arm in NEW.split(",")}
    assert len(ids) == 7


def test_the_operations_are_those_of_the_layers(chain: Chain, found: StudyReport) -> None:
    counted = 0
    module = load_hourglass(chain.baseline).module.eval()

    def hook(layer: object, _inputs: object, output: object) -> None:
        nonlocal counted
        kernel = layer.weight.shape[1:].numel()  # type: ignore[attr-defined]
        counted += 2 * kernel * output.numel()  # type: ignore[attr-defined]

    for layer in module.modules():
        if isinstance(layer, torch.nn.Conv2d):
            layer.register_forward_hook(hook)
    with torch.no_grad():
        module(torch.zeros(1, 3, 128, 128))
    assert found.arms[0].gflop == pytest.approx(counted / 1e9, rel=1e-9)


def test_times_stand_next_to_the_report_and_not_in_it(study: Path) -> None:
    artifact = open_artifact(study / "report")
    costs = STUDY_COSTS.read(artifact.file(COSTS))
    assert costs.milliseconds.keys() == {"baseline", *NEW.split(",")}
    assert all(0 < value < 1e5 for value in costs.milliseconds.values())
    assert artifact.manifest.files[COSTS].volatile and not artifact.manifest.files[REPORT].volatile


def test_the_curve_has_every_size_and_is_chosen_on_val(study: Path, found: StudyReport) -> None:
    sizes = found.code_sizes
    assert sizes is not None
    assert [one.size for one in sizes.sizes] == [2, 6, 9]
    assert [size for size, _ in sizes.components] == [0, 2, 6, 9]
    val = {
        size: open_artifact(study / f"seed-0/arm-{arm}/finetuned").facts["val_pck"]
        for size, arm in ((2, "code-2"), (6, "full"), (9, "code-9"))
    }
    assert {one.size: one.val for one in sizes.sizes} == val
    assert sizes.chosen == min(size for size in val if val[size] == max(val.values()))
    full = next(arm for arm in found.arms if arm.name == "full")
    assert sizes.sizes[1].after == full.pck.all and sizes.sizes[1].parameters == full.parameters
    assert not (study / "seed-0/arm-code-6").exists()


def test_the_curve_is_drawn_and_shown(study: Path, chain: Chain, tmp_path: Path) -> None:
    assert (study / "report" / CODE_SIZES).stat().st_size
    assert "Chosen on val: " in (study / "report/tables.md").read_text()
    drawn = plot.run([study], tmp_path / "figures", Execution())
    assert "code-sizes.png" in drawn.artifact.manifest.files
    report.run((chain.data, chain.baseline, study), tmp_path / "page.html", ReportConfig(people=0), Execution())
    page = (tmp_path / "page.html").read_text()
    assert "Costs of" in page and "size of the code" in page


def test_a_dry_run_knows_what_every_arm_and_size_costs(study: Path, chain: Chain, tmp_path: Path) -> None:
    planned = run.dry_run(chain.baseline, chain.data, tmp_path / "s", MANY, Execution(workers=0))
    assert all(cost.seconds > 0 for cost in planned.costs if "grafting" not in cost.what)
    assert run.dry_run(chain.baseline, chain.data, study, MANY, Execution(workers=0)).seconds == 0
