"""The bootstrap over photos: ratios against numpy's, and intervals that hold the truth of people who were made up."""

from __future__ import annotations

import itertools
import math

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shgae.arrays import Floats
from shgae.metrics.bootstrap import PairedBootstrap, photo_sums
from shgae.metrics.statistics import effective_number


def people(rng: np.random.Generator, photos: int, gain: float) -> tuple[Floats, Floats, npt.NDArray[np.int64]]:
    """Scores of two models on people, one to four in a photo; a photo is easy or hard for both models."""
    photo_id = np.repeat(np.arange(photos), rng.integers(1, 5, photos))
    ease = rng.normal(0, 1, photos)[photo_id]
    liking = rng.normal(0, 0.5, photos)[photo_id]  # what a photo does to one of the two models
    first = ease + rng.normal(0, 0.3, len(ease))
    second = ease + liking + gain + rng.normal(0, 0.3, len(ease))
    return first, second, photo_id


def difference_of(first: Floats, second: Floats, photo_id: npt.NDArray[np.int64], draws: int, seed: int = 0):
    both = np.stack([first, second], axis=1)
    found = PairedBootstrap(both, np.ones_like(both), photo_id, resamples=draws, seed=seed).difference((0,), (1,))
    assert found is not None
    return found


def test_the_interval_holds_the_true_difference_about_95_times_in_100() -> None:
    rng = np.random.default_rng(0)
    held = 0
    for trial in range(300):
        found = difference_of(*people(rng, photos=60, gain=0.2), draws=300, seed=trial)
        held += found.low <= 0.2 <= found.high
    assert 0.90 <= held / 300 <= 0.985  # binomial: three standard errors around 0.94


def test_drawing_people_instead_of_photos_would_promise_too_much() -> None:
    rng = np.random.default_rng(1)
    first, second, photo_id = people(rng, photos=300, gain=0.0)
    by_photo = difference_of(first, second, photo_id, draws=500)
    by_person = difference_of(first, second, np.arange(len(first)), draws=500)
    assert by_photo.standard_error > 1.25 * by_person.standard_error


def test_what_both_models_share_cancels_out() -> None:
    rng = np.random.default_rng(2)
    first, second, photo_id = people(rng, photos=200, gain=0.3)
    paired = difference_of(first, second, photo_id, draws=500)
    apart = np.hypot(first.std(), second.std()) / math.sqrt(200)
    assert paired.standard_error < 0.6 * apart
    assert paired.excludes_zero
    assert paired.value == pytest.approx(second.mean() - first.mean())


