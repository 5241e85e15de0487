"""Autoencoders without training: the projection on principal components, and new weights."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from shgae.analysis.pca import CovarianceSums
from shgae.artifacts.activations import Activations
from shgae.artifacts.store import open_artifact
from shgae.errors import Refused
from shgae.execution import Execution
from shgae.experiments.study import baselines
from shgae.metrics.reconstruction import ReconstructionSums
from shgae.models.autoencoder import LinearAutoencoder
from shgae.models.specs import AutoencoderSpec
from shgae.models.zoo import build_autoencoder, load_autoencoder, load_state
from shgae.stages import graft
from tests.builders.chain import Chain, Sites


@given(st.integers(0, 2**32 - 1), st.integers(1, 10))
def test_the_linear_weights_are_the_projection_on_the_first_components(seed: int, code_size: int) -> None:
    rng = np.random.default_rng(seed)
    rows = (rng.normal(size=(40, 64)) @ rng.normal(size=(64, 64)) + rng.normal(size=64)).astype(np.float32)
    sums = CovarianceSums(rows.mean(0))
    sums.add(rows)
    module = LinearAutoencoder(width=4, code_size=code_size)
    load_state(module, baselines.projection(sums.components(), code_size), "here")
    exact = rows.astype(np.float64)
    mean = exact.mean(0)
    _, _, right = np.linalg.svd(exact - mean, full_matrices=False)
    wanted = (exact - mean) @ right[:code_size].T @ right[:code_size] + mean
    with torch.no_grad():
        found = module(torch.from_numpy(rows).reshape(-1, 4, 4, 4)).reshape(-1, 64).numpy()
    np.testing.assert_allclose(found, wanted, atol=2e-3 * np.abs(exact).max())


def test_no_other_linear_code_of_that_size_leaves_less_and_the_manifest_says_what_it_leaves(
    chain: Chain, tmp_path: Path
) -> None:
    made = baselines.linear(chain.activations, tmp_path / "linear", 6, Execution())
    rows = Activations(open_artifact(chain.activations), "train")
    x = rows.read(np.arange(len(rows)))

    def unexplained(path: Path) -> float:
        module = load_autoencoder(path).module
        sums = ReconstructionSums(rows.mean())
        with torch.no_grad():
            code = module.encode(torch.from_numpy(x))
            sums.add(x, module.decode(code).numpy(), code.numpy())
        return sums.result().fvu or 0.0

    assert unexplained(tmp_path / "linear") == pytest.approx(1 - made.facts["variance_explained"], abs=1e-4)
    assert unexplained(tmp_path / "linear") < unexplained(chain.autoencoder)
    assert made.facts["people"] == len(rows)
    assert made.facts["parameters"] == sum(p.numel() for p in load_autoencoder(made.path).module.parameters())


def test_it_can_be_grafted_into_the_model_it_was_made_from_and_into_no_other(
    chain: Chain, sites: Sites, tmp_path: Path
) -> None:
    baselines.linear(chain.activations, tmp_path / "linear", 6, Execution())
    graft.run(chain.baseline, [tmp_path / "linear"], tmp_path / "grafted", Execution())
    with pytest.raises(Refused, match="activations of"):
        graft.run(sites.baseline, [tmp_path / "linear"], tmp_path / "no", Execution())


def test_of_several_stacks_the_last_ones_bottlenecks_are_taken(sites: Sites, tmp_path: Path) -> None:
    made = baselines.linear(sites.activations, tmp_path / "linear", 6, Execution())
    assert made.facts["stacks"] == [2]


def test_new_weights_are_those_of_their_seed(tmp_path: Path) -> None:
    spec = AutoencoderSpec(width=16, code_size=6)
    first = baselines.random(spec, 3, tmp_path / "a", Execution())
    again = baselines.random(spec, 3, tmp_path / "b", Execution())
    other = baselines.random(spec, 4, tmp_path / "c", Execution())
    assert first.id == again.id != other.id
    weights = load_autoencoder(tmp_path / "a").module.state_dict()
    assert all(torch.equal(weights[name], one) for name, one in build_autoencoder(spec, 3).state_dict().items())
