"""Chance is a function of (seed, epoch, sample)."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from shgae.training.seeding import epoch_order, sample_noise

SMALL = st.integers(0, 1000)


@given(st.integers(1, 300), SMALL, SMALL)
def test_an_order_holds_every_row_once(samples: int, epoch: int, seed: int) -> None:
    order = epoch_order(samples, epoch=epoch, seed=seed, shuffle=True)
    assert sorted(order) == list(range(samples))


def test_orders_differ_between_epochs_and_seeds_and_repeat_themselves() -> None:
    orders = [tuple(epoch_order(50, epoch=e, seed=s, shuffle=True)) for e in range(4) for s in range(4)]
    assert len(set(orders)) == 16
    assert orders[0] == tuple(epoch_order(50, epoch=0, seed=0, shuffle=True))


def test_without_shuffling_rows_come_as_stored() -> None:
    assert list(epoch_order(5, epoch=3, seed=1, shuffle=False)) == [0, 1, 2, 3, 4]


@given(st.lists(st.integers(0, 200_000), min_size=1, max_size=6, unique=True), SMALL)
def test_a_rows_noise_does_not_depend_on_its_batch(rows: list[int], epoch: int) -> None:
    together = sample_noise(np.array(rows), (4, 2, 2), epoch=epoch, seed=7)
    for i, row in enumerate(rows):
        np.testing.assert_array_equal(together[i], sample_noise(np.array([row]), (4, 2, 2), epoch=epoch, seed=7)[0])


def test_noise_is_standard_normal_and_new_for_every_row_and_epoch() -> None:
    noise = sample_noise(np.arange(200), (16, 4, 4), epoch=0, seed=0)
    assert abs(noise.mean()) < 0.01
    assert abs(noise.std() - 1) < 0.01
    other = sample_noise(np.arange(200), (16, 4, 4), epoch=1, seed=0)
    assert abs(np.corrcoef(noise.ravel(), other.ravel())[0, 1]) < 0.02
    assert abs(np.corrcoef(noise[0].ravel(), noise[1].ravel())[0, 1]) < 0.3


@given(st.lists(st.integers(0, 200_000), min_size=1, max_size=4), SMALL, SMALL)
def test_a_rows_noise_is_philox_at_its_own_counter(rows: list[int], epoch: int, seed: int) -> None:
    noise = sample_noise(np.array(rows), (3, 3, 5), epoch=epoch, seed=seed)  # 45: the last pair of numbers is half used
    for own, row in zip(noise, rows, strict=True):
        stream = np.random.Generator(np.random.Philox(key=seed, counter=[0, 2, epoch, row]))
        np.testing.assert_array_equal(own, stream.standard_normal((3, 3, 5), dtype=np.float32))
