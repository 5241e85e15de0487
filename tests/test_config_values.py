"""Values of configs that Python gives: numbers of numpy and torch, and what is advised in place of a refused one."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch

from shgae.config import Config, fields_of
from shgae.errors import Refused
from shgae.recipes import AutoencoderConfig, PrepareConfig, RateConfig, TrainConfig


@pytest.mark.parametrize(
    ("config", "name", "value", "kept"),
    [
        *((TrainConfig, "epochs", kind(3), 3) for kind in (np.int64, np.uint8, torch.tensor)),
        *((TrainConfig, "lr", np.float64(1e-3), 1e-3), (TrainConfig, "lr", np.float32(0.5), 0.5)),
        *((TrainConfig, "lr", np.int64(2), 2.0), (TrainConfig, "lr", torch.tensor(0.5), 0.5)),
        *((TrainConfig, "limit", np.int64(8), 8), (TrainConfig, "shuffle", np.bool_(False), False)),
        *((PrepareConfig, "crop_size", np.int32(128), 128), (AutoencoderConfig, "stack", np.int64(1), "1")),
    ],
)
def test_numbers_of_numpy_and_torch_are_kept_as_pythons_own(
    config: type[Config], name: str, value: Any, kept: object
) -> None:
    found = getattr(config(**{name: value}), name)
    assert (found, type(found)) == (kept, type(kept))


@pytest.mark.parametrize(
    ("name", "value", "why"),
    [
        ("epochs", np.int64(0), "0 is not 1 to 1,000,000"),
        ("epochs", np.float64(3), "3.0 is not a whole number"),
        ("epochs", np.bool_(True), "true is not a whole number"),
        ("epochs", np.array([3]), "is not a whole number"),
        ("lr", np.float32(math.nan), "NaN is not a finite number"),
        ("lr", np.bool_(True), "true is not a number"),
    ],
)
def test_a_number_of_numpy_is_refused_as_pythons_own_is(name: str, value: Any, why: str) -> None:
    with pytest.raises(Refused, match=why):
        TrainConfig(**{name: value})


@pytest.mark.parametrize(
    ("name", "value", "advised"),
    [
        *(("lr", value, "0.001") for value in (0, -1.0, "fast", None, math.nan)),
        *(("epochs", value, "50") for value in ("many", True, None)),
        *(("epochs", 3.7, "3"), ("epochs", -3, "1"), ("width", 30, "28"), ("shuffle", "maybe", "true")),
    ],
)
def test_where_no_number_is_next_the_default_is_advised(name: str, value: object, advised: str) -> None:
    field = next(one for one in fields_of(TrainConfig) if one.name == name)
    assert field.nearest(value) == advised


@pytest.mark.parametrize(
    ("config", "name", "value", "advised"),
    [
        *((TrainConfig, "epochs", text, "3") for text in ("3", " 3 ", "3.7", "3e0")),
        *((TrainConfig, "lr", text, "0.01") for text in ("0.01", "1e-2")),
        *((TrainConfig, "epochs", "-3", "1"), (TrainConfig, "width", "30", "28")),
        *((TrainConfig, "shuffle", no, "false") for no in ("no", "False", "OFF", 0, "0")),
        *((TrainConfig, "shuffle", yes, "true") for yes in ("yes", "True", "ON", 1, "1")),
        *((TrainConfig, "optimizer", text, "adam") for text in ("Adam", " adam", "ADAM", "adamw")),
        *((TrainConfig, "optimizer", "SDG", "sgd"), (TrainConfig, "optimizer", "zzzz", "rmsprop")),
        *((PrepareConfig, "crop_size", value, "128") for value in ("128", " 128", 100, 64)),
        *((AutoencoderConfig, "stack", value, "last") for value in ("LAST", True, "lst")),
        *((RateConfig, "components", value, "1,2,5") for value in ([1, 2, 5], (1, 2, 5))),
    ],
)
def test_what_was_typed_is_advised_in_the_kind_that_is_wanted(
    config: type[Config], name: str, value: object, advised: str
) -> None:
    field = next(one for one in fields_of(config) if one.name == name)
    assert field.nearest(value) == advised
    field.check(field.kind(advised) if field.kind is not bool else advised == "true")
