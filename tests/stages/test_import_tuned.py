"""``shgae import --like``: a model's weights that were tuned in somebody's own loop come back as a model."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path

import pytest
import safetensors.torch
import torch
from torch import nn

import shgae
from shgae.artifacts.draft import new_artifact
from shgae.artifacts.lineage import ancestors
from shgae.artifacts.store import open_artifact
from shgae.errors import Refused
from shgae.execution import Execution
from shgae.models.specs import AutoencoderSpec, HourglassSpec
from shgae.models.zoo import build_hourglass, state_arrays
from shgae.recipes import EvaluateConfig
from shgae.skeleton import Skeleton
from shgae.stages import evaluate, graft, import_model
from tests.builders.chain import Chain, Notes

pytestmark = pytest.mark.usefixtures("reads_here")


def tuned(path: Path) -> nn.Module:
    """A network after a step of somebody's own loop."""
    model = shgae.open_model(path).train()
    optimizer = torch.optim.SGD(model.parameters(), 1e-3)
    size = open_artifact(path).facts["crop_size"]
    model(torch.rand(2, 3, size, size)).square().sum().backward()
    optimizer.step()
    return model.eval()


def plain(model: nn.Module, path: Path) -> Path:
    torch.save(model.state_dict(), path / "weights.pth")
    return path / "weights.pth"


def from_a_trainer(model: nn.Module, path: Path) -> Path:
    state = OrderedDict((f"module.{name}", tensor) for name, tensor in model.state_dict().items())
    torch.save({"epoch": 3, "model_state": state, "optimizer": {"state": {}}}, path / "last.ckpt")
    return path / "last.ckpt"


def safetensors_file(model: nn.Module, path: Path) -> Path:
    safetensors.torch.save_model(model, str(path / "weights.safetensors"))
    return path / "weights.safetensors"


@pytest.mark.parametrize("name", ["baseline", "grafted"])
@pytest.mark.parametrize("save", [plain, from_a_trainer, safetensors_file])
def test_it_is_the_tuned_network_and_knows_what_the_model_knew(
    chain: Chain, tmp_path: Path, name: str, save: Callable[[nn.Module, Path], Path]
) -> None:
    like = getattr(chain, name)
    model = tuned(like)
    result = import_model.run(save(model, tmp_path), tmp_path / "tuned", Execution(), like=like)
    state, images = model.state_dict(), torch.rand(1, 3, 128, 128)
    found = shgae.open_model(tmp_path / "tuned")
    assert all(torch.equal(tensor, state[key]) for key, tensor in found.state_dict().items())
    assert torch.equal(found(images), model(images))
    before, now = open_artifact(like).facts, result.artifact.facts
    travelled = ("spec", "skeleton", "category_id", "mean_rgb", "crop_size", "crop_policy", "margin", "heatmap")
    assert {key: now[key] for key in travelled} == {key: before[key] for key in travelled}
    assert now["tuned_tensors"] > 50 and result.parameters == before["parameters"]
    assert [(one.role, one.id) for one in ancestors(result.artifact)][1] == ("model", open_artifact(like).id)


def test_it_goes_on_through_evaluation(chain: Chain, tmp_path: Path) -> None:
    weights = plain(tuned(chain.baseline), tmp_path)
    import_model.run(weights, tmp_path / "tuned", Execution(), like=chain.baseline)
    report = evaluate.run([chain.baseline, tmp_path / "tuned"], chain.data, None, EvaluateConfig(), Execution()).report
    assert len(report.models) == 2


def test_untouched_weights_are_told(chain: Chain, tmp_path: Path) -> None:
    notes = Notes()
    weights = plain(shgae.open_model(chain.baseline), tmp_path)
    import_model.run(weights, tmp_path / "same", Execution(progress=notes), like=chain.baseline)
    assert any("very weights" in said for said in notes.said)


def shared(folder: Path) -> Path:
    """A model of two stacks with one autoencoder."""
    code = AutoencoderSpec(width=8, code_size=3)
    spec = HourglassSpec(2, residual="newell", stacks=2, width=8, bottleneck=2, head="newell", crop_size=128)
    spec = spec.with_graft(code, 0).with_graft(0, 1)
    facts = {"mean_rgb": [0, 0, 0], "category_id": 1, "crop_policy": "pad", "margin": 0.1, "crop_size": 128}
    facts |= {"spec": spec.to_json(), "skeleton": Skeleton.from_names(["a", "b"]).to_json()}
    with new_artifact(folder / "shared", kind="hourglass", config={}, parents={}, execution=Execution()) as made:
        made.write_tensors("model.safetensors", state_arrays(build_hourglass(spec)))
        made.commit(facts)
    return folder / "shared"


def test_an_autoencoder_that_stacks_share_stays_one(tmp_path: Path) -> None:
    like = shared(tmp_path)
    model = tuned(like)
    import_model.run(plain(model, tmp_path), tmp_path / "tuned", Execution(), like=like)
    found = shgae.open_model(tmp_path / "tuned")
    assert found.hourglass(0).graft is found.hourglass(1).graft
    assert torch.equal(found(images := torch.rand(1, 3, 128, 128)), model(images))
    state = model.state_dict()
    name = next(key for key in state if key.startswith("stacks.1.hourglass.graft.") and key.endswith("weight"))
    torch.save({**state, name: state[name] + 1}, tmp_path / "torn.pth")
    with pytest.raises(Refused, match="one tensor"):
        import_model.run(tmp_path / "torn.pth", tmp_path / "torn", Execution(), like=like)


def test_what_does_not_fit_is_refused(chain: Chain, tmp_path: Path) -> None:
    weights = plain(shgae.open_model(chain.grafted), tmp_path)
    with pytest.raises(Refused, match="unexpected: .*graft"):
        import_model.run(weights, tmp_path / "tuned", Execution(), like=chain.baseline)
    with pytest.raises(Refused, match="--mean-rgb"):
        import_model.run(weights, tmp_path / "tuned", Execution(), mean_rgb=(0, 0, 0), like=chain.grafted)
    with pytest.raises(Refused) as refused:
        import_model.run(weights, tmp_path / "tuned", Execution())
    assert "--like" in refused.value.fix
    assert not (tmp_path / "tuned").exists()


def test_a_graft_on_tuned_weights_needs_an_autoencoder_of_theirs(chain: Chain, tmp_path: Path) -> None:
    weights = plain(tuned(chain.baseline), tmp_path)
    import_model.run(weights, tmp_path / "tuned", Execution(), like=chain.baseline)
    with pytest.raises(Refused, match="activations of"):
        graft.run(tmp_path / "tuned", [chain.autoencoder], tmp_path / "grafted", Execution())


def test_which_of_several_networks_was_taken_is_kept(chain: Chain, tmp_path: Path) -> None:
    state = tuned(chain.baseline).state_dict()
    torch.save({"ema": {name: tensor.clone() for name, tensor in state.items()}, "net": state}, tmp_path / "x.pth")
    result = import_model.run(tmp_path / "x.pth", tmp_path / "tuned", Execution(), like=chain.baseline)
    assert result.artifact.facts["network"] == result.to_json()["network"] == "net"


def test_what_lies_next_to_a_bare_state_dict_is_set_aside(chain: Chain, tmp_path: Path) -> None:
    state = tuned(chain.baseline).state_dict()
    torch.save({**state, "epoch": torch.tensor(3), "optimizer": {"state": {0: torch.ones(2)}}}, tmp_path / "x.pth")
    assert import_model.run(tmp_path / "x.pth", tmp_path / "tuned", Execution(), like=chain.baseline).parameters
