"""Where and in which number format: decided from what the machine has, said when it is not there."""

import os
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from shgae.errors import Refused
from shgae.execution import Execution
from shgae.inference import device
from shgae.recipes import EvaluateConfig, Precision
from tests.builders.chain import Notes
from tests.builders.gpus import pretend_gpus
from tests.builders.pages import ROOT

CPU = torch.device("cpu")


def test_numbers_that_fp16_cannot_hold_are_no_fault_of_the_model() -> None:
    assert device.sound_model("fp16").startswith("--precision fp32")
    assert "--precision" not in device.sound_model("bf16")


def test_every_stage_that_computes_says_where() -> None:
    stages = [path.read_text(encoding="utf-8") for path in (ROOT / "shgae/stages").glob("*.py")]
    computing = [text for text in stages if " placed(" in text or "resolve_precision(" in text]
    assert len(computing) >= 8
    silent = [text for text in computing if "quiet=True" in text or "resolve_precision(" in text]
    assert all(" announce(" in text or " training_draft(" in text for text in silent)  # which announces it


def test_what_was_asked_for_is_resolved_and_said() -> None:
    notes = Notes()
    where, config = device.placed(EvaluateConfig(precision="fp32"), Execution(device="cpu", progress=notes))
    assert (where, config.precision) == (CPU, "fp32")
    assert notes.said == [f"computing in fp32 on {device.describe(CPU)}"]
    device.placed(config, Execution(device="cpu", progress=notes), quiet=True)
    assert len(notes.said) == 1


def test_tests_of_the_cpu_see_no_gpu() -> None:
    assert os.environ["CUDA_VISIBLE_DEVICES"] == ""


def test_auto_takes_the_cpu_where_there_is_no_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert device.resolve_device("auto") == CPU


def test_auto_takes_the_gpu_where_there_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    pretend_gpus(monkeypatch, 1)
    assert device.resolve_device("auto") == device.resolve_device("cuda") == torch.device("cuda:0")


def test_a_gpu_that_this_torch_was_not_built_for_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    pretend_gpus(monkeypatch, 1, (6, 1))
    with pytest.raises(Refused, match=r"built for sm_75, sm_80, compute_90, not for cuda:0 \(compute capability 6.1\)"):
        device.resolve_device("auto")


@pytest.mark.parametrize(
    ("capability", "built", "runs"),
    [
        ((8, 6), ["sm_80", "sm_90"], True),
        ((8, 0), ["sm_86"], False),
        ((9, 0), ["sm_80"], False),
        ((12, 0), ["sm_80", "compute_90"], True),
        ((7, 0), ["compute_75"], False),
        ((9, 0), ["sm_90a"], True),
        ((10, 0), ["compute_90a"], False),
        ((10, 3), ["sm_100a"], False),
        ((10, 3), ["sm_100f"], True),
        ((10, 0), ["sm_103f"], False),
        ((10, 3), ["compute_100f"], True),
        ((12, 0), ["sm_100f", "compute_100f"], False),
        ((9, 4), ["gfx942"], True),
        ((7, 5), [], True),
    ],
)
def test_a_torch_runs_on_what_it_was_built_for(capability: tuple[int, int], built: list[str], runs: bool) -> None:
    assert device.runs_on(capability, built) == runs


def test_a_device_that_is_not_there_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    with pytest.raises(Refused, match="--device"):
        device.resolve_device("cuda:7")


@pytest.mark.parametrize(("abilities", "precision"), [({"amx_bf16": True}, "bf16"), ({"avx512_f": True}, "fp32")])
def test_auto_precision_is_bf16_only_where_it_is_native(
    abilities: dict[str, bool], precision: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: abilities)
    assert device.resolve_precision("auto", CPU) == precision
    assert device.resolve_precision("fp32", CPU) == "fp32"


