"""What is said of a study: differences by hand, simulated studies of a known truth, and the words."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from shgae.experiments.study.conclusion import conclude

from shgae.artifacts.tables import as_read
from shgae.experiments.study.budget import Budget
from shgae.experiments.study.report import TOO_FEW, ArmResult, Report, differences, mean_pck
from shgae.experiments.study.scores import Scores, score
from shgae.metrics import pck
from shgae.reporting import study

K = 14


def simulated(rng: np.random.Generator, people: int, skill: np.ndarray, seed_effect: float = 0.0) -> Scores:
    """People whose joints are found with the chance of their photo (``skill``), shifted by the luck of a seed."""
    hits = rng.binomial(K, np.clip(skill + seed_effect, 0, 1))
    share = np.stack([hits / K, np.zeros(people), hits / K], axis=1)
    has = np.stack([np.ones(people), np.zeros(people), np.ones(people)], axis=1)
    means = {"all": float(share[:, 0].mean()), "v1": None, "v2": float(share[:, 2].mean())}
    return Scores(means, share, has)


def study_of(gain: float, *, people: int = 600, seeds: int = 3, luck: float = 0.0, rng_seed: int = 0) -> dict[str, Any]:
    rng = np.random.default_rng(rng_seed)
    photo_id = np.repeat(np.arange(people // 2), 2)
    skill = rng.uniform(0.2, 0.6, people // 2)[photo_id]
    arms = {"parent": [simulated(rng, people, skill - 0.1)]}
    for arm, more in (("a", 0.0), ("b", gain), ("e", gain)):
        arms[arm] = [simulated(rng, people, skill + more, rng.normal(0, luck) if luck else 0.0) for _ in range(seeds)]
    return {"scores": arms, "photo_id": photo_id}


def test_a_known_gain_is_recovered_and_said() -> None:
    found = differences(**study_of(0.06))
    first = found[0].groups["all"]
    assert (found[0].arm, found[0].minus) == ("e", "a")
    assert first.low < 0.06 < first.high
    assert first.excludes_zero
    said = conclude(found, 600, 3)
    assert said.startswith("More than chance explains: arm e (pre-trained autoencoder) scored")
    assert "did no better than a random autoencoder" in said, "the random one was made as good"
    assert found[0].finding == "more"


def test_a_known_loss_is_said_to_be_one() -> None:
    found = differences(**study_of(-0.06))
    assert conclude(found, 600, 3).startswith("Less than chance explains")
    assert "random" not in conclude(found, 600, 3).partition(";")[2]
    assert found[0].finding == "less"


def test_no_gain_is_not_shown_and_what_could_have_been_is_told() -> None:
    found = differences(**study_of(0.0))
    first = found[0].groups["all"]
    said = conclude(found, 600, 3)
    assert said.startswith("Not shown to matter")
    assert f"a true difference of {100 * first.smallest_to_show:.1f} points" in said
    assert "includes zero" in said


def test_a_gain_that_hangs_on_the_seed_is_not_shown_though_the_people_are_sure_of_it() -> None:
    found = differences(**study_of(0.03, people=4000, luck=0.05, rng_seed=1))
    first = found[0].groups["all"]
    assert first.over_photos.low > 0
    assert first.low <= first.over_seeds.low and first.high >= first.over_seeds.high
    assert not first.excludes_zero
    assert "interval over photos and seeds" in conclude(found, 4000, 3)


def test_a_true_null_is_called_a_gain_no_more_often_than_it_should_be() -> None:
    wrong = [differences(**study_of(0.0, people=100, rng_seed=run))[0].groups["all"].excludes_zero for run in range(60)]
    assert np.mean(wrong) < 0.1


def test_one_seed_has_no_interval_over_seeds_and_the_sentence_says_so() -> None:
    found = differences(**study_of(0.08, seeds=1))
    first = found[0].groups["all"]
    assert first.over_seeds is None
    assert (first.low, first.high) == (first.over_photos.low, first.over_photos.high)
    said = conclude(found, 600, 1)
    assert said.startswith("More than the choice of people explains")
    assert "1 seed;" in said
    assert "seeds were not varied" in said


def test_values_are_means_over_seeds_of_differences_of_means_over_people() -> None:
    made = study_of(0.05, people=50)
    for one in differences(**made):
        found = one.groups["all"]
        for seed, value in enumerate(found.by_seed):
            firsts = made["scores"][one.minus]
            first, second = firsts[min(seed, len(firsts) - 1)], made["scores"][one.arm][seed]
            by_hand = sum(float(b) - float(a) for a, b in zip(first.share[:, 0], second.share[:, 0], strict=True)) / 50
            assert value == pytest.approx(by_hand)
        assert found.value == pytest.approx(sum(found.by_seed) / 3)


def test_the_interval_over_photos_is_that_of_photos_drawn_again() -> None:
    made = study_of(0.05, people=60)
    a, e = (np.mean([one.share[:, 0] for one in made["scores"][arm]], axis=0) for arm in ("a", "e"))
    rng = np.random.default_rng(1)
    by_photo = (e - a).reshape(30, 2)
    draws = [by_photo[rng.integers(0, 30, 30)].mean() for _ in range(10_000)]
    found = differences(**made)[0].groups["all"].over_photos
    assert (found.low, found.high) == pytest.approx(tuple(np.quantile(draws, [0.025, 0.975])), abs=0.002)


def test_of_people_in_one_photo_nothing_is_concluded() -> None:
    made = study_of(0.05)
    made["photo_id"] = np.zeros_like(made["photo_id"])
    found = differences(**made)
    assert {one.finding for one in found} == {TOO_FEW}
    assert all(group is None for one in found for group in one.groups.values())
    assert conclude(found, 600, 3) == f"Nothing may be concluded: {TOO_FEW}."


def test_arms_that_score_alike_are_said_to_and_no_smallest_difference_is_named() -> None:
    made = study_of(0.0)
    made["scores"] = {name: made["scores"]["a"] for name in ("a", "e")}
    found = differences(**made)
    assert found[0].finding == "no difference on any photo"
    assert conclude(found, 1, 3) == (
        "Not shown to matter: arm e and arm a scored alike on every photo, on 1 person and 3 seeds."
    )


def test_a_group_that_nobody_has_a_joint_of_has_no_difference() -> None:
    assert all(one.groups["v1"] is None for one in differences(**study_of(0.0)))


def test_two_arms_of_which_none_answers_a_question_conclude_nothing() -> None:
    made = study_of(0.0)
    made["scores"] = {"parent": made["scores"]["parent"], "b": made["scores"]["b"]}
    assert conclude(differences(**made), 600, 3).startswith("Nothing may be concluded")


def test_the_unfair_comparison_is_never_the_conclusion() -> None:
    made = study_of(0.2)
    made["scores"] = {name: made["scores"][name] for name in ("parent", "e")}
    (only,) = [one for one in differences(**made) if one.arm == "e"]
    assert (only.minus, only.fair) == ("parent", False)
    assert "unfair" in only.question
    assert conclude([only], 600, 3).startswith("Nothing may be concluded")


@given(st.integers(0, 2**32 - 1))
def test_the_score_of_each_person_is_what_a_loop_counts(seed: int) -> None:
    rng = np.random.default_rng(seed)
    people, size = 5, int(rng.choice([32, 64]))
    true = rng.integers(0, size, (people, K, 2))
    cells = np.clip(true + rng.integers(-4, 5, true.shape), 0, size - 1)
    visibility = rng.integers(0, 3, (people, K)).astype(np.uint8)
    visibility[0] = 0
    found = score(cells, true, visibility, size)
    for person in range(people):
        for group, levels in enumerate(((1, 2), (1,), (2,))):
            joints = [k for k in range(K) if visibility[person, k] in levels]
            hits = [float(np.hypot(*(cells[person, k] - true[person, k]))) < 0.05 * size for k in joints]
            assert found.has[person, group] == bool(joints)
            assert found.share[person, group] == pytest.approx(sum(hits) / len(joints) if joints else 0)
    assert found.pck == pck.count(cells, true, visibility, size).pck()
    for group, name in enumerate(pck.GROUPS):
        if found.pck[name] is not None:
            assert found.share[:, group].sum() / found.has[:, group].sum() == pytest.approx(found.pck[name])


def test_means_over_seeds_leave_out_what_nobody_has() -> None:
    assert mean_pck([{"all": 0.2, "v1": None, "v2": 0.2}, {"all": 0.4, "v1": None, "v2": 0.3}]) == {
        "all": pytest.approx(0.3),
        "v1": None,
        "v2": pytest.approx(0.25),
    }


def reported() -> dict[str, Any]:
    made = study_of(0.05)
    found = differences(**made)
    config = {"batch_size": 4, "optimizer": "adam", "lr": 5e-4, "schedule": "cosine", "precision": "fp32"}
    arms = tuple(
        ArmResult(
            name, f"what {name} is", mean_pck([one.pck for one in runs]), tuple(one.pck for one in runs), 9, 0, ()
        )
        for name, runs in made["scores"].items()
    )
    budget = Budget("1" * 64, "2" * 64, 600, 2, 300, 1200, config, (0, 1, 2))
    report = Report("test", 600, 300, (0, 1, 2), budget, arms, found, conclude(found, 600, 3), ("100 % & more_so",))
    return as_read(report.to_json())


def test_the_tables_have_a_line_an_arm_and_a_line_a_difference() -> None:
    report = reported()
    arms, differences = study.tables(report)
    assert [cells[0] for cells in arms.rows] == [arm["name"] for arm in report["arms"]]
    assert [cells[0] for cells in differences.rows] == [f"{o['arm']} - {o['minus']}" for o in report["differences"]]
    assert {len(cells) for grid in (arms, differences) for cells in (grid.headings, *grid.rows)} == {9, 7}
    a = next(arm for arm in report["arms"] if arm["name"] == "a")
    row = next(cells for cells in arms.rows if cells[0] == "a")
    assert row[2:5] == (f"{100 * a['pck']['all']:.1f}", "-", f"{100 * a['pck']['v2']:.1f}")
