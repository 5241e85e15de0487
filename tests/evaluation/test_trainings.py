"""How networks were trained, read from their lineage, and which comparisons are controlled."""

from __future__ import annotations

import dataclasses
import shutil
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shgae.artifacts.store import open_artifact
from shgae.evaluation.trainings import (
    BUDGET,
    Control,
    Differing,
    Trained,
    Training,
    compare,
    things_of,
    trained,
    values_of,
)
from shgae.execution import Execution
from shgae.recipes import AutoencoderConfig, FinetuneConfig, TrainConfig, as_json
from shgae.stages import extract, finetune, graft, pretrain_ae, train
from tests.builders.chain import Chain
from tests.builders.tiny import TINY, TINY_AE, TINY_EXTRACT, TINY_FINETUNE

OPTIONS = {"batch_size": 16, "lr": 1e-3, "optimizer": "adam", "schedule": "cosine", "limit": None, "seed": 0}
NETWORK = {"stacks": 1, "residual": "newell", "width": 16}


def training(name: str, **other: Any) -> Training:
    own = {key: other.pop(key) for key in ("made_by", "data", "epochs", "steps") if key in other}
    options = OPTIONS | other
    return dataclasses.replace(Training(name, "train", "d" * 64, 50, 500, options), **own)


def network(*trainings: Training, **spec: Any) -> Trained:
    return Trained(NETWORK | spec, trainings)


FIRST = training("one")


def test_a_network_and_itself_are_trained_equally() -> None:
    assert compare(network(FIRST), network(FIRST)) == compare(network(FIRST), network(training("other")))
    assert compare(network(FIRST), network(FIRST)).verdict is Control.EQUAL


def test_a_graft_or_another_network_leaves_a_comparison_controlled_and_so_does_a_seed() -> None:
    found = compare(network(FIRST), network(training("other", seed=3), grafts=[{"code_size": 50}]))
    assert found.verdict is Control.EQUAL
    assert found.differences == (Differing("seed", (0,), (3,)),)


@given(st.sampled_from(sorted(set(BUDGET) - {"stages", "source"})), st.integers(1, 5))
def test_whatever_differs_in_the_budget_makes_it_uncontrolled(name: str, value: int) -> None:
    other = network(training("other", **{name: f"another {value}"}))
    found = compare(network(FIRST), other)
    assert found.verdict is Control.NOT_CONTROLLED
    assert [one.what for one in found.differences] == [name]
    back = compare(other, network(FIRST))
    turned = tuple(Differing(one.what, one.second, one.first) for one in found.differences)
    assert (back.verdict, back.differences) == (found.verdict, turned)


def test_weights_of_two_files_are_of_unlike_trainings() -> None:
    def imported(name: str, source: str) -> Trained:
        return network(Training(name, "import", None, None, None, {"source": source}), training("more"))

    assert compare(imported("x", "a file"), imported("y", "a file")).verdict is Control.EQUAL
    assert compare(imported("x", "a file"), imported("y", "another")).verdict is Control.NOT_CONTROLLED
    assert compare(imported("x", "a file"), network(FIRST, training("more"))).verdict is Control.NOT_CONTROLLED


def test_one_other_option_is_what_is_compared_and_two_are_not() -> None:
    one = network(training("other", augment="newell"))
    assert compare(network(FIRST), one).verdict is Control.ONE_OPTION
    assert compare(network(FIRST), network(training("other", augment="none"))).verdict is Control.EQUAL
    assert compare(network(FIRST), network(training("o", augment="newell", dropout=0.1))).verdict is (
        Control.NOT_CONTROLLED
    )
    other_network = dataclasses.replace(one, network=NETWORK | {"width": 32})
    assert compare(network(FIRST), other_network).verdict is Control.NOT_CONTROLLED


def test_a_further_training_is_one_more_whatever_its_options() -> None:
    more = training("more", made_by="finetune", epochs=15, lr=5e-4, trainable="all")
    found = compare(network(FIRST), network(FIRST, more))
    assert found.verdict is Control.NOT_CONTROLLED
    assert found.differences == (
        Differing("stages", ("train",), ("train", "finetune")),
        Differing("epochs", (50,), (50, 15)),
        Differing("steps", (500,), (500, 500)),
        Differing("lr", (1e-3,), (1e-3, 5e-4)),
    )