@pytest.mark.parametrize(
    ("capability", "precision"),
    [((9, 0), "bf16"), ((8, 0), "bf16"), ((7, 5), "fp16"), ((7, 0), "fp16"), ((6, 1), "fp32")],
)
def test_auto_precision_on_a_gpu_follows_its_compute_capability(
    capability: tuple[int, int], precision: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    pretend_gpus(monkeypatch, 1, capability)
    assert device.resolve_precision("auto", torch.device("cuda:0")) == precision
    assert device.resolve_precision("fp16", torch.device("cuda:0")) == "fp16"


@pytest.mark.parametrize("name", ["NVIDIA GeForce GTX 1660 Ti", "NVIDIA GeForce GTX 1650"])
def test_a_gpu_without_tensor_cores_takes_fp32_whatever_its_number(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    pretend_gpus(monkeypatch, 1, (7, 5))
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda *_: name)
    assert device.resolve_precision("auto", torch.device("cuda:0")) == "fp32"


@pytest.mark.parametrize(
    ("arch", "capability", "precision"),
    [
        ("gfx90a:sramecc+:xnack-", (9, 0), "bf16"),
        ("gfx942", (9, 4), "bf16"),
        ("gfx1100", (11, 0), "bf16"),
        ("gfx906:sramecc+", (9, 0), "fp32"),
        ("gfx1030", (10, 3), "fp32"),
        ("gfx701", (7, 0), "fp32"),
    ],
)
def test_auto_precision_on_amd_s_follows_the_architecture(
    arch: str, capability: tuple[int, int], precision: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    pretend_gpus(monkeypatch, 1, capability)
    monkeypatch.setattr(torch.version, "hip", "6.4")
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda *_: SimpleNamespace(gcnArchName=arch))
    assert device.resolve_precision("auto", torch.device("cuda:0")) == precision


def test_bf16_is_refused_on_a_gpu_that_does_not_multiply_it(monkeypatch: pytest.MonkeyPatch) -> None:
    pretend_gpus(monkeypatch, 1, (7, 5))
    with pytest.raises(Refused, match=r"cuda:0 \(Pretended\) .*bf16 .*--precision fp16 or fp32"):
        device.resolve_precision("bf16", torch.device("cuda:0"))


@pytest.mark.parametrize(
    ("asked", "begun", "capability", "kept"),
    [
        ("auto", "bf16", (9, 0), "auto"),
        ("auto", "fp32", (9, 0), "fp32"),
        ("auto", "bf16", (7, 5), "auto"),  # it cannot
        ("bf16", "fp32", (9, 0), "bf16"),
        ("auto", None, (9, 0), "auto"),
        ("auto", "fp7", (9, 0), "auto"),
    ],
)
def test_auto_precision_stays_what_it_was_when_a_run_was_begun(
    asked: Precision, begun: object, capability: tuple[int, int], kept: Precision, monkeypatch: pytest.MonkeyPatch
) -> None:
    pretend_gpus(monkeypatch, 1, capability)
    notes = Notes()
    assert device.keep_precision(asked, begun, torch.device("cuda:0"), notes) == kept
    assert len(notes.said) == (kept != asked)


@pytest.mark.parametrize("name", ["mps", "xpu"])
def test_an_untested_gpu_is_taken_when_asked_for_and_said_to_be_untested(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(Refused, match=f"torch sees no {name} here"):
        device.resolve_device(name)
    monkeypatch.setitem(device.UNTESTED, name, lambda: True)  # type: ignore[misc]
    found = device.resolve_device(name)
    assert (found.type, device.resolve_precision("auto", found)) == (name, "fp32")
    assert device.resolve_device("auto") == CPU
    said = Notes()
    device.announce(found, "fp32", said)
    assert said.said[0] == f"computing in fp32 on {found}"
    assert f"never tried on {name}" in said.said[1]


def test_numbers_become_float64_on_the_cpu_only() -> None:
    """Apple's and Intel's GPUs have no float64."""
    for path in Path(device.__file__).parents[1].rglob("*.py"):
        for line in path.read_text().splitlines():
            before, found, _ = line.partition(".double()")
            assert not found or ".cpu()" in before or "from_numpy" in before or path.name == "heatmaps.py", (path, line)


@pytest.mark.parametrize(
    ("precision", "dtype"), [("bf16", torch.bfloat16), ("fp16", torch.float16), ("fp32", torch.float32)]
)
def test_only_the_forward_pass_changes_its_format(precision: str, dtype: torch.dtype) -> None:
    layer = torch.nn.Linear(3, 3)
    with device.autocast(CPU, precision):  # type: ignore[arg-type]
        out = layer(torch.ones(1, 3))
    assert out.dtype == dtype
    assert layer.weight.dtype == torch.float32
