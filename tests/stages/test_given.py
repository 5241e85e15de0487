"""Reconstructions that another program made take part in splice and rate as shgae's own do."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file, save_file
from sklearn.decomposition import PCA

import shgae
from shgae.analysis.rate.report import RATE_REPORT
from shgae.analysis.splice.report import SPLICE_REPORT
from shgae.artifacts.crops import Crops
from shgae.artifacts.hashing import hash_file
from shgae.artifacts.store import open_artifact
from shgae.artifacts.tensors import read_header
from shgae.data.datasets import in_chunks
from shgae.errors import Refused
from shgae.execution import Execution
from shgae.recipes import RateConfig, SpliceConfig
from shgae.reporting.rate import rate_table
from shgae.reporting.splice import splice_tables
from shgae.stages import extract, rate, splice
from tests.builders.chain import Chain, Sites
from tests.builders.tiny import TINY_EXTRACT

HOW = Execution()
BATCH = 4
EXACT = SpliceConfig(precision="fp32", batch_size=BATCH)
RANKS = RateConfig(precision="fp32", batch_size=BATCH, components="0,1,6,20")
SIDES = ("skips_on", "skips_off")


@pytest.fixture(scope="module")
def whole(chain: Chain) -> Path:
    """Activations in fp32: what a method sees is what the network makes, to the bit."""
    assert open_artifact(chain.activations).facts["dtype"] == "fp32"
    return chain.activations


@pytest.fixture(scope="module")
def own(chain: Chain, whole: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the autoencoder of the chain makes of the test split, person by person backwards."""
    activations = shgae.open_activations(whole)
    test, code = activations["test"], shgae.open_autoencoder(chain.autoencoder)
    code.to(memory_format=torch.channels_last)
    with torch.inference_mode():
        parts = [code(torch.from_numpy(test.read(rows))) for rows in in_chunks(np.arange(len(test)), BATCH)]
    rebuilt = torch.cat(parts).numpy()
    path = tmp_path_factory.mktemp("given") / "own.safetensors"
    shgae.write_reconstruction(path, rebuilt[::-1], test.annotation_id[::-1], activations)
    return path


def changed(path: Path, target: Path, change: Callable[[dict[str, Any]], None], **metadata: str) -> Path:
    """The same file with other tensors, or other metadata."""
    tensors: dict[str, Any] = load_file(path)
    change(tensors)
    said = metadata or read_header(path)[0]["__metadata__"]
    save_file({name: np.ascontiguousarray(one) for name, one in tensors.items()}, target, said)
    return target


def test_a_split_has_its_bottlenecks_people_mean_and_shape(chain: Chain, whole: Path) -> None:
    activations = shgae.open_activations(str(whole))
    assert list(activations) == ["train", "val", "test"] and len(activations) == 3
    train, people = activations["train"], Crops(open_artifact(chain.data), "train").people
    assert train.annotation_id.tolist() == people.annotation_id.tolist()
    assert train.photo_id.tolist() == people.photo_id.tolist()
    every = train.read()
    assert train.shape == every.shape == (len(people), 16, 4, 4) and every.dtype == np.float32
    assert np.array_equal(train.read([2, -1]), every[[2, -1]])
    assert np.array_equal(train.read(slice(1, 3)), every[1:3]) and np.array_equal(train.read(1), every[1:2])
    assert np.allclose(train.mean, every.mean(0), atol=1e-5)
    with pytest.raises(KeyError):
        activations["training"]
    with pytest.raises(IndexError):
        train.read([len(train)])