def made(name: str, **other: Any) -> Training:
    return training(name, **{"made_by": "pretrain-ae", "data": None, "steps": None, "epochs": 20, "noise": 0.1} | other)


@pytest.mark.parametrize(
    ("other", "verdict", "what"),
    [
        ({}, Control.EQUAL, []),
        ({"seed": 3}, Control.EQUAL, ["seed"]),
        ({"epochs": 9}, Control.ONE_OPTION, ["epochs"]),
        ({"noise": 0.5}, Control.ONE_OPTION, ["noise"]),
        ({"made_by": "study", "epochs": None}, Control.ONE_OPTION, ["stages"]),
        ({"epochs": 9, "optimizer": "sgd"}, Control.NOT_CONTROLLED, ["epochs", "optimizer"]),
    ],
)
def test_autoencoders_are_compared_where_both_networks_have_one(
    other: dict[str, Any], verdict: Control, what: list[str]
) -> None:
    one, two = (dataclasses.replace(network(FIRST), autoencoders=(each,)) for each in (made("x"), made("y", **other)))
    found = compare(one, two)
    assert found.verdict is verdict
    assert [difference.what for difference in found.differences] == [f"{name} of the autoencoder" for name in what]
    assert compare(network(FIRST), two).verdict is Control.EQUAL, "the network differs, and that is compared"
    gone = dataclasses.replace(one, autoencoders=(Training("z", None, None, None, None, None),))
    assert compare(gone, two).verdict is Control.UNKNOWN


def test_how_an_autoencoder_was_made_is_known_of_its_graft_and_of_what_came_after(chain: Chain) -> None:
    (one,) = trained(open_artifact(chain.finetuned)).autoencoders
    assert trained(open_artifact(chain.grafted)).autoencoders == (one,)
    assert trained(open_artifact(chain.baseline)).autoencoders == ()
    artifact = open_artifact(chain.autoencoder)
    assert (one.id, one.made_by, one.epochs) == (artifact.id, "pretrain-ae", artifact.facts["epochs"])
    assert one.options is not None
    told = {*as_json(AutoencoderConfig())} - {"epochs", "code_size", "decoder_output", "stack", "limit"}
    assert {*one.options} == told | {"rows"}
    assert one.data == open_artifact(chain.data).id


def test_autoencoders_of_other_people_are_not_made_equally_wherever_they_were_left_out(
    chain: Chain, tmp_path: Path
) -> None:
    some = dataclasses.replace(TINY_EXTRACT, limit=3)
    extract.run(chain.baseline, chain.data, tmp_path / "some", some, Execution())
    few = dataclasses.replace(TINY_AE, limit=3)
    for name, activations, config in (("late", chain.activations, few), ("early", tmp_path / "some", TINY_AE)):
        pretrain_ae.run(activations, tmp_path / name, config, Execution())
        graft.run(chain.baseline, [tmp_path / name], tmp_path / f"with-{name}", Execution())
    late, early = (trained(open_artifact(tmp_path / f"with-{name}")) for name in ("late", "early"))
    assert compare(late, early).verdict is Control.EQUAL
    found = compare(trained(open_artifact(chain.grafted)), early)
    assert found.verdict is Control.ONE_OPTION
    assert [(one.what, one.second) for one in found.differences] == [("rows of the autoencoder", (3,))]


def test_what_is_gone_is_equal_to_itself_and_otherwise_not_known() -> None:
    gone = Training("gone", None, "d" * 64, None, None, None)
    more = training("more", made_by="finetune")
    assert compare(network(gone, more), network(gone, training("other"))).verdict is Control.NOT_CONTROLLED
    assert compare(network(gone, more), network(gone, more)).verdict is Control.EQUAL
    lost = dataclasses.replace(gone, id="another")
    assert compare(network(gone, more), network(lost, more)).verdict is Control.UNKNOWN
    assert compare(network(gone), network(dataclasses.replace(lost, data="e"))).verdict is Control.NOT_CONTROLLED
    assert compare(None, network(FIRST)).verdict is Control.UNKNOWN


@pytest.fixture(scope="module")
def control(chain: Chain, tmp_path_factory: pytest.TempPathFactory) -> Path:
    output = tmp_path_factory.mktemp("control") / "control"
    finetune.run(chain.baseline, chain.data, output, TINY_FINETUNE, finetune.Execution())
    return output


