"""PCK against a loop over people and joints, and sums that no batching can change."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shgae.arrays import Ints
from shgae.metrics.pck import GROUPS, ByGroup, PCKCounts, count, tally

SEEDS = st.integers(0, 10_000)


def people(seed: int, n: int = 7, k: int = 4, size: int = 64) -> tuple[Ints, Ints, Ints]:
    """Predictions near the truth, so that hits and misses are both common."""
    numbers = np.random.default_rng(seed)
    truth = numbers.integers(0, size, (n, k, 2))
    return truth + numbers.integers(-4, 5, truth.shape), truth, numbers.integers(0, 3, (n, k))


def by_loops(predicted: Ints, truth: Ints, labelled: npt.NDArray[np.bool_], size: int) -> float | None:
    scores = []
    for person in range(len(truth)):
        hits = []
        for joint in range(truth.shape[1]):
            if labelled[person, joint]:
                distance = np.linalg.norm(predicted[person, joint] - truth[person, joint])
                hits.append(distance / (size / 10) < 0.5)
        if hits:
            scores.append(sum(hits) / len(hits))
    return sum(scores) / len(scores) if scores else None


@given(SEEDS, st.integers(0, 8), st.integers(1, 5), st.sampled_from([32, 64]))
def test_pck_is_the_mean_over_joints_then_people(seed: int, n: int, k: int, size: int) -> None:
    predicted, truth, visibility = people(seed, n, k, size)
    found = count(predicted, truth, visibility, size)
    groups = {"all": visibility > 0, "v1": visibility == 1, "v2": visibility == 2}
    for group, labelled in groups.items():
        wanted = by_loops(predicted, truth, labelled, size)
        score = found.pck()[group]
        assert score == (None if wanted is None else pytest.approx(wanted, abs=1e-12))
        for joint, table in enumerate(found.joints([f"j{joint}" for joint in range(k)]).values()):
            # People of whom only this joint is looked at: their mean is the share found.
            only = np.zeros_like(labelled)
            only[:, joint] = labelled[:, joint]
            wanted = by_loops(predicted, truth, only, size)
            assert table[group] == (None if wanted is None else pytest.approx(wanted, abs=1e-12))
        assert found.joint_labels[GROUPS.index(group)].tolist() == labelled.sum(0).tolist()


@given(SEEDS, st.integers(1, 7))
def test_neither_batches_nor_order_change_a_score(seed: int, batch: int) -> None:
    predicted, truth, visibility = people(seed)
    whole = count(predicted, truth, visibility, 64)
    order = np.random.default_rng(seed).permutation(len(truth))
    rows = [order[start : start + batch] for start in range(0, len(order), batch)]
    parts = [vars(count(predicted[row], truth[row], visibility[row], 64)) for row in rows]
    merged = PCKCounts(**{name: np.sum([one[name] for one in parts], axis=0) for name in parts[0]})
    assert merged.pck() == whole.pck()
    assert merged.joints("abcd") == whole.joints("abcd")


def test_the_truth_scores_one_in_every_group() -> None:
    _, truth, visibility = people(0)
    assert count(truth, truth, visibility, 64).pck() == ByGroup(1.0, 1.0, 1.0)


@pytest.mark.parametrize(
    ("size", "off", "score"), [(64, (3, 1), 1.0), (64, (3, 2), 0.0), (32, (1, 1), 1.0), (32, (2, 0), 0.0)]
)
def test_the_radius_is_a_twentieth_of_the_map(size: int, off: tuple[int, int], score: float) -> None:
    truth = np.array([[[9, 9]]])
    assert count(truth + off, truth, np.array([[2]]), size).pck()["all"] == score


def test_a_group_without_a_joint_has_no_score_and_nobody_has_none() -> None:
    truth = np.zeros((2, 1, 2), np.int64)
    found = count(truth, truth, np.array([[2], [0]]), 64)
    assert found.pck() == ByGroup(1.0, None, 1.0)
    assert found.joints(["nose"]) == {"nose": ByGroup(1.0, None, 1.0)}
    assert count(truth[:0], truth[:0], np.zeros((0, 1)), 64).pck() == ByGroup(None, None, None)


def test_a_person_counts_once_however_many_joints_it_has() -> None:
    truth = np.zeros((2, 3, 2), np.int64)
    predicted = truth.copy()
    predicted[0] += 30
    visibility = np.array([[2, 2, 2], [2, 0, 0]])
    assert count(predicted, truth, visibility, 64).pck()["all"] == 0.5


def test_unsigned_cells_do_not_wrap_around() -> None:
    low, high = np.zeros((1, 1, 2), np.uint8), np.ones((1, 1, 2), np.uint8)
    assert count(low, high, np.array([[2]], np.uint8), 64).pck()["all"] == 1.0


def test_one_of_one_and_eight_of_seventeen() -> None:
    correct, visibility = np.zeros((2, 17), bool), np.zeros((2, 17), np.int64)
    visibility[0, 0] = visibility[1] = 2
    correct[0, 0] = correct[1, :8] = True
    found = tally(correct, visibility)
    assert found.pck("person")["all"] == pytest.approx((1 + 8 / 17) / 2, abs=1e-12)  # 0.735
    assert found.pck("micro")["all"] == 0.5
    # Joint 0 is found in 2 of 2, joints 1 to 7 in 1 of 1, the other nine in 0 of 1.
    assert found.pck("joint")["all"] == pytest.approx(8 / 17, abs=1e-12)


@given(SEEDS, st.integers(0, 8), st.integers(1, 5))
def test_averaging_over_all_joints_at_once_and_over_joints(seed: int, n: int, k: int) -> None:
    predicted, truth, visibility = people(seed, n, k)
    found = count(predicted, truth, visibility, 64)
    hit = [[np.linalg.norm(predicted[i, j] - truth[i, j]) < 3.2 for j in range(k)] for i in range(n)]
    for group, levels in {"all": (1, 2), "v1": (1,), "v2": (2,)}.items():
        of_joint = [[hit[i][j] for i in range(n) if visibility[i, j] in levels] for j in range(k)]
        known = [sum(hits) / len(hits) for hits in of_joint if hits]
        pooled = [one for hits in of_joint for one in hits]
        micro, joint = found.pck("micro")[group], found.pck("joint")[group]
        assert micro == (pytest.approx(sum(pooled) / len(pooled), abs=1e-12) if pooled else None)
        assert joint == (pytest.approx(sum(known) / len(known), abs=1e-12) if known else None)
    assert found.counted == sum(any(row) for row in visibility.tolist())
