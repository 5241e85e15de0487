"""What an analysis asks of a network, against single people, single skips and single numbers of the code by hand."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from shgae.analysis.latent import network as network_module
from shgae.analysis.latent.network import SIGMAS, DecodedPose, Network, Traversal, decode_code
from shgae.analysis.latent.report import STEPS
from shgae.analysis.latent.space import Scattered
from shgae.analysis.pca import CovarianceSums
from shgae.analysis.site import Site
from shgae.analysis.splicer import Passes, Splicer
from shgae.artifacts.crops import Crops
from shgae.data.datasets import PoseBatch
from shgae.execution import Execution
from shgae.models.autoencoder import Autoencoder
from shgae.models.specs import AutoencoderSpec
from shgae.models.zoo import build_autoencoder
from tests.builders.networks import first_people, random_hourglass

HOW = Execution(workers=0)


def autoencoder(family: str = "conv") -> Autoencoder:
    return build_autoencoder(AutoencoderSpec(width=16, code_size=4, family=family), seed=1).eval()  # type: ignore[arg-type]


def network_of(graft: Autoencoder | None = None) -> tuple[Network, Splicer]:
    splicer = Splicer(Site(random_hourglass(graft=graft), 0), torch.device("cpu"), "fp32", 2, HOW)
    return Network(splicer), splicer


def answered(crops: Crops, batch: PoseBatch, splicer: Splicer, through: Callable[[Tensor], Tensor]) -> Crops:
    """The same crops with every other joint where the network finds it, so that there is something to lose."""
    descent = splicer.descend(batch)
    with torch.no_grad():
        maps = splicer.ascend(descent, through(descent.bottleneck), True)
    xy_crop = crops.people.xy_crop.copy()
    cells = np.stack([maps.flatten(-2).argmax(-1) % 32, maps.flatten(-2).argmax(-1) // 32], -1)
    xy_crop[:, ::2] = 4 * cells[:, ::2] + 0.5
    crops.people = dataclasses.replace(crops.people, xy_crop=xy_crop)
    return crops


def share_found(maps: Callable[[int], Tensor], passes: Passes, people: int) -> float:
    """PCK by a loop: of each person's labelled joints the share within a 20th of the map's side, then the mean."""
    truth, shares = passes.truth, []
    for person in range(people):
        found = maps(person)[0]
        hits = []
        for joint in range(17):
            if truth.visibility[person, joint]:
                y, x = divmod(int(found[joint].argmax()), 32)
                true_x, true_y = truth.cells[person, joint].tolist()
                hits.append(float(np.hypot(x - true_x, y - true_y)) < 32 / 20)
        shares += [float(np.mean(hits))] if hits else []
    return float(np.mean(shares))


def test_the_mean_person_is_the_mean_of_the_first_people_one_by_one(
    tiny_data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(network_module, "RESTING", 3)  # not a whole number of batches
    crops, batch, _ = first_people(tiny_data)
    network, splicer = network_of()
    rest = network.rest(crops)
    one_by_one = [splicer.descend(type(batch)(*(part[i : i + 1] for part in batch[:5]))) for i in range(3)]
    assert rest.people == 3
    for name in ("stack_input", "bottleneck"):
        wanted = torch.cat([getattr(one, name) for one in one_by_one]).mean(0, keepdim=True)
        torch.testing.assert_close(getattr(rest.descent, name), wanted)
    for level, skip in enumerate(rest.descent.skips):
        torch.testing.assert_close(skip, torch.cat([one.skips[level] for one in one_by_one]).mean(0, keepdim=True))
    assert network.rest(first_people(tiny_data, limit=2)[0]).people == 2


@pytest.mark.parametrize("skips", [True, False])
def test_what_maps_say_is_read_off_each_map(tiny_data: Path, skips: bool) -> None:
    network, splicer = network_of()
    rest = network.rest(first_people(tiny_data, limit=4)[0])
    places = torch.randn(3, 16, 4, 4, generator=torch.Generator().manual_seed(0))
    found = network.decode(rest, places, skips)
    for i in range(3):
        maps = splicer.ascend(rest.descent, places[i : i + 1], skips)[0]
        for joint in range(17):
            y, x = divmod(int(maps[joint].argmax()), 32)
            assert found.xy_crop[i, joint].tolist() == [4 * x + 0.5, 4 * y + 0.5]
            assert found.height[i, joint] == pytest.approx(float(maps[joint].max()), rel=1e-4)
        np.testing.assert_allclose(found.heat[i], maps.numpy().max(0), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(("family", "is_cut"), [("conv", True), ("linear", False)])
def test_only_codes_that_a_relu_made_are_cut_at_zero(family: str, is_cut: bool) -> None:
    code = autoencoder(family)
    places = torch.tensor([[-1.0, 2.0, -3.0, 0.5]])
    possible = torch.tensor([[0.0, 2.0, 0.0, 0.5]]) if is_cut else places
    with torch.no_grad():
        assert torch.equal(decode_code(code, places), code.decode(possible))
        assert is_cut != torch.equal(decode_code(code, places), code.decode(places))


def test_people_with_the_highest_values_of_a_unit_are_those_for_whom_it_is_active(tiny_data: Path) -> None:
    crops, _, _ = first_people(tiny_data, limit=2)
    network, _ = network_of()
    codes = np.zeros((6, 4), np.float32)
    codes[2, 0], codes[4, 0] = 1, 3
    codes[:, 1] = [5, 1, 2, 3, 4, 6]
    units = network.units(crops, autoencoder(), codes, network.rest(crops), seed=0)
    assert [unit.measured.top_rows for unit in units] == [(4, 2), (5, 0, 4, 3), (), ()]


def test_how_far_a_walk_moves_joints_is_measured_between_two_deviations_on_either_side() -> None:
    xy = np.zeros((len(STEPS), 2, 2), np.float32)
    xy[STEPS.index(-2.0)], xy[STEPS.index(2.0)] = [[10, 10], [20, 20]], [[13, 14], [20, 20]]
    xy[0] = 100  # three deviations away: not looked at
    decoded = DecodedPose(xy, np.zeros((len(STEPS), 2), np.float32), np.zeros((len(STEPS), 32, 32), np.float32))
    traversal = Traversal(1, 1.0, 0.5, {"skips_on": decoded, "skips_off": decoded}, np.zeros(len(STEPS), np.int64))
    assert traversal.moved.skips_on == traversal.moved.skips_off == pytest.approx((5 + 0) / 2 / 128)


@pytest.mark.parametrize("in_code", [False, True])
def test_a_walk_is_decoded_at_its_places(tiny_data: Path, in_code: bool) -> None:
    code = autoencoder("linear")
    network, splicer = network_of(None if in_code else code)
    rest = network.rest(first_people(tiny_data, limit=2)[0])
    numbers = np.random.default_rng(0)
    rows = numbers.standard_normal((300, 4 if in_code else 256)).astype(np.float32)
    sums = CovarianceSums(rows.mean(0))
    sums.add(rows)
    components = sums.components()
    scattered = Scattered(
        components,
        ((rows - rows.mean(0)) @ components.directions[:3].T).astype(np.float32),
        np.square(rows - rows.mean(0)).sum(1),
    )
    found = network.traverse(rest, scattered, range(1, 3), code if in_code else None)
    assert [traversal.component for traversal in found] == [2, 3]
    spectrum, directions = np.linalg.eigh(np.cov(rows.T.astype(np.float64), bias=True))
    for place, traversal in zip((-2, -3), found, strict=True):
        assert traversal.deviation**2 == pytest.approx(spectrum[place], rel=1e-2)
        assert traversal.share == pytest.approx(spectrum[place] / spectrum.sum(), rel=1e-3)
        line = np.outer(
            STEPS,
            np.sqrt(components.variances[traversal.component - 1]) * components.directions[traversal.component - 1],
        )
        assert abs(directions[:, place] @ components.directions[traversal.component - 1]) == pytest.approx(1, abs=1e-3)
        places = torch.from_numpy((components.mean + line).astype(np.float32))
        with torch.no_grad():
            bottlenecks = code.decode(places) if in_code else code(places.view(-1, 16, 4, 4))
        for side, on in (("skips_on", True), ("skips_off", False)):
            wanted = network.decode(rest, bottlenecks, on)
            np.testing.assert_allclose(traversal.decoded[side].heat, wanted.heat, rtol=1e-3, atol=1e-4)
        assert traversal.moved.skips_on >= 0


def test_levels_are_switched_off_one_by_one_and_scored_as_by_a_loop(tiny_data: Path) -> None:
    code = autoencoder()
    crops, batch, _ = first_people(tiny_data)
    network, splicer = network_of(code)
    crops = answered(crops, batch, splicer, code)
    mean = np.random.default_rng(0).standard_normal((16, 4, 4))
    found = {(one.bottleneck, one.skips): one for one in network.levels(crops, mean, seed=0)}
    ways = ["all on", "off at 32", "off at 16", "off at 8", "all off"]
    assert list(found) == [(bottleneck, way) for bottleneck in ("as it is", "training mean") for way in ways]
    assert len({one.pck.all for one in found.values()}) > 5, "conditions that differ"
    passes = Passes(splicer, crops)
    descents = [splicer.descend(type(batch)(*(part[i : i + 1] for part in batch[:5]))) for i in range(len(crops))]
    for (bottleneck, way), one in found.items():

        def maps(person: int, bottleneck: str = bottleneck, way: str = way) -> Tensor:
            descent = descents[person]
            skips = [
                torch.zeros_like(skip) if way == "all off" or way == f"off at {skip.shape[-1]}" else skip
                for skip in descent.skips
                if skip is not None
            ]
            start = descent.bottleneck if bottleneck == "as it is" else torch.from_numpy(mean[None].astype(np.float32))
            with torch.no_grad():
                return splicer.ascend(descent._replace(skips=tuple(skips)), code(start), True)

        assert one.pck.all == pytest.approx(share_found(maps, passes, len(crops)), abs=1e-6), (bottleneck, way)
        assert (one.lost is None) == ((bottleneck, way) == ("as it is", "all on"))
        if one.lost:
            whole = found["as it is", "all on"].pck.all
            assert whole is not None
            assert one.pck.all is not None
            assert one.lost.value == pytest.approx(whole - one.pck.all)


def test_a_unit_is_held_at_its_mean_and_a_dead_one_is_only_counted(tiny_data: Path) -> None:
    code = autoencoder("linear")
    crops, batch, _ = first_people(tiny_data)
    network, splicer = network_of()
    rest, crops = network.rest(crops), answered(crops, batch, splicer, code)
    codes = np.random.default_rng(0).standard_normal((50, 4)).astype(np.float32)
    codes[:, 2], codes[:10, 3] = 0.25, 0
    units = network.units(crops, code, codes, rest, seed=0)
    passes = Passes(splicer, crops)
    descents = [splicer.descend(type(batch)(*(part[i : i + 1] for part in batch[:5]))) for i in range(len(crops))]

    def without(unit: int | None) -> Callable[[int], Tensor]:
        def maps(person: int) -> Tensor:
            with torch.no_grad():
                own = code.encode(descents[person].bottleneck)
                if unit is not None:
                    own[:, unit] = float(np.mean([row[unit] for row in codes]))
                return splicer.ascend(descents[person], code.decode(own), True)

        return maps

    whole = share_found(without(None), passes, len(crops))
    assert whole > 0.4
    assert [unit.measured.unit for unit in units] == [0, 1, 2, 3]
    assert [unit.measured.density for unit in units] == [1.0, 1.0, 1.0, 0.8]
    constant = units.pop(2)
    dead = constant.measured
    assert (dead.lost, constant.decoded, dead.top_rows, dead.joints, dead.deviation) == (None, None, (), {}, 0.0)
    for unit in units:
        one, values = unit.measured, codes[:, unit.measured.unit]
        assert one.lost is not None
        wanted = whole - share_found(without(one.unit), passes, len(crops))
        assert one.lost.value == pytest.approx(wanted, abs=1e-6)
        assert one.deviation == pytest.approx(np.std(values), rel=1e-5)
        assert values[list(one.top_rows)].tolist() == sorted(values.tolist(), reverse=True)[:4]
        places = np.tile(codes.mean(0), (len(SIGMAS), 1))
        places[:, one.unit] += np.array(SIGMAS) * values.std()
        with torch.no_grad():
            wanted_heat = network.decode(rest, code.decode(torch.from_numpy(places.astype(np.float32))), True).heat
        assert unit.decoded is not None
        np.testing.assert_allclose(unit.decoded.heat, wanted_heat, rtol=1e-3, atol=1e-4)
