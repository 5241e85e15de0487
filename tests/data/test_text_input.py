"""What people write in JSON: names and numbers."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from shgae.data.coco_json import _fault_of
from shgae.data.converters.people import Malformed, file_name_of
from shgae.data.text_input import is_id, is_photo_name, is_text


@given(
    st.one_of(
        st.text(st.sampled_from("a./\\:\0\n é\ud800"), max_size=12),
        st.builds(lambda part, times: part * times, st.sampled_from(["a", "a/", "é/", "日"]), st.integers(0, 1100)),
    )
)
@example("a/" * 512)
@example("a/" * 513)
@example("日" * 85 + ".")
def test_the_name_of_a_photo_that_a_converter_takes_is_one_that_prepare_takes(name: str) -> None:
    try:
        taken = file_name_of(name)
    except Malformed:
        return
    assert _fault_of({"id": 1, "file_name": taken}) is None


@pytest.mark.parametrize(
    ("name", "is_usable"),
    [
        ("a.jpg", True), ("a\\b.jpg", True), ("é" * 127, True), ("é" * 128, False), ("a/" * 512, True),
        ("a/" * 512 + "a", False), ("", False), (".", False), ("a\0", False), ("\ud800.jpg", False), (3, False),
        (None, False), (b"a.jpg", False),
    ],
)  # fmt: skip
def test_a_photo_has_a_name_that_a_file_system_can_store(name: object, is_usable: bool) -> None:
    assert is_photo_name(name) == is_usable


def test_an_id_has_64_bits_and_text_can_be_written() -> None:
    assert [is_id(one) for one in (-(2**63), 2**63 - 1, 2**63, True, 1.0, "1", None)] == [True, True, *[False] * 5]
    assert [is_text(one) for one in ("a", "日", "", "\udce9", 1, None)] == [True, True, *[False] * 4]
