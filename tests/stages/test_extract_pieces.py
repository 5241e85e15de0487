"""An extraction that ends early: what was finished is kept, in pieces smaller than a shard, and is not done again."""

from __future__ import annotations

import shutil
import signal
import threading
from collections.abc import Callable
from dataclasses import replace
from io import BufferedReader
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from shgae.arrays import Array
from shgae.artifacts.activation_writer import ActivationWriter
from shgae.artifacts.crops import Crops
from shgae.artifacts.draft import Draft, new_artifact
from shgae.artifacts.hashing import hash_open
from shgae.artifacts.pieces import Pieces
from shgae.artifacts.store import open_artifact
from shgae.artifacts.tensors import map_tensor, tensors_bytes
from shgae.errors import Interrupted, Refused
from shgae.execution import Execution, ProcessGroup, StopFlag
from shgae.inference import extraction
from shgae.inference.batches import Inference
from shgae.stages import extract
from tests.builders.chain import Chain, Sites
from tests.builders.line import StopAfter
from tests.builders.processes import together
from tests.builders.tiny import TINY_EXTRACT

FOUR = replace(TINY_EXTRACT, limit=11)
"""Batches of 4, 4 and 3 people a split."""
ALL = replace(FOUR, stack="all")


@pytest.fixture(autouse=True)
def eight_people_a_shard(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shgae.artifacts.activations.SHARD_ROWS", 8)


@pytest.fixture
def seen(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many crops each pass through the network has."""
    sizes: list[int] = []
    infer = Inference.infer

    def watched(self: Inference, network: Any, images: torch.Tensor) -> torch.Tensor:
        sizes.append(len(images))
        return infer(self, network, images)

    monkeypatch.setattr(Inference, "infer", watched)
    return sizes


def pieces_in(folder: Path) -> list[tuple[str, int]]:
    """Name and people of each piece."""
    found = sorted(folder.rglob(".piece-*"))
    return [(str(path.relative_to(folder)), map_tensor(path, "bottleneck").shape[1]) for path in found]


def stopped(chain: Chain | Sites, output: Path, after: int, config: Any = FOUR) -> Interrupted:
    with pytest.raises(Interrupted) as ended:
        extract.run(chain.baseline, chain.data, output, config, Execution(stop=StopAfter(after)))
    return ended.value


def test_a_signal_costs_nothing_that_was_finished(chain: Chain, tmp_path: Path, seen: list[int]) -> None:
    whole = extract.run(chain.baseline, chain.data, tmp_path / "whole", FOUR, Execution()).artifact
    batches = list(seen)
    for after in range(1, len(batches) + 1):
        seen.clear()
        end = stopped(chain, tmp_path / "out", after)
        assert end.exit_code == 128 + signal.SIGTERM
        assert "--resume" in str(end)
        assert seen == batches[:after]
        resumed = extract.run(chain.baseline, chain.data, tmp_path / "out", FOUR, Execution(resume=True)).artifact
        assert seen == batches, "each person passes the network once"
        assert resumed.id == whole.id
        assert not pieces_in(tmp_path / "out")
        shutil.rmtree(tmp_path / "out")


@pytest.mark.parametrize("after", [1, 4])
def test_several_stacks_are_kept_and_resumed_together(sites: Sites, tmp_path: Path, after: int) -> None:
    whole = extract.run(sites.baseline, sites.data, tmp_path / "whole", ALL, Execution()).artifact
    stopped(sites, tmp_path / "out", after, ALL)
    for _ in range(2):  # stopped again while it goes on
        with pytest.raises(Interrupted):
            extract.run(sites.baseline, sites.data, tmp_path / "out", ALL, Execution(resume=True, stop=StopAfter(1)))
    resumed = extract.run(sites.baseline, sites.data, tmp_path / "out", ALL, Execution(resume=True)).artifact
    assert resumed.id == whole.id
    assert not pieces_in(tmp_path / "out")


def test_what_is_finished_is_kept_every_so_often(
    chain: Chain, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seen: list[int]
) -> None:
    whole = extract.run(chain.baseline, chain.data, tmp_path / "whole", FOUR, Execution()).artifact
    assert extraction.KEPT_SECONDS <= 30, "and a batch on top: a minute at most"
    monkeypatch.setattr("shgae.artifacts.activations.SHARD_ROWS", 4096)
    monkeypatch.setattr(extraction, "KEPT_SECONDS", -1.0)
    seen.clear()
    check = extraction.Extraction._check

    def killed(self: Any, *what: Any) -> None:
        if len(seen) == 3:
            raise RuntimeError("as a kill does, it saves nothing")
        check(self, *what)

    with monkeypatch.context() as patch, pytest.raises(RuntimeError):
        patch.setattr(extraction.Extraction, "_check", killed)
        extract.run(chain.baseline, chain.data, tmp_path / "out", FOUR, Execution())
    left = pieces_in(tmp_path / "out.partial")
    assert left == [("train/.piece-00000-00000.safetensors", 4), ("train/.piece-00000-00004.safetensors", 4)]
    extract.run(chain.baseline, chain.data, tmp_path / "out", FOUR, Execution(resume=True))
    once = map_tensor(tmp_path / "out" / "train" / "bottleneck-00000.safetensors", "bottleneck")
    parts = [map_tensor(whole.path / "train" / f"bottleneck-0000{n}.safetensors", "bottleneck") for n in (0, 1)]
    np.testing.assert_array_equal(once, np.concatenate(parts))


def test_a_signal_before_the_first_batch_says_that_nothing_was_written(
    chain: Chain, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Draft, "files", lambda _: {})
    assert "--resume" not in str(stopped(chain, tmp_path / "out", 1))
    assert not (tmp_path / "out.partial").exists()


def test_a_piece_that_was_changed_is_not_believed(chain: Chain, tmp_path: Path) -> None:
    stopped(chain, tmp_path / "out", 1)
    (piece,) = (tmp_path / "out.partial").rglob(".piece-*")
    content = piece.read_bytes()
    piece.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    with pytest.raises(Refused, match="piece-00000-00000"):
        extract.run(chain.baseline, chain.data, tmp_path / "out", FOUR, Execution(resume=True))
    piece.unlink()
    extract.run(chain.baseline, chain.data, tmp_path / "out", FOUR, Execution(resume=True))


PIECES: dict[str, Callable[[Array], Array]] = {
    "not finite": lambda tensors: np.full_like(tensors, np.nan),
    "nobody": lambda tensors: tensors[:, :0],
    "more people than the shard": lambda tensors: np.concatenate([tensors] * 3, axis=1),
    "another stack": lambda tensors: np.concatenate([tensors] * 2),
    "other channels": lambda tensors: tensors[:, :, 1:],
    "another number format": lambda tensors: tensors.astype(np.float64),
    "one axis": lambda tensors: tensors.ravel(),
}


@pytest.mark.parametrize("change", PIECES)
def test_a_piece_that_no_extraction_writes_is_refused_though_its_hash_fits(
    change: str, chain: Chain, tmp_path: Path
) -> None:
    stopped(chain, tmp_path / "out", 1)
    (piece,) = (tmp_path / "out.partial").rglob(".piece-*")
    content = tensors_bytes({"bottleneck": PIECES[change](map_tensor(piece, "bottleneck"))})
    Pieces(tmp_path / "out.partial").expect(str(piece.relative_to(tmp_path / "out.partial")), content)
    piece.write_bytes(content)
    with pytest.raises(Refused):
        extract.run(chain.baseline, chain.data, tmp_path / "out", FOUR, Execution(resume=True))


def test_a_finished_shard_that_is_not_finite_is_refused_though_its_hash_fits(chain: Chain, tmp_path: Path) -> None:
    stopped(chain, tmp_path / "out", 3)
    shard = tmp_path / "out.partial" / "train" / "bottleneck-00000.safetensors"
    content = tensors_bytes({"bottleneck": np.full_like(map_tensor(shard, "bottleneck"), np.inf)})
    Pieces(tmp_path / "out.partial").expect("train/bottleneck-00000.safetensors", content)
    shard.write_bytes(content)
    with pytest.raises(Refused) as refused:
        extract.run(chain.baseline, chain.data, tmp_path / "out", FOUR, Execution(resume=True))
    assert refused.value.where == str(shard)


def test_pieces_that_a_kill_left_next_to_their_shard_go_away(tmp_path: Path) -> None:
    tensors = np.arange(2 * 5 * 4 * 16, dtype=np.float32).reshape(2, 5, 4, 4, 4)
    with new_artifact(tmp_path / "x", kind="activations", config={}, parents={}, execution=Execution()) as draft:
        writer = ActivationWriter(draft, "train", (0, 1), (4, 4, 4), "F32")
        writer.keep(0, 0, tensors[:, :2])
        writer.keep(0, 2, tensors[:, 2:4])
        assert writer.kept(0) == 4
        writer.complete(0, tensors)
        writer.keep(0, 2, tensors[:, 2:4])  # the first one is gone, the second is not
        writer.complete(0, None)
        writer.finish()
        draft.commit({})
    assert not pieces_in(tmp_path / "x")
    for stack in (0, 1):
        stored = map_tensor(tmp_path / "x" / "train" / f"stack-{stack}" / "bottleneck-00000.safetensors", "bottleneck")
        np.testing.assert_array_equal(stored, tensors[stack])


def test_two_processes_keep_and_resume_what_one_would(chain: Chain, tmp_path: Path) -> None:
    whole = extract.run(chain.baseline, chain.data, tmp_path / "whole", FOUR, Execution()).artifact

    def torn(world: ProcessGroup) -> None:
        stop = StopAfter(1) if world.rank == 1 else StopFlag()  # one of them hears it, all stop
        extract.run(chain.baseline, chain.data, tmp_path / "out", FOUR, Execution(world=world, stop=stop))

    assert [end.kind for end in together(2, torn)] == ["Interrupted"] * 2
    assert pieces_in(tmp_path / "out.partial") == [("train/.piece-00000-00000.safetensors", 8)]

    def resumed(world: ProcessGroup) -> str:
        how = Execution(world=world, resume=True)
        return extract.run(chain.baseline, chain.data, tmp_path / "out", FOUR, how).artifact.id

    assert together(2, resumed) == [whole.id] * 2
    stopped(chain, tmp_path / "other", 1)

    def by_two(world: ProcessGroup) -> str:
        how = Execution(world=world, resume=True)
        return extract.run(chain.baseline, chain.data, tmp_path / "other", FOUR, how).artifact.id

    assert together(2, by_two) == [whole.id] * 2


def test_a_shard_is_written_while_the_network_is_at_the_next(
    chain: Chain, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seen: list[int]
) -> None:
    at_the_next, check, complete = threading.Event(), extraction.Extraction._check, ActivationWriter.complete

    def checking(self: Any, *what: Any) -> None:
        if len(seen) == 3:  # a batch of the second shard
            at_the_next.set()
        check(self, *what)

    def completing(self: Any, *what: Any) -> None:
        assert at_the_next.wait(20), "the first shard must not hold up the second"
        complete(self, *what)

    monkeypatch.setattr(extraction.Extraction, "_check", checking)
    monkeypatch.setattr(ActivationWriter, "complete", completing)
    extract.run(chain.baseline, chain.data, tmp_path / "x", FOUR, Execution())


@pytest.mark.parametrize("size", [1, 2])
def test_nothing_is_kept_of_crops_that_were_changed(chain: Chain, tmp_path: Path, size: int) -> None:
    data = tmp_path / "data"
    shutil.copytree(chain.data, data)
    last = sorted((data / "val").glob("crops-*"))[-1]
    content = last.read_bytes()
    last.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))

    def run(world: ProcessGroup) -> None:
        extract.run(chain.baseline, data, tmp_path / "out", FOUR, Execution(world=world))

    ends = together(size, run)
    assert {end.exit_code for end in ends} <= {2, 5}
    assert any("val/crops-00000.safetensors" in end.said for end in ends)
    assert not list((tmp_path / "out.partial").rglob("val/*"))


@pytest.mark.parametrize("step", ["extract", "any other"])
def test_each_process_hashes_its_share(
    chain: Chain, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    data = {f"{split}/{kind}" for split in ("train", "val") for kind in ("crops-00000", "people")}

    def hashed(world: ProcessGroup) -> list[str]:
        found: list[str] = []

        def watched(file: BufferedReader) -> str:
            path = Path(file.name)
            found.append(f"{path.parent.name}/{path.stem}")
            return hash_open(file)

        monkeypatch.setattr("shgae.artifacts.hashing.hash_open", watched)
        monkeypatch.setattr("shgae.artifacts.hashing._known", {})
        monkeypatch.setattr("shgae.artifacts.hashing._RESTED", -(10**18))  # as if nobody had just written them
        how = Execution(world=world)
        if step == "extract":
            extract.run(chain.baseline, chain.data, tmp_path / "out", FOUR, how)
        else:
            opened = open_artifact(chain.data, execution=how)
            for split in ("train", "val"):
                Crops(opened, split)
        return [name for name in found if name in data]

    one, other = together(2, hashed)
    assert set(one) | set(other) == data
    assert not set(one) & set(other), "none is read by both"
    assert one and other
