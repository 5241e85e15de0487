"""Other people's weight files: known ones are read however wrapped, broken and hostile ones refused; nothing runs."""

from __future__ import annotations

import functools
import os
import re
from collections import OrderedDict
from collections.abc import Callable, Mapping
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
from shgae.models.checkpoint_formats import CHECKPOINT_FORMATS, CheckpointFormat
from shgae.models.foreign import read_foreign, translate
from shgae.models.specs import AutoencoderSpec, HourglassSpec
from shgae.models.zoo import build_autoencoder, build_hourglass, load_state, state_arrays

# It also says so where it heeds the one that is given, the encoding.
pytestmark = pytest.mark.filterwarnings("ignore:pickle_load_args only works")

CODE = AutoencoderSpec(width=8, code_size=5, output="relu")
PLAIN = HourglassSpec(keypoints=3, width=8)
GRAFTED = PLAIN.with_graft(CODE)
NEWELL = HourglassSpec(keypoints=3, residual="newell", width=8, bottleneck=2, head="newell")
STUDY_HOURGLASS, STUDY_AUTOENCODER, STUDY_GRAFTED, BEARPAW, PRINCETON = CHECKPOINT_FORMATS
CASES: tuple[tuple[CheckpointFormat, HourglassSpec | AutoencoderSpec], ...] = (
    (STUDY_HOURGLASS, PLAIN),
    (STUDY_AUTOENCODER, CODE),
    (STUDY_GRAFTED, GRAFTED),
    (BEARPAW, NEWELL),
    (PRINCETON, NEWELL),
)
READS_HERE = pytest.mark.usefixtures("reads_here")  # tests/hostile gives payloads to the other process

Weights = dict[str, np.ndarray[Any, Any]]


@functools.cache
def ours(spec: HourglassSpec | AutoencoderSpec) -> Weights:
    return state_arrays(
        build_hourglass(spec, seed=4) if isinstance(spec, HourglassSpec) else build_autoencoder(spec, seed=4)
    )


def theirs(checkpoint_format: CheckpointFormat, weights: Mapping[str, Any]) -> Weights:
    return {checkpoint_format.name(name): array for name, array in weights.items()}


def tensors(weights: Weights) -> dict[str, torch.Tensor]:
    return {name: torch.tensor(array) for name, array in weights.items()}


@pytest.mark.parametrize(("checkpoint_format", "spec"), CASES)
def test_a_known_family_is_recognised_and_renamed(
    checkpoint_format: CheckpointFormat, spec: HourglassSpec | AutoencoderSpec
) -> None:
    weights = ours(spec)
    found = translate(theirs(checkpoint_format, weights), "x.pth")
    assert (found.family, found.spec) == (checkpoint_format.family, spec)
    assert found.kind == ("autoencoder" if spec is CODE else "hourglass")
    assert found.arrays.keys() == weights.keys()
    assert all(found.arrays[name] is weights[name] for name in weights)


@pytest.mark.parametrize(("checkpoint_format", "spec"), CASES)
@pytest.mark.parametrize(
    "prefix",
    ["module.", "model.", "model.module.", "net.", "_orig_mod.", "module._orig_mod.", "module.module.model.net."],
)
def test_what_was_put_before_every_name_makes_no_difference(
    checkpoint_format: CheckpointFormat, spec: HourglassSpec | AutoencoderSpec, prefix: str
) -> None:
    weights = theirs(checkpoint_format, ours(spec))
    found = translate({f"{prefix}{name}": array for name, array in weights.items()}, "x.pth")
    assert (found.family, found.spec) == (checkpoint_format.family, spec)


def test_a_prefix_that_one_tensor_lacks_is_part_of_the_names() -> None:
    weights = theirs(BEARPAW, ours(NEWELL))
    with pytest.raises(Refused, match="family .tensors module.conv1.weight"):
        translate({f"module.{name}": array for name, array in weights.items()} | {"alone": np.zeros(1)}, "x.pth")


@settings(max_examples=50)
@given(st.lists(st.text("mod.ulenet_rig", max_size=40), max_size=3), st.sampled_from([0, 1, 2, 100_000]))
def test_names_of_nothing_but_prefixes_are_refused_at_once(names: list[str], repeated: int) -> None:
    with pytest.raises(Refused):
        translate({"module." * repeated + name: np.zeros(1) for name in names}, "x.pth")


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


