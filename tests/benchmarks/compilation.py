"""What ``--compile`` costs and gains on this machine: ``OMP_NUM_THREADS=1 python -m tests.benchmarks.compilation``.

Prints a line a network: processor seconds of its compilation, and of a training step with and without (medians, the
steps without before and after those with). Takes some minutes.
"""

from __future__ import annotations

import resource
import statistics
import sys
import time
from collections.abc import Callable

import torch
from torch import nn

from shgae.execution import Execution
from shgae.inference.device import autocast
from shgae.models.specs import AutoencoderSpec, HourglassSpec
from shgae.models.zoo import build_autoencoder, build_hourglass
from shgae.recipes import FitConfig, Precision
from shgae.training.compiling import Compiled, compiled

CPU = torch.device("cpu")


def seconds() -> float:
    """Processor seconds of this process and of those that it has started."""
    return sum(sum(resource.getrusage(who)[:2]) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))


def measured(model: nn.Module, x: torch.Tensor, precision: Precision, steps: int) -> tuple[float, float, float]:
    """Seconds of the compilation, of a step with it, and of a step without."""
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-4, fused=True)
    network = compiled(model.train(), FitConfig(), Execution(compile=True), frozenset((len(x),)))

    def step(forward: Callable[[torch.Tensor], torch.Tensor]) -> None:
        optimizer.zero_grad(set_to_none=True)
        with autocast(CPU, precision):
            out = forward(x)
        out.float().square().mean().backward()  # type: ignore[no-untyped-call]
        optimizer.step()

    def median(forward: Callable[[torch.Tensor], torch.Tensor]) -> float:
        step(forward)
        taken = []
        for _ in range(steps):
            begun = time.process_time()
            step(forward)
            taken.append(time.process_time() - begun)
        return statistics.median(taken)

    before = median(model)
    begun = seconds()
    step(network)
    compilation = seconds() - begun
    with_it, after = median(network), median(model)
    assert isinstance(network, Compiled)
    if network.fault:
        raise RuntimeError(network.fault)
    return compilation, with_it, min(before, after)


def main(width: int = 128, steps: int = 5) -> None:
    """Measures the hourglass and the autoencoder in two formats each."""
    kinds: tuple[tuple[str, Precision], ...] = (
        ("newell", "fp32"),
        ("original", "bf16"),
        ("code", "fp32"),
        ("code", "bf16"),
    )
    for kind, precision in kinds:
        torch.manual_seed(0)
        if kind == "code":
            model: nn.Module = build_autoencoder(AutoencoderSpec(width=2 * width))
            x = torch.randn(16, 2 * width, 4, 4)
        else:
            spec = HourglassSpec(keypoints=17, crop_size=128, residual=kind, width=width)  # type: ignore[arg-type]
            model, x = build_hourglass(spec), torch.rand(4, 3, 128, 128) - 0.5
        if kind != "code" or precision != "fp32":
            model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        compilation, with_it, without = measured(model, x, precision, steps * (8 if kind == "code" else 1))
        sys.stdout.write(
            f"{kind} {precision}: compilation {compilation:.0f} s, a step {1e3 * with_it:.1f} ms with and "
            f"{1e3 * without:.1f} ms without, {without / with_it:.2f} x\n"
        )
        sys.stdout.flush()


if __name__ == "__main__":
    main()
