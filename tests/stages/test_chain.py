"""The stages fit together, and what does not belong together is refused."""

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest
import torch

import shgae
from shgae.artifacts.activations import Activations, shard_name
from shgae.artifacts.crops import Crops
from shgae.artifacts.lineage import ancestors, verify
from shgae.artifacts.store import open_artifact
from shgae.artifacts.tensors import load_tensors
from shgae.data.datasets import load_pose_batch, to_images
from shgae.errors import Refused
from shgae.execution import Execution
from shgae.models.grafting import remove
from shgae.models.zoo import load_hourglass
from shgae.recipes import RECIPES, EvaluateConfig
from shgae.stages import evaluate, extract, finetune, graft, pretrain_ae, train
from tests.builders.chain import Chain
from tests.builders.line import StopAfter
from tests.builders.tiny import TINY, TINY_AE, TINY_EXTRACT, TINY_FINETUNE

HOW = Execution()


def images(data: Path, rows: int = 4) -> torch.Tensor:
    artifact = open_artifact(data, "data")
    batch = load_pose_batch(Crops(artifact, "train"), np.arange(rows))
    return to_images(batch.crops, batch.valid, artifact.facts["mean_rgb"])


def test_training_twice_with_one_seed_makes_the_same_artefact(chain: Chain, tmp_path: Path) -> None:
    again = train.run(chain.data, tmp_path / "again", TINY, Execution(workers=0))
    assert again.artifact.id == open_artifact(chain.baseline).id


def test_another_seed_makes_other_weights(chain: Chain, tmp_path: Path) -> None:
    config = dataclasses.replace(TINY, seed=1, epochs=1)
    train.run(chain.data, tmp_path / "other", config, HOW)
    mine, other = (load_tensors(run / "model.safetensors") for run in (chain.baseline, tmp_path / "other"))
    assert not np.array_equal(mine["stem.conv.weight"], other["stem.conv.weight"])


def test_extracted_tensors_are_what_the_slot_sees_in_the_full_network(chain: Chain) -> None:
    model = shgae.open_model(chain.baseline).to(memory_format=torch.channels_last)
    seen: list[torch.Tensor] = []
    handle = model.hourglass(-1).graft.register_forward_hook(lambda _m, args, _o: seen.append(args[0]))
    with torch.inference_mode():
        model(images(chain.data))
    handle.remove()
    stored = Activations(open_artifact(chain.activations), "train").read(np.arange(4))
    np.testing.assert_array_equal(stored, seen[0].numpy())


