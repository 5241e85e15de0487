"""Other people's weight files: the study's own are read, hostile and broken ones refused, and nothing in them runs."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.torch
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from shgae.errors import Refused
from shgae.models import foreign
from shgae.models.dialects import DIALECTS, Dialect
from shgae.models.foreign import read_foreign, translate
from shgae.models.specs import AutoencoderSpec, HourglassSpec
from shgae.models.zoo import build_autoencoder, build_hourglass, load_state, state_arrays

CODE = AutoencoderSpec(width=8, code_size=5, output="relu")
PLAIN = HourglassSpec(keypoints=3, width=8)
GRAFTED = PLAIN.with_graft(CODE)
STUDY_HOURGLASS, STUDY_AUTOENCODER, STUDY_GRAFTED = DIALECTS
CASES = ((STUDY_HOURGLASS, PLAIN), (STUDY_AUTOENCODER, CODE), (STUDY_GRAFTED, GRAFTED))

Weights = dict[str, np.ndarray[Any, Any]]


def ours(spec: HourglassSpec | AutoencoderSpec) -> Weights:
    return state_arrays(
        build_hourglass(spec, seed=4) if isinstance(spec, HourglassSpec) else build_autoencoder(spec, seed=4)
    )


SMALL_WEIGHTS = {spec: ours(spec) for _, spec in CASES}


def theirs(dialect: Dialect, weights: Mapping[str, Any]) -> Weights:
    return {dialect.name(name): array for name, array in weights.items()}


def tensors(weights: Weights) -> dict[str, torch.Tensor]:
    return {name: torch.tensor(array) for name, array in weights.items()}


@pytest.mark.parametrize(("dialect", "spec"), CASES)
def test_a_known_family_is_recognised_and_renamed(dialect: Dialect, spec: HourglassSpec | AutoencoderSpec) -> None:
    weights = ours(spec)
    found = translate(theirs(dialect, weights), "x.pth")
    assert (found.family, found.spec) == (dialect.family, spec)
    assert found.kind == ("autoencoder" if spec is CODE else "hourglass")
    assert found.arrays.keys() == weights.keys()
    assert all(found.arrays[name] is weights[name] for name in weights)


def test_no_two_of_our_tensors_share_a_name_of_theirs() -> None:
    for dialect, spec in CASES:
        weights = ours(spec)
        assert len(theirs(dialect, weights)) == len(weights)


@pytest.mark.parametrize(
    ("our_name", "their_name"),
    [
        ("stem.after_pool.1.bn2.running_var", "pre_residual3.bn1.running_var"),
        ("stacks.0.hourglass.skips.2.shortcut.weight", "hourglasses.0.branch_cov.2.branch_cov.weight"),
        ("stacks.0.hourglass.bottleneck.0.bn1.bias", "hourglasses.0.bottlenecks.0.input_bn.bias"),
        ("stacks.0.head.maps.3.weight", "last_conv_2.weight"),
    ],
)
def test_the_studys_names_by_example(our_name: str, their_name: str) -> None:
    assert STUDY_HOURGLASS.name(our_name) == their_name
    assert STUDY_GRAFTED.name(our_name) == f"SHG_model.{their_name}"


def test_a_data_parallel_prefix_makes_no_difference() -> None:
    weights = theirs(STUDY_HOURGLASS, ours(PLAIN))
    prefixed = {f"module.{name}": array for name, array in weights.items()}
    assert translate(prefixed, "x.pth").spec == PLAIN


def test_missing_unexpected_and_misshapen_tensors_are_listed_in_the_words_of_the_file() -> None:
    weights = theirs(STUDY_HOURGLASS, ours(PLAIN))
    weights["hourglasses.1.odd"] = weights.pop("last_res.conv3.bias")
    weights["bn_pre.bias"] = np.zeros(9, np.float32)
    with pytest.raises(Refused) as refused:
        translate(weights, "x.pth")
    line = refused.value.line()
    assert "missing: last_res.conv3.bias" in line
    assert "unexpected: hourglasses.1.odd" in line
    assert "misshapen: bn_pre.bias [9] instead of [8]" in line


@settings(max_examples=25)
@given(st.data())
def test_whichever_tensor_is_missing_it_is_named(data: st.DataObject) -> None:
    dialect, spec = data.draw(st.sampled_from(CASES))
    weights = theirs(dialect, SMALL_WEIGHTS[spec])
    lost = data.draw(st.sampled_from(sorted(weights)))
    del weights[lost]
    with pytest.raises(Refused) as refused:
        translate(weights, "x.pth")
    assert lost in refused.value.line() or lost == dialect.known_by


@pytest.mark.parametrize(
    ("name", "array", "why"),
    [
        ("last_conv_2.weight", None, "last_conv_2.weight"),
        ("last_conv_2.weight", np.zeros((), np.float32), "sizes cannot be told"),
        ("last_conv_2.weight", np.zeros((900, 900, 1, 1), np.float32), "keypoints"),
        ("pre_conv1.weight", np.zeros((6, 3, 7, 7), np.float32), "width"),
    ],
)
def test_sizes_that_cannot_be_are_refused(name: str, array: Any, why: str) -> None:
    weights = {**theirs(STUDY_HOURGLASS, ours(PLAIN)), name: array}
    with pytest.raises(Refused, match=why):
        translate({key: value for key, value in weights.items() if value is not None}, "x.pth")


def test_an_unknown_family_is_refused_with_the_names_that_it_has() -> None:
    with pytest.raises(Refused, match="no known family .tensors conv1.weight"):
        translate({"conv1.weight": np.zeros((4, 3, 7, 7), np.float32)}, "x.pth")


def test_a_wrapped_half_precision_pth_gives_the_maps_of_the_network_that_made_it(tmp_path: Path) -> None:
    model = build_hourglass(PLAIN, seed=4).half().float().eval()
    state = {f"module.{STUDY_HOURGLASS.name(name)}": value for name, value in model.state_dict().items()}
    halved = {name: value.half() if value.is_floating_point() else value for name, value in state.items()}
    torch.save({"epoch": 47, "model": {"state_dict": halved}}, tmp_path / "x.pth")
    found = read_foreign(tmp_path / "x.pth")
    again = build_hourglass(PLAIN).eval()
    load_state(again, found.arrays, "x.pth")
    images = torch.rand(1, 3, 256, 256)
    assert torch.equal(again(images), model(images))
    assert {array.dtype for array in found.arrays.values()} == {np.dtype("float32"), np.dtype("int64")}


def test_a_safetensors_file_in_bfloat16_is_read_too(tmp_path: Path) -> None:
    weights = tensors(theirs(STUDY_AUTOENCODER, ours(CODE)))
    path = tmp_path / "x.safetensors"
    safetensors.torch.save_file({name: value.bfloat16() for name, value in weights.items()}, path)
    found = read_foreign(path)
    assert found.spec == CODE
    assert (found.arrays["to_code.bias"] == weights["encoder_linear.0.bias"].bfloat16().float().numpy()).all()


class Payload:
    def __init__(self, sentinel: Path) -> None:
        self.sentinel = sentinel

    def __reduce__(self) -> tuple[Any, ...]:
        return os.system, (f"touch '{self.sentinel}'",)


def broken_file(kind: str, folder: Path) -> Path:
    path = folder / "x.pth"
    whole = tensors(theirs(STUDY_AUTOENCODER, ours(CODE)))
    torch.save(whole, path)
    if kind == "truncated":
        path.write_bytes(path.read_bytes()[:-2000])
    elif kind == "garbage":
        path.write_bytes(np.random.default_rng(0).bytes(5000))
    elif kind == "empty":
        path.write_bytes(b"")
    elif kind == "payload":
        torch.save({"state_dict": whole, "extra": Payload(folder / "sentinel")}, path)
    elif kind == "old-style payload":
        torch.save({**whole, "x": Payload(folder / "sentinel")}, path, _use_new_zipfile_serialization=False)
    elif kind == "module":
        torch.save(torch.nn.Linear(2, 2), path)
    elif kind == "no tensor":
        torch.save({"epoch": 3}, path)
    elif kind == "not finite":
        whole["encoder.0.bias"][1] = float("nan")
        torch.save(whole, path)
    elif kind == "text as safetensors":
        path = folder / "x.safetensors"
        path.write_text("no tensors here")
    return path


@pytest.mark.parametrize(
    ("kind", "why"),
    [
        ("truncated", "no checkpoint of tensors, or a torn one"),
        ("garbage", "no checkpoint of tensors"),
        ("empty", "no checkpoint of tensors"),
        ("payload", "nothing of it was run"),
        ("old-style payload", "nothing of it was run"),
        ("module", "make or run torch.nn.modules.linear.Linear"),
        ("no tensor", "no tensor in it"),
        ("not finite", "encoder.0.bias holds numbers that are not finite"),
        ("text as safetensors", "no checkpoint of tensors"),
    ],
)
def test_a_file_that_is_no_plain_checkpoint_is_refused_in_one_line_and_not_run(
    tmp_path: Path, kind: str, why: str
) -> None:
    path = broken_file(kind, tmp_path)
    with pytest.raises(Refused, match=why) as refused:
        read_foreign(path)
    assert str(path) in refused.value.line()
    assert "\n" not in refused.value.line()
    assert not (tmp_path / "sentinel").exists()


def test_the_payload_of_these_tests_would_run_if_it_were_loaded_carelessly(tmp_path: Path) -> None:
    function, arguments = Payload(tmp_path / "sentinel").__reduce__()
    function(*arguments)
    assert (tmp_path / "sentinel").exists()


def test_a_torch_py_beside_the_checkpoint_is_not_imported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = broken_file("whole", tmp_path)
    (tmp_path / "torch.py").write_text("import pathlib; pathlib.Path('sentinel').touch()")
    monkeypatch.chdir(tmp_path)
    assert read_foreign(path).spec == CODE
    assert not (tmp_path / "sentinel").exists()


def test_a_missing_file_is_refused_before_anything_starts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(foreign, "_read_in_child", lambda path: pytest.fail(f"a child was started for {path}"))
    for path, why in ((tmp_path / "no.pth", "no such file"), (tmp_path, "a folder, wanted a .pth")):
        with pytest.raises(Refused, match=why):
            read_foreign(path)


def test_a_file_that_takes_too_long_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(foreign, "_TIME_LIMIT", 0.01)
    with pytest.raises(Refused, match="took more than"):
        read_foreign(broken_file("whole", tmp_path))


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="the memory limit is Linux's")
def test_a_file_that_takes_too_much_memory_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(foreign, "_MEMORY_LIMIT", 256 << 20)
    torch.save({"x": torch.zeros(1).expand(1 << 30)}, tmp_path / "bomb.pth")
    with pytest.raises(Refused, match="memory"):
        read_foreign(tmp_path / "bomb.pth")
