"""What every arm was given is read from what it left: equal, or refused with the arm that got something else."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from shgae.artifacts.draft import new_artifact
from shgae.artifacts.store import Artifact, open_artifact
from shgae.errors import Refused
from shgae.execution import Execution
from shgae.experiments.study import arms
from shgae.experiments.study.budget import check_budget
from shgae.experiments.study.parts import Study
from shgae.recipes import StudyConfig, as_json

CONFIG = StudyConfig(
    arms="none,random,dropout,full", seeds=2, seed=3, other_seeds=1, batch_size=4, epochs=2, precision="fp32"
)
SAMPLES = (10, 9)
"""Of two epochs: in steps of 4 these are 3 and 3."""


def made(
    path: Path,
    kind: str,
    parents: Mapping[str, Artifact] | None = None,
    config: Mapping[str, Any] | None = None,
    samples: Sequence[Any] = (),
) -> Artifact:
    with new_artifact(
        path,
        kind=kind,
        config=config or {"of": path.as_posix()},
        parents=parents or {},
        execution=Execution(force=True),
    ) as draft:
        rows = [f'{{"epoch": {epoch}, "samples": {count}}}\n' for epoch, count in enumerate(samples, 1)]
        draft.file("history.jsonl").write_text("".join(rows))
        return draft.commit({"splits": {"train": 12, "val": 5}} if kind == "data" else {})


class Folder:
    """Artefacts of a study without a number in them; each arm can be made again from something else."""

    def __init__(self, root: Path, config: StudyConfig = CONFIG, *, is_there: bool = False) -> None:
        if is_there:
            self.model, self.data = open_artifact(root / "model"), open_artifact(root / "data")
        else:
            self.model, self.data = made(root / "model", "hourglass"), made(root / "data", "data")
        self.study = Study(self.model.path, self.data.path, root / "study", config, width=16, stack=0, split="test")
        for arm in (*self.study.arms, *self.study.repetitions):
            for seed in () if is_there else self.study.seeds_of(arm):
                self.give(arm, seed)

    def give(
        self,
        arm: str,
        seed: int,
        samples: Sequence[Any] = SAMPLES,
        options: Mapping[str, Any] | None = None,
        *,
        model: Artifact | None = None,
        data: Artifact | None = None,
    ) -> None:
        """Fine-tunes an arm with these options and parents in the place of the planned ones."""
        output, start = self.study.finetuned(arm, seed), model or self.model
        if arms.arm_of(arm).autoencoder != "none":
            autoencoder = made(output.with_name("autoencoder"), "autoencoder")
            start = made(output.with_name("grafted"), "hourglass", {"model": start, "autoencoder": autoencoder})
        config = as_json(arms.finetuning(arm, self.study.config, seed)) | dict(options or {})
        made(output, "hourglass", {"model": start, "data": data or self.data}, config, samples)


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Every test begins with a copy of this one."""
    root = tmp_path_factory.mktemp("budget")
    Folder(root)
    return root


@pytest.fixture
def folder(original: Path, tmp_path: Path) -> Folder:
    shutil.copytree(original, tmp_path / "copy")
    return Folder(tmp_path / "copy", is_there=True)


def test_an_equal_budget_is_told_with_what_all_arms_share(folder: Folder) -> None:
    budget = check_budget(folder.study)
    assert (budget.model, budget.data) == (folder.model.id, folder.data.id)
    assert (budget.people, budget.epochs, budget.steps, budget.samples) == (12, 2, 6, 19)
    assert budget.seeds == (3, 4)
    given = as_json(arms.finetuning("none", CONFIG, 3))
    assert budget.config == {key: value for key, value in given.items() if key not in ("train", "seed", "epochs")}
    assert "dropout" not in budget.config, "that of the arms without dropout"


@pytest.mark.parametrize(("limit", "people"), [(5, 5), (500, 12)])
def test_people_are_those_of_the_training_split_up_to_the_limit(tmp_path: Path, limit: int | None, people: int) -> None:
    assert check_budget(Folder(tmp_path, replace(CONFIG, arms="none", seeds=1, limit=limit)).study).people == people


@pytest.mark.parametrize(
    ("arm", "options"),
    [
        ("none", {"seed": 9}),
        ("random", {"batch_size": 5}),
        ("dropout", {"lr": 0.25}),
        ("full", {"epochs": 3}),
        ("full", {"weight_decay": 0.1}),
    ],
)
def test_an_arm_with_another_option_is_named(folder: Folder, arm: str, options: dict[str, Any]) -> None:
    seed = folder.study.seeds_of(arm)[-1]
    folder.give(arm, seed, options=options)
    with pytest.raises(Refused) as caught:
        check_budget(folder.study)
    assert caught.value.where == str(folder.study.finetuned(arm, seed))
    assert set(options) <= {word.strip("(;: ") for word in caught.value.why.split()}


