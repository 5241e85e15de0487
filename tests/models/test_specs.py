"""Specs: to JSON and back, and nothing impossible."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shgae.errors import Refused
from shgae.models.specs import AutoencoderSpec, HourglassSpec

CODE = AutoencoderSpec(width=64, code_size=9, output="relu")
GRAFTED = HourglassSpec(14, 128, "newell", 3, 64, (None, CODE, None))

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)


SHARED = HourglassSpec(14, stacks=3, width=64, grafts=(CODE, None, 0))
FOREIGN = HourglassSpec(16, residual="newell", stem=(64, 128, 256), bottleneck=2, head="newell")


@pytest.mark.parametrize("spec", [HourglassSpec(17), HourglassSpec(5, stacks=8), GRAFTED, SHARED, FOREIGN])
def test_a_spec_survives_json(spec: HourglassSpec) -> None:
    assert HourglassSpec.from_json(json.loads(json.dumps(spec.to_json()))) == spec


@pytest.mark.parametrize("spec", [CODE, AutoencoderSpec(width=16, code_size=50, family="linear")])
def test_an_autoencoder_spec_survives_json(spec: AutoencoderSpec) -> None:
    assert AutoencoderSpec.from_json(json.loads(json.dumps(spec.to_json()))) == spec


def test_a_spec_without_grafts_has_an_empty_slot_a_stack() -> None:
    assert HourglassSpec(17, stacks=2).grafts == (None, None)


def test_with_graft_fills_the_last_stack_unless_told_otherwise() -> None:
    plain = HourglassSpec(17, stacks=2, width=64)
    assert plain.with_graft(CODE).grafts == (None, CODE)
    assert plain.with_graft(CODE, stack=0).grafts == (CODE, None)
    assert plain.with_graft(CODE).with_graft(None) == plain


def test_a_shared_autoencoder_is_found_behind_its_stack() -> None:
    assert [SHARED.autoencoder(stack) for stack in range(3)] == [CODE, None, CODE]


def test_a_spec_from_before_it_had_stem_head_and_bottleneck_is_the_studys() -> None:
    old = HourglassSpec(17).to_json()
    for field in ("stem", "head", "bottleneck"):
        del old[field]
    assert HourglassSpec.from_json(old) == HourglassSpec(17, stem=(256, 256, 256), bottleneck=3, head="original")


@pytest.mark.parametrize("grafts", [(0, CODE), (CODE, 1), (CODE, -1), (None, 0), (CODE, True), (CODE, 2)])
def test_only_an_earlier_stacks_own_autoencoder_is_shared(grafts: tuple[Any, ...]) -> None:
    with pytest.raises(Refused, match="shared"):
        HourglassSpec(14, stacks=2, width=64, grafts=grafts)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("stem", [64, 128]),
        ("stem", [64, 128, 0]),
        ("stem", 64),
        ("bottleneck", 0),
        ("bottleneck", "3"),
        ("head", "linear"),
        ("keypoints", 0),
        ("keypoints", 513),
        ("keypoints", 17.0),
        ("keypoints", True),
        ("keypoints", "17"),
        ("crop_size", 512),
        ("residual", "mobile"),
        ("residual", None),
        ("stacks", 0),
        ("stacks", 9),
        ("width", 6),
        ("width", 1028),
        ("width", 0),
        ("width", -4),
        ("grafts", [None, None]),
        ("grafts", {"0": None}),
        ("grafts", [{"width": 128, "code_size": 50, "output": "relu"}]),
        ("grafts", [{"width": 256, "code_size": 5000, "output": "relu"}]),
        ("grafts", [{"width": 256, "code_size": 50, "output": "tanh"}]),
        ("grafts", [{"width": 256, "depth": 1}]),
    ],
)
def test_a_spec_out_of_range_is_refused_in_one_line(field: str, value: Any) -> None:
    with pytest.raises(Refused) as refused:
        HourglassSpec.from_json({**HourglassSpec(17).to_json(), field: value})
    assert "spec" in refused.value.line()
    assert "\n" not in refused.value.line()


def test_missing_and_unknown_fields_are_refused() -> None:
    good = HourglassSpec(17).to_json()
    for bad in ({**good, "depth": 4}, {name: good[name] for name in good if name != "keypoints"}):
        with pytest.raises(Refused, match="keypoints"):
            HourglassSpec.from_json(bad)


def test_a_spec_from_before_a_field_was_added_takes_its_default() -> None:
    assert HourglassSpec.from_json({"keypoints": 17}) == HourglassSpec(17)


@given(JSON, st.sampled_from([None, *HourglassSpec(17).to_json()]))
def test_whatever_json_is_a_spec_or_refused(value: Any, field: str | None) -> None:
    try:
        spec = HourglassSpec.from_json(value if field is None else {**HourglassSpec(17).to_json(), field: value})
    except Refused:
        return
    assert HourglassSpec.from_json(spec.to_json()) == spec


@pytest.mark.parametrize(
    ("field", "lowest", "highest"),
    [("keypoints", 1, 512), ("stacks", 1, 8), ("width", 4, 1024), ("bottleneck", 1, 8)],
)
def test_a_number_may_be_as_low_and_as_high_as_is_said(field: str, lowest: int, highest: int) -> None:
    step = 4 if field == "width" else 1
    for value in (lowest, highest):
        assert getattr(HourglassSpec(**{"keypoints": 17, field: value}), field) == value
    for value in (lowest - step, highest + step):
        with pytest.raises(Refused, match=f"{field} in the model's spec: {value} is not {lowest} to {highest}"):
            HourglassSpec(**{"keypoints": 17, field: value})


def test_the_code_and_the_stem_are_as_large_as_is_said() -> None:
    assert [AutoencoderSpec(code_size=size).code_size for size in (1, 4096)] == [1, 4096]
    assert HourglassSpec(17, stem=(2, 1024, 2)).stem == (2, 1024, 2)
    for size in (0, 4097):
        with pytest.raises(Refused, match="code size"):
            AutoencoderSpec(code_size=size)
    for width in (1, 1025):
        with pytest.raises(Refused, match="width of"):
            HourglassSpec(17, stem=(2, width, 2))
    for wrong in ((2, 2), (2, 2, 2, 2)):
        with pytest.raises(Refused, match="number of widths"):
            HourglassSpec(17, stem=wrong)


def test_a_width_is_a_multiple_of_four() -> None:
    for width in (5, 6, 7, 30):
        with pytest.raises(Refused, match=f"{width} is not"):
            AutoencoderSpec(width=width)


def test_a_linear_autoencoder_ends_without_a_relu() -> None:
    assert AutoencoderSpec(family="linear").output == "identity"
    with pytest.raises(Refused, match="spec: 'relu'"):
        AutoencoderSpec(family="linear", output="relu")
    with pytest.raises(Refused, match="family"):
        AutoencoderSpec(family="deep")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("residual", "width", "stem"),
    [
        *(("original", 256, (256, 256, 256)), ("newell", 256, (64, 128, 128)), ("newell", 4, (2, 2, 2))),
        *(("original", 4, (4, 4, 4)), ("newell", 12, (3, 6, 6))),
    ],
)
def test_a_stem_that_is_not_given_is_what_the_residual_block_comes_with(
    residual: Any, width: int, stem: tuple[int, ...]
) -> None:
    assert HourglassSpec(17, residual=residual, width=width).stem == stem


def test_a_shared_autoencoder_names_whom_it_may_be_shared_with() -> None:
    with pytest.raises(Refused, match="1 is not 0"):
        HourglassSpec(14, stacks=3, width=64, grafts=(CODE, None, 1))
    with pytest.raises(Refused, match="0 is not"):
        HourglassSpec(14, stacks=2, width=64, grafts=(None, 0))


def test_every_field_may_be_said_or_only_the_needed_ones() -> None:
    assert AutoencoderSpec.from_json({}) == AutoencoderSpec(256, 50, "identity", "conv")
    for value in (None, [], "spec", {"keypoints": 17, "more": 1}, {"crop_size": 128}):
        with pytest.raises(Refused, match="consist of"):
            HourglassSpec.from_json(value)
