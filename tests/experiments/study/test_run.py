"""The study: five arms with an equal budget, interrupted anywhere, and what may be said of them."""

from __future__ import annotations

import contextlib
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from shgae.artifacts import disk_space
from shgae.artifacts.activations import Activations
from shgae.artifacts.crops import read_people
from shgae.artifacts.draft import new_artifact
from shgae.artifacts.folders import partial_of
from shgae.artifacts.manifest import PLAN, REPORT
from shgae.artifacts.store import open_artifact
from shgae.errors import DiskError, Interrupted, Refused
from shgae.evaluation.study_report import STUDY
from shgae.execution import Execution
from shgae.experiments.study import report, run
from shgae.experiments.study.budget import check_budget
from shgae.metrics.statistics import Verdict
from shgae.models.zoo import load_autoencoder, load_hourglass
from shgae.option_lists import LETTERS
from shgae.recipes import RECIPES, EvaluateConfig
from shgae.stages import evaluate, finetune, pretrain_ae
from tests.builders.chain import Chain, Notes
from tests.builders.studies import FILES, TINY, Watched, Whole, bytes_of, read_plan


def test_all_arms_run_with_all_seeds_and_the_question_itself_comes_first(whole: Whole) -> None:
    told = whole.report
    assert [arm.name for arm in told.arms] == ["baseline", *LETTERS]
    assert all(len(arm.by_seed) == (1 if arm.name == "baseline" else 2) for arm in told.arms)
    pairs = [(one.arm, one.minus) for one in told.differences]
    assert pairs == [
        ("full", "none"),
        ("full", "random"),
        ("full", "pca"),
        ("pca", "none"),
        ("random", "none"),
        ("frozen", "none"),
        ("full", "baseline"),
        ("none", "baseline"),
    ]
    assert [one.fair for one in told.differences] == [True] * 6 + [False] * 2
    assert STUDY.read(whole.output / "report" / REPORT) == told
    assert whole.result.artifact.facts["verdict"] == told.verdict == told.differences[0].verdict
    assert all((whole.output / "report" / name).stat().st_size for name in FILES)


def test_the_numbers_of_the_table_are_those_of_evaluate(whole: Whole, chain: Chain) -> None:
    for arm in whole.report.arms:
        paths = [whole.output / f"seed-{seed}" / f"arm-{arm.name}" / "finetuned" for seed in (0, 1)]
        paths = [chain.baseline] if arm.name == "baseline" else paths
        config = EvaluateConfig(precision="fp32")
        told = evaluate.run(paths, chain.data, None, config, Execution()).report
        assert list(arm.by_seed) == [model.pck for model in told.models]
        assert arm.pck.all == pytest.approx(np.mean([model.pck.all for model in told.models]))
        assert whole.report.persons == told.persons


def test_arm_none_is_what_shgae_finetune_makes(whole: Whole, chain: Chain, tmp_path: Path) -> None:
    asked = {"epochs": 1, "batch_size": 4, "precision": "fp32", "sigma_visible": 1.5, "augment": "none"}
    config = replace(RECIPES["improved"].finetune, seed=1, **asked)  # type: ignore[arg-type]
    made = finetune.run(chain.baseline, chain.data, tmp_path / "a", config, Execution())
    assert made.artifact.id == open_artifact(whole.output / "seed-1/arm-none/finetuned").id


def test_the_autoencoder_is_what_shgae_pretrain_ae_makes(whole: Whole, tmp_path: Path) -> None:
    config = replace(RECIPES["improved"].pretrain_ae, epochs=2, batch_size=4, precision="fp32", code_size=6, seed=1)
    made = pretrain_ae.run(whole.output / "activations", tmp_path / "ae", config, Execution())
    assert made.artifact.id == open_artifact(whole.output / "seed-1/autoencoder").id


def test_arm_pca_begins_as_the_projection_on_the_principal_components(whole: Whole) -> None:
    rows = Activations(open_artifact(whole.output / "activations"), "train")
    x = rows.read(np.arange(len(rows)))
    flat = x.reshape(len(x), -1).astype(np.float64)
    mean = flat.mean(0)
    _, _, right = np.linalg.svd(flat - mean, full_matrices=False)
    wanted = (flat - mean) @ right[:6].T @ right[:6] + mean
    with torch.no_grad():
        for path in (whole.output / "seed-0/arm-pca/grafted", whole.output / "seed-1/arm-pca/grafted"):
            graft = load_hourglass(path).module.hourglass(0).graft
            np.testing.assert_allclose(graft(torch.from_numpy(x)).numpy().reshape(len(x), -1), wanted, atol=1e-4)


