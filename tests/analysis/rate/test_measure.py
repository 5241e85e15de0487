"""Which ranks a curve has, and which autoencoder is a point on it."""

from __future__ import annotations

from dataclasses import replace

from shgae.analysis.rate.measure import ranks, rated_code
from shgae.analysis.site import Site
from shgae.models.zoo import AutoencoderSpec, LoadedAutoencoder, build_autoencoder
from tests.builders.networks import random_hourglass

SPEC = AutoencoderSpec(width=16, code_size=5)


def test_ranks_are_put_in_order_cut_to_size_and_begin_with_none() -> None:
    assert ranks("50, 3,3,9000", 64) == (0, 3, 50, 64)


def test_the_point_is_the_autoencoder_of_the_site_or_the_given_one() -> None:
    plain, own = random_hourglass(), build_autoencoder(SPEC, seed=1)
    given = LoadedAutoencoder(build_autoencoder(SPEC, seed=2), SPEC, plain.artifact)
    assert rated_code(Site(plain, 0), None) is None
    assert rated_code(Site(plain, 0), given) == (given.module, SPEC)
    grafted = random_hourglass(graft=own)
    grafted = replace(grafted, spec=grafted.spec.with_graft(SPEC))
    assert rated_code(Site(grafted, 0), None) == (own, SPEC)
