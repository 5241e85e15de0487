"""The textbook version is the same network, or it would be no measure."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch import nn

from shgae.models.specs import AutoencoderSpec, HourglassSpec
from shgae.models.zoo import build_autoencoder, build_hourglass
from tests.benchmarks import textbook
from tests.benchmarks.same_weights import in_textbook_form


def count(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


def test_it_has_the_study_s_parameters() -> None:
    assert count(textbook.Network()) == count(build_hourglass(HourglassSpec(keypoints=17))) == 14_526_053
    assert count(textbook.autoencoder()) == count(build_autoencoder(AutoencoderSpec())) == 1_578_994


def test_it_has_as_many_residuals_and_the_same_maps_in_shape() -> None:
    ours, theirs = build_hourglass(HourglassSpec(keypoints=3, width=16)).eval(), textbook.Network(3, 16).eval()
    residuals = {str(name): module for name, module in ours.named_modules() if hasattr(module, "shortcut")}
    assert len(residuals) == len([one for one in theirs.modules() if isinstance(one, textbook.Residual)])
    images = torch.rand(2, 3, 256, 256) - 0.4
    with torch.no_grad():
        assert theirs(images).shape == ours(images)[:, -1].shape == (2, 3, 64, 64)


def test_its_loops_run(tmp_path: Path) -> None:
    network = textbook.Network(3, 16)
    crops = np.random.default_rng(0).integers(0, 256, (2, 256, 256, 3), dtype=np.uint8)
    textbook.extract(network.eval(), crops, (0.4, 0.4, 0.4), tmp_path)
    assert np.load(tmp_path / "0.npy").shape == (16, 4, 4)
    model = textbook.autoencoder(16, 5)
    textbook.autoencoder_epoch(model, torch.optim.SGD(model.parameters(), 1e-3), tmp_path)
    assert len(textbook.predict(network, crops, (0.4, 0.4, 0.4))[1]) == 3
    targets = torch.from_numpy(np.stack([[textbook.gaussian(64, 5, 6)] * 3] * 2))
    optimizer = torch.optim.RMSprop(network.parameters(), 1e-4)
    assert textbook.training_step(network.train(), optimizer, torch.rand(2, 3, 256, 256), targets) > 0


def test_with_our_weights_it_gives_our_maps() -> None:
    ours = build_hourglass(HourglassSpec(keypoints=3, width=16))
    images = torch.rand(2, 3, 256, 256) - 0.4
    with torch.no_grad():
        ours(images)  # in train mode: the statistics move
        theirs = in_textbook_form(ours, keypoints=3).eval()
        torch.testing.assert_close(theirs(images), ours.eval()(images)[:, -1], rtol=1e-4, atol=1e-5)
