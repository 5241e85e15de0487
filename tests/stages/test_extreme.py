"""Bottlenecks that are huge, tiny or the same for everybody: each step ends in a result, or names the file."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from shgae.arrays import Array
from shgae.artifacts.activations import LARGEST
from shgae.artifacts.checkpoint import MODEL
from shgae.errors import Diverged, Refused
from shgae.execution import Execution
from shgae.recipes import AnalyzeConfig, RateConfig, ReportConfig, SpliceConfig
from shgae.stages import analyze, extract, graft, plot, pretrain_ae, rate, report, splice
from tests.builders.chain import Chain
from tests.builders.forged import forged, rewritten
from tests.builders.tiny import TINY_AE, TINY_EXTRACT

HOW = Execution()
ANALYZE = AnalyzeConfig(precision="fp32", batch_size=4, clusters="2", traversals=1, unit_people=4)
SPLICE = SpliceConfig(precision="fp32", batch_size=4)
RATE = RateConfig(precision="fp32", batch_size=4, components="0,2")
STEPS: dict[str, Callable[[Chain, Path, Path], Any]] = {
    "pretrain-ae": lambda _, rows, out: pretrain_ae.run(rows, out, replace(TINY_AE, epochs=1), HOW),
    "analyze": lambda _, rows, out: analyze.run([rows], out, ANALYZE, HOW),
    "analyze all": lambda chain, rows, out: analyze.run(
        [rows, chain.baseline, chain.data, chain.autoencoder], out, ANALYZE, HOW
    ),
    "splice": lambda chain, rows, out: splice.run(chain.baseline, chain.data, out, SPLICE, HOW, None, rows),
    "rate": lambda chain, rows, out: rate.run(chain.baseline, rows, chain.data, out, RATE, HOW),
}


def outlier(value: float) -> Callable[[Array], Array]:
    """One person has that number everywhere, and nobody else."""
    return lambda x: np.concatenate([np.full_like(x[:1], value), x[1:]])


HUGE: dict[str, Callable[[Array], Array]] = {
    "all 1e25 times as large": lambda x: 1e25 * x,
    "all 1e25": lambda x: np.full_like(x, 1e25),
    "as large as float32 goes": lambda x: np.where(x > np.median(x), 3.4e38, -3.4e38),
    "one person": outlier(1e25),
    "one number": lambda x: np.where(np.arange(x.size).reshape(x.shape) == 7, 1.5 * LARGEST, x),
}


def pairs(steps: Iterable[str], kinds: Iterable[str], *often: str) -> list[Any]:
    """Steps with kinds of rows; of the first step those ``often``, of the others the first of them in every run."""
    first, *rest = steps
    every = {*((first, kind) for kind in often), *((step, often[0]) for step in rest)}
    pairs = [(step, kind) for step in (first, *rest) for kind in kinds]
    return [pytest.param(*pair, marks=() if pair in every else pytest.mark.slow) for pair in pairs]


@pytest.mark.parametrize(("step", "kind"), pairs(STEPS, HUGE, "one number", *HUGE))
def test_what_no_sum_of_squares_holds_is_refused_by_its_file(
    step: str, kind: str, chain: Chain, tmp_path: Path
) -> None:
    rows = rewritten(chain.activations, tmp_path / "rows", HUGE[kind])
    with pytest.raises(Refused) as refused:
        STEPS[step](chain, rows, tmp_path / "out")
    assert Path(refused.value.where).parent.parent == rows
    assert not (tmp_path / "out").exists()


ODD: dict[str, Callable[[Array], Array]] = {
    "zero": np.zeros_like,
    "the same for everybody": lambda x: np.broadcast_to(x[:1], x.shape),
    "too small for squares": lambda x: 1e-30 * x,
    "the same but for one person": outlier(1.0),
    "as large as it may be": lambda x: x / np.abs(x).max() * LARGEST * 0.99,
}


@pytest.mark.parametrize(
    ("step", "kind"),
    pairs([step for step in STEPS if step != "pretrain-ae"], ODD, "the same for everybody", "as large as it may be"),
)
def test_every_step_has_a_result_of_odd_bottlenecks_and_it_is_drawn(
    step: str, kind: str, chain: Chain, tmp_path: Path
) -> None:
    rows = rewritten(chain.activations, tmp_path / "rows", ODD[kind])
    STEPS[step](chain, rows, tmp_path / "out")
    report.run([tmp_path / "out"], tmp_path / "page.html", ReportConfig(), HOW)
    if step != "splice":  # of which there is nothing to draw
        plot.run([tmp_path / "out"], tmp_path / "figures", HOW)


@pytest.mark.usefixtures("sketched")
@pytest.mark.parametrize("kind", ["zero", "the same for everybody"])
def test_what_does_not_vary_has_no_components_and_no_clusters(kind: str, chain: Chain, tmp_path: Path) -> None:
    rows = rewritten(chain.activations, tmp_path / "rows", ODD[kind])
    found = analyze.run([rows], tmp_path / "out", ANALYZE, HOW).report
    assert found.spectrum is not None and not any(found.spectrum.shares)
    assert (found.spectrum.above_chance, found.spectrum.effective_dimension) == (0, 0.0)
    assert found.clusters is None and found.direction_clusters is None
    spliced = splice.run(chain.baseline, chain.data, None, SPLICE, HOW, None, rows).report
    assert spliced.bottleneck_effective_dimension is None


@pytest.mark.usefixtures("sketched")
@pytest.mark.parametrize("kind", ["zero", "the same for everybody"])
def test_an_autoencoder_of_what_does_not_vary_is_made_and_grafted(kind: str, chain: Chain, tmp_path: Path) -> None:
    rows = rewritten(chain.activations, tmp_path / "rows", ODD[kind])
    made = pretrain_ae.run(rows, tmp_path / "code", TINY_AE, HOW)
    assert made.reconstruction.fvu is None or made.reconstruction.fvu >= 0
    graft.run(chain.baseline, [tmp_path / "code"], tmp_path / "grafted", HOW)
    found = analyze.run([rows, tmp_path / "grafted", chain.data], tmp_path / "out", ANALYZE, HOW).report
    assert found.code_spectrum is not None and not any(found.code_spectrum.shares)


@pytest.mark.usefixtures("sketched")
def test_components_do_not_depend_on_the_unit(chain: Chain, tmp_path: Path) -> None:
    once = analyze.run([chain.activations], tmp_path / "once", ANALYZE, HOW).report
    rows = rewritten(chain.activations, tmp_path / "rows", lambda x: 2.0**30 * x)
    large = analyze.run([rows], tmp_path / "large", ANALYZE, HOW).report
    assert once.spectrum is not None and large.spectrum is not None
    assert large.spectrum.shares == pytest.approx(once.spectrum.shares, abs=1e-9)
    assert large.clusters is not None and once.clusters is not None
    assert large.clusters.best.silhouette == pytest.approx(once.clusters.best.silhouette, abs=1e-5)


def scaled(name: str, factor: float) -> Callable[[dict[str, Array]], object]:
    """A network with weights of a layer that many times as large."""
    return lambda tensors: tensors.update({name: (tensors[name] * np.float64(factor)).astype(np.float32)})


BOTTLENECK, MAPS = "stacks.0.hourglass.bottleneck.2.conv3.weight", "stacks.0.head.maps.3.weight"


@pytest.mark.parametrize("layer", [BOTTLENECK, MAPS])
@pytest.mark.parametrize("step", ["analyze", "splice"])
def test_a_network_whose_numbers_are_huge_is_refused_by_its_folder(
    layer: str, step: str, chain: Chain, tmp_path: Path
) -> None:
    model = forged(chain.baseline, tmp_path / "model", MODEL, scaled(layer, 1e25))
    with pytest.raises(Refused) as refused:
        if step == "splice":
            splice.run(model, chain.data, tmp_path / "out", SPLICE, HOW)
        else:
            analyze.run([model, chain.data], tmp_path / "out", ANALYZE, HOW)
    assert refused.value.where == str(model)


@pytest.mark.parametrize("dtype", ["fp32", "fp16"])
def test_extract_writes_nothing_that_no_step_takes(dtype: Any, chain: Chain, tmp_path: Path) -> None:
    model = forged(chain.baseline, tmp_path / "model", MODEL, scaled(BOTTLENECK, 1e25))
    with pytest.raises(Diverged, match=r"beyond .* largest is .*e\+24") as ended:
        extract.run(model, chain.data, tmp_path / "out", replace(TINY_EXTRACT, dtype=dtype), HOW)
    assert (ended.value.where, "--dtype" in ended.value.fix) == (str(model), False), "fp32 would not help"


@pytest.mark.parametrize("layer", ["to_code.weight", "decoder.4.weight"])
def test_an_autoencoder_whose_numbers_are_huge_is_refused(layer: str, chain: Chain, tmp_path: Path) -> None:
    code = forged(chain.autoencoder, tmp_path / "code", MODEL, scaled(layer, 1e25))
    with pytest.raises(Refused):
        splice.run(chain.baseline, chain.data, tmp_path / "out", SPLICE, HOW, code)
    if layer == "to_code.weight":
        with pytest.raises(Refused) as refused:
            analyze.run([chain.activations, code], tmp_path / "out", ANALYZE, HOW)
        assert refused.value.where == str(code)
