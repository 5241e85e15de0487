"""A study's parts come after what they are made from, differ in one thing an arm, and are known by their manifests."""

from __future__ import annotations

import itertools
import signal
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from shgae.artifacts import hashing
from shgae.artifacts.draft import new_artifact
from shgae.artifacts.folders import partial_of
from shgae.artifacts.store import Artifact, open_artifact
from shgae.errors import Interrupted, Refused
from shgae.execution import Execution
from shgae.experiments.part import Part
from shgae.experiments.study.parts import Study
from shgae.option_lists import ARMS, LETTERS
from shgae.recipes import StudyConfig
from tests.builders.artefacts import interrupted, make

MODEL, DATA = Path("model"), Path("data")
SUBSETS = [",".join(arms) for size in range(1, 6) for arms in itertools.combinations(LETTERS, size)] + [",".join(ARMS)]


def study_of(arms: str = "none,random,pca,frozen,full", seeds: int = 2, **options: Any) -> Study:
    config = StudyConfig(arms=arms, seeds=seeds, precision="fp32", **options)
    return Study(MODEL, DATA, Path("study"), config, width=16, stack=0, split="test")


@pytest.mark.parametrize("arms", SUBSETS)
def test_everything_comes_after_what_it_is_made_from_and_has_a_place_of_its_own(arms: str) -> None:
    there = [MODEL, DATA]
    for part in study_of(arms).parts():
        assert set(part.parents.values()) <= set(there), part.title
        assert part.path not in there
        there.append(part.path)


@pytest.mark.parametrize("arms", SUBSETS)
def test_nothing_is_made_that_no_arm_needs(arms: str) -> None:
    study = study_of(arms)
    parts = {part.path: part for part in study.parts()}
    needed = [study.baseline_scores, *(study.scores(arm, seed) for arm in arms.split(",") for seed in (0, 1))]
    for path in needed:
        needed += [parent for parent in parts[path].parents.values() if parent in parts and parent not in needed]
    assert parts.keys() == set(needed)


def test_each_arm_carries_what_it_is_called_after() -> None:
    study = study_of(seeds=1)
    parts = {part.path: part for part in study.parts()}
    carried = {}
    for arm in LETTERS:
        start = parts[study.finetuned(arm, 0)].parents["model"]
        carried[arm] = None if start == MODEL else parts[parts[start].parents["autoencoder"]]
    assert carried["none"] is None
    assert {arm: part.step for arm, part in carried.items() if part} == {
        **{"random": "random", "pca": "linear", "frozen": "pretrain", "full": "pretrain"}
    }
    assert carried["frozen"] is carried["full"]


def test_the_arms_of_a_seed_are_trained_alike_but_for_what_learns_in_d() -> None:
    for seed in (5, 6):
        study = study_of(seed=5)
        configs = {
            part.arm: dict(part.config)
            for part in study.parts()
            if part.arm in LETTERS and part.path == study.finetuned(part.arm, seed)
        }
        assert configs.keys() == LETTERS.keys()
        assert configs["frozen"].pop("train") == "autoencoder"
        assert {configs[arm].pop("train") for arm in LETTERS if arm != "frozen"} == {"all"}
        assert all(config == configs["none"] for config in configs.values())
        assert configs["none"]["seed"] == seed


@pytest.mark.parametrize(
    ("arm", "place", "title"),
    [
        ("full", "seed 0 (1 of 3)", "arm full, seed 0 (1 of 3): training"),
        ("baseline", "", "baseline: training"),
        ("", "seed 1 (2 of 3)", "seed 1 (2 of 3): training"),
        ("", "", "training"),
    ],
)
def test_a_part_says_whose_it_is(arm: str, place: str, title: str) -> None:
    part = Part("pretrain", "training", Path("p"), "autoencoder", {}, {}, lambda _: None, arm, place)
    assert part.title == title


def part_at(path: Path, parents: Mapping[str, Path], **config: Any) -> tuple[Part, list[Execution]]:
    made: list[Execution] = []
    return Part("pretrain", "training", path, "autoencoder", config, parents, made.append), made


def made_of(path: Path, data: Artifact, **config: Any) -> None:
    with new_artifact(path, kind="autoencoder", config=config, parents={"data": data}, execution=Execution()) as draft:
        draft.write_json("x.json", {})
        draft.commit({})


def test_a_part_is_made_if_kind_options_and_parents_are_its_own(tmp_path: Path) -> None:
    data, other = make(tmp_path / "data"), make(tmp_path / "other", value=1)
    part, _ = part_at(tmp_path / "ae", {"data": data.path}, seed=3, shape=(4, 4))
    assert part.is_made(Execution()) is False
    made_of(part.path, data, seed=3, shape=[4, 4])
    assert part.is_made(Execution()) is True
    for changed, difference in (
        (part_at(part.path, {"data": data.path}, seed=4, shape=(4, 4))[0], "seed: 4 here, 3 there"),
        (part_at(part.path, {"data": other.path}, seed=3, shape=(4, 4))[0], f"data: {other.id} here"),
        (part_at(data.path, {}, seed=0)[0], "kind: autoencoder here, data there"),
    ):
        with pytest.raises(Refused) as caught:
            changed.is_made(Execution())
        assert difference in caught.value.why
        assert changed.is_made(Execution(force=True)) is False


def test_a_parent_that_is_still_to_be_made_is_asked_for_later(tmp_path: Path) -> None:
    data = make(tmp_path / "data")
    part, _ = part_at(tmp_path / "ae", {"data": tmp_path / "not yet"}, seed=3)
    made_of(part.path, data, seed=3)
    assert part.is_made(Execution()) is True


@pytest.mark.parametrize("value", [0, 1])
def test_an_interrupted_part_is_gone_on_with_if_it_is_the_same(tmp_path: Path, value: int) -> None:
    path = tmp_path / "ae"
    part, runs = part_at(path, {}, seed=0)
    part.make(Execution(workers=2))
    interrupted(path, value, kind="autoencoder")
    if value:
        with pytest.raises(Refused) as caught:
            part.make(Execution(workers=2))
        assert caught.value.where == str(partial_of(path))
        part.make(Execution(workers=2, force=True))
    else:
        part.make(Execution(workers=2))
    assert [(run.resume, run.workers) for run in runs] == [(False, 2), (value == 0, 2)]


def test_what_was_made_is_opened_without_its_files_being_hashed(tmp_path: Path) -> None:
    data = make(tmp_path / "data")
    part, _ = part_at(tmp_path / "ae", {"data": data.path}, seed=3)
    made_of(part.path, data, seed=3)
    (part.path / "x.json").write_text("[]")
    with pytest.raises(Refused):
        open_artifact(part.path)
    assert part.is_made(Execution()) is True


def test_hashing_what_was_made_by_force_hears_a_signal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = make(tmp_path / "data")
    part, _ = part_at(tmp_path / "ae", {"data": data.path}, seed=3)
    made_of(part.path, data, seed=3)
    monkeypatch.setattr(hashing, "_WORTH_TELLING", 0)
    stopped = Execution(force=True)
    stopped.stop.signal_number = signal.SIGTERM
    with pytest.raises(Interrupted, match=f"checking {part.path}"):
        part.is_made(stopped)
    assert part.is_made(Execution(stop=stopped.stop)), "nothing is hashed without force"