def test_arm_random_begins_with_the_weights_that_pre_training_begins_with_and_another_seed_has_others(
    whole: Whole,
) -> None:
    first, second = (load_autoencoder(whole.output / f"seed-{seed}/arm-random/autoencoder") for seed in (0, 1))
    assert first.spec == load_autoencoder(whole.output / "seed-0/autoencoder").spec
    assert not torch.equal(first.module.to_code.weight, second.module.to_code.weight)


def test_only_the_autoencoder_learns_in_arm_frozen(whole: Whole) -> None:
    before = load_hourglass(whole.output / "seed-0/arm-frozen/grafted").module.state_dict()
    after = load_hourglass(whole.output / "seed-0/arm-frozen/finetuned").module.state_dict()
    moved = {name for name in before if not torch.equal(before[name], after[name])}
    assert moved and all(".graft." in name for name in moved)
    counts = {arm.name: (arm.parameters, arm.trained_parameters) for arm in whole.report.arms}
    assert counts["frozen"][0] == counts["full"][0] == counts["random"][0] > counts["none"][0]
    assert counts["frozen"][1] == counts["full"][0] - counts["none"][0]
    assert counts["none"][0] == counts["none"][1]


def test_the_budget_is_equal_and_told(whole: Whole, chain: Chain) -> None:
    people = len(read_people(open_artifact(chain.data), "train"))
    budget = whole.report.budget
    assert (budget.people, budget.steps, budget.samples) == (people, -(-people // 4), people)
    assert (budget.model, budget.data) == (open_artifact(chain.baseline).id, open_artifact(chain.data).id)
    assert budget.config["lr"] == TINY.lr


def test_an_arm_that_was_given_more_is_found_out(whole: Whole, chain: Chain, tmp_path: Path) -> None:
    study = run._study(chain.baseline, chain.data, whole.output, TINY, Execution())
    config = replace(TINY.finetuning(1, "all"), epochs=2)
    longer = finetune.run(chain.baseline, chain.data, tmp_path / "longer", config, Execution()).artifact.path

    class Swapped(type(study)):  # type: ignore[misc]
        def finetuned(self, arm: str, seed: int) -> Path:
            return longer if (arm, seed) == ("none", 1) else study.finetuned(arm, seed)

    with pytest.raises(Refused, match=r"longer: it was not given what .*epochs: 2 here, 1 there"):
        check_budget(Swapped(**vars(study)))


@pytest.mark.torture  # one interruption; the next test has many
@pytest.mark.parametrize("share", [0.12, 0.55, 0.97])
def test_interrupted_anywhere_it_continues_to_the_same_report(
    whole: Whole, chain: Chain, tmp_path: Path, share: float
) -> None:
    stop = Watched(at=1 + int(share * whole.asked))
    with pytest.raises(Interrupted):
        run.run(chain.baseline, chain.data, tmp_path / "torn", TINY, Execution(stop=stop))
    assert not (tmp_path / "torn/report").exists()
    run.run(chain.baseline, chain.data, tmp_path / "torn", TINY, Execution())
    assert bytes_of(tmp_path / "torn") == bytes_of(whole.output)


def test_interrupted_again_and_again_it_ends_in_the_same_report(whole: Whole, chain: Chain, tmp_path: Path) -> None:
    for interruptions in range(whole.asked):
        how = Execution(stop=Watched(at=45), resume=bool(interruptions % 2))
        with contextlib.suppress(Interrupted):
            run.run(chain.baseline, chain.data, tmp_path / "torn", TINY, how)
            break
    assert interruptions > 1
    assert bytes_of(tmp_path / "torn") == bytes_of(whole.output)


def test_what_is_there_is_kept_and_the_report_is_the_same(whole: Whole, chain: Chain) -> None:
    before = {path: path.stat().st_mtime_ns for path in whole.output.rglob("manifest.json")}
    again = run.run(chain.baseline, chain.data, whole.output, TINY, Execution())
    assert again.made == ()
    assert again.kept == len(before) - 1
    assert {path: path.stat().st_mtime_ns for path in whole.output.rglob("manifest.json")} == before
    assert again.report == whole.report
    assert again.artifact.id == whole.result.artifact.id


@pytest.mark.usefixtures("sketched")
def test_another_report_of_the_same_networks_are_written_anew(
    whole: Whole, chain: Chain, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    output = shutil.copytree(whole.output, tmp_path / "study")
    of_now = report.report_of
    monkeypatch.setattr(report, "report_of", lambda *of: replace(of_now(*of), devices=("abacus", "slide rule")))
    again = run.run(chain.baseline, chain.data, output, TINY, Execution())
    assert not again.made
    assert STUDY.read(output / "report" / REPORT).devices == ("abacus", "slide rule")
    assert "abacus; slide rule" in (output / "report" / "tables.md").read_text()


@pytest.mark.usefixtures("sketched")
def test_more_arms_and_seeds_are_added_to_what_is_there(whole: Whole, chain: Chain, tmp_path: Path) -> None:
    small = replace(TINY, arms="e, none", seeds=1)
    first = run.run(chain.baseline, chain.data, tmp_path / "s", small, Execution())
    assert [arm.name for arm in first.report.arms] == ["baseline", "none", "full"]
    assert first.report.differences[0].groups.all.over_seeds is None
    second = run.run(chain.baseline, chain.data, tmp_path / "s", TINY, Execution())
    assert second.kept == first.kept + len(first.made)
    aside = {"registered": None, "differences": ()}
    assert replace(second.report, **aside) == replace(whole.report, **aside)
    assert {one.alpha for one in second.report.differences} == {0.0}, "the look at the planned seeds used all of it"
    assert {one.alpha for one in first.report.differences} == {0.05}
    told = second.report.registered
    assert told is not None
    assert told.sha256 == read_plan(tmp_path / "s").sha256 != read_plan(whole.output).sha256
    assert told.seeds == (0,), "what was planned stays"
    assert told.added_arms == ("random", "pca", "frozen")
    assert [one.seeds for one in told.looks] == [1, 2]


@pytest.mark.usefixtures("sketched")
def test_a_folder_of_before_is_gone_on_with_under_its_names(whole: Whole, chain: Chain, tmp_path: Path) -> None:
    output = shutil.copytree(whole.output, tmp_path / "study")
    (output / "baseline").rename(output / "parent")
    for seed in ("seed-0", "seed-1"):
        for name, letter in LETTERS.items():
            (output / seed / f"arm-{name}").rename(output / seed / f"arm-{letter}")
    shutil.rmtree(output / "seed-1/arm-e/scores")
    again = run.run(chain.baseline, chain.data, output, replace(TINY, arms="a,b,c,d,e"), Execution())
    assert again.made == ("arm full, seed 1 (2 of 2): scoring on the test split",)
    assert again.report == whole.report
    assert (output / "seed-1/arm-e/scores").is_dir() and not list(output.rglob("arm-full"))


def test_another_study_in_the_folder_is_refused_before_any_work(whole: Whole, chain: Chain, tmp_path: Path) -> None:
    before = sorted(whole.output.rglob("*"))
    other = finetune.run(
        chain.baseline, chain.data, tmp_path / "other", TINY.finetuning(9, "all"), Execution()
    ).artifact.path
    with pytest.raises(Refused, match=r"plan\.json: .*\(lr: 0\.01 here, 0\.0005 there\)"):
        run.run(chain.baseline, chain.data, whole.output, replace(TINY, lr=0.01), Execution())
    with pytest.raises(Refused, match=r"code_size: 5 here, 6 there; arms: none"):
        run.run(chain.baseline, chain.data, whole.output, replace(TINY, arms="frozen,full", code_size=5), Execution())
    with pytest.raises(Refused, match=r"registered otherwise \(baseline: "):
        run.run(other, chain.data, whole.output, TINY, Execution())
    assert sorted(whole.output.rglob("*")) == before


def test_an_artefact_of_another_kind_where_a_part_should_be_is_refused(chain: Chain, tmp_path: Path) -> None:
    with new_artifact(tmp_path / "s/linear", kind="data", config={}, parents={}, execution=Execution()) as made:
        made.write_json("x.json", {})
        made.commit({})
    with pytest.raises(Refused, match=r"s/linear: .*kind: autoencoder here, data there"):
        run.run(chain.baseline, chain.data, tmp_path / "s", TINY, Execution())


@pytest.mark.usefixtures("sketched")
def test_an_interrupted_part_of_another_study_is_refused_and_made_anew_by_force(chain: Chain, tmp_path: Path) -> None:
    only_a = replace(TINY, arms="none", seeds=1)
    stop = Watched(at=8)
    with pytest.raises(Interrupted):
        run.run(chain.baseline, chain.data, tmp_path / "s", only_a, Execution(stop=stop))
    assert partial_of(tmp_path / "s/seed-0/arm-none/finetuned").is_dir()
    other = replace(only_a, lr=0.01)
    with pytest.raises(Refused, match=r"lr: 0\.01 here, 0\.0005 there"):
        run.run(chain.baseline, chain.data, tmp_path / "s", other, Execution())
    (tmp_path / "s" / PLAN).unlink()  # as in a folder of before
    with pytest.raises(Refused, match=r"arm-none/finetuned\.partial: .*lr: 0\.01 here, 0\.0005 there"):
        run.run(chain.baseline, chain.data, tmp_path / "s", other, Execution())
    run.run(chain.baseline, chain.data, tmp_path / "s", other, Execution(force=True))
    before = read_plan(tmp_path / "s").sha256
    assert open_artifact(tmp_path / "s/seed-0/arm-none/finetuned").manifest.config["lr"] == 0.01
    told = run.run(chain.baseline, chain.data, tmp_path / "s", only_a, Execution(force=True))
    assert told.made == (
        "arm none, seed 0 (1 of 1): fine-tuning (no autoencoder)",
        "arm none, seed 0 (1 of 1): scoring on the test split",
    )
    assert told.report.verdict is Verdict.NOT_COMPARED
    assert told.report.registered is not None
    assert (told.report.registered.replaced, told.report.registered.late) == ((before,), True)


@pytest.mark.usefixtures("sketched")
def test_without_a_test_split_the_arms_are_compared_on_val_and_that_is_said(
    chain: Chain, tmp_path: Path, drawn, tiny_data: Path
) -> None:
    from shgae.recipes import PrepareConfig
    from shgae.stages import prepare

    sources = {split: drawn[split] for split in ("train", "val")}
    prepare.run(sources, tmp_path / "data", PrepareConfig(crop_size=128), Execution())
    notes = Notes()
    config = replace(TINY, arms="none", seeds=1, limit=4)
    told = run.run(chain.baseline, tmp_path / "data", tmp_path / "s", config, Execution(progress=notes)).report
    assert (told.split, told.persons) == ("val", 4)
    assert any("no test split" in line for line in notes.said)
    assert (told.budget.people, told.limit) == (4, 4)


@pytest.mark.parametrize(("arms", "why"), [("a,f", "'f' is not an arm"), (" , ", "no arm is named")])
def test_arms_that_are_none_are_refused(chain: Chain, tmp_path: Path, arms: str, why: str) -> None:
    with pytest.raises(Refused, match=why):
        run.run(chain.baseline, chain.data, tmp_path / "s", replace(TINY, arms=arms), Execution())
    assert not (tmp_path / "s").exists()


def test_a_code_of_more_numbers_than_the_bottleneck_has_components_is_refused_with_arm_pca(
    chain: Chain, tmp_path: Path
) -> None:
    wide = replace(TINY, code_size=257)
    with pytest.raises(Refused, match="256 components at most"):
        run.run(chain.baseline, chain.data, tmp_path / "s", wide, Execution())
    assert not (tmp_path / "s").exists()
    assert run.listing(chain.baseline, chain.data, tmp_path / "s", replace(wide, arms="none,full"), Execution()).parts


def test_a_study_that_finds_no_room_advises_what_makes_it_smaller(
    chain: Chain, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(disk_space, "free_bytes", lambda _: 0)
    with pytest.raises(DiskError) as refused:
        run.listing(chain.baseline, chain.data, tmp_path / "s", TINY, Execution())
    assert refused.value.fix == "another disk, or fewer --arms or --seeds"


def test_a_parent_with_an_autoencoder_is_refused(chain: Chain, tmp_path: Path) -> None:
    with pytest.raises(Refused, match="autoencoder already"):
        run.run(chain.grafted, chain.data, tmp_path / "s", TINY, Execution())


def test_a_folder_that_is_an_artefact_is_no_place_for_a_study(chain: Chain) -> None:
    with pytest.raises(Refused, match="a single artefact"):
        run.run(chain.baseline, chain.data, chain.autoencoder, TINY, Execution())


def test_a_rehearsal_writes_nothing_and_tells_what_is_there(whole: Whole, chain: Chain, tmp_path: Path) -> None:
    planned = run.dry_run(chain.baseline, chain.data, tmp_path / "s", TINY, Execution())
    assert not (tmp_path / "s").exists()
    assert len(planned.costs) == whole.result.kept + len(whole.result.made)
    assert planned.seconds > 0
    assert all(cost.seconds > 0 for cost in planned.costs if "fine-tuning" in cost.what)
    done = run.dry_run(chain.baseline, chain.data, whole.output, TINY, Execution())
    assert done.seconds == 0
    assert all(cost.there for cost in done.costs)


@pytest.mark.parametrize("recipe", ["improved", "original"])
def test_the_recipes_say_of_a_study_what_they_say_of_its_stages(recipe: str) -> None:
    whole = RECIPES[recipe]  # type: ignore[index]
    assert whole.study.finetuning(0, "all") == whole.finetune
    assert whole.study.pretraining(0) == whole.pretrain_ae


@pytest.mark.usefixtures("sketched")
def test_a_study_of_a_model_of_several_stacks_grafts_at_the_last(sites, tmp_path: Path) -> None:
    config = replace(TINY, arms="random,pca,full", seeds=1, limit=4)
    told = run.run(sites.baseline, sites.data, tmp_path / "s", config, Execution()).report
    assert [arm.name for arm in told.arms] == ["baseline", "random", "pca", "full"]
    for arm in ("random", "pca", "full"):
        grafts = load_hourglass(tmp_path / f"s/seed-0/arm-{arm}/finetuned").spec.grafts
        assert [graft is not None for graft in grafts] == [False, False, True]
    assert told.differences[0].minus == "random"
