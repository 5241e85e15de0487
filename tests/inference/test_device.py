"""Where and in which number format: decided from what the machine has, said when it is not there."""

import os

import pytest
import torch

from shgae.errors import Refused
from shgae.execution import Deterministic
from shgae.inference import device

CPU = torch.device("cpu")


def test_auto_takes_the_cpu_where_there_is_no_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert device.resolve_device("auto") == CPU


def test_auto_takes_the_gpu_where_there_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    assert device.resolve_device("auto") == torch.device("cuda")


@pytest.mark.parametrize("name", ["cuda:7", "tpu", "meta", "cuda:x"])
def test_a_device_that_is_not_there_is_refused(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    with pytest.raises(Refused, match="--device"):
        device.resolve_device(name)


@pytest.mark.parametrize(("abilities", "precision"), [({"amx_bf16": True}, "bf16"), ({"avx512_f": True}, "fp32")])
def test_auto_precision_is_bf16_only_where_it_is_native(
    abilities: dict[str, bool], precision: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: abilities)
    assert device.resolve_precision("auto", CPU) == precision
    assert device.resolve_precision("fp32", CPU) == "fp32"


def test_float32_never_means_tf32() -> None:
    torch.backends.cudnn.allow_tf32 = True
    device.resolve_precision("fp32", CPU)
    assert not torch.backends.cudnn.allow_tf32
    assert not torch.backends.cuda.matmul.allow_tf32


@pytest.mark.parametrize(("precision", "dtype"), [("bf16", torch.bfloat16), ("fp32", torch.float32)])
def test_only_the_forward_pass_changes_its_format(precision: str, dtype: torch.dtype) -> None:
    layer = torch.nn.Linear(3, 3)
    with device.autocast(CPU, precision):  # type: ignore[arg-type]
        out = layer(torch.ones(1, 3))
    assert out.dtype == dtype
    assert layer.weight.dtype == torch.float32


def is_strict() -> tuple[bool, bool, bool]:
    enabled = torch.are_deterministic_algorithms_enabled()
    return enabled, torch.is_deterministic_algorithms_warn_only_enabled(), torch.backends.cudnn.benchmark


@pytest.mark.parametrize(
    ("mode", "inside"),
    [("off", (False, False, True)), ("warn", (True, True, False)), ("error", (True, False, False))],
)
def test_determinism_is_asked_of_torch_and_taken_back(
    mode: Deterministic, inside: tuple[bool, bool, bool], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.backends.cudnn, "benchmark", True)
    monkeypatch.delenv("CUBLAS_WORKSPACE_CONFIG", raising=False)
    before = is_strict()
    with device.determinism(mode):
        assert is_strict() == inside
        assert os.environ.get("CUBLAS_WORKSPACE_CONFIG") == (None if mode == "off" else ":4096:8")
    assert is_strict() == before


def unpool() -> torch.Tensor:
    """An operation of which torch has no deterministic form, on CPUs either."""
    return torch.nn.functional.max_unpool2d(torch.ones(1, 1, 2, 2), torch.arange(4).view(1, 1, 2, 2), 2)


def test_an_algorithm_without_a_deterministic_form_is_refused_or_told() -> None:
    with device.determinism("off"):
        unpool()
    with device.determinism("warn"), pytest.warns(UserWarning, match="deterministic"):
        unpool()
    refusal = "does not have a deterministic implementation. Try: warn or off"
    with pytest.raises(Refused, match=refusal), device.determinism("error"):
        unpool()
    assert is_strict()[:2] == (False, False)


def test_other_errors_pass_as_they_are() -> None:
    with pytest.raises(RuntimeError, match="mat"), device.determinism("error"):
        torch.ones(2, 3) @ torch.ones(2, 3)
