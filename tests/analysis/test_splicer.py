"""A network cut open at a bottleneck is the network, and every person is counted as a loop would count them."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from shgae.analysis import splicer
from shgae.analysis.effects import UNTOUCHED
from shgae.analysis.site import Site
from shgae.analysis.splicer import Passes, Splicer
from shgae.errors import Refused
from shgae.execution import Execution
from shgae.models.specs import AutoencoderSpec
from shgae.models.zoo import build_autoencoder
from shgae.recipes import HeatmapConfig
from tests.builders.chain import Notes
from tests.builders.networks import first_people, random_hourglass

HOW, CPU = Execution(workers=0), torch.device("cpu")
AUTOENCODER = AutoencoderSpec(width=16, code_size=5)


def splicer_of(site: Site, batch_size: int = 4) -> Splicer:
    return Splicer(site, CPU, "fp32", batch_size, HOW)


@torch.inference_mode()
def entering_the_graft(module: Any, images: Tensor, stack: int) -> tuple[Tensor, Tensor]:
    """What a whole pass gives to the graft of a stack, and its last maps; seen by a hook."""
    seen: list[Tensor] = []
    hook = module.hourglass(stack).graft.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0].clone()))
    maps = module(images)[:, -1]
    hook.remove()
    return seen[0], maps


@pytest.mark.parametrize(("stack", "batch_size"), [(0, 3), (1, 64)])
def test_bottlenecks_are_what_enters_the_graft_of_a_whole_pass(tiny_data: Path, stack: int, batch_size: int) -> None:
    crops, _, images = first_people(tiny_data, limit=5)
    loaded = random_hourglass(stacks=2)
    wanted, _ = entering_the_graft(loaded.module, images, stack)
    found = splicer_of(Site(loaded, stack), batch_size).bottlenecks(crops, "people")
    assert found.shape == (5, 16, 4, 4)
    np.testing.assert_allclose(found, wanted.numpy(), rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("stack", [0, 1])
def test_up_from_the_bottleneck_as_it_is_the_maps_are_those_of_a_whole_pass(tiny_data: Path, stack: int) -> None:
    _, batch, images = first_people(tiny_data, limit=3)
    loaded = random_hourglass(stacks=2)
    _, wanted = entering_the_graft(loaded.module, images, stack)
    splicer = splicer_of(Site(loaded, stack))
    descent = splicer.descend(batch)
    assert torch.equal(splicer.ascend(descent, descent.bottleneck, True), wanted)


def test_a_skip_that_is_off_adds_nothing(tiny_data: Path) -> None:
    _, batch, _ = first_people(tiny_data, limit=3)
    splicer = splicer_of(Site(random_hourglass(), 0))
    descent = splicer.descend(batch)
    nothing = descent._replace(skips=tuple(torch.zeros_like(skip) for skip in descent.skips if skip is not None))
    off = splicer.ascend(descent, descent.bottleneck, False)
    assert torch.equal(off, splicer.ascend(nothing, descent.bottleneck, True))
    assert not torch.equal(off, splicer.ascend(descent, descent.bottleneck, True))


def test_an_autoencoder_in_its_place_gives_the_maps_of_the_grafted_network(tiny_data: Path) -> None:
    _, batch, images = first_people(tiny_data, limit=3)
    autoencoder = build_autoencoder(AUTOENCODER, seed=1).eval()
    _, wanted = entering_the_graft(random_hourglass(graft=autoencoder).module, images, 0)
    splicer = splicer_of(Site(random_hourglass(), 0))
    descent = splicer.descend(batch)
    found = splicer.ascend(descent, splicer.through(autoencoder)(descent.bottleneck, batch.rows), True)
    assert torch.equal(found, wanted)


def test_codes_are_made_in_portions_and_none_is_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(splicer, "_AT_ONCE", 3)
    autoencoder = build_autoencoder(AUTOENCODER, seed=1).eval()
    rows = np.random.default_rng(0).standard_normal((7, 16, 4, 4)).astype(np.float32)
    found = splicer_of(Site(random_hourglass(), 0)).codes(autoencoder, rows)
    with torch.no_grad():
        one_by_one = np.concatenate([autoencoder.encode(torch.from_numpy(row[None])).numpy() for row in rows])
    np.testing.assert_allclose(found, one_by_one, rtol=1e-5, atol=1e-7)


def test_maps_that_are_no_numbers_are_refused_by_the_models_name(tiny_data: Path) -> None:
    _, batch, _ = first_people(tiny_data, limit=1)
    splicer = splicer_of(Site(random_hourglass(), 0))
    descent = splicer.descend(batch)
    with pytest.raises(Refused) as caught:
        splicer.ascend(descent, torch.full_like(descent.bottleneck, float("nan")), True)
    assert (caught.value.what, caught.value.where) == ("model", "some/model")


@pytest.mark.parametrize("unlabelled", ["masked", "empty"])
def test_every_person_is_counted_as_a_loop_over_people_counts(tiny_data: Path, unlabelled: Any) -> None:
    crops, batch, images = first_people(tiny_data, limit=4)
    heatmap = HeatmapConfig(sigma_visible=1.5, unlabelled=unlabelled)
    loaded = random_hourglass(heatmap=dataclasses.asdict(heatmap))
    splicer = splicer_of(Site(loaded, 0), batch_size=2)
    passes = Passes(splicer, crops, (UNTOUCHED, "zero"))
    for part in splicer.batches(crops):
        descent = splicer.descend(part)
        passes.add(part, descent, ((UNTOUCHED, descent.bottleneck), ("zero", torch.zeros_like(descent.bottleneck))))
    _, untouched = entering_the_graft(loaded.module, images, 0)

    class Zero(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return torch.zeros_like(x)

    loaded.module.hourglass(0).graft = Zero()
    _, emptied = entering_the_graft(loaded.module, images, 0)
    targets, counts = passes.targets(batch)
    for name, maps in ((UNTOUCHED, untouched), ("zero", emptied)):
        tally = passes.on[name]
        for person in range(4):
            labelled = [k for k in range(17) if batch.visibility[person, k] or unlabelled == "empty"]
            assert counts[person].sum() == len(labelled)
            error = sum(float(((maps[person, k] - targets[person, k]) ** 2).sum()) for k in labelled)
            assert tally.error[person] == pytest.approx(error, rel=1e-4)
            assert tally.counted[person] == 32 * 32 * len(labelled)
            distance = float(((maps[person] - untouched[person]) ** 2).sum())
            assert tally.distance[person] == pytest.approx(distance, rel=1e-3, abs=1e-9)
            for k in range(17):
                y, x = divmod(int(maps[person, k].argmax()), 32)
                assert tally.cells[person, k].tolist() == [x, y]
    assert not passes.off[UNTOUCHED].distance.any()
    assert (passes.off["zero"].distance > 0).all()
    assert not np.array_equal(passes.off["zero"].error, passes.on["zero"].error)


def test_people_are_scored_against_the_cells_that_their_joints_fall_on(tiny_data: Path) -> None:
    crops, batch, _ = first_people(tiny_data)
    truth = Passes(splicer_of(Site(random_hourglass(), 0)), crops).truth
    assert truth.size == 32
    assert truth.photo_id.tolist() == crops.people.photo_id.tolist()
    for person, joint in np.ndindex(len(crops), 17):
        xy = batch.xy_crop[person, joint].tolist()
        is_inside = all(0 <= place <= 128 for place in xy)
        assert truth.visibility[person, joint] == (int(batch.visibility[person, joint]) if is_inside else 0)
        if is_inside:
            assert truth.cells[person, joint].tolist() == [min(round(int(place) / 4), 31) for place in xy]


def test_targets_are_those_of_the_training_or_the_usual_ones_with_a_note() -> None:
    notes = Notes()
    known = {"peak": "one", "sigma_visible": 2.5}
    first, other = (
        Splicer(Site(loaded, 0), CPU, "fp32", 4, Execution(progress=notes))
        for loaded in (random_hourglass(heatmap=known), random_hourglass())
    )
    assert first.heatmap == HeatmapConfig(**known)  # type: ignore[arg-type]
    assert notes.said == []
    assert other.heatmap == other.heatmap == HeatmapConfig()
    assert len(notes.said) == 1
