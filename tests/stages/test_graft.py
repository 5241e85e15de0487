"""Autoencoders go into one stack or several, each its own or all the same one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
import torch

import shgae
from shgae.artifacts.draft import new_artifact
from shgae.artifacts.lineage import verify
from shgae.artifacts.store import open_artifact
from shgae.artifacts.tensors import load_tensors
from shgae.errors import Refused
from shgae.execution import Execution
from shgae.models.hourglass import StackedHourglass
from shgae.models.specs import AutoencoderSpec
from shgae.models.zoo import build_autoencoder, load_hourglass, state_arrays
from shgae.stages import extract, finetune, graft, info, pretrain_ae
from tests.builders.chain import Chain, Notes, Sites, as_before
from tests.builders.tiny import TINY_AE, TINY_EXTRACT, TINY_FINETUNE

HOW = Execution()


def images() -> torch.Tensor:
    return torch.rand(2, 3, 128, 128, generator=torch.Generator().manual_seed(3)) - 0.5


def by_hand(model: StackedHourglass, codes: dict[int, Path]) -> torch.Tensor:
    """The maps of a plain network, with autoencoders between the encoders and decoders of these stacks."""
    trunk, maps = model.stem(images()), []
    for index, stack in enumerate(model.stacks):
        bottleneck, skips = stack.hourglass.encode(trunk)
        if index in codes:
            code = shgae.open_autoencoder(codes[index])
            bottleneck = code.decode(code.encode(bottleneck))
        features, predicted = stack.head(stack.hourglass.decode(bottleneck, skips))
        maps.append(predicted)
        trunk = trunk if stack.merge is None else trunk + stack.merge(features, predicted)
    return torch.stack(maps, 1)


@pytest.mark.parametrize("places", [(0,), (2,), (0, 2), (2, 0), (1, -1), (0, 1, 2)])
def test_each_stack_passes_its_bottleneck_through_its_own_autoencoder(
    sites: Sites, tmp_path: Path, places: tuple[int, ...]
) -> None:
    codes = [sites.codes[place] for place in places]
    result = graft.run(sites.baseline, codes, tmp_path / "out", HOW, places)
    stacks = [place % 3 for place in places]
    with torch.inference_mode():
        expected = by_hand(shgae.open_model(sites.baseline), dict(zip(stacks, codes, strict=True)))
        assert torch.equal(shgae.open_model(tmp_path / "out")(images()), expected)
    assert [site.to_json() for site in result.sites] == [
        {"stack": stack, "code_size": 6, "shared_with": []} for stack in sorted(stacks)
    ]
    assert result.artifact.manifest.config == {"stacks": stacks}


def test_the_order_in_which_pairs_are_given_changes_no_weight(sites: Sites, tmp_path: Path) -> None:
    graft.run(sites.baseline, [sites.codes[0], sites.codes[2]], tmp_path / "a", HOW, (0, 2))
    graft.run(sites.baseline, [sites.codes[2], sites.codes[0]], tmp_path / "b", HOW, (2, 0))
    one, other = ((tmp_path / name / "model.safetensors").read_bytes() for name in "ab")
    assert one == other


def test_one_autoencoder_for_several_stacks_is_one_set_of_weights_that_the_lowest_owns(
    sites: Sites, tmp_path: Path
) -> None:
    result = graft.run(sites.baseline, [sites.pooled], tmp_path / "out", HOW, (2, 0, 1))
    base, code = (open_artifact(path).facts["parameters"] for path in (sites.baseline, sites.pooled))
    assert result.parameters == base + code
    assert [site.shared_with for site in result.sites] == [(1, 2), (0, 2), (0, 1)]
    loaded = load_hourglass(tmp_path / "out")
    assert loaded.spec.grafts == (AutoencoderSpec(16, 6), 0, 0)
    assert loaded.module.hourglass(0).graft is loaded.module.hourglass(1).graft is loaded.module.hourglass(2).graft
    stored = load_tensors(tmp_path / "out" / "model.safetensors")
    assert {name.partition(".hourglass.graft.")[0] for name in stored if ".graft." in name} == {"stacks.0"}
    with torch.inference_mode():
        expected = by_hand(shgae.open_model(sites.baseline), dict.fromkeys(range(3), sites.pooled))
        assert torch.equal(loaded.module(images()), expected)


def test_fine_tuning_keeps_shared_weights_one_and_pulls_copies_apart(sites: Sites, tmp_path: Path) -> None:
    graft.run(sites.baseline, [sites.pooled], tmp_path / "shared", HOW, (0, 2))
    graft.run(sites.baseline, [sites.pooled] * 2, tmp_path / "copies", HOW, (0, 2))
    with torch.inference_mode():
        maps = [shgae.open_model(tmp_path / name)(images()) for name in ("shared", "copies")]
    assert torch.equal(*maps)
    for name in ("shared", "copies"):
        finetune.run(tmp_path / name, sites.data, tmp_path / f"{name}-tuned", TINY_FINETUNE, HOW)
    shared, copies = (load_hourglass(tmp_path / f"{name}-tuned") for name in ("shared", "copies"))
    assert shared.spec.grafts == (AutoencoderSpec(16, 6), None, 0)
    assert shared.module.hourglass(0).graft is shared.module.hourglass(2).graft
    assert copies.spec.grafts == (AutoencoderSpec(16, 6), None, AutoencoderSpec(16, 6))
    first, last = (state_arrays(copies.module.hourglass(stack).graft) for stack in (0, 2))
    assert all((first[name] != last[name]).any() for name in first)


def test_a_grafted_model_takes_one_more_autoencoder_of_its_own_activations(sites: Sites, tmp_path: Path) -> None:
    graft.run(sites.baseline, [sites.codes[0]], tmp_path / "one", HOW, (0,))
    config = replace(TINY_EXTRACT, stack="1")
    extract.run(tmp_path / "one", sites.data, tmp_path / "activations", config, HOW)
    pretrain_ae.run(tmp_path / "activations", tmp_path / "code", replace(TINY_AE, epochs=1), HOW)
    result = graft.run(tmp_path / "one", [tmp_path / "code"], tmp_path / "two", HOW, (1,))
    assert [site.stack for site in result.sites] == [0, 1]
    with torch.inference_mode():
        expected = by_hand(shgae.open_model(sites.baseline), {0: sites.codes[0], 1: tmp_path / "code"})
        assert torch.equal(shgae.open_model(tmp_path / "two")(images()), expected)
    with pytest.raises(Refused, match=r"code-1: .*, not of .*one \("):
        graft.run(tmp_path / "one", [sites.codes[1]], tmp_path / "three", HOW, (1,))


def test_the_family_of_a_model_with_two_autoencoders_holds_both(sites: Sites, tmp_path: Path) -> None:
    result = graft.run(sites.baseline, sites.codes[:2], tmp_path / "out", HOW, (0, 1))
    assert [parent.role for parent in result.artifact.manifest.parents] == ["model", "autoencoder 1", "autoencoder 2"]
    roles = [one.role for one in info.run(tmp_path / "out").lineage if one.depth == 1]
    assert roles == ["model", "autoencoder 1", "autoencoder 2"]
    assert {path.name for path in verify(result.artifact).verified} == {
        *("out", "baseline", "data", "code-0", "code-1", "activations")
    }


def refused(sites: Sites, tmp_path: Path, codes: Sequence[Path], places: Sequence[int], match: str) -> None:
    with pytest.raises(Refused, match=match):
        graft.run(sites.baseline, codes, tmp_path / "out", HOW, places)
    assert not list(tmp_path.glob("out*"))


@pytest.mark.parametrize(
    ("codes", "places", "match"),
    [
        ([0], [1], r"code-0: .*stack 0 of .*baseline, not on stack 1. Try: --stack 0"),
        ([0], [-1], "code-0: pre-trained on stack 0 of .*, not on stack 2"),
        ([0], [2, 1], "code-0: pre-trained on stack 0 of .*, not on stacks 1 and 2"),
        ([0, 0], [1, 2], "code-0: pre-trained on stack 0 of .*, not on stacks 1 and 2"),
        ([0, 1], [1, 0], "code-0: pre-trained on stack 0 of .*, not on stack 1"),
        ([0], [0, 0], "stack 0 in .*baseline: it was given twice"),
        ([2], [2, -1], "stack 2 in .*baseline: it was given twice"),
        ([0], [3], "stack 3 in .*baseline: it has stacks 0, 1 and 2 only. Try: --stack 0 or 1 or 2"),
        ([0], [-4], "stack -4 in .*baseline: it has stacks 0, 1 and 2 only"),
        ([0, 1], [0], "code-0, .*code-1: 2 of them for stack 0. Try: a --stack for each of them"),
        ([0, 1], [0, 1, 2], "code-0, .*code-1: 2 of them for stacks 0, 1 and 2"),
    ],
)
def test_what_does_not_fit_is_refused_naming_both(
    sites: Sites, tmp_path: Path, codes: list[int], places: list[int], match: str
) -> None:
    refused(sites, tmp_path, [sites.codes[code] for code in codes], places, match)


def test_a_stack_that_carries_one_already_is_refused_naming_those_that_do_not(sites: Sites, tmp_path: Path) -> None:
    graft.run(sites.baseline, [sites.pooled], tmp_path / "two", HOW, (0, 1))
    for stack in (0, 1):
        with pytest.raises(Refused, match=f"stack {stack} in .*two: .*--stack 2"):
            graft.run(tmp_path / "two", [sites.pooled], tmp_path / "out", HOW, (stack,))


def about_autoencoders(notes: Notes) -> list[str]:
    """What was said, but for how little these networks have learned."""
    return [note for note in notes.said if "mean-pose baseline" not in note]


@pytest.mark.parametrize(("codes", "places"), [(1, (0, 1)), (2, (1, 0)), (1, (2, 1, 0))])
def test_what_is_shared_or_copied_may_go_beyond_its_own_stack_and_a_note_says_so(
    sites: Sites, tmp_path: Path, codes: int, places: tuple[int, ...]
) -> None:
    notes = Notes()
    graft.run(sites.baseline, [sites.codes[0]] * codes, tmp_path / "out", Execution(progress=notes), places)
    others = " and ".join(str(place) for place in sorted(places) if place)
    (note,) = about_autoencoders(notes)
    assert note.startswith("note: ")
    assert f"code-0 was pre-trained on stack 0 of {sites.baseline}" in note
    assert note.endswith(f" {others} too")


def test_an_autoencoder_of_all_stacks_goes_into_any_of_them_without_a_word(sites: Sites, tmp_path: Path) -> None:
    for place in range(3):
        notes = Notes()
        graft.run(sites.baseline, [sites.pooled], tmp_path / str(place), Execution(progress=notes), (place,))
        assert about_autoencoders(notes) == []


def test_an_imported_autoencoder_goes_anywhere_with_a_note_that_names_it(sites: Sites, tmp_path: Path) -> None:
    spec, notes = AutoencoderSpec(width=16, code_size=4), Notes()
    with new_artifact(tmp_path / "code", kind="autoencoder", config={}, parents={}, execution=HOW) as made:
        made.write_tensors("model.safetensors", state_arrays(build_autoencoder(spec)))
        made.commit({"spec": spec.to_json()})
    graft.run(sites.baseline, [tmp_path / "code"], tmp_path / "out", Execution(progress=notes), (0, 1))
    assert about_autoencoders(notes) == [
        f"note: {tmp_path / 'code'} was imported: nothing tells which model's activations it was trained on"
    ]


def test_an_autoencoder_from_before_stacks_were_numbered_belongs_to_the_last(sites: Sites, tmp_path: Path) -> None:
    extract.run(sites.baseline, sites.data, tmp_path / "now", TINY_EXTRACT, HOW)
    as_before(open_artifact(tmp_path / "now"), tmp_path / "before")
    pretrain_ae.run(tmp_path / "before", tmp_path / "code", replace(TINY_AE, epochs=1), HOW)
    with pytest.raises(Refused, match="stack 2 of .*, not on stack 0"):
        graft.run(sites.baseline, [tmp_path / "code"], tmp_path / "out", HOW, (0,))
    graft.run(sites.baseline, [tmp_path / "code"], tmp_path / "out", HOW)
    assert load_hourglass(tmp_path / "out").spec.grafts[:2] == (None, None)


def test_one_stack_needs_no_number(chain: Chain, tmp_path: Path) -> None:
    result = graft.run(chain.baseline, [chain.autoencoder], tmp_path / "out", HOW)
    assert result.artifact.id == open_artifact(chain.grafted).id
    assert [parent.role for parent in result.artifact.manifest.parents] == ["model", "autoencoder"]
    assert result.to_json()["sites"] == [{"stack": 0, "code_size": 6, "shared_with": []}]