@pytest.mark.parametrize(
    ("samples", "names"), [((10, 10), "samples"), ((9, 9, 1), "steps"), ((19,), "steps"), ((), "samples")]
)
def test_an_arm_with_another_number_of_samples_or_steps_is_named(
    folder: Folder, samples: Sequence[int], names: str
) -> None:
    folder.give("full", 4, samples)
    with pytest.raises(Refused, match=names) as caught:
        check_budget(folder.study)
    assert caught.value.where == str(folder.study.finetuned("full", 4))


def test_epochs_may_be_of_different_lengths_where_steps_and_samples_are_equal(folder: Folder) -> None:
    folder.give("full", 4, (11, 8))  # 3 and 2 steps
    with pytest.raises(Refused, match="steps: 5 here, 6 there"):
        check_budget(folder.study)
    folder.give("full", 4, (9, 10))
    assert check_budget(folder.study).steps == 6


def test_an_option_that_an_arm_is_about_may_differ_in_it_alone_and_only_as_planned(folder: Folder) -> None:
    assert as_json(arms.finetuning("dropout", CONFIG, 3))["dropout"] == 0.1
    folder.give("dropout", 3, options={"dropout": 0.2})
    with pytest.raises(Refused, match="dropout: 0.2 here, 0.1 there"):
        check_budget(folder.study)
    folder.give("dropout", 3)
    folder.give("random", 3, options={"dropout": 0.1})
    with pytest.raises(Refused, match="dropout: 0.1 here, None there"):
        check_budget(folder.study)


def test_a_study_whose_first_arm_has_options_of_its_own_is_measured_by_the_others(tmp_path: Path) -> None:
    made_folder = Folder(tmp_path, replace(CONFIG, arms="dropout,none", seeds=1))
    assert "dropout" not in check_budget(made_folder.study).config
    made_folder.give("none", 3, options={"lr": 0.25})
    with pytest.raises(Refused) as caught:
        check_budget(made_folder.study)
    assert "lr" in caught.value.why


@pytest.mark.parametrize("arm", ["none", "full"])
def test_the_plain_model_at_the_root_and_the_data_are_those_of_all(folder: Folder, tmp_path: Path, arm: str) -> None:
    folder.give(arm, 4, model=made(tmp_path / "other", "hourglass"))
    with pytest.raises(Refused, match="model: .* here"):
        check_budget(folder.study)
    folder.give(arm, 4, data=made(tmp_path / "others", "data"))
    with pytest.raises(Refused, match="data: .* here"):
        check_budget(folder.study)


def test_what_learns_is_the_arm_and_no_part_of_the_budget(folder: Folder) -> None:
    folder.give("random", 3, options={"train": "autoencoder"})
    assert "train" not in check_budget(folder.study).config


@pytest.mark.parametrize("count", ["-1", "null", "2.0", "true", '"9"'])
def test_a_history_without_a_number_of_samples_is_refused(folder: Folder, count: str) -> None:
    folder.give("full", 3, (10, count))
    with pytest.raises(Refused) as caught:
        check_budget(folder.study)
    assert caught.value.where == str(folder.study.finetuned("full", 3) / "history.jsonl")


@pytest.mark.parametrize("role", ["model", "data"])
def test_a_network_that_names_no_model_or_no_data_is_refused(folder: Folder, role: str) -> None:
    path, parents = folder.study.finetuned("none", 3), {"model": folder.model, "data": folder.data}
    del parents[role]
    made(path, "hourglass", parents, as_json(arms.finetuning("none", CONFIG, 3)), SAMPLES)
    with pytest.raises(Refused) as caught:
        check_budget(folder.study)
    assert caught.value.where == str(path)


def test_an_epoch_without_a_sample_is_a_number_too(folder: Folder) -> None:
    folder.give("full", 3, (0, 10, 9))
    assert check_budget(folder.study).samples == 19


def test_repetitions_with_other_sizes_of_the_code_are_looked_at_too(tmp_path: Path) -> None:
    made_folder = Folder(tmp_path, replace(CONFIG, arms="none,full", code_sizes="5,50", code_seeds=1))
    assert made_folder.study.repetitions == ("code-5",)
    assert check_budget(made_folder.study).samples == 19
    made_folder.give("code-5", 3, (10, 8))
    with pytest.raises(Refused) as caught:
        check_budget(made_folder.study)
    assert "arm-code-5" in str(caught.value.where)


def test_a_network_that_is_not_there_or_of_another_kind_is_refused(folder: Folder) -> None:
    path = folder.study.finetuned("random", 3)
    made(path, "autoencoder")
    with pytest.raises(Refused) as caught:
        check_budget(folder.study)
    assert caught.value.where == str(path)