def test_opened_activations_are_read_from_another_folder_too(whole: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(whole.parent)
    activations = shgae.open_activations(whole.name)
    monkeypatch.chdir("/")
    assert len(activations["train"].read()) == len(activations["train"].annotation_id) > 0


def test_own_reconstructions_given_back_are_the_row_of_the_autoencoder_to_the_bit(
    chain: Chain, whole: Path, own: Path
) -> None:
    found = splice.run(chain.baseline, chain.data, None, EXACT, HOW, chain.autoencoder, whole, {"back": own}).report
    rows = {one.name: one for one in found.replacements}
    assert rows["back"].fidelity == rows["ae"].fidelity
    assert rows["back"].sha256 == hash_file(own) and rows["ae"].sha256 is None
    for _, side in found.sides:
        assert side.effects["back"] == side.effects["ae"]
        back, mine = ([one for one in side.recovered if one.replacement == name] for name in ("back", "ae"))
        assert [replace(one, replacement="ae") for one in back] == mine
        assert side.cost and [replace(one, replacement="ae") for one in side.given] == [side.cost]


def test_they_are_the_point_of_the_autoencoder_on_the_curve_too(chain: Chain, whole: Path, own: Path) -> None:
    found = rate.run(chain.baseline, whole, chain.data, None, RANKS, HOW, chain.autoencoder, {"back": own}).report
    alone = rate.run(chain.baseline, whole, chain.data, None, RANKS, HOW, chain.autoencoder).report
    back, mine = found.given["back"], found.autoencoder
    assert mine and (back.fvu, back.skips_on, back.skips_off) == (mine.fvu, mine.skips_on, mine.skips_off)
    assert (back.equal_fvu, back.equal_pck) == (found.equal_fvu, found.equal_pck)
    assert replace(found, given={}) == alone


def test_principal_components_of_scikit_learn_are_the_built_in_ones(chain: Chain, whole: Path, tmp_path: Path) -> None:
    activations = shgae.open_activations(whole)
    train, test = (activations[split].read() for split in ("train", "test"))
    pca = PCA(6, svd_solver="full").fit(train.reshape(len(train), -1).astype(np.float64))
    rebuilt = pca.inverse_transform(pca.transform(test.reshape(len(test), -1).astype(np.float64)))
    path = tmp_path / "pca.safetensors"
    shgae.write_reconstruction(path, rebuilt.reshape(test.shape), activations["test"].annotation_id, activations)
    given = {"sklearn": path}
    found = splice.run(chain.baseline, chain.data, None, EXACT, HOW, chain.autoencoder, whole, given).report
    rows = {one.name: one.fidelity.fvu for one in found.replacements}
    assert rows["sklearn"] == pytest.approx(rows["pca-6"], abs=1e-6)
    for _, side in found.sides:
        theirs, mine = side.effects["sklearn"], side.effects["pca-6"]
        assert theirs.pck == mine.pck and theirs.loss == pytest.approx(mine.loss, abs=1e-6)
    curve = rate.run(chain.baseline, whole, chain.data, None, RANKS, HOW, None, given).report
    point = next(one for one in curve.points if one.n_components == 6)
    assert curve.given["sklearn"].fvu == pytest.approx(point.fvu, abs=1e-6)
    assert curve.given["sklearn"].skips_off.pck == point.skips_off.pck


def test_tables_and_reports_name_them(chain: Chain, whole: Path, own: Path, tmp_path: Path) -> None:
    given = {"日本|$x$": own}
    result = splice.run(chain.baseline, chain.data, tmp_path / "splice", EXACT, HOW, None, whole, given)
    rated = rate.run(chain.baseline, whole, chain.data, tmp_path / "rate", RANKS, HOW, None, given)
    assert SPLICE_REPORT.read(tmp_path / "splice" / "report.json") == result.report
    assert RATE_REPORT.read(tmp_path / "rate" / "report.json") == rated.report
    assert {"日本|$x$"} < {row[0] for row in splice_tables(result.report)[0].rows}
    assert rate_table(rated.report).rows[-2][0] == "日本|$x$"
    assert open_artifact(tmp_path / "rate").manifest.config["given_sha256"] == {"日本|$x$": hash_file(own)}


NEW = ("schema", "sha256", "given", "fvu_interval")


def without_new(value: Any) -> Any:
    """What of a report was there in schema 2."""
    if isinstance(value, dict):
        return {key: without_new(one) for key, one in value.items() if key not in NEW}
    return [without_new(one) for one in value] if isinstance(value, list) else value


def test_reports_of_before_are_read_as_reports_with_nothing_given(chain: Chain, whole: Path) -> None:
    few = {"limit": 3}
    one = splice.run(chain.baseline, chain.data, None, replace(EXACT, **few), HOW, None, whole).report
    other = rate.run(chain.baseline, whole, chain.data, None, replace(RANKS, **few), HOW).report
    for schema, report in ((SPLICE_REPORT, one), (RATE_REPORT, other)):
        old = without_new(schema.to_json(report))
        read = schema.from_json(old | {"schema": 2}, "here")
        assert without_new(schema.to_json(read)) == old
        assert not read.given


def test_part_of_a_split_needs_its_people_only(chain: Chain, whole: Path, own: Path, tmp_path: Path) -> None:
    few = replace(EXACT, limit=3)
    found = splice.run(chain.baseline, chain.data, None, few, HOW, None, whole, {"back": own}).report
    assert found.persons == 3 and found.given == ("back",)


def test_a_tuned_trunk_has_no_share_of_a_cost_but_differences(chain: Chain, tmp_path: Path) -> None:
    extract.run(chain.finetuned, chain.data, tmp_path / "own", TINY_EXTRACT, HOW)
    activations = shgae.open_activations(tmp_path / "own")
    path = tmp_path / "same.safetensors"
    shgae.write_reconstruction(path, activations["test"].read(), activations["test"].annotation_id, activations)
    found = splice.run(chain.finetuned, chain.data, None, EXACT, HOW, None, tmp_path / "own", {"same": path}).report
    assert found.skips_on.given == () and found.skips_on.changes[-1].second == "same"
    curve = rate.run(chain.finetuned, tmp_path / "own", chain.data, None, RANKS, HOW, None, {"same": path}).report
    assert curve.given["same"].equal_pck == {} and curve.given["same"].equal_fvu is None


def test_a_stack_of_several_is_told_from_the_others(sites: Sites, tmp_path: Path) -> None:
    first = shgae.open_activations(sites.activations, stack=0)
    path = tmp_path / "zero.safetensors"
    shgae.write_reconstruction(path, first["test"].read(), first["test"].annotation_id, first)
    given = {"zeroth": path}
    at = replace(EXACT, stack="0")
    found = splice.run(sites.baseline, sites.data, None, at, HOW, None, sites.activations, given).report
    assert found.replacements[-1].name == "zero" and "zeroth" in found.given
    with pytest.raises(Refused, match="stack-0, not of .*stack-2"):
        splice.run(sites.baseline, sites.data, None, EXACT, HOW, None, sites.activations, given)
    with pytest.raises(Refused, match="stack 3 in .*: it has stacks 0, 1 and 2 only"):
        shgae.open_activations(sites.activations, stack=3)


def _swap(name: str, make: Callable[[Any], Any]) -> Callable[[dict[str, Any]], None]:
    def change(tensors: dict[str, Any]) -> None:
        tensors[name] = make(tensors[name])

    return change


def _with_nan(numbers: Any) -> Any:
    numbers[3, 0, 0, 0] = np.nan
    return numbers


FAULTS: dict[str, tuple[Callable[[dict[str, Any]], None], str]] = {
    "doubles": (_swap("bottleneck", lambda x: x.astype(np.float64)), "it is F64, wanted F32 or F16"),
    "short ids": (_swap("annotation_id", lambda x: x.astype(np.int32)), "it is I32, wanted I64"),
    "another shape": (_swap("bottleneck", lambda x: x[:, :8]), "the people and the activations want"),
    "fewer tensors than people": (_swap("bottleneck", lambda x: x[1:]), "the people and the activations want"),
    "nan": (_swap("bottleneck", _with_nan), "is not finite"),
    "huge": (_swap("bottleneck", lambda tensor: tensor + 1e25), "beyond"),
    "strangers": (_swap("annotation_id", lambda x: np.r_[x[:-1], -7]), "is missing|is nobody"),
    "one twice": (_swap("annotation_id", lambda x: np.r_[x[:-1], x[0]]), "stands in it twice"),
    "flat ids": (_swap("annotation_id", lambda x: x[None]), r"wanted \(N,\)"),
    "a third tensor": (lambda tensors: tensors.update(code=np.zeros(1)), "tensor code is unknown"),
    "no ids": (lambda tensors: tensors.pop("annotation_id"), "tensor annotation_id is missing"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_file_that_does_not_fit_is_refused_in_one_line(
    fault: str, chain: Chain, whole: Path, own: Path, tmp_path: Path
) -> None:
    change, why = FAULTS[fault]
    bad = changed(own, tmp_path / "bad.safetensors", change)
    with pytest.raises(Refused, match=why) as caught:
        splice.run(chain.baseline, chain.data, tmp_path / "out", EXACT, HOW, None, whole, {"bad": bad})
    assert "\n" not in str(caught.value) and not (tmp_path / "out").exists()


def test_half_precision_is_read_too(chain: Chain, whole: Path, own: Path, tmp_path: Path) -> None:
    half = changed(own, tmp_path / "half.safetensors", _swap("bottleneck", lambda x: x.astype(np.float16)))
    found = splice.run(chain.baseline, chain.data, None, EXACT, HOW, chain.autoencoder, whole, {"half": half}).report
    rows = {one.name: one.fidelity.fvu for one in found.replacements}
    assert rows["half"] == pytest.approx(rows["ae"], rel=1e-2)


def test_activations_data_and_model_must_be_those_it_was_made_from(
    chain: Chain, whole: Path, own: Path, tmp_path: Path
) -> None:
    given = {"own": own}
    with pytest.raises(Refused, match="needs the activations"):
        splice.run(chain.baseline, chain.data, None, EXACT, HOW, None, None, given)
    extract.run(chain.baseline, chain.data, tmp_path / "half", replace(TINY_EXTRACT, dtype="fp16"), HOW)
    with pytest.raises(Refused, match="of activations .*, not of"):
        splice.run(chain.baseline, chain.data, None, EXACT, HOW, None, tmp_path / "half", given)
    with pytest.raises(Refused, match="activations in .*: of model"):
        splice.run(chain.finetuned, chain.data, None, EXACT, HOW, None, whole, given)
    nameless = changed(own, tmp_path / "nameless.safetensors", dict.copy, made_by="hand")
    with pytest.raises(Refused, match="metadata"):
        rate.run(chain.baseline, whole, chain.data, None, RANKS, HOW, None, {"own": nameless})
    with pytest.raises(Refused, match="no such file"):
        rate.run(chain.baseline, whole, chain.data, None, RANKS, HOW, None, {"own": tmp_path / "none"})
    torn = tmp_path / "torn.safetensors"
    torn.write_bytes(own.read_bytes()[:-1])
    with pytest.raises(Refused, match="no safetensors file"):
        rate.run(chain.baseline, whole, chain.data, None, RANKS, HOW, None, {"own": torn})


@pytest.mark.parametrize("name", ["ae", "id", "pca-3", "50", "mean", "", " ", "a\x1b[31m", "\u202eab", "x" * 41])
def test_a_name_is_one_that_can_be_told_from_others(name: str, chain: Chain, whole: Path, own: Path) -> None:
    with pytest.raises(Refused, match="--given"):
        rate.run(chain.baseline, whole, chain.data, None, RANKS, HOW, None, {name: own})
