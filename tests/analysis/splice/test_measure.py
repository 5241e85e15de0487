"""Which autoencoders a splice tries."""

from __future__ import annotations

from dataclasses import replace

import pytest

from shgae.analysis.site import Site
from shgae.analysis.splice import measure
from shgae.analysis.splice.measure import codes_to_try
from shgae.models.autoencoder import Autoencoder
from shgae.models.specs import AutoencoderSpec
from shgae.models.zoo import LoadedAutoencoder, build_autoencoder
from tests.builders.chain import Notes
from tests.builders.networks import random_hourglass

SPEC, BEFORE = AutoencoderSpec(width=16, code_size=5), AutoencoderSpec(width=16, code_size=6)


def given() -> LoadedAutoencoder:
    return LoadedAutoencoder(build_autoencoder(BEFORE, seed=2), BEFORE, random_hourglass().artifact)


def grafted(own: Autoencoder, made_by: str) -> Site:
    loaded = random_hourglass(stacks=2, graft=own, made_by=made_by)
    return Site(replace(loaded, spec=loaded.spec.with_graft(SPEC, 0)), 0)


def test_in_a_plain_network_it_is_the_given_one() -> None:
    code = given()
    found = codes_to_try(Site(random_hourglass(), 0), code, Notes())
    assert (found.modules, found.spec) == ({"ae": code.module}, BEFORE)


@pytest.mark.parametrize("stack", [1, 0])
def test_where_there_is_none_a_note_says_how_to_have_one(stack: int) -> None:
    notes, site = Notes(), grafted(build_autoencoder(SPEC), "graft")
    other = Site(site.loaded, 1) if stack else Site(random_hourglass(), 0)
    assert codes_to_try(other, None, notes) == ({}, None)
    (note,) = notes.said
    assert ("--stack 0" if stack else "--ae") in note


def test_a_given_one_is_the_one_from_before_where_the_site_has_its_own() -> None:
    own, code = build_autoencoder(SPEC), given()
    found = codes_to_try(grafted(own, "graft"), code, Notes())
    assert (found.modules, found.spec) == ({"ae": own, "old-ae": code.module}, SPEC)


@pytest.mark.parametrize(("made_by", "names"), [("graft", ["ae"]), ("finetune", ["ae", "old-ae"])])
def test_only_of_a_tuned_trunk_the_one_from_before_is_looked_for(
    monkeypatch: pytest.MonkeyPatch, made_by: str, names: list[str]
) -> None:
    before = build_autoencoder(SPEC, seed=3)
    monkeypatch.setattr(measure, "before_tuning", lambda *_: before)
    found = codes_to_try(grafted(build_autoencoder(SPEC), made_by), None, Notes())
    assert list(found.modules) == names
    assert found.modules.get("old-ae", before) is before
