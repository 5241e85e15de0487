"""Settings of the whole process: held while something computes, in one thread or in several, and put back."""

import os
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest
import torch

from shgae.errors import Refused
from shgae.execution import Deterministic
from shgae.inference.device import autocast
from shgae.inference.torch_settings import determinism, searching, without_tf32
from tests.builders.pages import ROOT

BACKENDS: Any = torch.backends
CPU = torch.device("cpu")


def older() -> tuple[object, ...]:
    said: list[object] = []
    for read in (
        lambda: BACKENDS.cudnn.allow_tf32,
        lambda: BACKENDS.cuda.matmul.allow_tf32,
        torch.get_float32_matmul_precision,
    ):
        try:
            said.append(read())
        except RuntimeError:  # the older way of saying it contradicts the newer one
            said.append(None)
    return tuple(said)


def newer() -> tuple[str, ...]:
    of = (BACKENDS.cudnn.conv, BACKENDS.cudnn.rnn, BACKENDS.cuda.matmul, BACKENDS.mkldnn.conv, BACKENDS.mkldnn.matmul)
    return tuple(one.fp32_precision for one in of)


@pytest.fixture
def as_torch_begins() -> Iterator[None]:
    yield
    BACKENDS.fp32_precision = BACKENDS.cudnn.fp32_precision = "none"
    BACKENDS.cudnn.allow_tf32 = True
    torch.set_float32_matmul_precision("highest")
    for one in (BACKENDS.cuda.matmul, BACKENDS.mkldnn.conv, BACKENDS.mkldnn.rnn, BACKENDS.mkldnn.matmul):
        one.fp32_precision = "none"


def old_flags() -> None:
    BACKENDS.cudnn.allow_tf32 = BACKENDS.cuda.matmul.allow_tf32 = True


def of_all() -> None:
    BACKENDS.fp32_precision = "tf32"


def of_cudnn() -> None:
    BACKENDS.cudnn.fp32_precision = "tf32"


def of_each() -> None:
    BACKENDS.cudnn.conv.fp32_precision = BACKENDS.cuda.matmul.fp32_precision = "tf32"


def of_products() -> None:
    torch.set_float32_matmul_precision("medium")


@pytest.mark.usefixtures("as_torch_begins")
@pytest.mark.parametrize("allow", [lambda: None, old_flags, of_all, of_cudnn, of_each, of_products])
def test_float32_is_never_tf32_however_the_process_allowed_it_and_that_is_put_back(allow: Any) -> None:
    allow()
    before = older(), newer()
    assert "tf32" in before[1]
    with autocast(CPU, "fp32"):
        assert set(newer()) == {"ieee"}
        assert older() == (False, False, "highest")
    assert (older(), newer()) == before


def test_everything_that_computes_does_so_with_settled_settings() -> None:
    """Backward passes, warped crops and DARK's blur too, which no :func:`autocast` is around."""
    texts = {path: path.read_text(encoding="utf-8") for path in (ROOT / "shgae").rglob("*.py")}
    computing = {
        path for path, text in texts.items() if " placed(" in text.replace("def placed(", "") or ".backward()" in text
    }
    assert len(computing) >= 10
    inside = {"loop.py", "pose_training.py"}  # called by train, finetune and pretrain_ae
    assert {path.name for path in computing if "@settled()" not in texts[path]} <= inside


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
    with determinism(mode):
        assert is_strict() == inside
        assert os.environ.get("CUBLAS_WORKSPACE_CONFIG") == (None if mode == "off" else ":4096:8")
    assert is_strict() == before
    assert "CUBLAS_WORKSPACE_CONFIG" not in os.environ


def unpool() -> torch.Tensor:
    """An operation of which torch has no deterministic form, on CPUs either."""
    return torch.nn.functional.max_unpool2d(torch.ones(1, 1, 2, 2), torch.arange(4).view(1, 1, 2, 2), 2)


def test_an_algorithm_without_a_deterministic_form_is_refused_or_told() -> None:
    with determinism("off"):
        unpool()
    with determinism("warn"), pytest.warns(UserWarning, match="deterministic"):
        unpool()
    refusal = "does not have a deterministic implementation. Try: warn or off"
    with pytest.raises(Refused, match=refusal), determinism("error"):
        unpool()
    assert is_strict()[:2] == (False, False)


def test_other_errors_pass_as_they_are() -> None:
    with pytest.raises(RuntimeError, match="mat"), determinism("error"):
        torch.ones(2, 3) @ torch.ones(2, 3)


def test_settings_last_until_the_last_of_several_threads_has_ended() -> None:
    """Two holders that end in the order in which they began, as threads may."""
    before = is_strict()
    for first, second in (("error", "error"), ("error", "warn"), ("warn", "error")):
        one, other = ExitStack(), ExitStack()
        one.enter_context(determinism(first))  # type: ignore[arg-type]
        other.enter_context(determinism(second))  # type: ignore[arg-type]
        assert is_strict()[:2] == (True, False), "the stricter holds"
        one.close()
        assert is_strict()[:2] == (True, second == "warn")
        other.close()
        assert is_strict() == before


def test_cudnn_searches_until_the_last_search_ends_and_never_where_bits_must_repeat() -> None:
    one, other, strict = ExitStack(), ExitStack(), ExitStack()
    before = is_strict()
    one.enter_context(searching())
    other.enter_context(searching())
    assert torch.backends.cudnn.benchmark
    strict.enter_context(determinism("error"))
    one.close()
    assert is_strict() == (True, False, False)
    strict.close()
    assert torch.backends.cudnn.benchmark
    other.close()
    assert is_strict() == before


@pytest.mark.usefixtures("as_torch_begins")
def test_tf32_stays_off_until_the_last_of_several_threads_has_ended() -> None:
    one, other = ExitStack(), ExitStack()
    before = newer()
    one.enter_context(without_tf32())
    other.enter_context(without_tf32())
    one.close()
    assert set(newer()) == {"ieee"}
    other.close()
    assert newer() == before
