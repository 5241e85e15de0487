"""What is lost and given back, against loops over people and photos."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from shgae.analysis.effects import Measure, ReplacementEffects, Tally, Truth, Undefined, no_cost
from shgae.data.heatmaps import loss_counts
from shgae.metrics import pck
from shgae.metrics.statistics import Interval
from shgae.training.objectives import heatmap_errors
from tests.builders.tallies import JOINTS, SIZE, tally_of, truth_of


@given(st.integers(0, 1000), st.integers(1, 9), st.integers(1, 4), st.sampled_from(["masked", "empty"]))
def test_a_tally_is_what_a_loop_over_people_counts_however_they_come(
    seed: int, people: int, batch: int, unlabelled: str
) -> None:
    numbers = torch.Generator().manual_seed(seed)
    maps, untouched, targets = torch.rand(3, people, JOINTS, 8, 8, generator=numbers)
    visibility = torch.randint(0, 3, (people, JOINTS), generator=numbers, dtype=torch.uint8)
    found = Tally(people, JOINTS)
    for rows in np.array_split(np.random.default_rng(seed).permutation(people), -(-people // batch)):
        counts = loss_counts(visibility[rows], unlabelled).numpy()
        found.add(rows, maps[rows], untouched[rows], targets[rows], counts)
    for i in range(people):
        square, cells = heatmap_errors(maps[i][None, None], targets[i][None], visibility[i][None], unlabelled)
        assert found.error[i] == pytest.approx(square.item(), rel=1e-5, abs=1e-12)
        assert found.counted[i] == cells.item()
        assert found.distance[i] == pytest.approx(((maps[i] - untouched[i]) ** 2).sum().item(), rel=1e-5)
        for k in range(JOINTS):
            y, x = np.unravel_index(maps[i, k].argmax().item(), (8, 8))
            assert found.cells[i, k].tolist() == [x, y]


@given(st.integers(0, 1000), st.integers(1, 12))
def test_peoples_shares_give_the_studys_pck(seed: int, people: int) -> None:
    numbers = np.random.default_rng(seed)
    truth = truth_of(people, numbers)
    cells = numbers.integers(0, SIZE, truth.cells.shape)
    shares, has = pck.person_shares(pck.hits(cells, truth.cells, truth.size), truth.visibility)
    whole = pck.count(cells, truth.cells, truth.visibility, SIZE).pck()
    for i, group in enumerate(pck.GROUPS):
        expected = whole[group]
        assert has[:, i].any() == (expected is not None)
        if expected is not None:
            assert shares[:, i].sum() / has[:, i].sum() == pytest.approx(expected)


@settings(max_examples=25)
@given(st.integers(0, 200))
def test_a_recovered_share_is_the_ratio_of_means_of_the_raw_triple(seed: int) -> None:
    numbers = np.random.default_rng(seed)
    truth = truth_of(300, numbers, photos=200)
    tallies = {
        name: tally_of(truth, numbers, hit, 5 - 5 * hit) for name, hit in (("id", 0.9), ("ae", 0.6), ("zero", 0.1))
    }
    side = ReplacementEffects(tallies, truth, resamples=300)
    scores = {n: pck.count(t.cells, truth.cells, truth.visibility, SIZE).pck()["all"] for n, t in tallies.items()}
    found = side.recovered("ae", "zero", "pck")
    assert (found.untouched, found.replaced, found.without) == pytest.approx(
        tuple(scores[n] for n in ("id", "ae", "zero"))
    )
    assert found.share is not None
    expected = (scores["ae"] - scores["zero"]) / (scores["id"] - scores["zero"])
    assert found.share.value == pytest.approx(expected)
    assert found.share.low < expected < found.share.high
    loss = {name: tally.error.sum() / tally.counted.sum() for name, tally in tallies.items()}
    by_loss = side.recovered("ae", "zero", "loss").share
    assert by_loss is not None
    assert by_loss.value == pytest.approx((loss["zero"] - loss["ae"]) / (loss["zero"] - loss["id"]))


def test_faithfulness_is_one_minus_the_ratio_of_distances() -> None:
    numbers = np.random.default_rng(1)
    truth = truth_of(50, numbers)
    tallies = {name: tally_of(truth, numbers, 0.5, reach) for name, reach in (("id", 0.0), ("ae", 1.0), ("mean", 4.0))}
    found = ReplacementEffects(tallies, truth, resamples=200).recovered("ae", "mean", "maps")
    expected = 1 - tallies["ae"].distance.mean() / tallies["mean"].distance.mean()
    assert found.share is not None and found.share.value == pytest.approx(expected)


@pytest.mark.parametrize("regained", [2, 3, 4, 5, 6, 12])
def test_a_share_is_recovered_only_where_the_difference_to_the_baseline_is_sure(regained: int) -> None:
    """The baseline loses 60 of 200 joints, a photo each; a few of them come back."""
    cells = np.full((200, 1, 2), 10)
    truth = Truth(cells, np.full((200, 1), 2), np.arange(200), SIZE)
    tallies = {name: Tally(200, 1) for name in ("id", "ae", "mean")}
    for name, lost in (("id", 0), ("ae", 60 - regained), ("mean", 60)):
        tallies[name].cells[:] = cells + 20 * (np.arange(200) < lost)[:, None, None]
    side = ReplacementEffects(tallies, truth, resamples=500)
    share, ahead = side.recovered("ae", "mean", "pck").share, side.difference("ae", "mean")
    assert share is not None and ahead is not None
    assert share.value == pytest.approx(regained / 60)
    assert (share.low > 0) == (ahead.low > 0)


def test_a_cost_within_noise_makes_the_share_undefined_and_says_why() -> None:
    numbers = np.random.default_rng(2)
    truth = truth_of(40, numbers)
    tallies = {name: tally_of(truth, numbers, 0.5) for name in ("id", "ae", "zero")}
    found = ReplacementEffects(tallies, truth, resamples=500).recovered("ae", "zero", "pck")
    assert found.share is None
    assert found.undefined is Undefined.NO_COST
    assert None not in (found.untouched, found.replaced, found.without)


@pytest.mark.parametrize("measure", ["pck", "loss", "maps"])
def test_a_baseline_that_does_better_than_the_bottleneck_gives_no_share(measure: Measure) -> None:
    lead = Interval(-0.2, -0.25, -0.15, 0.02) if measure == "pck" else Interval(0.2, 0.15, 0.25, 0.02)
    assert no_cost(lead, measure) is Undefined.BASELINE_BETTER
    assert no_cost(Interval(-lead.value, -lead.high, -lead.low, 0.02), measure) is None


def test_a_cost_within_its_noise_is_none() -> None:
    assert no_cost(Interval(-0.006, -0.02, 0.01, 0.008), "pck") is Undefined.NO_COST
    few = Interval(0.022, -0.001, 0.045, 0.01)  # 2.2 standard errors, over ten photos
    assert no_cost(few, "pck") is no_cost(Interval(-0.022, -0.045, 0.001, 0.01), "pck") is Undefined.NO_COST


def test_a_baseline_that_costs_nothing_at_all_is_undefined_too() -> None:
    truth = truth_of(40, np.random.default_rng(3))
    one = tally_of(truth, np.random.default_rng(4), 0.5)
    found = ReplacementEffects({"id": one, "ae": one, "zero": one}, truth, resamples=50).recovered("ae", "zero", "pck")
    assert found.share is None


def test_intervals_of_a_simulated_share_hold_the_true_one_as_often_as_they_say() -> None:
    inside = 0
    for seed in range(60):
        numbers = np.random.default_rng(seed)
        truth = truth_of(150, numbers)
        truth = replace(truth, visibility=np.full_like(truth.visibility, 2))
        tallies = {n: tally_of(truth, numbers, hit) for n, hit in (("id", 0.8), ("ae", 0.6), ("zero", 0.3))}
        share = ReplacementEffects(tallies, truth, resamples=400, seed=seed).recovered("ae", "zero", "pck").share
        assert share is not None
        inside += share.low <= 0.6 <= share.high
    assert inside >= 52  # 57 of 60 expected; fewer than 52 has a chance of one in a hundred


def test_the_effect_counts_how_far_peaks_moved_in_cells() -> None:
    truth = truth_of(5, np.random.default_rng(5))
    tallies = {name: Tally(5, JOINTS) for name in ("id", "ae")}
    tallies["ae"].cells[:, :2] = (3, 4)
    tallies["ae"].cells[0, 2] = (0, 1)  # SIZE / 20 = 0.8 of a cell
    effect = ReplacementEffects(tallies, truth, resamples=50).effect("ae")
    assert effect.moved_share == 11 / 20
    assert effect.moved_median == 3.0  # nine stayed, one moved by 1, ten by 5
    assert effect.moved_p95 == 5.0


def test_people_without_a_joint_count_nowhere_and_one_photo_says_nothing() -> None:
    numbers = np.random.default_rng(6)
    truth = truth_of(30, numbers)
    nobody = replace(truth, visibility=np.zeros_like(truth.visibility))
    tallies = {name: tally_of(truth, numbers, 0.5) for name in ("id", "ae")}
    assert ReplacementEffects(tallies, nobody, resamples=20).effect("ae").pck_lost is None
    alone = replace(truth, photo_id=np.zeros(30, np.int64))
    assert ReplacementEffects(tallies, alone, resamples=20).effect("ae").pck_lost is None


def test_a_map_of_nan_is_an_error() -> None:
    maps = torch.full((1, JOINTS, 8, 8), torch.nan)
    with pytest.raises(ValueError, match="NaN"):
        Tally(1, JOINTS).add(np.arange(1), maps, maps, maps, np.ones((1, JOINTS), bool))
