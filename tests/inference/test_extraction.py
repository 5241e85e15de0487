"""An extraction on a network of which every answer is known: shards, pieces, and numbers that cannot be kept."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shgae.arrays import Floats
from shgae.artifacts.activation_writer import ActivationWriter
from shgae.artifacts.draft import Draft, new_artifact
from shgae.artifacts.store import Artifact
from shgae.artifacts.tensors import map_tensor
from shgae.errors import Diverged, Interrupted, Refused
from shgae.execution import Execution, ProcessGroup, Progress
from shgae.inference import extraction
from shgae.inference.batches import Inference
from shgae.inference.extraction import Extraction, bottlenecks_of
from shgae.models.specs import HourglassSpec
from shgae.models.zoo import LoadedHourglass, build_hourglass
from shgae.skeleton import COCO_PERSON
from tests.builders.line import StopAfter
from tests.builders.manifests import MANIFEST
from tests.builders.processes import together

WIDTH, STACKS = 4, (0, 2)
SPEC = HourglassSpec(keypoints=17, crop_size=128, width=WIDTH, stacks=3)


class People:
    """Stands for crops: the pixels of person n are n, and two people share a file."""

    crop_size = 8

    def __init__(self, count: int) -> None:
        self._count = count
        self.people = SimpleNamespace(
            valid=np.tile((0, 0, 8, 8), (count, 1)),
            xy_crop=np.zeros((count, 17, 2), np.float32),
            visibility=np.zeros((count, 17), np.uint8),
            annotation_id=1000 + np.arange(count),
        )
        self.checked: list[list[str]] = []
        self.refuses = False

    def __len__(self) -> int:
        return self._count

    def read(self, rows: np.ndarray) -> np.ndarray:
        return np.tile(rows.astype(np.uint8)[:, None, None, None], (1, 8, 8, 3))

    def files_of(self, rows: np.ndarray) -> list[str]:
        return sorted({f"file {row // 2}" for row in rows.tolist()})

    def check_same(self, names: list[str]) -> None:
        self.checked.append(names)
        if self.refuses:
            raise Refused("crops", "file", "changed", "")


class Checking:
    """Stands for the checksums that are taken meanwhile."""

    def __init__(self) -> None:
        self.looks, self.waited = 0, list[list[str]]()

    def look(self) -> None:
        self.looks += 1

    def wait(self, names: Sequence[str]) -> None:
        self.waited.append(list(names))


def said(person: int, stack: int) -> np.ndarray:
    """The bottleneck of a person, which half precision holds exactly; every third number is negative."""
    numbers = np.arange(WIDTH * 16).reshape(WIDTH, 4, 4)
    return np.where((numbers + person + stack) % 3, 1, -1) * (person + 64 * stack + numbers / 64)


class Network:
    """Says :func:`said` times ``scale`` to the images of people; ``spoiled`` are numbers in its place, by person."""

    def __init__(self, spoiled: dict[int, float] | None = None, scale: Floats | float = 1.0) -> None:
        self.seen: list[list[int]] = []
        self._spoiled, self._scale = spoiled or {}, scale

    def bottlenecks(self, images: torch.Tensor, stacks: Sequence[int]) -> list[torch.Tensor]:
        people = (images[:, 0, 0, 0] * 255).round().int().tolist()
        self.seen.append(people)
        found = [
            torch.tensor(np.stack([said(person, stack) * self._scale for person in people]), dtype=torch.float32)
            for stack in stacks
        ]
        for place, person in enumerate(people):
            if person in self._spoiled:
                found[-1][place, 1, 2, 3] = self._spoiled[person]
        return found


def loaded(module: Any) -> LoadedHourglass:
    artifact = Artifact(Path("some/model"), dataclasses.replace(MANIFEST, kind="hourglass"))
    return LoadedHourglass(module, SPEC, artifact, COCO_PERSON, (0.0, 0.0, 0.0), 128)


def extracted(
    output: Path,
    people: People,
    network: Network,
    batch_size: int = 4,
    dtype: str = "fp32",
    checking: Checking | None = None,
    then: Callable[[Draft], object] = lambda _: None,
    **how: Any,
) -> tuple[float, ...]:
    """A split; ``then`` looks at the draft, which goes away or is kept to go on from."""
    execution = Execution(workers=0, **how)
    made = new_artifact(output, kind="activations", config={}, parents={}, execution=execution, resumable=True)
    with made as draft:
        inference = Inference(torch.device("cpu"), "fp32", batch_size, (0.0, 0.0, 0.0))
        checks: Any = checking or Checking()
        work = Extraction(loaded(network), STACKS, inference, dtype, draft, checks, execution)
        try:
            return work.split("train", people)  # type: ignore[arg-type]
        finally:
            then(draft)


def shards_in(draft: Draft) -> list[np.ndarray]:
    """The tensors of each stack, its shards one after the other."""
    folders = [draft.path / "train" / f"stack-{stack}" for stack in STACKS]
    files = [sorted(folder.glob("bottleneck-*")) for folder in folders]
    return [np.concatenate([map_tensor(file, "bottleneck") for file in each]) for each in files]


@pytest.fixture(autouse=True)
def small_shards(monkeypatch: pytest.MonkeyPatch) -> None:
    """Six people a shard, of two stacks."""
    monkeypatch.setattr("shgae.artifacts.activations.SHARD_ROWS", 12)


def test_the_bottlenecks_of_a_network_stand_next_to_each_other_for_each_person() -> None:
    module = build_hourglass(SPEC, seed=1).eval()
    images = torch.rand(2, 3, 128, 128) - 0.5
    found = bottlenecks_of(loaded(module), STACKS)(images)
    assert found.shape == (2, 2, WIDTH, 4, 4)
    for place, tensor in enumerate(module.bottlenecks(images, STACKS)):
        assert torch.equal(found[:, place], tensor)


@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(1, 30), st.integers(1, 9), st.sampled_from(["fp32", "fp16"]))
def test_every_person_passes_once_and_lies_in_its_row_of_its_stack(
    tmp_path_factory: pytest.TempPathFactory, count: int, batch_size: int, dtype: str
) -> None:
    network, found = Network(), []
    shares = extracted(
        tmp_path_factory.mktemp("a") / "out", People(count), network, batch_size, dtype,
        then=lambda draft: found.extend(shards_in(draft)),
    )  # fmt: skip
    assert [person for batch in network.seen for person in batch] == list(range(count))
    for stack, tensors, share in zip(STACKS, found, shares, strict=True):
        wanted = np.stack([said(person, stack) for person in range(count)])
        assert tensors.dtype == (np.float16 if dtype == "fp16" else np.float32)
        np.testing.assert_array_equal(tensors, wanted.astype(tensors.dtype))
        assert share == pytest.approx((wanted < 0).mean())


def test_shards_that_an_earlier_run_kept_are_counted_and_not_computed_again(tmp_path: Path) -> None:
    class Beginning(Progress):
        told: tuple[int, int] | None = None
        ended = counted = 0

        def advance(self, amount: int = 1, facts: str = "") -> None:
            self.counted += amount

        def finish(self) -> None:
            self.ended += 1

        def start(self, what: str, total: int, unit: str, done: int = 0) -> None:
            self.told = (total, done)

    whole = extracted(tmp_path / "whole", People(15), Network())
    for after, kept in ((1, 4), (2, 6), (3, 10), (4, 12), (5, 15)):
        with pytest.raises(Interrupted) as ended:
            extracted(tmp_path / f"{after}", People(15), Network(), stop=StopAfter(after))
        assert ended.value.exit_code > 128 and "--resume" in ended.value.fix
        network, progress = Network(), Beginning()
        shares = extracted(tmp_path / f"{after}", People(15), network, resume=True, progress=progress)
        assert [person for batch in network.seen for person in batch] == list(range(kept, 15))
        assert shares == whole
        assert (progress.told, progress.ended) == ((15, kept), 1)
        assert kept + progress.counted == 15


def test_where_nothing_was_kept_there_is_nothing_to_resume(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Draft, "files", lambda _: {})
    with pytest.raises(Interrupted) as ended:
        extracted(tmp_path / "out", People(15), Network(), stop=StopAfter(1))
    assert "--resume" not in ended.value.fix


@pytest.mark.parametrize(("seconds", "pieces"), [(1e9, []), (-1.0, [(0, 0, 2), (0, 2, 2), (1, 0, 2)])])
def test_only_of_a_shard_that_is_not_whole_pieces_are_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seconds: float, pieces: list[tuple[int, int, int]]
) -> None:
    """By number of the shard, first row and people."""
    kept: list[tuple[int, int, int]] = []
    monkeypatch.setattr(extraction, "KEPT_SECONDS", seconds)
    monkeypatch.setattr(
        ActivationWriter, "keep", lambda _, shard, at, tensors: kept.append((shard, at, tensors.shape[1]))
    )
    extracted(tmp_path / "out", People(10), Network(), batch_size=2)
    assert kept == pieces


@pytest.mark.parametrize(
    ("seconds", "waited"),
    [
        (1e9, [[0, 1, 2], [3, 4]]),  # by the ends of shards
        (-1.0, [[0, 1], [2], [3, 4]]),  # by batches
    ],
)
def test_nothing_is_kept_before_the_files_that_it_was_read_from_are_checked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seconds: float, waited: list[list[int]]
) -> None:
    monkeypatch.setattr(extraction, "KEPT_SECONDS", seconds)
    people, checking = People(10), Checking()
    extracted(tmp_path / "out", people, Network(), checking=checking)
    assert checking.waited == people.checked == [[f"file {number}" for number in one] for one in waited]
    assert checking.looks == 3, "once a batch"
    refusing, left = People(10), list[bool]()
    refusing.refuses = True
    with pytest.raises(Refused):
        extracted(tmp_path / "other", refusing, Network(), then=lambda draft: left.append(bool(draft.files())))
    assert left == [False]


def test_several_processes_fill_the_shards_of_one(tmp_path: Path) -> None:
    """The last shard has a batch for the first of them alone."""
    whole: list[np.ndarray] = []
    shares = extracted(tmp_path / "one", People(8), Network(), 2, then=lambda draft: whole.extend(shards_in(draft)))

    def work(world: ProcessGroup) -> Any:
        network, found = Network(), list[np.ndarray]()

        def then(draft: Draft) -> None:
            found.extend(shards_in(draft))

        got = extracted(tmp_path / "two", People(8), network, 2, world=world, then=then)
        equal = [bool((one == other).all()) for one, other in zip(found, whole, strict=True)]
        return got, network.seen, equal if world.is_main else [True, True]

    first, second = together(2, work)
    assert first == (shares, [[0, 1], [4, 5], [6, 7]], [True, True])
    assert second == (shares, [[2, 3]], [True, True])


@pytest.mark.parametrize(
    ("dtype", "number"), [("fp32", 1e14), ("fp32", -1e14), ("fp32", 70_000.0), ("fp16", 65_504.0), ("fp16", -65_504.0)]
)
def test_the_largest_number_of_a_format_is_kept(tmp_path: Path, dtype: str, number: float) -> None:
    found: list[np.ndarray] = []
    network = Network({1: number})
    extracted(tmp_path / "out", People(3), network, dtype=dtype, then=lambda draft: found.extend(shards_in(draft)))
    assert found[1][1, 1, 2, 3] == np.float32(number)


@pytest.mark.parametrize(
    ("dtype", "number", "value"),
    [
        ("fp32", float("nan"), "not finite"),
        ("fp16", float("-inf"), "not finite"),
        ("fp32", 1.1e14, "1.1e+14"),
        ("fp16", -2e14, "2e+14"),
        ("fp16", 65_600.0, "65,600"),
        ("fp16", -70_000.0, "70,000"),
    ],
)
def test_a_number_that_cannot_be_kept_ends_it_and_names_its_person(
    tmp_path: Path, dtype: str, number: float, value: str
) -> None:
    with pytest.raises(Diverged) as diverged:
        extracted(tmp_path / "out", People(6), Network({2: number}), dtype=dtype)
    assert diverged.value.where == "some/model" and diverged.value.exit_code == 4
    assert value in diverged.value.why and "1002" in diverged.value.why
    assert "1001" not in diverged.value.why and "1003" not in diverged.value.why
    assert ("fp32" in diverged.value.fix) == (dtype == "fp16" and 65_504 < abs(number) < 1e14)
    if np.isfinite(number):
        assert f"{100 / (4 * 2 * WIDTH * 16):.3g} %" in diverged.value.why, "one of all numbers of the batch"


def some_small(share: float, scale: float) -> Floats:
    """Factors of a bottleneck's numbers: this share of them is small."""
    factors = np.ones(WIDTH * 16)
    factors[: round(share * len(factors))] = scale
    return factors.reshape(WIDTH, 4, 4)