def test_equal_models_differ_by_nothing_at_all() -> None:
    scores = np.random.default_rng(3).random(50)
    found = difference_of(scores, scores, np.arange(50) // 2, draws=100)
    assert (found.value, found.low, found.high) == (0, 0, 0)
    assert not found.excludes_zero


def test_draws_go_by_the_seed_and_not_by_the_portions(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(4)
    values = rng.random((30, 2, 3))

    def resampled(seed: int) -> Floats:
        return PairedBootstrap(values, np.ones_like(values), np.arange(30), resamples=50, seed=seed).resampled((1, 2))

    whole = resampled(1)
    assert not np.array_equal(whole, resampled(2))
    monkeypatch.setattr("shgae.metrics.bootstrap._CELLS_AT_ONCE", 7 * 30)
    np.testing.assert_allclose(resampled(1), whole, rtol=1e-12)


def test_a_draw_with_nothing_to_divide_by_is_no_number_and_too_many_are_an_error() -> None:
    rare = np.zeros((4, 1))
    rare[0] = 1
    found = PairedBootstrap(rare, rare, np.arange(4), resamples=400)
    resampled = found.resampled((0,))
    assert 0.2 < np.isnan(resampled).mean() < 0.45  # (3/4)^4 = 0.32
    assert found.interval((0,)) is None, "one photo has it, so nothing was resampled"
    none = found.combined(lambda one: one * np.nan, (0,))
    assert none is None


def test_resamples_are_shared_by_all_quantities_whatever_their_shape() -> None:
    rng = np.random.default_rng(8)
    photo_id, values, counts = rng.integers(0, 20, 50), rng.random((50, 2, 3)), rng.integers(0, 3, (50, 2, 3))
    found = PairedBootstrap(values, counts, photo_id, resamples=80, seed=3)
    photos = np.unique(photo_id)
    drawn = np.random.Generator(np.random.Philox(3)).integers(0, len(photos), (80, len(photos)), dtype=np.int32)
    for quantity in itertools.product(range(2), range(3)):
        above = np.array([values[photo_id == photo].sum(0)[quantity] for photo in photos])
        below = np.array([counts[photo_id == photo].sum(0)[quantity] for photo in photos])
        np.testing.assert_allclose(found.resampled(quantity), above[drawn].sum(1) / below[drawn].sum(1))
        assert found.value(quantity) == pytest.approx(above.sum() / below.sum())
        assert found.photos_of(quantity) == (below > 0).sum()


def test_without_people_or_with_one_photo_there_is_no_interval() -> None:
    nobody = PairedBootstrap(np.zeros((0, 2)), np.zeros((0, 2)), np.zeros(0, np.int64))
    assert (nobody.value((0,)), nobody.interval((0,)), nobody.difference((0,), (1,))) == (None, None, None)
    alone = PairedBootstrap(np.ones((3, 2)), np.ones((3, 2)), np.zeros(3, np.int64), resamples=20)
    assert (alone.value((0,)), alone.interval((0,)), alone.photos) == (1.0, None, 1)
    with pytest.raises(ValueError, match="denominators"):
        PairedBootstrap(np.ones((3, 2)), np.ones((3, 1)), np.zeros(3, np.int64))


def test_photos_on_which_two_models_agree_do_not_count_as_witnesses() -> None:
    first = np.zeros(150)
    second = first.copy()
    second[:5] = 1  # five photos of 150, all for the second: in a sign test p is 1 / 16
    both = np.stack([first, second], axis=1)
    found = PairedBootstrap(both, np.ones_like(both), np.arange(150)).estimate((0,), (1,))
    assert found is not None and (found.photos, found.informative) == (150, 5)
    assert found.interval().low < 0 and 0.05 < found.p() < 0.1
    assert np.quantile(found.drawn, 0.025) > 0, "as percentiles would have said"


@pytest.mark.parametrize("photos", [5, 10, 80])
@pytest.mark.parametrize("gain", [1.0, 1 / 3, -0.25])
def test_the_same_difference_on_every_photo_is_no_certainty(photos: int, gain: float) -> None:
    """All wrong and all right, say: resamples do not vary, and their interval would be a point."""
    scores = np.stack([np.full(photos, max(-gain, 0.0)), np.full(photos, max(gain, 0.0))], axis=1)
    found = PairedBootstrap(scores, np.ones_like(scores), np.arange(photos), resamples=50).estimate((0,), (1,))
    assert found is not None
    low, high = found.ends()
    sign_test = 2 * 0.5**photos
    assert (low <= 0 <= high) == (found.p() >= 0.05) == (sign_test >= 0.05)
    assert found.p() > 0 and -1 <= low < high <= 1
    by_the_bound = 2 * (1 - 0.025 ** (1 / photos)) * abs(gain)
    assert abs(gain) - min(abs(low), abs(high)) == pytest.approx(by_the_bound) or low <= 0 <= high


def test_what_rounding_makes_of_equal_photos_is_no_difference() -> None:
    """0.1 + 0.2 + 0.3 and 0.3 + 0.2 + 0.1 are not the same number."""
    first, second = np.tile([0.1, 0.2, 0.3], 12), np.tile([0.3, 0.2, 0.1], 12)
    both = np.stack([first, second], axis=1)
    found = PairedBootstrap(both, np.ones_like(both), np.repeat(np.arange(12), 3), resamples=50).estimate((0,), (1,))
    assert found is not None
    assert (found.value, found.ends(), found.informative, found.p()) == (0, (0, 0), 0, 1)


def test_an_interval_of_a_difference_of_shares_ends_where_such_differences_end() -> None:
    scores = np.zeros((4, 2))
    scores[:, 1] = (1, 1, 1, 0)
    paired = PairedBootstrap(scores, np.ones_like(scores), np.arange(4), resamples=200)
    found = paired.difference((0,), (1,))
    assert found is not None and found.low > -1 and found.high == 1
    losses = PairedBootstrap(9 * scores, np.ones_like(scores), np.arange(4), resamples=200).difference((0,), (1,))
    assert losses is not None and losses.high > 9


def test_a_share_near_a_boundary_has_a_score_interval_that_holds_it() -> None:
    """Of 40 photos with a share of 98 %, in 400 trials: percentiles hold it in about 3 of 4."""
    rng = np.random.default_rng(2)
    held, by_percentile = 0, 0
    for trial in range(400):
        hits = rng.binomial(10, rng.beta(0.98 * 4, 0.02 * 4, 40))[:, None] / 10
        paired = PairedBootstrap(hits, np.ones_like(hits), np.arange(40), resamples=200, seed=trial)
        found = paired.share((0,))
        assert found is not None and 0 <= found.low <= found.value <= found.high <= 1
        held += found.low <= 0.98 <= found.high
        low, high = np.quantile(paired.resampled((0,)), [0.025, 0.975])
        by_percentile += low <= 0.98 <= high
    assert held >= 370 and by_percentile < 340


@pytest.mark.parametrize("share", [0.0, 0.5, 1.0])
def test_the_same_share_on_every_photo_is_no_certainty(share: float) -> None:
    found = PairedBootstrap(np.full((60, 1), share), np.ones((60, 1)), np.arange(60) // 2, resamples=50).share((0,))
    n, z = 30, 2.045230  # photos, and t(0.975, 29); by Wilson's formula
    half = z * np.sqrt(share * (1 - share) * n + z**2 / 4) / (n + z**2)
    assert found is not None and found.value == share
    assert (found.low + found.high) / 2 == pytest.approx((share * n + z**2 / 2) / (n + z**2), rel=1e-5)
    assert (found.high - found.low) / 2 == pytest.approx(half, rel=1e-5)


def test_people_of_one_photo_are_no_more_witnesses_of_a_share_of_all_than_the_photo_is() -> None:
    """Of 20 photos with 30 people each one in 30 goes wrong as a whole: often none does."""
    rng, photo_id, held = np.random.default_rng(6), np.arange(600) // 30, 0
    for trial in range(100):
        hits = (rng.random(20) > 1 / 30)[photo_id, None].astype(float)
        found = PairedBootstrap(hits, np.ones_like(hits), photo_id, resamples=100, seed=trial).share((0,))
        assert found is not None
        held += found.low <= 29 / 30 <= found.high
    assert held >= 90, "people taken for independent hold it in 44"


def test_a_few_crowds_among_many_single_people_are_few_photos() -> None:
    """5 photos of 60 people and 55 of one, and two models that are equally good on each photo on average."""
    photo_id = np.repeat(np.arange(60), [60] * 5 + [1] * 55)
    rng, differ = np.random.default_rng(7), 0
    for trial in range(200):
        by_photo = rng.normal(0, 0.1, 60)[photo_id]
        gains = (by_photo + rng.normal(0, 0.1, len(photo_id)))[:, None]
        found = PairedBootstrap(gains, np.ones_like(gains), photo_id, resamples=200, seed=trial).gain((0,))
        assert found is not None and found.informative == 60
        differ += found.interval().excludes_zero
    assert differ <= 14, "counted as 60 photos they differ in 19"


def test_a_kind_of_error_that_nobody_shows_is_a_finding_of_people_and_not_of_their_joints() -> None:
    """All 12 joints of one person in a hundred are on somebody else; of 150 people often nobody is such a one."""
    rng, joints = np.random.default_rng(4), np.full((150, 1), 12.0)
    held = 0
    for trial in range(200):
        swapped = (rng.random(150) < 0.01)[:, None] * joints
        found = PairedBootstrap(swapped, joints, np.arange(150), resamples=100, seed=trial).share((0,))
        assert found is not None
        held += found.low <= 0.01 <= found.high
    assert held >= 184, "joints taken for independent hold it in 137"


def test_a_share_far_from_the_boundary_keeps_its_percentiles() -> None:
    hits = np.random.default_rng(3).random((150, 1))
    paired = PairedBootstrap(hits, np.ones_like(hits), np.arange(150), resamples=300)
    assert paired.share((0,)) == paired.interval((0,))


@given(st.integers(2, 60), st.integers(0, 2**16))
def test_a_ratio_of_what_is_not_negative_has_no_negative_end_and_another_may(photos: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    above, below = rng.exponential(size=(photos, 1)) ** 4, np.ones((photos, 1))
    found = PairedBootstrap(above, below, np.arange(photos), resamples=200).interval((0,))
    assert found is not None and 0 <= found.low <= found.value <= found.high
    mirrored = PairedBootstrap(-above, below, np.arange(photos), resamples=200).interval((0,))
    assert mirrored is not None and mirrored.low < 0


def made(above: Floats, below: Floats, photo_id: npt.NDArray[np.int64] | None = None) -> PairedBootstrap:
    return PairedBootstrap(above, below, np.arange(len(above)) if photo_id is None else photo_id, resamples=60)


@given(st.lists(st.tuples(st.integers(-3, 3), st.integers(-9, 9), st.integers(-9, 9)), max_size=20))
def test_the_people_of_a_photo_are_added_up_and_photos_stand_in_the_order_of_their_ids(
    people: list[tuple[int, int, int]],
) -> None:
    sums: dict[int, list[int]] = {}
    for photo, one, other in people:
        so_far = sums.setdefault(photo, [0, 0])
        sums[photo] = [so_far[0] + one, so_far[1] + other]
    values = np.array([person[1:] for person in people]).reshape(-1, 2)
    found = photo_sums(values, np.array([person[0] for person in people], np.int64))
    assert found.dtype == np.float64
    assert found.tolist() == [sums[photo] for photo in sorted(sums)]


@pytest.mark.parametrize("counted", [0, 1, 2, 3])
def test_photos_with_nothing_to_divide_by_are_no_photos_of_a_quantity(counted: int) -> None:
    below = np.zeros((6, 2))
    below[:counted, 0], below[:, 1] = 2, 1
    found = made(below / 2, below)
    assert (found.photos, found.photos_of((0,)), found.photos_of((1,))) == (6, counted, 6)
    assert found.effective((0,)) == counted
    assert (found.value((0,)) is None) == (counted == 0)
    assert found.has_interval((0,), (1,)) == found.has_interval((1,), (0,)) == (counted >= 2)
    assert (found.interval((0,)) is None) == (found.share((0,)) is None) == (counted < 2)
    assert (found.estimate((0,), (1,)) is None) == (found.estimate((1,), (0,)) is None) == (counted < 2)
    assert (found.gain((0,)) is None) == (found.difference((0,), (1,)) is None) == (counted < 2)


def test_an_interval_wants_a_number_in_half_of_the_resamples() -> None:
    found = PairedBootstrap(np.ones((3, 1)), np.ones((3, 1)), np.arange(3), resamples=4)
    for lost, wanted in ((2, True), (3, False)):
        lacking = np.where(np.arange(4) < lost, np.nan, 1.0)
        got = found.combined(lambda one, lacking=lacking: one * lacking if np.ndim(one) else one, (0,))
        assert (got is not None) is wanted
        assert got is None or len(got.drawn) == 4 - lost


def test_a_function_of_two_ratios_has_the_photos_and_the_evenness_of_the_poorer_one() -> None:
    below = np.ones((8, 2))
    below[4:, 1] = 0
    below[:4, 1] = (1, 1, 1, 5)
    found = PairedBootstrap(np.arange(16.0).reshape(8, 2), below, np.arange(8), resamples=9)
    got = found.combined(lambda one, other: 2 * one - other, (0,), (1,))
    assert got is not None
    one, other = found.value((0,)), found.value((1,))
    assert one is not None and other is not None
    assert got.value == 2 * one - other
    np.testing.assert_array_equal(got.drawn, 2 * found.resampled((0,)) - found.resampled((1,)))
    assert (got.photos, got.informative, got.evenness) == (4, 4, found.effective((1,)) / 4)
    assert found.effective((1,)) == pytest.approx(8**2 / 28)


def test_a_difference_is_the_second_ratio_less_the_first_and_counts_the_photos_where_they_differ() -> None:
    """Photos of 1, 2, 3 and 6 people; the models differ on the last two."""
    photo_id = np.repeat(np.arange(4), [1, 2, 3, 6])
    hits = np.ones((12, 2))
    hits[(3, 6, 7), (0, 0, 0)] = 0
    found = made(hits, np.ones_like(hits), photo_id)
    got, back = found.estimate((0,), (1,)), found.estimate((1,), (0,))
    assert got is not None and back is not None
    assert got.value == pytest.approx(3 / 12) and back.value == -got.value
    np.testing.assert_array_equal(got.drawn, -back.drawn)
    np.testing.assert_array_equal(got.drawn, found.resampled((1,)) - found.resampled((0,)))
    assert (got.photos, got.informative, got.of_shares) == (4, 2, True)
    assert got.evenness == pytest.approx(effective_number(np.array([3.0, 6.0])) / 2)
    by_person = made(np.diff(hits, axis=1), np.ones((12, 1)), photo_id).gain((0,))
    assert by_person is not None
    assert (by_person.value, by_person.informative, by_person.evenness) == (got.value, 2, got.evenness)
    np.testing.assert_allclose(by_person.drawn, got.drawn)


@pytest.mark.parametrize(("least", "most", "shares"), [(0, 1, True), (0, 1.5, False), (-0.5, 1, False)])
def test_a_difference_is_one_of_shares_where_every_photo_has_a_share(least: float, most: float, shares: bool) -> None:
    scores = np.full((5, 2), 0.5)
    scores[0], scores[1] = (least, 0.4), (0.4, most)
    for first, second in (((0,), (1,)), ((1,), (0,))):
        found = made(scores, np.ones_like(scores)).estimate(first, second)
        assert found is not None and found.of_shares is shares
    gained = made(scores[:, :1] - scores[:, 1:], np.ones((5, 1))).gain((0,))
    assert gained is not None and gained.of_shares is (most <= 1.4)


def test_a_share_in_the_middle_ends_where_shares_end() -> None:
    """Of 3 photos Student's interval of a half reaches below 0 and above 1."""
    hits = np.array([[0.0], [0.5], [1.0]])
    paired = made(hits, np.ones_like(hits))
    plain, found = paired.combined(lambda one: one, (0,)), paired.share((0,))
    assert plain is not None and found is not None
    assert plain.ends()[0] < 0 and plain.ends()[1] > 1
    assert (found.value, found.low, found.high) == (0.5, 0, 1)
    assert found.standard_error == plain.interval().standard_error > 0


@pytest.mark.parametrize(("resamples", "finite", "wanted"), [(2, 1, True), (3, 1, False), (3, 2, True)])
def test_half_of_the_resamples_of_a_rare_quantity_are_enough(resamples: int, finite: int, wanted: bool) -> None:
    rare = (np.arange(12) < 2).astype(float)[:, None]
    each = (PairedBootstrap(rare, rare, np.arange(12), resamples=resamples, seed=seed) for seed in range(500))
    found = next(one for one in each if np.isfinite(one.resampled((0,))).sum() == finite)
    assert found.has_interval((0,)) is wanted


@pytest.mark.parametrize("whole", [0.0, 1.0])
def test_what_rounding_makes_of_all_or_none_is_no_spread(whole: float) -> None:
    above = np.array([[whole + 2e-16], [whole - 2e-16], [whole], [whole]])
    found = PairedBootstrap(above, np.ones((4, 1)), np.arange(4), resamples=50).share((0,))
    plain = PairedBootstrap(np.full((4, 1), whole), np.ones((4, 1)), np.arange(4), resamples=50).share((0,))
    assert found is not None and plain is not None
    assert (found.low, found.high) == pytest.approx((plain.low, plain.high))