@pytest.mark.parametrize(
    ("names", "array", "why"),
    [
        ("last_conv_2|bn_last", None, "sizes cannot be told .last_conv_2.weight is missing"),
        ("last_conv_2|bn_last", np.zeros((), np.float32), "sizes cannot be told"),
        ("last_conv_2|bn_last", np.zeros((900, 900, 1, 1), np.float32), "keypoints in x.pth: .* 900 is not 1 to 512"),
        ("pre_conv1|bn_pre", np.zeros((6, 3, 7, 7), np.float32), "width in x.pth: .* 6 is not a multiple of 4"),
    ],
)
def test_sizes_that_cannot_be_are_refused(names: str, array: Any, why: str) -> None:
    weights = theirs(STUDY_HOURGLASS, ours(PLAIN))
    weights |= {name: array for name in weights if re.match(names, name)}
    with pytest.raises(Refused, match=why):
        translate({key: value for key, value in weights.items() if value is not None}, "x.pth")


def test_an_unknown_family_is_refused_with_the_names_that_it_has() -> None:
    with pytest.raises(Refused, match="no known family .tensors conv1.weight"):
        translate({"conv1.weight": np.zeros((4, 3, 7, 7), np.float32)}, "x.pth")


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("backbone.hourglass_modules.0.up1.0.conv1.conv.weight", "MMPose's hourglass, which keeps 512 x 2 x 2"),
        ("module.backbone.hourglass_modules.0.low1.0.bn1.bias", "MMPose's hourglass"),
        ("stem.conv.weight", "shgae's own names.* Try: --like MODEL"),
        ("stacks.0.hourglass.skips.0.bn1.weight", "shgae's own names"),
        ("model.to_code.weight", "shgae's own names"),
    ],
)
def test_what_is_known_and_not_taken_is_declined_with_its_reason(name: str, words: str) -> None:
    with pytest.raises(Refused, match=words) as refused:
        translate({"meta": np.zeros(1), name: np.zeros(4)} if name[0] != "m" else {name: np.zeros(4)}, "x.pth")
    assert len(refused.value.line()) < 300


@READS_HERE
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


@pytest.mark.parametrize(
    "wrap",
    [
        lambda state: {"state_dict": state},
        lambda state: {"model_state_dict": state, "loss": 0.1},
        lambda state: {"model": state, "ema": {"decay": 0.9}},
        lambda state: {"net": state, "params": {"lr": 0.1}},
        lambda state: {"weights": state, "model": {"width": 8}},
        lambda state: {"params": state, "state_dict": None},
        lambda state: {"model": {"net": {"state_dict": state}}},
        lambda state: OrderedDict(state),
    ],
)
@pytest.mark.parametrize("name", ["x.pth", "model_best.pth.tar", "weights"])
def test_a_state_dict_is_found_in_its_wrapper(tmp_path: Path, wrap: Callable[[Any], Any], name: str) -> None:
    torch.save(wrap(tensors(theirs(STUDY_AUTOENCODER, ours(CODE)))), tmp_path / name)
    assert _load_like_the_child(tmp_path / name).keys() == theirs(STUDY_AUTOENCODER, ours(CODE)).keys()


def _load_like_the_child(path: Path) -> dict[str, torch.Tensor]:
    return foreign.find_network(foreign._load(path.open("rb")))[0]


@functools.cache
def trained_by_bearpaw() -> dict[str, Any]:
    """What bearpaw's training saves: DataParallel's names, and an optimizer beside the network."""
    weights = theirs(BEARPAW, ours(NEWELL))
    state = OrderedDict((f"module.{name}", torch.tensor(array)) for name, array in weights.items())
    parameters = [torch.nn.Parameter(value.clone()) for value in state.values() if value.is_floating_point()]
    optimizer = torch.optim.RMSprop(parameters, lr=2.5e-4)
    sum(parameter.sum() for parameter in parameters).backward()
    optimizer.step()
    return {"epoch": 3, "arch": "hg", "state_dict": state, "optimizer": optimizer.state_dict()}


