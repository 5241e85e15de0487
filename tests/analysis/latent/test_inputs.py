"""Which parts of an analysis are done follows what was asked for and what was given."""

from __future__ import annotations

from pathlib import Path

import pytest

from shgae.analysis.latent.inputs import Inputs, choose_parts
from shgae.artifacts.store import Artifact
from shgae.errors import Refused
from shgae.models.specs import AutoencoderSpec
from shgae.models.zoo import build_autoencoder
from shgae.option_lists import PARTS
from tests.builders.manifests import MANIFEST

ARTEFACT = Artifact(Path("some/artefact"), MANIFEST)


def inputs(*roles: str) -> Inputs:
    code = build_autoencoder(AutoencoderSpec(width=8, code_size=3)) if "autoencoder" in roles else None
    return Inputs(dict.fromkeys(roles, ARTEFACT), None, None, None, "auto", code, same_people=False)


@pytest.mark.parametrize(
    ("roles", "done"),
    [
        (("activations",), ["spectrum", "clusters"]),
        (("model", "data"), ["skips"]),
        (("activations", "model", "data"), ["spectrum", "clusters", "traversals", "skips"]),
        (("activations", "model", "data", "autoencoder"), list(PARTS)),
    ],
)
def test_all_means_what_the_inputs_allow_and_the_rest_is_left_out_with_what_it_needs(
    roles: tuple[str, ...], done: list[str]
) -> None:
    parts, left_out = choose_parts("all", inputs(*roles))
    assert parts == done
    assert [part for part in PARTS if part not in done] == list(left_out)
    assert all(why.startswith("it needs") for why in left_out.values())


def test_what_was_not_asked_for_is_not_told_of() -> None:
    assert choose_parts("spectrum", inputs("activations")) == (["spectrum"], {})


@pytest.mark.parametrize(("text", "roles"), [("skips", ("activations",)), ("all", ("model",)), ("all", ("data",))])
def test_a_part_by_name_that_lacks_an_input_is_refused_and_so_is_nothing_at_all(
    text: str, roles: tuple[str, ...]
) -> None:
    with pytest.raises(Refused):
        choose_parts(text, inputs(*roles))
