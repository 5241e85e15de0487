from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shgae.artifacts.checkpoint import Position, load_checkpoint, save_checkpoint
from shgae.artifacts.tensors import read_note, save_tensors
from shgae.errors import Refused
from tests.builders.artefacts import everything, put, recorded

RNG = np.random.default_rng(3)
TENSORS = {
    "model.stem.weight": RNG.standard_normal((4, 3, 7, 7)).astype(np.float32),
    "model.norm.num_batches_tracked": np.array(12_345_678_901),
    "model.odd": np.array([-0.0, 5e-324, 1 / 3, np.finfo(np.float64).max]),
    "optimizer.stem.weight.step": np.array(41.0, np.float32),
    "optimizer.stem.weight.square_avg": RNG.standard_normal((4, 3, 7, 7)) ** 2,
}
FINITE = st.floats(allow_nan=False, allow_infinity=False)
COUNT, EARLIER = st.integers(2**52, 2**53 - 1), st.integers(0, 2**52)
SECONDS, FACTOR = st.floats(0, 1e300), st.floats(0, 1, exclude_min=True)
POSITIONS = st.builds(Position, COUNT, COUNT, FINITE, COUNT, SECONDS, EARLIER, st.none() | FINITE, FACTOR, EARLIER)


def test_a_state_comes_back_to_the_bit(tmp_path: Path) -> None:
    position = Position(3, 17, 0.1 + 0.2, 136, 1e-9, 2, 0.43300000000000005, 0.2, 1)
    save_checkpoint(tmp_path / "c", TENSORS, position)
    tensors, found = load_checkpoint(tmp_path / "c")
    assert found == position
    assert tensors.keys() == TENSORS.keys()
    for name, array in TENSORS.items():
        assert (tensors[name].dtype, tensors[name].shape) == (array.dtype, array.shape), name
        assert tensors[name].tobytes() == array.tobytes(), name


@settings(deadline=None, max_examples=60)
@given(POSITIONS)
def test_every_float_of_a_position_comes_back_exactly(folder: Path, position: Position) -> None:
    save_checkpoint(folder / "c", {}, position)
    found = load_checkpoint(folder / "c")[1]
    assert repr(found) == repr(position)


def test_equal_states_give_equal_bytes(tmp_path: Path) -> None:
    for name, tensors in {"one": TENSORS, "other": dict(reversed(TENSORS.items()))}.items():
        save_checkpoint(tmp_path / name, tensors, Position(1, 2, 0.5))
    assert (tmp_path / "one").read_bytes() == (tmp_path / "other").read_bytes()


def test_a_checkpoint_cut_at_any_byte_is_refused(tmp_path: Path) -> None:
    save_checkpoint(tmp_path / "c", {"model.x": np.arange(5.0)}, Position(epoch=2))
    whole = (tmp_path / "c").read_bytes()
    for size in range(len(whole)):
        put(tmp_path / "c", whole[:size])
        with pytest.raises(Refused, match="no safetensors file"):
            load_checkpoint(tmp_path / "c")


def test_a_file_that_is_no_checkpoint_is_refused(tmp_path: Path) -> None:
    position = asdict(Position())
    notes: tuple[Any, ...] = (
        None,
        {},
        {"epoch": 1},
        position | {"more": 1},
        {key: position[key] for key in list(position)[1:]},
    )
    for note in notes:
        save_tensors(tmp_path / "c", {"model.x": np.arange(5.0)}, note)
        with pytest.raises(Refused, match="checkpoint in .*: no position .*--force"):
            load_checkpoint(tmp_path / "c")
    with pytest.raises(Refused, match="no such file"):
        load_checkpoint(tmp_path / "none")


@pytest.mark.parametrize(
    "change",
    [
        {"step": -3},
        {"epoch": 2**53},
        {"scale": 2.0**128},
        {"step": 1.5},
        {"best_epoch": 3},
        {"best_score": "0.5"},
        {"lr_factor": -5.0},
        {"lr_factor": 0.0},
        {"seconds": -1.0},
        {"scale": 3.0},
        {"scale": 0.0},
        {"scale": 0.5},
        {"grown": -1},
        {"samples": True},
    ],
)
def test_a_position_that_no_training_can_have_is_refused(tmp_path: Path, change: dict[str, Any]) -> None:
    save_tensors(tmp_path / "c", TENSORS, asdict(Position(epoch=2)) | change)
    with pytest.raises(Refused, match="no position"):
        load_checkpoint(tmp_path / "c")


@pytest.mark.parametrize("call", [0, 1, 2])
def test_a_checkpoint_is_replaced_whole_or_not_at_all(tmp_path: Path, call: int) -> None:
    save_checkpoint(tmp_path / "c", TENSORS, Position(epoch=1))
    with pytest.raises(OSError, match="No space"), recorded(fails_at=call):
        save_checkpoint(tmp_path / "c", TENSORS, Position(epoch=2))
    assert load_checkpoint(tmp_path / "c")[1].epoch == (2 if call == 2 else 1)
    assert everything(tmp_path).keys() == {"c"}


def test_a_new_training_stands_at_its_very_beginning() -> None:
    assert Position() == Position(0, 0, 0.0, 0, 0.0, 0, None, 1.0, 0)


def test_the_largest_scale_is_a_position_that_a_training_can_have(tmp_path: Path) -> None:
    position = Position(scale=2.0**127, grown=2**53 - 1)
    save_checkpoint(tmp_path / "c", {}, position)
    assert load_checkpoint(tmp_path / "c")[1] == position


@pytest.mark.parametrize("more", [{}, {"scale": 2.0}, {"grown": 3}, {"scale": 2.0, "grown": 3}])
def test_what_came_later_stands_in_the_file_only_where_it_is_needed(tmp_path: Path, more: dict[str, Any]) -> None:
    save_checkpoint(tmp_path / "c", {}, Position(**more))
    older = {name: value for name, value in asdict(Position()).items() if name not in ("scale", "grown")}
    assert read_note(tmp_path / "c") == older | more


def test_the_content_is_known_before_the_file_has_it(tmp_path: Path) -> None:
    known = list[tuple[bytes, bool]]()
    save_checkpoint(
        tmp_path / "c", TENSORS, Position(), lambda content: known.append((content, (tmp_path / "c").exists()))
    )
    assert known == [((tmp_path / "c").read_bytes(), False)]