@pytest.mark.parametrize("scale", [1e-6, 1e-9, some_small(0.15, 1e-9)], ids=["1e-6", "1e-9", "some"])
def test_numbers_that_fp16_would_round_to_nothing_end_it_with_the_way_out(tmp_path: Path, scale: Any) -> None:
    with pytest.raises(Diverged, match=r"% of the numbers of a batch are below 6.1e-05, .*") as diverged:
        extracted(tmp_path / "half", People(6), Network(scale=scale), dtype="fp16")
    assert "--dtype fp32" in diverged.value.fix and diverged.value.exit_code == 4
    extracted(tmp_path / "whole", People(6), Network(scale=scale))


def test_a_few_small_numbers_and_any_zeros_are_kept_in_fp16(tmp_path: Path) -> None:
    for name, scale in (("few", some_small(0.05, 1e-9)), ("zeros", some_small(0.9, 0.0)), ("none", 0.0)):
        extracted(tmp_path / name, People(6), Network(scale=scale), dtype="fp16")


@pytest.mark.parametrize(("spoiled", "named", "others"), [(3, [1, 3, 4], ""), (5, [1, 3, 4], "2 more")])
def test_of_many_people_three_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, spoiled: int, named: list[int], others: str
) -> None:
    monkeypatch.setattr("shgae.artifacts.activations.SHARD_ROWS", 64)
    people = [1, 3, 4, 6, 7][:spoiled]
    with pytest.raises(Diverged) as diverged:
        extracted(tmp_path / "out", People(8), Network(dict.fromkeys(people, float("inf"))), batch_size=8)
    assert [n for n in range(8) if str(1000 + n) in diverged.value.why] == named
    assert others in diverged.value.why and ("more" in diverged.value.why) is bool(others)
