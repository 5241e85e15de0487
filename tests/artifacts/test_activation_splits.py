"""Activations by split: their tensors, their mean, and the people they are of, wherever the data lies now."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shgae.artifacts.activation_splits import ActivationSplits, SplitActivations, open_splits, origin_of
from shgae.artifacts.crops import PEOPLE
from shgae.artifacts.store import Artifact
from shgae.errors import Refused
from tests.builders.artefacts import make
from tests.builders.small_activations import SHAPE, bottlenecks, extracted, prepared

IDS = {"train": (7, 3, 5, 1, 9, 8, 2), "val": (), "test": (20, 10, 40)}
HELD = {"test": 3, "train": 5, "val": 0}
"""Not in the order of splits; of the training split the first five were extracted."""


@dataclass(frozen=True)
class Made:
    data: Artifact
    last: Artifact
    """In the form that numbered no stacks."""
    one: Artifact
    """Of stack 1 of a network."""
    several: Artifact
    """Of stacks 0, 2 and 5."""


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    root = tmp_path_factory.mktemp("activations")
    data = prepared(root / "data", IDS)
    stacks = {"last": None, "one": (1,), "several": (0, 2, 5)}
    return Made(data, **{name: extracted(root / name, data, HELD, stack) for name, stack in stacks.items()})


@pytest.fixture(scope="module")
def train(made: Made) -> SplitActivations:
    return open_splits(made.last.path)["train"]


def of(made: Artifact, stack: int | None = None, data: Path | None = None) -> ActivationSplits:
    return open_splits(made.path, stack, data)


def test_the_splits_are_those_that_hold_anybody_in_the_order_of_splits(made: Made) -> None:
    splits = of(made.last)
    assert list(splits) == ["train", "test"] and len(splits) == 2
    assert "test" in splits and "val" not in splits and "training" not in splits
    assert splits["test"] is splits["test"] and splits["test"].split == "test"
    for name in ("val", "training"):
        with pytest.raises(Refused, match=f"split '{name}' in .*: it has train and test") as caught:
            splits[name]
        assert isinstance(caught.value, KeyError) and splits.get(name) is None


def test_a_split_knows_its_shape_its_tensors_and_their_mean(made: Made) -> None:
    splits = of(made.last)
    assert splits.shape == SHAPE and (splits.artifact.id, splits.artifact.path) == (made.last.id, made.last.path)
    for split, people in (("train", 5), ("test", 3)):
        one, drawn = splits[split], bottlenecks(split, people)
        assert len(one) == people and one.shape == (people, *SHAPE)
        assert one.read().dtype == np.float32 and np.array_equal(one.read(), drawn)
        assert one.mean.shape == SHAPE and np.allclose(one.mean, drawn.astype(np.float64).mean(0), rtol=1e-12)


@given(
    st.one_of(
        st.slices(5),
        st.lists(st.integers(-5, 4)).map(lambda rows: np.array(rows, np.int64)),
        st.lists(st.booleans(), min_size=5, max_size=5).map(np.array),
    )
)
def test_rows_are_chosen_as_numpy_chooses_them(train: SplitActivations, rows: Any) -> None:
    assert np.array_equal(train.read(rows), bottlenecks("train", 5)[rows])


@pytest.mark.parametrize("row", [0, 4, -1, -5])
def test_a_number_is_one_row(train: SplitActivations, row: int) -> None:
    assert np.array_equal(train.read(row), bottlenecks("train", 5)[[row]])


@pytest.mark.parametrize("rows", [5, -6, [0, 5], [True] * 4])
def test_a_row_that_is_not_there_is_an_error(train: SplitActivations, rows: Any) -> None:
    with pytest.raises(IndexError):
        train.read(rows)


@pytest.mark.parametrize(("wanted", "stack"), [(None, 5), (0, 0), (2, 2), (5, 5), (-1, 5), (-3, 0)])
def test_of_several_stacks_one_is_opened_by_its_number_or_the_last(made: Made, wanted: int | None, stack: int) -> None:
    splits = of(made.several, wanted)
    assert splits.stack == stack
    assert np.array_equal(splits["test"].read(), bottlenecks("test", 3, stack))


@pytest.mark.parametrize("stack", [1, 3, 6, -4])
def test_a_stack_that_they_do_not_hold_is_refused(made: Made, stack: int) -> None:
    with pytest.raises(Refused) as caught:
        of(made.several, stack)
    assert (caught.value.what, caught.value.where, caught.value.fix) == (
        f"stack {stack}",
        str(made.several.path),
        "stack=5",
    )


def test_the_origin_names_the_stack_where_there_are_several(made: Made) -> None:
    assert of(made.last).origin == made.last.id and of(made.last).stack == -1
    assert of(made.one).origin == made.one.id and of(made.one).stack == 1
    assert {of(made.several, stack).origin for stack in (0, 2, 5)} == {
        f"{made.several.id}/stack-{stack}" for stack in (0, 2, 5)
    }
    assert origin_of(made.several, 2) == of(made.several, 2).origin


def test_people_are_the_first_ones_of_the_data(made: Made) -> None:
    for stacks in (made.last, made.several):
        splits = of(stacks)
        assert splits["train"].annotation_id.tolist() == [7, 3, 5, 1, 9]
        assert splits["train"].photo_id.tolist() == [100, 100, 101, 101, 102]
        assert splits["test"].annotation_id.tolist() == [20, 10, 40]
    assert of(made.last).data(PEOPLE.format(split="train")).id == made.data.id


def moved(made: Made, folder: Path) -> tuple[Artifact, Path]:
    """Activations, and where the data that they were made from went."""
    data = prepared(folder / "data", IDS)
    activations = extracted(folder / "activations", data, HELD)
    assert data.id == made.data.id
    return activations, data.path.rename(folder / "elsewhere")


def test_data_that_was_moved_is_found_where_one_says_and_only_for_people(made: Made, tmp_path: Path) -> None:
    activations, elsewhere = moved(made, tmp_path)
    lost = of(activations)
    assert np.array_equal(lost["test"].read(), bottlenecks("test", 3))
    with pytest.raises(Refused) as caught:
        lost["test"].photo_id  # noqa: B018
    assert caught.value.where == str(activations.path)
    assert of(activations, data=elsewhere)["test"].annotation_id.tolist() == [20, 10, 40]


def test_other_data_is_refused_by_its_place(made: Made, tmp_path: Path) -> None:
    other = prepared(tmp_path / "other", IDS | {"test": (20, 10, 41)})
    with pytest.raises(Refused) as caught:
        of(made.last, data=other.path)["train"].annotation_id  # noqa: B018
    assert caught.value.where == str(other.path)
    with pytest.raises(Refused):
        of(made.last, data=make(tmp_path / "model", "hourglass").path)["train"].annotation_id  # noqa: B018


def test_activations_that_name_no_data_have_tensors_and_no_people(tmp_path: Path) -> None:
    one = of(extracted(tmp_path / "a", None, {"train": 2}))["train"]
    assert one.read().shape == (2, *SHAPE)
    with pytest.raises(Refused):
        one.annotation_id  # noqa: B018


def flip_last_byte(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.unlink()
    path.write_bytes(content)


def test_a_split_of_which_a_file_was_changed_is_refused_and_others_are_not(made: Made, tmp_path: Path) -> None:
    activations = extracted(tmp_path / "a", made.data, HELD)
    flip_last_byte(tmp_path / "a" / "train" / "bottleneck-00000.safetensors")
    splits = of(activations)
    assert len(splits["test"]) == 3
    with pytest.raises(Refused):
        splits["train"]


def test_a_split_of_which_a_file_of_another_stack_was_changed_is_refused_too(made: Made, tmp_path: Path) -> None:
    activations = extracted(tmp_path / "a", made.data, HELD, (0, 2))
    flip_last_byte(tmp_path / "a" / "train" / "stack-0" / "bottleneck-00000.safetensors")
    splits = of(activations, 2)
    assert len(splits["test"]) == 3
    with pytest.raises(Refused):
        splits["train"]


def test_a_table_of_people_that_was_changed_is_refused_and_others_are_not(made: Made, tmp_path: Path) -> None:
    activations, elsewhere = moved(made, tmp_path)
    flip_last_byte(elsewhere / "train" / "people.safetensors")
    splits = of(activations, data=elsewhere)
    assert len(splits["test"].annotation_id) == 3 and splits.data().path == elsewhere
    with pytest.raises(Refused):
        splits.data(PEOPLE.format(split="train"))
    with pytest.raises(Refused):
        splits["train"].annotation_id  # noqa: B018


def test_what_is_no_activations_is_refused(made: Made, tmp_path: Path) -> None:
    for path in (made.data.path, tmp_path, tmp_path / "none"):
        with pytest.raises(Refused):
            open_splits(path)