def test_the_studys_control_is_trained_as_the_grafted_network_is(chain: Chain, control: Path) -> None:
    grafted, plain = (trained(open_artifact(path)) for path in (chain.finetuned, control))
    assert compare(grafted, plain).verdict is Control.EQUAL
    assert [one.made_by for one in grafted.trainings] == ["train", "finetune"]
    assert grafted.trainings[0] == trained(open_artifact(chain.baseline)).trainings[0]
    assert grafted.network["grafts"][0]["code_size"] == 6
    people = open_artifact(chain.data).facts["splits"]["train"]
    assert [one.steps for one in plain.trainings] == [2 * -(-people // 4), -(-people // 4)]
    assert [one.epochs for one in plain.trainings] == [2, 1]
    assert {one.data for one in plain.trainings} == {open_artifact(chain.data).id}


def test_a_graft_is_not_a_training(chain: Chain) -> None:
    one, other = (trained(open_artifact(path)) for path in (chain.baseline, chain.grafted))
    assert one.trainings == other.trainings
    assert compare(one, other).verdict is Control.EQUAL


def test_options_have_their_names_and_augmentation_its_parts(chain: Chain, tmp_path: Path) -> None:
    config = dataclasses.replace(TINY_FINETUNE, augment="newell", rotation=10.0, trainable="decoder")
    finetune.run(chain.baseline, chain.data, tmp_path / "tuned", config, finetune.Execution())
    found = trained(open_artifact(tmp_path / "tuned"))
    assert found.trainings[1].options is not None
    assert found.trainings[1].options["augment"] == "newell, rotation 10"
    assert values_of(found.trainings, "augment") == ("none", "newell, rotation 10")
    assert values_of(found.trainings, "trainable") == (None, "decoder")
    assert values_of(found.trainings, "limit") == ("none", "none")


def test_networks_differ_by_a_part_of_an_augmentation_without_a_preset(chain: Chain, tmp_path: Path) -> None:
    for name, rotation in (("plain", None), ("turned", 20.0)):
        config = dataclasses.replace(TINY_FINETUNE, rotation=rotation)
        finetune.run(chain.baseline, chain.data, tmp_path / name, config, finetune.Execution())
    plain, turned = (trained(open_artifact(tmp_path / name)) for name in ("plain", "turned"))
    found = compare(plain, turned)
    assert found.verdict is Control.ONE_OPTION
    assert [(one.what, one.second[1]) for one in found.differences] == [("augment", "none, rotation 20")]


def test_every_option_of_a_training_is_looked_at_but_the_networks_shape(chain: Chain) -> None:
    found = trained(open_artifact(chain.baseline)).trainings
    wanted = {"epochs", *as_json(TrainConfig())} - {"residual", "stacks", "width"}
    assert wanted <= {*things_of(found)}
    assert set(as_json(FinetuneConfig())) - wanted == {"train", "joints"}, "as manifests spell trainable"


def test_of_an_ancestor_that_is_gone_its_place_and_data_are_known(chain: Chain, tmp_path: Path) -> None:
    train.run(chain.data, tmp_path / "first", dataclasses.replace(TINY, epochs=1), train.Execution())
    finetune.run(tmp_path / "first", chain.data, tmp_path / "second", TINY_FINETUNE, finetune.Execution())
    first = open_artifact(tmp_path / "first")
    whole = trained(open_artifact(tmp_path / "second"))
    shutil.move(tmp_path / "first", tmp_path / "elsewhere")
    found = trained(open_artifact(tmp_path / "second"))
    gone = Training(first.id, None, open_artifact(chain.data).id, None, None, None)
    assert found.trainings == (gone, whole.trainings[1])


def test_behind_a_graft_that_is_gone_stands_the_first_training(chain: Chain, tmp_path: Path) -> None:
    graft.run(chain.baseline, [chain.autoencoder], tmp_path / "grafted", graft.Execution())
    finetune.run(tmp_path / "grafted", chain.data, tmp_path / "tuned", TINY_FINETUNE, finetune.Execution())
    shutil.rmtree(tmp_path / "grafted")
    found = trained(open_artifact(tmp_path / "tuned"))
    assert [one.id for one in found.trainings] == [open_artifact(p).id for p in (chain.baseline, tmp_path / "tuned")]