NUMPY_1 = (b"cnumpy._core.multiarray\n", b"cnumpy.core.multiarray\n")
"""How a pickle names the module of numpy's scalars: with numpy 2, and before."""


@pytest.mark.parametrize(
    "best",
    [0.71, torch.tensor(0.71), np.float64(0.71), np.float32(0.71), np.float16(0.7), np.int64(7), np.bool_(True)],
    ids=lambda best: type(best).__name__,
)
@pytest.mark.parametrize("is_old", [False, True], ids=["zip", "legacy"])
def test_a_checkpoint_in_the_midst_of_training_is_read_for_its_weights(tmp_path: Path, best: Any, is_old: bool) -> None:
    path = tmp_path / "checkpoint.pth.tar"
    torch.save({**trained_by_bearpaw(), "best_acc": best}, path, _use_new_zipfile_serialization=not is_old)
    if is_old:
        path.write_bytes(path.read_bytes().replace(*NUMPY_1))
    found = foreign.translate({name: value.numpy() for name, value in _load_like_the_child(path).items()}, path)
    assert found.spec == NEWELL
    assert all(np.array_equal(found.arrays[name], array) for name, array in ours(NEWELL).items())


def test_a_number_of_numpys_that_python_2_pickled_is_skipped_too(tmp_path: Path) -> None:
    path = tmp_path / "x.pth"
    state = tensors(theirs(STUDY_AUTOENCODER, ours(CODE)))
    torch.save({"state_dict": state, "best_acc": "8 bytes:"}, path, _use_new_zipfile_serialization=False)
    number = np.float64(0.71).tobytes()
    with pytest.raises(UnicodeDecodeError):
        number.decode()
    written = path.read_bytes()
    pickled = b"cnumpy.core.multiarray\nscalar\ncnumpy\ndtype\nU\x02f8K\x00K\x01\x87RU\x08" + number + b"\x86R"
    assert written.count(b"X\x08\x00\x00\x008 bytes:") == 1
    path.write_bytes(written.replace(b"X\x08\x00\x00\x008 bytes:", pickled))
    assert _load_like_the_child(path).keys() == state.keys()


def test_nothing_of_numpy_is_called_for_a_number_of_numpys(tmp_path: Path) -> None:
    torch.save({"x": torch.zeros(1), "best": np.float64(0.5)}, tmp_path / "x.pth")
    before = set(torch.serialization.get_safe_globals())
    loaded = foreign._load((tmp_path / "x.pth").open("rb"))
    assert isinstance(loaded, dict)
    assert not isinstance(loaded["best"], np.generic)
    assert vars(loaded["best"]) == {}
    assert set(torch.serialization.get_safe_globals()) == before


class Payload:
    def __init__(self, sentinel: Path) -> None:
        self.sentinel = sentinel

    def __reduce__(self) -> tuple[Any, ...]:
        return os.system, (f"touch '{self.sentinel}'",)


class Reading:
    def __init__(self, path: str) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return np.fromfile, (self.path,)


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
    elif kind == "numpy's own functions":
        torch.save({"state_dict": whole, "history": Reading("/etc/hostname")}, path)
    elif kind == "nested without end":
        endless: dict[str, Any] = {}
        endless["model"] = endless
        torch.save(endless, path)
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


@READS_HERE
@pytest.mark.parametrize(
    ("kind", "why"),
    [
        ("truncated", "not a checkpoint of tensors, or a torn one"),
        ("garbage", "not a checkpoint of tensors"),
        ("empty", "an empty file"),
        ("payload", "nothing of it was run"),
        ("old-style payload", "nothing of it was run"),
        ("module", "make or run torch.nn.modules.linear.Linear"),
        ("numpy's own functions", "make or run numpy"),
        ("nested without end", "holds no tensor, but model"),
        ("no tensor", "holds no tensor"),
        ("not finite", "encoder.0.bias holds numbers that are not finite"),
        ("text as safetensors", "no safetensors file"),
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


def test_a_file_that_takes_too_long_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(foreign, "_TIME_LIMIT", 0.01)
    with pytest.raises(Refused, match="took more than"):
        read_foreign(broken_file("whole", tmp_path))