def test_the_statistics_of_the_activations_are_those_of_the_tensors(chain: Chain) -> None:
    rows = Activations(open_artifact(chain.activations), "train")
    x = rows.read(np.arange(len(rows))).astype(np.float64)
    (statistics,) = rows.statistics
    np.testing.assert_allclose(statistics.mean, x.mean(0), rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(statistics.channel_variance, x.var((0, 2, 3)), rtol=1e-6)
    np.testing.assert_allclose(statistics.channel_negative, (x < 0).mean((0, 2, 3)))


def test_half_precision_activations_are_the_rounded_tensors(chain: Chain, tmp_path: Path) -> None:
    config = dataclasses.replace(TINY_EXTRACT, dtype="fp16")
    extract.run(chain.baseline, chain.data, tmp_path / "half", config, HOW)
    half = load_tensors(tmp_path / "half" / shard_name("val", 0))["bottleneck"]
    full = load_tensors(chain.activations / shard_name("val", 0))["bottleneck"]
    np.testing.assert_array_equal(half, full.astype(np.float16))


def test_an_interrupted_extraction_goes_on_at_the_next_shard(
    chain: Chain, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from shgae.errors import Interrupted

    monkeypatch.setattr("shgae.artifacts.activations.SHARD_ROWS", 6)
    extract.run(chain.baseline, chain.data, tmp_path / "whole", TINY_EXTRACT, HOW)

    class Stop(StopAfter):
        def raise_if_set(self, where: object, fix: str, *, saved: bool = True) -> None:
            bool(self)
            super().raise_if_set(where, fix, saved=saved)

    with pytest.raises(Interrupted):
        extract.run(chain.baseline, chain.data, tmp_path / "torn", TINY_EXTRACT, Execution(stop=Stop(4)))
    first = tmp_path / "torn.partial" / shard_name("train", 0)
    written = first.stat().st_mtime_ns
    extract.run(chain.baseline, chain.data, tmp_path / "torn", TINY_EXTRACT, Execution(resume=True))
    assert (tmp_path / "torn" / shard_name("train", 0)).stat().st_mtime_ns == written
    assert open_artifact(tmp_path / "torn").id == open_artifact(tmp_path / "whole").id


def test_taking_the_graft_out_gives_the_baselines_weights_back(chain: Chain) -> None:
    model = load_hourglass(chain.grafted).module
    remove(model)
    before = load_tensors(chain.baseline / "model.safetensors")
    assert {name: array.tolist() for name, array in before.items()} == {
        name: tensor.tolist() for name, tensor in model.state_dict().items()
    }


def test_the_grafted_network_passes_its_bottleneck_through_the_autoencoder(chain: Chain) -> None:
    model, code = shgae.open_model(chain.grafted), shgae.open_autoencoder(chain.autoencoder)
    with torch.inference_mode():
        x = images(chain.data)
        trunk = model.stem(x)
        hourglass = model.hourglass(-1)
        bottleneck, skips = hourglass.encode(trunk)
        _, by_hand = model.stacks[-1].head(hourglass.decode(code.decode(code.encode(bottleneck)), skips))
        assert torch.equal(model(x)[:, -1], by_hand)
        assert torch.equal(model.bottleneck(x), shgae.open_model(chain.baseline).bottleneck(x))


def test_fine_tuning_moves_every_weight_of_network_and_autoencoder(chain: Chain) -> None:
    before, after = (load_tensors(run / "model.safetensors") for run in (chain.grafted, chain.finetuned))
    still = [name for name in before if name.endswith("weight") and np.array_equal(before[name], after[name])]
    assert not still


def test_fine_tuning_has_no_noise_in_its_forward_pass(chain: Chain) -> None:
    model = load_hourglass(chain.grafted).module.hourglass(-1).graft.train()
    x = torch.randn(2, TINY.width, 4, 4)
    assert torch.equal(model(x), model(x))


def test_the_lineage_of_a_fine_tuned_graft_holds_the_whole_chain(chain: Chain) -> None:
    family = [(a.depth, a.role, a.present) for a in ancestors(open_artifact(chain.finetuned))]
    roles = [role for _, role, _ in family]
    assert roles == ["", "model", "model", "data", "autoencoder", "activations", "model", "data", "data", "data"]
    assert all(present for _, _, present in family)
    assert len(verify(open_artifact(chain.finetuned)).verified) == 6


def test_evaluate_reports_models_side_by_side_and_the_mean_pose(chain: Chain, tmp_path: Path) -> None:
    models = [chain.baseline, chain.grafted, chain.finetuned]
    result = evaluate.run(models, chain.data, tmp_path / "out", EvaluateConfig(precision="fp32"), HOW)
    report = result.to_json()
    assert [model["name"] for model in report["models"]] == ["baseline", "grafted", "finetuned"]
    assert [floor["name"] for floor in report["floors"]] == ["mean pose", "zero map"]
    people = Crops(open_artifact(chain.data), "test").people
    assert report["persons"] == len(people)
    assert report["models"][0]["joints"]["nose"]["count"] == int((people.visibility[:, 0] > 0).sum())
    written = json.loads((tmp_path / "out" / "predictions-baseline.json").read_text())
    assert [row["annotation_id"] for row in written] == people.annotation_id.tolist()


def test_predictions_are_in_photo_pixels(chain: Chain, tmp_path: Path) -> None:
    result = evaluate.run([chain.baseline], chain.data, tmp_path / "out", EvaluateConfig(precision="fp32"), HOW)
    crops = Crops(open_artifact(chain.data), "test")
    rows = json.loads((tmp_path / "out" / "predictions-baseline.json").read_text())
    for i, row in enumerate(rows):
        x0, y0, side = crops.people.square[i]
        x, y, score = np.array(row["keypoints"]).reshape(17, 3).T
        cells = result.predictions[0].cells[i]
        np.testing.assert_allclose(x, x0 + (4 * cells[:, 0] + 0.5) * side / 128, atol=1e-3)
        np.testing.assert_allclose(y, y0 + (4 * cells[:, 1] + 0.5) * side / 128, atol=1e-3)
        np.testing.assert_allclose(score, result.predictions[0].joint_score[i], atol=1e-3)


@pytest.mark.parametrize("size", [1, 5, 64])
def test_scores_do_not_depend_on_the_batch_size(chain: Chain, size: int) -> None:
    one = evaluate.run([chain.baseline], chain.data, None, EvaluateConfig(batch_size=7, precision="fp32"), HOW)
    other = evaluate.run([chain.baseline], chain.data, None, EvaluateConfig(batch_size=size, precision="fp32"), HOW)
    assert other.report == one.report


def test_grafting_twice_is_refused(chain: Chain, tmp_path: Path) -> None:
    with pytest.raises(Refused):
        graft.run(chain.grafted, [chain.autoencoder], tmp_path / "twice", HOW)


@pytest.mark.parametrize("step", ["train", "pretrain", "evaluate"])
def test_a_step_refuses_an_artefact_of_another_kind(chain: Chain, tmp_path: Path, step: str) -> None:
    calls = {
        "train": lambda: train.run(chain.baseline, tmp_path / "x", TINY, HOW),
        "pretrain": lambda: pretrain_ae.run(chain.data, tmp_path / "x", TINY_AE, HOW),
        "evaluate": lambda: evaluate.run([chain.data], chain.data, None, EvaluateConfig(), HOW),
    }
    with pytest.raises(Refused, match="it holds .*, wanted "):
        calls[step]()
    assert list(tmp_path.iterdir()) == []


def test_a_changed_byte_in_a_parent_stops_the_next_step(chain: Chain, tmp_path: Path) -> None:
    import shutil

    copy = tmp_path / "baseline"
    shutil.copytree(chain.baseline, copy)
    weights = bytearray((copy / "model.safetensors").read_bytes())
    weights[-5] ^= 1
    (copy / "model.safetensors").write_bytes(weights)
    with pytest.raises(Refused, match=r"model\.safetensors was changed"):
        finetune.run(copy, chain.data, tmp_path / "out", TINY_FINETUNE, HOW)


def test_the_original_recipe_trains_too(chain: Chain, tmp_path: Path) -> None:
    recipe = RECIPES["original"]
    small = dataclasses.replace(recipe.train, width=16, epochs=1, batch_size=4, limit=4)
    result = train.run(chain.data, tmp_path / "original", small, HOW)
    assert np.isfinite(result.summary.best["val_loss"])
    extract.run(tmp_path / "original", chain.data, tmp_path / "activations", TINY_EXTRACT, HOW)
    code = dataclasses.replace(recipe.pretrain_ae, epochs=2, batch_size=4)
    report = pretrain_ae.run(tmp_path / "activations", tmp_path / "ae", code, HOW).reconstruction
    assert report.relu_floor is not None and report.fvu is not None
    assert report.fvu >= report.relu_floor > 0
