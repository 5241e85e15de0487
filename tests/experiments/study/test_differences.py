"""Differences of a study: by hand, and of simulated studies whose truth is known; the verdict on each."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shgae.evaluation.study_report import verdict_of
from shgae.experiments.study.differences import Pairing, compared, differences, mean_pck
from shgae.experiments.study.scores import RunScores, score
from shgae.metrics import pck
from shgae.metrics.pck import ByGroup
from shgae.metrics.statistics import Verdict

K = 14


def simulated(rng: np.random.Generator, people: int, skill: np.ndarray, seed_effect: float = 0.0) -> RunScores:
    """People whose joints are found with the chance of their photo (``skill``), shifted by the luck of a seed."""
    hits = rng.binomial(K, np.clip(skill + seed_effect, 0, 1))
    share = np.stack([hits / K, np.zeros(people), hits / K], axis=1)
    has = np.stack([np.ones(people), np.zeros(people), np.ones(people)], axis=1)
    means = ByGroup(float(share[:, 0].mean()), None, float(share[:, 2].mean()))
    return RunScores(means, share, has)


def study_of(gain: float, *, people: int = 600, seeds: int = 3, luck: float = 0.0, rng_seed: int = 0) -> dict[str, Any]:
    rng = np.random.default_rng(rng_seed)
    photo_id = np.repeat(np.arange(people // 2), 2)
    skill = rng.uniform(0.2, 0.6, people // 2)[photo_id]
    arms = {"baseline": [simulated(rng, people, skill - 0.1)]}
    for arm, more in (("none", 0.0), ("random", gain), ("full", gain)):
        arms[arm] = [simulated(rng, people, skill + more, rng.normal(0, luck) if luck else 0.0) for _ in range(seeds)]
    return {"scores": arms, "photo_id": photo_id, "margin": 0.01}


@pytest.mark.parametrize(
    ("gain", "verdict"),
    [(0.06, Verdict.BETTER), (-0.06, Verdict.WORSE), (0.0, Verdict.INCONCLUSIVE)],
)
def test_a_known_gain_is_recovered(gain: float, verdict: Verdict) -> None:
    found = differences(**study_of(gain))
    first = found[0].groups.all
    assert (found[0].arm, found[0].minus) == ("full", "none")
    assert first.low < gain < first.high
    assert first.low < first.equivalence.low and first.equivalence.high < first.high
    assert (found[0].p < 0.05) == (verdict is not Verdict.INCONCLUSIVE)
    assert found[0].verdict is verdict_of(found) is verdict
    assert found[1].verdict is Verdict.INCONCLUSIVE, "the random one was made as good"


@pytest.mark.parametrize("alpha", [1.2e-4, 8e-4])
def test_an_early_look_finds_a_clear_gain_of_every_arm(alpha: float) -> None:
    """Though no resample tells so small a chance, less by an adjustment for several comparisons."""
    found = differences(**study_of(0.2), alpha=alpha)
    verdicts = {(one.arm, one.minus): one.verdict for one in found if one.fair}
    better = dict.fromkeys([("full", "none"), ("random", "none")], Verdict.BETTER)
    assert verdicts == better | {("full", "random"): Verdict.INCONCLUSIVE}
    assert found[0].primary and found[0].p < alpha and found[0].groups.all.low > 0


def test_a_gain_that_hangs_on_the_seed_is_not_shown_though_the_people_are_sure_of_it() -> None:
    found = differences(**study_of(0.03, people=4000, luck=0.05, rng_seed=1))
    first = found[0].groups.all
    assert first.over_photos.low > 0
    assert first.low <= first.over_seeds.low and first.high >= first.over_seeds.high
    assert found[0].verdict is Verdict.INCONCLUSIVE


def test_a_true_null_is_called_a_gain_no_more_often_than_it_should_be() -> None:
    verdicts = [verdict_of(differences(**study_of(0.0, people=100, rng_seed=run))) for run in range(60)]
    assert np.mean([one in (Verdict.BETTER, Verdict.WORSE) for one in verdicts]) < 0.1


def test_one_seed_has_no_interval_over_seeds() -> None:
    found = differences(**study_of(0.08, seeds=1))
    first = found[0].groups.all
    assert first.over_seeds is None
    assert (first.low, first.high) == (first.over_photos.low, first.over_photos.high)
    assert found[0].verdict is Verdict.BETTER


def test_values_are_means_over_seeds_of_differences_of_means_over_people() -> None:
    made = study_of(0.05, people=50)
    for one in differences(**made):
        found = one.groups.all
        for seed, value in enumerate(found.by_seed):
            firsts = made["scores"][one.minus]
            first, second = firsts[min(seed, len(firsts) - 1)], made["scores"][one.arm][seed]
            by_hand = sum(float(b) - float(a) for a, b in zip(first.share[:, 0], second.share[:, 0], strict=True)) / 50
            assert value == pytest.approx(by_hand)
        assert found.value == pytest.approx(sum(found.by_seed) / 3)


def test_the_interval_over_photos_is_that_of_photos_drawn_again() -> None:
    made = study_of(0.05, people=60)
    a, e = (np.mean([one.share[:, 0] for one in made["scores"][arm]], axis=0) for arm in ("none", "full"))
    rng = np.random.default_rng(1)
    by_photo = (e - a).reshape(30, 2)
    draws = [by_photo[rng.integers(0, 30, 30)].mean() for _ in range(10_000)]
    found = differences(**made)[0].groups.all.over_photos
    assert (found.low, found.high) == pytest.approx(tuple(np.quantile(draws, [0.025, 0.975])), abs=0.002)


def test_of_people_in_one_photo_nothing_is_concluded() -> None:
    made = study_of(0.05)
    made["photo_id"] = np.zeros_like(made["photo_id"])
    found = differences(**made)
    assert {one.verdict for one in found} == {Verdict.TOO_FEW_PHOTOS}
    assert all(one.groups == ByGroup(None, None, None) for one in found)


def test_arms_that_score_the_same_are_identical() -> None:
    made = study_of(0.0)
    made["scores"] = {name: made["scores"]["none"] for name in ("none", "full")}
    found = differences(**made)
    assert verdict_of(found) is Verdict.IDENTICAL


@pytest.mark.parametrize("pairing", ["seeds", "order", "none"])
@pytest.mark.parametrize("gain", [0.06, 0.0])
def test_runs_that_tie_show_no_spread_over_seeds(pairing: Pairing, gain: float) -> None:
    made = study_of(gain)
    made["scores"] = {name: [made["scores"][name][0]] * 2 for name in ("none", "full")}
    made["scores"]["full"] *= 1 if pairing != "none" else 2
    (found,) = differences(**made, pairing=pairing)
    one = found.groups.all
    assert (one.over_seeds, one.seed_error, one.is_tied) == (None, None, True)
    assert (one.low, one.high) == (one.over_photos.low, one.over_photos.high)
    assert one.low < gain < one.high and one.high - one.low > 0.01


def test_a_pair_that_ties_among_arms_that_vary_takes_the_error_of_all_arms() -> None:
    made = study_of(0.03, luck=0.02)
    made["scores"]["twin"] = [
        RunScores(ByGroup(one.pck.all + 0.01, None, one.pck.v2 + 0.01), one.share + [0.01, 0, 0.01], one.has)
        for one in made["scores"]["none"]
    ]
    found = {(one.arm, one.minus): one.groups.all for one in differences(**made)}
    twin, full = (found[arm, "none"] for arm in ("twin", "full"))
    assert (twin.seed_error.pooled, twin.seed_error.ratio) == (True, pytest.approx(0, abs=1e-12))
    assert not twin.is_tied and twin.over_seeds and twin.low < twin.over_photos.low
    assert full.seed_error.error > 0 and full.over_seeds


def test_all_wrong_against_all_right_is_better_and_no_certainty() -> None:
    def one(share: float) -> RunScores:
        filled = np.tile([share, 0, share], (20, 1))
        return RunScores(ByGroup(share, None, share), filled, np.tile([1.0, 0, 1], (20, 1)))

    arms = {"none": [one(0.0)] * 3, "full": [one(1.0)] * 3}
    (found,) = differences(arms, np.arange(20) // 2, margin=0.01)
    assert found.verdict is Verdict.BETTER
    assert 0.3 < found.groups.all.low < 0.5 and found.groups.all.high == 1
    assert 0.001 < found.p < 0.01, "a sign test of ten photos: 0.002"


def test_a_group_that_nobody_has_a_joint_of_has_no_difference() -> None:
    assert all(one.groups.v1 is None for one in differences(**study_of(0.0)))


def test_two_arms_of_which_none_answers_a_question_conclude_nothing() -> None:
    made = study_of(0.0)
    made["scores"] = {"baseline": made["scores"]["baseline"], "random": made["scores"]["random"]}
    assert verdict_of(differences(**made)) is Verdict.NOT_COMPARED


def test_the_unfair_comparison_is_never_the_conclusion() -> None:
    made = study_of(0.2)
    made["scores"] = {name: made["scores"][name] for name in ("baseline", "full")}
    (only,) = differences(**made)
    assert (only.arm, only.minus, only.fair, only.verdict) == ("full", "baseline", False, Verdict.BETTER)
    assert verdict_of([only]) is Verdict.NOT_COMPARED


def test_equal_arms_are_equivalent_within_a_wide_margin_and_a_gain_inside_it_is_still_a_gain() -> None:
    made = study_of(0.0, people=2000)
    (first, *_) = differences(**made | {"margin": 0.05})
    assert (first.verdict, first.within_margin, first.margin) == (Verdict.EQUIVALENT, True, 0.05)
    inner = first.groups.all.equivalence
    assert inner.low > -0.05 and inner.high < 0.05
    (first, *_) = differences(**study_of(0.03, people=4000) | {"margin": 0.08})
    assert (first.verdict, first.within_margin) == (Verdict.BETTER, True)
    (first, *_) = differences(**study_of(0.0, people=2000) | {"margin": 0.0001})
    assert first.verdict is Verdict.INCONCLUSIVE


def test_any_pair_may_be_primary_and_the_others_are_adjusted_for_their_number() -> None:
    found = differences(**study_of(0.03), primary=("random", "none"))
    assert [one.primary for one in found] == [True, *[False] * (len(found) - 1)]
    assert (found[0].arm, found[0].minus, found[0].p) == ("random", "none", found[0].p_adjusted)
    others = found[1:]
    assert {one.compared for one in others} == {len(others)}
    least = min(others, key=lambda one: one.p)
    assert least.p_adjusted == pytest.approx(min(1, least.p * len(others)))
    assert all(one.p_adjusted >= one.p for one in others)


@given(st.integers(0, 50), st.sets(st.sampled_from(["pca", "dropout", "wide"]), min_size=1))
@settings(max_examples=10, deadline=None)
def test_arms_that_were_added_change_nothing_that_is_said_of_planned_ones(rng_seed: int, names: set[str]) -> None:
    planned = study_of(0.02, people=100, luck=0.02, rng_seed=rng_seed)
    more = {name: study_of(0.0, people=100, luck=0.1, rng_seed=rng_seed + 1)["scores"]["full"] for name in names}
    alone = differences(**planned)
    with_more = differences(**planned | {"scores": planned["scores"] | more, "added": names})
    assert tuple(one for one in with_more if names.isdisjoint((one.arm, one.minus))) == alone
    later = [one for one in with_more if not names.isdisjoint((one.arm, one.minus))]
    assert later and {one.compared for one in later} == {len(later)}


def test_a_smaller_level_widens_the_intervals_and_none_leaves_no_verdict() -> None:
    wide, whole, spent = (differences(**study_of(0.06), alpha=alpha)[0] for alpha in (0.001, 0.05, 0.0))
    assert wide.groups.all.low < whole.groups.all.low < whole.groups.all.high < wide.groups.all.high
    assert (wide.alpha, wide.p) == (0.001, whole.p)
    assert spent.verdict is Verdict.ALPHA_SPENT and spent.groups == whole.groups


def test_arms_with_fewer_seeds_are_compared_on_the_seeds_that_they_have() -> None:
    made = study_of(0.05, seeds=4, luck=0.01)
    made["scores"]["random"] = made["scores"]["random"][:1]
    made["scores"]["wide"] = made["scores"]["full"][:2]
    found = {(one.arm, one.minus): one.groups.all for one in differences(**made)}
    assert [len(found[pair].by_seed) for pair in (("full", "none"), ("wide", "none"), ("full", "random"))] == [4, 2, 1]
    assert found["full", "random"].seed_error.ratio is None and found["full", "random"].seed_error.pooled
    assert found["none", "baseline"].seed_error.freedom == 3 and not found["none", "baseline"].seed_error.pooled


def test_of_under_ten_photos_there_are_intervals_and_no_verdict() -> None:
    for people, verdict in ((18, Verdict.TOO_FEW_PHOTOS), (20, Verdict.BETTER)):
        found = differences(**study_of(0.4, people=people))[0]
        assert found.verdict is verdict and found.groups.all is not None
        assert (found.p is None) == (verdict is Verdict.TOO_FEW_PHOTOS)


def test_new_arms_are_compared_with_none_and_augmented_ones_with_each_other() -> None:
    arms = ["baseline", "none", "full", "wide", "none+augment", "full+augment"]
    assert compared(arms, ("full", "none")) == (
        ("full", "none"),
        ("full+augment", "none+augment"),
        ("full", "wide"),
        ("wide", "none"),
        ("none+augment", "none"),
        ("full", "baseline"),
        ("none", "baseline"),
    )
    assert compared(["full"], ("full", "none")) == ()


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
    mean = mean_pck([ByGroup(0.2, None, 0.2), ByGroup(0.4, None, 0.3)])
    assert (mean.all, mean.v1, mean.v2) == (pytest.approx(0.3), None, pytest.approx(0.25))
