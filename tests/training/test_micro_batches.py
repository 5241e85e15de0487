"""A step in micro-batches: each row once, and gradients add up."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from shgae.data.datasets import in_chunks
from shgae.errors import Interrupted, Refused
from shgae.execution import Execution, ProcessGroup
from shgae.recipes import TrainConfig, as_json
from shgae.training.distributed import prepare, split_micro_batches
from shgae.training.seeding import epoch_order
from tests.builders.line import CONFIG, StopAfter, content, trained


class Rank(ProcessGroup):
    """One of several processes, without the others."""

    def __init__(self, rank: int, size: int) -> None:
        self.rank, self.size = rank, size


@given(
    samples=st.integers(1, 40),
    size=st.integers(1, 4),
    share=st.integers(1, 3),
    batch_size=st.integers(1, 17),
    shuffle=st.booleans(),
)
def test_of_all_processes_together_every_row_of_an_epoch_is_seen_once_and_in_order(
    samples: int, size: int, share: int, batch_size: int, shuffle: bool
) -> None:
    order = epoch_order(samples, epoch=3, seed=5, shuffle=shuffle)
    for micro_batches in (1, share * size):
        seen = []
        for rows in in_chunks(order, batch_size):
            of_ranks = [split_micro_batches(rows, micro_batches, Rank(rank, size)) for rank in range(size)]
            sizes = [len(part) for parts in of_ranks for part in parts]
            assert max(sizes) - min(sizes) <= 1 or min(sizes) == 0
            seen += [part for parts in of_ranks for part in parts]
        np.testing.assert_array_equal(np.concatenate(seen), order)


@given(rows=st.integers(1, 20), size=st.sampled_from([1, 2, 4]))
def test_the_same_micro_batches_go_through_the_network_however_many_processes_share_them(rows: int, size: int) -> None:
    alone = split_micro_batches(np.arange(rows), 4, ProcessGroup())
    shared = [part for rank in range(size) for part in split_micro_batches(np.arange(rows), 4, Rank(rank, size))]
    assert [part.tolist() for part in shared] == [part.tolist() for part in alone]
    assert len(split_micro_batches(np.arange(rows), 4, Rank(0, size))) > 0, (
        "the first process has the micro-batch of the statistics"
    )


def test_processes_that_normalise_together_take_part_in_a_step_too_small_for_them() -> None:
    assert [len(part) for rank in range(4) for part in split_micro_batches(np.arange(2), 1, Rank(rank, 4))] == [
        1,
        1,
        0,
        0,
    ]


@pytest.mark.parametrize(
    ("size", "batch_size", "micro_batches", "words"),
    [
        (1, 4, 5, "5 micro-batches of a step of 4 samples"),
        (5, 4, 1, "5 processes for a step of 4 samples"),
        (2, 4, 3, "3 micro-batches cannot be shared out evenly to 2 processes"),
        (4, 8, 2, "2 micro-batches cannot be shared out evenly to 4 processes"),
    ],
)
def test_what_does_not_share_out_is_refused(size: int, batch_size: int, micro_batches: int, words: str) -> None:
    config = dataclasses.replace(CONFIG, batch_size=batch_size, micro_batches=micro_batches)
    with pytest.raises(Refused, match=words):
        prepare(nn.Linear(1, 1), config, Rank(0, size))


def test_micro_batches_train_another_network_and_resume_exactly(tmp_path: Path) -> None:
    config = dataclasses.replace(CONFIG, batch_size=5)
    trained(tmp_path / "whole", Execution(), config=config)
    config = dataclasses.replace(config, micro_batches=2)
    trained(tmp_path / "cut", Execution(), config=config)
    with pytest.raises(Interrupted):
        trained(tmp_path / "torn", Execution(stop=StopAfter(3)), config=config)
    trained(tmp_path / "torn", Execution(resume=True), config=config)
    assert content(tmp_path / "cut") == content(tmp_path / "torn")
    assert content(tmp_path / "cut") != content(tmp_path / "whole")


def test_an_option_that_came_later_leaves_the_identity_of_earlier_runs_alone() -> None:
    assert "micro_batches" not in as_json(TrainConfig())
    assert as_json(TrainConfig(micro_batches=2))["micro_batches"] == 2
