"""A site is one stack of a network, with the autoencoder there."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from shgae.analysis import site
from shgae.analysis.site import Site, open_site
from shgae.errors import Refused
from shgae.models.specs import AutoencoderSpec
from shgae.models.zoo import LoadedAutoencoder, build_autoencoder
from tests.builders.networks import random_hourglass


def test_a_site_is_a_stack_by_its_number_or_the_last_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(site, "load_hourglass", lambda _: random_hourglass(stacks=2))
    assert [open_site(Path("m"), name).stack for name in ("0", "1", "last")] == [0, 1, 1]
    with pytest.raises(Refused) as caught:
        open_site(Path("m"), "2")
    assert (caught.value.what, caught.value.fix) == ("stack 2", "--stack 1")


@pytest.mark.parametrize(("made_by", "is_tuned"), [("finetune", True), ("graft", False)])
def test_a_site_knows_its_own_autoencoder_and_whether_it_was_trained_on(made_by: str, is_tuned: bool) -> None:
    autoencoder = build_autoencoder(AutoencoderSpec(width=16, code_size=5))
    loaded = random_hourglass(stacks=2, graft=autoencoder, made_by=made_by)
    grafted, other = Site(loaded, 0), Site(loaded, 1)
    assert grafted.own is autoencoder
    assert grafted.is_tuned == is_tuned
    assert (other.own, other.is_tuned) == (None, False)


def test_an_analysis_is_about_the_autoencoder_of_the_site_or_the_given_one() -> None:
    spec, plain = AutoencoderSpec(width=16, code_size=5), random_hourglass()
    own, given = build_autoencoder(spec, seed=1), LoadedAutoencoder(build_autoencoder(spec), spec, plain.artifact)
    assert Site(plain, 0).asked_about(None) is None
    assert Site(plain, 0).asked_about(given) is given
    grafted = random_hourglass(graft=own)
    found = Site(replace(grafted, spec=grafted.spec.with_graft(spec)), 0).asked_about(given)
    assert found is not None and (found.module, found.spec) == (own, spec)
